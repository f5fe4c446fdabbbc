//! The words of a server's configuration, and a cursor that consumes every one of them.
//!
//! Each target has its own directives as types in `targets/<target>/syntax/`. They are parsed with the cursor of this
//! module: a directive is read in full, or it is [`Unread`] at the first word that its type has no place for.

use std::borrow::Cow;

use wsgen_model::source::Span;

pub use crate::targets::languages::*;

/// One word of a directive, without its quotes and escapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The text that the server sees.
    pub text: String,
    /// The word's place in the source, quotes included.
    pub span: Span,
    /// Whether a part of the word stood in quotes: the server then reads no operator or variable where it would
    /// otherwise.
    pub quoted: bool,
}

impl Word {
    /// Returns an unquoted word at a place.
    pub fn new(text: impl Into<String>, span: Span) -> Self {
        Self { text: text.into(), span, quoted: false }
    }

    /// Returns the word's text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Why a directive was not read: the first word that was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// The place of that word. For a word that is missing, the place of the last one ahead of it.
    pub span: Span,
    /// The reason, as a clause without a full stop: "`-u` is no flag of an ACL".
    pub why: Cow<'static, str>,
}

impl Unread {
    /// Returns a reason at a place.
    pub fn new(span: Span, why: impl Into<Cow<'static, str>>) -> Self {
        Self { span, why: why.into() }
    }

    /// Returns the reason for a word that is in no grammar of its directive.
    pub fn word(word: &Word) -> Self {
        let text: String = word.text.chars().take(60).collect();
        Self::new(word.span, format!("`{text}` is not understood here"))
    }
}

/// What was read of a directive or of a part of it.
pub type Parsed<T> = Result<T, Unread>;

/// One directive: its name, its place, and its meaning or the first word that was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive<T> {
    /// The words of the name, as the documentation writes them: `http-request deny`, `proxy_pass`.
    pub name: String,
    /// From the first word to the last.
    pub span: Span,
    /// The typed directive.
    pub value: Parsed<T>,
}

/// A cursor over the words of one directive.
///
/// A parser takes words until none is left and then calls [`Words::end`], so that no word is skipped.
#[derive(Debug, Clone)]
pub struct Words<'a> {
    left: &'a [Word],
    /// The place that a missing word is reported at.
    last: Span,
}

impl<'a> Words<'a> {
    /// Begins ahead of the first word. `place` is the directive's own place.
    pub fn new(words: &'a [Word], place: Span) -> Self {
        Self { left: words, last: place }
    }

    /// Returns the next word without consuming it.
    pub fn peek(&self) -> Option<&'a Word> {
        self.left.first()
    }

    /// Returns the text of the next word without consuming it; an empty text where no word is left.
    pub fn peek_text(&self) -> &'a str {
        self.peek().map_or("", |word| word.text.as_str())
    }

    /// Consumes the next word, if there is one.
    pub fn take(&mut self) -> Option<&'a Word> {
        let (first, left) = self.left.split_first()?;
        self.left = left;
        self.last = first.span;
        Some(first)
    }

    /// Consumes the next word if its text is one of these, as it is written.
    pub fn take_any(&mut self, texts: &[&str]) -> Option<&'a Word> {
        let word = self.peek().filter(|word| texts.contains(&word.text.as_str()))?;
        self.take();
        Some(word)
    }

    /// Consumes the next word if it is this text; returns whether it was.
    pub fn take_if(&mut self, text: &str) -> bool {
        self.take_any(&[text]).is_some()
    }

    /// Consumes the next word.
    ///
    /// # Errors
    /// No word is left: `what` names the one that is missing, with its article.
    pub fn expect(&mut self, what: &str) -> Parsed<&'a Word> {
        let last = self.last;
        self.take().ok_or_else(|| Unread::new(last, format!("{what} is missing")))
    }

    /// Consumes the next word and reads it with a function.
    ///
    /// # Errors
    /// No word is left, or the function reads nothing from it.
    pub fn read<T>(&mut self, what: &str, read: impl Fn(&str) -> Option<T>) -> Parsed<T> {
        let word = self.expect(what)?;
        read(&word.text).ok_or_else(|| {
            let text: String = word.text.chars().take(60).collect();
            Unread::new(word.span, format!("`{text}` is not {what}"))
        })
    }

    /// Consumes all words that are left.
    pub fn rest(&mut self) -> &'a [Word] {
        if let Some(last) = self.left.last() {
            self.last = last.span;
        }
        std::mem::take(&mut self.left)
    }

    /// Returns the place that an error about the whole of what was read so far is reported at.
    pub fn place(&self) -> Span {
        self.last
    }

    /// Whether every word is consumed.
    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// Ends a directive.
    ///
    /// # Errors
    /// A word is left: it is the first that nobody understood.
    pub fn end(&self) -> Parsed<()> {
        self.peek().map_or(Ok(()), |word| Err(Unread::word(word)))
    }
}

#[cfg(test)]
mod tests {
    use wsgen_model::source::SourceId;

    use super::*;

    fn words(text: &str) -> Vec<Word> {
        let mut at = 0;
        let word = |word: &str| {
            let span = Span::new(SourceId(0), at..at + word.len());
            at += word.len() + 1;
            Word::new(word, span)
        };
        text.split(' ').map(word).collect()
    }

    #[test]
    fn every_word_is_consumed_or_reported() {
        let list = words("timeout client 5s now");
        let mut words = Words::new(&list, Span::default());
        assert!(words.take_if("timeout") && !words.take_if("server"));
        assert_eq!(words.take_any(&["server", "client"]).map(Word::as_str), Some("client"));
        let number = |text: &str| text.strip_suffix('s')?.parse::<u64>().ok();
        assert_eq!(words.read("a time", number), Ok(5));
        let left = words.end().unwrap_err();
        assert_eq!(
            (left.span.range(), left.why.as_ref()),
            (18..21, "`now` is not understood here")
        );
        assert_eq!(words.rest().len(), 1);
        assert_eq!(words.end(), Ok(()));
        let missing = words.expect("a condition").unwrap_err();
        assert_eq!(
            (missing.span.range(), missing.why.as_ref()),
            (18..21, "a condition is missing")
        );
    }
}
