//! Routes on their way: one for each way in which a rule holds, until hosts, order and names are settled.

use super::draft::{Draft, Item};
use super::ledger::Id;
use super::twins::pairs;

/// So many rules are compared with each other.
const MANY: usize = 2_000;

/// A route on its way.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    /// The rules that it is made of.
    pub(crate) ids: Vec<Id>,
    pub(crate) origin: String,
    pub(crate) listeners: Vec<String>,
    pub(crate) hosts: Vec<String>,
    pub(crate) entries: Vec<Draft>,
    pub(crate) fields: Draft,
    /// Whether it is for requests that ask for no WebSocket.
    pub(crate) plain: bool,
}

impl Choice {
    /// One that asks for one entry, of any host and listener.
    pub(crate) fn of(id: Id, origin: String, entry: Draft, fields: Draft) -> Self {
        Self {
            ids: vec![id],
            origin,
            listeners: vec![String::new()],
            hosts: Vec::new(),
            entries: vec![entry],
            fields,
            plain: false,
        }
    }
}

/// Whether a path is a prefix or below it.
pub(crate) fn below(path: &str, prefix: &str) -> bool {
    let bare = prefix.trim_end_matches('/');
    path.strip_prefix(bare).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
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
