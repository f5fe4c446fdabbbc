//! Values with variables, as nginx compiles them (`src/http/ngx_http_script.c`, `ngx_http_script_compile`).

use crate::syntax::{Parsed, Unread, Word};

/// One part of a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Part {
    /// Text that stands for itself.
    Text(String),
    /// `$name` or `${name}`, without the dollar sign and the braces.
    Variable(String),
    /// `$1` to `$9`: a group of the regex that was matched last.
    Capture(u8),
}

/// A value that nginx computes for each request: texts, variables and captures in a row.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct Value {
    parts: Vec<Part>,
}

impl Value {
    /// Parses a word.
    ///
    /// # Errors
    /// A dollar sign names no variable: nginx says `invalid variable name`.
    pub fn parse(word: &Word) -> Parsed<Self> {
        Self::of(&word.text).ok_or_else(|| {
            Unread::new(word.span, "a `$` is followed by no name of a variable: nginx refuses it")
        })
    }

    /// Parses a text; nothing where a dollar sign names no variable.
    pub fn of(text: &str) -> Option<Self> {
        let mut parts: Vec<Part> = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('$') {
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let (name, left) = match behind.strip_prefix('{') {
                Some(inner) => inner.split_once('}')?,
                None => {
                    let end = behind
                        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                        .unwrap_or(behind.len());
                    // A capture has one digit.
                    let end = if behind.starts_with(|c: char| ('1'..='9').contains(&c)) {
                        1
                    } else {
                        end
                    };
                    behind.split_at(end)
                }
            };
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty() || !name.chars().all(is_name) {
                return None;
            }
            parts.push(match name.parse::<u8>() {
                Ok(number @ 1..=9) => Part::Capture(number),
                _ => Part::Variable(name.to_owned()),
            });
            rest = left;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Some(Self { parts })
    }

    /// The parts in their order; none is the empty text.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The text of a value without variables and captures.
    pub fn literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The name of the variable that is the whole value.
    pub fn variable(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Variable(name)] => Some(name),
            _ => None,
        }
    }

    /// The names of all variables in it.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable(name) => Some(name.as_str()),
            Part::Text(_) | Part::Capture(_) => None,
        })
    }

    /// Whether a group of a regex is put in.
    pub fn has_captures(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Capture(_)))
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, part) in self.parts.iter().enumerate() {
            match part {
                Part::Text(text) => out.write_str(text)?,
                Part::Capture(number) => write!(out, "${number}")?,
                Part::Variable(name) => {
                    // A letter behind a name would belong to it.
                    let joins = |c: char| c.is_ascii_alphanumeric() || c == '_';
                    match self.parts.get(at + 1) {
                        Some(Part::Text(next)) if next.starts_with(joins) => {
                            write!(out, "${{{name}}}")?;
                        }
                        _ => write!(out, "${name}")?,
                    }
                }
            }
        }
        Ok(())
    }
}

/// Returns the name of a variable that a directive makes: `$name`.
///
/// # Errors
/// The word is no variable.
pub(super) fn made(word: &Word) -> Parsed<String> {
    let name = word.text.strip_prefix('$').unwrap_or_default();
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(Unread::new(word.span, format!("`{}` is no name of a variable", word.text)));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_taken_apart_and_put_together() {
        for text in ["", "a", "$host", "http://$host$request_uri", "${a}b$1", "/$1$is_args$args"] {
            assert_eq!(Value::of(text).unwrap().to_string(), text);
        }
        let value = Value::of("${a}b$12").unwrap();
        let parts = [
            Part::Variable("a".into()),
            Part::Text("b".into()),
            Part::Capture(1),
            Part::Text("2".into()),
        ];
        assert_eq!(value.parts(), parts);
        assert_eq!(Value::of("$host").unwrap().variable(), Some("host"));
        assert_eq!(Value::of("a$"), None);
        assert_eq!(Value::of("${a"), None);
    }
}
