//! What rules change of the requests that are passed on and of their answers, each with its requests; and the parts of a
//! route that differ in what is changed.

use super::path_change::PathChange;
use super::policies::Policy;
use crate::import::condition::Condition;
use crate::import::ledger::Id;

/// A change that a route makes.
#[derive(Debug, Clone)]
pub(super) struct Edit {
    /// The rule.
    pub(super) id: Id,
    /// The requests that it is for.
    pub(super) condition: Condition,
    pub(super) change: Change,
}

/// What is changed.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// The Host that a server sees.
    Host(String),
    /// A field is set (or a line added), of the request or of the answer. [`PORT`] stands for the listener's port.
    Field { request: bool, name: String, value: String, adds: bool },
    /// A field is taken out.
    Remove { request: bool, name: String },
    /// A field of the request tells of the client.
    Tell(Told),
    /// The path.
    Path(PathChange),
    /// What a route has a field of its own for.
    Policy(Policy),
}

/// What a server is told of the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// A field of its own: `for`, `proto`, `host`, `real_ip`.
    Apart(&'static str),
    /// Parts of `Forwarded`.
    Joined(Vec<&'static str>),
    /// Behind what a trusted peer has told.
    Appended,
}

/// What stands for the port of the listener in a value.
pub(super) const PORT: char = '\u{1}';

/// Most parts that a route is split into.
const PARTS: usize = 16;

/// One part of a route: its requests, and the changes that are for all of them, by their places.
#[derive(Debug)]
pub(super) struct RoutePart {
    pub(super) condition: Condition,
    pub(super) edits: Vec<usize>,
}

/// Returns the parts of a route by what is changed, in their order of evaluation; and the changes for which it would come to
/// too many.
pub(super) fn parts(condition: &Condition, edits: &[Edit]) -> (Vec<RoutePart>, Vec<usize>) {
    let mut all = vec![RoutePart { condition: condition.clone(), edits: Vec::new() }];
    let mut left_out = Vec::new();
    for (at, edit) in edits.iter().enumerate() {
        let mut next = Vec::with_capacity(all.len());
        let mut whole = true;
        for part in &all {
            let with = || [part.edits.as_slice(), &[at]].concat();
            let yes = part.condition.and(&edit.condition);
            if edit.condition.is_always() || yes == part.condition {
                next.push(RoutePart { condition: part.condition.clone(), edits: with() });
                continue;
            }
            let rest =
                || RoutePart { condition: part.condition.clone(), edits: part.edits.clone() };
            if yes.is_never() {
                next.push(rest());
                continue;
            }
            let no = part.condition.and(&edit.condition.not());
            whole &= yes.is_read() || !part.condition.is_read();
            next.push(RoutePart { condition: yes, edits: with() });
            if no.is_never() {
                continue;
            }
            // The part ahead takes its requests, so that the rest may say more than it is.
            next.push(if no.is_read() {
                RoutePart { condition: no, edits: part.edits.clone() }
            } else {
                rest()
            });
        }
        if next.len() > PARTS || !whole {
            left_out.push(at);
        } else {
            all = next;
        }
    }
    (all, left_out)
}
