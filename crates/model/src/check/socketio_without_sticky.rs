//! Socket.IO's polling requests carry a session that one server knows; spread over several they get "Session
//! ID unknown" (user-demand row 6).

use std::collections::HashSet;

use crate::clause::Clause;
use crate::code::Code;
use crate::config::Policy;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::site::{PathRule, Site};

pub(super) fn check(site: &Site, diagnostics: &mut Diagnostics) {
    let mut reported = HashSet::new();
    for route in &site.routes {
        let Some(forward) = route.forward() else {
            continue;
        };
        let upstream = site.upstream(forward.upstream);
        let by_client = matches!(upstream.load_balancing.policy, Policy::IpHash | Policy::Hash);
        let servers = upstream.servers.iter().filter(|server| !*server.backup).count();
        if upstream.sticky.is_some() || by_client || servers < 2 {
            continue;
        }
        let entry = route.entries.iter().find(|entry| match &entry.path {
            PathRule::Exact(path) | PathRule::Prefix(path) | PathRule::StartsWith(path) => {
                path.as_str().contains("/socket.io")
            }
            PathRule::Regex(pattern) => pattern.as_str().replace('\\', "").contains("/socket.io"),
        });
        if let Some(entry) = entry.filter(|_| reported.insert(forward.upstream)) {
            diagnostics.push(
                Diagnostic::new(
                    Code::SOCKETIO_WITHOUT_STICKY,
                    format!(
                        "Socket.IO over {servers} servers of `{}` without `sticky`",
                        upstream.name.value
                    ),
                )
                .labelled(upstream.name.span, "expected `sticky` on this upstream")
                .also(entry.span, "a path of Socket.IO")
                .help("add `sticky: {cookie: {name: io_route}}` to the upstream")
                .clause(Clause::STICKY_VISIBLE),
            );
        }
    }
}
