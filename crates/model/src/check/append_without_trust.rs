//! `forwarded: append` needs somebody to trust.

use crate::clause::Clause;
use crate::code::Code;
use crate::config::ForwardedMode;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::site::Site;

pub(super) fn check(site: &Site, diagnostics: &mut Diagnostics) {
    for route in &site.routes {
        let Some(forward) = route.forward() else {
            continue;
        };
        let mode = &forward.forwarded.mode;
        let trusting = |id: &_| !site.listener(*id).trusted_proxies.is_empty();
        if let (ForwardedMode::Append, Some(span)) = (mode.value, mode.span)
            && !route.listeners.iter().any(trusting)
        {
            diagnostics.push(
                Diagnostic::new(
                    Code::APPEND_WITHOUT_TRUST,
                    "`append` has no `trusted_proxies` to believe, so it replaces",
                )
                .labelled(span, "expected a listener with `trusted_proxies`")
                .help("list the hop before in the listener's `trusted_proxies`, or write `replace`")
                .clause(Clause::FORWARDED_APPEND),
            );
        }
    }
}
