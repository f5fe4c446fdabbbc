//! A model that is being put together, as the tree of its text.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::{CompactString, ToCompactString};

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Draft {
    /// A text; it is quoted where YAML would read something else.
    Text(CompactString),
    /// A number, a switch or `null`, as it stands.
    Plain(CompactString),
    /// A list.
    List(Vec<Draft>),
    /// Keys and values, in order.
    Map(Vec<(CompactString, Draft)>),
}

impl From<&str> for Draft {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Draft {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<bool> for Draft {
    fn from(on: bool) -> Self {
        Self::Plain(on.to_compact_string())
    }
}

impl From<u64> for Draft {
    fn from(number: u64) -> Self {
        Self::Plain(number.to_compact_string())
    }
}

impl<T: Into<Self>> From<Vec<T>> for Draft {
    fn from(list: Vec<T>) -> Self {
        Self::List(list.into_iter().map(Into::into).collect())
    }
}

impl Draft {
    /// Nothing yet.
    pub(crate) fn map() -> Self {
        Self::Map(Vec::new())
    }

    /// A map with one key.
    pub(crate) fn of(key: &str, value: impl Into<Self>) -> Self {
        Self::Map(vec![(key.into(), value.into())])
    }

    /// The value at a path of keys.
    pub(crate) fn get(&self, path: &[&str]) -> Option<&Self> {
        let Some((first, rest)) = path.split_first() else { return Some(self) };
        let Self::Map(entries) = self else { return None };
        entries.iter().find(|(key, _)| key == first)?.1.get(rest)
    }

    /// The text at a path of keys.
    pub(crate) fn text(&self, path: &[&str]) -> Option<&str> {
        match self.get(path)? {
            Self::Text(text) | Self::Plain(text) => Some(text),
            Self::List(_) | Self::Map(_) => None,
        }
    }

    /// Puts a value at a path of keys, in place of what was there.
    pub(crate) fn set(&mut self, path: &[&str], value: impl Into<Self>) {
        let Some((first, rest)) = path.split_first() else {
            *self = value.into();
            return;
        };
        if !matches!(self, Self::Map(_)) {
            *self = Self::map();
        }
        let Self::Map(entries) = self else { return };
        let at = entries.iter().position(|(key, _)| key == first).unwrap_or_else(|| {
            entries.push(((*first).into(), Self::map()));
            entries.len() - 1
        });
        entries[at].1.set(rest, value);
    }

    /// Adds a value to the list at a path of keys.
    pub(crate) fn push(&mut self, path: &[&str], value: impl Into<Self>) {
        if !matches!(self.get(path), Some(Self::List(_))) {
            self.set(path, Self::List(Vec::new()));
        }
        let mut at = self;
        for wanted in path {
            let Self::Map(entries) = at else { return };
            let Some((_, next)) = entries.iter_mut().find(|(key, _)| key == wanted) else { return };
            at = next;
        }
        if let Self::List(list) = at {
            list.push(value.into());
        }
    }

    /// Puts directives that the model has no field for into a snippet of a route, for their own server.
    pub(crate) fn keep(&mut self, target: &str, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        let mut snippet = Self::of("target", target);
        snippet.set(&["at"], "route");
        snippet.set(&["text"], lines.join("\n"));
        snippet.set(&["reason"], "kept as it was: the model has no field for it");
        self.push(&["snippets"], snippet);
    }

    /// Takes the value at a path of keys away, with maps that are empty then.
    pub(crate) fn remove(&mut self, path: &[&str]) {
        let (Self::Map(entries), Some((first, rest))) = (self, path.split_first()) else { return };
        if let Some(at) = entries.iter().position(|(key, _)| key == first) {
            entries[at].1.remove(rest);
            if rest.is_empty() || entries[at].1 == Self::map() {
                entries.remove(at);
            }
        }
    }
}

/// A listener, an upstream or a route.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// Where it comes from: `nginx.conf:14`.
    pub(crate) origin: String,
    /// Its fields.
    pub(crate) fields: Draft,
}

impl Item {
    /// The address of an upstream's first server.
    pub(crate) fn first_server(&self) -> Option<&str> {
        let Draft::List(servers) = self.fields.get(&["servers"])? else { return None };
        let first = servers.first()?;
        first.text(&[]).or(first.text(&["address"]))
    }
}

/// A whole model.
#[derive(Debug)]
pub(crate) struct Site {
    /// What comes ahead of everything.
    pub(crate) heading: String,
    /// `drain`, `resolver` and the like.
    pub(crate) fields: Draft,
    /// In order.
    pub(crate) listeners: Vec<Item>,
    /// By their names, in order.
    pub(crate) upstreams: Vec<(String, Item)>,
    /// In order.
    pub(crate) routes: Vec<Item>,
    /// The directives that routes were made of, by the routes' names.
    pub(crate) made_of: Vec<(String, Vec<super::ledger::Id>)>,
    /// Directives of rules that no request reaches in one list of rules, each with one of a rule ahead.
    pub(super) unreached: BTreeMap<super::ledger::Id, super::ledger::Id>,
    /// Comments that routes get in the model, by the routes' names.
    pub(super) notes: BTreeMap<String, Vec<String>>,
    upstream_names: Names,
    route_names: Names,
    /// Where an upstream stands in its list.
    places: BTreeMap<String, usize>,
}

impl Site {
    /// Nothing yet, from a file of this name.
    pub(crate) fn new(source: Option<&str>) -> Self {
        let heading = source.map(|name| format!("# Imported by wsgen from {name}.\n"));
        Self {
            heading: heading.unwrap_or_default(),
            fields: Draft::map(),
            listeners: Vec::new(),
            upstreams: Vec::new(),
            routes: Vec::new(),
            made_of: Vec::new(),
            unreached: BTreeMap::new(),
            notes: BTreeMap::new(),
            upstream_names: Names::default(),
            route_names: Names::default(),
            places: BTreeMap::new(),
        }
    }

    /// Adds an upstream; gives the name that it got.
    pub(crate) fn add_upstream(&mut self, wanted: &str, item: Item) -> String {
        let known = self.upstream_names.unused(wanted);
        self.places.insert(known.clone(), self.upstreams.len());
        self.upstreams.push((known.clone(), item));
        known
    }

    /// The upstream of a name.
    pub(crate) fn upstream(&mut self, name: &str) -> Option<&mut Item> {
        let at = *self.places.get(name)?;
        self.upstreams.get_mut(at).map(|(_, item)| item)
    }

    /// Adds a route under a name.
    pub(crate) fn add_route(&mut self, wanted: &str, mut item: Item) {
        let known = self.route_names.unused(&name(wanted));
        item.fields.set(&["name"], known);
        self.routes.push(item);
    }

    /// A name for the listener of an address, which no other has.
    pub(crate) fn listener_name(&self, address: &str) -> String {
        let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
        let plain = match port {
            "80" => "http".to_owned(),
            "443" => "https".to_owned(),
            port => format!("port-{port}"),
        };
        let wanted = match host {
            "0.0.0.0" => plain,
            "[::]" => format!("{plain}-v6"),
            _ => name(address),
        };
        let mut names = Names::default();
        for item in &self.listeners {
            names.unused(item.fields.text(&["name"]).unwrap_or_default());
        }
        names.unused(&wanted)
    }

    /// Puts in what a model needs, a listener and a route at least, and refuses what it cannot hold. Returns the directives of
    /// the routes that are refused, each to be said.
    pub(crate) fn fill(&mut self) -> Vec<super::ledger::Id> {
        for item in &mut self.routes {
            super::implied::forget(&mut item.fields);
        }
        let refused = self.refuse_prefixes();
        if self.listeners.is_empty() {
            let mut fields = Draft::of("name", "http");
            fields.set(&["address"], "0.0.0.0:80");
            let origin = "nothing in here listens for HTTP".into();
            self.listeners.push(Item { origin, fields });
        }
        if self.routes.is_empty() {
            let origin = "nothing in here is passed on".into();
            let fields = Draft::of("respond", Draft::of("status", 404_u64));
            self.routes.push(Item { origin, fields });
        }
        refused
    }
}

/// A name that a model can have, made of any text: lower-case letters, digits, `_` and `-` (`value/names`).
pub(crate) fn name(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' {
            name.push(c);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    let name = name.trim_matches(['-', '_']);
    let name = &name[..name.len().min(48)];
    if name.is_empty() { "site".to_owned() } else { name.trim_end_matches('-').to_owned() }
}

/// What a person would call a server that has no name: by its port on this machine, else by its host.
pub(crate) fn name_of_server(authority: &str) -> String {
    let socket = authority.trim_start_matches("unix:").trim_end_matches(".sock");
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, ""));
    if ["127.0.0.1", "localhost", "[::1]", "0.0.0.0"].contains(&host) {
        return if port.is_empty() { "app".to_owned() } else { format!("app-{port}") };
    }
    if host.starts_with(|c: char| c.is_ascii_digit()) {
        return name(&format!("host {authority}"));
    }
    name(socket)
}

/// The words of a path or a regex: what a person would call it by.
pub(crate) fn words(path: &str) -> String {
    // `[aA]` is a letter of either case.
    let mut plain = String::new();
    let mut rest = path;
    while let Some(c) = rest.chars().next() {
        let pair =
            rest.strip_prefix('[').and_then(|rest| rest.split_once(']')).filter(|(pair, _)| {
                let mut letters = pair.chars();
                let (first, second) = (letters.next(), letters.next());
                first.is_some()
                    && first.map(|c| c.to_ascii_uppercase()) == second
                    && letters.next().is_none()
            });
        match pair {
            Some((pair, behind)) => {
                plain.extend(pair.chars().next());
                rest = behind;
            }
            None => {
                plain.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    let all = plain.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let all: Vec<_> = all
        .filter(|word| word.len() > 1 && !word.starts_with(|c: char| c.is_ascii_digit()))
        .collect();
    all.join(" ")
}

/// Names that are given, each once.
#[derive(Debug, Default)]
pub(crate) struct Names {
    given: BTreeSet<String>,
    /// The number that a name got last.
    last: BTreeMap<String, usize>,
}

impl Names {
    /// The name, or with a number if it is taken.
    pub(crate) fn unused(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        while !self.given.insert(name.clone()) {
            let number = self.last.entry(wanted.to_owned()).or_insert(1);
            *number += 1;
            name = format!("{wanted}-{number}");
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_put_found_and_taken_away() {
        let mut draft = Draft::map();
        draft.set(&["timeouts", "idle"], "5s");
        draft.set(&["timeouts", "connect"], "1s");
        draft.push(&["list"], "a");
        draft.push(&["list"], "b");
        assert_eq!(draft.text(&["timeouts", "idle"]), Some("5s"));
        assert_eq!(draft.get(&["list"]), Some(&vec!["a", "b"].into()));
        draft.remove(&["timeouts", "idle"]);
        draft.remove(&["timeouts", "connect"]);
        assert_eq!(draft.get(&["timeouts"]), None);
    }

    #[test]
    fn names_are_made_of_anything() {
        for (text, wanted) in [
            ("Chat_App", "chat_app"),
            ("10.0.0.1:80", "10-0-0-1-80"),
            ("~^/(a|b)$", "a-b"),
            ("//", "site"),
        ] {
            assert_eq!(name(text), wanted);
        }
        let mut names = Names::default();
        let given: Vec<_> = ["a", "a", "a-2", "a"].iter().map(|name| names.unused(name)).collect();
        assert_eq!(given, ["a", "a-2", "a-2-2", "a-3"]);
    }

    #[test]
    fn an_empty_site_is_filled_and_its_listener_keeps_its_name() {
        let mut site = Site::new(Some("a.conf"));
        site.fill();
        assert_eq!((site.listeners.len(), site.routes.len()), (1, 1));
        for (address, wanted) in [
            ("0.0.0.0:80", "http-2"),
            ("[::]:443", "https-v6"),
            ("127.0.0.1:81", "127-0-0-1-81"),
            ("0.0.0.0:8080", "port-8080"),
        ] {
            assert_eq!(site.listener_name(address), wanted);
        }
    }
}
