//! An upstream has a server that takes traffic.

use crate::clause::Clause;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::site::Site;

pub(super) fn check(site: &Site, diagnostics: &mut Diagnostics) {
    for upstream in &site.upstreams {
        if upstream.servers.iter().any(|server| !*server.backup) {
            continue;
        }
        let (what, help) = if upstream.servers.is_empty() {
            ("has no server", "list its servers: `servers: [\"10.1.0.11:9000\"]`")
        } else {
            ("has backup servers only", "leave `backup` out for at least one server")
        };
        diagnostics.push(
            Diagnostic::new(Code::NO_SERVER, format!("upstream `{}` {what}", upstream.name.value))
                .labelled(upstream.name.span, "expected a server that takes traffic")
                .help(help)
                .clause(Clause::BALANCE_BACKUP),
        );
    }
}
