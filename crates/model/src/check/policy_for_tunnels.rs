//! Tunnels live long: taking turns leaves new servers empty and old ones full (user-demand row 15).

use crate::code::Code;
use crate::config::Policy;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::site::{Site, UpstreamId};

pub(super) fn check(site: &Site, diagnostics: &mut Diagnostics) {
    for (number, upstream) in site.upstreams.iter().enumerate() {
        let balancing = &upstream.load_balancing;
        let by_turns = matches!(balancing.policy, Policy::RoundRobin | Policy::Random);
        let Some(span) = balancing.span.filter(|_| by_turns && upstream.servers.len() > 1) else {
            continue;
        };
        let tunnels = site.routes.iter().any(|route| {
            route.carries_tunnels()
                && route.forward().is_some_and(|f| f.upstream == UpstreamId(number))
        });
        if tunnels {
            diagnostics.push(
                Diagnostic::new(
                    Code::POLICY_FOR_TUNNELS,
                    format!("`{}` does not see how many tunnels a server holds", balancing.policy.as_str()),
                )
                .labelled(span, "expected `least_conn` for long-lived connections")
                .help("write `policy: least_conn`, and `tunnel_max` to move old tunnels to new servers"),
            );
        }
    }
}
