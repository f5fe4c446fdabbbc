//! A drain without a sensible bound keeps old processes and their memory (user-demand row 5).

use crate::clause::Clause;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::site::Site;

/// Longer than this, reloads pile up faster than old processes end.
const LONGEST_MILLIS: u64 = 86_400_000;

pub(super) fn check(site: &Site, diagnostics: &mut Diagnostics) {
    let drain = &site.drain;
    for (name, setting) in [("timeout", &drain.timeout), ("stop", &drain.stop)] {
        if let Some(span) = setting.span.filter(|_| setting.as_millis() > LONGEST_MILLIS) {
            diagnostics.push(
                Diagnostic::new(
                    Code::DRAIN_TOO_LONG,
                    format!("`{name}` keeps old processes for up to {}", setting.value),
                )
                .labelled(span, "expected at most 1d")
                .help("a few minutes with `spread` let clients move without a storm")
                .clause(Clause::DRAIN_RELOAD),
            );
        }
    }
    let spread = drain.spread;
    if let Some(span) = spread.span.filter(|_| spread.as_millis() > drain.timeout.as_millis()) {
        diagnostics.push(
            Diagnostic::new(
                Code::DRAIN_TOO_LONG,
                format!(
                    "`spread` is longer than the {} after which tunnels begin to end",
                    drain.timeout.value
                ),
            )
            .labelled(span, "expected at most `timeout`")
            .help("old processes live for `timeout` and `spread` together; lower one of them")
            .clause(Clause::DRAIN_RELOAD),
        );
    }
}
