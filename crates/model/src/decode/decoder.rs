//! What a decoder says of a node that is not what it should be.

use crate::clause::Clause;
use crate::code::Code;
use crate::decode::{Problem, Scalar};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::field::{Family, Section};
use crate::located::Located;
use crate::source::Span;
use crate::tree::{Entry, Node, Value};

/// Where the findings go, and whether the tree is whole.
pub struct Decoder<'d> {
    diagnostics: &'d mut Diagnostics,
    complete: bool,
}

impl<'d> Decoder<'d> {
    /// A decoder; `complete` is false where the file could not be read to its end, so that nothing
    /// is called missing that may stand further down.
    pub fn new(diagnostics: &'d mut Diagnostics, complete: bool) -> Self {
        Self { diagnostics, complete }
    }

    /// Takes a finding in.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// The entries of a mapping.
    pub fn mapping<'n>(&mut self, node: &'n Node) -> Option<&'n [Entry]> {
        if let Value::Mapping(entries) = &node.value {
            return Some(entries);
        }
        self.wrong_type(node, "a mapping", "write `key: value` pairs, indented below the key");
        None
    }

    /// The items of a list.
    pub fn sequence<'n>(&mut self, node: &'n Node) -> Option<&'n [Node]> {
        if let Value::Sequence(items) = &node.value {
            return Some(items);
        }
        self.wrong_type(node, "a list", "write `[a, b]`, or one `- item` per line");
        None
    }

    /// One of some words.
    pub fn word<'n>(&mut self, node: &'n Node, words: &[(&str, &str)]) -> Option<&'n str> {
        let list = words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        let Some(scalar) = node.scalar().filter(|_| !node.is_null()) else {
            self.wrong_type(node, &format!("one of {list}"), "write one of these words");
            return None;
        };
        let text = scalar.text.as_str();
        if words.iter().any(|(word, _)| *word == text) {
            return Some(text);
        }
        let help = suggestion(text, words.iter().map(|(word, _)| *word)).map_or_else(
            || "write one of these words".to_owned(),
            |word| format!("did you mean `{word}`?"),
        );
        self.push(
            Diagnostic::new(Code::BAD_CHOICE, format!("`{text}` is not one of the allowed words"))
                .labelled(node.span, format!("expected one of {list}"))
                .help(help),
        );
        None
    }

    /// A value of another type than the field's.
    pub fn wrong_type(&mut self, node: &Node, expected: &str, help: &str) {
        if node.value == Value::Unreadable {
            return;
        }
        self.push(
            Diagnostic::new(
                Code::WRONG_TYPE,
                format!("expected {expected}, found {}", node.describe()),
            )
            .labelled(node.span, format!("expected {expected}"))
            .help(help),
        );
    }

    /// A field that must be there and is not.
    pub fn require(&mut self, node: &Node, key: &str) {
        if self.complete && node.get(key).is_none() {
            self.push(
                Diagnostic::new(Code::MISSING_FIELD, format!("`{key}` is missing"))
                    .labelled(node.span, format!("expected `{key}` in this mapping"))
                    .help(format!("add `{key}:`")),
            );
        }
    }

    /// A key that this section does not know: misspelt, or in another scope's place.
    pub fn unknown_key(&mut self, key: &Located<String>, section: &Section) {
        let known = || section.fields.iter().map(|field| field.name);
        if section.family != Family::Own {
            let elsewhere = crate::config::sections().into_iter().find(|other| {
                other.family == section.family
                    && other.scope != section.scope
                    && other.fields.iter().any(|field| field.name == key.value)
            });
            if let Some(other) = elsewhere {
                let (here, there) = (section.scope.describe(), other.scope.describe());
                let shared = crate::config::Defaults::section().fields.iter().any(|field| {
                    field.name == key.value
                        || field.name == "timeouts" && section.family == Family::Timeouts
                });
                let all = if shared { ", or to `defaults` for all of them" } else { "" };
                self.push(
                    Diagnostic::new(
                        Code::WRONG_SCOPE,
                        format!("`{}` belongs to {there}, not to {here}", key.value),
                    )
                    .labelled(key.span, format!("expected a field of {here}"))
                    .help(format!("move it to {there}{all}"))
                    .clause(Clause::SCOPE_FIELDS),
                );
                return;
            }
        }
        let (expected, help) = match suggestion(&key.value, known()) {
            Some(name) => (format!("`{name}`"), format!("did you mean `{name}`?")),
            None => {
                let list = known().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                (format!("one of {list}"), "remove it; `wsgen schema` lists every field".to_owned())
            }
        };
        self.push(
            Diagnostic::new(Code::UNKNOWN_KEY, format!("unknown key `{}`", key.value))
                .labelled(key.span, format!("expected {expected}"))
                .help(help),
        );
    }

    fn problem<T: Scalar>(&mut self, text: &str, span: Span, problem: Problem) {
        // Quotes shift a text by one byte; where escapes changed its length the whole is underlined.
        let written = span.range().len();
        let span = match problem.range {
            Some(range) if written == text.len() => span.part(range),
            Some(range) if written == text.len() + 2 => span.part(range.start + 1..range.end + 1),
            _ => span,
        };
        self.push(
            Diagnostic::new(problem.code.unwrap_or(T::CODE), problem.message)
                .labelled(span, format!("expected {}", problem.expected))
                .help(problem.help),
        );
    }

    /// A scalar of a certain form.
    pub fn scalar<T: Scalar>(&mut self, node: &Node) -> Option<T> {
        let scalar = node.scalar().filter(|_| !node.is_null());
        let Some(scalar) = scalar else {
            self.wrong_type(node, T::SPEC.doc, &format!("for example `{}`", T::SPEC.examples[0]));
            return None;
        };
        if T::QUOTED && scalar.plain && node.describe() != "text" {
            self.wrong_type(node, "text", &format!("quote it: \"{}\"", scalar.text));
            return None;
        }
        self.parse(&scalar.text, node.span)
    }

    pub(super) fn parse<T: Scalar>(&mut self, text: &str, span: Span) -> Option<T> {
        match T::parse(text) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.problem::<T>(text, span, problem);
                None
            }
        }
    }
}

/// The known word that a misspelt one was most likely meant to be.
pub fn suggestion<'w>(text: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    words
        .map(|word| (strsim::damerau_levenshtein(&text.to_ascii_lowercase(), word), word))
        .filter(|(distance, word)| *distance <= word.len().div_ceil(3))
        .min()
        .map(|(_, word)| word)
}
