//! `internal` locations to which only an answer of an application leads, by its field `X-Accel-Redirect`.

use std::collections::BTreeSet;

use wsgen_model::code::Code;

use super::scope::Importer;
use crate::import::ledger::Id;
use crate::subject::Subject;
use crate::targets::nginx::syntax::{LocationMatcher, Statement};

/// Directives that lead to a path of the configuration.
const LEADS: [&str; 6] =
    ["error_page", "try_files", "auth_request", "rewrite", "mirror", "post_action"];

impl Importer<'_> {
    /// Says where an answer of an application leads to a place of nginx's own.
    pub(super) fn tell_accelerated(&mut self) {
        let leading = self.tree.all.iter().filter(|known| LEADS.contains(&known.name.as_str()));
        let words: BTreeSet<String> =
            leading.flat_map(|directive| &directive.arguments).cloned().collect();
        for location in 0..self.tree.all.len() {
            let Some(path) = self.path_of(location) else { continue };
            let list = self.tree.block(location).to_vec();
            let internal = self.tree.named(&list, "internal").next();
            let Some(internal) = internal.filter(|id| !self.ledger.is_open(*id)) else { continue };
            // Whether a directive names a path below this one.
            let next = words.range(path.clone()..).next();
            let is_named = next.is_some_and(|word| word.starts_with(&path));
            if self.led_to.contains(&internal) || is_named {
                continue;
            }
            let what = "nginx comes here where an application answers with `X-Accel-Redirect`; the model passes that field on to the client";
            let help = "let the application send the file itself, and take the field out with `response_headers.remove`";
            let span = self.span(internal);
            self.ledger.say(Code::IMPORT_DIFFERS, span, what, help);
            let subject = Subject::response_field("x-accel-redirect");
            self.ledger.announces(span, &[subject], what);
        }
    }

    /// The path of a location that is no regex and has no name. Those of a rendered configuration are the renderer's own.
    fn path_of(&self, id: Id) -> Option<String> {
        let Ok(Statement::Location(location)) = &self.tree.all[id].value else { return None };
        let path = match &location.matcher {
            LocationMatcher::Exact(path)
            | LocationMatcher::Prefix(path)
            | LocationMatcher::FinalPrefix(path) => path,
            LocationMatcher::Regex { .. } | LocationMatcher::Named(_) => return None,
        };
        (!path.starts_with("/.wsgen/")).then(|| path.clone())
    }
}
