//! Routes on their way: one for each way in which a rule holds, until hosts, order and names are settled.

use std::collections::BTreeSet;

use super::draft::{Draft, Item, Site};
use super::ledger::Id;
use super::twins::{pairs, twins};
use super::way::Ways;

/// A listener that rules hold for.
#[derive(Debug, Clone)]
pub(crate) struct Bound {
    pub(crate) name: String,
    pub(crate) tls: bool,
}

/// So many rules are compared with each other.
const MANY: usize = 2_000;

/// A route on its way.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    /// The rules that it is made of.
    pub(crate) ids: Vec<Id>,
    pub(crate) origin: String,
    /// What a person would call it.
    pub(crate) called: String,
    pub(crate) listeners: Vec<String>,
    pub(crate) hosts: Vec<String>,
    pub(crate) entries: Vec<Draft>,
    pub(crate) fields: Draft,
    /// Whether it is for requests that ask for no WebSocket.
    pub(crate) plain: bool,
    /// Paths and hosts that it is not for.
    pub(crate) but_paths: Vec<Draft>,
    pub(crate) but_hosts: Vec<String>,
}

impl Choice {
    /// One that asks for one entry, of any host and listener.
    pub(crate) fn of(id: Id, origin: String, entry: Draft, fields: Draft) -> Self {
        Self {
            ids: vec![id],
            origin,
            called: String::new(),
            listeners: vec![String::new()],
            hosts: Vec::new(),
            entries: vec![entry],
            fields,
            plain: false,
            but_paths: Vec::new(),
            but_hosts: Vec::new(),
        }
    }
}

/// One route for each way in which a rule holds; the origin is where the rule stands.
pub(crate) fn choose(
    (id, origin): (Id, &str),
    called: &str,
    bounds: &[Bound],
    ways: &Ways,
    fields: &Draft,
    choices: &mut Vec<Choice>,
) {
    for way in ways {
        let fits = |bound: &&Bound| way.tls.is_none_or(|tls| tls == bound.tls);
        let mut listeners: Vec<String> = Vec::new();
        for bound in bounds.iter().filter(fits) {
            if !listeners.contains(&bound.name) {
                listeners.push(bound.name.clone());
            }
        }
        if listeners.is_empty() {
            continue;
        }
        let mut entries = Vec::new();
        let paths =
            if way.paths.is_empty() { vec![None] } else { way.paths.iter().map(Some).collect() };
        for path in paths {
            let mut entry = Draft::map();
            if let Some(path) = path.filter(|path| **path != Draft::of("prefix", "/")) {
                entry.set(&["path"], path.clone());
            }
            if !way.methods.is_empty() {
                entry.set(&["methods"], way.methods.clone());
            }
            let fields = way.headers.iter().map(|pair| ("headers", pair));
            for (kind, (name, value)) in fields.chain(way.query.iter().map(|pair| ("query", pair)))
            {
                let value = value.clone().map_or_else(|| Draft::Plain("null".into()), Draft::from);
                entry.set(&[kind, name], value);
            }
            if way.upgrade == Some(true) {
                entry.set(&["upgrade"], "websocket");
            }
            entries.push(entry);
        }
        let made = Choice {
            ids: vec![id],
            origin: origin.to_owned(),
            called: called.to_owned(),
            listeners,
            hosts: way.hosts.clone(),
            entries,
            fields: fields.clone(),
            plain: way.upgrade == Some(false),
            but_paths: way.but_paths.clone(),
            but_hosts: way.but_hosts.clone(),
        };
        // Ways of one rule that differ in one thing are one route; they stand side by side.
        let alike =
            choices.iter_mut().rev().take_while(|choice| choice.ids == made.ids).find(|choice| {
                choice.called == made.called
                    && choice.fields == made.fields
                    && choice.plain == made.plain
                    && choice.but_paths == made.but_paths
                    && choice.but_hosts == made.but_hosts
            });
        match alike {
            Some(known) if known.listeners == made.listeners && known.hosts == made.hosts => {
                known.entries.extend(made.entries);
            }
            Some(known) if known.listeners == made.listeners && known.entries == made.entries => {
                known.hosts.extend(made.hosts);
            }
            Some(known) if known.hosts == made.hosts && known.entries == made.entries => {
                known.listeners.extend(made.listeners);
            }
            _ => choices.push(made),
        }
    }
}

/// What a rule is not for goes on to the next that takes it: that one is put ahead of it, for these paths alone.
fn exceptions(choices: &mut Vec<Choice>) {
    let mut at = 0;
    while at < choices.len() {
        let paths = std::mem::take(&mut choices[at].but_paths);
        if paths.contains(&Draft::of("prefix", "/")) {
            // It is for no request at all.
            choices.remove(at);
            continue;
        }
        for path in paths {
            let kinds = ["prefix", "exact", "starts_with"];
            let wanted = kinds.iter().find_map(|kind| path.text(&[kind])).unwrap_or("/").to_owned();
            // What begins with a text may go on within its last segment.
            let folder = match path.text(&["starts_with"]) {
                Some(text) => text.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned(),
                None => wanted.clone(),
            };
            let own = choices[at].clone();
            let takes = |other: &&Choice| {
                own.listeners.iter().all(|listener| other.listeners.contains(listener))
                    && !other.but_paths.contains(&path)
                    && (other.hosts.is_empty() || other.hosts == own.hosts)
                    && other.entries.iter().any(|entry| {
                        let whole = *entry == Draft::map();
                        whole
                            || entry
                                .text(&["path", "prefix"])
                                .is_some_and(|prefix| below(&folder, prefix))
                            || entry
                                .text(&["path", "starts_with"])
                                .is_some_and(|text| wanted.starts_with(text))
                    })
            };
            let next = choices[at + 1..].iter().find(takes).cloned();
            let fields = next.map_or_else(
                // Nobody takes it: files did, or nothing.
                || Draft::of("respond", Draft::of("status", 404_u64)),
                |next| next.fields,
            );
            let entries = vec![Draft::of("path", path)];
            let known = choices[..at].iter().any(|other| {
                other.entries == entries
                    && other.hosts == own.hosts
                    && other.listeners == own.listeners
            });
            if !known {
                choices.insert(at, Choice { entries, fields, plain: false, ..own });
                at += 1;
            }
        }
        at += 1;
    }
}

/// Whether a path is a prefix or below it.
pub(crate) fn below(path: &str, prefix: &str) -> bool {
    let bare = prefix.trim_end_matches('/');
    path.strip_prefix(bare).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Site {
    /// Hosts that are claimed, the order of rules, and names. Gives the rules that no request comes to.
    pub(crate) fn settle(&mut self, mut choices: Vec<Choice>) -> Vec<Id> {
        let mut unreached: Vec<Id> = choices.iter().flat_map(|choice| choice.ids.clone()).collect();
        exceptions(&mut choices);
        twins(&mut choices);
        pairs(&mut choices);
        // What a rule is not for is claimed by those behind it.
        let named = |choice: &Choice| [choice.hosts.clone(), choice.but_hosts.clone()].concat();
        let mut claimed: Vec<String> = choices.iter().flat_map(named).collect();
        claimed.sort();
        claimed.dedup();
        let mut all: Vec<Choice> = Vec::new();
        let mut seen: BTreeSet<(Option<String>, String, String)> = BTreeSet::new();
        for choice in choices {
            let key = |host: Option<&String>, listener: &String, entry: &Draft| {
                (host.cloned(), listener.clone(), format!("{entry:?}"))
            };
            let taken = |host: Option<&String>| {
                choice.listeners.iter().any(|listener| {
                    seen.contains(&key(host, listener, &Draft::map()))
                        || choice
                            .entries
                            .iter()
                            .any(|entry| seen.contains(&key(host, listener, entry)))
                })
            };
            let mut added: Vec<Choice> = Vec::new();
            if choice.hosts.is_empty() {
                // A host that is claimed never falls to routes without hostnames.
                let free = |host: &&String| !choice.but_hosts.contains(host) && !taken(Some(host));
                let hosts: Vec<String> = claimed.iter().filter(free).cloned().collect();
                let rest = !taken(None);
                if !hosts.is_empty() {
                    added.push(Choice { hosts, ..choice.clone() });
                }
                if rest {
                    added.push(choice);
                }
            } else {
                let free = |host: &&String| !choice.but_hosts.contains(host) && !taken(Some(host));
                let hosts: Vec<String> = choice.hosts.iter().filter(free).cloned().collect();
                if !hosts.is_empty() {
                    added.push(Choice { hosts, ..choice });
                }
            }
            for one in added {
                let hosts: Vec<Option<&String>> = if one.hosts.is_empty() {
                    vec![None]
                } else {
                    one.hosts.iter().map(Some).collect()
                };
                for host in hosts {
                    for listener in &one.listeners {
                        seen.extend(one.entries.iter().map(|entry| key(host, listener, entry)));
                    }
                }
                all.push(one);
            }
        }
        let ordered = ordered(&all);
        let reached: BTreeSet<Id> = all.iter().flat_map(|choice| choice.ids.clone()).collect();
        unreached.retain(|id| !reached.contains(id));
        let count = all.len() as u64;
        for (at, choice) in all.into_iter().enumerate() {
            let mut fields = choice.fields;
            fields.set(&["listeners"], choice.listeners);
            if !choice.hosts.is_empty() {
                fields.set(&["hostnames"], choice.hosts);
            }
            put_entries(choice.entries, &mut fields);
            if !ordered {
                fields.set(&["priority"], count - at as u64);
            }
            self.add_route(&choice.called, Item { origin: choice.origin, fields });
        }
        unreached
    }
}

/// Whether the model's own order of routes is that of these.
fn ordered(all: &[Choice]) -> bool {
    let falls = all.windows(2).all(|pair| rank(&pair[0]) >= rank(&pair[1]));
    // Among very many, nobody looks for pairs that never meet.
    falls
        || all.len() <= MANY
            && all.iter().enumerate().all(|(at, first)| {
                all[at + 1..].iter().all(|second| {
                    let apart = !first.listeners.iter().any(|l| second.listeners.contains(l))
                        || (first.hosts.is_empty() != second.hosts.is_empty())
                        || (!first.hosts.is_empty()
                            && !first.hosts.iter().any(|h| second.hosts.contains(h)));
                    apart || disjoint(first, second) || rank(first) >= rank(second)
                })
            })
}

fn put_entries(all: Vec<Draft>, fields: &mut Draft) {
    let mut entries: Vec<Draft> = Vec::new();
    for entry in all {
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    }
    if entries != [Draft::map()] {
        fields.set(&["match"], Draft::List(entries));
    }
}

/// Routes of one host in an order of their own; `priority` is written where the model has another.
pub(crate) fn priorities(mut choices: Vec<Choice>) -> Vec<Item> {
    pairs(&mut choices);
    let (ordered, count) = (ordered(&choices), choices.len() as u64);
    let item = |(at, choice): (usize, Choice)| {
        let mut fields = choice.fields;
        put_entries(choice.entries, &mut fields);
        if !ordered {
            fields.set(&["priority"], count - at as u64);
        }
        Item { origin: choice.origin, fields }
    };
    choices.into_iter().enumerate().map(item).collect()
}

/// Whether no path belongs to both.
fn disjoint(one: &Choice, other: &Choice) -> bool {
    let text = |entry: &Draft, kind: &str| entry.text(&["path", kind]).map(str::to_owned);
    // What every path begins with that a regex fits.
    let start = |entry: &Draft| {
        if let Some(start) = text(entry, "starts_with") {
            return Some(start);
        }
        let pattern = text(entry, "regex")?;
        let body = pattern.strip_prefix('^')?.to_owned();
        let end = body.find(|c: char| "\\.+*?()[]{}|^$".contains(c)).unwrap_or(body.len());
        // A letter that may be missing, or one of two branches, is none.
        let optional =
            body[end..].starts_with(['?', '*', '{']) || body.contains('|') && !body.contains('(');
        let end = if optional { 0 } else { end };
        Some(body[..end].to_owned())
    };
    let apart = |a: &Draft, b: &Draft| {
        let place = |entry: &Draft| text(entry, "exact").or_else(|| text(entry, "prefix"));
        match (place(a), place(b)) {
            (Some(first), Some(second)) => {
                first != second
                    && (text(b, "exact").is_some() || !below(&first, &second))
                    && (text(a, "exact").is_some() || !below(&second, &first))
            }
            (first, second) => match (first.or_else(|| start(a)), second.or_else(|| start(b))) {
                (Some(first), Some(second)) => {
                    !first.starts_with(&second) && !second.starts_with(&first)
                }
                _ => false,
            },
        }
    };
    one.entries.iter().all(|a| other.entries.iter().all(|b| apart(a, b)))
}

/// How the model ranks the weakest entry of a route: exact, regex, then the length of a prefix; then what else it asks.
fn rank(choice: &Choice) -> (usize, usize, bool, bool, bool, bool) {
    let of = |entry: &Draft| {
        let (kind, length) = if entry.get(&["path", "exact"]).is_some() {
            (3, 0)
        } else if entry.get(&["path", "regex"]).is_some() {
            (2, 0)
        } else {
            // Of two that are as long, the prefix goes first.
            let length = |kind| entry.text(&["path", kind]).map(str::len);
            let text = length("starts_with").map(|length| 2 * length);
            (1, text.unwrap_or(length("prefix").map_or(0, |length| 2 * length + 1)))
        };
        let has = |key: &str| entry.get(&[key]).is_some();
        (kind, length, has("methods"), has("headers"), has("query"), has("upgrade"))
    };
    choice.entries.iter().map(of).min().unwrap_or_default()
}
