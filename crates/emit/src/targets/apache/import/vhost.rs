//! `<VirtualHost>` sections and the main server: listeners, names, certificates.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use wsgen_model::code::Code;
use wsgen_model::decode::Scalar;
use wsgen_model::scalar::Hostname;

use super::scope::{Chain, Importer};
use crate::import::draft::{Draft, Item};
use crate::import::hostnames::wildcards_above;
use crate::import::ledger::Id;
use crate::import::measure;
use crate::import::rules::Bound;
use crate::targets::apache::syntax::{Section, Statement};

/// A virtual host, or the main server.
#[derive(Debug)]
pub(super) struct Vhost {
    /// Its section; the main server has none.
    pub(super) id: Option<Id>,
    pub(super) list: Vec<Id>,
    /// Directives of `list` that may hold for a route. Rules of single paths are left out, because there may be very many.
    pub(super) settings: Vec<Id>,
    pub(super) addresses: Vec<String>,
    pub(super) names: Vec<String>,
    pub(super) tls: bool,
    /// Whether it has names that the model cannot say.
    pub(super) unsaid: bool,
    /// Whether one of its names is `*`.
    pub(super) any: bool,
    /// The addresses of which it takes the hosts that no virtual host is for.
    pub(super) rest_of: Vec<String>,
}

/// Settles which virtual host takes which hosts of an address: the first of the file that has the name, a wildcard
/// included; what no name fits goes to the first of all (Apache, "Name-based Virtual Host Support").
pub(super) fn claims(vhosts: &mut [Vhost]) {
    let mut claimed: BTreeMap<String, HashSet<String>> = BTreeMap::new();
    // Once a name is `*`, nothing is left for those behind it.
    let mut closed: BTreeSet<String> = BTreeSet::new();
    let mut rest: BTreeMap<String, usize> = BTreeMap::new();
    for (number, vhost) in vhosts.iter_mut().enumerate() {
        let addresses = &vhost.addresses;
        vhost.names.retain(|name| {
            !addresses.iter().all(|at| {
                closed.contains(at)
                    || claimed.get(at).is_some_and(|known| {
                        let wide = wildcards_above(name);
                        std::iter::once(name).chain(&wide).any(|own| known.contains(own))
                    })
            })
        });
        for at in addresses {
            claimed.entry(at.clone()).or_default().extend(vhost.names.iter().cloned());
            rest.entry(at.clone()).or_insert(number);
            if vhost.any && closed.insert(at.clone()) {
                rest.insert(at.clone(), number);
            }
        }
    }
    for (at, number) in rest {
        vhosts[number].rest_of.push(at);
    }
}

impl Vhost {
    /// The names that it is for, where it is for no others.
    pub(super) fn own_names(&self) -> &[String] {
        if self.rest_of.is_empty() { &self.names } else { &[] }
    }

    /// Whether a URL leads to its own name and port.
    pub(super) fn is_own_url(&self, url: &str) -> bool {
        let Some((scheme, rest)) = url.split_once("://") else { return false };
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let port = if scheme == "https" { "443" } else { "80" };
        let (host, port) = authority.split_once(':').unwrap_or((authority, port));
        self.names.first().is_some_and(|name| name.eq_ignore_ascii_case(host))
            && self.addresses.iter().any(|address| address.rsplit(':').next() == Some(port))
    }

    /// What holds in it.
    pub(super) fn chain(&self, top: &[Id]) -> Chain {
        match self.id {
            Some(_) => vec![top.to_vec(), self.list.clone()],
            None => vec![top.to_vec()],
        }
    }
}

impl Importer<'_> {
    /// All virtual hosts; the main server, where it serves by itself.
    pub(super) fn vhosts(&mut self) -> Vec<Vhost> {
        let top = self.top.clone();
        let mut vhosts = Vec::new();
        let listening = self.named(&top, "listen");
        let ports = listening.iter().filter_map(|id| listen(self.word(*id, 0)));
        let ports: Vec<String> =
            ports.filter_map(|address| Some(address.rsplit(':').next()?.to_owned())).collect();
        for id in self.named(&top, "virtualhost") {
            let addresses = self.addresses(id, &ports);
            if addresses.is_empty() {
                let what = "its address is told elsewhere; `0.0.0.0:80`, or `:443` with TLS, stands for it";
                let help = "say it with --define NAME=VALUE";
                self.ledger.say(Code::IMPORT_MISSING, self.span(id), what, help);
            }
            let list = self.block(id);
            vhosts.push(self.vhost(Some(id), list, addresses));
        }
        let passes = ["proxypass", "proxypassmatch", "location", "rewriterule", "locationmatch"];
        let own = passes.iter().any(|name| !self.named(&top, name).is_empty());
        let mut listens: Vec<String> =
            self.named(&top, "listen").iter().filter_map(|id| listen(self.word(*id, 0))).collect();
        for id in self.named(&top, "listen") {
            self.ledger.taken(id, "listeners.address");
        }
        // What listens on one address of the machine serves its port there alone.
        for vhost in &mut vhosts {
            let mut narrow = Vec::new();
            for address in &vhost.addresses {
                let port = address.strip_prefix("0.0.0.0:").map(|port| format!(":{port}"));
                let own: Vec<String> = listens
                    .iter()
                    .filter(|listen| port.as_ref().is_some_and(|port| listen.ends_with(port)))
                    .cloned()
                    .collect();
                narrow.extend(if own.is_empty() || own.contains(address) {
                    vec![address.clone()]
                } else {
                    own
                });
            }
            vhost.addresses = narrow;
        }
        let free = |address: &String| {
            let covers = |other: &String| {
                other == address || other.strip_prefix("0.0.0.0:") == address.rsplit(':').next()
            };
            !vhosts.iter().flat_map(|vhost| &vhost.addresses).any(covers)
        };
        listens.retain(free);
        // A part of a configuration has neither: what it says belongs to port 80.
        if vhosts.is_empty() && listens.is_empty() && own {
            let first = top.iter().find(|id| passes.contains(&self.all[**id].name.as_str()));
            let at = self.span(first.copied().unwrap_or(0));
            let help = "port 80 is taken for it; read the file that includes this one";
            self.ledger.say(Code::IMPORT_MISSING, at, "no `<VirtualHost>` is around this", help);
            listens.push("0.0.0.0:80".to_owned());
        }
        if own && !listens.is_empty() {
            vhosts.push(self.vhost(None, top, listens));
        }
        vhosts
    }

    /// The addresses of a section; one without a port holds for all that are listened on.
    fn addresses(&self, id: Id, ports: &[String]) -> Vec<String> {
        let Ok(Statement::Section(Section::VirtualHost(all))) = &self.all[id].statement else {
            return Vec::new();
        };
        let mut addresses: Vec<String> = Vec::new();
        for address in all {
            let host = address.host.map_or_else(|| "0.0.0.0".to_owned(), |host| host.to_string());
            let own = match address.port {
                Some(port) => vec![port.to_string()],
                None if ports.is_empty() => vec!["80".to_owned()],
                None => ports.to_vec(),
            };
            let own = own.iter().filter_map(|port| socket(&host, port));
            let new: Vec<String> = own.filter(|address| !addresses.contains(address)).collect();
            addresses.extend(new);
        }
        addresses
    }

    fn vhost(&mut self, id: Option<Id>, list: Vec<Id>, mut addresses: Vec<String>) -> Vhost {
        let tls = match self.named(&list, "sslengine").last() {
            Some(id) => {
                self.ledger.taken(*id, "listeners.tls");
                !self.word(*id, 0).eq_ignore_ascii_case("off")
            }
            // Somebody else says `SSLEngine on`, in a file that is not here.
            None => !self.named(&list, "sslcertificatefile").is_empty(),
        };
        if addresses.is_empty() {
            addresses.push(if tls { "0.0.0.0:443" } else { "0.0.0.0:80" }.to_owned());
        }
        addresses.dedup();
        if let Some(id) = id {
            self.ledger.taken(id, "listeners");
        }
        let (mut names, mut unsaid, mut any) = (Vec::new(), false, false);
        for kind in ["servername", "serveralias"] {
            for directive in self.named(&list, kind) {
                self.ledger.taken(directive, "hostnames");
                for word in self.texts(directive) {
                    let name = word.to_lowercase();
                    let name = name.rsplit("://").next().unwrap_or_default();
                    let name = name.split(':').next().unwrap_or_default().to_owned();
                    if name == "*" {
                        any = true;
                    } else if Hostname::parse(&name).is_ok() {
                        if !names.contains(&name) {
                            names.push(name);
                        }
                    } else {
                        unsaid = true;
                        self.ledger.lost(
                            directive,
                            "this is no hostname; --define gives variables their values",
                        );
                    }
                }
            }
        }
        let settings = self.settings_of(&list);
        Vhost { id, list, settings, addresses, names, tls, unsaid, any, rest_of: Vec::new() }
    }

    /// The listeners of all virtual hosts, in the order of the file.
    pub(super) fn listeners(&mut self, vhosts: &[Vhost]) -> Vec<(String, Bound)> {
        let mut bounds: Vec<(String, Bound)> = Vec::new();
        for vhost in vhosts {
            for address in &vhost.addresses {
                if bounds.iter().any(|(known, _)| known == address) {
                    continue;
                }
                let of: Vec<&Vhost> =
                    vhosts.iter().filter(|other| other.addresses.contains(address)).collect();
                let bound = self.listener(address, &of);
                bounds.push((address.clone(), bound));
            }
        }
        bounds
    }

    /// A listener; its first virtual host says what holds for every connection.
    fn listener(&mut self, address: &str, of: &[&Vhost]) -> Bound {
        let chain = of[0].chain(&self.around);
        let tls = of.iter().any(|vhost| vhost.tls);
        let name = self.site.listener_name(address);
        let mut fields = Draft::of("name", name.as_str());
        fields.set(&["address"], address);
        let protocols = self.setting(&chain, "protocols");
        if let Some(id) = protocols {
            self.ledger.taken(id, "listeners.protocols");
        }
        if tls {
            fields.set(&["tls"], self.tls(of));
            if !protocols.is_some_and(|id| self.all[id].words.iter().any(|word| word.text == "h2"))
            {
                fields.set(&["protocols"], vec!["http/1.1"]);
            }
        }
        if self.switch(&chain, "remoteipproxyprotocol", false, "proxy_protocol") {
            fields.set(&["proxy_protocol", "accept"], "any");
        }
        self.timers(&chain, &mut fields);
        self.trusted(&chain, &mut fields);
        if let Some(id) = self.setting(&chain, "limitrequestfieldsize") {
            match self.word(id, 0).parse::<u64>() {
                Ok(bytes @ 1024..) => {
                    self.ledger.taken(id, "limits.max_header_bytes");
                    fields.set(&["limits", "max_header_bytes"], measure::size(bytes));
                }
                _ => self.ledger.lost(id, "this is no size"),
            }
        }
        let origin = of[0].id.or_else(|| self.top.first().copied()).map(|id| self.origin(id));
        self.site.listeners.push(Item { origin: origin.unwrap_or_default(), fields });
        Bound { name, tls }
    }

    fn timers(&mut self, chain: &Chain, fields: &mut Draft) {
        let timeout = self.time(chain, "timeout", "timeouts").unwrap_or(60_000).max(1);
        // What `mod_reqtimeout` has where nothing is written: `header=20-40,MinRate=500 body=20,MinRate=500`.
        let (mut header, mut body) = (40_000, 20_000);
        if let Some(id) = self.setting(chain, "requestreadtimeout") {
            self.ledger.taken(id, "timeouts.request_header");
            for word in self.texts(id) {
                let (kind, value) = word.split_once('=').unwrap_or((&word, ""));
                let first = value.split(',').next().unwrap_or_default();
                let last = first.rsplit('-').next().and_then(|text| text.parse::<u64>().ok());
                let millis = last.map(|seconds| seconds.saturating_mul(1_000));
                match (kind, millis) {
                    ("header", Some(millis)) => header = if millis == 0 { timeout } else { millis },
                    ("body", Some(millis)) => body = if millis == 0 { timeout } else { millis },
                    ("handshake", Some(_)) => {}
                    _ => self.ledger.lost(id, "this is no time"),
                }
            }
        }
        let keeps = self.switch(chain, "keepalive", true, "timeouts.idle");
        let idle = self.time(chain, "keepalivetimeout", "timeouts.idle").unwrap_or(5_000);
        let idle = if keeps { idle.max(1) } else { 1 };
        for (field, millis) in [("request_header", header), ("idle", idle), ("body_idle", body)] {
            fields.set(&["timeouts", field], measure::duration(millis));
        }
    }

    /// Whose word on the client's address is believed (`mod_remoteip`).
    fn trusted(&mut self, chain: &Chain, fields: &mut Draft) {
        let Some(header) = self.setting(chain, "remoteipheader") else { return };
        let name = self.word(header, 0).to_owned();
        let copied = self.settings(chain, "requestheader").into_iter().any(|id| {
            self.word(id, 1).eq_ignore_ascii_case(&name)
                && self.word(id, 2).eq_ignore_ascii_case("expr=%{HTTP:X-Forwarded-For}")
        });
        if !copied && !name.eq_ignore_ascii_case("x-forwarded-for") {
            let why = "the client's address is read from X-Forwarded-For or a PROXY header alone";
            return self.ledger.lost(header, why);
        }
        self.ledger.taken(header, "trusted_proxies");
        for name in ["remoteipinternalproxy", "remoteiptrustedproxy"] {
            for id in self.settings(chain, name) {
                for range in self.texts(id) {
                    if wsgen_model::scalar::Cidr::parse(&range).is_ok() {
                        self.ledger.taken(id, "trusted_proxies");
                        fields.push(&["trusted_proxies"], range);
                    } else {
                        self.ledger.lost(id, "this is no range of addresses");
                    }
                }
            }
        }
    }
}

/// The address of a `<VirtualHost>`; one without a port holds for all, and 80 is taken.
pub(super) fn address(text: &str) -> Option<String> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (text, "80"),
    };
    let port = if port == "*" { "80" } else { port };
    let host = match host {
        "*" | "_default_" => "0.0.0.0",
        host => host,
    };
    socket(host, port)
}

/// The address of a `Listen`.
pub(super) fn listen(text: &str) -> Option<String> {
    match text.rsplit_once(':') {
        Some((host, port)) => socket(host, port),
        None => socket("0.0.0.0", text),
    }
}

fn socket(host: &str, port: &str) -> Option<String> {
    let port: u16 = port.parse().ok().filter(|port| *port > 0)?;
    let host = if host == "localhost" { "127.0.0.1" } else { host };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address: std::net::IpAddr = bare.parse().ok()?;
    Some(std::net::SocketAddr::new(address, port).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_in_the_models_form() {
        for (text, wanted) in [
            ("*:80", Some("0.0.0.0:80")),
            ("_default_:443", Some("0.0.0.0:443")),
            ("*", Some("0.0.0.0:80")),
            ("[::1]:81", Some("[::1]:81")),
            ("10.0.0.1", Some("10.0.0.1:80")),
            ("${HOST}:80", None),
        ] {
            assert_eq!(address(text).as_deref(), wanted, "{text}");
        }
        assert_eq!(listen("8080").as_deref(), Some("0.0.0.0:8080"));
    }
}
