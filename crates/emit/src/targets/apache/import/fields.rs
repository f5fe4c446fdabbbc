//! Header fields: what upstreams are told, and what clients see (`mod_headers`, `mod_proxy`).

use wsgen_model::check::is_proxys_own;
use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{HeaderName, Hostname};
use wsgen_model::spelling::FORWARDED_FIELDS;

use super::edits::{Edit, asks_for_peer};
use super::scope::{Chain, Importer};
use super::vhost::Vhost;
use crate::import::draft::Draft;
use crate::import::implied;
use crate::import::ledger::Id;
use crate::subject::Subject;
use crate::targets::apache::syntax::header::{
    FormatPart, HeaderAction, HeaderCondition, HeaderValue,
};

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
    pub(super) fn requests(&mut self, chain: &Chain, vhost: &Vhost, rule: Id, route: &mut Draft) {
        let tls = vhost.tls;
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
            let lower = edit.of.name.to_lowercase();
            if self.of_peers(chain, &edit, &lower, &mut forwarded) {
                continue;
            }
            let is_early = edit.of.early && edit.of.action != HeaderAction::Unset;
            let Some(true) = self.holds(&edit, vhost).filter(|_| !is_early) else {
                let early = "`early` is done ahead of all rules, and their conditions see the field as it is then";
                if is_early {
                    self.ledger.opens(edit.id, early);
                }
                self.not_said(&edit, &lower, route);
                if is_early {
                    self.ledger.opens(edit.id, early);
                }
                continue;
            };
            let scheme = if tls { "https" } else { "http" };
            let set = edit.of.action == HeaderAction::Set;
            let field = match lower.as_str() {
                _ if !edit.sets() => None,
                "x-forwarded-for" if edit.is_variable(&["REMOTE_ADDR"]) => Some("for"),
                "x-real-ip" if edit.is_variable(&["REMOTE_ADDR"]) => Some("real_ip"),
                "x-forwarded-proto"
                    if edit.literal().is_some_and(|text| text.eq_ignore_ascii_case(scheme))
                        || edit.is_variable(&["REQUEST_SCHEME"]) =>
                {
                    Some("proto")
                }
                "x-forwarded-host"
                    if edit.is_variable(&["HTTP_HOST", "SERVER_NAME", "HTTP:Host"]) =>
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
            if lower == "host" && set {
                let name = edit.literal().filter(|name| Hostname::parse(name).is_ok());
                if let Some(name) = name {
                    self.ledger.taken(edit.id, "host");
                    if preserve {
                        route.set(&["host"], name);
                    }
                } else {
                    self.ledger.lost(edit.id, "the name is computed, or is none of a host");
                }
                continue;
            }
            if lower == "sec-websocket-protocol" {
                // Of a list that is written out in rules, one is left.
                let chosen =
                    matches!(&edit.of.condition, Some(HeaderCondition::Env { negated: false, .. }));
                if chosen {
                    self.ledger.taken(edit.id, "websocket.subprotocols");
                } else {
                    self.ledger.lost(edit.id, "the model changes no list of subprotocols");
                }
                continue;
            }
            if lower == "sec-websocket-extensions" && edit.of.action == HeaderAction::Unset {
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
        let of_peer = edit.of.condition.as_ref().is_some_and(asks_for_peer);
        let family = FORWARDED_FIELDS.iter().any(|known| known.eq_ignore_ascii_case(lower));
        if of_peer && family && edit.of.action == HeaderAction::Unset {
            self.ledger.taken(edit.id, "forwarded");
            told.append = true;
            told.kept_of_peers = true;
            return true;
        }
        let word = match lower {
            "x-forwarded-for" => "for",
            "x-forwarded-proto" => "proto",
            "x-forwarded-host" => "host",
            "forwarded" if edit.of.action == HeaderAction::Set => {
                let literal = edit.literal().unwrap_or_default();
                let value = if literal.is_empty() { edit.expression() } else { literal };
                if value.is_empty() {
                    return false;
                }
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

    /// A field of requests that is not in the model: what a client itself sends of it must not pass.
    fn not_said(&mut self, edit: &Edit, lower: &str, route: &mut Draft) {
        if !self.ledger.is_lost(edit.id) {
            return;
        }
        self.ledger.opens(edit.id, "its value is the client's own unless the server sets it; the model takes the field out");
        if HeaderName::parse(&edit.of.name).is_ok()
            && !is_proxys_own(&edit.of.name, true)
            && lower != "host"
            && edit.of.action != HeaderAction::Unset
        {
            route.push(&["request_headers", "remove"], edit.of.name.as_str());
        }
    }

    /// Fields of what the server answers by itself: those of `always` alone. A redirect of the model has none.
    pub(super) fn fields_of_answer(&mut self, chain: &Chain, vhost: &Vhost, answer: &mut Draft) {
        let redirects = answer.get(&["redirect"]).is_some();
        let mut route = Draft::map();
        let mut kept = Vec::new();
        for edit in self.edits(chain, "header") {
            let sets = edit.sets() || edit.of.action == HeaderAction::SetIfEmpty;
            if !edit.of.always || !sets || is_proxys_own(&edit.of.name, false) {
                continue;
            }
            let Some(true) = self.holds(&edit, vhost) else { continue };
            if redirects {
                let subject = Subject::response_field(&edit.of.name);
                let how = "a redirect of the model does not carry the field";
                self.ledger.announces(self.span(edit.id), &[subject], how);
            } else {
                self.edit(&edit, "response_headers", false, &mut route, &mut kept);
            }
        }
        for kind in ["set", "add"] {
            let Some(Draft::Map(added)) = route.get(&["response_headers", kind]) else { continue };
            for (name, value) in added {
                answer.set(&["respond", "headers", name], value.clone());
            }
        }
    }

    /// Fields of answers that upstreams give.
    pub(super) fn responses(&mut self, chain: &Chain, vhost: &Vhost, route: &mut Draft) {
        let mut kept = Vec::new();
        let denies = route.text(&["websocket", "mode"]) == Some("deny");
        for edit in self.edits(chain, "header") {
            let made = match &edit.of.value {
                Some(HeaderValue::Format(parts)) => {
                    parts.contains(&FormatPart::Env("BALANCER_WORKER_ROUTE".to_owned()))
                }
                _ => false,
            };
            if made {
                self.ledger.taken(edit.id, "sticky.cookie");
                continue;
            }
            if is_proxys_own(&edit.of.name, false) {
                self.ledger
                    .dropped(edit.id, "the field describes one connection and is the proxy's own");
                continue;
            }
            let Some(true) = self.holds(&edit, vhost) else { continue };
            self.edit(&edit, "response_headers", false, route, &mut kept);
            let told = |verb| route.get(&["response_headers", verb, &edit.of.name]).is_some();
            if !denies && (told("set") || told("add")) {
                let subject = Subject::response_field(&edit.of.name);
                let how = "the 101 of a WebSocket carries the field too, where Apache's does not";
                self.ledger.announces(self.span(edit.id), &[subject], how);
            }
            if !edit.of.always
                && route.get(&["response_headers"]).is_some()
                && edit.of.action != HeaderAction::Unset
            {
                self.differs(
                    edit.id,
                    "the proxy's own errors carry it too; without `always` they do not",
                );
            }
        }
        route.keep(crate::targets::apache::TARGET.name, &kept);
    }
}
