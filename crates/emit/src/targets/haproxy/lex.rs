//! HAProxy's own words (configuration manual, section 2.2): a statement a line, words apart by blanks, `\` and quotes.

use std::ops::Range;

/// A statement: its words and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Its words, without quotes and escapes.
    pub(super) words: Vec<String>,
    /// From its first word to its last.
    pub(super) range: Range<usize>,
    /// Whether a quote is not closed.
    pub(super) torn: bool,
}

/// Takes a text apart; lines without a word are left out.
pub(super) fn lex(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let read = words(line);
        if let (Some(first), Some(last)) = (read.words.first(), read.words.last()) {
            lines.push(Line {
                range: at + first.1.start..at + last.1.end,
                torn: read.torn,
                words: read.words.into_iter().map(|(word, _)| word).collect(),
            });
        }
        at += line.len();
    }
    lines
}

struct Read {
    words: Vec<(String, Range<usize>)>,
    torn: bool,
}

fn words(line: &str) -> Read {
    let (mut words, mut word): (Vec<_>, Option<(String, usize)>) = (Vec::new(), None);
    let mut quote: Option<char> = None;
    let mut chars = line.char_indices().peekable();
    let mut end = 0;
    while let Some((at, c)) = chars.next() {
        let begin = word.as_ref().map_or(at, |(_, begin)| *begin);
        let add = |c: char, word: &mut Option<(String, usize)>| {
            word.get_or_insert_with(|| (String::new(), begin)).0.push(c);
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
                word.get_or_insert_with(|| (String::new(), begin));
            }
            (' ' | '\t', None) => {
                words.extend(word.take().map(|(word, begin)| (word, begin..end)));
            }
            (c, _) => add(c, &mut word),
        }
        end = chars.peek().map_or(line.trim_end().len(), |(at, _)| *at);
    }
    words.extend(word.take().map(|(word, begin)| (word, begin..end.max(begin))));
    Read { words, torn: quote.is_some() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        lex(text).into_iter().flat_map(|line| line.words).collect()
    }

    #[test]
    fn words_are_those_of_the_server() {
        assert_eq!(read("  bind *:80 # here\n"), ["bind", "*:80"]);
        assert_eq!(read("reqadd X-Proto:\\ https"), ["reqadd", "X-Proto: https"]);
        assert_eq!(read("a \"b c\" 'd \\ e' f\"g h\"i"), ["a", "b c", "d \\ e", "fg hi"]);
        assert_eq!(read("acl x path_reg \\.(css|js)$"), ["acl", "x", "path_reg", "\\.(css|js)$"]);
        assert!(lex("a \"b").first().unwrap().torn);
    }

    #[test]
    fn places_are_those_of_the_words() {
        let text = "global\n  maxconn  10 # ten\n";
        let lines = lex(text);
        assert_eq!(&text[lines[1].range.clone()], "maxconn  10");
    }
}
