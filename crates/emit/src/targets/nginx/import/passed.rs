//! `proxy_pass`: which upstream takes requests, where a variable of few values decides too.

use std::rc::Rc;

use super::location::Location;
use super::scope::Importer;
use super::state::{Current, State};
use super::test::Purpose;
use crate::import::condition::Condition;
use crate::import::draft::Draft;
use crate::import::ledger::Id;
use crate::targets::nginx::syntax::{Part, Statement, Value};

/// The most maps of one URL that are looked into.
const DEEPEST: u8 = 3;

impl Importer<'_> {
    /// Passes requests on.
    pub(super) fn passed(&mut self, state: &State, pass: Id, location: &Rc<Location>) {
        self.reached.extend(state.chain.iter().flatten());
        match self.tree.all[pass].value.clone() {
            Ok(Statement::ProxyPass(_)) => self.passed_by(state, pass, location, 0),
            Ok(_) => {}
            Err(unread) => {
                self.ledger.lost(pass, &unread.why);
                let nowhere = super::content::status(502);
                self.rule(state, location.id, nowhere, &location.path);
            }
        }
    }

    fn passed_by(&mut self, state: &State, pass: Id, location: &Rc<Location>, depth: u8) {
        self.constants = state.variables.clone();
        let text = self.text(pass, 0);
        let chosen = Value::of(&text).and_then(|value| self.chosen(&value));
        // A cookie of the server's own is one upstream that sticks.
        let sticks = self.stuck(&text, &state.chain).is_some();
        if let Some(name) = chosen.filter(|_| depth < DEEPEST && !sticks)
            && let Some(values) = self.values_of(&name, (Purpose::Choice, state))
        {
            let id = self.maps.get(&name).copied();
            let named = |text: &str| Value::of(text).is_some_and(|value| value.literal().is_some());
            let known =
                values.iter().any(|chosen| !chosen.value.is_empty() && named(&chosen.value));
            if let Some(id) = id.filter(|_| known) {
                self.map_taken(id, "match");
                for chosen in values {
                    let mut state = state.clone();
                    state.condition = state.condition.and(&chosen.condition);
                    if !chosen.condition.is_read() {
                        self.ledger.lost(id, "the model cannot say what it looks at");
                        state.condition = state.condition.and(&Condition::unread());
                    }
                    Rc::make_mut(&mut state.variables).insert(name.clone(), chosen.value);
                    self.passed_by(&state, pass, location, depth + 1);
                }
                return;
            }
        }
        let Some(Current { server, .. }) = self.current.clone() else { return };
        let fields = self.forward(pass, location, state, &server);
        self.rule(state, location.id, fields, &location.path);
    }

    /// The first variable of a URL that a map makes, ahead of its path.
    fn chosen(&self, url: &Value) -> Option<String> {
        let mut slashes = 0;
        for part in url.parts() {
            match part {
                Part::Text(text) => slashes += text.matches('/').count(),
                Part::Variable(name) if slashes <= 2 && self.maps.contains_key(name) => {
                    return Some(name.clone());
                }
                Part::Variable(_) | Part::Capture(_) => {}
            }
        }
        None
    }

    /// A route that answers for requests that have nowhere to go.
    pub(super) fn nowhere() -> Draft {
        super::content::status(502)
    }
}
