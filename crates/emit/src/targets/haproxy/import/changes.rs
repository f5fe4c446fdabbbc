//! Rules that change requests on the way to a server, and answers on the way back.

use super::differs::Differs;
use super::edits::{Change, Edit};
use super::holds::Holds;
use super::labels::sets_once;
use super::path_change::{PathChange, Seen};
use super::scope::Importer;
use super::state::{Cell, Value};
use super::walk::Walk;
use crate::import::condition::Condition;
use crate::import::ledger::Id;
use crate::targets::haproxy::syntax::{Action, LogFormat, Part, Rule, Target};

impl Importer<'_> {
    /// Runs a rule that neither answers nor ends the rules.
    pub(super) fn changes(&mut self, id: Id, rule: &Rule, holds: &Holds, walk: &mut Walk) {
        let span = self.span(id);
        match &rule.action {
            Action::SetVar { name, sample } => {
                let once = sets_once(rule, name);
                // Its own text is asked for by itself.
                let holds = if once {
                    walk.state.unset = Some(name.clone());
                    let holds = self.asked(rule.condition.as_ref(), walk, false);
                    walk.state.unset = None;
                    holds
                } else {
                    holds.clone()
                };
                let value = match sample.constant() {
                    Some(text) => Value::Text(text.to_owned()),
                    None => Value::Sample(sample.clone(), walk.state.now()),
                };
                self.variables.entry(id).or_insert_with(|| (name.clone(), holds.why.clone()));
                walk.state.set(Cell::Variable(name.clone()), holds.condition, value, once);
            }
            Action::SetVarFmt { name, value } => {
                let value = match (value.literal(), value.sample()) {
                    (Some(text), _) => Value::Text(text.to_owned()),
                    (_, Some(sample)) => Value::Sample(sample.clone(), walk.state.now()),
                    _ => Value::Unknown,
                };
                self.variables.entry(id).or_insert_with(|| (name.clone(), holds.why.clone()));
                walk.state.set(Cell::Variable(name.clone()), holds.condition.clone(), value, false);
            }
            Action::UnsetVar { name } => {
                self.ledger.taken(id, "match");
                walk.state.set(
                    Cell::Variable(name.clone()),
                    holds.condition.clone(),
                    Value::Absent,
                    false,
                );
            }
            Action::Field { .. } | Action::DelHeader { .. }
                if self.tells(id, rule, holds, walk) => {}
            Action::Field { name, value, adds } => {
                self.sets_field(id, (name, value, *adds), holds, walk);
            }
            Action::DelHeader { name, matcher } => {
                self.removes_field(id, name, *matcher, holds, walk);
            }
            Action::ReplaceField { name, pattern, to, .. } => {
                let host = name.eq_ignore_ascii_case("host");
                let whole =
                    [".*", "^.*$", "^.*", ".*$", "(.*)", "^(.*)$"].contains(&pattern.as_str());
                match to.literal().filter(|text| host && whole && !text.contains('\\')) {
                    Some(_) => self.sets_field(id, (name, to, false), holds, walk),
                    None => {
                        self.lose(
                            id,
                            None,
                            "the model sets fields, and replaces no part of one",
                            false,
                        );
                        let cell = Cell::Field(name.to_lowercase());
                        walk.state.set(cell, holds.condition.clone(), Value::Unknown, false);
                    }
                }
            }
            Action::SetTarget { part, value } => {
                let change = PathChange::set(*part, value);
                changes_target(*part, value, change.is_some(), holds, walk);
                self.changes_path(id, *part, change, holds, walk);
            }
            Action::ReplaceTarget { part, pattern, to } => {
                let change = PathChange::replace(*part, pattern, to);
                changes_target(*part, to, change.is_some(), holds, walk);
                self.changes_path(id, *part, change, holds, walk);
            }
            Action::NormalizeUri { .. } => {
                self.lose(id, None, "the model brings paths into one normal form", false);
                for cell in [Cell::Path, Cell::Query] {
                    walk.state.set(cell, holds.condition.clone(), Value::Unknown, false);
                }
            }
            Action::SetMethod(_) => {
                self.lose(id, None, "the model passes methods on as they are", false);
            }
            Action::SetSrc(_) => self.lose(
                id,
                None,
                "the model believes peers by their addresses (`trusted_proxies`)",
                true,
            ),
            Action::SetTimeout { .. } => {
                self.lose(id, None, "the model's timers are those of a whole route", false);
            }
            Action::Track { .. } => {
                if !self.used.contains(&id) {
                    let why = "the model limits open tunnels and handshakes of an address";
                    self.lose(id, None, why, true);
                }
            }
            Action::Ask { name } => {
                let why = if name.starts_with("lua.") {
                    "what Lua decides is not known"
                } else {
                    "what another program decides is not known"
                };
                self.lose(id, None, why, true);
            }
            Action::Aside { .. } => self.ledger.dropped(id, "nothing that a route says is changed"),
            Action::Allow
            | Action::Deny { .. }
            | Action::Tarpit { .. }
            | Action::Drop
            | Action::Return(_)
            | Action::Redirect(_)
            | Action::Auth { .. } => self.lose(id, Some(span), "it answers here", true),
        }
    }

    /// A rule that was not read changes something that is not known.
    pub(super) fn unknown_change(&mut self, id: Id, walk: &mut Walk) {
        let name = self.word(id, 2).to_lowercase();
        let variable =
            self.word(id, 1).split_once('(').map(|(_, rest)| rest.trim_end_matches(')').to_owned());
        let cell = variable.map_or(Cell::Field(name), Cell::Variable);
        walk.state.set(cell, Condition::unread(), Value::Unknown, false);
    }

    fn changes_path(
        &mut self,
        id: Id,
        part: Target,
        change: Option<PathChange>,
        holds: &Holds,
        walk: &mut Walk,
    ) {
        if part == Target::Query {
            self.lose(id, None, "the model passes the query on as it is", false);
            return;
        }
        let condition = holds.condition.clone();
        let Some(change) = change.filter(|_| condition.is_read()) else {
            let why = holds
                .why
                .as_ref()
                .map_or("the model cannot say this change of the path", |why| &*why.why);
            self.lose(id, holds.why.as_ref().map(|why| why.span), why, false);
            walk.state.set(Cell::Path, condition, Value::Unknown, false);
            return;
        };
        if condition.is_never() {
            return self.ledger.dropped(id, "it never holds here");
        }
        let span = self.span(id);
        if change.whole_target {
            self.differs(span, Differs::WholeTarget);
        }
        let now = walk.state.now();
        let untouched = |requests: &Condition| walk.state.is_untouched(&Cell::Path, now, requests);
        match change.seen.clone().filter(|(paths, _)| untouched(&condition.and(paths))) {
            Some((paths, seen)) => {
                let value = match seen {
                    Seen::Text(text) => Value::Text(text),
                    Seen::Moved(moved) => Value::Moved(moved),
                };
                walk.state.set(Cell::Path, condition.and(&paths), value, false);
            }
            None => walk.state.set(Cell::Path, condition.clone(), Value::Unknown, false),
        }
        walk.edits.push(Edit { id, condition, change: Change::Path(change) });
    }
}

/// Records that a change of the target makes the query and the host unknown to later tests. A change of the path that the model
/// can say keeps both.
fn changes_target(part: Target, value: &LogFormat, said: bool, holds: &Holds, walk: &mut Walk) {
    let asks = |part: &Part| matches!(part, Part::Text(text) if text.contains('?'));
    if said || part == Target::Path && !value.parts.iter().any(asks) {
        return;
    }
    let condition = &holds.condition;
    walk.state.set(Cell::Query, condition.clone(), Value::Unknown, false);
    let begins = |text: &str| text.starts_with('/');
    let path = matches!(value.parts.first(), Some(Part::Text(text)) if begins(text));
    if part == Target::Uri && !path {
        // A target with a host in it changes Host too.
        let host = Cell::Field("host".to_owned());
        walk.state.set(host, condition.clone(), Value::Unknown, false);
    }
}
