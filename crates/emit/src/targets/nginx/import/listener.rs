//! Listeners: what the first server of an address says of all its connections, and the certificates of each.

use wsgen_model::code::Code;
use wsgen_model::decode::Scalar;
use wsgen_model::scalar::FilePath;

use super::scope::{Chain, Importer};
use super::server::{Listen, Server};
use super::value;
use crate::import::draft::{Draft, Item};
use crate::import::measure;

impl Importer<'_> {
    /// A listener, and what holds for it: its first server says so.
    pub(super) fn listener(&mut self, address: &str, of: &[usize], servers: &[Server]) -> String {
        let first = default_of(address, of, servers);
        let chain = servers[first].chain.clone();
        let listens: Vec<&Listen> = of
            .iter()
            .flat_map(|number| {
                servers[*number].listens.iter().filter(|listen| listen.address == address)
            })
            .collect();
        let (tls, http2, proxy) = (
            listens.iter().any(|listen| listen.tls),
            listens.iter().any(|listen| listen.http2),
            listens.iter().any(|listen| listen.proxy_protocol),
        );
        let mut fields = Draft::map();
        let called = self.site.listener_name(address);
        fields.set(&["name"], called.as_str());
        fields.set(&["address"], address);
        if tls {
            fields.set(&["tls"], self.tls(of, first, servers, &chain));
            if !http2 {
                fields.set(&["protocols"], vec!["http/1.1"]);
            }
        }
        if proxy {
            fields.set(&["proxy_protocol", "accept"], "any");
        }
        for (name, default, field) in [
            ("client_header_timeout", 60_000, "request_header"),
            ("keepalive_timeout", 75_000, "idle"),
            ("client_body_timeout", 60_000, "body_idle"),
        ] {
            fields
                .set(&["timeouts", field], self.wait(&chain, name, default, "listeners.timeouts"));
        }
        if let Some(id) = self.setting(&chain, "send_timeout") {
            self.ledger.taken(id, "timeouts.body_idle");
        }
        if let Some(id) = self.setting(&chain, "large_client_header_buffers") {
            match value::size(&self.text(id, 1)) {
                Some(size) => {
                    self.ledger.taken(id, "limits.max_header_bytes");
                    fields.set(&["limits", "max_header_bytes"], measure::size(size));
                }
                None => self.ledger.lost(id, "this is no size"),
            }
        }
        self.trusted(&chain, proxy, &mut fields);
        let origin =
            servers[first].id.or_else(|| self.http.first().copied()).map(|id| self.origin(id));
        self.site.listeners.push(Item { origin: origin.unwrap_or_default(), fields });
        called
    }

    /// Whose word on the client's address is believed.
    fn trusted(&mut self, chain: &Chain, proxy: bool, fields: &mut Draft) {
        let header = self.setting(chain, "real_ip_header");
        let by_field =
            header.is_some_and(|id| self.text(id, 0).eq_ignore_ascii_case("x-forwarded-for"));
        if let Some(id) = header {
            let text = self.text(id, 0);
            if by_field || (proxy && text == "proxy_protocol") {
                self.ledger.taken(id, "trusted_proxies");
            } else {
                self.ledger.lost(
                    id,
                    "the client's address is read from X-Forwarded-For or a PROXY header alone",
                );
            }
        }
        if let Some(id) = self.setting(chain, "real_ip_recursive") {
            self.ledger.taken(id, "trusted_proxies");
        }
        for id in self.settings(chain, "set_real_ip_from") {
            let range = self.text(id, 0);
            if wsgen_model::scalar::Cidr::parse(&range).is_err() {
                self.ledger.lost(id, "this is no range of addresses");
                continue;
            }
            self.ledger.taken(id, "trusted_proxies");
            let path: &[&str] =
                if proxy { &["proxy_protocol", "from"] } else { &["trusted_proxies"] };
            if proxy || by_field {
                fields.push(path, range);
            }
        }
    }

    fn tls(&mut self, of: &[usize], first: usize, servers: &[Server], chain: &Chain) -> Draft {
        let mut tls = Draft::map();
        let mut certificates: Vec<(Draft, Vec<String>)> = Vec::new();
        let others = of.iter().copied().filter(|number| *number != first);
        for number in std::iter::once(first).chain(others) {
            let server = &servers[number];
            let pair = [("ssl_certificate", "certificate"), ("ssl_certificate_key", "key")];
            let mut certificate = Draft::map();
            for (name, field) in pair {
                let Some(id) = self.setting(&server.chain, name) else { continue };
                let Some(text) = self.value::<FilePath>(id, 0) else { continue };
                self.ledger.taken(id, "tls.certificates");
                certificate.set(&[field], text);
            }
            if certificate.get(&["certificate"]).is_none() || certificate.get(&["key"]).is_none() {
                let at = server.id.or_else(|| chain.iter().flatten().next().copied());
                let at = self.span(at.or(server.list.first().copied()).unwrap_or_default());
                let what = "its certificate is named elsewhere; `certificate.pem` and `certificate.key` stand for it";
                self.ledger.say(Code::IMPORT_MISSING, at, what, "write the names of the files");
                certificate = Draft::of("certificate", "certificate.pem");
                certificate.set(&["key"], "certificate.key");
            }
            match certificates.iter_mut().find(|(known, _)| *known == certificate) {
                Some((_, names)) => names.extend(server.names.clone()),
                None => certificates.push((certificate, server.names.clone())),
            }
        }
        let several = certificates.len() > 1;
        let mut claimed: Vec<String> = Vec::new();
        for (number, (mut certificate, mut names)) in certificates.into_iter().enumerate() {
            names.retain(|name| !claimed.contains(name));
            names.dedup();
            if several && number > 0 {
                if names.is_empty() {
                    continue;
                }
                certificate.set(&["hostnames"], names.clone());
            }
            claimed.extend(names);
            tls.push(&["certificates"], certificate);
        }
        self.profile(chain, &mut tls);
        self.client_certificates(chain, &mut tls);
        tls
    }
}

/// The server that takes what no name claims on an address.
pub(super) fn default_of(address: &str, of: &[usize], servers: &[Server]) -> usize {
    let says = |number: &&usize| {
        servers[**number]
            .listens
            .iter()
            .any(|listen| listen.address == address && listen.is_default)
    };
    of.iter().find(says).or(of.first()).copied().unwrap_or(0)
}
