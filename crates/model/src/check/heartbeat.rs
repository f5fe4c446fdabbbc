//! The application's ping must come well before the first idle timer on the way (user-demand row 31): one
//! lost ping, or a ping on the very tick, ends the tunnel.

use std::cmp::Ordering;

use crate::clause::Clause;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::scalar::Duration;
use crate::site::Site;
use crate::source::Span;

pub(super) fn check(site: &Site, diagnostics: &mut Diagnostics) {
    let Some(heartbeat) = site.heartbeat else {
        return;
    };
    let routes = site.routes.iter().filter(|route| route.carries_tunnels()).filter_map(|route| {
        let idle = route.forward()?.timeouts.tunnel_idle;
        Some((idle.bound()?, idle.span, "this timer".to_owned()))
    });
    let hops = site.chain.iter().filter_map(|hop| {
        Some((hop.tunnel_idle?, Some(hop.name.span), format!("hop `{}`", hop.name.value)))
    });
    let smallest: Option<(Duration, Option<Span>, String)> =
        routes.chain(hops).min_by_key(|(t, ..)| *t);
    let Some((timer, place, who)) = smallest else {
        return;
    };
    if heartbeat.as_millis() * 2 <= timer.as_millis() {
        return;
    }
    let race = match heartbeat.value.cmp(&timer) {
        Ordering::Equal => {
            format!("the heartbeat comes exactly when {who} ends idle tunnels: they drop at random")
        }
        Ordering::Greater => {
            format!("the heartbeat comes after {who} has ended idle tunnels at {timer}")
        }
        Ordering::Less => {
            format!("one lost heartbeat ends the tunnel: {who} ends it after {timer} of silence")
        }
    };
    let half = Duration::<1>::from_millis(timer.as_millis() / 2);
    let mut finding = Diagnostic::new(Code::HEARTBEAT, race)
        .labelled(heartbeat.span, format!("expected at most {half}, half of the shortest timer"))
        .help("ping more often, or lengthen the timer")
        .clause(Clause::TIMER_TUNNEL_IDLE);
    if let Some(place) = place {
        finding = finding.also(place, "the shortest timer");
    }
    diagnostics.push(finding);
}
