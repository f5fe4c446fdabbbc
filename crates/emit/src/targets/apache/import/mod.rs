//! Apache's configuration, read back: by its own rules of sections, of rewriting, and of which part of it comes first.

mod access;
mod answer;
mod beside;
mod condition;
mod fields;
mod passes;
mod policies;
pub(super) mod relocate;
mod rewrite;
mod route;
mod scope;
mod target;
mod tls;
mod tree;
mod upstream;
mod vhost;

use std::collections::{BTreeMap, BTreeSet};

use wsgen_model::source::{Source, SourceId, Sources};

use self::rewrite::{Act, Rule};
use self::scope::Importer;
use self::tree::Reading;
use self::vhost::Vhost;
use crate::import::choices::{Bound, choose};
use crate::import::draft::{Draft, Site, words};
use crate::import::ledger::{Id, Ledger};
use crate::import::{Files, Imported};

/// Reads files of Apache.
pub(super) fn import(sources: &mut Sources, ids: &[SourceId], files: &mut dyn Files) -> Imported {
    let mut ledger = Ledger::default();
    let mut reading = Reading::new(sources, files, &mut ledger);
    let mut top = Vec::new();
    for id in ids {
        top.extend(reading.file(*id));
    }
    let (all, budget) = (reading.all, reading.budget);
    budget.close(&mut ledger);
    let around = top.iter().copied().filter(|id| all[*id].name != "virtualhost").collect();
    let source = ids.first().and_then(|id| sources.get(*id));
    let site = Site::new(source.map(Source::name));
    let mut importer = Importer {
        sources,
        all,
        ledger,
        site,
        top,
        around,
        upstreams: BTreeMap::new(),
        reached: BTreeSet::new(),
        policies: Vec::new(),
        handshakes: BTreeSet::new(),
    };
    let mut vhosts = importer.vhosts();
    vhost::claims(&mut vhosts);
    let bounds = importer.listeners(&vhosts);
    for (number, vhost) in vhosts.iter().enumerate() {
        importer.routes(number, &vhosts, &bounds);
        importer.reached.extend(vhost.id);
    }
    importer.site.fill();
    importer.rest();
    importer.close()
}

/// How directives of other logins begin.
const LOGINS: [&str; 8] =
    ["shib", "oidc", "addexternal", "setexternal", "ldap", "mellon", "cas", "auth"];

impl Importer<'_> {
    /// The routes of a virtual host.
    fn routes(&mut self, number: usize, vhosts: &[Vhost], bounds: &[(String, Bound)]) {
        let vhost = &vhosts[number];
        let first = |address: &String| {
            let mut of = vhosts.iter().position(|other| other.addresses.contains(address));
            of.take() == Some(number)
        };
        let takes_the_rest = vhost.addresses.iter().all(first);
        // Without a name, only what nobody claims comes here.
        let own: Vec<Bound> = bounds
            .iter()
            .filter(|(address, _)| vhost.addresses.contains(address))
            .filter(|(address, _)| first(address) || !vhost.names.is_empty())
            .map(|(_, bound)| Bound { tls: vhost.tls, ..bound.clone() })
            .collect();
        if own.is_empty() {
            let Some(id) = vhost.id else { return };
            return if vhost.unsaid {
                // Without its names it would take what belongs to others.
                self.lost_block(id, "its names are none that the model can say");
            } else {
                self.dropped_block(id, "another virtual host of its address takes every host");
            };
        }
        let mut rules = self.rules(vhost);
        self.parts(vhost, &mut rules);
        let mut choices = Vec::new();
        for rule in &rules {
            let fields = self.fields(vhost, rule);
            let mut ways = rule.ways.clone();
            if !takes_the_rest && !vhost.names.is_empty() {
                ways.retain_mut(|way| {
                    if way.hosts.is_empty() {
                        way.hosts.clone_from(&vhost.names);
                    } else {
                        way.hosts.retain(|host| vhost.names.contains(host));
                    }
                    !way.hosts.is_empty()
                });
            }
            let path = ways.first().and_then(|way| way.paths.first());
            let path = path.and_then(|path| {
                ["prefix", "exact", "starts_with", "regex"]
                    .iter()
                    .find_map(|kind| path.text(&[kind]))
            });
            let host = vhost.names.first().map_or("", String::as_str);
            let kind = if fields.get(&["redirect"]).is_some() { "redirect" } else { "" };
            let called = format!("{host} {kind} {}", path.map(words).unwrap_or_default());
            let mut origin = self.origin(rule.id);
            if !vhost.names.is_empty() && takes_the_rest {
                origin = format!("{origin} ({} and every other host)", vhost.names.join(", "));
            }
            choose((rule.id, &origin), &called, &own, &ways, &fields, &mut choices);
        }
        if let Some(root) = self.named(&vhost.list, "documentroot").last().copied()
            && !rules.iter().any(|rule| rule.ways.iter().any(|way| way.paths.is_empty()))
        {
            self.beside(root, "files are served beside the proxy");
        }
        for id in self.site.settle(choices) {
            self.ledger.unreached(id);
        }
    }

    /// All rules of a virtual host, in the order in which Apache asks them.
    fn rules(&mut self, vhost: &Vhost) -> Vec<Rule> {
        let mut rules = Vec::new();
        let chain = vhost.chain(&self.around);
        // A redirect of a section comes first, whatever else is done with its requests.
        for list in &chain {
            for name in ["location", "locationmatch"] {
                for section in self.named(list, name) {
                    if let Some((path, regex)) = self.place(section) {
                        let inner = self.block(section);
                        let own = self.redirects(&inner, Some((&path, regex)));
                        if !own.is_empty() {
                            self.ledger.taken(section, "match.path");
                        }
                        rules.extend(own);
                    }
                }
            }
        }
        rules.extend(self.rewrites(vhost));
        rules.extend(self.passes(vhost));
        for list in chain.iter().rev() {
            rules.extend(self.redirects(list, None));
        }
        // What ends a list by answering 404 to all says what a model without a route says.
        if let Some(Rule { act: Act::Answer(draft), ways, .. }) = rules.last()
            && *draft == Draft::of("respond", Draft::of("status", 404_u64))
            && ways.iter().all(|way| *way == crate::import::way::Way::default())
            && rules.len() > 1
        {
            rules.pop();
        }
        rules
    }

    /// What nobody has spoken of: business of others, or not understood.
    fn rest(&mut self) {
        for id in 0..self.all.len() {
            if !self.ledger.is_open(id) {
                continue;
            }
            let name = self.all[id].name.clone();
            if let Some(why) = beside::reason(&name) {
                self.dropped_block(id, why);
                continue;
            }
            match name.as_str() {
                "location" | "locationmatch" => {
                    // Its own lines are judged by what they are.
                    self.ledger.dropped(id, "no route that passes requests on is within its reach");
                    for inner in self.block(id) {
                        self.unreached(inner);
                    }
                }
                "proxy" | "proxymatch" => {
                    let balancer = self.word(id, 0).starts_with("balancer:");
                    let why = if balancer {
                        "no route leads there"
                    } else {
                        "who may use the proxy is said by its routes"
                    };
                    self.dropped_block(id, why);
                }
                "limit" | "limitexcept" | "requireall" | "requireany" | "requirenone" => {
                    self.lost_guard(id, "it kept some requests out");
                }
                "if" | "elseif" | "else" => self.lost_block(id, "a condition on each request"),
                "rewritecond" | "rewriterule" | "rewritemap" | "rewritebase" | "rewriteoptions" => {
                    self.unread_rewrite(id, &name);
                }
                name if name.starts_with("sec")
                    || name.starts_with("modsec")
                    || name.starts_with("qs_") =>
                {
                    self.lost_guard(id, "what it decides is not known");
                }
                name if name.starts_with("lua") => {
                    self.lost_guard(id, "what Lua decides is not known");
                }
                "servername" | "serveralias" => {
                    self.ledger.dropped(id, "the name of a server that no request comes to");
                }
                "proxypassreverse" | "proxypassreversematch" => {
                    self.ledger.dropped(id, "no route that passes requests on is within its reach");
                }
                "sslproxyengine" => {
                    self.ledger.dropped(id, "an upstream's `protocol` says how it is reached");
                }
                "sethandler" => self.ledger.dropped(id, "pages that the server makes itself"),
                name if self.reached.contains(&id)
                    && LOGINS.iter().any(|word| name.starts_with(word)) =>
                {
                    self.lost_guard(id, "the model has no such login");
                }
                _ => self.unreached(id),
            }
        }
    }

    fn unread_rewrite(&mut self, id: Id, name: &str) {
        match name {
            "rewriteoptions" => self.ledger.dropped(id, "tuning of rewriting"),
            "rewritemap" => self.ledger.lost(id, "a table that is looked up for each request"),
            _ => self.ledger.dropped(id, "for files, or of a part that holds for no request"),
        }
    }

    /// A directive that matters to requests that are passed on, where none is.
    fn unreached(&mut self, id: Id) {
        const OF_ROUTES: [&str; 26] = [
            "requestheader",
            "header",
            "require",
            "order",
            "allow",
            "deny",
            "satisfy",
            "auth",
            "proxypreservehost",
            "proxyaddheaders",
            "proxytimeout",
            "timeout",
            "keepalive",
            "errordocument",
            "sslproxy",
            "proxypassreverse",
            "limitrequest",
            "allowencodedslashes",
            "rewriteengine",
            "proxyerroroverride",
            "ssl",
            "servername",
            "serveralias",
            "protocols",
            "addoutputfilterbytype",
            "remoteip",
        ];
        let name = self.all[id].name.clone();
        let mut words = OF_ROUTES.iter().chain(&LOGINS);
        if self.reached.contains(&id) || !words.any(|word| name.starts_with(word)) {
            return;
        }
        self.dropped_block(id, "no route that passes requests on is within its reach");
    }

    fn dropped_block(&mut self, id: Id, why: &'static str) {
        self.ledger.dropped(id, why);
        for inner in self.block(id) {
            self.dropped_block(inner, why);
        }
    }

    fn lost_block(&mut self, id: Id, why: &str) {
        self.ledger.lost(id, why);
        for inner in self.block(id) {
            self.lost_block(inner, why);
        }
    }

    fn close(self) -> Imported {
        let Self { all, ledger, site, .. } = self;
        let judged = all.into_iter().map(|directive| {
            let proxying = beside::reason(&directive.name).is_none();
            (directive.name, directive.span, proxying)
        });
        let (directives, findings, announced) = ledger.close(judged);
        Imported { model: site.write(), directives, findings, announced, routes: Vec::new() }
    }
}

#[cfg(test)]
mod tests;
