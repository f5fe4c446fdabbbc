//! `server` lines and their options.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{FilePath, Hostname, UpstreamAddress};
use wsgen_model::source::Span;

use super::differs::Differs;
use super::scope::Importer;
use crate::import::draft::Draft;
use crate::import::ledger::Id;
use crate::import::measure;
use crate::targets::haproxy::syntax::{EndpointOption, Server, Statement, time};

/// What the options of a server come to.
#[derive(Debug, Default)]
struct Options {
    secure: bool,
    check: bool,
    disabled: bool,
    /// Times and thresholds of checks.
    timing: Vec<(&'static str, Draft)>,
    tls: Vec<(&'static str, Draft)>,
    /// The name that a certificate must be good for, whatever SNI asks for.
    verified: Option<(String, Span)>,
}

/// Options of which something is said elsewhere, or that ask for what the model does without them.
const ELSEWHERE: [&str; 13] = [
    "ssl",
    "no-ssl",
    "ca-file",
    "no-check-ssl",
    "no-agent-check",
    "cookie",
    "resolvers",
    "no-sslv3",
    "no-tlsv10",
    "no-tlsv11",
    "no-verifyhost",
    "stick",
    "non-stick",
];

/// How the proxy itself resolves, keeps and reports connections, and how often it asks a server that is down: no request
/// sees it.
const UNSEEN: [&str; 28] = [
    "resolve-prefer",
    "resolve-opts",
    "resolve-net",
    "init-addr",
    "id",
    "allow-0rtt",
    "ssl-reuse",
    "no-ssl-reuse",
    "tfo",
    "tls-tickets",
    "no-tls-tickets",
    "fastinter",
    "downinter",
    "on-marked-up",
    "minconn",
    "pool-max-conn",
    "pool-low-conn",
    "pool-purge-delay",
    "max-reuse",
    "ciphers",
    "ciphersuites",
    "log-proto",
    "log-bufsize",
    "tcp-ut",
    "agent-port",
    "agent-inter",
    "agent-addr",
    "agent-send",
];

impl Importer<'_> {
    /// A server, its options behind those of `default-server`.
    pub(super) fn server(
        &mut self,
        section: usize,
        id: Id,
        server: &Server,
        fields: &mut Draft,
    ) -> Option<Draft> {
        let mut options: Vec<EndpointOption> = Vec::new();
        let mut chain = self.chain(section);
        chain.reverse();
        for section in chain {
            for known in self.own(section, &["default-server"]) {
                if let Some(Statement::DefaultServer(own)) = self.statement(known).as_deref() {
                    self.ledger.taken(known, "upstreams");
                    options.extend(own.iter().cloned());
                }
            }
        }
        options.extend(server.options.iter().cloned());
        let named = |name: &str| options.iter().any(|option| option.name.text == name);
        let secure =
            options.iter().rev().find(|option| ["ssl", "no-ssl"].contains(&option.name.as_str()));
        let secure = secure.is_some_and(|option| option.name.text == "ssl");
        let Some(address) = address(&server.address, secure) else {
            self.ledger.lost(id, "this is no address of a server");
            return None;
        };
        let template = server.count.is_some();
        self.ledger.taken(id, if template { "servers.resolve" } else { "servers" });
        let mut draft = Draft::of("address", address.as_str());
        if (template || named("resolvers")) && self.asks(&address) {
            draft.set(&["resolve"], "runtime");
        }
        let mut read = Options { secure, ..Options::default() };
        for option in &options {
            self.server_option(id, option, &mut draft, fields, &mut read);
        }
        if read.disabled {
            self.ledger.dropped(id, "it is disabled");
            return None;
        }
        if read.secure {
            let mut tls = Draft::map();
            for (name, value) in read.tls {
                tls.set(&[name], value);
            }
            if let Some((name, span)) = read.verified
                && tls.get(&["verify"]) != Some(&Draft::from(false))
                && tls.text(&["server_name"]) != Some(name.as_str())
            {
                self.differs(span, Differs::VerifiedName);
                tls.set(&["server_name"], name);
            }
            if tls.get(&["verify"]).is_none() {
                tls.set(&["verify"], self.global("ssl-server-verify").as_deref() != Some("none"));
            }
            fields.set(&["protocol"], "https");
            fields.set(&["tls"], tls);
        }
        if read.check && fields.get(&["health_check"]).is_none() {
            let check = self.check(section, read.timing);
            fields.set(&["health_check"], check);
        }
        let plain = draft == Draft::of("address", address.as_str());
        Some(if plain && !template { address.into() } else { draft })
    }

    /// One option of a server.
    fn server_option(
        &mut self,
        id: Id,
        option: &EndpointOption,
        draft: &mut Draft,
        fields: &mut Draft,
        read: &mut Options,
    ) {
        let (text, span) = (option.text(), option.name.span);
        match option.name.as_str() {
            "weight" => {
                let weight: u64 = text.parse().unwrap_or(1);
                if weight == 0 {
                    self.differs(span, Differs::NoWeight);
                }
                draft.remove(&["weight"]);
                if weight != 1 {
                    draft.set(&["weight"], weight.clamp(1, 256));
                }
            }
            "backup" => draft.set(&["backup"], true),
            "no-backup" => draft.remove(&["backup"]),
            "disabled" => read.disabled = true,
            "enabled" => read.disabled = false,
            "check" => read.check = true,
            "no-check" => read.check = false,
            "inter" => {
                if let Some(millis) = time(text).filter(|millis| *millis > 0) {
                    read.timing.push(("interval", measure::duration(millis).into()));
                }
            }
            "rise" | "fall" => {
                let field = if option.name.text == "rise" {
                    "healthy_threshold"
                } else {
                    "unhealthy_threshold"
                };
                let count: u64 = text.parse().unwrap_or(1);
                read.timing.push((field, count.clamp(1, 100).into()));
            }
            "on-marked-down" => {
                let closes = text == "shutdown-sessions";
                fields.set(&["on_unhealthy"], if closes { "close_tunnels" } else { "keep" });
            }
            "send-proxy" => fields.set(&["proxy_protocol", "send"], "v1"),
            "send-proxy-v2" | "send-proxy-v2-ssl" | "send-proxy-v2-ssl-cn" => {
                fields.set(&["proxy_protocol", "send"], "v2");
                if option.name.text != "send-proxy-v2" {
                    self.differs(span, Differs::ProxyHeaderTls);
                }
            }
            "no-send-proxy" | "no-send-proxy-v2" => fields.remove(&["proxy_protocol"]),
            "verify" => read.tls.push(("verify", (text == "required").into())),
            "ca-file" if FilePath::parse(text).is_ok() && !text.starts_with('@') => {
                read.tls.push(("ca", text.into()));
            }
            // The certificates that the system trusts are those that the model asks for.
            "ca-file" if text != "@system-ca" => {
                self.lose(id, Some(span), "this is no name of a file", true);
            }
            "sni" => {
                let literal = text.strip_prefix("str(").and_then(|rest| rest.strip_suffix(')'));
                match literal.filter(|host| Hostname::parse(host).is_ok()) {
                    Some(host) => read.tls.push(("server_name", host.into())),
                    None => self.differs(span, Differs::ServerSni),
                }
            }
            "crt" => self.lose(
                id,
                Some(span),
                "the model shows servers no certificate of the proxy's",
                false,
            ),
            "proto" => fields.set(&["protocol"], if text == "h2" { "h2c" } else { "http" }),
            "maxconn" | "maxqueue" => self.differs(span, Differs::ServerConnections),
            "port" | "addr" | "check-ssl" | "check-sni" | "check-send-proxy" | "check-alpn"
            | "check-proto" | "no-check-ssl" | "check-via-socks4"
                if option.name.text != "no-check-ssl" =>
            {
                self.differs(span, Differs::CheckConnection);
            }
            "socks4" => self.lose(
                id,
                Some(span),
                "the model reaches servers without a proxy between",
                false,
            ),
            "redir" => {
                self.lose(id, Some(span), "the model sends no client to a server itself", false);
            }
            "crl-file" => {
                let why = "the model reads no list of certificates that were taken back";
                self.lose(id, Some(span), why, true);
            }
            "verifyhost" if !Hostname::parse(text).is_ok_and(|name| !name.is_wildcard()) => {
                self.lose(id, Some(span), "this is no name of a certificate", true);
            }
            // The name that is asked for is the one that is looked for.
            "verifyhost" => read.verified = Some((text.to_owned(), span)),
            "track" | "observe" | "on-error" | "error-limit" | "agent-check" => {
                self.differs(span, Differs::HealthTold);
            }
            "source" | "usesrc" | "interface" | "namespace" => {
                self.differs(span, Differs::OwnAddress);
            }
            "alpn" | "npn" | "ws" => {
                let plain = ["h1", "auto"].contains(&text)
                    || option.name.text != "ws" && text.split(',').all(|name| name != "h2");
                if !plain {
                    self.differs(span, Differs::ServerHttp2);
                }
            }
            "ssl-min-ver" | "ssl-max-ver" | "no-tlsv12" | "no-tlsv13" | "force-tlsv12"
            | "force-tlsv13" => self.differs(span, Differs::TlsVersions),
            "proxy-v2-options" | "set-proxy-v2-tlv-fmt" => self.lose(
                id,
                Some(span),
                "the PROXY header of the model has addresses alone",
                false,
            ),
            "slowstart" => self.differs(span, Differs::SlowStart),
            name if ELSEWHERE.contains(&name) || UNSEEN.contains(&name) => {}
            _ => self.lose(id, Some(span), "the model has no word for this option", false),
        }
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
