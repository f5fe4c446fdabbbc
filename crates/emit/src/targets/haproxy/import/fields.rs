//! Header fields that rules change, on the way to a server and back.

use wsgen_model::check::is_proxys_own;
use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{HeaderName, HeaderValue, Hostname};
use wsgen_model::spelling::FORWARDED_FIELDS;

use super::scope::Importer;
use crate::import::choices::Bound;
use crate::import::draft::Draft;
use crate::import::implied;
use crate::import::ledger::Id;
use crate::import::way::Way;

/// What is told of the client.
#[derive(Debug, Default)]
pub(super) struct Told {
    headers: Vec<&'static str>,
    /// Behind what a trusted peer has told.
    append: bool,
    /// In a field of RFC 7239 each, or in one.
    apart: bool,
    joined: bool,
}

impl Told {
    fn tell(&mut self, header: &'static str) {
        self.headers.push(header);
        self.apart |= header != "real_ip";
    }

    /// Puts it into a route. Returns whether the model lets less of the client's own word pass.
    pub(super) fn put(mut self, route: &mut Draft) -> bool {
        let order = ["for", "proto", "host", "real_ip"];
        self.headers.sort_by_key(|word| order.iter().position(|known| known == word));
        self.headers.dedup();
        if self.headers.is_empty() {
            route.set(&["forwarded", "mode"], "off");
            return false;
        }
        route.set(&["forwarded", "mode"], if self.append { "append" } else { "replace" });
        if self.headers != ["for", "proto", "host"] {
            route.set(&["forwarded", "headers"], self.headers);
        }
        if self.joined {
            let style = if self.apart { "both" } else { "forwarded" };
            route.set(&["forwarded", "style"], style);
        }
        // With `append` the rules that were read let the rest of the family pass from trusted peers, as the model does.
        !self.append && implied::takes_more(route)
    }
}

/// Statements that change fields.
const CHANGES: [&str; 8] =
    ["http-request", "http-response", "reqadd", "rspadd", "reqidel", "reqdel", "rspidel", "rspdel"];

impl Importer<'_> {
    /// What the rules of a section change for every request of these listeners.
    pub(super) fn fields(
        &mut self,
        section: usize,
        bounds: &[&Bound],
        route: &mut Draft,
        told: &mut Told,
    ) {
        if let Some(id) = self.option(section, "forwardfor") {
            self.ledger.taken(id, "forwarded");
            self.differs(
                id,
                "what the client itself sent is replaced, where HAProxy adds a line behind it",
            );
            told.tell("for");
        }
        let mut rules: Vec<Id> =
            CHANGES.iter().flat_map(|word| self.own(section, &[word])).collect();
        rules.sort_unstable();
        for id in rules {
            let known = self.settled.contains(&id)
                || self.policy(section, id).is_some()
                || self.forwarded(section, id, told);
            if known {
                continue;
            }
            let words = self.all[id].words.clone();
            let word = |at: usize| words.get(at).map_or("", String::as_str);
            let (verb, name, value) = match (word(0), word(1)) {
                ("http-request" | "http-response", "set-header" | "add-header" | "del-header") => {
                    (word(1).to_owned(), word(2).to_owned(), word(3).to_owned())
                }
                // HAProxy 1.x: `reqadd NAME:\ VALUE`.
                ("reqadd" | "rspadd", text) => match text.split_once(':') {
                    Some((name, value)) => {
                        ("add-header".to_owned(), name.to_owned(), value.trim().to_owned())
                    }
                    None => {
                        self.ledger.lost(id, "this is no field");
                        continue;
                    }
                },
                ("reqidel" | "reqdel" | "rspidel" | "rspdel", text) => {
                    let name = text.trim_start_matches('^').split(':').next().unwrap_or_default();
                    ("del-header".to_owned(), name.to_owned(), String::new())
                }
                _ => continue,
            };
            let request = word(0) == "http-request" || word(0).starts_with("req");
            match self.always(section, id, bounds) {
                Some(true) => {
                    self.field(section, id, request, &verb, &name, &value, bounds, route, told);
                }
                Some(false) => self.ledger.dropped(id, "it never holds here"),
                None => self
                    .ledger
                    .lost(id, "the model changes fields of every request of a route, or of none"),
            }
        }
    }

    /// A value with what is the same for every request of these listeners: their port, and variables that rules have set
    /// to a text.
    fn known(&mut self, section: usize, value: &str, bounds: &[&Bound]) -> String {
        let mut value = value.to_owned();
        let mut ports: Vec<String> = bounds
            .iter()
            .filter_map(|bound| {
                let named = |item: &&crate::import::draft::Item| {
                    item.fields.text(&["name"]) == Some(bound.name.as_str())
                };
                let address = self.site.listeners.iter().find(named)?.fields.text(&["address"])?;
                Some(address.rsplit_once(':')?.1.to_owned())
            })
            .collect();
        ports.dedup();
        if let [port] = ports.as_slice() {
            value = value.replace("%[dst_port]", port);
        }
        while let Some((head, name, tail)) = variable(&value) {
            let Some(text) = self.constant(section, &name, bounds) else { break };
            value = format!("{head}{text}{tail}");
        }
        value
    }

    /// What a variable has been set to for all of these listeners, if that is a text.
    fn constant(&mut self, section: usize, name: &str, bounds: &[&Bound]) -> Option<String> {
        let verb = format!("set-var({name})");
        let mut found = None;
        for id in self.own(section, &["http-request", &verb]) {
            let value = self.word(id, 2).to_owned();
            if self.always(section, id, bounds)? {
                found = Some(value.strip_prefix("str(")?.strip_suffix(')')?.to_owned());
            }
            self.ledger.taken(id, "where the variable stands");
        }
        found
    }

    /// Whether a rule holds for every request of these listeners, or for none.
    pub(super) fn always(&mut self, section: usize, id: Id, bounds: &[&Bound]) -> Option<bool> {
        let ways = self.ways(section, id)?;
        if ways.iter().any(|way| Way { tls: None, ..way.clone() } != Way::default()) {
            return None;
        }
        let holds =
            |bound: &&&Bound| ways.iter().any(|way| way.tls.is_none_or(|tls| tls == bound.tls));
        let count = bounds.iter().filter(holds).count();
        match count {
            0 => Some(false),
            count if count == bounds.len() => Some(true),
            _ => None,
        }
    }

    /// Rules that together tell of the client behind what a trusted peer has told, or in `Forwarded`.
    fn forwarded(&mut self, section: usize, id: Id, told: &mut Told) -> bool {
        let (verb, name) = (self.word(id, 1).to_owned(), self.word(id, 2).to_lowercase());
        let family = FORWARDED_FIELDS.iter().any(|known| known.eq_ignore_ascii_case(&name));
        let header = match name.as_str() {
            _ if verb == "del-header" && family => "any",
            "x-forwarded-for" => "for",
            "x-forwarded-proto" => "proto",
            "x-forwarded-host" => "host",
            "forwarded" => "",
            _ => return false,
        };
        let Some(terms) = self.terms(section, id) else { return false };
        let terms: Vec<&str> = terms.iter().map(String::as_str).collect();
        let of_peer = |term: &str| term.starts_with("var(") && term.contains(" -m ip ");
        let there = |term: &str| term.to_lowercase() == format!("req.fhdr({name}) -m found");
        let not =
            |term: &str, test: &dyn Fn(&str) -> bool| term.strip_prefix('!').is_some_and(test);
        match (verb.as_str(), header, terms.as_slice()) {
            ("set-header", "", ["src 0.0.0.0/0" | "!src 0.0.0.0/0"]) => {
                for part in self.word(id, 3).split(';') {
                    let header = match part.split('=').next() {
                        Some("for") => "for",
                        Some("proto") => "proto",
                        Some("host") => "host",
                        _ => return false,
                    };
                    told.headers.push(header);
                }
                told.joined = true;
            }
            ("del-header", _, [peer]) if not(peer, &of_peer) => {
                told.append = true;
            }
            ("set-header", "for", [peer, known]) if of_peer(peer) && there(known) => {}
            ("set-header", header, [absent]) if !header.is_empty() && not(absent, &there) => {
                told.tell(header);
            }
            _ => return false,
        }
        self.ledger.taken(id, "forwarded");
        true
    }

    #[expect(clippy::too_many_arguments, reason = "a rule with its parts, and what it changes")]
    fn field(
        &mut self,
        section: usize,
        id: Id,
        request: bool,
        verb: &str,
        name: &str,
        value: &str,
        bounds: &[&Bound],
        route: &mut Draft,
        told: &mut Told,
    ) {
        let lower = name.to_lowercase();
        let value = self.known(section, value, bounds);
        let value = value.as_str();
        let scheme =
            match (bounds.iter().all(|bound| bound.tls), bounds.iter().any(|bound| bound.tls)) {
                (true, _) => "https",
                (_, false) => "http",
                _ => "",
            };
        let schemes = ["%[ssl_fc,iif(https,http)]", "%[ssl_fc,iif('https','http')]"];
        let told_field = match (lower.as_str(), value) {
            _ if !request || verb == "del-header" => None,
            ("x-forwarded-for", "%[src]" | "%ci") => Some("for"),
            ("x-real-ip", "%[src]" | "%ci") => Some("real_ip"),
            ("x-forwarded-proto", text) if text == scheme || schemes.contains(&text) => {
                Some("proto")
            }
            ("x-forwarded-host", text) if is_host(text) => Some("host"),
            _ => None,
        };
        if let Some(field) = told_field {
            self.ledger.taken(id, "forwarded");
            told.tell(field);
            return;
        }
        if request && lower == "host" && verb == "set-header" {
            let upstream = route.text(&["upstream"]).and_then(|name| self.site.upstream(name));
            if upstream.is_some_and(|item| item.first_server() == Some(value)) {
                self.ledger.taken(id, "host");
                route.set(&["host"], "upstream");
            } else if Hostname::parse(value).is_ok() {
                self.ledger.taken(id, "host");
                route.set(&["host"], value);
            } else {
                self.ledger.lost(id, "the name is computed, or is none of a host");
            }
            return;
        }
        let is_own = is_proxys_own(&lower, request);
        if is_own {
            self.ledger.dropped(id, "the field describes one connection and is the proxy's own");
            return;
        }
        if HeaderName::parse(name).is_err() {
            self.ledger.lost(id, "this is no name of a field");
            return;
        }
        let table = if request { "request_headers" } else { "response_headers" };
        if verb == "del-header" {
            self.ledger.taken(id, "remove");
            route.push(&[table, "remove"], name);
            return;
        }
        let text = value.replace("%%", "\u{0}");
        let literal = (!text.contains('%')).then(|| text.replace('\u{0}', "%"));
        match literal.filter(|text| HeaderValue::parse(text).is_ok()) {
            Some(text) => {
                let kind = if verb == "set-header" { "set" } else { "add" };
                if kind == "add" && route.get(&[table, kind, name]).is_some() {
                    self.ledger.lost(id, "the same field a second time");
                    return;
                }
                self.ledger.taken(id, kind);
                route.set(&[table, kind, name], text);
            }
            None => self.ledger.lost(id, "its value is computed for each request"),
        }
    }
}

/// The first `%[var(name)]` of a value, with what stands around it.
fn variable(value: &str) -> Option<(String, String, String)> {
    let (head, rest) = value.split_once("%[var(")?;
    let (name, tail) = rest.split_once(")]")?;
    Some((head.to_owned(), name.to_owned(), tail.to_owned()))
}

fn is_host(text: &str) -> bool {
    let inner = text.trim_start_matches("%[").trim_end_matches(']').to_lowercase();
    ["req.hdr(host)", "hdr(host)", "req.fhdr(host)", "req.hdr(host),lower", "var(txn.host)"]
        .contains(&inner.as_str())
}
