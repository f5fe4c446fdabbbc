//! A name belongs to the first server of an address that has it; nginx says `conflicting server name` and goes on
//! (`ngx_hash_add_key` of its source).

use std::collections::BTreeSet;

use super::names::forms;
use super::server::{Server, scheme};

/// The names that the servers of all addresses have so far.
#[derive(Debug, Default)]
struct Claims {
    /// Names of hosts, each with its address: those of `.example.test` too.
    hosts: BTreeSet<(String, String)>,
    /// Domains below which every host is claimed.
    domains: BTreeSet<(String, String)>,
}

impl Claims {
    /// Claims a name at an address. Returns whether it was free: a name that begins with a dot is ignored as a whole where a
    /// part of it is not.
    fn claim(&mut self, address: &str, name: &str) -> bool {
        let key = |name: &str| (address.to_owned(), name.to_owned());
        match (name.strip_prefix("*."), name.strip_prefix('.')) {
            (Some(domain), _) => self.domains.insert(key(domain)),
            (None, Some(domain)) => {
                self.hosts.insert(key(domain)) && self.domains.insert(key(domain))
            }
            (None, None) => self.hosts.insert(key(name)),
        }
    }
}

/// The servers, each with the names that are its own. One whose name is its own at some of its addresses only
/// becomes several.
pub(super) fn settled(servers: Vec<Server>) -> Vec<Server> {
    let mut claims = Claims::default();
    let mut all = Vec::with_capacity(servers.len());
    for mut server in servers {
        // Names by where they are free.
        let mut groups: Vec<(Vec<bool>, Vec<String>)> = Vec::new();
        for name in std::mem::take(&mut server.names) {
            let free: Vec<bool> =
                server.listens.iter().map(|l| claims.claim(&l.address, &name)).collect();
            if !free.contains(&true) {
                server.shadowed = true;
                continue;
            }
            match groups.iter_mut().find(|(known, _)| *known == free) {
                Some((_, names)) => names.extend(forms(&name)),
                None => groups.push((free, forms(&name))),
            }
        }
        let is_whole = |(free, _): &(Vec<bool>, Vec<String>)| !free.contains(&false);
        if groups.iter().all(is_whole) {
            server.names = groups.into_iter().flat_map(|(_, names)| names).collect();
            all.push(server);
            continue;
        }
        let mut rest = server.clone();
        let covered = |at: usize| groups.iter().any(|(free, _)| free[at]);
        rest.listens = (0..server.listens.len())
            .filter(|at| !covered(*at) && server.listens[*at].is_default)
            .map(|at| server.listens[at].clone())
            .collect();
        for (free, names) in groups {
            let listens = server.listens.iter().zip(free).filter(|(_, free)| *free);
            let listens: Vec<_> = listens.map(|(listen, _)| listen.clone()).collect();
            all.push(Server { names, scheme: scheme(&listens), listens, ..server.clone() });
        }
        // What comes by no name.
        if !rest.listens.is_empty() {
            rest.scheme = scheme(&rest.listens);
            all.push(rest);
        }
    }
    all
}
