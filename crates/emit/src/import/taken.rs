//! Which requests routes have taken so far, and which entries take all requests of another one.

use std::collections::HashMap;

use super::entry::Entry;
use super::hostnames::wildcards_above;
use super::ledger::Id;
use super::matcher::{PathMatcher, literal_start};
use super::rules::Route;

/// One listener and one host, or every host.
pub(super) type Place = (String, Option<String>);

/// The entries that routes have taken so far, by listener and host.
#[derive(Debug, Default)]
pub(super) struct Taken(HashMap<Place, HashMap<Entry, Id>>);

impl Taken {
    /// Remembers that a route takes its requests.
    pub(super) fn add(&mut self, route: &Route) {
        let Some(id) = route.ids.first() else { return };
        // The routes behind a placeholder hold once somebody has deleted it.
        if route.placeholder {
            return;
        }
        for place in places(route) {
            // Of the hosts that it is not for, it takes nothing.
            let wide = place.1.as_ref().is_none_or(|host| host.starts_with("*."));
            if wide && !route.not_hosts.is_empty() {
                continue;
            }
            let known = self.0.entry(place).or_default();
            for entry in &route.entries {
                known.entry(entry.clone()).or_insert(*id);
            }
        }
    }

    /// Returns a directive that takes all requests of an entry, of a listener and a host.
    fn taker(&self, listener: &str, host: Option<&String>, entry: &Entry) -> Option<Id> {
        let mut hosts = vec![None, host.cloned()];
        hosts.extend(host.iter().flat_map(|host| wildcards_above(host)).map(Some));
        hosts.dedup();
        hosts.into_iter().find_map(|host| {
            let known = self.0.get(&(listener.to_owned(), host))?;
            wider(entry).find_map(|wider| known.get(&wider).copied())
        })
    }

    /// Returns a directive of a route that takes all requests of another.
    pub(super) fn taker_of(&self, route: &Route) -> Option<Id> {
        let mut taker = None;
        for (listener, host) in places(route) {
            for entry in &route.entries {
                taker = Some(self.taker(&listener, host.as_ref(), entry)?);
            }
        }
        taker
    }

    /// Returns a directive that takes all requests of an entry; every claimed host is named by its routes.
    pub(super) fn exact_taker(&self, place: &Place, entry: &Entry) -> Option<Id> {
        let known = self.0.get(place)?;
        wider(entry).find_map(|wider| known.get(&wider).copied())
    }
}

/// The listeners and hosts of a route.
pub(super) fn places(route: &Route) -> impl Iterator<Item = Place> + '_ {
    route.listeners.iter().flat_map(|listener| {
        let hosts: Vec<Option<String>> = match route.hosts.as_slice() {
            [] => vec![None],
            hosts => hosts.iter().cloned().map(Some).collect(),
        };
        hosts.into_iter().map(|host| (listener.clone(), host))
    })
}

/// Entries that take all requests of one: it itself, with fewer terms, and for the paths above it.
pub(super) fn wider(entry: &Entry) -> impl Iterator<Item = Entry> {
    let mut paths = vec![entry.path.clone(), None];
    let text = match &entry.path {
        Some(
            PathMatcher::Exact(text) | PathMatcher::Prefix(text) | PathMatcher::StartsWith(text),
        ) => text.clone(),
        Some(PathMatcher::Regex(pattern)) => literal_start(pattern),
        None => String::new(),
    };
    if !text.is_empty() {
        for (at, _) in text.char_indices().skip(1) {
            let start = &text[..at];
            let bare = start.trim_end_matches('/');
            // A beginning of text may end within a segment.
            paths.push(Some(PathMatcher::StartsWith(start.to_owned())));
            if text[bare.len()..].starts_with('/') && !bare.is_empty() {
                paths.push(Some(PathMatcher::Prefix(bare.to_owned())));
            }
        }
        if matches!(entry.path, Some(PathMatcher::Exact(_) | PathMatcher::Prefix(_))) {
            paths.push(Some(PathMatcher::Prefix(text.clone())));
        }
        if !matches!(entry.path, Some(PathMatcher::StartsWith(_))) {
            paths.push(Some(PathMatcher::StartsWith(text)));
        }
    }
    let entry = entry.clone();
    // Terms that the entry does not have cannot be left out.
    let has = u8::from(!entry.methods.is_empty())
        | u8::from(!entry.headers.is_empty()) << 1
        | u8::from(!entry.query.is_empty()) << 2
        | u8::from(entry.websocket) << 3;
    paths.into_iter().flat_map(move |path| {
        let entry = entry.clone();
        (0_u8..16).filter(move |fewer| fewer & !has == 0).map(move |fewer| Entry {
            path: path.clone(),
            methods: if fewer & 1 == 0 { entry.methods.clone() } else { Vec::new() },
            headers: if fewer & 2 == 0 { entry.headers.clone() } else { Vec::new() },
            query: if fewer & 4 == 0 { entry.query.clone() } else { Vec::new() },
            websocket: entry.websocket && fewer & 8 == 0,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(wide: Option<PathMatcher>, narrow: Option<PathMatcher>) -> bool {
        let entry = |path| Entry { path, ..Entry::default() };
        let wide = entry(wide);
        wider(&entry(narrow)).any(|known| known == wide)
    }

    #[test]
    fn a_beginning_takes_the_regexes_that_begin_with_it() {
        let starts = PathMatcher::starts_with;
        let regex = PathMatcher::regex;
        assert!(takes(starts("/api/"), regex("^/api/x")));
        assert!(takes(PathMatcher::prefix("/api"), regex("^/api/x[0-9]$")));
        assert!(!takes(PathMatcher::prefix("/api"), regex("^/apix")));
        assert!(!takes(starts("/api/"), regex("/api/x")));
        assert!(!takes(starts("/api/"), regex("^/api/?x")));
        assert!(!takes(starts("/api/x"), regex("^/api/")));
        assert!(takes(None, regex("x$")));
    }
}
