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

fn judge(name: &Located<HeaderName>, request: bool, diagnostics: &mut Diagnostics) {
    let lower = name.as_str().to_ascii_lowercase();
    let help = match lower.as_str() {
        "host" if request => "use `host`: `preserve`, `upstream` or a name",
        "sec-websocket-extensions" => "use `websocket: {compression: strip}`",
        "sec-websocket-protocol" => "use `websocket: {subprotocols: […]}`",
        _ if lower.starts_with("sec-websocket-") => "remove it: handshakes pass as they are",
        _ if OWN.contains(&lower.as_str()) => {
            "remove it: the proxy writes this field for each connection"
        }
        _ => return,
    };
    diagnostics.push(
        Diagnostic::new(Code::HOP_BY_HOP, format!("`{}` is the proxy's own field", name.value))
            .labelled(name.span, "expected an end-to-end field")
            .help(help)
            .clause(Clause::HEADERS_HOP_BY_HOP),
    );
}
