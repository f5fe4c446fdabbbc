//! `Header` and `RequestHeader` (`mod_headers`).

use super::expression::Expression;
use crate::syntax::{Parsed, Unread, Word, Words};

/// One edit of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderEdit {
    /// `always`: answers that the server itself makes have it too.
    pub always: bool,
    /// `early`: ahead of everything else that is done with the request.
    pub early: bool,
    /// What is done.
    pub action: HeaderAction,
    /// The field, without a colon.
    pub name: String,
    /// The value, or the regex of an edit.
    pub value: Option<HeaderValue>,
    /// What an edit puts in place of what its regex matches.
    pub replacement: Option<String>,
    /// The requests that it holds for.
    pub condition: Option<HeaderCondition>,
}

/// What is done with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderAction {
    /// `set`: in place of what is there.
    Set,
    /// `add`: a further field.
    Add,
    /// `append`: behind what is there, after a comma.
    Append,
    /// `merge`: the same, unless it is there.
    Merge,
    /// `setifempty`: where nothing is there.
    SetIfEmpty,
    /// `unset`
    Unset,
    /// `echo`: fields of the request in the answer.
    Echo,
    /// `note`: into the notes of the request.
    Note,
    /// `edit`: the first match of a regex is replaced.
    Edit,
    /// `edit*`: each match.
    EditAll,
}

/// The value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderValue {
    /// A text, with its format specifiers as parts.
    Format(Vec<FormatPart>),
    /// `expr=…`: text with `%{…}` in it.
    Expression(String),
}

/// One part of a value (`mod_headers`, "Format specifiers").
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormatPart {
    /// Literal text.
    Text(String),
    /// `%{NAME}e`
    Env(String),
    /// `%{NAME}s`
    Ssl(String),
    /// `%t`, `%D`, `%l`, `%i`, `%b`
    Measure(char),
}

/// The requests that an edit holds for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderCondition {
    /// `env=NAME`, `env=!NAME`
    Env {
        /// The variable.
        name: String,
        /// Whether it must not be set.
        negated: bool,
    },
    /// `expr=…`
    Expression(Box<Expression>),
}

impl HeaderEdit {
    pub(super) fn parse(request: bool, words: &mut Words<'_>) -> Parsed<Self> {
        let mut always = false;
        if !request {
            match words.peek_text().to_ascii_lowercase().as_str() {
                "always" => {
                    always = true;
                    words.take();
                }
                "onsuccess" => {
                    words.take();
                }
                _ => {}
            }
        }
        let action = words.read("an action of `mod_headers`", action)?;
        let name = words.expect("the name of a field")?.text.trim_end_matches(':').to_owned();
        let (mut value, mut replacement) = (None, None);
        if !matches!(action, HeaderAction::Unset | HeaderAction::Echo) {
            let word = words.expect("a value")?;
            value = Some(match action {
                HeaderAction::Edit | HeaderAction::EditAll => {
                    HeaderValue::Format(vec![FormatPart::Text(word.text.clone())])
                }
                HeaderAction::Set
                | HeaderAction::Add
                | HeaderAction::Append
                | HeaderAction::Merge
                | HeaderAction::SetIfEmpty
                | HeaderAction::Unset
                | HeaderAction::Echo
                | HeaderAction::Note => HeaderValue::of(word)?,
            });
            if matches!(action, HeaderAction::Edit | HeaderAction::EditAll) {
                replacement = Some(words.expect("a replacement")?.text.clone());
            }
        }
        let (mut early, mut condition) = (false, None);
        if let Some(word) = words.take() {
            let text = word.text.as_str();
            if text.eq_ignore_ascii_case("early") {
                early = true;
            } else if let Some(name) = text.strip_prefix("env=") {
                let (negated, name) = match name.strip_prefix('!') {
                    Some(name) => (true, name),
                    None => (false, name),
                };
                condition = Some(HeaderCondition::Env { name: name.to_owned(), negated });
            } else if let Some(expression) = text.strip_prefix("expr=") {
                let expression = Expression::of(expression).ok_or_else(|| Unread::word(word))?;
                condition = Some(HeaderCondition::Expression(Box::new(expression)));
            } else {
                return Err(Unread::word(word));
            }
        }
        Ok(Self { always, early, action, name, value, replacement, condition })
    }
}

fn action(text: &str) -> Option<HeaderAction> {
    use HeaderAction::{Add, Append, Echo, Edit, EditAll, Merge, Note, Set, SetIfEmpty, Unset};
    Some(match text.to_ascii_lowercase().as_str() {
        "set" => Set,
        "add" => Add,
        "append" => Append,
        "merge" => Merge,
        "setifempty" => SetIfEmpty,
        "unset" => Unset,
        "echo" => Echo,
        "note" => Note,
        "edit" => Edit,
        "edit*" => EditAll,
        _ => return None,
    })
}

impl HeaderValue {
    fn of(word: &Word) -> Parsed<Self> {
        if let Some(expression) = word.text.strip_prefix("expr=") {
            return Ok(Self::Expression(expression.to_owned()));
        }
        let mut parts: Vec<FormatPart> = Vec::new();
        let mut literal = String::new();
        let mut rest = word.text.as_str();
        while let Some(c) = rest.chars().next() {
            let behind = &rest[c.len_utf8()..];
            let (part, left) = match c {
                '\\' => {
                    let next = behind.chars().next();
                    literal.push(next.unwrap_or('\\'));
                    (None, &behind[next.map_or(0, char::len_utf8)..])
                }
                '%' if behind.starts_with('%') => {
                    literal.push('%');
                    (None, &behind[1..])
                }
                '%' => {
                    let (part, left) = specifier(behind).ok_or_else(|| {
                        Unread::new(word.span, "Apache refuses the file: this is no format specifier; a percent sign is written `%%`")
                    })?;
                    (Some(part), left)
                }
                c => {
                    literal.push(c);
                    (None, behind)
                }
            };
            if let Some(part) = part {
                if !literal.is_empty() {
                    parts.push(FormatPart::Text(std::mem::take(&mut literal)));
                }
                parts.push(part);
            }
            rest = left;
        }
        if !literal.is_empty() {
            parts.push(FormatPart::Text(literal));
        }
        Ok(Self::Format(parts))
    }

    /// Returns the text of a value without variables.
    pub fn literal(&self) -> Option<&str> {
        match self {
            Self::Format(parts) => match parts.as_slice() {
                [] => Some(""),
                [FormatPart::Text(text)] => Some(text),
                _ => None,
            },
            Self::Expression(text) => (!text.contains("%{")).then_some(text.as_str()),
        }
    }
}

fn specifier(behind: &str) -> Option<(FormatPart, &str)> {
    if let Some(rest) = behind.strip_prefix('{') {
        let (name, rest) = rest.split_once('}')?;
        let part = match rest.chars().next()? {
            'e' => FormatPart::Env(name.to_owned()),
            's' => FormatPart::Ssl(name.to_owned()),
            _ => return None,
        };
        return Some((part, &rest[1..]));
    }
    let kind = behind.chars().next().filter(|c| "tDlib".contains(*c))?;
    Some((FormatPart::Measure(kind), &behind[1..]))
}

/// Why `mod_headers` refuses to start with these words.
pub(super) fn refused(words: &[Word]) -> Option<Unread> {
    let value = words.iter().position(|word| {
        let word = word.text.to_ascii_lowercase();
        ["set", "add", "append", "merge", "setifempty"].contains(&word.as_str())
    })?;
    HeaderValue::of(words.get(value + 2)?).err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wsgen_model::source::Span;

    #[test]
    fn values_are_told_from_variables() {
        let read = |text: &str| HeaderValue::of(&Word::new(text, Span::default()));
        assert_eq!(read("100%% \\\"a\\\"").unwrap().literal(), Some("100% \"a\""));
        assert_eq!(
            read("%{REMOTE_ADDR}s"),
            Ok(HeaderValue::Format(vec![FormatPart::Ssl("REMOTE_ADDR".to_owned())]))
        );
        assert!(read("100% sure").is_err() && read("%{a}x").is_err());
        assert_eq!(read("expr=%{REMOTE_ADDR}").unwrap().literal(), None);
    }
}
