//! nginx's configuration, read back: what its directives mean by nginx's own rules of inheritance and of choice.

// A new directive or flag must not fall into an arm that was written before it (docs/decisions/reading.md).
#![deny(clippy::wildcard_enum_match_arm)]

mod accelerated;
mod access;
mod answer;
mod branch;
mod certificates;
mod claims;
mod content;
mod differs;
mod dispatch;
mod dump;
mod encoded;
mod fields;
mod forward;
mod guard;
mod listener;
mod location;
mod maps;
mod names;
mod out_of_scope;
mod page;
mod passed;
pub(super) mod relocate;
mod responses;
mod rewrite;
mod scope;
mod search;
mod sent;
mod server;
mod state;
mod subjects;
mod test;
mod tree;
mod upgrades;
mod upstream;
mod value;
mod variable;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use wsgen_model::source::{Source, SourceId, Sources};

use self::scope::Importer;
use self::tree::Reading;
use crate::import::budget::Budget;
use crate::import::dead_lines::Line;
use crate::import::draft::Site;
use crate::import::ledger::{Id, Ledger};
use crate::import::origins::Blocks;
use crate::import::placeholder::Directives;
use crate::import::{Files, Imported};
use crate::targets::nginx::syntax::Statement;

/// How the names of directives begin that only matter to requests that are passed on.
const OF_ROUTES: [&str; 16] = [
    "proxy_",
    "add_header",
    "expires",
    "client_max_body_size",
    "client_body_timeout",
    "send_timeout",
    "gzip",
    "auth_",
    "allow",
    "deny",
    "limit_",
    "error_page",
    "ssl_protocols",
    "keepalive_timeout",
    "client_header_timeout",
    "real_ip",
];

/// Reads files of nginx.
pub(super) fn import(sources: &mut Sources, ids: &[SourceId], files: &mut dyn Files) -> Imported {
    let mut ledger = Ledger::default();
    let version = files.version();
    let mut reading = Reading::new(sources, files, &mut ledger);
    for id in ids {
        reading.named(*id);
    }
    let tree = reading.tree;
    let blocks: Vec<Id> = tree.named(&tree.top, "http").collect();
    let mut http: Vec<Id> = blocks.iter().flat_map(|id| tree.block(*id).to_vec()).collect();
    // Files of sites have no `http` around them.
    http.extend(&tree.top);
    let outside = tree.around(&http);
    let mut groups = BTreeMap::new();
    for id in tree.named(&http, "upstream") {
        groups.entry(tree.argument(id, 0).to_lowercase()).or_insert(id);
    }
    let source = ids.first().and_then(|id| sources.get(*id));
    let site = Site::new(source.map(Source::name));
    let mut importer = Importer {
        sources,
        tree,
        ledger,
        site,
        http,
        outside,
        groups,
        constants: Rc::default(),
        asking: BTreeSet::new(),
        computed: BTreeSet::new(),
        maps: BTreeMap::new(),
        reached: BTreeSet::new(),
        led_to: BTreeSet::new(),
        upstreams: BTreeMap::new(),
        current: None,
        rules: Vec::new(),
        depth: 0,
        version,
        budget: Budget::default(),
    };
    for block in blocks {
        importer.ledger.taken(block, "listeners");
    }
    importer.tell_subjects();
    importer.variables();
    importer.whole();
    importer.servers();
    for id in importer.site.fill() {
        importer.ledger.lost(id, crate::import::rewritten::NO_SUCH_PREFIX);
    }
    importer.tell_accelerated();
    importer.rest();
    importer.close()
}

impl Importer<'_> {
    /// The variables that the configuration makes, and the maps among them.
    fn variables(&mut self) {
        let mut made: BTreeSet<String> = BTreeSet::new();
        for id in 0..self.tree.all.len() {
            match self.tree.all[id].value.clone() {
                Ok(Statement::Set(set)) => {
                    made.insert(set.variable);
                }
                Ok(Statement::Map(map)) => {
                    let lines = self.tree.block(id).to_vec();
                    let upgrades = map.source.variables().any(|name| name == "http_upgrade");
                    let several = map.source.parts().len() > 1;
                    let names_it =
                        |line: &Id| self.tree.all[*line].name.to_lowercase().contains("websocket");
                    if upgrades && several && lines.iter().any(names_it) {
                        self.asking.insert(map.variable.clone());
                        self.map_taken(id, "match.upgrade");
                    }
                    self.computed.insert(map.variable.clone());
                    self.maps.insert(map.variable, id);
                }
                Ok(Statement::Computed(map)) => {
                    self.computed.insert(map.variable.clone());
                    if self.tree.all[id].name == "geo" {
                        self.maps.insert(map.variable, id);
                    }
                }
                Ok(_) | Err(_) => {
                    let name = self.tree.all[id].name.as_str();
                    if ["auth_request_set", "perl_set", "js_set", "js_var"].contains(&name) {
                        let name = self.tree.argument(id, 0).trim_start_matches('$').to_owned();
                        self.computed.insert(name);
                    }
                }
            }
        }
        // nginx's variables are empty up to the `set` that a request comes to.
        let empty = made.iter().filter(|name| !self.computed.contains(*name));
        self.constants = Rc::new(empty.map(|name| (name.clone(), String::new())).collect());
        self.computed.extend(made);
    }

    /// What holds for everything.
    fn whole(&mut self) {
        let chain = vec![self.tree.around(&self.tree.top), self.outside.clone()];
        // Nothing is no bound, as where it is not written.
        let time = self.time(&chain, "worker_shutdown_timeout", 0, "drain.timeout");
        if time != "0s" {
            self.site.fields.set(&["drain", "timeout"], time);
        }
        // The one that is found first serves all: the model has one.
        let resolver = (0..self.tree.all.len()).find(|id| self.tree.all[*id].name == "resolver");
        let Some(id) = resolver else { return };
        let arguments = self.tree.all[id].arguments.clone();
        let servers: Vec<String> = arguments
            .iter()
            .filter(|word| !word.contains('='))
            .map(|word| {
                if word.contains(':') && !word.ends_with(']') {
                    word.clone()
                } else {
                    format!("{word}:53")
                }
            })
            .filter(|word| word.parse::<std::net::SocketAddr>().is_ok())
            .collect();
        if servers.is_empty() {
            self.ledger.lost(id, "name servers are told by their addresses");
            return;
        }
        self.ledger.taken(id, "resolver");
        self.site.fields.set(&["resolver", "nameservers"], servers);
        let valid = arguments.iter().find_map(|word| word.strip_prefix("valid="));
        if let Some(millis) = valid.and_then(value::time) {
            self.site.fields.set(&["resolver", "valid"], crate::import::measure::duration(millis));
        }
    }

    /// What nobody has spoken of: business of others, or not understood.
    fn rest(&mut self) {
        let tree = &self.tree;
        let keeps = (0..tree.all.len())
            .any(|id| tree.all[id].name == "proxy_cache" && tree.argument(id, 0) != "off");
        for id in 0..self.tree.all.len() {
            let name = self.tree.all[id].name.clone();
            if !self.ledger.is_open(id) {
                continue;
            }
            if let Some(why) = out_of_scope::reason(&name) {
                self.ledger.dropped(id, why);
                for inner in self.tree.block(id).to_vec() {
                    self.ledger.dropped(inner, why);
                }
                continue;
            }
            if name == "upstream" {
                self.dropped_block(id, "no route leads there");
                continue;
            }
            let reached = self.reached.contains(&id);
            if !reached && OF_ROUTES.iter().any(|word| name.starts_with(word)) {
                self.dropped_block(id, "no route that passes requests on is within its reach");
                continue;
            }
            if reached && out_of_scope::REPLACED.contains(&name.as_str()) {
                self.ledger.dropped(id, "every route within its reach has its own");
                continue;
            }
            match name.as_str() {
                "location" => {
                    let named = self.tree.argument(id, 0).starts_with('@');
                    let why =
                        if named { "only an error leads there" } else { "no request comes here" };
                    self.lost_block(id, why);
                }
                "if" => {
                    self.lost_block(id, "no request that is read comes here");
                }
                "limit_req_zone" => self
                    .ledger
                    .lost(id, "handshakes and open tunnels are limited, not plain requests"),
                "resolver" => self.ledger.dropped(id, "the model has one list of name servers"),
                "proxy_pass" => self
                    .ledger
                    .lost(id, "no request comes to it: what stands beside it answers first"),
                "merge_slashes" if self.tree.argument(id, 0) == "on" => {
                    self.ledger.taken(id, "match.path");
                }
                "merge_slashes" => self.ledger.lost(
                    id,
                    "the model always merges slashes, so that `//admin/` goes where `/admin/` does",
                ),
                "break" => self.ledger.dropped(id, "rewrites end there by themselves"),
                "stream" => {
                    self.beside(id, "TCP is passed beside the proxy");
                    self.dropped_block(id, "TCP, beside the proxy");
                }
                "proxy_cache"
                | "proxy_cache_path"
                | "proxy_cache_valid"
                | "proxy_cache_key"
                | "proxy_cache_bypass"
                | "proxy_no_cache"
                | "proxy_cache_use_stale"
                | "proxy_cache_lock"
                | "proxy_cache_revalidate"
                | "proxy_cache_min_uses" => {
                    if keeps {
                        self.ledger.lost(id, "answers are kept by no route");
                    } else {
                        self.ledger.dropped(id, "nothing is kept here");
                    }
                }
                "map" | "geo" | "split_clients" => {
                    self.lost_block(id, "a value that is computed for each request");
                }
                "set" => self.ledger.lost(id, "a value that is computed for each request"),
                name if name.contains("_by_lua") => {
                    self.lost_guard(id, "what Lua decides is not known");
                }
                "auth_jwt"
                | "modsecurity"
                | "modsecurity_rules_file"
                | "naxsi_rules"
                | "secure_link"
                | "valid_referers"
                | "auth_delay"
                | "limit_except" => {
                    self.lost_guard(id, "it kept some requests out");
                }
                _ => {}
            }
        }
    }

    pub(super) fn dropped_block(&mut self, id: Id, why: &'static str) {
        self.ledger.dropped(id, why);
        for inner in self.tree.block(id).to_vec() {
            self.dropped_block(inner, why);
        }
    }

    pub(super) fn lost_block(&mut self, id: Id, why: &str) {
        // What was said of its own words stays.
        if !self.ledger.is_lost(id) {
            self.ledger.lost(id, why);
        }
        for inner in self.tree.block(id).to_vec() {
            self.lost_block(inner, why);
        }
    }

    fn lost_guard(&mut self, id: Id, why: &str) {
        self.lost_block(id, why);
        self.ledger.opens(id, why);
    }

    fn close(self) -> Imported {
        let Self { tree, sources, mut ledger, mut site, budget, .. } = self;
        budget.close(&mut ledger);
        let all = tree.all.iter().map(|directive| {
            let proxying = out_of_scope::reason(&directive.name).is_none();
            (directive.name.clone(), directive.span, proxying)
        });
        let inner = tree.all.iter().enumerate();
        let inner = inner.filter_map(|(id, outer)| Some((id, outer.block.as_deref()?)));
        let blocks = Blocks::new(tree.all.iter().map(|directive| directive.span), inner);
        let routes = site.origins(|id| tree.all[id].span, |id| blocks.of(id));
        let directives = Directives {
            sources,
            name: &|id| tree.all[id].name.clone(),
            place: &|id| tree.all[id].span,
            around: &|id| blocks.outer(id),
        };
        site.say_dead_lines(&mut ledger, &directives, |id| {
            if tree.all[id].name == "server" { Line::Block } else { Line::Rule }
        });
        site.explain_placeholders(&mut ledger, &directives);
        ledger.close(all, &directives).imported(site.write(), routes)
    }
}

#[cfg(test)]
mod tests;
