//! `location` blocks as a tree.

use std::rc::Rc;

use wsgen_model::code::Code;

use super::scope::{Chain, Importer};
use crate::import::condition::{Clause, Condition};
use crate::import::ledger::Id;
use crate::import::matcher::{PathMatcher, literal_start};
use crate::import::pattern::any_case;
use crate::targets::nginx::syntax::{LocationMatcher, Statement};

/// How a location is matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Matching {
    /// `= /path`
    Exact,
    /// `/path`
    Prefix,
    /// `^~ /path`: no regex is asked behind it.
    Final,
    /// `~ regex`
    Regex,
}

/// Directives that pass requests on.
const PASSES: [&str; 6] =
    ["proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "memcached_pass", "grpc_pass"];

/// A location with the blocks around it.
#[derive(Debug, Clone)]
pub(super) struct Location {
    pub(super) id: Id,
    pub(super) matching: Matching,
    /// A path, or a regex whose groups have numbers and not names.
    pub(super) path: String,
    /// The names of the regex's groups, each with its number.
    pub(super) groups: Vec<(String, usize)>,
    /// The blocks around it and its own.
    pub(super) chain: Chain,
    /// What stands in its block.
    pub(super) list: Vec<Id>,
    /// The locations in its block.
    pub(super) nested: Vec<Rc<Location>>,
    /// Whether it passes requests on by itself, to an upstream of any protocol.
    pub(super) passes: bool,
}

impl Location {
    /// The prefix as a path matcher; nothing for a regex, and where a model cannot hold it.
    pub(super) fn prefix(&self) -> Option<PathMatcher> {
        match self.matching {
            Matching::Regex => None,
            Matching::Exact => PathMatcher::exact(&self.path),
            Matching::Prefix | Matching::Final => PathMatcher::starts_with(&self.path),
        }
    }

    /// The regex as a path matcher, if a model can hold it.
    pub(super) fn regex_matcher(&self) -> Option<PathMatcher> {
        if self.matching == Matching::Regex { PathMatcher::regex(&self.path) } else { None }
    }

    /// Whether a model can say which paths it is for.
    pub(super) fn is_said(&self) -> bool {
        self.prefix().or_else(|| self.regex_matcher()).is_some()
    }

    /// The requests whose paths fit.
    pub(super) fn condition(&self) -> Condition {
        if let Some(path) = self.prefix().or_else(|| self.regex_matcher()) {
            let paths = if path.is_root() { Vec::new() } else { vec![path] };
            return Condition::of(Clause { paths, ..Clause::default() });
        }
        // What it begins with is known at least.
        let start = match self.matching {
            Matching::Regex => literal_start(&self.path),
            Matching::Exact | Matching::Prefix | Matching::Final => String::new(),
        };
        let paths = folder(&start).into_iter().collect();
        Condition::of(Clause { paths, partly_read: true, ..Clause::default() })
    }
}

/// The whole segments that a text begins with, as a prefix.
fn folder(text: &str) -> Option<PathMatcher> {
    let (folder, _) = text.rsplit_once('/')?;
    PathMatcher::prefix(folder).filter(|path| !path.is_root())
}

impl Importer<'_> {
    /// The locations of a block as a tree, in file order. Named ones are no part of it.
    pub(super) fn locations(&mut self, list: &[Id], chain: &Chain) -> Vec<Rc<Location>> {
        let mut all: Vec<Rc<Location>> = Vec::new();
        for id in list.iter().copied() {
            let Some(matcher) = self.matcher(id) else { continue };
            let (matching, path, groups) = match matcher {
                LocationMatcher::Exact(path) => (Matching::Exact, path, Vec::new()),
                LocationMatcher::Prefix(path) => (Matching::Prefix, path, Vec::new()),
                LocationMatcher::FinalPrefix(path) => (Matching::Final, path, Vec::new()),
                LocationMatcher::Regex { pattern, any_case: either } => {
                    let (pattern, groups) = numbered(&pattern);
                    let pattern = if either { any_case(&pattern) } else { pattern };
                    (Matching::Regex, pattern, groups)
                }
                LocationMatcher::Named(_) => continue,
            };
            let path = if matching == Matching::Regex { path } else { self.known(&path) };
            let inner = self.tree.block(id).to_vec();
            let mut inside = chain.clone();
            inside.push(self.tree.around(&inner));
            let nested = self.locations(&inner, &inside);
            let passes = inner.iter().any(|id| PASSES.contains(&self.tree.all[*id].name.as_str()));
            let chain = inside;
            let list = inner;
            all.push(Rc::new(Location { id, matching, path, groups, chain, list, nested, passes }));
        }
        all
    }

    /// The matcher of a `location` that was read.
    fn matcher(&self, id: Id) -> Option<LocationMatcher> {
        match &self.tree.all[id].value {
            Ok(Statement::Location(location)) => Some(location.matcher.clone()),
            _ => None,
        }
    }

    /// Whether a location without `~` has what only regexes have.
    pub(super) fn looks_like_regex(&self, id: Id) -> bool {
        matches!(&self.tree.all[id].value, Ok(Statement::Location(location)) if location.looks_like_regex)
    }

    /// The named location of a server.
    pub(super) fn named(&self, list: &[Id], name: &str) -> Option<Id> {
        let is = |id: &&Id| matches!(self.matcher(**id), Some(LocationMatcher::Named(known)) if known == name);
        list.iter().find(is).copied()
    }

    pub(super) fn beside(&mut self, id: Id, what: &str) {
        let help = "the new server does not serve it; serve it from where it is, or by an upstream";
        self.ledger.say(Code::IMPORT_BESIDE, self.span(id), what, help);
    }
}

/// A pattern whose named groups have numbers alone, and the names.
pub(super) fn numbered(pattern: &str) -> (String, Vec<(String, usize)>) {
    let (mut out, mut groups, mut number) = (String::new(), Vec::new(), 0);
    let (mut rest, mut class) = (pattern, false);
    while let Some(c) = rest.chars().next() {
        if c == '\\' {
            let length = c.len_utf8() + rest[1..].chars().next().map_or(0, char::len_utf8);
            out.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        match c {
            '[' => class = true,
            ']' => class = false,
            '(' if !class => {
                let named = ["(?<", "(?P<", "(?'"].into_iter().find_map(|open| {
                    let inner = rest.strip_prefix(open)?;
                    let (name, behind) = inner.split_once(['>', '\''])?;
                    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
                    (!name.is_empty() && name.chars().all(is_name)).then_some((name, behind))
                });
                if let Some((name, behind)) = named {
                    number += 1;
                    groups.push((name.to_owned(), number));
                    out.push('(');
                    rest = behind;
                    continue;
                }
                if !rest.starts_with("(?") {
                    number += 1;
                }
            }
            _ => {}
        }
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    (out, groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_groups_become_numbers() {
        let (pattern, groups) = numbered("^/(a)/(?<id>[(0-9]+)/(?:x|\\()(?P<rest>.*)$");
        assert_eq!(pattern, "^/(a)/([(0-9]+)/(?:x|\\()(.*)$");
        assert_eq!(groups, [("id".to_owned(), 2), ("rest".to_owned(), 3)]);
    }
}
