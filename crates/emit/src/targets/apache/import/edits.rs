//! One edit of a field: for which requests it holds, and what becomes of it in the model.

use wsgen_model::check::is_proxys_own;
use wsgen_model::decode::Scalar;
use wsgen_model::scalar::HeaderName;

use super::scope::{Chain, Importer};
use super::vhost::Vhost;
use crate::import::condition::{Clause, Condition};
use crate::import::draft::Draft;
use crate::import::ledger::Id;
use crate::targets::apache::syntax::Statement;
use crate::targets::apache::syntax::expression::{Expression, Operand};
use crate::targets::apache::syntax::header::{
    FormatPart, HeaderAction, HeaderCondition, HeaderEdit, HeaderValue,
};

/// `RequestHeader` or `Header` with its directive.
#[derive(Clone)]
pub(super) struct Edit {
    pub(super) id: Id,
    pub(super) of: HeaderEdit,
}

impl Edit {
    /// Whether it puts a value into the field.
    pub(super) fn sets(&self) -> bool {
        use HeaderAction::{Add, Append, Merge, Set};
        matches!(self.of.action, Set | Add | Append | Merge)
    }

    /// Whether its value is one of these variables, and nothing else.
    pub(super) fn is_variable(&self, names: &[&str]) -> bool {
        let known = |text: &str| names.iter().any(|name| name.eq_ignore_ascii_case(text));
        match &self.of.value {
            Some(HeaderValue::Format(parts)) => {
                matches!(parts.as_slice(), [FormatPart::Ssl(name)] if known(name))
            }
            Some(HeaderValue::Expression(text)) => {
                let inner = text.strip_prefix("%{").and_then(|text| text.strip_suffix('}'));
                inner.is_some_and(known)
            }
            None => false,
        }
    }

    /// Its value as it is written in an expression; empty for others.
    pub(super) fn expression(&self) -> &str {
        match &self.of.value {
            Some(HeaderValue::Expression(text)) => text,
            _ => "",
        }
    }

    /// Its value, where it has no variables.
    pub(super) fn literal(&self) -> Option<&str> {
        self.of.value.as_ref().and_then(HeaderValue::literal)
    }
}

impl Importer<'_> {
    pub(super) fn edits(&mut self, chain: &Chain, directive: &str) -> Vec<Edit> {
        let mut edits = Vec::new();
        for id in self.settings(chain, directive) {
            match self.all[id].statement.clone() {
                Ok(Statement::RequestHeader(of) | Statement::Header(of)) => {
                    edits.push(Edit { id, of: *of });
                }
                Ok(_) => {}
                Err(why) => {
                    self.ledger.lost(id, &why.why);
                    if directive == "requestheader" {
                        self.ledger.opens(id, &why.why);
                    }
                }
            }
        }
        edits
    }

    /// Whether an edit holds for every request, or for none; nothing where it is for some, and lost.
    pub(super) fn holds(&mut self, edit: &Edit, vhost: &Vhost) -> Option<bool> {
        let condition = match &edit.of.condition {
            None => return Some(true),
            Some(HeaderCondition::Env { name, negated }) if name.eq_ignore_ascii_case("HTTPS") => {
                super::condition::constant(Some(vhost.tls != *negated))
            }
            // A variable that rules of the same list set for the whole route is one of its sections.
            Some(HeaderCondition::Env { .. }) => Condition::unread(),
            Some(HeaderCondition::Expression(expression)) => {
                self.expression(edit.id, expression, vhost)
            }
        };
        let bound = Clause { tls: Some(vhost.tls), ..Clause::default() };
        let bound = Condition::of(bound);
        if condition.and(&bound).is_never() {
            self.ledger.dropped(edit.id, "it never holds here");
            return Some(false);
        }
        if condition.is_always() || condition == bound {
            return Some(true);
        }
        let why = "the model changes fields of every request of a route, or of none";
        self.ledger.lost(edit.id, why);
        None
    }

    pub(super) fn edit(
        &mut self,
        edit: &Edit,
        table: &str,
        request: bool,
        route: &mut Draft,
        kept: &mut Vec<String>,
    ) {
        let (id, name) = (edit.id, &edit.of.name);
        if is_proxys_own(name, request) {
            return self
                .ledger
                .dropped(id, "the field describes one connection and is the proxy's own");
        }
        if HeaderName::parse(name).is_err() {
            return self.ledger.lost(id, "this is no name of a field");
        }
        let verb = match edit.of.action {
            HeaderAction::Unset => {
                self.ledger.taken(id, "remove");
                // What was set ahead of it goes too.
                for verb in ["set", "add"] {
                    route.remove(&[table, verb, name]);
                }
                return removed(route, table, name);
            }
            HeaderAction::Set => "set",
            HeaderAction::Add => "add",
            HeaderAction::Append => {
                self.differs(id, "a value that is appended stands on a line of its own");
                "add"
            }
            HeaderAction::Merge
            | HeaderAction::SetIfEmpty
            | HeaderAction::Echo
            | HeaderAction::Note
            | HeaderAction::Edit
            | HeaderAction::EditAll => {
                let why = "a field is changed by what it says";
                return self.not_kept(edit, table, request, why, route, kept);
            }
        };
        let text = edit.literal().map(str::to_owned);
        let fits = |text: &String| {
            wsgen_model::scalar::HeaderValue::parse(text).is_ok()
                && !text.is_empty()
                && !text.contains("${")
        };
        match text.filter(fits) {
            Some(text) => {
                if verb == "add" && route.get(&[table, verb, name]).is_some() {
                    return self.ledger.lost(id, "the same field a second time");
                }
                self.ledger.taken(id, verb);
                if let ("set", Some(Draft::List(list))) =
                    (verb, route.get(&[table, "remove"]).cloned())
                {
                    // In place of the upstream's own.
                    let rest: Vec<_> =
                        list.into_iter().filter(|own| *own != name.as_str().into()).collect();
                    route.remove(&[table, "remove"]);
                    if !rest.is_empty() {
                        route.set(&[table, "remove"], Draft::List(rest));
                    }
                }
                if verb == "set" {
                    route.remove(&[table, "add", name]);
                }
                route.set(&[table, verb, name], text);
            }
            None => {
                let why = "its value is computed for each request";
                self.not_kept(edit, table, request, why, route, kept);
            }
        }
    }

    /// A field whose value cannot be kept: of requests the client's own must not pass, of answers the line is a snippet.
    fn not_kept(
        &mut self,
        edit: &Edit,
        table: &str,
        request: bool,
        why: &str,
        route: &mut Draft,
        kept: &mut Vec<String>,
    ) {
        if request {
            self.ledger.opens(edit.id, why);
            for verb in ["set", "add"] {
                route.remove(&[table, verb, &edit.of.name]);
            }
            return removed(route, table, &edit.of.name);
        }
        let elsewhere = match &edit.of.value {
            Some(HeaderValue::Format(parts)) => parts.iter().any(|part| {
                matches!(part, FormatPart::Env(_))
                    || matches!(part, FormatPart::Text(text) if text.contains("${"))
            }),
            _ => false,
        };
        if elsewhere {
            return self
                .ledger
                .lost(edit.id, "its value is computed elsewhere in the configuration");
        }
        let line = self.line(edit.id);
        self.ledger.keep(edit.id, why, line, kept);
    }

    /// A directive as it stands.
    fn line(&self, id: Id) -> String {
        self.sources.slice(self.span(id)).to_owned()
    }
}

/// A field that is taken out, once.
fn removed(route: &mut Draft, table: &str, name: &str) {
    let known = matches!(route.get(&[table, "remove"]), Some(Draft::List(list)) if list.contains(&name.into()));
    if !known {
        route.push(&[table, "remove"], name);
    }
}

/// Whether a condition looks at the address of the connection's peer: who may tell of clients.
pub(super) fn asks_for_peer(condition: &HeaderCondition) -> bool {
    fn within(expression: &Expression) -> bool {
        match expression {
            Expression::Not(inner) => within(inner),
            Expression::And(one, two) | Expression::Or(one, two) => within(one) || within(two),
            Expression::Binary(Operand::Variable(variable), how, _) => {
                variable.name == "CONN_REMOTE_ADDR" && how == "ipmatch"
            }
            Expression::Constant(_)
            | Expression::Compare(..)
            | Expression::Match { .. }
            | Expression::In(..)
            | Expression::Unary(..)
            | Expression::Binary(..) => false,
        }
    }
    matches!(condition, HeaderCondition::Expression(expression) if within(expression))
}
