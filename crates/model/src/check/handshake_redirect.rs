//! Browsers do not follow a redirect in a handshake (WHATWG WebSockets), so a socket behind one never opens.
//! A redirect of the scheme alone is fine: pages behind it use `wss` already.

use std::collections::HashSet;

use crate::clause::Clause;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::site::{Action, Entry, PathRule, Site};

/// Path segments that applications use for their sockets (user-demand section 4).
const SOCKET_SEGMENTS: &[&str] = &[
    "ws",
    "wss",
    "websocket",
    "websockets",
    "socket",
    "socket.io",
    "sockjs",
    "cable",
    "live",
    "channels",
    "websockify",
    "_blazor",
];

pub(super) fn check(site: &Site, diagnostics: &mut Diagnostics) {
    let tunnels: HashSet<&str> = site
        .routes
        .iter()
        .filter(|route| route.carries_tunnels())
        .flat_map(|route| &route.entries)
        .filter_map(|entry| path(entry))
        .filter(|path| !path.is_empty())
        .collect();
    for route in &site.routes {
        let Action::Redirect(redirect) = &route.action else {
            continue;
        };
        if redirect.is_scheme_only() {
            continue;
        }
        let met = route.entries.iter().find(|entry| {
            let by_path = path(entry).is_some_and(|path| {
                tunnels.contains(path) || path.split('/').any(|s| SOCKET_SEGMENTS.contains(&s))
            });
            let get = entry.methods.is_empty() || entry.methods.iter().any(|m| m.as_str() == "GET");
            entry.upgrade || by_path && get
        });
        if let Some(entry) = met {
            diagnostics.push(
                Diagnostic::new(Code::HANDSHAKE_REDIRECT, "a handshake meets this redirect")
                    .labelled(redirect.span, "browsers do not follow it: the socket never opens")
                    .also(entry.span, "matches paths of sockets")
                    .help("forward the old path with `rewrite`, or give sockets a route with `upgrade: websocket`")
                    .clause(Clause::REDIRECT_EXPLICIT),
            );
        }
    }
}

/// The path without a final slash; a regex has none.
fn path(entry: &Entry) -> Option<&str> {
    match &entry.path {
        PathRule::Exact(path) | PathRule::Prefix(path) | PathRule::StartsWith(path) => {
            Some(path.prefix())
        }
        PathRule::Regex(_) => None,
    }
}
