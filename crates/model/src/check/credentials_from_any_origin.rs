//! Cross-site WebSocket hijacking: a handshake carries the visitor's credentials, and no CORS guards it
//! (user-demand row 25, RFC 6455 section 10.2).

use crate::clause::Clause;
use crate::code::Code;
use crate::config::ClientAuthMode;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::site::{Route, Site};
use crate::source::Span;

pub(super) fn check(site: &Site, diagnostics: &mut Diagnostics) {
    for route in site.routes.iter().filter(|route| route.carries_tunnels()) {
        let Some(forward) = route.forward().filter(|f| f.websocket.origins.is_none()) else {
            continue;
        };
        let auth = forward.auth.as_ref().map(|auth| (auth.span, "`auth`"));
        if let Some((span, what)) = auth.or_else(|| client_certificate(site, route)) {
            diagnostics.push(
                Diagnostic::new(
                    Code::CREDENTIALS_FROM_ANY_ORIGIN,
                    format!(
                        "any web page may open this socket with a visitor's credentials from {what}"
                    ),
                )
                .labelled(span, "browsers send these by themselves")
                .also(forward.upstream_span, "a route that carries WebSockets from any origin")
                .help("list the pages that may: `websocket: {origins: [same_origin]}`")
                .clause(Clause::ORIGIN_CHECK),
            );
        }
    }
}

fn client_certificate(site: &Site, route: &Route) -> Option<(Span, &'static str)> {
    route.listeners.iter().find_map(|id| {
        let auth = site.listener(*id).tls.as_ref()?.client_auth.as_ref()?;
        (auth.mode.value == ClientAuthMode::Require).then_some((auth.mode.span, "`client_auth`"))
    })
}
