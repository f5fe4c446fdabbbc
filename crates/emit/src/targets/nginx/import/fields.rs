//! Header fields: what upstreams are told, which requests may upgrade, and what clients see.

use std::collections::BTreeSet;

use wsgen_model::check::is_proxys_own;
use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{HeaderName, HeaderValue, Hostname, TargetVersion};

use super::differs::Differs;
use super::scope::{Chain, Importer};
use super::upgrades::Upgrades;
use crate::import::draft::Draft;
use crate::import::implied;
use crate::import::ledger::Id;
use crate::targets::nginx::syntax::Value;

/// The first version in which `$http_name` has all lines of a field (CHANGES of 1.23.0).
const JOINS_LINES: TargetVersion = TargetVersion::new(1, 23, 0);

impl Importer<'_> {
    /// Fields of requests; the scheme is that of all listeners, where they agree.
    pub(super) fn requests(
        &mut self,
        chain: &Chain,
        scheme: Option<&str>,
        pass: Id,
        route: &mut Draft,
        copies: &[(String, String)],
    ) -> Upgrades {
        let mut upgrade = None;
        let mut forwarded: Vec<&str> = Vec::new();
        let (mut appends, mut appended, mut kept_of_peers) = (false, None, false);
        let mut kept: Vec<String> = Vec::new();
        let mut host = None;
        let mut told: Option<Vec<&str>> = None;
        let mut sent: BTreeSet<String> = BTreeSet::new();
        for id in self.settings(chain, "proxy_set_header") {
            let name = self.tree.argument(id, 0).to_owned();
            let value = self.text(id, 1);
            let lower = name.to_ascii_lowercase();
            if !value.is_empty() && !sent.insert(lower.clone()) {
                self.ledger
                    .lost(id, "nginx sends this field a second time; the model sends it once");
                continue;
            }
            if let Some(word) = self.believed(&lower, &value) {
                self.ledger.taken(id, "forwarded");
                forwarded.push(word);
                (appends, appended) = (true, Some(id));
                continue;
            }
            if self.is_kept_of_peers(&lower, &value) {
                self.ledger.taken(id, "forwarded");
                kept_of_peers = true;
                (appends, appended) = (true, Some(id));
                continue;
            }
            if lower == "sec-websocket-protocol"
                && let Some(names) = self.subprotocols(&value)
            {
                self.ledger.taken(id, "websocket.subprotocols");
                route.set(&["websocket", "subprotocols"], names);
                continue;
            }
            let value = if lower == "forwarded" { self.plain(&value) } else { value };
            match (lower.as_str(), value.as_str()) {
                ("upgrade", "") | ("connection", "" | "close" | "keep-alive") => {
                    self.ledger.taken(id, "websocket.mode");
                }
                ("upgrade", text) => {
                    self.ledger.taken(id, "websocket.mode");
                    self.map_of_handshakes(text);
                    upgrade = Some(id);
                }
                ("connection", text) => {
                    self.ledger.taken(id, "websocket.mode");
                    self.map_of_handshakes(text);
                }
                ("host", text) => {
                    self.ledger.taken(id, "host");
                    host = Some((id, text.to_owned()));
                }
                ("x-forwarded-for", "$proxy_add_x_forwarded_for") => {
                    self.ledger.taken(id, "forwarded");
                    forwarded.push("for");
                    (appends, appended) = (true, Some(id));
                }
                ("x-real-ip", "$remote_addr" | "$realip_remote_addr" | "$proxy_protocol_addr") => {
                    self.ledger.taken(id, "forwarded");
                    forwarded.push("real_ip");
                }
                ("x-forwarded-for", "$remote_addr" | "$realip_remote_addr") => {
                    self.ledger.taken(id, "forwarded");
                    forwarded.push("for");
                }
                ("x-forwarded-proto", text)
                    if text == "$scheme"
                        || Some(text) == scheme
                        || self.is_scheme_by_map(id, text) =>
                {
                    self.ledger.taken(id, "forwarded");
                    forwarded.push("proto");
                }
                ("x-forwarded-host", "$server_name") => {
                    self.ledger.taken(id, "forwarded");
                    self.differs(id, "it tells the host that was asked for; `$server_name` is the server's first name");
                    forwarded.push("host");
                }
                ("forwarded", text) if standard(text, scheme).is_some() => {
                    self.ledger.taken(id, "forwarded.style");
                    told = standard(text, scheme);
                }
                ("x-forwarded-host", "$host" | "$http_host") => {
                    self.ledger.taken(id, "forwarded");
                    forwarded.push("host");
                }
                ("sec-websocket-extensions", "") => {
                    self.ledger.taken(id, "websocket.compression");
                    route.set(&["websocket", "compression"], "strip");
                }
                (lower, text)
                    if lower.starts_with("sec-websocket-")
                        && text == format!("$http_{}", lower.replace('-', "_")) =>
                {
                    self.ledger.taken(id, "as they came");
                }
                (_, text) if copies.iter().any(|(variable, _)| text == format!("${variable}")) => {
                    self.ledger.taken(id, "auth.forward.copy_headers");
                    let (_, field) = copies
                        .iter()
                        .find(|(v, _)| text == format!("${v}"))
                        .cloned()
                        .unwrap_or_default();
                    if !field.eq_ignore_ascii_case(&name) {
                        self.differs(id, "the field keeps the name that it has in the answer");
                    }
                    route.push(&["auth", "forward", "copy_headers"], field);
                }
                ("content-length" | "transfer-encoding" | "te" | "trailer" | "keep-alive", _) => {
                    self.ledger
                        .dropped(id, "the field describes one connection and is the proxy's own");
                }
                (_, "") if HeaderName::parse(&name).is_err() || is_proxys_own(&name, true) => {
                    self.ledger.lost(id, "this is no field that can be taken away");
                }
                (_, "") => {
                    self.ledger.taken(id, "request_headers.remove");
                    route.push(&["request_headers", "remove"], name);
                }
                (_, text) if text == format!("$http_{}", lower.replace('-', "_")) => {
                    self.ledger.taken(id, "as it came");
                    self.tell_lines(id);
                }
                (_, text) => match literal(text, scheme).filter(|text| is_field(&name, text)) {
                    Some(text) => {
                        self.ledger.taken(id, "request_headers.set");
                        route.set(&["request_headers", "set", &name], text);
                    }
                    // What the client says of itself is no value of the proxy's.
                    None => {
                        let why = "its value is computed for each request: the model takes the client's own field away";
                        let other = if self.is_built_in(text) { text } else { "" };
                        let line = format!("proxy_set_header {name} {};", quoted(other));
                        let removed =
                            HeaderName::parse(&name).is_ok() && !is_proxys_own(&name, true);
                        if removed {
                            route.push(&["request_headers", "remove"], name.as_str());
                        }
                        if !other.is_empty() && !line.contains(char::is_control) {
                            kept.push(line);
                        }
                        // What one route says of it is no answer for another.
                        if is_of_the_request(text) && !self.ledger.is_lost(id) {
                            self.ledger.lost(id, why);
                        } else if !self.ledger.is_lost(id) {
                            self.ledger.opens(id, why);
                        }
                    }
                },
            }
        }
        route.keep(crate::targets::nginx::TARGET.name, &kept);
        self.host(host, pass, route);
        if let Some(more) = told {
            let alone = !forwarded.iter().any(|word| *word != "real_ip");
            route.set(&["forwarded", "style"], if alone { "forwarded" } else { "both" });
            forwarded.extend(more);
        }
        if forwarded.is_empty() {
            route.set(&["forwarded", "mode"], "off");
        } else {
            forwarded.sort_by_key(|word| {
                ["for", "proto", "host", "real_ip"].iter().position(|w| w == word)
            });
            forwarded.dedup();
            let trusts = self.setting(chain, "set_real_ip_from").is_some();
            route.set(&["forwarded", "mode"], if appends && trusts { "append" } else { "replace" });
            if let (Some(id), false) = (appended, trusts) {
                let how =
                    "what the client itself sent is not passed on: nobody is trusted to say it";
                self.announce(id, Differs::Forwarded, how);
            }
            if forwarded != ["for", "proto", "host"] {
                route.set(&["forwarded", "headers"], forwarded);
            }
            if !kept_of_peers && implied::takes_more(route) {
                self.announce(pass, Differs::Forwarded, implied::TAKES_MORE);
            }
        }
        self.upgrades(chain, upgrade, pass)
    }

    /// Says what becomes of a field that a client sends in several lines.
    fn tell_lines(&mut self, id: Id) {
        if self.version.is_some_and(|version| version >= JOINS_LINES) {
            return;
        }
        let how = "of a field that a client sends in several lines nginx passes the first one on, up to version 1.22; the model passes all of them on";
        self.differs(id, how);
    }

    /// What nginx calls a group of servers is what it tells them as their host.
    fn named_group(&mut self, pass: Id) -> String {
        let group =
            super::forward::destination(&self.text(pass, 0), false).map(|(to, _)| to.authority);
        let known = |name: &String| self.groups.contains_key(&name.to_lowercase());
        match group.filter(known) {
            None => "upstream".to_owned(),
            Some(name) if Hostname::parse(&name).is_ok() => name.to_lowercase(),
            Some(_) => {
                let how = "Host names the server; nginx tells it the name of its group";
                self.announce(pass, Differs::Host, how);
                "upstream".to_owned()
            }
        }
    }

    fn host(&mut self, host: Option<(Id, String)>, pass: Id, route: &mut Draft) {
        let policy = match host {
            None => self.named_group(pass),
            Some((id, text)) => match text.as_str() {
                "$http_host" | "$host:$server_port" => "preserve".to_owned(),
                "$host" => {
                    self.differs(id, "the port of Host passes too; `$host` has none");
                    "preserve".to_owned()
                }
                "$proxy_host" | "" => "upstream".to_owned(),
                text if self.is_first(text, route) => "upstream".to_owned(),
                text if text.contains('$') => {
                    self.ledger.lost(id, "the name is computed; Host passes as the client sent it");
                    "preserve".to_owned()
                }
                text => {
                    let name = text.split(':').next().unwrap_or(text).to_owned();
                    if Hostname::parse(&name).is_err() {
                        self.ledger.lost(id, "this is no name of a host");
                        "preserve".to_owned()
                    } else {
                        name
                    }
                }
            },
        };
        route.set(&["host"], policy);
    }

    /// Whether a text is the first server of a route's upstream.
    fn is_first(&mut self, text: &str, route: &Draft) -> bool {
        let upstream = route.text(&["upstream"]).and_then(|name| self.site.upstream(name));
        upstream.is_some_and(|item| item.first_server() == Some(text))
    }

    /// Whether every variable in a value is nginx's own: others would not be there in a snippet.
    pub(super) fn is_built_in(&self, value: &str) -> bool {
        const FAMILIES: [&str; 24] = [
            "http_",
            "arg_",
            "cookie_",
            "sent_http_",
            "upstream_",
            "request",
            "remote_",
            "ssl_",
            "scheme",
            "host",
            "uri",
            "args",
            "server_",
            "proxy_",
            "time_",
            "tcpinfo_",
            "realip_",
            "connection",
            "content_",
            "document_",
            "is_args",
            "msec",
            "query_string",
            "binary_remote_addr",
        ];
        value.split('$').skip(1).all(|rest| {
            let name = rest.trim_start_matches('{');
            let end =
                name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
            let name = &name[..end];
            FAMILIES.iter().any(|family| name.starts_with(family))
                && name != "connection_upgrade"
                && !self.computed.contains(name)
        })
    }

    /// A directive as it stands.
    pub(super) fn line(&self, id: Id) -> String {
        self.sources.slice(self.span(id)).to_owned()
    }
}

/// Whether all variables of a value number or time requests: nobody is let in by what they say.
fn is_of_the_request(text: &str) -> bool {
    const NAMES: [&str; 8] = [
        "request_id",
        "msec",
        "time_iso8601",
        "time_local",
        "connection",
        "connection_requests",
        "request_length",
        "pid",
    ];
    Value::of(text).is_some_and(|value| value.variables().all(|name| NAMES.contains(&name)))
}

/// A word that nginx reads as this text.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// What a `Forwarded` tells (RFC 7239), where it tells what the model would.
fn standard(text: &str, scheme: Option<&str>) -> Option<Vec<&'static str>> {
    let mut told = Vec::new();
    for part in text.split(';') {
        let (name, value) = part.trim().split_once('=')?;
        let value = value.trim_matches('"');
        told.push(match (name.to_ascii_lowercase().as_str(), value) {
            ("for", "$remote_addr" | "$realip_remote_addr") => "for",
            ("host", "$host" | "$http_host") => "host",
            ("proto", value) if value == "$scheme" || Some(value) == scheme => "proto",
            _ => return None,
        });
    }
    Some(told)
}

/// Whether the model lets a field have this value.
pub(super) fn is_field(name: &str, value: &str) -> bool {
    HeaderName::parse(name).is_ok()
        && HeaderValue::parse(value).is_ok()
        && !is_proxys_own(name, true)
}

/// A value without variables, or one whose variables are the same for every request.
pub(super) fn literal(text: &str, scheme: Option<&str>) -> Option<String> {
    let text = match scheme {
        Some(scheme) => text.replace("$scheme", scheme),
        None => text.to_owned(),
    };
    (!text.contains('$')).then_some(text)
}
