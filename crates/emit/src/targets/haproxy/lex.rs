//! HAProxy's own words (configuration manual, section 2.2): a statement a line, words apart by blanks, `\` and quotes.

use std::ops::Range;

use wsgen_model::source::{SourceId, Span};

use crate::syntax::Word;

/// A statement: its words and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Its words, each with its place, quotes and escapes included.
    pub(super) words: Vec<Word>,
    /// From its first word to its last.
    pub(super) range: Range<usize>,
    /// Whether a quote is not closed.
    pub(super) torn: bool,
}

/// Takes the text of a source apart; lines without a word are left out.
pub(super) fn lex(text: &str, source: SourceId) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let read = words(line);
        if let (Some(first), Some(last)) = (read.words.first(), read.words.last()) {
            let range = at + first.range.start..at + last.range.end;
            let word = |word: Piece| Word {
                span: Span::new(source, at + word.range.start..at + word.range.end),
                text: word.text,
                quoted: word.quoted,
            };
            let words = read.words.into_iter().map(word).collect();
            lines.push(Line { range, torn: read.torn, words });
        }
        at += line.len();
    }
    lines
}

/// One word within its line.
#[derive(Debug, Default)]
struct Piece {
    text: String,
    range: Range<usize>,
    quoted: bool,
}

struct Read {
    words: Vec<Piece>,
    torn: bool,
}

fn words(line: &str) -> Read {
    let (mut words, mut word): (Vec<Piece>, Option<Piece>) = (Vec::new(), None);
    let mut quote: Option<char> = None;
    let mut chars = line.char_indices().peekable();
    let mut end = 0;
    let piece = |at: usize| Piece { range: at..at, ..Piece::default() };
    while let Some((at, c)) = chars.next() {
        let add = |c: char, word: &mut Option<Piece>| {
            word.get_or_insert_with(|| piece(at)).text.push(c);
        };
        match (c, quote) {
            ('\n' | '\r', _) | ('#', None) => break,
            // Nothing is escaped in single quotes.
            ('\\', None | Some('"')) => match chars.next() {
                Some((_, '\n')) | None => break,
                Some((_, 'n')) => add('\n', &mut word),
                Some((_, 't')) => add('\t', &mut word),
                Some((_, 'r')) => add('\r', &mut word),
                Some((_, c)) => {
                    // A backslash stays before what it does not stand for something with: regexes have many.
                    if quote.is_none() && !" #\\\"'".contains(c) {
                        add('\\', &mut word);
                    }
                    add(c, &mut word);
                }
            },
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_with(|| piece(at)).quoted = true;
            }
            (' ' | '\t', None) => {
                let word = word.take();
                words.extend(word.map(|word| Piece { range: word.range.start..end, ..word }));
            }
            (c, _) => add(c, &mut word),
        }
        end = chars.peek().map_or(line.trim_end().len(), |(at, _)| *at);
    }
    let last = word.take();
    words.extend(
        last.map(|word| Piece { range: word.range.start..end.max(word.range.start), ..word }),
    );
    Read { words, torn: quote.is_some() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let lines = lex(text, SourceId(0));
        lines.into_iter().flat_map(|line| line.words).map(|word| word.text).collect()
    }

    #[test]
    fn words_are_those_of_the_server() {
        assert_eq!(read("  bind *:80 # here\n"), ["bind", "*:80"]);
        assert_eq!(read("reqadd X-Proto:\\ https"), ["reqadd", "X-Proto: https"]);
        assert_eq!(read("a \"b c\" 'd \\ e' f\"g h\"i"), ["a", "b c", "d \\ e", "fg hi"]);
        assert_eq!(read("acl x path_reg \\.(css|js)$"), ["acl", "x", "path_reg", "\\.(css|js)$"]);
        assert!(lex("a \"b", SourceId(0)).first().unwrap().torn);
    }

    #[test]
    fn places_are_those_of_the_words() {
        let text = "global\n  maxconn  10 # ten\n";
        let lines = lex(text, SourceId(0));
        assert_eq!(&text[lines[1].range.clone()], "maxconn  10");
        assert_eq!(&text[lines[1].words[1].span.range()], "10");
    }
}
