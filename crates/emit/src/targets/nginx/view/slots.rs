//! The entries of one host by path, with the route for plain requests and the one for WebSocket requests. nginx
//! takes an exact location, then the first regex, then the longest prefix, as the model does; where one of the
//! two kinds has no route at a path, what the model would choose instead is worked out here.

use std::collections::{BTreeMap, BTreeSet};

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
    starts_with: BTreeMap<&'a str, Pair>,
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
                PathRule::StartsWith(path) => table.starts_with.entry(path.as_str()).or_default(),
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
    let all = all.chain(table.starts_with.values_mut());
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
    // In the order of what stands ahead of their last slash.
    let texts = table.starts_with.keys().map(|text| (text.trim_end_matches('/'), *text));
    let mut texts: BTreeSet<(&str, String)> =
        texts.map(|(bare, text)| (bare, text.into())).collect();
    texts.extend(table.prefix.keys().map(|path| (*path, format!("{path}/"))));
    for (bare, path) in texts {
        // Two locations, so that no handshake meets nginx's own redirect to the slash.
        if path.ends_with('/') && !bare.is_empty() && !table.exact.contains_key(bare) {
            slots.push(Slot { matching: "= ", path: bare.to_owned(), pair: table.at(bare) });
        }
        let pair = table.longest(&path, false);
        slots.push(Slot { matching: "", path, pair });
    }
    if !table.prefix.contains_key("") {
        slots.push(Slot { matching: "", path: "/".to_owned(), pair: Pair::default() });
    }
    slots
}

impl Table<'_> {
    /// What the model chooses for exactly this path.
    fn at(&self, path: &str) -> Pair {
        let exact = self.exact.get(path).into_iter();
        let regexes = self.regex.iter().filter(|(pattern, ..)| pattern.is_match(path));
        let regexes = regexes.map(|(_, pair, _)| pair);
        exact.chain(regexes).fold(Pair::default(), Pair::or).or(&self.longest(path, true))
    }

    /// What the model chooses among prefixes: for exactly this path, or for all paths that begin with it and with no longer
    /// text of the table.
    fn longest(&self, path: &str, whole: bool) -> Pair {
        let mut pair = Pair::default();
        for (start, rest) in (0..=path.len()).rev().filter_map(|end| path.split_at_checked(end)) {
            if rest.starts_with('/') || whole && rest.is_empty() {
                pair = self.prefix.get(start).map_or(pair, |known| pair.or(known));
            }
            pair = self.starts_with.get(start).map_or(pair, |known| pair.or(known));
        }
        pair
    }
}

impl Pair {
    /// The routes of this pair, and those of another where it has none.
    fn or(self, other: &Self) -> Self {
        Self { plain: self.plain.or(other.plain), websocket: self.websocket.or(other.websocket) }
    }
}
