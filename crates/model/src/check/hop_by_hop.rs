//! Fields that belong to one connection or one handshake are the proxy's own. Editing them is how requests
//! are smuggled and handshakes break (user-demand rows 28 and 33, RFC 9110 section 7.6.1).

use crate::clause::Clause;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::located::Located;
use crate::scalar::HeaderName;
use crate::site::{Action, Auth, Forward, Site};

const OWN: &[&str] = &[
    "connection",
    "upgrade",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "te",
    "trailer",
    "content-length",
    "http2-settings",
];

pub(super) fn check(site: &Site, diagnostics: &mut Diagnostics) {
    for route in &site.routes {
        match &route.action {
            Action::Forward(forward) => forwarded(forward, diagnostics),
            Action::Respond(respond) => {
                respond.headers.iter().for_each(|(name, _)| judge(name, false, diagnostics));
            }
            Action::Redirect(_) => {}
        }
    }
}

fn forwarded(forward: &Forward, diagnostics: &mut Diagnostics) {
    for (edit, request) in [(&forward.request_headers, true), (&forward.response_headers, false)] {
        let names = edit.set.iter().chain(&edit.add).map(|(name, _)| name).chain(&edit.remove);
        names.for_each(|name| judge(name, request, diagnostics));
    }
    if let Some(Auth::Forward { copy_headers, .. }) = forward.auth.as_ref().map(|auth| &auth.value)
    {
        for name in copy_headers {
            judge(name, true, diagnostics);
        }
    }
}

/// Whether a field is the proxy's own in a request, or in a response: a model cannot set it or take it away
/// (`headers/hop-by-hop`).
#[must_use]
pub fn is_proxys_own(name: &str, request: bool) -> bool {
    advice(&name.to_ascii_lowercase(), request).is_some()
}

/// What to do instead.
fn advice(lower: &str, request: bool) -> Option<&'static str> {
    Some(match lower {
        "host" if request => "use `host`: `preserve`, `upstream` or a name",
        "sec-websocket-extensions" => "use `websocket: {compression: strip}`",
        "sec-websocket-protocol" => "use `websocket: {subprotocols: […]}`",
        _ if lower.starts_with("sec-websocket-") => "remove it: handshakes pass as they are",
        _ if OWN.contains(&lower) => "remove it: the proxy writes this field for each connection",
        _ => return None,
    })
}

fn judge(name: &Located<HeaderName>, request: bool, diagnostics: &mut Diagnostics) {
    let Some(help) = advice(&name.as_str().to_ascii_lowercase(), request) else { return };
    diagnostics.push(
        Diagnostic::new(Code::HOP_BY_HOP, format!("`{}` is the proxy's own field", name.value))
            .labelled(name.span, "expected an end-to-end field")
            .help(help)
            .clause(Clause::HEADERS_HOP_BY_HOP),
    );
}
