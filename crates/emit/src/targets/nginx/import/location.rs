//! `location` blocks: which of them become routes, and in which order they win.

use std::collections::BTreeSet;

use wsgen_model::code::Code;
use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{PathLiteral, Pattern};

use super::scope::{Chain, Importer};

use crate::import::draft::{Draft, Item};
use crate::import::ledger::Id;
use crate::import::pattern::any_case;
use crate::import::twins::merged;

/// How a location is matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Matching {
    /// `= /path`
    Exact,
    /// `/path`
    Prefix,
    /// `^~ /path`: no regex is asked behind it.
    Final,
    /// `~ regex`
    Regex,
}

/// A location with the blocks around it.
#[derive(Debug, Clone)]
pub(super) struct Location {
    pub(super) id: Id,
    pub(super) matching: Matching,
    /// A path, or a regex.
    pub(super) path: String,
    /// The blocks around it and its own.
    pub(super) chain: Chain,
}

impl Importer<'_> {
    /// The locations of a block, those within others too, in file order.
    pub(super) fn locations(&mut self, list: &[Id], chain: &Chain) -> Vec<Location> {
        let mut all = Vec::new();
        for id in self.tree.named(list, "location").collect::<Vec<_>>() {
            let (first, second) = (self.text(id, 0), self.text(id, 1));
            let mut inner = chain.clone();
            inner.push(self.tree.around(self.tree.block(id)));
            let (matching, path) = match (first.as_str(), second.as_str()) {
                ("=", path) => (Matching::Exact, path.to_owned()),
                ("^~", path) => (Matching::Final, path.to_owned()),
                ("~", path) => (Matching::Regex, path.to_owned()),
                ("~*", path) => (Matching::Regex, any_case(path)),
                (name, "") if name.starts_with('@') => continue,
                (path, "") => match path.split_at(path.find('/').unwrap_or(0)) {
                    ("=", path) => (Matching::Exact, path.to_owned()),
                    ("~" | "~*", path) => (Matching::Regex, path.to_owned()),
                    _ => (Matching::Prefix, path.to_owned()),
                },
                _ => {
                    self.ledger.lost(id, "this is no location");
                    continue;
                }
            };
            let block = self.tree.block(id).to_vec();
            all.push(Location { id, matching, path, chain: inner.clone() });
            all.extend(self.locations(&block, &inner));
        }
        all
    }

    /// The routes of a location; one that nothing is passed on from has none.
    pub(super) fn routes_of(
        &mut self,
        location: &Location,
        paths: &BTreeSet<&str>,
        regexes: bool,
        server: &super::server::Server,
    ) -> Vec<Item> {
        let id = location.id;
        let own = self.tree.block(id).to_vec();
        if self.tree.named(&own, "internal").next().is_some() {
            let internal = self.tree.named(&own, "internal").next().unwrap_or(id);
            self.ledger.dropped(internal, "no request comes here by itself");
            self.ledger.dropped(id, "no request comes here by itself");
            return Vec::new();
        }
        if location.path == "/"
            && let Some(routes) = self.dispatched(location, &own, server)
        {
            return routes;
        }
        let Some(mut wanted) = self.path(location) else { return Vec::new() };
        // What is below `/a` belongs to `/a/` where there are both.
        let below = format!("{}/", location.path);
        if location.matching != Matching::Regex && paths.contains(below.as_str()) {
            wanted = Draft::of("exact", location.path.as_str());
        }
        let outside = self.enter(&location.chain);
        let methods = self.by_method(location, &own, server);
        let mut tunnels = self.by_upgrade(location, &own, server);
        let mut action = self.action(location, server);
        self.constants = outside;
        if action.is_none() && methods.is_empty() && tunnels.is_none() {
            return Vec::new();
        }
        let both = tunnels.as_ref().zip(action.as_ref());
        if let Some(one) = both.and_then(|(tunnels, action)| merged(tunnels, action)) {
            (tunnels, action) = (None, Some(one));
        }
        if let Some(tunnels) = &mut tunnels {
            tunnels.set(&["upgrade"], "websocket");
        }
        self.ledger.taken(id, "match.path");
        let everything = wanted == Draft::of("prefix", "/");
        // A longest prefix with `^~` keeps regexes away; in the model a regex would win.
        let first = location.matching == Matching::Final && regexes;
        let mut routes = Vec::new();
        let all: Vec<Draft> = methods.into_iter().chain(tunnels).chain(action).collect();
        let kinds = [["rewrite", "strip_prefix"], ["rewrite", "replace_prefix"]];
        let changed = |fields: &Draft| kinds.iter().any(|kind| fields.get(kind).is_some());
        // Only segments are taken away or replaced.
        if let Some(text) = wanted.text(&["starts_with"]).map(str::to_owned)
            && all.iter().any(changed)
        {
            self.differs(
                id,
                "whole segments are matched: what only begins alike belongs elsewhere",
            );
            wanted = Draft::of("prefix", text);
        }
        for mut fields in all {
            let mut entry = Draft::map();
            if !everything {
                entry.set(&["path"], wanted.clone());
            }
            if let Some(methods) = fields.get(&["methods"]).cloned() {
                entry.set(&["methods"], methods);
                fields.remove(&["methods"]);
            }
            if fields.get(&["upgrade"]).is_some() {
                entry.set(&["upgrade"], "websocket");
                fields.remove(&["upgrade"]);
            }
            if entry != Draft::map() {
                fields.set(&["match"], vec![entry]);
            }
            if first {
                fields.set(&["priority"], 1_u64);
            }
            routes.push(Item { origin: self.origin(id), fields });
        }
        routes
    }

    /// The path of a location in the model's words.
    fn path(&mut self, location: &Location) -> Option<Draft> {
        let Location { id, matching, path, .. } = location;
        let kind = match matching {
            Matching::Regex => {
                if Pattern::parse(path).is_err() {
                    let why = "the regex is none that PCRE and RE2 read alike";
                    self.ledger.lost(*id, why);
                    return None;
                }
                return Some(Draft::of("regex", path.as_str()));
            }
            Matching::Exact => "exact",
            Matching::Prefix | Matching::Final => "prefix",
        };
        if PathLiteral::parse(path).is_err() {
            self.ledger.lost(*id, "the model has no such path");
            return None;
        }
        let bare = path.trim_end_matches('/');
        if kind == "prefix" && path != "/" {
            if !path.ends_with('/') {
                return Some(Draft::of("starts_with", path.as_str()));
            }
            self.differs(
                *id,
                "the path without its last slash belongs to it too, where nginx redirects",
            );
            return Some(Draft::of(kind, if bare.is_empty() { "/" } else { bare }));
        }
        Some(Draft::of(kind, path.as_str()))
    }

    /// What is done with a request: passed on, answered, or served from files.
    fn action(&mut self, location: &Location, server: &super::server::Server) -> Option<Draft> {
        let (id, own) = (location.id, self.tree.block(location.id).to_vec());
        self.guards(&own, &mut Draft::map());
        self.conditions(&own);
        if let Some(answer) = self.tree.first(&own, "return") {
            // Its requests must not fall to another route.
            let nowhere = Draft::of("respond", Draft::of("status", 502_u64));
            let mut fields = self.answer(answer).unwrap_or(nowhere);
            self.fields_of_answer(&own, &location.chain, server, &mut fields);
            return Some(fields);
        }
        if let Some(pass) = self.tree.named(&own, "proxy_pass").last() {
            return Some(self.forward(pass, location, &location.chain, server));
        }
        let rewrites: Vec<_> = self.tree.named(&own, "rewrite").collect();
        if let Some(redirect) = rewrites.into_iter().find_map(|rewrite| self.rewritten(rewrite)) {
            return Some(redirect);
        }
        if let Some(tried) = self.tree.named(&own, "try_files").last() {
            let last = self.tree.all[tried].arguments.last().cloned().unwrap_or_default();
            if let Some(name) = last.strip_prefix('@') {
                let fields = self.jump(name, location, server, &mut Vec::new());
                if fields.is_some() {
                    self.beside(tried, "files that are there were served first");
                }
                return fields;
            }
        }
        for (name, what) in [
            ("fastcgi_pass", "FastCGI"),
            ("uwsgi_pass", "uwsgi"),
            ("scgi_pass", "SCGI"),
            ("memcached_pass", "memcached"),
            ("grpc_pass", "gRPC"),
        ] {
            if let Some(pass) = self.tree.named(&own, name).last() {
                self.beside(pass, &format!("{what} is served beside the proxy"));
                self.ledger.dropped(id, "applications of other protocols, beside the proxy");
                return None;
            }
        }
        if let Some((page, name)) = self.otherwise(&own) {
            let fields = self.jump(&name, location, server, &mut Vec::new());
            if fields.is_some() {
                self.ledger.taken(page, "routes");
                self.beside(page, "files that are there were served first");
                return fields;
            }
        }
        let denied = self.tree.named(&own, "deny").find(|id| self.tree.argument(*id, 0) == "all");
        let allows = self.tree.named(&own, "allow").next().is_some();
        if let (Some(deny), false) = (denied, allows) {
            self.ledger.taken(deny, "respond");
            return Some(Draft::of("respond", Draft::of("status", 403_u64)));
        }
        self.beside(id, "files are served beside the proxy");
        self.ledger.dropped(id, "files that the server makes or serves itself");
        None
    }

    /// What a named location does, for the place that leads there.
    pub(super) fn jump(
        &mut self,
        name: &str,
        from: &Location,
        server: &super::server::Server,
        seen: &mut Vec<String>,
    ) -> Option<Draft> {
        if seen.iter().any(|known| known == name) {
            return None;
        }
        seen.push(name.to_owned());
        let wanted = format!("@{name}");
        let named = self
            .tree
            .named(&server.list, "location")
            .find(|id| self.tree.argument(*id, 0) == wanted)?;
        let own = self.tree.block(named).to_vec();
        let mut chain = server.chain.clone();
        chain.push(self.tree.around(&own));
        if let Some(answer) = self.tree.first(&own, "return") {
            self.ledger.taken(named, "routes");
            let mut fields = self.answer(answer)?;
            self.fields_of_answer(&own, &chain, server, &mut fields);
            return Some(fields);
        }
        let Some(pass) = self.tree.named(&own, "proxy_pass").last() else {
            let (page, next) = self.otherwise(&own)?;
            let fields = self.jump(&next, from, server, seen)?;
            self.ledger.taken(page, "routes");
            self.ledger.taken(named, "routes");
            return Some(fields);
        };
        self.ledger.taken(named, "routes");
        Some(self.forward(pass, from, &chain, server))
    }

    /// Where a request for a file goes that is not there: `error_page 404 = @name`, or the last of `try_files`.
    fn otherwise(&self, list: &[Id]) -> Option<(Id, String)> {
        let pages = self.tree.named(list, "error_page").filter(|id| {
            let words = &self.tree.all[*id].arguments;
            words.iter().any(|word| word == "404" || word == "403")
        });
        let tries = self.tree.named(list, "try_files");
        pages.chain(tries).find_map(|id| {
            let end = self.tree.all[id].arguments.last()?;
            Some((id, end.strip_prefix('@')?.to_owned()))
        })
    }

    pub(super) fn beside(&mut self, id: Id, what: &str) {
        let help = "the new server does not serve it; serve it from where it is, or by an upstream";
        self.ledger.say(Code::IMPORT_BESIDE, self.span(id), what, help);
    }
}
