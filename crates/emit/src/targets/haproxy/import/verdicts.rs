//! What becomes of rules: in the model, out of reach, or lost at the word that was not understood.

use wsgen_model::source::Span;

use super::holds::Holds;
use super::scope::Importer;
use super::walk::Walk;
use crate::import::condition::Condition;
use crate::import::draft::Draft;
use crate::import::ledger::Id;
use crate::import::rules::Rule as Route;

impl Importer<'_> {
    /// The verdict of a rule by its condition.
    pub(super) fn judge(&mut self, id: Id, holds: &Holds, guards: bool, field: &'static str) {
        match &holds.why {
            Some(why) if holds.stateful || !holds.condition.is_read() => {
                let (span, text) = (why.span, why.why.clone());
                self.lose(id, Some(span), &text, guards);
            }
            _ if holds.condition.is_never() => self.ledger.dropped(id, "it never holds here"),
            _ => self.ledger.taken(id, field),
        }
    }

    /// A rule is lost, at the word that was not understood.
    pub(super) fn lose(&mut self, id: Id, at: Option<Span>, why: &str, guards: bool) {
        if guards {
            self.ledger.opens(id, why);
        } else {
            self.ledger.lost(id, why);
        }
        if let Some(span) = at {
            self.ledger.point(id, span);
        }
    }

    /// A rule of which a word was not understood: its requests come no further, if it would answer them or send them elsewhere.
    pub(super) fn unread_rule(&mut self, id: Id, walk: &mut Walk, routes: &mut Vec<Route>) -> bool {
        let name = self.word(id, 0).to_owned();
        let action = self.word(id, 1).split('(').next().unwrap_or_default().to_owned();
        let fields = [
            "set-header",
            "add-header",
            "del-header",
            "replace-header",
            "replace-value",
            "set-var",
            "set-var-fmt",
            "unset-var",
        ];
        let leads = match name.as_str() {
            "redirect" | "block" => true,
            "http-request" => !fields.contains(&action.as_str()),
            _ => return true,
        };
        self.lose_unread(id, leads);
        if !leads {
            self.unknown_change(id, walk);
            return true;
        }
        self.guards.insert(id);
        let condition = self.condition_of(id);
        let holds = self.asked(condition.as_ref(), walk, true);
        let requests = walk.requests.and(&holds.condition).and(&Condition::unread());
        self.add(id, "lost", &requests, Draft::map(), walk, routes);
        true
    }
}
