//! The entries of one host by path, with the route for plain requests and the one for WebSocket requests. nginx
//! takes an exact location, then the first regex, then the longest prefix, as the model does; where one of the
//! two kinds has no route at a path, what the model would choose instead is worked out here.

use std::collections::BTreeMap;

use wsgen_model::scalar::Pattern;
use wsgen_model::site::{PathRule, RouteId};
use wsgen_model::source::Span;

use super::Context;

/// The routes of one path, by kind of request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) plain: Option<RouteId>,
    pub(super) websocket: Option<RouteId>,
}

/// A location and its routes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slot {
    /// `= `, `~ ` or nothing.
    pub(super) matching: &'static str,
    pub(super) path: String,
    pub(super) pair: Pair,
}

#[derive(Debug, Default)]
struct Table<'a> {
    exact: BTreeMap<&'a str, Pair>,
    regex: Vec<(&'a Pattern, Pair, Span)>,
    prefix: BTreeMap<&'a str, Pair>,
}

/// The locations of a host, regexes in file order.
pub(super) fn slots(routes: &[RouteId], context: &mut Context<'_>) -> Vec<Slot> {
    let site = context.base.site;
    let mut table = Table::default();
    for id in routes {
        for entry in &site.routes[id.0].entries {
            let pair = match &entry.path {
                PathRule::Exact(path) => table.exact.entry(path.as_str()).or_default(),
                PathRule::Prefix(path) => table.prefix.entry(path.prefix()).or_default(),
                PathRule::Regex(pattern) => {
                    let known = table.regex.iter().position(|(p, ..)| *p == pattern);
                    let at = known.unwrap_or_else(|| {
                        table.regex.push((pattern, Pair::default(), entry.span));
                        table.regex.len() - 1
                    });
                    &mut table.regex[at].1
                }
            };
            // Of equal regexes the first takes every request that it fits, handshakes too (`route/precedence`).
            let first = matches!(entry.path, PathRule::Regex(_)) && !entry.upgrade;
            if entry.upgrade || first {
                pair.websocket.get_or_insert(*id);
            }
            if !entry.upgrade {
                pair.plain.get_or_insert(*id);
            }
        }
    }
    let all = table.exact.values_mut().chain(table.prefix.values_mut());
    for pair in all.chain(table.regex.iter_mut().map(|(_, pair, _)| pair)) {
        pair.websocket = pair.websocket.or(pair.plain);
    }
    let mut slots = Vec::new();
    for path in table.exact.keys() {
        slots.push(Slot { matching: "= ", path: (*path).to_owned(), pair: table.at(path) });
    }
    for (pattern, pair, span) in &table.regex {
        if pair.plain.is_none() {
            context.refuse(*span, "a regex that only WebSocket requests match");
        }
        slots.push(Slot { matching: "~ ", path: pattern.to_string(), pair: *pair });
    }
    for path in table.prefix.keys() {
        // Two locations, so that no handshake meets nginx's own redirect to the slash.
        if !path.is_empty() && !table.exact.contains_key(path) {
            slots.push(Slot { matching: "= ", path: (*path).to_owned(), pair: table.at(path) });
        }
        slots.push(Slot { matching: "", path: format!("{path}/"), pair: table.below(path) });
    }
    if !table.prefix.contains_key("") {
        slots.push(Slot { matching: "", path: "/".to_owned(), pair: Pair::default() });
    }
    slots
}

impl Table<'_> {
    /// What the model chooses for exactly this path.
    fn at(&self, path: &str) -> Pair {
        let choose = |kind: fn(&Pair) -> Option<RouteId>| {
            let exact = self.exact.get(path).and_then(kind);
            let regex = || {
                self.regex
                    .iter()
                    .filter(|(p, ..)| p.is_match(path))
                    .find_map(|(_, pair, _)| kind(pair))
            };
            exact.or_else(regex).or_else(|| self.prefix(path, kind))
        };
        Pair { plain: choose(|pair| pair.plain), websocket: choose(|pair| pair.websocket) }
    }

    /// What the model chooses below a prefix, where no regex matched.
    fn below(&self, path: &str) -> Pair {
        Pair {
            plain: self.prefix(path, |pair| pair.plain),
            websocket: self.prefix(path, |pair| pair.websocket),
        }
    }

    fn prefix(&self, path: &str, kind: fn(&Pair) -> Option<RouteId>) -> Option<RouteId> {
        let mut prefix = path;
        loop {
            if let Some(route) = self.prefix.get(prefix).and_then(kind) {
                return Some(route);
            }
            prefix = &prefix[..prefix.rfind('/')?];
        }
    }
}
