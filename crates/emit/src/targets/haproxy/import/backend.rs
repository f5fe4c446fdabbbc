//! The servers of a backend, and how one is chosen.

use wsgen_model::code::Code;
use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{HashKey, Token, UpstreamAddress};

use super::differs::Differs;
use super::scope::Importer;
use crate::import::draft::{Draft, Item, name};
use crate::import::measure;
use crate::targets::haproxy::syntax::Statement;

impl Importer<'_> {
    /// The upstream of a section with servers; one without has none.
    pub(super) fn upstream(&mut self, section: usize) -> Option<String> {
        if let Some(known) = self.upstreams.get(&section) {
            return Some(known.clone());
        }
        self.reached.insert(section);
        let mut fields = Draft::map();
        let mut servers = Vec::new();
        for id in self.sections[section].list.clone() {
            let statement = self.statement(id);
            match statement.as_deref() {
                Some(Statement::Server(server)) => {
                    servers.extend(self.server(section, id, server, &mut fields));
                }
                None if ["server", "server-template", "default-server"]
                    .contains(&self.word(id, 0)) =>
                {
                    self.lose_unread(id, false);
                }
                _ => {}
            }
        }
        if servers.is_empty() {
            return None;
        }
        // Where all of them wait, the first takes everything.
        let waits = |server: &Draft| server.get(&["backup"]).is_some();
        if servers.iter().all(waits) {
            servers[0].remove(&["backup"]);
        }
        if servers.len() > 1 {
            let policy = self.chooses(section);
            fields.set(&["load_balancing"], policy);
            self.sticky(section, &mut fields);
        } else if let Some(id) = self.setting(section, &["balance"]) {
            self.ledger.dropped(id, "there is one server");
        }
        fields.set(&["servers"], Draft::List(servers));
        let connect = self.time_or(section, "connect", "timeouts.connect", "1m");
        fields.set(&["timeouts", "connect"], connect);
        let silent = ["srvtcpka", "tcpka"].into_iter().find_map(|name| self.option(section, name));
        if let Some(id) = silent {
            self.ledger.taken(id, "tcp_keepalive");
            let span = self.span(id);
            self.differs(span, Differs::KeepAliveTime);
            fields.set(&["tcp_keepalive"], "2h");
        }
        let own = self.sections[section].id;
        self.ledger.taken(own, "upstreams");
        let wanted = name(&self.sections[section].name);
        let origin = self.origin(own);
        let called = self.site.add_upstream(&wanted, Item { origin, fields });
        self.upstreams.insert(section, called.clone());
        Some(called)
    }

    /// Whether a server's name can be asked for at run time: it is one, and there is somebody to ask.
    pub(super) fn asks(&self, address: &str) -> bool {
        let name = UpstreamAddress::parse(address).is_ok_and(|address| address.is_name());
        name && self.site.fields.get(&["resolver"]).is_some()
    }

    fn chooses(&mut self, section: usize) -> Draft {
        let usual = Draft::of("policy", "round_robin");
        let Some(id) = self.setting(section, &["balance"]) else { return usual };
        let statement = self.statement(id);
        let Some(Statement::Balance(balance)) = statement.as_deref() else {
            self.lose_unread(id, false);
            return usual;
        };
        let algorithm = &balance.algorithm;
        let args: Vec<&str> = balance.args.iter().map(|word| word.text.as_str()).collect();
        let key = match (algorithm.name.as_str(), args.as_slice()) {
            ("uri", []) => Some("uri".to_owned()),
            ("url_param", [name]) => Some(format!("query:{name}")),
            ("hdr", []) => Some(format!("header:{}", algorithm.arg(0))),
            ("hash", [cookie]) => cookie
                .strip_prefix("req.cook(")
                .and_then(|rest| rest.strip_suffix(')'))
                .map(|name| format!("cookie:{name}")),
            _ => None,
        };
        if let Some(key) = key.filter(|key| HashKey::parse(key).is_ok()) {
            self.ledger.taken(id, "load_balancing.key");
            let mut policy = Draft::of("policy", "hash");
            policy.set(&["key"], key);
            return policy;
        }
        let policy = match (algorithm.name.as_str(), args.as_slice()) {
            ("leastconn", []) => "least_conn",
            ("source", []) => "ip_hash",
            ("random", _) => "random",
            ("roundrobin" | "static-rr", []) => "round_robin",
            _ => {
                self.ledger.lost(id, "the model does not choose so");
                return usual;
            }
        };
        self.ledger.taken(id, "load_balancing.policy");
        Draft::of("policy", policy)
    }

    fn sticky(&mut self, section: usize, fields: &mut Draft) {
        let Some(id) = self.setting(section, &["cookie"]) else { return };
        let statement = self.statement(id);
        let Some(Statement::Cookie(cookie)) = statement.as_deref() else {
            return self.lose_unread(id, false);
        };
        if !cookie.has("insert") || Token::parse(&cookie.name).is_err() {
            self.ledger.lost(id, "the model sticks by a cookie of the proxy's own");
            return;
        }
        let mut draft = Draft::of("name", cookie.name.as_str());
        draft.set(&["http_only"], cookie.has("httponly"));
        if cookie.has("secure") {
            draft.set(&["secure"], true);
        }
        for (_, value) in cookie.options.iter().filter(|(name, _)| name == "attr") {
            let same_site = value.as_deref().and_then(|value| value.strip_prefix("SameSite="));
            if let Some(same_site) = same_site {
                draft.set(&["same_site"], same_site.to_lowercase());
            }
        }
        self.ledger.taken(id, "sticky.cookie");
        let span = self.span(id);
        self.differs(span, Differs::StickyValues);
        fields.set(&["sticky", "cookie"], draft);
    }

    /// Who resolves names.
    pub(super) fn resolvers(&mut self) {
        for section in 0..self.sections.len() {
            if self.sections[section].kind != "resolvers" {
                continue;
            }
            let own = self.sections[section].id;
            let ids = self.own(section, &["nameserver"]);
            let address = |id: &usize| match self.statement(*id).as_deref() {
                Some(Statement::NameServer(address)) => {
                    address.parse::<std::net::SocketAddr>().is_ok().then(|| address.clone())
                }
                _ => None,
            };
            let known: Vec<String> = ids.iter().filter_map(address).collect();
            if known.is_empty() || self.site.fields.get(&["resolver"]).is_some() {
                let help = "name servers are told by their addresses, in one list";
                let span = self.span(own);
                self.ledger.say(
                    Code::IMPORT_DIFFERS,
                    span,
                    "these name servers are left out",
                    help,
                );
                self.ledger.dropped(own, "the model has one list of name servers");
                continue;
            }
            self.ledger.taken(own, "resolver");
            for id in ids {
                self.ledger.taken(id, "resolver.nameservers");
            }
            self.site.fields.set(&["resolver", "nameservers"], known);
            if let Some(id) = self.own(section, &["hold", "valid"]).last().copied()
                && let Some(Statement::Hold(_, millis @ 1000..)) = self.statement(id).as_deref()
            {
                self.ledger.taken(id, "resolver.valid");
                self.site.fields.set(&["resolver", "valid"], measure::duration(*millis));
            }
        }
    }
}
