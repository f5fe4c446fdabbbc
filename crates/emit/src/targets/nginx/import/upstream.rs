//! `upstream` blocks, and servers that `proxy_pass` names by themselves.

use wsgen_model::code::Code;
use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{FilePath, HashKey, Hostname, Token, UpstreamAddress};

use super::scope::{Chain, Importer};
use super::value;
use crate::import::draft::{Draft, Item, name, name_of_server};
use crate::import::ledger::{Id, STICKS_ANEW};
use crate::targets::nginx::syntax::{Balancing, Statement, StickyCookie, UpstreamServer};

/// What a request is passed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    /// Whether by TLS.
    pub(super) secure: bool,
    /// A host with or without a port, `unix:PATH`, or the name of a block.
    pub(super) authority: String,
    /// Whether its name is asked for again and again.
    pub(super) again: bool,
}

impl Importer<'_> {
    /// The name of the upstream for a destination; one that cannot be a server's is said, and gives nothing.
    pub(super) fn upstream(&mut self, to: &Destination, chain: &Chain, pass: Id) -> Option<String> {
        let connect = self.wait(chain, "proxy_connect_timeout", 60_000, "timeouts.connect");
        let tls = to.secure.then(|| self.upstream_tls(chain, &to.authority));
        let key = format!("{}|{}|{tls:?}", to.secure, to.authority);
        if let Some(known) = self.upstreams.get(&key).cloned() {
            self.connects(&known, &connect, chain);
            return Some(known);
        }
        let block = self.groups.get(&to.authority.to_lowercase()).copied();
        let mut fields = Draft::map();
        match block {
            Some(block) => self.block(block, &mut fields),
            None => {
                let address = Some(address(&to.authority, to.secure)).filter(|a| is_address(a));
                let Some(address) = address else {
                    let why = format!("`{}` is not the address of a server", to.authority);
                    self.ledger.lost(pass, &why);
                    return None;
                };
                let bare = !to.authority.contains([':', '.']) && to.authority != "localhost";
                if bare {
                    let help = "read the file that has its `upstream` block, if there is one";
                    let what = format!(
                        "`{}` is taken for a host: no `upstream` has that name",
                        to.authority
                    );
                    self.ledger.say(Code::IMPORT_MISSING, self.span(pass), &what, help);
                }
                let name = UpstreamAddress::parse(&address).is_ok_and(|address| address.is_name());
                let asks = name && self.site.fields.get(&["resolver"]).is_some();
                let server = if to.again && asks {
                    let mut server = Draft::of("address", address);
                    server.set(&["resolve"], "runtime");
                    server
                } else {
                    address.into()
                };
                fields.set(&["servers"], vec![server]);
            }
        }
        if fields.get(&["servers"]).is_none() {
            self.ledger.lost(pass, "its upstream has no server that could be read");
            return None;
        }
        if let Some(tls) = tls {
            fields.set(&["protocol"], "https");
            fields.set(&["tls"], tls);
        }
        fields.set(&["timeouts", "connect"], connect);
        let (keepalive, written) = self.switch(chain, "proxy_socket_keepalive", false);
        if let Some(id) = written {
            self.ledger.taken(id, "tcp_keepalive");
            if keepalive {
                fields.set(&["tcp_keepalive"], "2h");
                self.differs(
                    id,
                    "the system's own times are taken for two hours, as Linux has them",
                );
            }
        }
        let wanted = match block {
            Some(block) => name(self.tree.argument(block, 0)),
            None => name_of_server(&to.authority),
        };
        let origin = self.origin(block.unwrap_or(pass));
        let known = self.site.add_upstream(&wanted, Item { origin, fields });
        self.upstreams.insert(key, known.clone());
        Some(known)
    }

    /// Routes of one upstream connect within one time: the one that is written, or the longer of two.
    fn connects(&mut self, name: &str, connect: &str, chain: &Chain) {
        let written = self.tree.first_in(chain, "proxy_connect_timeout");
        let Some(item) = self.site.upstream(name) else { return };
        let path = ["timeouts", "connect"];
        let known = item.fields.text(&path).unwrap_or_default().to_owned();
        if known == connect {
            return;
        }
        if let Some(id) = written {
            let longer = value::time(connect) > value::time(&known) || known == "1m";
            if longer {
                item.fields.set(&path, connect);
            }
            self.differs(
                id,
                "all routes of an upstream connect within one time, the longer one that is written",
            );
        }
    }

    /// nginx verifies nothing unless it is told to.
    fn upstream_tls(&mut self, chain: &Chain, authority: &str) -> Draft {
        let mut tls = Draft::map();
        let (verify, written) = self.switch(chain, "proxy_ssl_verify", false);
        if let Some(id) = written {
            self.ledger.taken(id, "tls.verify");
        }
        tls.set(&["verify"], verify);
        if let Some(id) = self.setting(chain, "proxy_ssl_trusted_certificate") {
            let file = self.value::<FilePath>(id, 0);
            self.ledger.taken(id, "tls.ca");
            if let (true, Some(file)) = (verify, file) {
                tls.set(&["ca"], file);
            }
        }
        if let Some(id) = self.setting(chain, "proxy_ssl_server_name") {
            self.ledger.taken(id, "tls.server_name");
        }
        if let Some(id) = self.setting(chain, "proxy_ssl_name") {
            let text = self.text(id, 0);
            if Hostname::parse(&text).is_err() {
                self.ledger.lost(id, "the name is computed, or is none of a host");
            } else if text != authority {
                self.ledger.taken(id, "tls.server_name");
                tls.set(&["server_name"], text);
            }
        }
        for name in ["proxy_ssl_certificate", "proxy_ssl_certificate_key"] {
            if let Some(id) = self.setting(chain, name) {
                self.ledger.lost(id, "the model shows servers no certificate of the proxy's");
            }
        }
        tls
    }

    fn block(&mut self, block: Id, fields: &mut Draft) {
        self.ledger.taken(block, "upstreams");
        let inner = self.tree.block(block).to_vec();
        let mut servers: Vec<Draft> = Vec::new();
        let mut policy = Draft::of("policy", "round_robin");
        for id in inner {
            match self.tree.all[id].value.clone() {
                Ok(Statement::UpstreamServer(server)) => servers.extend(self.server(id, &server)),
                Ok(Statement::Balancing(balancing)) => {
                    policy = self.balancing(id, &balancing, fields).unwrap_or(policy);
                }
                Ok(_) if self.tree.all[id].name.starts_with("keepalive") => {
                    self.ledger.dropped(id, "connections to servers are kept by themselves");
                }
                Ok(_) => {}
                Err(unread) => {
                    self.ledger.lost(id, &unread.why);
                    self.ledger.point(id, unread.span);
                    servers.extend(self.server_of(id));
                }
            }
        }
        // Where all stand by, all of them work.
        if servers.iter().all(|server| server.get(&["backup"]).is_some()) {
            for server in &mut servers {
                server.remove(&["backup"]);
            }
        }
        if servers.len() > 1 {
            fields.set(&["load_balancing"], policy);
        }
        if !servers.is_empty() {
            fields.set(&["servers"], Draft::List(servers));
        }
    }

    /// The server of a line that was not read in full: its address alone, where it has one.
    fn server_of(&mut self, id: Id) -> Option<Draft> {
        let is_server = self.tree.all[id].name == "server";
        is_server.then(|| self.address_of(id)).flatten().map(Draft::from)
    }

    fn address_of(&mut self, id: Id) -> Option<String> {
        // Port 80 is meant whatever the scheme (nginx, "server").
        let address = Some(with_port(&self.text(id, 0), 80)).filter(|address| is_address(address));
        if address.is_none() {
            self.ledger.lost(id, "this is no address of a server");
        }
        address
    }

    fn server(&mut self, id: Id, options: &UpstreamServer) -> Option<Draft> {
        let address = self.address_of(id)?;
        if options.down {
            self.ledger.dropped(id, "it is marked as down");
            return None;
        }
        self.ledger.taken(id, "servers");
        let mut more = Draft::map();
        if options.weight != 1 {
            more.set(&["weight"], options.weight.clamp(1, 256));
        }
        if options.backup {
            more.set(&["backup"], true);
        }
        let is_name = UpstreamAddress::parse(&address).is_ok_and(|address| address.is_name());
        if options.resolve && is_name && self.site.fields.get(&["resolver"]).is_some() {
            more.set(&["resolve"], "runtime");
        }
        if options.failures {
            let how = "how often a server may fail is the new server's own, or a `health_check`";
            self.differs(id, how);
        }
        if options.max_conns > 0 {
            self.ledger.lost(id, "a server's connections are not counted");
        }
        if options.unsaid {
            self.ledger.lost(id, "`service` and `drain` are options that the model does not have");
        }
        if more == Draft::map() {
            return Some(address.into());
        }
        let mut server = Draft::of("address", address);
        if let Draft::Map(entries) = more {
            for (key, value) in entries {
                server.set(&[key.as_str()], value);
            }
        }
        Some(server)
    }

    /// Returns the model's policy for a balancing method. `sticky cookie` is no policy: `fields` get it.
    fn balancing(&mut self, id: Id, balancing: &Balancing, fields: &mut Draft) -> Option<Draft> {
        let policy = match balancing {
            Balancing::LeastConnections => "least_conn",
            Balancing::AddressHash => "ip_hash",
            Balancing::Random => "random",
            Balancing::Hash(key) => {
                let key = hash_key(&self.known(&key.to_string()));
                let Some(key) = key.filter(|key| HashKey::parse(key).is_ok()) else {
                    let why = "the model hashes a field, a cookie, a parameter or the URI";
                    self.ledger.lost(id, why);
                    return None;
                };
                let mut policy = Draft::of("policy", "hash");
                policy.set(&["key"], key);
                self.ledger.taken(id, "load_balancing.key");
                return Some(policy);
            }
            Balancing::Cookie(cookie) => {
                self.sticky(id, cookie, fields);
                return None;
            }
        };
        self.ledger.taken(id, "load_balancing.policy");
        Some(Draft::of("policy", policy))
    }

    fn sticky(&mut self, id: Id, cookie: &StickyCookie, fields: &mut Draft) {
        let name = self.known(&cookie.name);
        if Token::parse(&name).is_err() {
            self.ledger.lost(id, "the model sticks by a cookie of the proxy's own");
            return;
        }
        self.ledger.taken(id, "sticky.cookie");
        self.differs(id, STICKS_ANEW);
        if !cookie.attributes.is_empty() {
            let how = "the model's cookie is for this host and every path, and ends with the browser: it has no `expires`, `domain` or `path`";
            self.differs(id, how);
        }
        let mut sticks = Draft::of("name", name);
        sticks.set(&["http_only"], cookie.http_only);
        if cookie.secure {
            sticks.set(&["secure"], true);
        }
        if let Some(site) = &cookie.same_site {
            sticks.set(&["same_site"], site.as_str());
        }
        fields.set(&["sticky", "cookie"], sticks);
    }
}

/// What a hash looks at, where the model has a word for it.
fn hash_key(text: &str) -> Option<String> {
    let variable = text.strip_prefix('$')?;
    Some(match variable {
        "request_uri" | "uri" => "uri".to_owned(),
        _ => match variable.split_once('_')? {
            ("cookie", name) => format!("cookie:{name}"),
            ("arg", name) => format!("query:{name}"),
            ("http", name) => format!("header:{}", name.replace('_', "-")),
            _ => return None,
        },
    })
}

/// An authority of a URL as the address of a server.
pub(super) fn address(authority: &str, secure: bool) -> String {
    with_port(authority, if secure { 443 } else { 80 })
}

fn with_port(text: &str, port: u16) -> String {
    if let Some(path) = text.strip_prefix("unix:") {
        // A relative name is below the folder of the process, which the configuration does not say.
        return format!("unix:/{}", path.trim_end_matches(':').trim_start_matches('/'));
    }
    let has_port = text.rsplit_once(':').is_some_and(|(host, number)| {
        !number.contains(']') && (!host.contains(':') || host.ends_with(']'))
    });
    if has_port { text.to_owned() } else { format!("{text}:{port}") }
}

fn is_address(text: &str) -> bool {
    UpstreamAddress::parse(text).is_ok()
}
