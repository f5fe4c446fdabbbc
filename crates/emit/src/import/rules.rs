//! Rules in a server's order of evaluation, of which the first that holds decides, as routes of a model.
//!
//! A model's route says for which requests it is, never for which it is not. So whatever a rule excludes (`!ws`, `unless
//! path_beg /x`) goes to the rules behind it: those are repeated ahead of it, for the excluded requests alone. The list of
//! routes is built from the last rule to the first, and no list is edited while it is walked.

use std::collections::VecDeque;
use std::rc::Rc;

use super::condition::{Clause, Condition, common_host};
use super::draft::Draft;
use super::entry::{Entry, sort};
use super::hostnames::covers_host;
use super::ledger::Id;
use super::matcher::{Common, PathMatcher};
use super::placeholder::placeholder;

/// A listener that rules hold for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bound {
    /// The listener's name in the model.
    pub(crate) name: String,
    /// Whether clients come by TLS.
    pub(crate) tls: bool,
}

/// One rule: the requests that it is for, and what becomes of them.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    /// The directives that it is made of.
    pub(crate) ids: Vec<Id>,
    /// Where the rule stands: `haproxy.cfg:14`.
    pub(crate) origin: String,
    /// What a person would call it.
    pub(crate) called: String,
    /// The listeners that it holds for.
    pub(crate) bounds: Rc<[Bound]>,
    /// The requests that it is for.
    pub(crate) condition: Condition,
    /// The fields of its routes.
    pub(crate) fields: Draft,
}

/// A route on its way: its place in the list is its order of evaluation.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    /// The directives that it is made of.
    pub(crate) ids: Vec<Id>,
    pub(crate) origin: String,
    pub(crate) called: String,
    pub(crate) listeners: Vec<String>,
    /// Hosts; any where empty.
    pub(crate) hosts: Vec<String>,
    /// Hosts that fall to the routes behind it.
    pub(crate) not_hosts: Vec<String>,
    /// Entries of which one must fit.
    pub(crate) entries: Vec<Entry>,
    pub(crate) fields: Draft,
    /// Whether it is for requests that ask for no WebSocket; handshakes have a route ahead of it.
    pub(crate) plain: bool,
    /// Whether it refuses requests because their rule was not read in full.
    pub(crate) placeholder: bool,
}

/// Returns the routes of rules, in their order. `unmatched` is what becomes of a request that no rule takes, for the requests
/// that a rule excludes.
pub(crate) fn routes(rules: &[Rule], unmatched: &Draft) -> Vec<Route> {
    let mut all: VecDeque<Route> = VecDeque::new();
    for rule in rules.iter().rev() {
        // The routes of the clauses that stand behind: what one clause excludes may be another's.
        let mut ahead: Vec<Route> = Vec::new();
        for clause in rule.condition.clauses().iter().rev() {
            let Some(route) = Route::of(rule, clause) else { continue };
            let mut copies: Vec<Route> = Vec::new();
            for excluded in exclusions(&route, clause) {
                for copy in restricted(ahead.iter().chain(&all), &excluded, unmatched) {
                    if !copies.iter().any(|known| known.is_like(&copy)) {
                        copies.push(copy);
                    }
                }
            }
            let joined = ahead.first().filter(|_| copies.is_empty());
            match joined.filter(|next| next.ids == route.ids).and_then(|next| route.joined(next)) {
                Some(joined) => ahead[0] = joined,
                None => {
                    copies.push(route);
                    copies.append(&mut ahead);
                    ahead = copies;
                }
            }
        }
        for route in ahead.into_iter().rev() {
            all.push_front(route);
        }
    }
    all.into()
}

/// The requests that a clause is not for, as routes without fields that say which they are.
fn exclusions(route: &Route, clause: &Clause) -> Vec<Route> {
    let mut all = Vec::new();
    if route.plain {
        let handshake = |entry: &Entry| Entry { websocket: true, ..entry.clone() };
        let entries = route.entries.iter().map(handshake).collect();
        all.push(Route { entries, plain: false, ..route.clone() });
    }
    for path in &clause.not_paths {
        let mut entries = Vec::new();
        for entry in &route.entries {
            let common =
                entry.path.as_ref().map_or(Common::Both(path.clone()), |own| own.common(path));
            let path = match common {
                Common::Nothing => continue,
                Common::Both(common) => common,
                // Requests that only the excluded path fits are no requests of the rule anyway.
                Common::Unsaid => path.clone(),
            };
            // Every path of this kind is excluded, whatever else the entry asks for.
            let entry = Entry { path: Some(path), ..Entry::default() };
            if !entries.contains(&entry) {
                entries.push(entry);
            }
        }
        if !entries.is_empty() {
            all.push(Route { entries, plain: false, ..route.clone() });
        }
    }
    for not in &clause.not_entries {
        let mut entries = Vec::new();
        for entry in &route.entries {
            let common = match entry.common(not) {
                Common::Nothing => continue,
                Common::Both(common) => common,
                Common::Unsaid => not.clone(),
            };
            if !entries.contains(&common) {
                entries.push(common);
            }
        }
        if !entries.is_empty() {
            all.push(Route { entries, plain: false, ..route.clone() });
        }
    }
    all
}

/// Returns what the routes of a list do with some requests: copies that are for these alone, up to one that takes all of
/// them, or `unmatched` at the end.
fn restricted<'r>(
    list: impl Iterator<Item = &'r Route>,
    requests: &Route,
    unmatched: &Draft,
) -> Vec<Route> {
    let mut all: Vec<Route> = Vec::new();
    for route in list {
        match route.restricted(requests) {
            Restricted::Nothing => {}
            Restricted::Some(copy) => all.push(copy),
            Restricted::All(copy) => {
                all.push(copy);
                return all;
            }
            // Which of these requests the route takes cannot be said, so none of them goes on.
            Restricted::Unsaid => {
                all.push(Route {
                    fields: placeholder(),
                    placeholder: true,
                    // The rule that excludes them is a cause of it too.
                    ids: [route.ids.as_slice(), &requests.ids].concat(),
                    ..requests.clone()
                });
                return all;
            }
        }
    }
    all.push(Route { fields: unmatched.clone(), ..requests.clone() });
    all
}

/// What a route does with some requests.
enum Restricted {
    Nothing,
    Some(Route),
    All(Route),
    Unsaid,
}

impl Route {
    /// The route of one clause of a rule; nothing where it holds for no listener or path.
    fn of(rule: &Rule, clause: &Clause) -> Option<Self> {
        let fits = |bound: &&Bound| clause.tls.is_none_or(|tls| tls == bound.tls);
        let mut listeners: Vec<String> = Vec::new();
        for bound in rule.bounds.iter().filter(fits) {
            if !listeners.contains(&bound.name) {
                listeners.push(bound.name.clone());
            }
        }
        let none = listeners.is_empty() || clause.not_paths.iter().any(PathMatcher::is_root);
        if none {
            return None;
        }
        let paths = match clause.paths.as_slice() {
            [] => vec![None],
            paths => paths.iter().cloned().map(Some).collect(),
        };
        let (mut headers, mut query) = (clause.headers.clone(), clause.query.clone());
        sort(&mut headers);
        sort(&mut query);
        let entry = |path: Option<PathMatcher>| Entry {
            path: path.filter(|path| !path.is_root()),
            methods: clause.methods.clone(),
            headers: headers.clone(),
            query: query.clone(),
            websocket: clause.websocket == Some(true),
        };
        Some(Self {
            ids: rule.ids.clone(),
            origin: rule.origin.clone(),
            called: rule.called.clone(),
            listeners,
            hosts: clause.hosts.clone(),
            not_hosts: clause.not_hosts.clone(),
            entries: paths.into_iter().map(entry).collect(),
            fields: if clause.partly_read { placeholder() } else { rule.fields.clone() },
            plain: clause.websocket == Some(false),
            placeholder: clause.partly_read,
        })
    }

    /// Whether it says the same of the same requests.
    fn is_like(&self, other: &Self) -> bool {
        self.fields == other.fields
            && self.entries == other.entries
            && self.hosts == other.hosts
            && self.not_hosts == other.not_hosts
            && self.listeners == other.listeners
            && self.plain == other.plain
    }

    /// Returns one route for both of a rule's routes that differ in their entries, hosts or listeners alone.
    fn joined(&self, other: &Self) -> Option<Self> {
        let alike = self.called == other.called
            && self.fields == other.fields
            && self.plain == other.plain
            && self.placeholder == other.placeholder
            && self.not_hosts == other.not_hosts;
        let same = (
            self.hosts == other.hosts,
            self.entries == other.entries,
            self.listeners == other.listeners,
        );
        let mut joined = self.clone();
        let add = |own: &mut Vec<String>, more: &[String]| {
            own.extend(more.iter().filter(|value| !self.hosts.contains(value)).cloned());
        };
        match same {
            _ if !alike => return None,
            (true, _, true) => {
                let new = |entry: &&Entry| !self.entries.contains(entry);
                joined.entries.extend(other.entries.iter().filter(new).cloned());
            }
            // No host at all is every host.
            (false, true, true) if !self.hosts.is_empty() && !other.hosts.is_empty() => {
                add(&mut joined.hosts, &other.hosts);
            }
            (true, true, false) => joined.listeners.extend(
                other.listeners.iter().filter(|name| !self.listeners.contains(name)).cloned(),
            ),
            _ => return None,
        }
        Some(joined)
    }

    /// What the route does with the requests of another.
    fn restricted(&self, requests: &Self) -> Restricted {
        let listeners: Vec<String> = requests
            .listeners
            .iter()
            .filter(|name| self.listeners.contains(name))
            .cloned()
            .collect();
        let mut hosts: Vec<String> = match (self.hosts.as_slice(), requests.hosts.as_slice()) {
            (own, []) => own.to_vec(),
            ([], asked) => {
                asked.iter().filter(|host| !self.not_hosts.contains(host)).cloned().collect()
            }
            (own, asked) => asked
                .iter()
                .flat_map(|host| own.iter().filter_map(move |own| common_host(own, host)))
                .collect(),
        };
        let excluded = |host: &String| {
            let mut not = self.not_hosts.iter().chain(&requests.not_hosts);
            not.any(|not| covers_host(not, host))
        };
        hosts.retain(|host| !excluded(host));
        let no_host = hosts.is_empty() && !(self.hosts.is_empty() && requests.hosts.is_empty());
        if listeners.is_empty() || no_host {
            return Restricted::Nothing;
        }
        let mut entries: Vec<Entry> = Vec::new();
        for asked in &requests.entries {
            // A plain route takes no handshake.
            if self.plain && asked.websocket {
                continue;
            }
            // Where one takes all of them, what the others take is no question.
            let whole = self.entries.iter().find(|own| asked.is_within(own));
            for own in whole.map_or(self.entries.as_slice(), std::slice::from_ref) {
                match own.common(asked) {
                    Common::Unsaid => return Restricted::Unsaid,
                    Common::Nothing => {}
                    Common::Both(common) if entries.contains(&common) => {}
                    Common::Both(common) => entries.push(common),
                }
            }
        }
        if entries.is_empty() {
            return Restricted::Nothing;
        }
        let whole = listeners == requests.listeners
            && (self.hosts.is_empty() || hosts == requests.hosts)
            && self.not_hosts.iter().all(|host| requests.not_hosts.contains(host))
            && requests.entries.iter().all(|entry| entries.contains(entry))
            && (!self.plain || requests.plain);
        let copy = Self {
            listeners,
            hosts,
            entries,
            not_hosts: [self.not_hosts.as_slice(), &requests.not_hosts].concat(),
            ..self.clone()
        };
        if whole { Restricted::All(copy) } else { Restricted::Some(copy) }
    }
}

#[cfg(test)]
mod tests;
