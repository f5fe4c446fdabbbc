//! `if`: which requests go into its block, and which pass it.

use std::rc::Rc;

use super::scope::Importer;
use super::state::{Branch, State};
use crate::import::condition::Condition;
use crate::import::ledger::Id;
use crate::targets::nginx::syntax::{If, Statement, Test};

/// The most ways through the conditions of one server that are told apart.
const MOST: usize = 512;

impl Importer<'_> {
    /// Which requests go into the block of an `if`, and which pass it.
    pub(super) fn branch(
        &mut self,
        state: &mut State,
        id: Id,
        condition: &If,
        (holds, fails): (&Condition, &Condition),
    ) -> Branch {
        if let Test::File { .. } = condition.test {
            if self.refuses(self.tree.block(id).to_vec().as_slice()) && holds.is_never() {
                self.ledger.opens(id, "it refuses requests while a file is there");
            } else {
                self.ledger.taken(id, "as if no file were there");
                self.beside(id, "files that are there were served first");
            }
        }
        if holds.is_never() {
            self.ledger.taken(id, "where it never holds");
            return Branch::Skip;
        }
        let mut inside = state.clone();
        inside.within = Some(id);
        if inside.ids.is_empty() {
            inside.ids = vec![id];
        }
        inside.chain.push(self.tree.around(self.tree.block(id)));
        if holds.is_always() {
            self.ledger.taken(id, "match");
            return Branch::Enter(Box::new(inside));
        }
        let decides = self.decides(id);
        if !holds.is_read() && !fails.is_read() {
            let why = format!("the model cannot say `{}`", self.condition_text(id));
            if !decides {
                // What it sets is one of two values from here on.
                self.unset_inside(state, id);
                self.ledger.lost(id, &why);
                return Branch::Skip;
            }
            if self.refuses(self.tree.block(id).to_vec().as_slice()) {
                self.ledger.opens(id, &format!("{why}, and it refused some requests"));
            } else {
                self.ledger.lost(id, &why);
            }
            self.lost_inside(id, "the model cannot say the condition around it");
            self.refuse(&inside_condition(&inside, holds), id, "");
            return Branch::Skip;
        }
        let current = self.current.as_mut();
        let ways = current.map_or(0, |current| {
            current.ways += 1;
            current.ways
        });
        if ways > MOST {
            self.ledger.opens(id, "there are too many ways through the conditions of this server");
            self.lost_inside(id, "there are too many ways through the conditions of this server");
            self.refuse(&inside_condition(&inside, holds), id, "");
            return Branch::Skip;
        }
        self.ledger.taken(id, "match");
        let mut outside = state.clone();
        let outside_first = !holds.is_read();
        inside.needs_rule |= !outside_first;
        outside.needs_rule |= outside_first;
        if outside_first {
            outside.condition = outside.condition.and(fails);
        } else {
            inside.condition = inside.condition.and(holds);
        }
        Branch::Both { inside: Box::new(inside), outside: Box::new(outside), outside_first }
    }

    /// Whether the block of an `if` decides what becomes of a request.
    pub(super) fn decides(&self, id: Id) -> bool {
        self.tree.block(id).iter().any(|inner| {
            let name = self.tree.all[*inner].name.as_str();
            ["return", "rewrite", "break", "if", "try_files"].contains(&name)
                || name.ends_with("_pass")
                || name.contains("_by_lua")
        })
    }

    /// The variables that are set in the block of an `if` that may hold or not.
    pub(super) fn unset_inside(&mut self, state: &mut State, id: Id) {
        for inner in self.tree.block(id).to_vec() {
            let why = "the model cannot say the condition around it";
            self.ledger.lost(inner, why);
            if let Ok(Statement::Set(set)) = &self.tree.all[inner].value {
                Rc::make_mut(&mut state.variables).remove(&set.variable);
            }
        }
    }

    fn condition_text(&self, id: Id) -> String {
        self.tree.all[id].arguments.join(" ").trim_matches(['(', ')', ' ']).to_owned()
    }
}

fn inside_condition(state: &State, holds: &Condition) -> State {
    State { condition: state.condition.and(holds), ..state.clone() }
}
