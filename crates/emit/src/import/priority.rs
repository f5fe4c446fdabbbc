//! Priorities of routes whose order of evaluation is not the model's own.

use std::collections::HashMap;
use std::collections::btree_map::BTreeMap;
use std::ops::Bound::{Included, Unbounded};

use super::entry::Entry;
use super::matcher::{Common, PathMatcher, literal_start};
use super::rules::Route;

/// The rank of an entry in the model, larger first (`route/precedence`, `route/ties`).
type Rank = (u8, usize, bool, bool, usize, usize, bool);

fn rank(entry: &Entry) -> Rank {
    let (kind, length, segments) = match &entry.path {
        Some(PathMatcher::Exact(_)) => (3, 0, false),
        Some(PathMatcher::Regex(_)) => (2, 0, false),
        Some(PathMatcher::Prefix(text)) => (1, text.len(), true),
        Some(PathMatcher::StartsWith(text)) => (1, text.len(), false),
        None => (1, 1, true),
    };
    let methods = !entry.methods.is_empty();
    (kind, length, segments, methods, entry.headers.len(), entry.query.len(), entry.websocket)
}

/// Returns the priority of each route of a list, 0 for most: among routes of one priority the model chooses as the list does.
///
/// The list is walked from its end. A route that the model would put behind one that it must stand ahead of begins a new
/// priority, which all routes ahead of it have too.
pub(super) fn priorities(list: &[Route]) -> Vec<u64> {
    let mut all = vec![0; list.len()];
    let (mut level, mut priority) = (Level::default(), 0);
    for (at, route) in list.iter().enumerate().rev() {
        if route.entries.iter().any(|entry| level.outranks(route, entry)) {
            level = Level::default();
            priority += 1;
        }
        all[at] = priority;
        level.add(route);
    }
    all
}

/// The entries of one priority, by listener and host.
#[derive(Debug, Default)]
struct Level<'a>(HashMap<(&'a str, &'a str), Place<'a>>);

/// The entries of one listener and host, by the text that their paths begin with.
#[derive(Debug, Default)]
struct Place<'a> {
    texts: BTreeMap<String, Vec<&'a Entry>>,
    /// The highest rank.
    highest: Rank,
}

impl<'a> Level<'a> {
    fn add(&mut self, route: &'a Route) {
        for (listener, host) in hosts(route) {
            let place = self.0.entry((listener, host)).or_default();
            for entry in &route.entries {
                place.highest = place.highest.max(rank(entry));
                place.texts.entry(start(entry)).or_default().push(entry);
            }
        }
    }

    /// Whether a route of this level would be chosen ahead of an entry of a route that stands ahead of it.
    fn outranks(&self, route: &Route, entry: &Entry) -> bool {
        let own = rank(entry);
        let start = start(entry);
        hosts(route).any(|place| {
            // A placeholder stands ahead of what it refuses, also where the model would call them equal.
            let above = |rank: Rank| rank > own || route.placeholder && rank == own;
            let Some(place) = self.0.get(&place).filter(|place| above(place.highest)) else {
                return false;
            };
            let meets = |other: &&&Entry| above(rank(other)) && meet(entry, other);
            let below = place.texts.range::<String, _>((Included(&start), Unbounded));
            let mut below = below.take_while(|(text, _)| text.starts_with(&start));
            let mut above = start.char_indices().map(|(at, _)| &start[..at]);
            below.any(|(_, list)| list.iter().any(|other| meets(&other)))
                || above.any(|text| {
                    place.texts.get(text).is_some_and(|list| list.iter().any(|other| meets(&other)))
                })
        })
    }
}

/// The listeners and hosts of a route; an empty host is every host.
fn hosts(route: &Route) -> impl Iterator<Item = (&str, &str)> {
    route.listeners.iter().flat_map(|listener| {
        let any = route.hosts.is_empty().then_some("");
        any.into_iter()
            .chain(route.hosts.iter().map(String::as_str))
            .map(move |host| (listener.as_str(), host))
    })
}

/// The text that the paths of an entry begin with.
fn start(entry: &Entry) -> String {
    match &entry.path {
        Some(
            PathMatcher::Exact(text) | PathMatcher::Prefix(text) | PathMatcher::StartsWith(text),
        ) => text.clone(),
        Some(PathMatcher::Regex(pattern)) => literal_start(pattern),
        None => String::new(),
    }
}

/// Whether a request may fit both entries.
fn meet(one: &Entry, other: &Entry) -> bool {
    let methods = one.methods.is_empty()
        || other.methods.is_empty()
        || one.methods.iter().any(|method| other.methods.contains(method));
    let paths = match (&one.path, &other.path) {
        (Some(one), Some(other)) => one.common(other) != Common::Nothing,
        _ => true,
    };
    methods && paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::draft::Draft;

    fn route(path: Option<PathMatcher>) -> Route {
        Route {
            ids: vec![0],
            origin: String::new(),
            called: String::new(),
            listeners: vec!["web".to_owned()],
            hosts: Vec::new(),
            not_hosts: Vec::new(),
            entries: vec![Entry { path, ..Entry::default() }],
            fields: Draft::map(),
            plain: false,
            placeholder: false,
        }
    }

    #[test]
    fn only_another_order_gets_priorities() {
        let prefix = |text: &str| route(PathMatcher::prefix(text));
        let regex = |text: &str| route(PathMatcher::regex(text));
        assert_eq!(priorities(&[prefix("/a/b"), prefix("/a"), route(None)]), [0, 0, 0]);
        // The shorter prefix stands ahead of the longer one.
        assert_eq!(priorities(&[prefix("/a"), prefix("/a/b"), route(None)]), [1, 0, 0]);
        // They never meet.
        assert_eq!(priorities(&[prefix("/a"), prefix("/bcd"), route(None)]), [0, 0, 0]);
        assert_eq!(priorities(&[prefix("/a"), regex("^/b/x"), route(None)]), [0, 0, 0]);
        assert_eq!(priorities(&[prefix("/a"), regex("\\.js$"), route(None)]), [1, 0, 0]);
        // What stands ahead of a route with a priority has it too.
        let list = [regex("x$"), prefix("/a"), regex("\\.js$"), prefix("/c")];
        assert_eq!(priorities(&list), [1, 1, 0, 0]);
    }
}
