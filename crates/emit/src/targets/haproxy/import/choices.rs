//! Routes on their way: one for each way in which a rule holds, until hosts, order and names are settled.

use super::bind::Bound;
use super::condition::Ways;
use super::scope::Importer;
use crate::import::draft::{Draft, Item, name, unused};
use crate::import::ledger::Id;

/// A route on its way.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub(super) origin: String,
    /// What a person would call it.
    pub(super) called: String,
    pub(super) listeners: Vec<String>,
    pub(super) hosts: Vec<String>,
    pub(super) entries: Vec<Draft>,
    pub(super) fields: Draft,
}

impl Importer<'_> {
    /// One route for each way in which a condition holds.
    pub(super) fn choose(
        &mut self,
        id: Id,
        called: &str,
        bounds: &[Bound],
        ways: &Ways,
        fields: &Draft,
        choices: &mut Vec<Choice>,
    ) {
        for way in ways {
            let fits = |bound: &&Bound| way.tls.is_none_or(|tls| tls == bound.tls);
            let listeners: Vec<String> =
                bounds.iter().filter(fits).map(|bound| bound.name.clone()).collect();
            if listeners.is_empty() {
                continue;
            }
            let mut entries = Vec::new();
            let paths = if way.paths.is_empty() {
                vec![None]
            } else {
                way.paths.iter().map(Some).collect()
            };
            for path in paths {
                let mut entry = Draft::map();
                if let Some(path) = path.filter(|path| **path != Draft::of("prefix", "/")) {
                    entry.set(&["path"], path.clone());
                }
                if !way.methods.is_empty() {
                    entry.set(&["methods"], way.methods.clone());
                }
                for (name, value) in &way.headers {
                    let value =
                        value.clone().map_or_else(|| Draft::Plain("null".into()), Draft::Text);
                    entry.set(&["headers", name], value);
                }
                if way.upgrade {
                    entry.set(&["upgrade"], "websocket");
                }
                entries.push(entry);
            }
            let origin = self.origin(id);
            let made = Choice {
                origin,
                called: called.to_owned(),
                listeners,
                hosts: way.hosts.clone(),
                entries,
                fields: fields.clone(),
            };
            // Ways of one rule that differ in one thing are one route.
            let alike = choices.iter_mut().find(|choice| {
                choice.origin == made.origin
                    && choice.called == made.called
                    && choice.fields == made.fields
            });
            match alike {
                Some(known) if known.listeners == made.listeners && known.hosts == made.hosts => {
                    known.entries.extend(made.entries);
                }
                Some(known)
                    if known.listeners == made.listeners && known.entries == made.entries =>
                {
                    known.hosts.extend(made.hosts);
                }
                Some(known) if known.hosts == made.hosts && known.entries == made.entries => {
                    known.listeners.extend(made.listeners);
                }
                _ => choices.push(made),
            }
        }
    }

    /// Hosts that are claimed, the order of rules, and names.
    pub(super) fn settle(&mut self, choices: Vec<Choice>) {
        let mut claimed: Vec<String> =
            choices.iter().flat_map(|choice| choice.hosts.clone()).collect();
        claimed.sort();
        claimed.dedup();
        let mut all: Vec<Choice> = Vec::new();
        for choice in choices {
            let taken = |host: Option<&String>| {
                all.iter().any(|known: &Choice| {
                    let same = known.listeners.iter().any(|l| choice.listeners.contains(l));
                    let open = known.entries.contains(&Draft::map());
                    let covers =
                        open || known.entries.iter().any(|entry| choice.entries.contains(entry));
                    let hosts =
                        host.map_or(known.hosts.is_empty(), |host| known.hosts.contains(host));
                    same && covers && hosts
                })
            };
            if choice.hosts.is_empty() {
                // A host that is claimed never falls to routes without hostnames.
                let hosts: Vec<String> =
                    claimed.iter().filter(|host| !taken(Some(host))).cloned().collect();
                let rest = !taken(None);
                if !hosts.is_empty() {
                    all.push(Choice { hosts, ..choice.clone() });
                }
                if rest {
                    all.push(choice);
                }
            } else {
                let hosts: Vec<String> =
                    choice.hosts.iter().filter(|host| !taken(Some(host))).cloned().collect();
                if !hosts.is_empty() {
                    all.push(Choice { hosts, ..choice });
                }
            }
        }
        let ordered = all.iter().enumerate().all(|(at, first)| {
            all[at + 1..].iter().all(|second| {
                let apart = !first.listeners.iter().any(|l| second.listeners.contains(l))
                    || (first.hosts.is_empty() != second.hosts.is_empty())
                    || (!first.hosts.is_empty()
                        && !first.hosts.iter().any(|h| second.hosts.contains(h)));
                apart || rank(first) >= rank(second)
            })
        });
        let count = all.len() as u64;
        for (at, choice) in all.into_iter().enumerate() {
            let mut fields = choice.fields;
            fields.set(&["listeners"], choice.listeners);
            if !choice.hosts.is_empty() {
                fields.set(&["hostnames"], choice.hosts);
            }
            let mut entries: Vec<Draft> = Vec::new();
            for entry in choice.entries {
                if !entries.contains(&entry) {
                    entries.push(entry);
                }
            }
            if entries != [Draft::map()] {
                fields.set(&["match"], Draft::List(entries));
            }
            if !ordered {
                fields.set(&["priority"], count - at as u64);
            }
            let taken = |name: &str| {
                self.site.routes.iter().any(|item| item.fields.text(&["name"]) == Some(name))
            };
            let called = unused(&name(&choice.called), taken);
            fields.set(&["name"], called);
            self.site.routes.push(Item { origin: choice.origin, fields });
        }
    }
}

/// How the model ranks the weakest entry of a route: exact, regex, then the length of a prefix; then what else it asks.
fn rank(choice: &Choice) -> (usize, usize, bool, bool, bool) {
    let of = |entry: &Draft| {
        let (kind, length) = if entry.get(&["path", "exact"]).is_some() {
            (3, 0)
        } else if entry.get(&["path", "regex"]).is_some() {
            (2, 0)
        } else {
            (1, entry.text(&["path", "prefix"]).map_or(0, str::len))
        };
        let has = |key: &str| entry.get(&[key]).is_some();
        (kind, length, has("methods"), has("headers"), has("upgrade"))
    };
    choice.entries.iter().map(of).min().unwrap_or_default()
}
