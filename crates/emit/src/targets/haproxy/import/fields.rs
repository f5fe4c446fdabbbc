//! `set-header`, `add-header` and `del-header` of requests.

use wsgen_model::check::is_proxys_own;
use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{HeaderName, HeaderValue, Hostname};
use wsgen_model::spelling::{FORWARDED_FIELDS, FRAMING_FIELDS};

use super::differs::Differs;
use super::edits::{Change, Edit, PORT, Told};
use super::holds::Holds;
use super::scope::Importer;
use super::state::{Cell, Value};
use super::values::{is_client_host, told};
use super::walk::Walk;
use crate::import::condition::Condition;
use crate::import::ledger::Id;
use crate::targets::haproxy::spelling;
use crate::targets::haproxy::syntax::{LogFormat, Matcher};

/// Why a value is lost.
pub(super) const COMPUTED: &str = "its value is computed for each request";

impl Importer<'_> {
    /// `set-header` and `add-header`.
    pub(super) fn sets_field(
        &mut self,
        id: Id,
        (name, value, adds): (&str, &LogFormat, bool),
        holds: &Holds,
        walk: &mut Walk,
    ) {
        let lower = name.to_lowercase();
        let cell = Cell::Field(lower.clone());
        let condition = holds.condition.clone();
        if condition.is_never() {
            return self.ledger.dropped(id, "it never holds here");
        }
        let pieces = self.pieces(value, walk);
        // What later rules see of it.
        match &pieces {
            Some(pieces) if !adds => {
                for (own, text) in pieces {
                    let value = if text.contains(PORT) {
                        Value::Unknown
                    } else {
                        Value::Text(text.clone())
                    };
                    walk.state.set(cell.clone(), condition.and(own), value, false);
                }
            }
            _ if adds && pieces.is_some() => {
                walk.state.set(cell, condition.clone(), Value::Unknown, false);
            }
            _ => {
                let value = value.sample().map_or(Value::Unknown, |sample| {
                    Value::Sample(sample.clone(), walk.state.now())
                });
                walk.state.set(cell, condition.clone(), value, false);
            }
        }
        let span = self.span(id);
        if is_proxys_own(&lower, true) && lower != "host" {
            let forced = lower == "upgrade"
                && condition.clauses().iter().any(|clause| clause.websocket != Some(true));
            if forced {
                self.differs(span, Differs::UpgradeForced);
            }
            return self
                .ledger
                .dropped(id, "the field describes one connection and is the proxy's own");
        }
        let apart = |own: &Condition| condition.and(own);
        if !condition.is_read() {
            let (at, why) = match &holds.why {
                Some(why) => (Some(why.span), why.why.to_string()),
                None => (None, "the model has no word for its requests".to_owned()),
            };
            return self.loses_field(id, at, &why, name, adds, &condition, walk);
        }
        if lower == "host" {
            return match pieces.filter(|pieces| pieces.iter().all(|(_, text)| is_host_name(text))) {
                Some(pieces) => {
                    for (own, text) in pieces {
                        walk.edits.push(Edit {
                            id,
                            condition: apart(&own),
                            change: Change::Host(text),
                        });
                    }
                }
                None if is_client_host(value, &walk.state) => self.ledger.taken(id, "host"),
                None => self.lose(id, None, "the name is computed, or is none of a host", false),
            };
        }
        if let Some(told) =
            told(&lower, value, &walk.state).filter(|_| !adds || lower != "x-forwarded-for")
        {
            return walk.edits.push(Edit {
                id,
                condition,
                change: Change::Tell(Told::Apart(told)),
            });
        }
        if HeaderName::parse(name).is_err() {
            return self.lose(id, None, "this is no name of a field", false);
        }
        let fits = |text: &String| HeaderValue::parse(&text.replace(PORT, "1")).is_ok();
        match pieces.filter(|pieces| pieces.iter().all(|(_, text)| fits(text))) {
            Some(pieces) => {
                let whole = pieces.iter().fold(Condition::never(), |all, (own, _)| all.or(own));
                if !whole.is_always() && !whole.not().is_never() && !adds {
                    let change = Change::Remove { request: true, name: name.to_owned() };
                    walk.edits.push(Edit { id, condition: condition.clone(), change });
                }
                for (own, value) in pieces {
                    let change =
                        Change::Field { request: true, name: name.to_owned(), value, adds };
                    walk.edits.push(Edit { id, condition: apart(&own), change });
                }
            }
            None => self.loses_field(id, None, COMPUTED, name, adds, &condition, walk),
        }
    }

    /// A field whose value cannot be kept: what the client itself sent of it must not pass in its place.
    #[expect(clippy::too_many_arguments, reason = "a rule with its parts")]
    fn loses_field(
        &mut self,
        id: Id,
        at: Option<wsgen_model::source::Span>,
        why: &str,
        name: &str,
        adds: bool,
        condition: &Condition,
        walk: &mut Walk,
    ) {
        self.lose(id, at, why, !adds);
        if !adds && HeaderName::parse(name).is_ok() && !is_proxys_own(name, true) {
            // Where it is not known for which requests the field is set, none may send it.
            let condition =
                if condition.is_read() { condition.clone() } else { Condition::always() };
            let change = Change::Remove { request: true, name: name.to_owned() };
            walk.edits.push(Edit { id, condition, change });
        }
    }

    /// `del-header`.
    pub(super) fn removes_field(
        &mut self,
        id: Id,
        name: &str,
        matcher: Option<Matcher>,
        holds: &Holds,
        walk: &mut Walk,
    ) {
        let condition = holds.condition.clone();
        if condition.is_never() {
            return self.ledger.dropped(id, "it never holds here");
        }
        let lower = name.to_lowercase();
        if let Some(matcher) = matcher {
            if matcher == Matcher::Reg
                && [&FORWARDED_FIELDS[..], &FRAMING_FIELDS[..]]
                    .iter()
                    .any(|names| *name == spelling::pattern(names))
            {
                return self.ledger.taken(id, "forwarded");
            }
            walk.state.remove(matcher, name, condition);
            // Which fields these are is not known before they come.
            self.lose(id, None, "the model takes fields out by their names, one by one", true);
            return;
        }
        walk.state.set(Cell::Field(lower.clone()), condition.clone(), Value::Absent, false);
        if ["upgrade", "connection"].contains(&lower.as_str())
            && condition.clauses().iter().all(|clause| clause.websocket == Some(false))
        {
            return self.ledger.taken(id, "websocket");
        }
        if is_proxys_own(&lower, true) {
            return self
                .ledger
                .dropped(id, "the field describes one connection and is the proxy's own");
        }
        if HeaderName::parse(name).is_err() {
            return self.lose(id, None, "this is no name of a field", true);
        }
        if !condition.is_read() {
            // More requests lose it: it passes for none that it was taken from.
            let why = holds
                .why
                .as_ref()
                .map_or("the model has no word for its requests", |why| &*why.why);
            self.lose(id, holds.why.as_ref().map(|why| why.span), why, false);
            return;
        }
        walk.edits.push(Edit {
            id,
            condition,
            change: Change::Remove { request: true, name: name.to_owned() },
        });
    }
}

/// Whether a Host can be written into a model: a name without a port, or the address of a server, which is compared later.
fn is_host_name(text: &str) -> bool {
    let name = text
        .rsplit_once(':')
        .filter(|(_, port)| port.parse::<u16>().is_ok())
        .map_or(text, |(name, _)| name);
    Hostname::parse(name).is_ok()
        || name.parse::<std::net::IpAddr>().is_ok()
        || name.starts_with('[')
}
