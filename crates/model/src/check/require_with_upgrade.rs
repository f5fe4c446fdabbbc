//! `mode: require` answers plain HTTP; an entry with `upgrade` never lets plain HTTP in.

use crate::clause::Clause;
use crate::code::Code;
use crate::config::WebSocketMode;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::site::Site;

pub(super) fn check(site: &Site, diagnostics: &mut Diagnostics) {
    for route in &site.routes {
        let Some(mode) = route.forward().map(|forward| forward.websocket.mode) else {
            continue;
        };
        if *mode != WebSocketMode::Require || !route.entries.iter().all(|entry| entry.upgrade) {
            continue;
        }
        if let (Some(span), Some(entry)) = (mode.span, route.entries.first()) {
            diagnostics.push(
                Diagnostic::new(
                    Code::REQUIRE_WITH_UPGRADE,
                    "`mode: require` never answers 426 here: only WebSocket requests match",
                )
                .labelled(span, "has no effect")
                .also(entry.span, "plain HTTP does not match this, and gets another route or 404")
                .help("remove `upgrade` for the 426, or remove `mode`")
                .clause(Clause::MODE_REQUIRE),
            );
        }
    }
}
