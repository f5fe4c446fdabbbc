//! Rules that say what every model says anyway: paths in normal form, what a WebSocket request is, 404 where no route
//! fits. And whom a listener believes.

use wsgen_model::spelling::{FORWARDED_FIELDS, FRAMING_FIELDS};

use super::scope::Importer;
use crate::import::choices::Bound;
use crate::import::ledger::Id;
use crate::import::way::Way;
use crate::targets::haproxy::spelling;

/// Patterns of paths that are not in normal form, or have none (`route/normal-form`, `route/bad-path`).
const NOT_NORMAL: [&str; 3] = [
    r"//|/(\.|%2[eE]){1,2}(/|$)",
    "%(2[dDeE]|3[0-9]|[46][1-9a-fA-F]|[57][0-9aA]|5[fF]|7[eE])",
    "%([^0-9A-Fa-f]|.[^0-9A-Fa-f]|.?$|00)",
];

impl Importer<'_> {
    /// Speaks of those rules of a section, and puts trusted peers into its listeners.
    pub(super) fn anyway(&mut self, section: usize, bounds: &[Bound], label: Option<&str>) {
        for id in self.sections[section].list.clone() {
            let words = self.all[id].words.clone();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let field = match words.as_slice() {
                ["http-request", "normalize-uri", ..] => "match.path",
                ["http-request", "set-query", query, ..] if query.starts_with("%[var(") => {
                    "match.path"
                }
                ["http-request", verb, "query", "if", ..] if verb.starts_with("set-var(") => {
                    "match.path"
                }
                [
                    "http-request",
                    "deny",
                    _,
                    "400",
                    "if",
                    "{",
                    "path",
                    "-m",
                    "reg",
                    pattern,
                    "}",
                ] if NOT_NORMAL.contains(pattern) => "match.path",
                ["http-request", "deny", _, "400", "if", "METH_CONNECT", ..] => "match.methods",
                [
                    "http-request",
                    "deny",
                    _,
                    "400",
                    "if",
                    ..,
                    "!{",
                    "req.hdr(host)",
                    "-m",
                    "found",
                    "}",
                ] => "hostnames",
                ["http-request", "set-header", name, "upgrade", "if", ..]
                    if name.eq_ignore_ascii_case("connection") =>
                {
                    "websocket"
                }
                ["http-request", "deny", _, "400", "if", ..]
                    if words.contains(&"req.hdr(transfer-encoding)")
                        || words.contains(&"req.hdr_val(content-length)") =>
                {
                    "websocket"
                }
                ["http-request", "del-header", pattern, "-m", "reg", ..]
                    if *pattern == spelling::pattern(&FORWARDED_FIELDS)
                        || *pattern == spelling::pattern(&FRAMING_FIELDS) =>
                {
                    "forwarded"
                }
                ["http-request", "deny", _, "404", "if", "!{", variable, "-m", "found", "}"]
                    if label.is_some_and(|name| *variable == format!("var({name})")) =>
                {
                    "match"
                }
                ["http-request", "del-header", name, "if", ..]
                    if ["upgrade", "connection"].contains(&name.to_lowercase().as_str())
                        && self.ways(section, id)
                            == Some(vec![Way { upgrade: Some(false), ..Way::default() }]) =>
                {
                    "websocket"
                }
                [
                    "http-request",
                    "set-src",
                    from,
                    "if",
                    "{",
                    "src",
                    ranges @ ..,
                    "}",
                    "{",
                    found,
                    "-m",
                    "found",
                    "}",
                ] if from.to_lowercase().contains("x-forwarded-for")
                    && found.to_lowercase().contains("x-forwarded-for") =>
                {
                    self.listeners(bounds, &["trusted_proxies"], ranges);
                    "listeners.trusted_proxies"
                }
                ["http-request", verb, "src"] if verb.starts_with("set-var(") => "forwarded",
                ["tcp-request", "connection", "reject", "if", "!{", "src", ranges @ .., "}"]
                    if self.expects(section) =>
                {
                    self.listeners(bounds, &["proxy_protocol", "from"], ranges);
                    "listeners.proxy_protocol.from"
                }
                ["tcp-request", "connection", "expect-proxy", "layer4"] => {
                    self.listeners(bounds, &["proxy_protocol", "accept"], &[]);
                    "listeners.proxy_protocol"
                }
                _ => continue,
            };
            self.ledger.taken(id, field);
            self.settled.insert(id);
        }
    }

    /// Whether every connection of a section must begin with the PROXY header.
    fn expects(&self, section: usize) -> bool {
        let rules = self.own(section, &["tcp-request", "connection"]);
        rules.iter().any(|id| self.word(*id, 2) == "expect-proxy" && self.all[*id].words.len() == 4)
    }

    fn listeners(&mut self, bounds: &[Bound], path: &[&str], values: &[&str]) {
        for item in &mut self.site.listeners {
            let name = item.fields.text(&["name"]).unwrap_or_default();
            if bounds.iter().any(|bound| bound.name == name) {
                if values.is_empty() {
                    item.fields.set(path, "any");
                } else {
                    item.fields.set(path, values.to_vec());
                }
            }
        }
    }

    /// Whether a statement asks whether a variable has some text.
    pub(super) fn asks_for(&self, id: Id, name: &str) -> bool {
        let words = &self.all[id].words;
        words.windows(3).any(|w| w[0] == format!("var({name})") && w[1] == "-m" && w[2] == "str")
    }

    /// Variables that no rule asks for say nothing.
    pub(super) fn unasked(&mut self) {
        let sets = |id: &Id| self.word(*id, 1).starts_with("set-var(");
        let open: Vec<Id> = (0..self.all.len()).filter(sets).collect();
        // Other programs ask for variables too.
        if open.is_empty() || self.all.iter().any(|other| other.words[0] == "filter") {
            return;
        }
        let rules = self.all.iter().flat_map(|statement| statement.words.iter().skip(1));
        let words: Vec<&String> = rules
            .filter(|word| {
                (word.contains("var(") && !word.starts_with("set-var")) || word.contains("strcmp(")
            })
            .collect();
        let asked = |name: &str| {
            let places = [format!("var({name}"), format!("strcmp({name}")];
            words.iter().any(|word| places.iter().any(|place| word.contains(place)))
        };
        let unasked =
            |id: &Id| self.word(*id, 1).strip_prefix("set-var(").is_some_and(|name| !asked(name));
        let unasked: Vec<Id> = open.into_iter().filter(unasked).collect();
        for id in unasked {
            if self.ledger.is_open(id) {
                self.ledger.dropped(id, "no rule asks for it");
            }
        }
    }
}
