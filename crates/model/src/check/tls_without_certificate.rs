//! A TLS listener shows a certificate.

use crate::clause::Clause;
use crate::code::Code;
use crate::config::Protocol;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::site::Site;

pub(super) fn check(site: &Site, diagnostics: &mut Diagnostics) {
    for listener in &site.listeners {
        match &listener.tls {
            Some(tls) if tls.certificates.is_empty() => diagnostics.push(
                Diagnostic::new(
                    Code::TLS_WITHOUT_CERTIFICATE,
                    format!("listener `{}` has TLS and no certificate", listener.name.value),
                )
                .labelled(listener.name.span, "expected `tls.certificates`")
                .help("add `certificates: [{certificate: FILE, key: FILE}]` to its `tls`")
                .clause(Clause::TLS_CERTIFICATE),
            ),
            None if listener.protocols.is_written()
                && listener.protocols.contains(&Protocol::H2) =>
            {
                let span = listener.protocols.span.unwrap_or(listener.name.span);
                diagnostics.push(
                    Diagnostic::new(
                        Code::TLS_WITHOUT_CERTIFICATE,
                        format!("listener `{}` offers h2 without TLS", listener.name.value),
                    )
                    .labelled(span, "browsers speak h2 over TLS only, chosen by ALPN")
                    .help("add `tls` with a certificate, or remove `h2`")
                    .clause(Clause::TLS_CERTIFICATE),
                );
            }
            _ => {}
        }
    }
}
