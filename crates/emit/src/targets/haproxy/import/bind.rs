//! `bind` lines and what holds for the listeners that they open.

use wsgen_model::code::Code;
use wsgen_model::decode::Scalar;
use wsgen_model::scalar::ListenAddress;

use super::differs::Differs;
use super::scope::Importer;
use crate::import::draft::{Draft, Item};
use crate::import::ledger::Id;
use crate::import::measure;
use crate::import::rules::Bound;
use crate::targets::haproxy::syntax::{EndpointOption, Statement, option};

/// Options that are read where TLS, its versions, HTTP and the PROXY header are; of TLS there is nothing to say without it.
const ELSEWHERE: [&str; 25] = [
    "ssl",
    "accept-proxy",
    "crt",
    "crt-list",
    "ca-file",
    "verify",
    "alpn",
    "ssl-min-ver",
    "ssl-max-ver",
    "no-sslv3",
    "no-tlsv10",
    "no-tlsv11",
    "no-tlsv12",
    "no-tlsv13",
    "force-sslv3",
    "force-tlsv10",
    "force-tlsv11",
    "force-tlsv12",
    "force-tlsv13",
    "crl-file",
    "crt-ignore-err",
    "ca-ignore-err",
    "strict-sni",
    "generate-certificates",
    "ca-verify-file",
];

/// Options of `bind` that tune TLS or the process, and that no request sees.
const UNSEEN: [&str; 34] = [
    "no-tls-tickets",
    "allow-0rtt",
    "prefer-client-ciphers",
    "ssl-skip-self-issued-ca",
    "no-ca-names",
    "no-alpn",
    "npn",
    "ciphers",
    "ciphersuites",
    "curves",
    "ecdhe",
    "v4v6",
    "v6only",
    "defer-accept",
    "tfo",
    "expose-fd",
    "quic-force-retry",
    "name",
    "id",
    "mss",
    "nice",
    "process",
    "thread",
    "proto",
    "level",
    "mode",
    "user",
    "uid",
    "group",
    "gid",
    "backlog",
    "severity-output",
    "tcp-ut",
    "shards",
];

impl Importer<'_> {
    /// The listeners of a section.
    pub(super) fn binds(&mut self, section: usize) -> Vec<Bound> {
        let mut bound: Vec<Bound> = Vec::new();
        let own = self.sections[section].id;
        // Before 1.8 the address could stand behind the name.
        let head = self.word(own, 2).to_owned();
        if head.contains(':') && self.sections[section].kind != "backend" {
            for address in head.split(',') {
                bound.extend(self.bind(section, own, address, &[]));
            }
        }
        for id in self.own(section, &["bind"]) {
            let statement = self.statement(id);
            let Some(Statement::Bind(bind)) = statement.as_deref() else {
                self.lose_unread(id, false);
                continue;
            };
            for address in &bind.addresses {
                bound.extend(self.bind(section, id, address, &bind.options));
            }
        }
        let mut all: Vec<Bound> = Vec::new();
        for one in bound {
            if !all.contains(&one) {
                all.push(one);
            }
        }
        all
    }

    fn bind(
        &mut self,
        section: usize,
        id: Id,
        address: &str,
        options: &[EndpointOption],
    ) -> Option<Bound> {
        let Some(address) = listen(address) else {
            self.ledger.lost(id, "this is no address to listen on");
            return None;
        };
        if address.starts_with("quic") {
            self.ledger.lost(id, "HTTP/3 is offered by no listener");
            return None;
        }
        if *self.addresses.entry(address.clone()).or_insert(section) != section {
            self.ledger.lost(id, "another section listens there");
            return None;
        }
        self.ledger.taken(id, "listeners.address");
        let same = |item: &Item| item.fields.text(&["address"]) == Some(address.as_str());
        if let Some(known) = self.site.listeners.iter().find(|item| same(item)) {
            let name = known.fields.text(&["name"]).unwrap_or_default().to_owned();
            let secure = known.fields.get(&["tls"]).is_some();
            if secure != option(options, "ssl").is_some() {
                self.ledger.lost(id, "another line listens there, with other options");
            }
            return Some(Bound { name, tls: known.fields.get(&["tls"]).is_some() });
        }
        let tls = option(options, "ssl").is_some();
        let called = self.site.listener_name(&address);
        let mut fields = Draft::of("name", called.as_str());
        fields.set(&["address"], address.as_str());
        if tls {
            let drafted = self.tls(id, options);
            fields.set(&["tls"], drafted);
            let h2 = option(options, "alpn")
                .is_some_and(|list| list.text().split(',').any(|one| one == "h2"));
            if !h2 {
                fields.set(&["protocols"], vec!["http/1.1"]);
            }
        }
        self.listener_options(id, tls, options);
        if option(options, "accept-proxy").is_some() {
            fields.set(&["proxy_protocol", "accept"], "any");
        }
        self.timers(section, &mut fields);
        if let Some(id) = self.setting(section, &["maxconn"]) {
            match self.statement(id).as_deref() {
                Some(Statement::MaxConn(most @ 1..=10_000_000)) => {
                    self.ledger.taken(id, "limits.max_connections");
                    fields.set(&["limits", "max_connections"], *most);
                }
                _ => self.ledger.lost(id, "this is no number of connections"),
            }
        }
        let origin = self.origin(id);
        self.site.listeners.push(Item { origin, fields });
        Some(Bound { name: called, tls })
    }

    /// Timers of the client's side.
    fn timers(&mut self, section: usize, fields: &mut Draft) {
        let client = self.time_or(section, "client", "timeouts.body_idle", "1d");
        let request = self.time_or(section, "http-request", "timeouts.request_header", &client);
        let idle = self.time_or(section, "http-keep-alive", "timeouts.idle", &request);
        for (field, time) in [("request_header", request), ("idle", idle), ("body_idle", client)] {
            fields.set(&["timeouts", field], time);
        }
        if let Some(millis) = self.timer(section, "client-fin", "timeouts.half_closed") {
            fields.set(&["timeouts", "half_closed"], measure::duration(millis.max(1)));
        }
    }

    fn tls(&mut self, id: Id, options: &[EndpointOption]) -> Draft {
        let mut tls = Draft::map();
        let span = self.span(id);
        for one in options.iter().filter(|one| one.name.text == "crt" && !one.text().is_empty()) {
            let file = self.certificate(id, one.text());
            // The certificate and its key are in one file.
            let mut pair = Draft::of("certificate", file.as_str());
            pair.set(&["key"], file);
            tls.push(&["certificates"], pair);
        }
        if option(options, "crt-list").is_some() {
            self.ledger.lost(id, "a list of certificates is a file of its own");
        }
        let mode = option(options, "verify").and_then(|verify| match verify.text() {
            "required" => Some("require"),
            "optional" => Some("optional"),
            _ => None,
        });
        match (mode, option(options, "ca-file")) {
            (Some(mode), Some(file)) => {
                tls.set(&["client_auth", "mode"], mode);
                tls.set(&["client_auth", "ca"], file.text());
            }
            (Some(_), None) => self.lose(
                id,
                None,
                "certificates of clients are asked for without a `ca-file`",
                true,
            ),
            (None, _) => {}
        }
        self.versions(options, &mut tls);
        if tls.get(&["certificates"]).is_none() {
            let help = "write the names of the files";
            let what = "its certificate is named elsewhere; `certificate.pem` stands for it";
            self.ledger.say(Code::IMPORT_MISSING, span, what, help);
            let mut pair = Draft::of("certificate", "certificate.pem");
            pair.set(&["key"], "certificate.pem");
            tls.push(&["certificates"], pair);
        } else {
            self.differs(span, Differs::CertificateAndKey);
        }
        tls
    }

    /// The versions of TLS, as a profile that has them.
    fn versions(&mut self, options: &[EndpointOption], tls: &mut Draft) {
        let version = |text: &str| match text {
            "SSLv3" | "sslv3" => Some(0),
            "TLSv1.0" | "tlsv10" => Some(1),
            "TLSv1.1" | "tlsv11" => Some(2),
            "TLSv1.2" | "tlsv12" => Some(3),
            "TLSv1.3" | "tlsv13" => Some(4),
            _ => None,
        };
        // HAProxy offers TLS 1.2 and 1.3 where nothing is said.
        let (mut least, mut most, mut holes) = (3, 4, Vec::new());
        let mut last = None;
        for option in options {
            let name = option.name.as_str();
            let own = match name {
                "ssl-min-ver" | "ssl-max-ver" => version(option.text()),
                _ => name
                    .strip_prefix("force-")
                    .or_else(|| name.strip_prefix("no-"))
                    .and_then(version),
            };
            let Some(own) = own else { continue };
            last = Some(option.name.span);
            match name {
                "ssl-min-ver" => least = own,
                "ssl-max-ver" => most = own,
                name if name.starts_with("force-") => (least, most) = (own, own),
                _ => holes.push(own),
            }
        }
        while holes.contains(&least) && least < most {
            least += 1;
        }
        while holes.contains(&most) && most > least {
            most -= 1;
        }
        match least {
            4 => tls.set(&["profile"], "modern"),
            0..=2 => tls.set(&["profile"], "old"),
            _ => {}
        }
        if let Some(span) = last.filter(|_| most < 4) {
            self.differs(span, Differs::TlsVersions);
        }
    }

    /// Options of a listener beside its certificates, the versions of TLS and HTTP, and the PROXY header.
    fn listener_options(&mut self, id: Id, tls: bool, options: &[EndpointOption]) {
        for option in options {
            let span = option.name.span;
            match option.name.as_str() {
                "crl-file" if tls => {
                    let why = "the model reads no list of certificates that were taken back";
                    self.lose(id, Some(span), why, true);
                }
                "crt-ignore-err" | "ca-ignore-err" if tls => {
                    let why = "the model lets no certificate of a client pass that is not good";
                    self.lose(id, Some(span), why, false);
                }
                "maxconn" => self.differs(span, Differs::ListenerConnections),
                "transparent" | "interface" | "namespace" => {
                    self.differs(span, Differs::OwnListener);
                }
                "strict-sni" | "generate-certificates" | "ca-verify-file" if tls => {
                    self.differs(span, Differs::OwnListener);
                }
                "proto" if option.text() == "h2" => {
                    let why = "a listener of the model without TLS reads HTTP/1.1 as well";
                    self.lose(id, Some(span), why, false);
                }
                name if ELSEWHERE.contains(&name) || UNSEEN.contains(&name) => {}
                _ => self.lose(id, Some(span), "the model has no word for this option", false),
            }
        }
    }

    /// The file of a certificate; one is made up for a folder.
    fn certificate(&mut self, id: Id, text: &str) -> String {
        let file = match self.global("crt-base") {
            Some(base) if !text.starts_with('/') => {
                format!("{}/{text}", base.trim_end_matches('/'))
            }
            _ => text.to_owned(),
        };
        let folder = std::path::Path::new(&file).extension().is_none_or(|e| e.len() > 4);
        if !folder && !file.ends_with('/') {
            return file;
        }
        let help = "name each file with the hostnames that it is for";
        let what = "the certificate is a folder, or a file that cannot be told from one";
        let span = self.span(id);
        self.ledger.say(Code::IMPORT_MISSING, span, what, help);
        format!("{}/certificate.pem", file.trim_end_matches('/'))
    }

    /// A word of `global`.
    pub(super) fn global(&self, word: &str) -> Option<String> {
        let sections = (0..self.sections.len()).filter(|at| self.sections[*at].kind == "global");
        let ids = sections.flat_map(|at| self.own(at, &[word]));
        ids.last().map(|id| self.word(id, 1).to_owned())
    }
}

/// An address to listen on, in the model's form.
pub(super) fn listen(text: &str) -> Option<String> {
    let text = text.strip_prefix("ipv4@").or_else(|| text.strip_prefix("ipv6@")).unwrap_or(text);
    if let Some(path) = text.strip_prefix("unix@").or_else(|| text.starts_with('/').then_some(text))
    {
        let address = format!("unix:{path}");
        return ListenAddress::parse(&address).is_ok().then_some(address);
    }
    let (host, port) = text.rsplit_once(':')?;
    let host = match host {
        "" | "*" => "0.0.0.0".to_owned(),
        "::" | "[::]" => "[::]".to_owned(),
        "localhost" => "127.0.0.1".to_owned(),
        host if host.contains(':') && !host.starts_with('[') => format!("[{host}]"),
        host => host.to_owned(),
    };
    // In its one spelling, because two listeners cannot wait at the same address.
    let address = ListenAddress::parse(&format!("{host}:{port}")).ok()?;
    Some(address.to_string())
}
