//! Reading a server's own configuration back into a model: what is the same for every dialect.

// A new directive or flag must not fall into an arm that was written before it (docs/decisions/reading.md).
#![deny(clippy::wildcard_enum_match_arm)]

pub(crate) mod budget;
pub(crate) mod condition;
pub(crate) mod dead_lines;
pub(crate) mod draft;
pub(crate) mod entry;
mod folded;
pub(crate) mod hostnames;
pub(crate) mod implied;
pub(crate) mod ledger;
pub(crate) mod matcher;
pub(crate) mod measure;
pub(crate) mod order;
pub(crate) mod origins;
pub(crate) mod out_of_scope;
pub(crate) mod pattern;
pub(crate) mod placeholder;
pub(crate) mod priority;
pub(crate) mod relocate;
pub(crate) mod rewritten;
pub(crate) mod rules;
mod simplify;
mod taken;
pub(crate) mod websocket_pairs;
mod write;

pub use folded::{Folded, Kind};
pub use simplify::{Change, Simplified};
pub use write::Model;

use std::borrow::Cow;

use wsgen_model::diagnostic::Diagnostics;
use wsgen_model::scalar::TargetVersion;
use wsgen_model::source::{SourceId, Sources, Span};

use crate::subject::Announcement;

/// The files that a configuration names; the crate itself knows no file system.
pub trait Files {
    /// The name and the text of a file, by the name that the configuration has for it; relative ones are beside `from`.
    fn read(&mut self, name: &str, from: &str) -> Result<(String, String), Unreadable>;

    /// The names that fit a pattern with `*`, `?` and `[…]`, in order.
    fn list(&mut self, pattern: &str, from: &str) -> Vec<String>;

    /// The value of a name that the configuration takes from elsewhere: the environment, the command line.
    fn defined(&self, _name: &str) -> Option<String> {
        None
    }

    /// The version of the server that runs the configuration, where somebody has said it.
    fn version(&self) -> Option<TargetVersion> {
        None
    }
}

/// Why an included file was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// There is no such file, or it cannot be read.
    Missing,
    /// The file lies outside of the folders that may be read; nothing of it was read.
    Outside,
    /// The name leads to no regular file, or to one that is larger than configurations are.
    TooLarge,
}

/// A word with the values of the `${NAME}` that somebody has told.
pub(crate) fn told(word: &str, files: &dyn Files) -> String {
    let (mut out, mut rest) = (String::new(), word);
    while let Some((head, tail)) = rest.split_once("${") {
        out.push_str(head);
        let known =
            tail.split_once('}').and_then(|(name, behind)| Some((files.defined(name)?, behind)));
        rest = match known {
            Some((value, behind)) => {
                out.push_str(&value);
                behind
            }
            None => {
                out.push_str("${");
                tail
            }
        };
    }
    out + rest
}

/// No files beside those that are read.
#[derive(Debug, Clone, Copy)]
pub struct NoFiles;

impl Files for NoFiles {
    fn read(&mut self, _: &str, _: &str) -> Result<(String, String), Unreadable> {
        Err(Unreadable::Missing)
    }

    fn list(&mut self, _: &str, _: &str) -> Vec<String> {
        Vec::new()
    }
}

/// How many lines of a text begin with one of these words.
pub(crate) fn lines_with(text: &str, words: &[&str]) -> usize {
    let lines = text.lines().map(str::trim_start);
    lines.filter(|line| words.iter().any(|word| line.starts_with(word))).count()
}

/// Where something stands: `nginx.conf:14`.
pub(crate) fn origin(sources: &Sources, span: Span) -> String {
    let Some(source) = sources.get(span.source) else { return String::new() };
    let name = source.name().rsplit('/').next().unwrap_or_default();
    format!("{name}:{}", source.position(span.range().start).line)
}

/// What was made of a configuration.
#[derive(Debug, Default)]
pub struct Imported {
    /// The model that was made.
    pub model: Model,
    /// Every directive that was read, in order, with what became of it.
    pub directives: Vec<Judged>,
    /// What is to be said.
    pub findings: Diagnostics,
    /// The findings with those of one reason in one file folded into one, the heaviest first.
    pub folded: Vec<Folded>,
    /// What is said of differences between the original and the model, typed.
    pub announced: Vec<Announcement>,
    /// What the routes of the model were made of.
    pub routes: Vec<RouteOrigin>,
}

/// What a route of the model was made of, so that a finding is told to be about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteOrigin {
    /// The route's name in the model.
    pub route: String,
    /// The directives of its rule.
    pub directives: Vec<Span>,
    /// The blocks around them, the innermost first: a finding at a directive that stands in one of them, and not in
    /// another block below it, is about the route too.
    pub blocks: Vec<Span>,
}

/// A directive and its verdict.
#[derive(Debug, Clone)]
pub struct Judged {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub span: Span,
    /// Whether it says what is done with requests; others are about the process, its logs and the like.
    pub proxying: bool,
    /// What became of it.
    pub verdict: Verdict,
}

/// What became of a directive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is in the model: the field.
    Taken(Cow<'static, str>),
    /// It was left out for a reason.
    Dropped(Cow<'static, str>),
    /// It is not in the model, and that is a loss.
    Lost(Loss),
}

/// A loss.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// Why.
    pub why: String,
    /// Whether something is open now that was guarded.
    pub opens: bool,
    /// Whether a snippet keeps it for its own server.
    pub kept: bool,
}

/// Reads files of one dialect.
pub type Import = fn(&mut Sources, &[SourceId], &mut dyn Files) -> Imported;
