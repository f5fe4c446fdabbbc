//! `server` blocks: listeners, names, and which of them takes a request.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use wsgen_model::code::Code;

use super::claims;
use super::listener::default_of;
use super::names::with_regexes;
use super::scope::{Chain, Importer};
use super::state::{Current, End, State};
use super::value;
use crate::import::condition::{Clause, Condition};
use crate::import::draft::Draft;
use crate::import::hostnames::covers_host;
use crate::import::ledger::Id;
use crate::import::placeholder::{UNTOLD, placeholder};
use crate::import::rules::{Bound, Rule};
use crate::targets::nginx::syntax::Statement;

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
    /// Names that its regexes are written out to.
    pub(super) of_regexes: Vec<String>,
    /// What its hosts begin with: `www.example.`.
    pub(super) starts: Vec<String>,
    /// Directives with names that the model cannot say.
    pub(super) unsaid: Vec<Id>,
    /// Whether an earlier server has a name of its.
    pub(super) shadowed: bool,
    /// The directive by which this server asks clients for a certificate, where the model's listener asks nobody.
    pub(super) unasked: Option<Id>,
}

/// A `listen` of a server.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools, reason = "each is a word of the directive")]
pub(super) struct Listen {
    pub(super) address: String,
    pub(super) tls: bool,
    pub(super) http2: bool,
    /// Whether it says that its server takes what no name claims.
    pub(super) is_default: bool,
    /// Whether connections begin with a PROXY header.
    pub(super) proxy_protocol: bool,
}

impl Listen {
    /// nginx's own: port 80 of every address.
    fn built_in(tls: bool, http2: bool) -> Self {
        let address = "0.0.0.0:80".to_owned();
        Self { address, tls, http2, is_default: false, proxy_protocol: false }
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
            let what = "no `server` is around this";
            self.ledger.say(Code::IMPORT_MISSING, self.span(first), what, help);
            servers.push(Server {
                id: None,
                list: self.http.clone(),
                chain: vec![self.outside.clone()],
                scheme: Some("http"),
                listens: vec![Listen::built_in(false, false)],
                names: Vec::new(),
                of_regexes: Vec::new(),
                starts: Vec::new(),
                unsaid: Vec::new(),
                shadowed: false,
                unasked: None,
            });
        }
        with_regexes(&mut servers);
        let mut servers = claims::settled(servers);
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
        let mut bounds: BTreeMap<String, Bound> = BTreeMap::new();
        for address in &order {
            let of = &listeners[address];
            let name = self.listener(address, of, &servers);
            let tls = of.iter().any(|number| {
                servers[*number]
                    .listens
                    .iter()
                    .any(|listen| listen.address == *address && listen.tls)
            });
            bounds.insert(address.clone(), Bound { name, tls });
        }
        let defaults: BTreeMap<String, usize> = listeners
            .iter()
            .map(|(address, of)| (address.clone(), default_of(address, of, &servers)))
            .collect();
        for number in 0..servers.len() {
            let tls = servers[number].listens.iter().filter(|listen| listen.tls);
            let firsts: Vec<usize> =
                tls.filter_map(|listen| defaults.get(&listen.address).copied()).collect();
            for first in firsts.into_iter().filter(|first| *first != number) {
                let unasked = self.unasked(&servers[number], &servers[first]);
                servers[number].unasked = servers[number].unasked.or(unasked);
            }
        }
        self.rules_of(&servers, &order, &bounds, &defaults);
        self.settle();
    }

    fn server_block(&mut self, id: Id) -> Server {
        self.ledger.taken(id, "listeners");
        let list = self.tree.block(id).to_vec();
        let chain = vec![self.outside.clone(), self.tree.around(&list)];
        let (old_tls, written) = self.switch(&chain, "ssl", false);
        if let Some(id) = written {
            self.ledger.taken(id, "listeners.tls");
        }
        let (http2, written) = self.switch(&chain, "http2", false);
        if let Some(id) = written {
            self.ledger.taken(id, "listeners.protocols");
        }
        let mut listens: Vec<Listen> = Vec::new();
        for id in self.tree.named(&list, "listen").collect::<Vec<_>>() {
            let listen = match self.tree.all[id].value.clone() {
                Ok(Statement::Listen(listen)) => listen,
                Ok(_) => continue,
                Err(unread) => {
                    self.ledger.lost(id, &unread.why);
                    continue;
                }
            };
            if listen.quic {
                self.ledger.lost(id, "HTTP/3 is offered by no listener");
                continue;
            }
            self.budget.at(self.span(id));
            match value::listen(&self.known(&listen.address)) {
                Some(address) if listens.iter().any(|known| known.address == address) => {
                    self.ledger.lost(id, "it listens there already: nginx refuses this");
                }
                Some(address) => {
                    self.ledger.taken(id, "listeners.address");
                    listens.push(Listen {
                        address,
                        tls: listen.ssl || old_tls,
                        http2: listen.http2 || http2,
                        is_default: listen.default_server,
                        proxy_protocol: listen.proxy_protocol,
                    });
                }
                None => self.ledger.lost(id, "this is no address to listen on"),
            }
        }
        if listens.is_empty() {
            listens.push(Listen::built_in(old_tls, http2));
        }
        let scheme = scheme(&listens);
        let names = self.names(&list);
        Server {
            id: Some(id),
            list,
            chain,
            scheme,
            listens,
            names: names.said,
            of_regexes: names.of_regexes,
            starts: names.starts,
            unsaid: names.unsaid,
            shadowed: false,
            unasked: None,
        }
    }

    /// The rules of all servers: those with names first, then requests for names that the model cannot say, then the servers
    /// that take every other host.
    fn rules_of(
        &mut self,
        servers: &[Server],
        order: &[String],
        bounds: &BTreeMap<String, Bound>,
        defaults: &BTreeMap<String, usize>,
    ) {
        let is_default =
            |number: usize, listen: &Listen| defaults.get(listen.address.as_str()) == Some(&number);
        // The server of an address, where another has names that cannot be said: its own names go ahead of those.
        let mut unsaid: BTreeMap<&str, Vec<Id>> = BTreeMap::new();
        let mut used: BTreeSet<usize> = BTreeSet::new();
        for (number, server) in servers.iter().enumerate() {
            let others: Vec<&Listen> =
                server.listens.iter().filter(|listen| !is_default(number, listen)).collect();
            for listen in &others {
                if let Some(id) = server.unsaid.first() {
                    unsaid.entry(listen.address.as_str()).or_default().push(*id);
                }
            }
            if others.is_empty() || server.names.is_empty() {
                continue;
            }
            used.insert(number);
            let others: Vec<Listen> = others.into_iter().cloned().collect();
            self.rules_of_server(server, &others, bounds, server.names.clone(), servers);
        }
        for address in order {
            let Some(ids) = unsaid.get(address.as_str()) else { continue };
            let Some(bound) = bounds.get(address) else { continue };
            let number = defaults.get(address.as_str()).copied().unwrap_or(0);
            let Some(server) = servers.get(number) else { continue };
            let own: Vec<Listen> = server
                .listens
                .iter()
                .filter(|listen| listen.address == *address)
                .cloned()
                .collect();
            if !server.names.is_empty() {
                self.rules_of_server(server, &own, bounds, server.names.clone(), servers);
            }
            for id in ids {
                let why = "the model cannot say this name: until you write hostnames, its requests and those of every other unnamed host get 502";
                self.ledger.opens(*id, why);
            }
            let first = ids.first().copied().unwrap_or_default();
            self.rules.push(Rule {
                ids: ids.clone(),
                origin: self.origin(first),
                called: "unsaid names".to_owned(),
                bounds: Rc::new([bound.clone()]),
                condition: Condition::unread(),
                fields: placeholder(),
            });
        }
        for (number, server) in servers.iter().enumerate() {
            let own: Vec<Listen> = server
                .listens
                .iter()
                .filter(|listen| is_default(number, listen))
                .cloned()
                .collect();
            if !own.is_empty() {
                self.rules_of_server(server, &own, bounds, Vec::new(), servers);
            } else if !used.contains(&number) {
                let Some(id) = server.id else { continue };
                if server.unsaid.is_empty() {
                    let why = if server.shadowed {
                        "another server of its address has its names"
                    } else {
                        "another server of its address takes every host"
                    };
                    let what = format!("no request reaches this `server`: {why}");
                    let help = "give it a `server_name` of its own, or delete it";
                    self.ledger.say(Code::UNREACHABLE_ROUTE, self.span(id), &what, help);
                    self.dropped_block(id, why);
                } else {
                    for inner in server.list.clone() {
                        if !server.unsaid.contains(&inner) {
                            self.lost_block(inner, "its names are none that the model can say");
                        }
                    }
                    self.ledger.lost(id, "its names are none that the model can say");
                }
            }
        }
    }

    /// The rules of one server at some of its addresses, for its hosts or for every host.
    fn rules_of_server(
        &mut self,
        server: &Server,
        listens: &[Listen],
        bounds: &BTreeMap<String, Bound>,
        hosts: Vec<String>,
        servers: &[Server],
    ) {
        let scheme = scheme(listens);
        let mut server = Server { scheme, listens: listens.to_vec(), ..server.clone() };
        if hosts.is_empty() && !server.names.is_empty() {
            server.names.truncate(1);
        }
        // Hosts below a wildcard that are another server's own.
        let wide: Vec<&String> = hosts.iter().filter(|host| host.starts_with("*.")).collect();
        let mut not_hosts: Vec<String> = Vec::new();
        if !wide.is_empty() {
            for other in servers.iter().filter(|other| other.id != server.id) {
                let shared =
                    |listen: &Listen| listens.iter().any(|own| own.address == listen.address);
                if !other.listens.iter().any(shared) {
                    continue;
                }
                for name in &other.names {
                    let narrower = wide.iter().any(|host| covers_host(host, name));
                    if narrower && !hosts.contains(name) && !not_hosts.contains(name) {
                        not_hosts.push(name.clone());
                    }
                }
            }
        }
        let named = !hosts.is_empty();
        let condition = Condition::of(Clause { hosts, not_hosts, ..Clause::default() });
        let list: Vec<Bound> =
            listens.iter().filter_map(|listen| bounds.get(&listen.address).cloned()).collect();
        let before = self.enter_server(&server);
        let variables = self.constants.clone();
        let locations: Rc<[_]> = self.locations(&server.list, &server.chain).into();
        let chain = server.chain.clone();
        let (id, unasked) = (server.id, server.unasked);
        let mut rewrites = self.rewrites_in(&server.list);
        rewrites.reverse();
        let server = Rc::new(server);
        self.current = Some(Current { server, bounds: list.into(), locations, ways: 0 });
        let state = State { condition, variables, base: chain.len(), chain, ..State::default() };
        if let Some(id) = unasked {
            self.refuse(&state, id, "certificates");
        }
        self.run(state.clone(), rewrites, &End::Search);
        // A host that is claimed never falls to another server.
        if let Some(id) = id.filter(|_| named) {
            self.rule(&state, id, Draft::of("respond", Draft::of("status", 404_u64)), "rest");
        }
        self.current = None;
        self.constants = before;
    }

    /// Puts the rules in the model's order, and says which of them no request reaches.
    fn settle(&mut self) {
        let rules = std::mem::take(&mut self.rules);
        let unmatched = Draft::of("respond", Draft::of("status", 404_u64));
        let settled = self.site.settle_rules(&rules, &unmatched);
        for ids in settled.placeholders {
            let said = ids.iter().any(|id| self.ledger.is_lost(*id));
            let Some(id) = ids.into_iter().next().filter(|_| !said) else { continue };
            if self.refuses(self.tree.block(id)) {
                self.ledger.opens(id, UNTOLD);
            } else {
                self.ledger.lost(id, UNTOLD);
            }
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
