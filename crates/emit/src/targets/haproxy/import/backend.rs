//! Servers and how they are chosen and asked.

use wsgen_model::code::Code;
use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{FilePath, HashKey, Hostname, PathLiteral, Token, UpstreamAddress};

use super::scope::{Importer, time};
use crate::import::draft::{Draft, Item, name};
use crate::import::ledger::{Id, STICKS_ANEW};
use crate::import::measure;

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
            match self.word(id, 0) {
                "server" => servers.extend(self.server(section, id, &mut fields)),
                "server-template" => {
                    let address = self.word(id, 3).to_owned();
                    if UpstreamAddress::parse(&address).is_ok() {
                        self.ledger.taken(id, "servers.resolve");
                        let again = self.asks(&address);
                        let mut server = Draft::of("address", address);
                        if again {
                            server.set(&["resolve"], "runtime");
                        }
                        servers.push(server);
                    } else {
                        self.ledger.lost(id, "this is no name with a port");
                    }
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
            self.differs(
                id,
                "after how long a silence TCP asks is the system's own time: 2h by default",
            );
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
    fn asks(&self, address: &str) -> bool {
        let name = UpstreamAddress::parse(address).is_ok_and(|address| address.is_name());
        name && self.site.fields.get(&["resolver"]).is_some()
    }

    fn chooses(&mut self, section: usize) -> Draft {
        let Some(id) = self.setting(section, &["balance"]) else {
            return Draft::of("policy", "round_robin");
        };
        let (method, argument) = (self.word(id, 1).to_owned(), self.word(id, 2).to_owned());
        let inner = |text: &str| {
            text.split_once('(').map(|(_, rest)| rest.trim_end_matches(')').to_owned())
        };
        let key = match method.as_str() {
            "uri" => Some("uri".to_owned()),
            "url_param" => Some(format!("query:{argument}")),
            method if method.starts_with("hdr(") => {
                inner(method).map(|name| format!("header:{name}"))
            }
            "hash" if argument.contains("cook") => {
                inner(&argument).map(|name| format!("cookie:{name}"))
            }
            _ => None,
        };
        if let Some(key) = key.filter(|key| HashKey::parse(key).is_ok()) {
            self.ledger.taken(id, "load_balancing.key");
            let mut policy = Draft::of("policy", "hash");
            policy.set(&["key"], key);
            return policy;
        }
        let policy = match method.as_str() {
            "leastconn" => "least_conn",
            "source" => "ip_hash",
            "random" => "random",
            "roundrobin" | "static-rr" => "round_robin",
            _ => {
                self.ledger.lost(id, "the model does not choose so");
                return Draft::of("policy", "round_robin");
            }
        };
        self.ledger.taken(id, "load_balancing.policy");
        Draft::of("policy", policy)
    }

    fn sticky(&mut self, section: usize, fields: &mut Draft) {
        let Some(id) = self.setting(section, &["cookie"]) else { return };
        let has = |word: &str| self.all[id].words.iter().any(|known| known == word);
        let cookie = self.word(id, 1).to_owned();
        if !has("insert") || Token::parse(&cookie).is_err() {
            self.ledger.lost(id, "the model sticks by a cookie of the proxy's own");
            return;
        }
        let mut draft = Draft::of("name", cookie);
        draft.set(&["http_only"], has("httponly"));
        if has("secure") {
            draft.set(&["secure"], true);
        }
        let attributes = self.all[id].words.windows(2).filter(|pair| pair[0] == "attr");
        for same_site in attributes.filter_map(|pair| pair[1].strip_prefix("SameSite=")) {
            draft.set(&["same_site"], same_site.to_lowercase());
        }
        self.ledger.taken(id, "sticky.cookie");
        self.differs(id, STICKS_ANEW);
        fields.set(&["sticky", "cookie"], draft);
    }

    /// A server, its options behind those of `default-server`.
    fn server(&mut self, section: usize, id: Id, fields: &mut Draft) -> Option<Draft> {
        let text = self.word(id, 2).to_owned();
        let mut options: Vec<String> = Vec::new();
        let mut chain = self.chain(section);
        chain.reverse();
        for section in chain {
            for known in self.own(section, &["default-server"]) {
                self.ledger.taken(known, "upstreams");
                options.extend(self.all[known].words.iter().skip(1).cloned());
            }
        }
        options.extend(self.all[id].words.iter().skip(3).cloned());
        let secure = options.iter().any(|option| option == "ssl");
        let Some(address) = address(&text, secure) else {
            self.ledger.lost(id, "this is no address of a server");
            return None;
        };
        self.ledger.taken(id, "servers");
        let mut server = Draft::of("address", address.as_str());
        let mut plain = true;
        let mut check = false;
        let mut timing = Draft::map();
        let mut tls = Draft::map();
        let mut rest = options.into_iter().peekable();
        while let Some(option) = rest.next() {
            let mut value = || rest.next().unwrap_or_default();
            match option.as_str() {
                "weight" => {
                    let weight: u64 = value().parse().unwrap_or(1);
                    if weight == 0 {
                        self.differs(id, "a weight of 0 takes no new requests; 1 is the least");
                    }
                    server.set(&["weight"], weight.clamp(1, 256));
                    plain = weight == 1 && plain;
                }
                "backup" => {
                    server.set(&["backup"], true);
                    plain = false;
                }
                "disabled" => {
                    self.ledger.dropped(id, "it is disabled");
                    return None;
                }
                "check" => check = true,
                "no-check" => check = false,
                "inter" => {
                    if let Some(millis) = time(&value()).filter(|millis| *millis > 0) {
                        timing.set(&["interval"], measure::duration(millis));
                    }
                }
                "rise" => set_number(&mut timing, "healthy_threshold", &value()),
                "fall" => set_number(&mut timing, "unhealthy_threshold", &value()),
                "on-marked-down" => {
                    let closes = value() == "shutdown-sessions";
                    fields.set(&["on_unhealthy"], if closes { "close_tunnels" } else { "keep" });
                }
                "resolvers" => {
                    let _ = value();
                    if self.asks(&address) {
                        server.set(&["resolve"], "runtime");
                        plain = false;
                    }
                }
                "send-proxy" => fields.set(&["proxy_protocol", "send"], "v1"),
                "send-proxy-v2" => fields.set(&["proxy_protocol", "send"], "v2"),
                "verify" => tls.set(&["verify"], value() == "required"),
                "ca-file" => {
                    let file = value();
                    if FilePath::parse(&file).is_ok() && !file.starts_with('@') {
                        tls.set(&["ca"], file);
                    }
                }
                "sni" => {
                    let text = value();
                    let literal = text.strip_prefix("str(").and_then(|rest| rest.strip_suffix(')'));
                    match literal {
                        Some(host) if Hostname::parse(host).is_ok() => {
                            tls.set(&["server_name"], host);
                        }
                        _ => self.differs(id, "the name in SNI is the server's own"),
                    }
                }
                "crt" => {
                    let _ = value();
                    self.ledger.lost(id, "the model shows servers no certificate of the proxy's");
                }
                "proto" => {
                    let h2 = value() == "h2";
                    fields.set(&["protocol"], if h2 { "h2c" } else { "http" });
                }
                "maxconn" | "maxqueue" => {
                    let _ = value();
                    self.differs(id, "a server's connections are not counted");
                }
                "cookie" | "id" | "port" | "addr" | "init-addr" | "resolve-prefer"
                | "resolve-opts" | "slowstart" | "track" | "observe" | "error-limit"
                | "on-error" | "fastinter" | "downinter" | "alpn" | "ws" | "ssl-min-ver"
                | "ssl-max-ver" | "check-sni" | "check-alpn" | "check-proto" | "source"
                | "pool-max-conn" | "minconn" | "ciphers" | "verifyhost" | "log-proto"
                | "agent-port" | "agent-inter" | "agent-addr" | "pool-purge-delay"
                | "ciphersuites" | "crl-file" | "namespace" | "max-reuse" | "log-bufsize" => {
                    let _ = value();
                }
                _ => {}
            }
        }
        if secure {
            if tls.get(&["verify"]).is_none() {
                tls.set(&["verify"], self.global("ssl-server-verify").as_deref() != Some("none"));
            }
            fields.set(&["protocol"], "https");
            fields.set(&["tls"], tls);
        }
        if check && fields.get(&["health_check"]).is_none() {
            let asked = self.check(section, timing);
            fields.set(&["health_check"], asked);
        }
        Some(if plain { address.into() } else { server })
    }

    /// What a check asks.
    fn check(&mut self, section: usize, timing: Draft) -> Draft {
        let mut check = Draft::of("type", "tcp");
        if let Draft::Map(entries) = timing {
            for (key, value) in entries {
                check.set(&[&key], value);
            }
        }
        if let Some(millis) = self.timer(section, "check", "health_check.timeout") {
            check.set(&["timeout"], measure::duration(millis.max(1)));
        }
        let Some(id) = self.option(section, "httpchk") else { return check };
        self.ledger.taken(id, "health_check.type");
        check.set(&["type"], "http");
        // `option httpchk URI`, or METHOD URI VERSION.
        let words: Vec<String> = self.all[id].words.iter().skip(2).cloned().collect();
        let mut path = words.iter().find(|word| word.starts_with('/')).cloned();
        if let Some(id) = self.setting(section, &["http-check", "send"]) {
            self.ledger.taken(id, "health_check.path");
            let words = &self.all[id].words;
            let uri = words.iter().position(|word| word == "uri").and_then(|at| words.get(at + 1));
            path = uri.cloned().or(path);
        }
        if let Some(path) = path {
            let bare = path.split('?').next().unwrap_or("/").to_owned();
            if PathLiteral::parse(&bare).is_ok() {
                check.set(&["path"], bare);
            } else {
                self.ledger.lost(id, "the model asks for plain paths");
            }
        }
        if let Some(id) = self.setting(section, &["http-check", "expect"]) {
            let (kind, text) = (self.word(id, 2).to_owned(), self.word(id, 3).to_owned());
            let statuses: Vec<u64> = match kind.as_str() {
                "status" => text
                    .split(',')
                    .filter_map(|text| text.parse().ok())
                    .filter(|s| (100..600).contains(s))
                    .collect(),
                _ => Vec::new(),
            };
            if statuses.is_empty() {
                self.ledger.lost(id, "a check expects statuses that are written out");
            } else {
                self.ledger.taken(id, "health_check.expect_status");
                check.set(&["expect_status"], statuses);
            }
        }
        check
    }

    /// Who resolves names.
    pub(super) fn resolvers(&mut self) {
        for section in 0..self.sections.len() {
            if self.sections[section].kind != "resolvers" {
                continue;
            }
            let own = self.sections[section].id;
            let ids = self.own(section, &["nameserver"]);
            let addresses: Vec<String> =
                ids.iter().map(|id| self.word(*id, 2).to_owned()).collect();
            let known: Vec<String> = addresses
                .into_iter()
                .filter(|a| a.parse::<std::net::SocketAddr>().is_ok())
                .collect();
            if known.is_empty() || self.site.fields.get(&["resolver"]).is_some() {
                let help = "name servers are told by their addresses, in one list";
                self.ledger.say(
                    Code::IMPORT_DIFFERS,
                    self.span(own),
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
                && let Some(millis) = time(self.word(id, 2)).filter(|millis| *millis >= 1000)
            {
                self.ledger.taken(id, "resolver.valid");
                self.site.fields.set(&["resolver", "valid"], measure::duration(millis));
            }
        }
    }
}

fn set_number(draft: &mut Draft, key: &str, text: &str) {
    if let Ok(number @ 1..=100) = text.parse::<u64>() {
        draft.set(&[key], number);
    }
}

/// The address of a server, in the model's form.
pub(super) fn address(text: &str, secure: bool) -> Option<String> {
    let text = text.strip_prefix("ipv4@").or_else(|| text.strip_prefix("ipv6@")).unwrap_or(text);
    let address = match text.strip_prefix("unix@").or_else(|| text.starts_with('/').then_some(text))
    {
        Some(path) => format!("unix:{path}"),
        None if text.contains(':') => text.trim_start_matches(':').to_owned(),
        None => format!("{text}:{}", if secure { 443 } else { 80 }),
    };
    UpstreamAddress::parse(&address).is_ok().then_some(address)
}
