//! Reading a server's own configuration back into a model: what is the same for every dialect.

pub(crate) mod draft;
pub(crate) mod hostnames;
pub(crate) mod ledger;
pub(crate) mod measure;
pub(crate) mod pattern;
mod write;

use wsgen_model::diagnostic::Diagnostics;
use wsgen_model::source::{SourceId, Sources, Span};

/// The files that a configuration names; the crate itself knows no file system.
pub trait Files {
    /// The name and the text of a file, by the name that the configuration has for it; relative ones are beside `from`.
    fn read(&mut self, name: &str, from: &str) -> Option<(String, String)>;

    /// The names that fit a pattern with `*`, `?` and `[…]`, in order.
    fn list(&mut self, pattern: &str, from: &str) -> Vec<String>;
}

/// How many lines of a text begin with one of these words.
pub(crate) fn lines_with(text: &str, words: &[&str]) -> usize {
    let lines = text.lines().map(str::trim_start);
    lines.filter(|line| words.iter().any(|word| line.starts_with(word))).count()
}

/// What was made of a configuration.
#[derive(Debug, Default)]
pub struct Imported {
    /// The model, as text.
    pub model: String,
    /// Every directive that was read, in order, with what became of it.
    pub directives: Vec<Judged>,
    /// What is to be said.
    pub findings: Diagnostics,
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
    Taken(String),
    /// It was left out for a reason.
    Dropped(String),
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
