//! Findings: what is wrong, where, and what to do about it.

use crate::clause::Clause;
use crate::code::Code;
use crate::source::Span;

/// How much a finding weighs (`model.md` section 9, point 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// For information; never changes an exit code.
    Note,
    /// Will surprise somebody.
    Warning,
    /// Cannot mean what is written, or opens something that should be closed.
    Error,
}

/// A place with a few words about its part in the finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// What this place has to do with it; may be empty for the primary place.
    pub text: String,
}

/// One finding. Built with [`Diagnostic::new`] and the methods that add to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable number; its page is printed by `wsgen explain`.
    pub code: Code,
    /// How much it weighs; the code's own severity unless a command changed it.
    pub severity: Severity,
    /// One line, no full stop: what is wrong.
    pub message: String,
    /// Where, if it has a place.
    pub primary: Option<Label>,
    /// Other places that belong to it.
    pub secondary: Vec<Label>,
    /// What to do.
    pub help: Option<String>,
    /// The rule of the model that it rests on.
    pub clause: Option<Clause>,
}

/// The sink that every stage pushes its findings into.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

// === impl Severity ===

impl Severity {
    /// Lower-case word, as printed and as written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

// === impl Diagnostic ===

impl Diagnostic {
    /// A finding with the severity of its code.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity(),
            message: message.into(),
            primary: None,
            secondary: Vec::new(),
            help: None,
            clause: None,
        }
    }

    /// The place that it is about.
    #[must_use]
    pub fn at(self, span: Span) -> Self {
        self.labelled(span, "")
    }

    /// The place that it is about, with words beside the underline.
    #[must_use]
    pub fn labelled(mut self, span: Span, text: impl Into<String>) -> Self {
        self.primary = Some(Label { span, text: text.into() });
        self
    }

    /// Another place that belongs to it.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    /// What to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The rule that it rests on.
    #[must_use]
    pub fn clause(mut self, clause: Clause) -> Self {
        self.clause = Some(clause);
        self
    }
}

// === impl Diagnostics ===

impl Diagnostics {
    /// Takes one finding in.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Takes all findings of another sink in.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Findings in the order of the files, then of their places; those without a place come last.
    pub fn sort(&mut self) {
        self.0.sort_by_key(|diagnostic| match &diagnostic.primary {
            Some(label) => (0, label.span, diagnostic.code),
            None => (1, Span::default(), diagnostic.code),
        });
    }

    /// Makes warnings errors, as `--strict` asks.
    pub fn escalate(&mut self) {
        for diagnostic in &mut self.0 {
            if diagnostic.severity == Severity::Warning {
                diagnostic.severity = Severity::Error;
            }
        }
    }

    /// Drops findings that a predicate does not want.
    pub fn retain(&mut self, keep: impl FnMut(&Diagnostic) -> bool) {
        self.0.retain(keep);
    }

    /// All findings.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// How many weigh exactly this much.
    pub fn count(&self, severity: Severity) -> usize {
        self.iter().filter(|diagnostic| diagnostic.severity == severity).count()
    }

    /// Whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
