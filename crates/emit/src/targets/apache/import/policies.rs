//! Rules that refuse some of a route's requests, and answers within an `<If>` on the variable of a route: what the model
//! has a field of the route for.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{Origin, Token};

use super::condition::flags;
use super::scope::Importer;
use super::vhost::Vhost;
use crate::import::draft::Draft;
use crate::import::ledger::Id;
use crate::import::pattern;

/// A variable with its value.
pub(super) type Asks = (String, String);

/// Fields of the routes that these variables lead to.
#[derive(Debug, Clone)]
pub(super) struct Policy {
    asks: Vec<Asks>,
    fields: Draft,
}

/// Ahead of a pattern over the path as it came: it is in normal form.
const NORMAL: &str = r"^(?!.*(?://|/(?:\.|%2[eE]){1,2}(?:/|$)))";

/// Test strings of conditions that ask whether a request has a body.
const BODY: &str = "%{HTTP:Transfer-Encoding}:%{HTTP:Content-Length}";

/// A pattern without what asks for the normal form, and whether it did.
pub(super) fn in_normal_form(pattern: &str) -> (String, bool) {
    match pattern.strip_prefix(NORMAL) {
        Some("") => ("^".to_owned(), true),
        Some(rest) if rest.starts_with('^') => (rest.to_owned(), true),
        Some(rest) => (format!("^{rest}"), true),
        None => (pattern.to_owned(), false),
    }
}

impl Importer<'_> {
    /// Whether a rule is one of those; its conditions are the ones ahead of it.
    pub(super) fn policy(&mut self, id: Id, conditions: &[Id]) -> bool {
        let flags = flags(self.word(id, 2));
        let has = |flag: &str| flags.iter().any(|known| known == flag);
        let plain = self.word(id, 1) == "-";
        let (mut asks, mut websocket, mut rest) = (Vec::new(), None, Vec::new());
        for condition in conditions {
            let (test, value) = (self.word(*condition, 0).to_owned(), self.word(*condition, 1));
            let name = test.strip_prefix("%{ENV:").and_then(|name| name.strip_suffix('}'));
            match (name, value.strip_prefix('=')) {
                (Some(name), Some("1")) if self.is_websocket(name) => websocket = Some(true),
                (Some(name), None) if self.is_websocket(name) && value == "!=1" => {
                    websocket = Some(false);
                }
                (Some(name), Some(value)) => asks.push((name.to_owned(), value.to_owned())),
                _ => rest.push(*condition),
            }
        }
        // What every model says anyway: a handshake has no body.
        let asks_for_body = |id: &Id| self.word(*id, 0) == BODY;
        if websocket == Some(true) && plain && has("R=400") && rest.iter().any(asks_for_body) {
            for id in conditions.iter().copied().chain([id]) {
                self.ledger.taken(id, "websocket");
            }
            return true;
        }
        let mut fields = Draft::map();
        let field = match (rest.as_slice(), websocket) {
            ([], Some(false)) if plain && has("R=426") => {
                fields.set(&["websocket", "mode"], "require");
                "websocket.mode"
            }
            ([length], _) if plain && has("R=413") => {
                let text = self.word(*length, 1).to_owned();
                let most = text.strip_prefix("%{HTTP:Content-Length} -gt ");
                let Some(most) = most.and_then(|most| most.trim().parse::<u64>().ok()) else {
                    return false;
                };
                fields.set(&["limits", "max_body_bytes"], crate::import::measure::size(most));
                "limits.max_body_bytes"
            }
            ([origin], Some(true)) if plain && (has("F") || has("R=403")) => {
                let test = "%{HTTP_HOST} %{HTTP:Origin}";
                let known = (self.word(*origin, 0) == test)
                    .then(|| origins(self.word(*origin, 1)))
                    .flatten();
                let Some((origins, missing)) = known else { return false };
                fields.set(&["websocket", "origins"], origins);
                fields
                    .set(&["websocket", "missing_origin"], if missing { "allow" } else { "deny" });
                "websocket.origins"
            }
            ([offered], Some(true)) if plain && flags.iter().any(|flag| flag.ends_with(":%1")) => {
                if self.word(*offered, 0) != "%{HTTP:Sec-WebSocket-Protocol}" {
                    return false;
                }
                let Some(names) = subprotocols(self.word(*offered, 1)) else { return false };
                fields.set(&["websocket", "subprotocols"], names);
                "websocket.subprotocols"
            }
            _ => return false,
        };
        for id in conditions.iter().copied().chain([id]) {
            self.ledger.taken(id, field);
        }
        self.policies.push(Policy { asks, fields });
        true
    }

    /// Whether a rule ahead has set this variable for handshakes.
    fn is_websocket(&self, name: &str) -> bool {
        self.handshakes.contains(name)
    }

    /// Whether those rules let WebSockets alone into a route that asks for these variables.
    pub(super) fn requires(&self, asks: &[Asks]) -> bool {
        self.policies.iter().any(|policy| {
            policy.fields.text(&["websocket", "mode"]) == Some("require")
                && policy.asks.iter().all(|asked| asks.contains(asked))
        })
    }

    /// Puts the fields of those rules into a route that asks for these variables.
    pub(super) fn under_policies(&self, asks: &[Asks], route: &mut Draft) {
        for policy in &self.policies {
            if policy.asks.iter().all(|asked| asks.contains(asked)) {
                merge(&policy.fields, &mut Vec::new(), route);
            }
        }
    }

    /// `<If "reqenv('route') == 'name'">` with a `Redirect` to a status: a fixed answer.
    pub(super) fn fixed(&mut self, vhost: &Vhost) -> Vec<(Asks, Id, Draft)> {
        let mut all = Vec::new();
        for section in self.named(&vhost.list, "if") {
            let Some(asked) = self.asks_for(section) else { continue };
            let inner = self.block(section);
            let Some(redirect) = self.named(&inner, "redirect").first().copied() else { continue };
            let status = match (self.word(redirect, 0).parse::<u64>(), self.word(redirect, 1)) {
                (Ok(status @ 200..=599), "") if !(300..400).contains(&status) => status,
                _ => continue,
            };
            let mut respond = Draft::of("status", status);
            for page in self.named(&inner, "errordocument") {
                let text = self.word(page, 1).to_owned();
                if self.word(page, 0) != status.to_string() || text.starts_with('/') {
                    continue;
                }
                self.ledger.taken(page, "respond.body");
                if !text.is_empty() && !text.contains("%{") {
                    respond.set(&["body"], text.replace("\\n", "\n"));
                }
            }
            self.ledger.taken(redirect, "respond");
            self.ledger.taken(section, "respond");
            all.push((asked, redirect, Draft::of("respond", respond)));
        }
        all
    }
}

/// Puts every value of one tree into another.
fn merge(from: &Draft, path: &mut Vec<String>, into: &mut Draft) {
    if let Draft::Map(entries) = from {
        for (key, value) in entries {
            path.push(key.to_string());
            merge(value, path, into);
            path.pop();
        }
    } else {
        let keys: Vec<&str> = path.iter().map(String::as_str).collect();
        into.set(&keys, from.clone());
    }
}

/// The origins of `!^(?:…)$` over Host and Origin, and whether those without one pass.
fn origins(pattern: &str) -> Option<(Vec<String>, bool)> {
    let inner = pattern.strip_prefix("!^(?:")?.strip_suffix(")$")?;
    let mut all: Vec<String> = Vec::new();
    let missing = inner == "[^ ]* " || inner.starts_with("[^ ]* |");
    if inner.contains("https?://\\") {
        all.push("same_origin".to_owned());
    }
    if let Some((_, list)) = inner.rsplit_once("[^ ]* (") {
        for one in pattern::branches(list.strip_suffix(')')?, '|') {
            let bare = one
                .strip_suffix(")?")
                .map_or(one, |rest| rest.rsplit_once("(:").map_or(rest, |(host, _)| host));
            let text = bare.replace("([^./: ]+\\.)+", "*.").replace('\\', "");
            if text != "null" && Origin::parse(&text).is_err() {
                return None;
            }
            all.push(text);
        }
    }
    (!all.is_empty()).then_some((all, missing))
}

/// `(?:^|,)[\x20\t]*(a|b)[\x20\t]*(?:,|$)`
fn subprotocols(pattern: &str) -> Option<Vec<String>> {
    let inner = pattern.strip_prefix("(?:^|,)[\\x20\\t]*(")?;
    let inner = inner.strip_suffix(")[\\x20\\t]*(?:,|$)")?;
    let names: Vec<String> = inner.split('|').map(|name| name.replace('\\', "")).collect();
    names.iter().all(|name| Token::parse(name).is_ok()).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_read_from_their_pattern() {
        let pattern =
            r"!^(?:[^ ]* |[^ ]* (https://chat\.test(:443)?|http://([^./: ]+\.)+chat\.test:8080))$";
        let wanted = vec!["https://chat.test".to_owned(), "http://*.chat.test:8080".to_owned()];
        assert_eq!(origins(pattern), Some((wanted, true)));
        assert_eq!(
            subprotocols(r"(?:^|,)[\x20\t]*(chat\.v2|chat)[\x20\t]*(?:,|$)").map(|n| n.len()),
            Some(2)
        );
        assert_eq!(in_normal_form(NORMAL), ("^".to_owned(), true));
    }
}
