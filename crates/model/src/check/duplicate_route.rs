//! Two entries that match the same requests with the same rank: the later one is never used.

use std::collections::{HashMap, HashSet};

use crate::clause::Clause;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::scalar::Method;
use crate::site::{Entry, PathRule, RouteId, Site};
use crate::source::Span;

pub(super) fn check(site: &Site, diagnostics: &mut Diagnostics) {
    let keys: Vec<Vec<String>> =
        site.routes.iter().map(|route| route.entries.iter().map(key).collect()).collect();
    let mut reported: HashSet<(RouteId, Span)> = HashSet::new();
    for listener in site.listener_ids() {
        for (host, routes) in site.claims(listener).tables() {
            let mut seen: HashMap<(i32, &str), Span> = HashMap::new();
            for id in routes {
                let route = &site.routes[id.0];
                for (entry, key) in route.entries.iter().zip(&keys[id.0]) {
                    let Some(first) = seen.get(&(*route.priority, key.as_str())) else {
                        seen.insert((*route.priority, key), entry.span);
                        continue;
                    };
                    if !reported.insert((*id, entry.span)) {
                        continue;
                    }
                    let host = host.map_or(String::new(), |host| format!(" of `{host}`"));
                    diagnostics.push(
                        Diagnostic::new(
                            Code::DUPLICATE_ROUTE,
                            format!("two entries match the same requests{host}"),
                        )
                        .labelled(entry.span, "never used")
                        .also(*first, "takes them all")
                        .help("remove one of them, or set them apart by host, path, methods or headers")
                        .clause(Clause::ROUTE_PRECEDENCE),
                    );
                }
            }
        }
    }
}

/// What an entry asks, in one spelling.
fn key(entry: &Entry) -> String {
    let path = match &entry.path {
        PathRule::Exact(path) => format!("= {path}"),
        PathRule::Regex(pattern) => format!("~ {pattern}"),
        PathRule::Prefix(path) => format!("/ {}", path.prefix()),
        PathRule::StartsWith(path) => format!("^ {path}"),
    };
    let mut methods: Vec<_> = entry.methods.iter().map(Method::as_str).collect();
    methods.sort_unstable();
    methods.dedup();
    let mut headers: Vec<_> = entry
        .headers
        .iter()
        .map(|(name, value)| format!("{}={value:?}", name.as_str().to_ascii_lowercase()))
        .collect();
    headers.sort_unstable();
    let mut query: Vec<_> =
        entry.query.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    query.sort_unstable();
    format!("{path}\n{methods:?}\n{headers:?}\n{query:?}\n{}", entry.upgrade)
}
