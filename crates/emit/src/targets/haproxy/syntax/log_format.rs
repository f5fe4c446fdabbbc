//! Format strings: text with expressions and log variables in it (configuration manual, section 8.2.6).

use wsgen_model::source::Span;

use super::sample::{Sample, shown};
use crate::syntax::{Parsed, Unread, Word};

/// One part of a format string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text; `%%` is read as `%`.
    Text(String),
    /// `%[expression]`.
    Sample(Sample),
    /// A log variable by its name: `ci` of `%ci`.
    Variable(String),
}

/// A format string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFormat {
    /// The parts, in order; none for an empty text.
    pub parts: Vec<Part>,
    /// The place of the word.
    pub span: Span,
}

impl LogFormat {
    /// Reads one word as a format string.
    ///
    /// # Errors
    /// An expression or a variable in it is not one.
    pub fn parse(word: &Word) -> Parsed<Self> {
        let wrong = || Unread::new(word.span, format!("`{}` is no format string", shown(word)));
        let (mut parts, mut text) = (Vec::new(), String::new());
        let mut rest = word.text.as_str();
        while let Some((head, tail)) = rest.split_once('%') {
            text.push_str(head);
            if let Some(behind) = tail.strip_prefix('%') {
                text.push('%');
                rest = behind;
                continue;
            }
            if !text.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut text)));
            }
            // Flags of the output: `%{+Q}[…]`. They change how a value is written.
            if tail.starts_with('{') {
                return Err(Unread::new(word.span, "flags of a format string are not understood"));
            }
            if let Some(inner) = tail.strip_prefix('[') {
                let (sample, behind) = Sample::prefix(inner, word.span).ok_or_else(wrong)?;
                parts.push(Part::Sample(sample));
                rest = behind.strip_prefix(']').ok_or_else(wrong)?;
                continue;
            }
            let end = tail.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(tail.len());
            let (name, behind) = tail.split_at(end);
            if name.is_empty() {
                return Err(wrong());
            }
            parts.push(Part::Variable(name.to_owned()));
            rest = behind;
        }
        text.push_str(rest);
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Ok(Self { parts, span: word.span })
    }

    /// The text of a format string that has no variable in it.
    pub fn literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The expression of a format string that is nothing else.
    pub fn sample(&self) -> Option<&Sample> {
        match self.parts.as_slice() {
            [Part::Sample(sample)] => Some(sample),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Parsed<LogFormat> {
        LogFormat::parse(&Word::new(text, Span::default()))
    }

    #[test]
    fn formats_are_parts() {
        assert_eq!(parse("100%%").unwrap().literal(), Some("100%"));
        assert_eq!(parse("").unwrap().literal(), Some(""));
        let format = parse("/a%[path,regsub(:[0-9]*$,)]-%ci").unwrap();
        let kinds: Vec<bool> =
            format.parts.iter().map(|part| matches!(part, Part::Text(_))).collect();
        assert_eq!(kinds, [true, false, true, false]);
        assert_eq!(format.parts.last(), Some(&Part::Variable("ci".to_owned())));
        for wrong in ["%[path", "%", "%{+Q}[path]", "% x"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
