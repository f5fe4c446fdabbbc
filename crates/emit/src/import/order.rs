//! From an ordered list of routes to a model: which hosts they claim, which of them no request reaches, and a priority where
//! the model's own order is another one.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::draft::{Draft, Item, Site};
use super::entry::Entry;
use super::hostnames::covers_host;
use super::ledger::Id;
use super::rules::{Route, Rule, routes};
use super::taken::{Place, Taken, places, wider};
use super::websocket_pairs::joined_pairs;

/// What became of rules.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// Directives of rules that no request reaches, each with one of the rule ahead that takes its requests.
    pub(crate) unreached: Vec<(Id, Id)>,
    /// The directives of each rule that has a placeholder somewhere, because a model cannot say for which requests it is.
    pub(crate) placeholders: Vec<Vec<Id>>,
}

/// Returns the routes that some request reaches.
fn reached(list: Vec<Route>, takers: &mut BTreeMap<Id, Id>) -> Vec<Route> {
    let mut earlier = Taken::default();
    let mut kept = Vec::with_capacity(list.len());
    for route in list {
        match earlier.taker_of(&route) {
            Some(taker) => {
                for id in &route.ids {
                    takers.entry(*id).or_insert(taker);
                }
            }
            None => {
                earlier.add(&route);
                kept.push(route);
            }
        }
    }
    kept
}

/// Returns a route as several, so that the same hosts are named on all listeners of each. `alike` has a number for each
/// listener, the same for those on which the same hosts are named.
fn alike(route: &Route, alike: &HashMap<String, usize>) -> Vec<Route> {
    let mut groups: Vec<Vec<String>> = Vec::new();
    for listener in &route.listeners {
        let same = |group: &&mut Vec<String>| {
            group.first().is_some_and(|first| alike.get(first) == alike.get(listener))
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(listener.clone()),
            None => groups.push(vec![listener.clone()]),
        }
    }
    groups.into_iter().map(|listeners| Route { listeners, ..route.clone() }).collect()
}

/// Returns the routes with every host that one of their listeners names: the model never lets a request of such a host fall to a route
/// that is for more hosts (`route/host`), so each route names those of them that are its own too.
fn claimed(list: Vec<Route>) -> Vec<Route> {
    let mut claims: HashMap<String, BTreeSet<String>> = HashMap::new();
    for route in &list {
        for listener in &route.listeners {
            let names = claims.entry(listener.clone()).or_default();
            names.extend(route.hosts.iter().chain(&route.not_hosts).cloned());
        }
    }
    let mut sets: Vec<&BTreeSet<String>> = Vec::new();
    let mut same: HashMap<String, usize> = HashMap::new();
    for (listener, names) in &claims {
        let at = sets.iter().position(|known| *known == names).unwrap_or_else(|| {
            sets.push(names);
            sets.len() - 1
        });
        same.insert(listener.clone(), at);
    }
    let mut all = Vec::with_capacity(list.len());
    for route in list.into_iter().flat_map(|route| alike(&route, &same)) {
        let none = BTreeSet::new();
        let names = route.listeners.first().and_then(|name| claims.get(name)).unwrap_or(&none);
        let free = |name: &&String| !route.not_hosts.iter().any(|not| covers_host(not, name));
        if route.hosts.is_empty() {
            let hosts: Vec<String> = names.iter().filter(free).cloned().collect();
            if !hosts.is_empty() {
                all.push(Route { hosts, not_hosts: Vec::new(), ..route.clone() });
            }
            all.push(Route { not_hosts: Vec::new(), ..route });
            continue;
        }
        let mut hosts: Vec<String> = Vec::new();
        for host in &route.hosts {
            // Only a wildcard has other names below it.
            let below = host.starts_with('*').then_some(names).into_iter().flatten();
            let below = below.filter(|name| *name != host && covers_host(host, name));
            for name in std::iter::once(host).chain(below).filter(free) {
                if !hosts.contains(name) {
                    hosts.push(name.clone());
                }
            }
        }
        if !hosts.is_empty() {
            all.push(Route { hosts, not_hosts: Vec::new(), ..route });
        }
    }
    all
}

impl Site {
    /// Adds the routes of rules, of which the first that holds decides. `unmatched` is what the server does with a request that
    /// no rule takes.
    pub(crate) fn settle_rules(&mut self, rules: &[Rule], unmatched: &Draft) -> Settled {
        let mut takers = BTreeMap::new();
        let list = joined_pairs(reached(routes(rules, unmatched), &mut takers));
        let list = split_hosts(claimed(list), &mut takers);
        let priorities = super::priority::priorities(&list);
        let mut settled = Settled::default();
        let mut alive: BTreeSet<Id> = BTreeSet::new();
        for (route, priority) in list.into_iter().zip(priorities) {
            alive.extend(&route.ids);
            if route.placeholder {
                settled.placeholders.push(route.ids.clone());
            }
            let mut fields = route.fields;
            fields.set(&["listeners"], route.listeners);
            if !route.hosts.is_empty() {
                fields.set(&["hostnames"], route.hosts);
            }
            if route.entries != [Entry::default()] {
                let entries: Vec<Draft> = route.entries.iter().map(Entry::draft).collect();
                fields.set(&["match"], Draft::List(entries));
            }
            if priority > 0 {
                fields.set(&["priority"], priority);
            }
            self.add_route_of(route.ids, &route.called, Item { origin: route.origin, fields });
        }
        settled.unreached = takers.into_iter().filter(|(id, _)| !alive.contains(id)).collect();
        self.unreached.extend(settled.unreached.iter().copied());
        settled.placeholders.sort_unstable();
        settled.placeholders.dedup();
        settled
    }
}

/// Whether another entry of the same route takes all requests of this one.
fn is_within(entry: &Entry, other: &Entry) -> bool {
    entry != other && entry.path == other.path && wider(entry).any(|wider| wider == *other)
}

/// Takes entries out of routes, where routes ahead take all of their requests; a route of which some hosts or listeners keep
/// other entries than the rest becomes several.
fn split_hosts(list: Vec<Route>, takers: &mut BTreeMap<Id, Id>) -> Vec<Route> {
    let mut earlier = Taken::default();
    let mut all = Vec::with_capacity(list.len());
    for route in list {
        let mut taker = None;
        // The entries that are left, by listener and host.
        let mut parts: Vec<(Vec<bool>, Vec<Place>)> = Vec::new();
        for place in places(&route) {
            let left: Vec<bool> = route
                .entries
                .iter()
                .map(|entry| {
                    let own = earlier.exact_taker(&place, entry);
                    taker = taker.or(own);
                    own.is_none() && !route.entries.iter().any(|other| is_within(entry, other))
                })
                .collect();
            match parts.iter_mut().find(|(known, _)| *known == left) {
                Some((_, places)) => places.push(place),
                None => parts.push((left, vec![place])),
            }
        }
        parts.retain(|(left, _)| left.contains(&true));
        if parts.is_empty() {
            for id in &route.ids {
                takers.entry(*id).or_insert(taker.unwrap_or(*id));
            }
            continue;
        }
        let before = all.len();
        for (left, places) in parts {
            let kept = route.entries.iter().zip(left).filter(|(_, left)| *left);
            let entries: Vec<Entry> = kept.map(|(entry, _)| entry.clone()).collect();
            all.extend(by_listener(&places).into_iter().map(|(listeners, hosts)| Route {
                listeners,
                hosts,
                entries: entries.clone(),
                ..route.clone()
            }));
        }
        for route in &all[before..] {
            earlier.add(route);
        }
    }
    all
}

/// Listeners and hosts as few lists of both.
fn by_listener(places: &[Place]) -> Vec<(Vec<String>, Vec<String>)> {
    let mut hosts: Vec<(String, Vec<String>)> = Vec::new();
    for (listener, host) in places {
        match hosts.iter_mut().find(|(known, _)| known == listener) {
            Some((_, known)) => known.extend(host.clone()),
            None => hosts.push((listener.clone(), host.iter().cloned().collect())),
        }
    }
    let mut all: Vec<(Vec<String>, Vec<String>)> = Vec::new();
    for (listener, hosts) in hosts {
        match all.iter_mut().find(|(_, known)| *known == hosts) {
            Some((listeners, _)) => listeners.push(listener),
            None => all.push((vec![listener], hosts)),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::import::condition::{Clause, Condition};
    use crate::import::matcher::PathMatcher;
    use crate::import::rules::Bound;

    fn rule(id: Id, hosts: &[&str], path: &str) -> Rule {
        let clause = Clause {
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            paths: PathMatcher::prefix(path).into_iter().collect(),
            ..Clause::default()
        };
        Rule {
            ids: vec![id],
            origin: String::new(),
            called: id.to_string(),
            bounds: Rc::new([Bound { name: "web".to_owned(), tls: false }]),
            condition: Condition::of(clause),
            fields: Draft::of("upstream", id as u64),
        }
    }

    fn settled(rules: &[Rule]) -> (Vec<String>, Settled) {
        let mut site = Site::new(None);
        let settled = site.settle_rules(rules, &Draft::of("upstream", "none"));
        let tell = |item: &Item| {
            let hosts = match item.fields.get(&["hostnames"]) {
                Some(Draft::List(list)) => list.iter().filter_map(|host| host.text(&[])).collect(),
                _ => vec!["any"],
            };
            format!("{} {}", item.fields.text(&["upstream"]).unwrap_or_default(), hosts.join("+"))
        };
        (site.routes.iter().map(tell).collect(), settled)
    }

    #[test]
    fn a_route_names_every_claimed_host_that_is_its_own() {
        let (routes, _) = settled(&[rule(1, &["*.a.test"], "/x"), rule(2, &["b.a.test"], "/")]);
        assert_eq!(routes, ["1 *.a.test+b.a.test", "2 b.a.test"]);
        let (routes, _) =
            settled(&[rule(1, &[], "/x"), rule(2, &["a.test"], "/"), rule(3, &[], "/")]);
        assert_eq!(routes, ["1 a.test", "1 any", "2 a.test", "3 any"]);
        // A wildcard that takes all leaves nothing to the name below it.
        let (routes, settled) =
            settled(&[rule(1, &["*.a.test"], "/"), rule(2, &["b.a.test"], "/")]);
        assert_eq!(routes, ["1 *.a.test"]);
        assert_eq!(settled.unreached, [(2, 1)]);
    }

    #[test]
    fn an_entry_that_a_route_ahead_takes_is_in_no_other() {
        let either = Condition::of(Clause {
            paths: ["/a", "/b"].into_iter().filter_map(PathMatcher::prefix).collect(),
            ..Clause::default()
        });
        let both = Rule { condition: either, ..rule(2, &[], "/") };
        let mut site = Site::new(None);
        site.settle_rules(&[rule(1, &["a.test"], "/a"), both], &Draft::map());
        let matches = |item: &Item| {
            let hosts = item.fields.get(&["hostnames"]).is_some();
            let Some(Draft::List(entries)) = item.fields.get(&["match"]) else { return (hosts, 0) };
            (hosts, entries.len())
        };
        let all: Vec<_> = site.routes.iter().map(matches).collect();
        assert_eq!(all, [(true, 1), (true, 1), (false, 2)]);
    }

    #[test]
    fn a_wildcard_takes_no_host_that_it_is_not_for() {
        let mut wide = rule(1, &["*.test"], "/");
        wide.condition = wide.condition.and(&Condition::of(Clause {
            not_hosts: vec!["*.deep.test".to_owned()],
            ..Clause::default()
        }));
        let (routes, settled) = settled(&[wide, rule(2, &["*.deep.test"], "/")]);
        assert_eq!(routes, ["1 *.test", "2 *.deep.test"]);
        assert_eq!(settled.unreached, []);
    }

    #[test]
    fn a_route_of_all_other_hosts_takes_all_of_theirs() {
        let mut others = rule(1, &[], "/");
        let not_hosts = vec!["b.test".to_owned()];
        others.condition =
            others.condition.and(&Condition::of(Clause { not_hosts, ..Clause::default() }));
        let (routes, _) = settled(&[others, rule(2, &["*.test"], "/")]);
        assert_eq!(routes, ["1 *.test", "1 any", "2 b.test"]);
    }

    #[test]
    fn dead_rules_are_told_with_what_takes_their_requests() {
        let (routes, settled) =
            settled(&[rule(1, &[], "/"), rule(2, &[], "/a"), rule(3, &[], "/")]);
        assert_eq!(routes, ["1 any"]);
        assert_eq!(settled.unreached, [(2, 1), (3, 1)]);
    }
}
