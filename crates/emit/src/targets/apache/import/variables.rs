//! Variables that rules set with `[E=…]`, as the conditions for which they have their values.

use std::collections::{BTreeMap, BTreeSet};

use super::condition::Matcher;
use crate::import::condition::Condition;
use crate::import::ledger::Id;

/// What one rule has put into a variable.
#[derive(Debug, Clone)]
pub(super) struct Set {
    /// The value; nothing where it is computed for each request.
    pub(super) value: Option<String>,
    /// The requests that it was set for.
    pub(super) condition: Condition,
    /// The place of the rule in its list.
    pub(super) at: usize,
    /// The rule.
    pub(super) id: Id,
}

/// The variables of a list of rules.
#[derive(Debug, Default)]
pub(super) struct Variables {
    sets: BTreeMap<String, Vec<Set>>,
    /// Variables that hold the path as it came.
    paths: BTreeSet<String>,
    /// Variables that each rule sets only where they are not set: the first rule wins.
    tables: BTreeSet<String>,
}

impl Variables {
    /// Begins with the variables of which the first rule wins.
    pub(super) fn new(tables: BTreeSet<String>) -> Self {
        Self { tables, ..Self::default() }
    }

    pub(super) fn set(&mut self, name: &str, set: Set) {
        self.sets.entry(name.to_owned()).or_default().push(set);
    }

    /// Remembers that a variable holds the path as it came.
    pub(super) fn set_path(&mut self, name: &str) {
        self.paths.insert(name.to_owned());
    }

    pub(super) fn is_path(&self, name: &str) -> bool {
        self.paths.contains(name)
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &String> {
        self.paths.iter()
    }

    /// Whether the first rule that sets a variable wins.
    pub(super) fn is_table(&self, name: &str) -> bool {
        self.tables.contains(name)
    }

    /// What was put into a variable, in the order of the rules.
    pub(super) fn of(&self, name: &str) -> &[Set] {
        self.sets.get(name).map_or(&[], Vec::as_slice)
    }

    /// The requests for which a variable fits.
    pub(super) fn test(&self, name: &str, matcher: Matcher<'_>) -> Condition {
        let Some(sets) = self.sets.get(name) else { return Condition::unread() };
        let mut order: Vec<&Set> = sets.iter().collect();
        if !self.is_table(name) {
            // The last rule that holds wins.
            order.reverse();
        }
        let (mut rest, mut holds) = (Condition::always(), Condition::never());
        for set in order {
            let own = rest.and(&set.condition);
            match set.value.as_deref().and_then(|value| matcher.fits(value)) {
                Some(true) => holds = holds.or(&own),
                Some(false) => {}
                None => holds = holds.or(&own.and(&Condition::unread())),
            }
            rest = rest.and(&set.condition.not());
        }
        match matcher.fits("") {
            Some(true) => holds.or(&rest),
            Some(false) => holds,
            None => holds.or(&rest.and(&Condition::unread())),
        }
    }
}
