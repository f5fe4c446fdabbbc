//! Rewrite rules on their way: which requests come to each, and the order in which they decide.

use std::collections::BTreeMap;

use super::rewrite::Context;
use super::rule::{Act, Rule};
use super::scope::Importer;
use super::variables::Variables;
use crate::import::condition::{Clause, Condition};
use crate::import::ledger::Id;
use crate::targets::apache::syntax::rewrite::RewriteRule;

/// The place of a rule among those that were made.
pub(super) type Order = (usize, usize, usize);

/// A list of rules on its way.
pub(super) struct Rules<'a> {
    pub(super) context: Context<'a>,
    pub(super) variables: Variables,
    pub(super) made: Vec<(Order, Rule)>,
    /// Rules that ask for a variable of a table: variable, value, place, rule.
    pub(super) uses: Vec<(String, String, usize, Rule)>,
    /// Requests that pass over the next rules: how many, and which.
    pub(super) skipped: Vec<(u32, Condition)>,
    /// Requests for which a chain holds so far.
    pub(super) chain: Option<Condition>,
}

/// Rules that ask for a variable of a table, by their places, of one rule that set it.
type Groups<'a> = BTreeMap<(Id, Id, String), Vec<(usize, &'a Rule)>>;

impl Importer<'_> {
    /// The rules in their order; those that ask for a variable of a table stand where the first of them does, in the order
    /// in which the variable was set.
    pub(super) fn placed(&mut self, rules: Rules<'_>) -> Vec<Rule> {
        let Rules { variables, mut made, uses, .. } = rules;
        let mut places: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for (name, _, at, _) in &uses {
            let place = places.entry(name.clone()).or_insert((*at, *at));
            *place = (place.0.min(*at), place.1.max(*at));
        }
        let plain: Vec<usize> = made.iter().map(|((place, ..), _)| *place).collect();
        let mut groups: Groups<'_> = BTreeMap::new();
        for (name, value, at, rule) in &uses {
            let (first, last) = places[name];
            let sets = variables.of(name).iter().filter(|set| set.value.as_ref() == Some(value));
            let mut known = false;
            // Nothing has set it: what is set stands ahead of it, in its own place.
            if value.is_empty() {
                known = true;
                made.push(((first, *at, 0), rule.clone()));
            }
            for set in sets {
                known = true;
                groups.entry((first, set.at, name.clone())).or_default().push((*at, rule));
            }
            let between = plain.iter().any(|place| (first..last).contains(place));
            if !known || between {
                let why =
                    "it asks for a variable that is set in a way that the model does not know";
                self.ledger.lost(rule.id, why);
                let condition = rule.condition.and(&Condition::unread());
                made.push((
                    (first, 0, *at),
                    Rule { condition, act: Act::Placeholder, ..rule.clone() },
                ));
            }
        }
        for (name, (first, _)) in &places {
            for set in variables.of(name) {
                // A value that nobody asks for.
                groups.entry((*first, set.at, name.clone())).or_default();
            }
        }
        for ((first, at, name), list) in groups {
            let Some(set) = variables.of(&name).iter().find(|set| set.at == at) else { continue };
            let mut rest = Condition::always();
            for (place, rule) in &list {
                rest = rest.and(&rule.condition.not());
                if let Some(rule) = rule.within(&set.condition) {
                    made.push(((first, at, *place), rule));
                }
            }
            if !rest.is_never() {
                let id = list.first().map_or(set.id, |(_, rule)| rule.id);
                let rule = Rule::of(id, set.condition.clone(), Act::Resume);
                made.push(((first, at, usize::MAX), rule));
            }
        }
        made.sort_by_key(|(order, _)| *order);
        made.into_iter().map(|(_, rule)| rule).collect()
    }
}

impl Rules<'_> {
    /// Whether patterns are looked for in the path.
    pub(super) fn of_server(&self) -> bool {
        matches!(self.context, Context::Server)
    }

    /// The requests that come to the next rule; it counts for those that pass over some.
    pub(super) fn reach(&mut self) -> Condition {
        let mut reach = self.chain.clone().unwrap_or_else(Condition::always);
        for (_, condition) in &self.skipped {
            reach = reach.and(&condition.not());
        }
        let skipped = std::mem::take(&mut self.skipped);
        self.skipped = skipped
            .into_iter()
            .map(|(left, c)| (left - 1, c))
            .filter(|(left, _)| *left > 0)
            .collect();
        reach
    }

    /// Remembers what `[C]` and `[S]` say of the rules behind.
    pub(super) fn remember(
        &mut self,
        rule: &RewriteRule,
        condition: &Condition,
        asks: &[(String, String)],
    ) {
        let mut own = condition.clone();
        if !asks.is_empty() {
            own = own.and(&Condition::unread());
        }
        self.chain = rule.flags.chain.then(|| own.clone());
        if let Some(count) = rule.flags.skip.filter(|count| *count > 0) {
            self.skipped.push((count, own));
        }
    }
}

/// The same condition for handshakes and other requests.
pub(super) fn without_handshake(condition: &Condition) -> Condition {
    let mut all = Condition::never();
    for clause in condition.clauses() {
        all = all.or(&Condition::of(Clause { websocket: None, ..clause.clone() }));
    }
    all
}
