//! `server` blocks: listeners, names, certificates, and the routes of each.

use std::collections::{BTreeMap, BTreeSet};

use wsgen_model::code::Code;
use wsgen_model::decode::Scalar;
use wsgen_model::scalar::Hostname;

use super::claims;
use super::listener::default_of;
use super::location::Matching;
use super::scope::{Chain, Importer};
use super::value;
use crate::import::draft::{Draft, Item, words};
use crate::import::hostnames::written_out;
use crate::import::ledger::Id;

/// A `server` block.
#[derive(Debug, Clone)]
pub(super) struct Server {
    pub(super) id: Option<Id>,
    pub(super) list: Vec<Id>,
    pub(super) chain: Chain,
    /// The scheme of all its listeners, where they agree.
    pub(super) scheme: Option<&'static str>,
    pub(super) listens: Vec<Listen>,
    pub(super) names: Vec<String>,
    /// Whether it has names that the model cannot say.
    pub(super) unsaid: bool,
    /// Whether an earlier server has a name of its.
    pub(super) shadowed: bool,
}

/// A `listen` of a server.
#[derive(Debug, Clone)]
pub(super) struct Listen {
    pub(super) address: String,
    pub(super) tls: bool,
    pub(super) http2: bool,
    /// Its words: `default_server`, `proxy_protocol` and the like.
    pub(super) options: Vec<String>,
}

impl Listen {
    /// Whether it says that its server takes what no name claims.
    pub(super) fn is_default(&self) -> bool {
        self.has("default_server") || self.has("default")
    }

    /// Whether it has a word.
    pub(super) fn has(&self, word: &str) -> bool {
        self.options.iter().any(|option| option == word)
    }
}

impl Importer<'_> {
    /// Reads every server: listeners first, because the first server of each takes what no name claims.
    pub(super) fn servers(&mut self) {
        let blocks: Vec<Id> = self.tree.named(&self.http, "server").collect();
        let mut servers: Vec<Server> = blocks.into_iter().map(|id| self.server_block(id)).collect();
        let loose = self.tree.named(&self.http, "location").next();
        if let Some(first) = loose {
            // A part of a server that another file includes.
            let help = "port 80 is taken for it; read the file that includes this one";
            self.ledger.say(
                Code::IMPORT_MISSING,
                self.span(first),
                "no `server` is around this",
                help,
            );
            let listens = vec![Listen {
                address: "0.0.0.0:80".into(),
                tls: false,
                http2: false,
                options: Vec::new(),
            }];
            let list = self.http.clone();
            let chain = vec![self.outside.clone()];
            servers.push(Server {
                id: None,
                list,
                chain,
                scheme: Some("http"),
                listens,
                names: Vec::new(),
                unsaid: false,
                shadowed: false,
            });
        }
        let servers = claims::settled(servers);
        let mut listeners: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mut order: Vec<String> = Vec::new();
        for (number, server) in servers.iter().enumerate() {
            for listen in &server.listens {
                let of = listeners.entry(listen.address.clone()).or_default();
                if of.is_empty() {
                    order.push(listen.address.clone());
                }
                of.push(number);
            }
        }
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        for address in order {
            let of = &listeners[&address];
            let called = self.listener(&address, of, &servers);
            names.insert(address, called);
        }
        let defaults: BTreeMap<&str, usize> = listeners
            .iter()
            .map(|(address, of)| (address.as_str(), default_of(address, of, &servers)))
            .collect();
        for (number, server) in servers.iter().enumerate() {
            let is_first = |listen: &Listen| defaults.get(listen.address.as_str()) == Some(&number);
            let first: Vec<bool> = server.listens.iter().map(is_first).collect();
            self.routes(server, &first, &names);
        }
    }

    fn server_block(&mut self, id: Id) -> Server {
        self.ledger.taken(id, "listeners");
        let list = self.tree.block(id).to_vec();
        let chain = vec![self.outside.clone(), self.tree.around(&list)];
        let old_tls = self.setting(&chain, "ssl").is_some_and(|id| {
            self.ledger.taken(id, "listeners.tls");
            self.tree.argument(id, 0) == "on"
        });
        let (http2, written) = self.switch(&chain, "http2", false);
        if let Some(id) = written {
            self.ledger.taken(id, "listeners.protocols");
        }
        let mut listens = Vec::new();
        for id in self.tree.named(&list, "listen").collect::<Vec<_>>() {
            let options = self.tree.all[id].arguments.clone();
            let has = |word: &str| options.iter().any(|option| option == word);
            if has("quic") {
                self.ledger.lost(id, "HTTP/3 is offered by no listener");
                continue;
            }
            match value::listen(&self.text(id, 0)) {
                Some(address) if listens.iter().any(|known: &Listen| known.address == address) => {
                    self.ledger.lost(id, "it listens there already: nginx refuses this");
                }
                Some(address) => {
                    self.ledger.taken(id, "listeners.address");
                    listens.push(Listen {
                        address,
                        tls: has("ssl") || old_tls,
                        http2: has("http2") || has("spdy") || http2,
                        options: options.clone(),
                    });
                }
                None => self.ledger.lost(id, "this is no address to listen on"),
            }
        }
        if listens.is_empty() {
            listens.push(Listen {
                address: "0.0.0.0:80".into(),
                tls: old_tls,
                http2,
                options: Vec::new(),
            });
        }
        let scheme = scheme(&listens);
        let (names, unsaid) = self.names(&list);
        Server { id: Some(id), list, chain, scheme, listens, names, unsaid, shadowed: false }
    }

    /// The hostnames of a server, in the model's form.
    fn names(&mut self, list: &[Id]) -> (Vec<String>, bool) {
        let (mut names, mut unsaid): (Vec<String>, bool) = (Vec::new(), false);
        for id in self.tree.named(list, "server_name").collect::<Vec<_>>() {
            self.ledger.taken(id, "hostnames");
            for number in 0..self.tree.all[id].arguments.len() {
                let text = self.text(id, number);
                if let Some(pattern) = text.strip_prefix('~')
                    && let Some((list, more)) = written_out(pattern)
                {
                    if more {
                        self.differs(
                            id,
                            "names that the pattern fits beside those that are written out",
                        );
                    }
                    let list = list.into_iter().map(|name| name.to_lowercase());
                    names.extend(list.filter(|name| Hostname::parse(name).is_ok()));
                    continue;
                }
                let text = text.to_lowercase();
                let list = match text.strip_prefix('.') {
                    _ if matches!(text.as_str(), "_" | "" | "__" | "*" | "$hostname") => continue,
                    Some(domain) => vec![domain.to_owned(), format!("*.{domain}")],
                    None => vec![text.clone()],
                };
                for name in list {
                    let fits = Hostname::parse(&name).is_ok();
                    if fits && !names.contains(&name) {
                        names.push(name);
                    } else if !fits {
                        unsaid = true;
                        self.ledger.lost(id, "a name that is no hostname, and no `*.` before one");
                    }
                }
            }
        }
        (names, unsaid)
    }

    /// The routes of a server; `first` says of each address whether this server takes what no name claims there.
    fn routes(&mut self, server: &Server, first: &[bool], names: &BTreeMap<String, String>) {
        let takes_the_rest = first.iter().all(|first| *first);
        // Without a name, only what nobody claims comes here.
        let listeners: Vec<&str> = server
            .listens
            .iter()
            .zip(first)
            .filter(|(_, first)| **first || !server.names.is_empty())
            .filter_map(|(listen, _)| names.get(&listen.address))
            .map(String::as_str)
            .collect();
        if listeners.is_empty() {
            let Some(id) = server.id else { return };
            if server.shadowed && !server.unsaid {
                self.dropped_block(id, "another server of its address has its names");
            } else if server.unsaid {
                // Without its names it would take what belongs to others.
                self.lost_block(id, "its names are none that the model can say");
            } else {
                self.dropped_block(id, "another server of its address takes every host");
            }
            return;
        }
        let outside = self.enter_server(server);
        let mut routes: Vec<Item> = Vec::new();
        let plain: Vec<&str> = server
            .listens
            .iter()
            .filter(|listen| !listen.tls)
            .filter_map(|listen| names.get(&listen.address).map(String::as_str))
            .collect();
        let redirects = self.scheme_redirects(&server.list, &plain);
        self.conditions(&server.list);
        let own = server.list.clone();
        if let Some(id) = self.tree.first(&own, "return") {
            if let Some(fields) = self.answer(id) {
                routes.push(Item { origin: self.origin(id), fields });
            }
            for id in self.tree.named(&own, "location").collect::<Vec<_>>() {
                self.ledger.dropped(id, "the `return` of the server answers first");
            }
        } else if let Some((id, fields)) = self
            .tree
            .named(&own, "rewrite")
            .collect::<Vec<_>>()
            .into_iter()
            .find_map(|id| Some((id, self.rewritten(id)?)))
        {
            routes.push(Item { origin: self.origin(id), fields });
        } else {
            let locations = self.locations(&own, &server.chain);
            let paths: BTreeSet<&str> = locations.iter().map(|l| l.path.as_str()).collect();
            let regexes = locations.iter().any(|l| l.matching == Matching::Regex);
            let mut matched: BTreeSet<String> = BTreeSet::new();
            for location in &locations {
                for route in self.routes_of(location, &paths, regexes, server) {
                    if matched.insert(format!("{:?}", route.fields.get(&["match"]))) {
                        routes.push(route);
                    } else {
                        let why = "another location of this path answers first";
                        self.ledger.lost(location.id, why);
                    }
                }
            }
        }
        self.constants = outside;
        for mut route in redirects.into_iter().chain(routes) {
            if route.fields.get(&["listeners"]).is_none() {
                route.fields.set(&["listeners"], listeners.clone());
            }
            if !takes_the_rest && !server.names.is_empty() {
                route.fields.set(&["hostnames"], server.names.clone());
            }
            let path = route.fields.get(&["match"]).and_then(|list| match list {
                Draft::List(list) => {
                    let entry = list.first()?;
                    let kinds = ["prefix", "exact", "starts_with", "regex"];
                    kinds.iter().find_map(|kind| entry.text(&["path", kind])).map(words)
                }
                _ => None,
            });
            let host = server.names.first().map_or("", |name| name.as_str());
            let wanted = if route.fields.get(&["redirect"]).is_some() {
                format!("{host} redirect {}", path.unwrap_or_default())
            } else {
                format!("{host} {}", path.unwrap_or_default())
            };
            if !server.names.is_empty() && takes_the_rest {
                route.origin =
                    format!("{} ({} and every other host)", route.origin, server.names.join(", "));
            }
            self.site.add_route(&wanted, route);
        }
    }
}

/// The scheme of all these, where they agree.
pub(super) fn scheme(listens: &[Listen]) -> Option<&'static str> {
    match listens.iter().filter(|listen| listen.tls).count() {
        0 => Some("http"),
        number if number == listens.len() => Some("https"),
        _ => None,
    }
}
