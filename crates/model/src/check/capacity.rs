//! Limits that do not fit together (user-demand row 17).

use crate::clause::Clause;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::site::{Site, UpstreamId};

/// Ports that Linux gives to outgoing connections to one address (`net.ipv4.ip_local_port_range`,
/// 32768 to 60999): the most tunnels that one proxy can hold to one server.
const PORTS: u64 = 28_232;

pub(super) fn check(site: &Site, diagnostics: &mut Diagnostics) {
    for route in &site.routes {
        let Some(per_ip) = route.forward().and_then(|forward| forward.per_ip.connections) else {
            continue;
        };
        for id in &route.listeners {
            let listener = site.listener(*id);
            let Some(max) = listener.limits.max_connections else {
                continue;
            };
            if per_ip.get() > max.get() {
                diagnostics.push(
                    Diagnostic::new(
                        Code::CAPACITY,
                        format!(
                            "one address may hold {} connections, but the listener takes {}",
                            per_ip.value, max.value
                        ),
                    )
                    .labelled(per_ip.span, "expected fewer than the listener takes")
                    .also(max.span, format!("the limit of listener `{}`", listener.name.value))
                    .help("lower `per_ip.connections`, or raise `max_connections`")
                    .clause(Clause::LIMIT_CONNECTIONS),
                );
                break;
            }
        }
    }
    for (number, upstream) in site.upstreams.iter().enumerate() {
        let servers = upstream.servers.iter().filter(|server| !*server.backup).count() as u64;
        let carries = |route: &&crate::site::Route| {
            route.carries_tunnels()
                && route.forward().is_some_and(|f| f.upstream == UpstreamId(number))
        };
        let listeners = site.routes.iter().filter(carries).flat_map(|route| &route.listeners);
        let largest = listeners
            .filter_map(|id| site.listener(*id).limits.max_connections)
            .max_by_key(|limit| limit.get());
        if let Some(limit) = largest.filter(|limit| servers > 0 && limit.get() > servers * PORTS) {
            diagnostics.push(
                Diagnostic::new(
                    Code::CAPACITY,
                    format!(
                        "{} connections do not fit: {servers} server(s) of `{}` can hold about {} tunnels",
                        limit.value,
                        upstream.name.value,
                        servers * PORTS
                    ),
                )
                .labelled(limit.span, "expected at most 28232 for each server")
                .also(upstream.name.span, "each address here takes one port for each tunnel")
                .help("add servers or addresses, or lower `max_connections`")
                .clause(Clause::LIMIT_CONNECTIONS),
            );
        }
    }
}
