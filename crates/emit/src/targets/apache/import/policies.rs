//! Rules that refuse some of a route's requests, and answers within an `<If>` on the variable of a route: what the model
//! has a field of the route for.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{Origin, Token};

use super::scope::Importer;
use super::sections::asks_for;
use super::vhost::Vhost;
use crate::import::draft::Draft;
use crate::import::ledger::Id;
use crate::import::pattern;
use crate::targets::apache::syntax::expression::{Expression, Operand};
use crate::targets::apache::syntax::rewrite::{Comparison, CondPattern, EnvSet, RewriteCond};
use crate::targets::apache::syntax::{Section, Statement};

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
        let Ok(Statement::RewriteRule(rule)) = self.all[id].statement.clone() else { return false };
        let status = if rule.flags.forbidden { Some(403) } else { rule.flags.redirect };
        if rule.substitution.is_some() {
            return false;
        }
        let (mut asks, mut websocket, mut rest) = (Vec::new(), None, Vec::new());
        for condition in conditions {
            let Ok(Statement::RewriteCond(cond)) = self.all[*condition].statement.clone() else {
                return false;
            };
            let variable = cond.test.variable().filter(|variable| variable.scope == "ENV");
            match (variable, &cond.pattern) {
                (Some(variable), CondPattern::Compare(Comparison::Equal, value)) => {
                    if self.is_websocket(&variable.name) && value == "1" {
                        websocket = Some(!cond.negated);
                    } else if cond.negated {
                        rest.push(*cond);
                    } else {
                        asks.push((variable.name.clone(), value.clone()));
                    }
                }
                _ => rest.push(*cond),
            }
        }
        // What every model says anyway: a handshake has no body.
        if websocket == Some(true)
            && status == Some(400)
            && rest.iter().any(|cond| cond.test.text == BODY)
        {
            for id in conditions.iter().copied().chain([id]) {
                self.ledger.taken(id, "websocket");
            }
            return true;
        }
        let mut fields = Draft::map();
        let field = match (rest.as_slice(), websocket, status) {
            ([], Some(false), Some(426)) => {
                fields.set(&["websocket", "mode"], "require");
                "websocket.mode"
            }
            ([length], _, Some(413)) => {
                let Some(most) = most_bytes(length) else { return false };
                fields.set(&["limits", "max_body_bytes"], crate::import::measure::size(most));
                "limits.max_body_bytes"
            }
            ([origin], Some(true), Some(403)) => {
                let CondPattern::Regex(pattern) = &origin.pattern else { return false };
                let known = (origin.negated && origin.test.text == "%{HTTP_HOST} %{HTTP:Origin}")
                    .then(|| origins(pattern))
                    .flatten();
                let Some((origins, missing)) = known else { return false };
                fields.set(&["websocket", "origins"], origins);
                fields
                    .set(&["websocket", "missing_origin"], if missing { "allow" } else { "deny" });
                "websocket.origins"
            }
            ([offered], Some(true), None) => {
                let chosen =
                    |env: &EnvSet| env.value.as_ref().is_some_and(|value| value.text == "%1");
                let CondPattern::Regex(pattern) = &offered.pattern else { return false };
                if offered.test.text != "%{HTTP:Sec-WebSocket-Protocol}"
                    || !rule.flags.env.iter().any(chosen)
                {
                    return false;
                }
                let Some(names) = subprotocols(pattern) else { return false };
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
            let asked = match &self.all[section].statement {
                Ok(Statement::Section(Section::If(expression))) => asks_for(expression),
                _ => None,
            };
            let Some(asked) = asked else { continue };
            let inner = self.block(section);
            let Some(redirect) = self.named(&inner, "redirect").first().copied() else { continue };
            let status = match &self.all[redirect].statement {
                Ok(Statement::Redirect(one)) if one.from.is_none() && one.to.is_none() => {
                    u64::from(one.status)
                }
                _ => continue,
            };
            if !(200..=599).contains(&status) || (300..400).contains(&status) {
                continue;
            }
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

/// The most bytes of a body: `expr "%{HTTP:Content-Length} -gt 4096"`.
fn most_bytes(cond: &RewriteCond) -> Option<u64> {
    let CondPattern::Expression(expression) = &cond.pattern else { return None };
    let Expression::Binary(Operand::Variable(variable), how, Operand::Text(most)) =
        expression.as_ref()
    else {
        return None;
    };
    let length = variable.scope == "HTTP" && variable.name.eq_ignore_ascii_case("Content-Length");
    (length && how == "gt").then(|| most.parse().ok()).flatten()
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
    let inner = pattern.strip_prefix("^(?:")?.strip_suffix(")$")?;
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
            r"^(?:[^ ]* |[^ ]* (https://chat\.test(:443)?|http://([^./: ]+\.)+chat\.test:8080))$";
        let wanted = vec!["https://chat.test".to_owned(), "http://*.chat.test:8080".to_owned()];
        assert_eq!(origins(pattern), Some((wanted, true)));
        assert_eq!(
            subprotocols(r"(?:^|,)[\x20\t]*(chat\.v2|chat)[\x20\t]*(?:,|$)").map(|n| n.len()),
            Some(2)
        );
        assert_eq!(in_normal_form(NORMAL), ("^".to_owned(), true));
    }
}
