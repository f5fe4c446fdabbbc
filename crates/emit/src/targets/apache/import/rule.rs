//! Rules on their way to routes.

use super::policies::Asks;
use super::target::Destination;
use crate::import::condition::Condition;
use crate::import::draft::Draft;
use crate::import::ledger::Id;
use crate::targets::apache::syntax::Parameter;

/// What becomes of requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// They are passed on, with the path changed.
    Forward(Destination, Option<Draft>),
    /// They are answered by the server itself, ahead of guards of sections.
    Answer(Draft),
    /// Nobody could tell: they are refused.
    Placeholder,
    /// No further rule of `mod_rewrite` is asked: they go on with `ProxyPass`, redirects and files.
    Resume,
    /// Files, or pages of the server's own.
    Files,
    /// Files, or pages of the server's own, for requests that no rule takes.
    Rest,
}

/// A rule on its way to a route.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    /// The directive that it is named for.
    pub(super) id: Id,
    /// Further directives that it is made of.
    pub(super) with: Vec<Id>,
    /// The requests that it is for.
    pub(super) condition: Condition,
    pub(super) act: Act,
    /// The parameters that its line has for its worker.
    pub(super) parameters: Vec<Parameter>,
    /// The URL that it passes requests on to, as it is written.
    pub(super) url: String,
    /// The variables that it asks for, with their values.
    pub(super) variables: Vec<Asks>,
    /// Whether rules of sections are passed over (`[END]`).
    pub(super) ends: bool,
}

impl Rule {
    /// A rule of one directive.
    pub(super) fn of(id: Id, condition: Condition, act: Act) -> Self {
        let (with, parameters, variables) = (Vec::new(), Vec::new(), Vec::new());
        Self { id, with, condition, act, parameters, url: String::new(), variables, ends: false }
    }

    /// The same rule for those of its requests that meet a condition too; nothing where none does.
    pub(super) fn within(&self, condition: &Condition) -> Option<Self> {
        let condition = self.condition.and(condition);
        (!condition.is_never()).then(|| Self { condition, ..self.clone() })
    }
}
