//! `rewrite`: another path for the requests that a pattern fits, or a redirect.

use super::scope::Importer;
use super::state::{End, Path, State, Step};
use super::variable::fits;
use crate::import::condition::Condition;
use crate::import::ledger::Id;
use crate::targets::nginx::syntax::{Rewrite, RewriteFlag};

impl Importer<'_> {
    /// A `rewrite`, for the requests that its pattern fits.
    pub(super) fn rewritten(
        &mut self,
        state: &State,
        id: Id,
        rewrite: &Rewrite,
        (last, end): (bool, &End),
    ) -> Step {
        let (pattern, _) = super::location::numbered(&rewrite.pattern);
        let mut holds = fits(&pattern, &state.path);
        if state.path == Path::Asked && state.condition.and(&holds).is_never() {
            holds = Condition::never();
        }
        // The model's own rewrite leaves other paths alone too.
        let alone = last && rewrite.flag == RewriteFlag::Break && state.path == Path::Asked;
        if alone
            && !holds.is_never()
            && matches!(end, End::Content(location) if !self.changes_path(location))
        {
            holds = Condition::always();
        }
        if holds.is_never() {
            self.ledger.taken(id, "where no path fits it");
            return Step::Next(Box::new(state.clone()));
        }
        let mut inside = state.clone();
        inside.condition = inside.condition.and(&holds);
        let whole = holds.is_always();
        let place = end.place();
        if matches!(rewrite.flag, RewriteFlag::Redirect | RewriteFlag::Permanent) {
            let status = if rewrite.flag == RewriteFlag::Permanent { 301 } else { 302 };
            if state.ids.is_empty() {
                inside.ids = vec![id];
            }
            match self.redirect_by_pattern(id, &pattern, rewrite, status) {
                Some(fields) if holds.is_read() => self.rule(&inside, id, fields, &place),
                _ => {
                    if !holds.is_read() {
                        self.ledger.opens(id, "the pattern is none that the model can say");
                    }
                    self.refuse(&inside, id, &place);
                }
            }
            return if whole { Step::Ends } else { Step::Next(Box::new(state.clone())) };
        }
        if !holds.is_read() {
            self.ledger.lost(id, "its pattern is none that the model can say");
            self.refuse(&inside, id, &place);
            return Step::Next(Box::new(state.clone()));
        }
        let every_path = fits(&pattern, &state.path).is_always();
        match self.changed(id, &pattern, rewrite, &state.path) {
            // The paths that do not fit stay as they are.
            Some(Path::Known(to)) if whole && !every_path => {
                inside.path = Path::Changed { pattern: pattern.clone(), to };
            }
            Some(path) => inside.path = path,
            None => {
                self.refuse(&inside, id, &place);
                return if whole { Step::Ends } else { Step::Next(Box::new(state.clone())) };
            }
        }
        inside.ids.push(id);
        inside.moved = rewrite.flag != RewriteFlag::Break;
        let other = Box::new(state.clone());
        match rewrite.flag {
            RewriteFlag::Next if whole => return Step::Next(Box::new(inside)),
            RewriteFlag::Next => return Step::Both { fits: Box::new(inside), other },
            RewriteFlag::Break => inside.broken = true,
            RewriteFlag::Last | RewriteFlag::Redirect | RewriteFlag::Permanent => {}
        }
        if whole {
            return Step::Leaves(Box::new(inside));
        }
        self.constants = inside.variables.clone();
        self.finish(inside, end);
        Step::Next(other)
    }
}
