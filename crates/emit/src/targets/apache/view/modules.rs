//! Which modules a configuration needs.

use std::collections::BTreeSet;

use serde::Serialize;

/// Every module that is ever needed, in the order of loading: `mod_headers` ahead of `mod_remoteip`, because it
/// copies what that reads.
const ORDER: [&str; 29] = [
    "mpm_event",
    "mpm_worker",
    "mpm_prefork",
    "unixd",
    "log_config",
    "authz_core",
    "authn_core",
    "authn_file",
    "authz_user",
    "auth_basic",
    "alias",
    "headers",
    "remoteip",
    "reqtimeout",
    "filter",
    "deflate",
    "rewrite",
    "socache_shmcb",
    "ssl",
    "http2",
    "watchdog",
    "slotmem_shm",
    "proxy",
    "proxy_http",
    "proxy_wstunnel",
    "proxy_balancer",
    "proxy_hcheck",
    "lbmethod_byrequests",
    "lbmethod_bybusyness",
];

/// Modules that some distributions build into the server; loading them again would be refused.
const SOMETIMES_BUILT_IN: [&str; 3] = ["unixd", "log_config", "watchdog"];

/// What every configuration of ours uses.
const ALWAYS: [&str; 11] = [
    "unixd",
    "log_config",
    "authz_core",
    "headers",
    "reqtimeout",
    "rewrite",
    "slotmem_shm",
    "proxy",
    "proxy_http",
    "proxy_balancer",
    "lbmethod_byrequests",
];

/// A module of the server.
#[derive(Serialize)]
pub(super) struct Module {
    name: &'static str,
    sometimes_built_in: bool,
}

impl Module {
    /// Its name, unless some servers have it built in.
    pub(super) fn loadable(&self) -> Option<&'static str> {
        (!self.sometimes_built_in).then_some(self.name)
    }
}

/// The modules that are needed.
pub(super) struct Modules(BTreeSet<&'static str>);

impl Default for Modules {
    fn default() -> Self {
        Self(ALWAYS.into())
    }
}

impl Modules {
    pub(super) fn need(&mut self, names: &[&'static str]) {
        self.0.extend(names);
    }

    pub(super) fn needs(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    pub(super) fn list(&self) -> Vec<Module> {
        let needed = ORDER.into_iter().filter(|name| self.0.contains(name));
        needed
            .map(|name| Module { name, sometimes_built_in: SOMETIMES_BUILT_IN.contains(&name) })
            .collect()
    }
}
