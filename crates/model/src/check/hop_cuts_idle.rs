//! "My socket dies after exactly 60 s" (user-demand row 1): another hop's idle timer is shorter, and no
//! heartbeat is known that would keep it from firing. With a heartbeat, the heartbeat check judges.

use crate::clause::Clause;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::scalar::{Duration, TunnelIdle};
use crate::site::Site;

pub(super) fn check(site: &Site, diagnostics: &mut Diagnostics) {
    if site.heartbeat.is_some() {
        return;
    }
    let longest = site
        .routes
        .iter()
        .filter(|route| route.carries_tunnels())
        .filter_map(|route| Some(route.forward()?.timeouts.tunnel_idle))
        .max_by_key(|idle| idle.bound().map_or(u64::MAX, Duration::as_millis));
    let Some(longest) = longest else { return };
    for hop in &site.chain {
        let Some(idle) = hop.tunnel_idle else {
            continue;
        };
        let first = match longest.value {
            TunnelIdle::Unlimited => true,
            TunnelIdle::After(bound) => idle < bound,
        };
        if !first {
            continue;
        }
        let mut finding = Diagnostic::new(
            Code::HOP_CUTS_IDLE,
            format!("hop `{}` ends idle tunnels after {idle}, before `tunnel_idle`", hop.name.value),
        )
        .labelled(hop.name.span, format!("ends them after {idle}"))
        .help("write the application's ping interval as `app: {heartbeat: …}`, or lower `tunnel_idle`")
        .clause(Clause::TIMER_TUNNEL_IDLE);
        if let Some(span) = longest.span {
            finding = finding.also(span, "never comes into play");
        }
        diagnostics.push(finding);
    }
}
