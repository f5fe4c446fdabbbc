//! `map`, `geo` and `split_clients`, which make variables.

use super::value::{Value, made};
use crate::syntax::{Parsed, Unread, Word, Words};

/// The head of a `map` (`ngx_http_map_module`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Map {
    /// What is looked up.
    pub source: Value,
    /// The variable that it makes, without the dollar sign.
    pub variable: String,
}

impl Map {
    /// Parses the words behind `map`.
    ///
    /// # Errors
    /// A word is missing, or the second is no variable.
    pub fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let source = Value::parse(words.expect("a value")?)?;
        let variable = made(words.expect("a variable")?)?;
        words.end()?;
        Ok(Self { source, variable })
    }
}

/// One line of a `map`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MapLine {
    /// `default value`
    Default(Value),
    /// `text value`: the source is this text, letters of either case.
    Text(String, Value),
    /// `~regex value` and `~*regex value`.
    Regex {
        /// The pattern.
        pattern: String,
        /// Whether letters of either case fit (`~*`).
        any_case: bool,
        /// What the variable is then.
        value: Value,
    },
    /// `hostnames`: texts may be wildcards.
    Hostnames,
    /// `volatile`: the variable is computed each time.
    Volatile,
}

impl MapLine {
    /// Parses one line, its first word included.
    ///
    /// # Errors
    /// A line without a value, or with more than one.
    pub fn parse(first: &Word, words: &mut Words<'_>) -> Parsed<Self> {
        match first.as_str() {
            "hostnames" if words.is_empty() => return Ok(Self::Hostnames),
            "volatile" if words.is_empty() => return Ok(Self::Volatile),
            _ => {}
        }
        let value = words.expect("a value")?;
        // A value that is no variable may have a dollar sign in it.
        let value = Value::parse(value)?;
        words.end()?;
        let text = first.as_str();
        if text == "default" && !first.quoted {
            return Ok(Self::Default(value));
        }
        Ok(match text.strip_prefix('~') {
            Some(pattern) => match pattern.strip_prefix('*') {
                Some(pattern) => Self::Regex { pattern: pattern.to_owned(), any_case: true, value },
                None => Self::Regex { pattern: pattern.to_owned(), any_case: false, value },
            },
            // A backslash makes an ordinary text of one that would be special.
            None => Self::Text(text.strip_prefix('\\').unwrap_or(text).to_owned(), value),
        })
    }
}

/// The head of a `geo` (`ngx_http_geo_module`) or of `split_clients`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Computed {
    /// What is looked up; the client's address where none is written.
    pub source: Option<Value>,
    /// The variable that it makes, without the dollar sign.
    pub variable: String,
}

impl Computed {
    /// Parses the words behind `geo` or `split_clients`.
    ///
    /// # Errors
    /// The last word is no variable.
    pub fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let first = words.expect("a variable")?;
        let Some(second) = words.take() else {
            return Ok(Self { source: None, variable: made(first)? });
        };
        words.end()?;
        Ok(Self { source: Some(Value::parse(first)?), variable: made(second)? })
    }
}

/// A line of a block that is no list of directives: `types`, `geo`, `split_clients`.
///
/// # Errors
/// The line has no value.
pub(super) fn line(words: &mut Words<'_>) -> Parsed<Vec<String>> {
    let list: Vec<String> = words.rest().iter().map(|word| word.text.clone()).collect();
    if list.is_empty() {
        return Err(Unread::new(words.place(), "a value is missing"));
    }
    Ok(list)
}
