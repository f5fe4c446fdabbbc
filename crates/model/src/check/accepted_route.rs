//! An accepted loss names a route that is there.

use std::collections::HashSet;

use crate::diagnostic::Diagnostics;
use crate::resolve::unknown_reference;
use crate::site::Site;

pub(super) fn check(site: &Site, diagnostics: &mut Diagnostics) {
    let known: HashSet<&str> =
        site.routes.iter().filter_map(|route| Some(route.name.as_ref()?.as_str())).collect();
    for target in site.targets.values() {
        let accepted = target.fields.accept.iter().flat_map(|accept| &accept.value);
        for route in accepted.filter_map(|accept| accept.value.route.as_ref()) {
            if !known.contains(route.as_str()) {
                let names = known.iter().copied();
                diagnostics.push(unknown_reference("route", route.as_str(), route.span, names));
            }
        }
    }
}
