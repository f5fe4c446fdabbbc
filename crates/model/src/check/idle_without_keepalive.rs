//! A long idle time hides peers that have gone without a word (user-demand row 18).

use std::collections::HashSet;

use crate::clause::Clause;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::scalar::TunnelIdle;
use crate::site::Site;

/// From this on a client that lost its network holds a tunnel for too long.
const LONG_MILLIS: u64 = 3_600_000;

pub(super) fn check(site: &Site, diagnostics: &mut Diagnostics) {
    let mut reported = HashSet::new();
    for route in site.routes.iter().filter(|route| route.carries_tunnels()) {
        let Some(forward) = route.forward() else {
            continue;
        };
        let idle = forward.timeouts.tunnel_idle;
        let what = match idle.value {
            TunnelIdle::Unlimited => "without a bound".to_owned(),
            TunnelIdle::After(bound) if bound.as_millis() >= LONG_MILLIS => format!("for {bound}"),
            TunnelIdle::After(_) => continue,
        };
        let upstream = site.upstream(forward.upstream);
        if let Some(span) = idle.span.filter(|_| upstream.tcp_keepalive.is_none())
            && reported.insert(span)
        {
            diagnostics.push(
                Diagnostic::new(
                    Code::IDLE_WITHOUT_KEEPALIVE,
                    format!("a peer that is gone holds its tunnel {what}"),
                )
                .labelled(span, "expected less than 1h, or `tcp_keepalive`")
                .also(upstream.name.span, "no `tcp_keepalive` here")
                .help("set `tcp_keepalive: 60s` on the upstream or in `defaults`")
                .clause(Clause::TIMER_KEEPALIVE),
            );
        }
    }
}
