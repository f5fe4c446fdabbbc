//! `http-response` and `http-after-response`: what is changed of answers.

use wsgen_model::check::is_proxys_own;
use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{HeaderName, HeaderValue};

use super::differs::Differs;
use super::edits::{Change, Edit, PORT};
use super::fields::COMPUTED;
use super::scope::Importer;
use super::walk::Walk;
use crate::import::condition::Clause;
use crate::targets::haproxy::syntax::{Action, Statement};

impl Importer<'_> {
    /// `http-response` of a section.
    pub(super) fn response_rules(&mut self, section: usize, walk: &mut Walk) {
        for id in self.responses_of(section) {
            let statement = self.statement(id);
            let Some(Statement::HttpResponse(rule)) = statement.as_deref() else {
                continue;
            };
            let (name, value) = match &rule.action {
                Action::Field { name, value, adds } => (name, Some((value, *adds))),
                Action::DelHeader { name, matcher: None } => (name, None),
                Action::DelHeader { .. } => {
                    self.lose(
                        id,
                        None,
                        "the model takes fields out by their names, one by one",
                        true,
                    );
                    continue;
                }
                Action::Deny { .. }
                | Action::Drop
                | Action::Return(_)
                | Action::Redirect(_)
                | Action::Ask { .. } => {
                    self.lose(
                        id,
                        None,
                        "what is done by the answer of a server is not known",
                        true,
                    );
                    continue;
                }
                Action::SetVar { .. } | Action::SetVarFmt { .. } | Action::UnsetVar { .. } => {
                    self.lose(id, None, "a value that is computed for each answer", false);
                    continue;
                }
                Action::Aside { .. } => {
                    self.ledger.dropped(id, "nothing that a route says is changed");
                    continue;
                }
                Action::Allow
                | Action::Tarpit { .. }
                | Action::Auth { .. }
                | Action::ReplaceField { .. }
                | Action::SetTarget { .. }
                | Action::ReplaceTarget { .. }
                | Action::NormalizeUri { .. }
                | Action::SetMethod(_)
                | Action::SetSrc(_)
                | Action::SetTimeout { .. }
                | Action::Track { .. } => {
                    self.lose(
                        id,
                        None,
                        "the model sets, adds and removes fields of answers",
                        false,
                    );
                    continue;
                }
            };
            let holds = self.asked(rule.condition.as_ref(), walk, false);
            // Of the request only its connection is known when the answer comes.
            let plain =
                |clause: &Clause| Clause { tls: None, ..clause.clone() } == Clause::default();
            if !holds.condition.clauses().iter().all(plain) || holds.stateful {
                let at = holds.why.as_ref().map(|why| why.span);
                self.lose(
                    id,
                    at,
                    "the model changes fields of every answer of a route, or of none",
                    false,
                );
                continue;
            }
            if holds.condition.is_never() {
                self.ledger.dropped(id, "it never holds here");
                continue;
            }
            let condition = holds.condition;
            if self.word(id, 0) == "http-after-response" {
                self.differs_in_field(self.span(id), Differs::OwnAnswers, name);
            }
            if is_proxys_own(&name.to_lowercase(), false) {
                self.ledger
                    .dropped(id, "the field describes one connection and is the proxy's own");
                continue;
            }
            if HeaderName::parse(name).is_err() {
                self.lose(id, None, "this is no name of a field", false);
                continue;
            }
            let Some((value, adds)) = value else {
                walk.edits.push(Edit {
                    id,
                    condition,
                    change: Change::Remove { request: false, name: name.clone() },
                });
                continue;
            };
            let pieces = self.pieces(value, walk);
            let fits = |text: &String| HeaderValue::parse(&text.replace(PORT, "1")).is_ok();
            match pieces.filter(|pieces| pieces.iter().all(|(_, text)| fits(text))) {
                Some(pieces) => {
                    for (own, value) in pieces {
                        let change =
                            Change::Field { request: false, name: name.clone(), value, adds };
                        walk.edits.push(Edit { id, condition: condition.and(&own), change });
                    }
                }
                None => self.lose(id, None, COMPUTED, false),
            }
        }
    }
}
