//! Names that are resolved at run time need somebody to ask (user-demand row 10).

use crate::code::Code;
use crate::config::Resolve;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::site::Site;

pub(super) fn check(site: &Site, diagnostics: &mut Diagnostics) {
    if site.resolver.is_some() {
        return;
    }
    for server in site.upstreams.iter().flat_map(|upstream| &upstream.servers) {
        if let (Resolve::Runtime, Some(span)) = (*server.resolve, server.resolve.span) {
            diagnostics.push(
                Diagnostic::new(
                    Code::RUNTIME_WITHOUT_RESOLVER,
                    "`resolve: runtime` needs a `resolver`",
                )
                .labelled(span, "nobody to ask at run time")
                .help("add `resolver: {nameservers: [\"10.0.0.2:53\"]}` with your name server"),
            );
        }
    }
}
