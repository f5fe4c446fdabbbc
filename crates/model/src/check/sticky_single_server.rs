//! Stickiness with a single server only adds a cookie.

use crate::clause::Clause;
use crate::code::Code;
use crate::config::Resolve;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::site::Site;

pub(super) fn check(site: &Site, diagnostics: &mut Diagnostics) {
    for upstream in &site.upstreams {
        // A name that is resolved at run time may stand for several addresses.
        let several = upstream.servers.len() != 1
            || upstream.servers.iter().any(|server| *server.resolve == Resolve::Runtime);
        if let Some(sticky) = upstream.sticky.as_ref().filter(|_| !several) {
            diagnostics.push(
                Diagnostic::new(
                    Code::STICKY_SINGLE_SERVER,
                    format!("upstream `{}` is sticky and has one server", upstream.name.value),
                )
                .labelled(sticky.span, "has no effect but a cookie")
                .help("remove `sticky`, or list the other servers")
                .clause(Clause::STICKY_VISIBLE),
            );
        }
    }
}
