//! A host that is claimed never falls through to routes without hostnames, so such a route may be missing
//! where it was meant too.

use std::collections::{HashMap, HashSet};

use crate::clause::Clause;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::scalar::Hostname;
use crate::site::{ListenerId, PathRule, RouteId, Site};

pub(super) fn check(site: &Site, diagnostics: &mut Diagnostics) {
    let mut reported = HashSet::new();
    for listener in site.listener_ids() {
        let claims = site.claims(listener);
        if claims.named.is_empty() || claims.rest.is_empty() {
            continue;
        }
        // How many hosts have a route of their own for a path, and which.
        let mut hosts: HashMap<&str, HashSet<&Hostname>> = HashMap::new();
        for (host, routes) in &claims.named {
            for path in routes
                .iter()
                .flat_map(|id| &site.routes[id.0].entries)
                .filter_map(|e| path(&e.path))
            {
                hosts.entry(path).or_default().insert(host);
            }
        }
        for id in &claims.rest {
            let route = &site.routes[id.0];
            let missing =
                route.entries.iter().filter_map(|entry| path(&entry.path)).find_map(|path| {
                    let having = hosts.get(path);
                    let all = having.is_some_and(|having| having.len() == claims.named.len());
                    if all {
                        return None;
                    }
                    claims
                        .named
                        .keys()
                        .find(|host| having.is_none_or(|having| !having.contains(*host)))
                });
            if let Some(host) = missing.filter(|_| reported.insert(*id)) {
                report(site, listener, *id, host, diagnostics);
            }
        }
    }
}

/// The path of a rule as one key; a regex cannot be compared with other rules.
fn path(rule: &PathRule) -> Option<&str> {
    match rule {
        PathRule::Exact(path) | PathRule::StartsWith(path) => Some(path.as_str()),
        PathRule::Prefix(path) => Some(path.prefix()),
        PathRule::Regex(_) => None,
    }
}

fn report(site: &Site, listener: ListenerId, id: RouteId, host: &Hostname, out: &mut Diagnostics) {
    let route = &site.routes[id.0];
    let claimed = site
        .routes
        .iter()
        .filter(|other| other.listeners.contains(&listener))
        .flat_map(|other| &other.hostnames)
        .find(|name| name.value == *host);
    let place = route.name.as_ref().map_or(route.span, |name| name.span);
    let mut finding = Diagnostic::new(
        Code::SHADOWED_BY_HOST,
        format!("{} gets no request for `{host}`", route.title(id)),
    )
    .labelled(place, "a route without hostnames: only for hosts that no route names")
    .help(format!(
        "add `hostnames: [{host}]` to a route of this path, or remove the name from the other"
    ))
    .clause(Clause::ROUTE_HOST);
    if let Some(claimed) = claimed {
        finding = finding.also(claimed.span, "this route claims the host");
    }
    out.push(finding);
}
