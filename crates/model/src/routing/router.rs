//! The compiled matcher. Hosts, exact paths and prefixes of segments are looked up by hash, texts that paths begin with by
//! binary search, and many regexes run as one automaton, so that the cost of a choice depends on the request, not on the number of routes. Entries that
//! share one path, and priorities, are walked.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use crate::routing::beginnings::Beginnings;
use crate::routing::conditions::{hold, tie_rank};
use crate::routing::{NormalPath, Outcome, Request};
use crate::scalar::Hostname;
use crate::site::{Entry, Listener, PathRule, Route, RouteId};

/// Routes of all listeners, ready to be chosen from.
#[derive(Debug, Clone, Default)]
pub struct Router {
    listeners: Vec<Hosts>,
}

/// Longest name that a route can claim; a longer host cannot match one.
const MAX_HOST: usize = 253;

#[derive(Debug, Clone, Default)]
struct Hosts {
    exact: HashMap<Box<str>, Table>,
    /// By the part after `*.`.
    wildcard: HashMap<Box<str>, Table>,
    any: Table,
}

/// The routes of one hostname, the highest priority first.
#[derive(Debug, Clone, Default)]
struct Table(Vec<Level>);

#[derive(Debug, Clone, Default)]
struct Level {
    exact: HashMap<Box<str>, Vec<Candidate>>,
    regex: Regexes,
    prefix: HashMap<Box<str>, Vec<Candidate>>,
    longest_prefix: usize,
    starts_with: Beginnings<Vec<Candidate>>,
}

#[derive(Debug, Clone)]
struct Candidate {
    route: RouteId,
    entry: Arc<Entry>,
}

#[derive(Debug, Clone, Default)]
enum Regexes {
    #[default]
    None,
    /// A few: one after the other, each compiled once for all hosts.
    Few(Vec<(Arc<Regex>, Candidate)>),
    /// Many: one automaton.
    Many(RegexSet, Vec<Candidate>),
}

/// More regexes than this at one host and priority run as one automaton.
const FEW: usize = 16;

/// What a table is built from: priority, then candidates with their number in file order.
type Draft = BTreeMap<std::cmp::Reverse<i32>, Vec<Candidate>>;

// === impl Router ===

impl Router {
    /// Compiles the routes of a site.
    pub(crate) fn new(listeners: &[Listener], routes: &[Route]) -> Self {
        #[derive(Default)]
        struct Drafts {
            exact: HashMap<Box<str>, Draft>,
            wildcard: HashMap<Box<str>, Draft>,
            any: Draft,
        }
        let mut drafts: Vec<Drafts> = listeners.iter().map(|_| Drafts::default()).collect();
        let mut regexes = RegexCache::default();
        for (number, route) in routes.iter().enumerate() {
            let entries: Vec<Arc<Entry>> = route.entries.iter().cloned().map(Arc::new).collect();
            let add = |draft: &mut Draft| {
                let level = draft.entry(std::cmp::Reverse(*route.priority)).or_default();
                level.extend(
                    entries
                        .iter()
                        .map(|entry| Candidate { route: RouteId(number), entry: entry.clone() }),
                );
            };
            for listener in &route.listeners {
                let Some(drafts) = drafts.get_mut(listener.0) else {
                    continue;
                };
                if route.hostnames.is_empty() {
                    add(&mut drafts.any);
                }
                for name in unique(&route.hostnames) {
                    let table =
                        if name.is_wildcard() { &mut drafts.wildcard } else { &mut drafts.exact };
                    add(table.entry(name.name().into()).or_default());
                }
            }
        }
        let mut tables = |drafts: HashMap<Box<str>, Draft>| -> HashMap<Box<str>, Table> {
            drafts
                .into_iter()
                .map(|(name, draft)| (name, Table::new(draft, &mut regexes)))
                .collect()
        };
        let mut compiled = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let (exact, wildcard) = (tables(draft.exact), tables(draft.wildcard));
            compiled.push((exact, wildcard, draft.any));
        }
        Self {
            listeners: compiled
                .into_iter()
                .map(|(exact, wildcard, any)| Hosts {
                    exact,
                    wildcard,
                    any: Table::new(any, &mut regexes),
                })
                .collect(),
        }
    }

    /// Chooses (`route/listener` to `route/none`).
    pub(crate) fn route(&self, request: &Request<'_>) -> Outcome {
        let (host, target) = request.host_and_path();
        let path = match NormalPath::parse(target) {
            Ok(path) => path,
            Err(problem) => return Outcome::BadRequest(problem),
        };
        let Some(hosts) = self.listeners.get(request.listener.0) else {
            return Outcome::NotFound;
        };
        let websocket = request.is_websocket();
        let holds = |entry: &Entry| hold(entry, request, &path, websocket);
        let table = hosts.claim(host.unwrap_or_default());
        match table.0.iter().find_map(|level| level.choose(path.path(), &holds)) {
            Some(route) => Outcome::Route { route, websocket },
            None => Outcome::NotFound,
        }
    }
}

/// Each name once: a name that stands twice must not rank its route twice.
fn unique(names: &[crate::located::Located<Hostname>]) -> impl Iterator<Item = &Hostname> {
    names
        .iter()
        .enumerate()
        .filter(|(at, name)| !names[..*at].contains(name))
        .map(|(_, name)| &name.value)
}

// === impl Hosts ===

impl Hosts {
    /// The routes of the most specific name that claims a host (`route/host`).
    fn claim(&self, authority: &str) -> &Table {
        let host = Hostname::canonical_host(authority);
        if host.len() > MAX_HOST {
            return &self.any;
        }
        if let Some(table) = self.exact.get(host.as_str()) {
            return table;
        }
        if !self.wildcard.is_empty() {
            let mut rest = host.as_str();
            while let Some((label, suffix)) = rest.split_once('.') {
                // The star stands for at least one label, and a label is never empty.
                if !(label.is_empty() && rest.len() == host.len())
                    && let Some(table) = self.wildcard.get(suffix)
                {
                    return table;
                }
                rest = suffix;
            }
        }
        &self.any
    }
}

// === impl Table ===

impl Table {
    fn new(draft: Draft, regexes: &mut RegexCache) -> Self {
        Self(draft.into_values().map(|candidates| Level::new(candidates, regexes)).collect())
    }
}

// === impl Level ===

impl Level {
    fn new(candidates: Vec<Candidate>, regexes: &mut RegexCache) -> Self {
        let mut level = Self::default();
        let mut with_regex = Vec::new();
        let mut starts_with: HashMap<Box<str>, Vec<Candidate>> = HashMap::new();
        for candidate in candidates {
            match &candidate.entry.path {
                PathRule::Exact(path) => {
                    level.exact.entry(path.as_str().into()).or_default().push(candidate);
                }
                PathRule::Prefix(path) => {
                    level.longest_prefix = level.longest_prefix.max(path.prefix().len());
                    level.prefix.entry(path.prefix().into()).or_default().push(candidate);
                }
                PathRule::StartsWith(path) => {
                    starts_with.entry(path.as_str().into()).or_default().push(candidate);
                }
                PathRule::Regex(_) => with_regex.push(candidate),
            }
        }
        // Stable, so that equals stay in file order.
        let by_text = level.exact.values_mut().chain(level.prefix.values_mut());
        for list in by_text.chain(starts_with.values_mut()) {
            list.sort_by_key(|candidate| tie_rank(&candidate.entry));
        }
        level.starts_with = Beginnings::new(starts_with.into_iter().collect());
        level.regex = regexes.compile(with_regex);
        level
    }

    fn choose(&self, path: &str, holds: &dyn Fn(&Entry) -> bool) -> Option<RouteId> {
        let first = |list: &Vec<Candidate>| {
            list.iter().find(|candidate| holds(&candidate.entry)).map(|candidate| candidate.route)
        };
        if let Some(route) = self.exact.get(path).and_then(first) {
            return Some(route);
        }
        let by_regex = match &self.regex {
            Regexes::None => None,
            Regexes::Few(few) => few
                .iter()
                .find(|(regex, candidate)| {
                    holds(&candidate.entry) && regex.is_match(path.as_bytes())
                })
                .map(|(_, candidate)| candidate.route),
            Regexes::Many(set, candidates) => set
                .matches(path.as_bytes())
                .into_iter()
                .map(|at| &candidates[at])
                .find(|candidate| holds(&candidate.entry))
                .map(|candidate| candidate.route),
        };
        if by_regex.is_some() {
            return by_regex;
        }
        let mut texts = self.starts_with.of(path).peekable();
        if self.prefix.is_empty() {
            return texts.find_map(|(_, list)| first(list));
        }
        let mut prefix = path;
        loop {
            // Of two that are as long, the segments go first (`route/precedence`).
            while let Some((_, list)) = texts.next_if(|(length, _)| *length > prefix.len()) {
                if let Some(route) = first(list) {
                    return Some(route);
                }
            }
            if prefix.len() <= self.longest_prefix
                && let Some(route) = self.prefix.get(prefix).and_then(first)
            {
                return Some(route);
            }
            // Cuts the last segment off; the root is the empty prefix.
            prefix = &prefix[..prefix.rfind('/')?];
        }
    }
}

/// Every pattern compiled once.
#[derive(Default)]
struct RegexCache(HashMap<String, Option<Arc<Regex>>>);

impl RegexCache {
    fn compile(&mut self, candidates: Vec<Candidate>) -> Regexes {
        let pattern = |candidate: &Candidate| match &candidate.entry.path {
            PathRule::Regex(pattern) => pattern.as_str().to_owned(),
            _ => String::new(),
        };
        if candidates.is_empty() {
            return Regexes::None;
        }
        if candidates.len() > FEW {
            let set = RegexSetBuilder::new(candidates.iter().map(pattern))
                .unicode(false)
                .size_limit(1 << 30)
                .dfa_size_limit(1 << 24)
                .build();
            // Each pattern compiled alone when it was read; only the size of all together can fail here,
            // and then they run one after the other.
            if let Ok(set) = set {
                return Regexes::Many(set, candidates);
            }
        }
        let few = candidates.into_iter().filter_map(|candidate| {
            let compiled = self.0.entry(pattern(&candidate)).or_insert_with_key(|pattern| {
                RegexBuilder::new(pattern).unicode(false).build().ok().map(Arc::new)
            });
            Some((compiled.clone()?, candidate))
        });
        Regexes::Few(few.collect())
    }
}
