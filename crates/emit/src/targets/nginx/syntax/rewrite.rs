//! The directives of `ngx_http_rewrite_module`: `if`, `return`, `rewrite`, `set`, `break`.

use super::value::{Value, made};
use crate::syntax::{Parsed, Unread, Word, Words};

/// What an `if` compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// `($v)`: the value is neither empty nor `0`.
    Set(Value),
    /// `($v = text)`, by every letter.
    Equal(Value, Value),
    /// `($v ~ regex)` and `($v ~* regex)`.
    Matches {
        /// The variable.
        value: Value,
        /// The pattern.
        pattern: String,
        /// Whether letters of either case fit (`~*`).
        any_case: bool,
    },
    /// `(-f path)`, `(-d path)`, `(-e path)`, `(-x path)`: a file, a folder, either, something executable.
    File {
        /// The letter behind the dash.
        kind: char,
        /// The path.
        path: Value,
    },
}

/// The condition of an `if`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct If {
    /// What is compared.
    pub test: Test,
    /// Whether the condition holds where the test does not (`!=`, `!~`, `!-f`).
    pub negated: bool,
}

impl If {
    /// Parses the words behind `if`, parentheses included.
    ///
    /// # Errors
    /// The words are no condition of nginx.
    pub fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let place = words.place();
        let mut list: Vec<Word> = words.rest().to_vec();
        let wrong = || Unread::new(place, "this is no condition of an `if`");
        let first = list.first_mut().ok_or_else(wrong)?;
        first.text = first.text.strip_prefix('(').ok_or_else(wrong)?.to_owned();
        let end = list.last_mut().ok_or_else(wrong)?;
        end.text = end.text.strip_suffix(')').ok_or_else(wrong)?.to_owned();
        if list.first().is_some_and(|word| word.text.is_empty()) {
            list.remove(0);
        }
        if list.len() > 1 && list.last().is_some_and(|word| word.text.is_empty() && !word.quoted) {
            list.pop();
        }
        let mut words = Words::new(&list, place);
        let first = words.expect("a variable")?;
        let (negated, bare) = match first.text.strip_prefix('!') {
            Some(bare) => (true, bare),
            None => (false, first.text.as_str()),
        };
        if let Some(kind) = bare.strip_prefix('-') {
            let kind = kind.chars().next().filter(|c| kind.len() == 1 && "fdex".contains(*c));
            let kind = kind.ok_or_else(|| Unread::word(first))?;
            let path = Value::parse(words.expect("a path")?)?;
            words.end()?;
            return Ok(Self { test: Test::File { kind, path }, negated });
        }
        if !first.text.starts_with('$') {
            return Err(Unread::word(first));
        }
        let value = Value::parse(first)?;
        if value.variable().is_none() {
            return Err(Unread::new(first.span, "an `if` compares one variable"));
        }
        let Some(operator) = words.take() else {
            return Ok(Self { test: Test::Set(value), negated: false });
        };
        let (negated, bare) = match operator.text.strip_prefix('!') {
            Some(bare) => (true, bare),
            None => (false, operator.text.as_str()),
        };
        // An empty text that was written in quotes is left of `"")`.
        let empty = Word::new("", operator.span);
        let other = words.take().unwrap_or(&empty);
        words.end()?;
        let test = match bare {
            "=" => Test::Equal(value, Value::parse(other)?),
            "~" => Test::Matches { value, pattern: other.text.clone(), any_case: false },
            "~*" => Test::Matches { value, pattern: other.text.clone(), any_case: true },
            _ => return Err(Unread::word(operator)),
        };
        Ok(Self { test, negated })
    }
}

/// `return`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Return {
    /// `return 301 url`, `return url`: the statuses 301, 302, 303, 307 and 308.
    Redirect(u16, Value),
    /// `return code [text]`: 444 ends the connection.
    Status(u16, Option<Value>),
}

impl Return {
    /// Parses the words behind `return`.
    ///
    /// # Errors
    /// The first word is neither a status nor a URL.
    pub fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let first = words.expect("a status or a URL")?;
        let second = words.take();
        words.end()?;
        let Ok(status) = first.text.parse::<u16>() else {
            let is_url = ["http://", "https://", "$scheme", "/", "$"];
            if second.is_none() && is_url.iter().any(|start| first.text.starts_with(start)) {
                return Ok(Self::Redirect(302, Value::parse(first)?));
            }
            return Err(Unread::new(first.span, "this is neither a status nor a URL"));
        };
        if status > 999 {
            return Err(Unread::new(first.span, "this is no status"));
        }
        let text = second.map(Value::parse).transpose()?;
        Ok(match text {
            Some(url) if matches!(status, 301 | 302 | 303 | 307 | 308) => {
                Self::Redirect(status, url)
            }
            text => Self::Status(status, text),
        })
    }
}

/// What comes behind a `rewrite` that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RewriteFlag {
    /// No flag: the next directive of the module.
    Next,
    /// `last`: a new search for a location.
    Last,
    /// `break`: no further directive of the module; the location stays.
    Break,
    /// `redirect`: 302.
    Redirect,
    /// `permanent`: 301.
    Permanent,
}

/// `rewrite regex replacement [flag]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// The pattern, looked for in the path.
    pub pattern: String,
    /// What takes the place of the whole path.
    pub replacement: Value,
    /// What comes next.
    pub flag: RewriteFlag,
}

impl Rewrite {
    /// Parses the words behind `rewrite`.
    ///
    /// # Errors
    /// A word is missing, or the flag is none.
    pub fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let pattern = words.expect("a regex")?.text.clone();
        let replacement = words.expect("a replacement")?;
        let flag = match words.take() {
            None => RewriteFlag::Next,
            Some(word) => match word.as_str() {
                "last" => RewriteFlag::Last,
                "break" => RewriteFlag::Break,
                "redirect" => RewriteFlag::Redirect,
                "permanent" => RewriteFlag::Permanent,
                _ => return Err(Unread::word(word)),
            },
        };
        words.end()?;
        // A URL with a scheme is a redirect whatever the flag says.
        let url = ["http://", "https://", "$scheme"];
        let leaves = url.iter().any(|start| replacement.text.starts_with(start));
        let flag = match flag {
            RewriteFlag::Permanent => RewriteFlag::Permanent,
            _ if leaves => RewriteFlag::Redirect,
            flag @ (RewriteFlag::Next
            | RewriteFlag::Last
            | RewriteFlag::Break
            | RewriteFlag::Redirect) => flag,
        };
        Ok(Self { pattern, replacement: Value::parse(replacement)?, flag })
    }
}

/// `set $variable value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// The variable's name, without the dollar sign.
    pub variable: String,
    /// Its value from here on.
    pub value: Value,
}

impl Set {
    /// Parses the words behind `set`.
    ///
    /// # Errors
    /// The first word is no variable, or there are not two words.
    pub fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let variable = made(words.expect("a variable")?)?;
        let value = Value::parse(words.expect("a value")?)?;
        words.end()?;
        Ok(Self { variable, value })
    }
}
