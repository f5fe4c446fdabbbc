//! Header fields: what upstreams are told, and what clients see (`mod_headers`, `mod_proxy`).

use wsgen_model::check::is_proxys_own;
use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{HeaderName, HeaderValue, Hostname};
use wsgen_model::spelling::FORWARDED_FIELDS;

use super::scope::{Chain, Importer};
use crate::import::draft::Draft;
use crate::import::implied;
use crate::import::ledger::Id;

/// `RequestHeader` or `Header`, taken apart.
struct Edit {
    id: Id,
    verb: String,
    name: String,
    value: String,
    /// `env=…` or `expr=…` behind it.
    condition: Option<String>,
    always: bool,
}

/// What several edits together tell of the client.
#[derive(Debug, Default)]
struct Forwarded {
    apart: Vec<&'static str>,
    joined: Vec<&'static str>,
    append: bool,
    /// Whether a trusted peer may say what is not told.
    kept_of_peers: bool,
}

impl Importer<'_> {
    /// Fields of requests.
    pub(super) fn requests(&mut self, chain: &Chain, tls: bool, rule: Id, route: &mut Draft) {
        let preserve = self.switch(chain, "proxypreservehost", false, "host");
        route.set(&["host"], if preserve { "preserve" } else { "upstream" });
        let mut told: Vec<&str> = Vec::new();
        let adds = self.switch(chain, "proxyaddheaders", true, "forwarded");
        if adds {
            told.extend(["for", "host"]);
            let how = "X-Forwarded-For, -Host and -Server: what the client itself sent is replaced, and -Server is not sent";
            self.differs(rule, how);
        }
        let mut kept = Vec::new();
        let mut forwarded = Forwarded::default();
        for edit in self.edits(chain, "requestheader") {
            let lower = edit.name.to_lowercase();
            if self.of_peers(chain, &edit, &lower, &mut forwarded) {
                continue;
            }
            let Some(true) = self.holds(&edit, tls) else { continue };
            let scheme = if tls { "https" } else { "http" };
            let sets = ["set", "add", "append", "merge"].contains(&edit.verb.as_str());
            let field = match (lower.as_str(), edit.value.as_str()) {
                _ if !sets => None,
                ("x-forwarded-for", text) if is_variable(text, &["REMOTE_ADDR"]) => Some("for"),
                ("x-real-ip", text) if is_variable(text, &["REMOTE_ADDR"]) => Some("real_ip"),
                ("x-forwarded-proto", text)
                    if text.eq_ignore_ascii_case(scheme)
                        || is_variable(text, &["REQUEST_SCHEME"]) =>
                {
                    Some("proto")
                }
                ("x-forwarded-host", text)
                    if is_variable(text, &["HTTP_HOST", "SERVER_NAME", "HTTP:Host"]) =>
                {
                    Some("host")
                }
                _ => None,
            };
            if let Some(field) = field {
                self.ledger.taken(edit.id, "forwarded");
                told.push(field);
                continue;
            }
            if lower == "host" && edit.verb == "set" {
                if Hostname::parse(&edit.value).is_ok() {
                    self.ledger.taken(edit.id, "host");
                    if preserve {
                        route.set(&["host"], edit.value.as_str());
                    }
                } else {
                    self.ledger.lost(edit.id, "the name is computed, or is none of a host");
                }
                continue;
            }
            if lower == "sec-websocket-protocol" {
                self.ledger.taken(edit.id, "websocket.subprotocols");
                continue;
            }
            if lower == "sec-websocket-extensions" && edit.verb == "unset" {
                self.ledger.taken(edit.id, "websocket.compression");
                route.set(&["websocket", "compression"], "strip");
                continue;
            }
            self.edit(&edit, "request_headers", true, route, &mut kept);
        }
        route.keep(crate::targets::apache::TARGET.name, &kept);
        let apart = forwarded.apart.len() + told.iter().filter(|word| **word != "real_ip").count();
        if !forwarded.joined.is_empty() {
            let style = if apart == 0 { "forwarded" } else { "both" };
            route.set(&["forwarded", "style"], style);
        }
        told.extend(forwarded.apart.iter().chain(&forwarded.joined));
        let order = ["for", "proto", "host", "real_ip"];
        told.sort_by_key(|word| order.iter().position(|known| known == word));
        told.dedup();
        if told.is_empty() {
            route.set(&["forwarded", "mode"], "off");
            return;
        }
        let trusts = self.setting(chain, "remoteipheader").is_some();
        let append = forwarded.append || adds && trusts;
        route.set(&["forwarded", "mode"], if append { "append" } else { "replace" });
        if told != ["for", "proto", "host"] {
            route.set(&["forwarded", "headers"], told);
        }
        if !forwarded.kept_of_peers && implied::takes_more(route) {
            self.differs(rule, implied::TAKES_MORE);
        }
    }

    /// Fields that tell of the client behind what a trusted peer has told, those of RFC 7239, and the copy of a field that
    /// the client's address is read from.
    fn of_peers(&mut self, chain: &Chain, edit: &Edit, lower: &str, told: &mut Forwarded) -> bool {
        let header = self.setting(chain, "remoteipheader");
        if header.is_some_and(|id| self.word(id, 0).eq_ignore_ascii_case(lower))
            && lower != "x-forwarded-for"
        {
            self.ledger.taken(edit.id, "trusted_proxies");
            return true;
        }
        let condition = edit.condition.as_deref().unwrap_or_default();
        let of_peer = condition.contains("%{CONN_REMOTE_ADDR} -ipmatch");
        let family = FORWARDED_FIELDS.iter().any(|known| known.eq_ignore_ascii_case(lower));
        if of_peer && family && edit.verb == "unset" {
            self.ledger.taken(edit.id, "forwarded");
            told.append = true;
            told.kept_of_peers = true;
            return true;
        }
        let word = match lower {
            "x-forwarded-for" => "for",
            "x-forwarded-proto" => "proto",
            "x-forwarded-host" => "host",
            "forwarded" if edit.verb == "set" => {
                let value = edit.value.trim_start_matches("expr=");
                for part in value.split(';') {
                    let word = match part.split('=').next() {
                        Some("for") => "for",
                        Some("proto") => "proto",
                        Some("host") => "host",
                        _ => return false,
                    };
                    if !told.joined.contains(&word) {
                        told.joined.push(word);
                    }
                }
                self.ledger.taken(edit.id, "forwarded.style");
                return true;
            }
            _ => return false,
        };
        if !of_peer {
            return false;
        }
        self.ledger.taken(edit.id, "forwarded");
        told.append = true;
        if !told.apart.contains(&word) {
            told.apart.push(word);
        }
        true
    }

    /// Fields of answers.
    pub(super) fn responses(&mut self, chain: &Chain, tls: bool, route: &mut Draft) {
        let mut kept = Vec::new();
        for edit in self.edits(chain, "header") {
            if edit.value.contains("BALANCER_WORKER_ROUTE") {
                self.ledger.taken(edit.id, "sticky.cookie");
                continue;
            }
            if is_proxys_own(&edit.name, false) {
                self.ledger
                    .dropped(edit.id, "the field describes one connection and is the proxy's own");
                continue;
            }
            let Some(true) = self.holds(&edit, tls) else { continue };
            self.edit(&edit, "response_headers", false, route, &mut kept);
            if !edit.always && route.get(&["response_headers"]).is_some() && edit.verb != "unset" {
                self.differs(
                    edit.id,
                    "the proxy's own errors carry it too; without `always` they do not",
                );
            }
        }
        route.keep(crate::targets::apache::TARGET.name, &kept);
    }

    fn edits(&mut self, chain: &Chain, directive: &str) -> Vec<Edit> {
        let mut edits = Vec::new();
        for id in self.settings(chain, directive) {
            let mut words = self.texts(id);
            let mut always = false;
            if words.first().is_some_and(|word| word == "always" || word == "onsuccess") {
                always = words.remove(0) == "always";
            }
            let condition = |word: &String| word.starts_with("env=") || word.starts_with("expr=");
            let at = if words.first().is_some_and(|verb| verb == "unset" || verb == "echo") {
                2
            } else {
                3
            };
            let behind = words.iter().skip(at).find(|word| condition(word)).cloned();
            let word = |number: usize| words.get(number).cloned().unwrap_or_default();
            edits.push(Edit {
                id,
                verb: word(0).to_lowercase(),
                name: word(1).trim_end_matches(':').to_owned(),
                value: word(2),
                condition: behind,
                always,
            });
        }
        edits
    }

    /// Whether an edit holds for every request, or for none; nothing where it is for some, and lost.
    fn holds(&mut self, edit: &Edit, tls: bool) -> Option<bool> {
        match edit.condition.as_deref() {
            Some("env=HTTPS") if !tls => {
                self.ledger.dropped(edit.id, "it never holds here");
                Some(false)
            }
            None | Some("env=HTTPS") => Some(true),
            Some(_) => {
                let why = "the model changes fields of every request of a route, or of none";
                self.ledger.lost(edit.id, why);
                None
            }
        }
    }

    fn edit(
        &mut self,
        edit: &Edit,
        table: &str,
        request: bool,
        route: &mut Draft,
        kept: &mut Vec<String>,
    ) {
        let Edit { id, verb, name, value, .. } = edit;
        if is_proxys_own(name, request) {
            return self
                .ledger
                .dropped(*id, "the field describes one connection and is the proxy's own");
        }
        if HeaderName::parse(name).is_err() {
            return self.ledger.lost(*id, "this is no name of a field");
        }
        let verb = match verb.as_str() {
            "unset" => {
                self.ledger.taken(*id, "remove");
                // Answers of the upstream and of the server itself have a line each.
                let known = matches!(route.get(&[table, "remove"]), Some(Draft::List(list)) if list.contains(&name.as_str().into()));
                if !known {
                    route.push(&[table, "remove"], name.as_str());
                }
                return;
            }
            "set" => "set",
            "add" => "add",
            "append" | "merge" => {
                self.differs(*id, "a value that is appended stands on a line of its own");
                "add"
            }
            _ => {
                let line = self.line(*id);
                return self.ledger.keep(*id, "a field is changed by what it says", line, kept);
            }
        };
        match literal(value).filter(|text| HeaderValue::parse(text).is_ok() && !text.is_empty()) {
            Some(text) => {
                if verb == "add" && route.get(&[table, verb, name]).is_some() {
                    return self.ledger.lost(*id, "the same field a second time");
                }
                self.ledger.taken(*id, verb);
                if let (false, "set", Some(Draft::List(list))) =
                    (request, verb, route.get(&[table, "remove"]).cloned())
                {
                    // In place of the upstream's own.
                    let rest: Vec<_> =
                        list.into_iter().filter(|own| *own != name.as_str().into()).collect();
                    route.remove(&[table, "remove"]);
                    if !rest.is_empty() {
                        route.set(&[table, "remove"], Draft::List(rest));
                    }
                }
                route.set(&[table, verb, name], text);
            }
            None if value.contains("}e") || value.contains("${") => {
                self.ledger.lost(*id, "its value is computed elsewhere in the configuration");
            }
            None => {
                let line = self.line(*id);
                self.ledger.keep(*id, "its value is computed for each request", line, kept);
            }
        }
    }

    /// A directive as it stands.
    fn line(&self, id: Id) -> String {
        self.sources.slice(self.span(id)).to_owned()
    }
}

/// Whether a value is one of these variables, in any of the ways to write it.
fn is_variable(text: &str, names: &[&str]) -> bool {
    let inner = text.trim_start_matches("expr=").trim_start_matches("%{");
    let inner = inner.trim_end_matches(['s', 'e']).trim_end_matches('}');
    names.iter().any(|name| inner.eq_ignore_ascii_case(name))
}

/// A value without variables (`mod_headers`, "Format specifiers").
fn literal(text: &str) -> Option<String> {
    if text.starts_with("expr=") {
        return None;
    }
    let (mut out, mut rest) = (String::new(), text.chars());
    while let Some(c) = rest.next() {
        match c {
            '%' => (rest.next() == Some('%')).then(|| out.push('%'))?,
            '\\' => out.push(rest.next().unwrap_or('\\')),
            c => out.push(c),
        }
    }
    (!out.contains("${")).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_from_variables() {
        assert_eq!(literal("100%% \\\"a\\\"").as_deref(), Some("100% \"a\""));
        assert_eq!(literal("%{REMOTE_ADDR}s"), None);
        for text in ["expr=%{REMOTE_ADDR}", "%{REMOTE_ADDR}s", "%{REMOTE_ADDR}e"] {
            assert!(is_variable(text, &["REMOTE_ADDR"]), "{text}");
        }
    }
}
