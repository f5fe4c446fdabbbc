//! Things that nothing uses are mostly a name that was meant to be another.

use std::collections::HashSet;

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::site::Site;

pub(super) fn check(site: &Site, diagnostics: &mut Diagnostics) {
    let upstreams: HashSet<_> =
        site.routes.iter().filter_map(|route| Some(route.forward()?.upstream.0)).collect();
    let listeners: HashSet<_> = site.routes.iter().flat_map(|route| &route.listeners).collect();
    for (number, upstream) in site.upstreams.iter().enumerate() {
        if !upstreams.contains(&number) {
            diagnostics.push(
                Diagnostic::new(
                    Code::UNUSED,
                    format!("no route forwards to upstream `{}`", upstream.name.value),
                )
                .at(upstream.name.span)
                .help("name it in a route, or remove it"),
            );
        }
    }
    for id in site.listener_ids().filter(|id| !listeners.contains(id)) {
        let name = &site.listener(id).name;
        diagnostics.push(
            Diagnostic::new(Code::UNUSED, format!("no route belongs to listener `{}`", name.value))
                .labelled(name.span, "answers every request with 404")
                .help("name it in a route's `listeners`, or remove it"),
        );
    }
}
