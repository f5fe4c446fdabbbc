//! Apache's own lines and words (`server/config.c`, `ap_cfg_getline`; `server/util.c`, `ap_getword_conf`): a directive a
//! line, a backslash at its end goes on, quotes and backslashes within words.

use std::ops::Range;

/// A line with something on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) kind: Kind,
    /// The name, and what stands behind it.
    pub(super) words: Vec<Text>,
    /// From its first letter to its last, over all lines that it goes on.
    pub(super) range: Range<usize>,
    /// Whether a quote or a bracket is not closed.
    pub(super) torn: bool,
}

/// One word of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    /// What the server sees.
    pub(super) seen: String,
    /// Its place, quotes included.
    pub(super) range: Range<usize>,
    /// Whether it stands in quotes.
    pub(super) quoted: bool,
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Directive,
    /// `<Name …>`
    Open,
    /// `</Name>`
    Close,
}

/// A line that goes on over several, as one text, with the place of each part in the source.
#[derive(Default)]
struct Whole {
    text: String,
    /// Where a part begins in the text, and where it stands in the source.
    parts: Vec<(usize, usize)>,
}

impl Whole {
    fn push(&mut self, part: &str, at: usize) {
        self.parts.push((self.text.len(), at));
        self.text.push_str(part);
    }

    /// The place in the source of a byte of the text.
    fn place(&self, at: usize) -> usize {
        let part = self.parts.iter().rev().find(|(begin, _)| *begin <= at);
        part.map_or(at, |(begin, source)| source + (at - begin))
    }

    /// The place of a range that is not empty.
    fn places(&self, range: Range<usize>) -> Range<usize> {
        let last = range.end.saturating_sub(1).max(range.start);
        self.place(range.start)..self.place(last) + (range.end - last)
    }
}

/// Takes a text apart; blank lines and comments are left out.
pub(super) fn lex(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let (mut at, mut whole) = (0, Whole::default());
    for line in text.split_inclusive('\n') {
        let bare = line.strip_suffix('\n').unwrap_or(line);
        let bare = bare.strip_suffix('\r').unwrap_or(bare);
        let from = at;
        at += line.len();
        if let Some(head) = bare.strip_suffix('\\').filter(|_| line.ends_with('\n')) {
            whole.push(head, from);
            continue;
        }
        whole.push(bare, from);
        lines.extend(one(&whole));
        whole = Whole::default();
    }
    lines.extend(one(&whole));
    lines
}

/// Copied from a page, a blank may be one that does not break; nobody means it as a letter.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || c == '\u{a0}'
}

fn one(whole: &Whole) -> Option<Line> {
    let begin = whole.text.len() - whole.text.trim_start_matches(is_blank).len();
    let line = whole.text.trim_matches(is_blank);
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let range = whole.places(begin..begin + line.len());
    let (kind, inner, mut torn) = match (line.strip_prefix("</"), line.strip_prefix('<')) {
        (Some(rest), _) => (Kind::Close, rest.trim_end_matches('>'), false),
        (None, Some(rest)) => {
            let closed = rest.rfind('>');
            (Kind::Open, &rest[..closed.unwrap_or(rest.len())], closed.is_none())
        }
        (None, None) => (Kind::Directive, line, false),
    };
    let skipped = match kind {
        Kind::Directive => 0,
        Kind::Open => 1,
        Kind::Close => 2,
    };
    let verbatim =
        line.len() > 7 && line.is_char_boundary(7) && line[..7].eq_ignore_ascii_case("rewrite");
    let mut words = words(inner, verbatim, &mut torn);
    for word in &mut words {
        let at = begin + skipped;
        word.range = whole.places(at + word.range.start..at + word.range.end);
    }
    (!words.is_empty()).then_some(Line { kind, words, range, torn })
}

/// The words of a line with their places in it; those of `mod_rewrite` keep their backslashes (`mod_rewrite.c`,
/// `parseargline`).
fn words(line: &str, verbatim: bool, torn: &mut bool) -> Vec<Text> {
    let mut words = Vec::new();
    let mut rest = line.char_indices().peekable();
    loop {
        while rest.next_if(|(_, c)| is_blank(*c)).is_some() {}
        let Some((begin, first)) = rest.peek().copied() else { return words };
        let quote = (first == '"' || first == '\'').then(|| rest.next()).flatten();
        let quote = quote.map(|(_, c)| c);
        let mut word = String::new();
        let mut closed = quote.is_none();
        let mut end = line.len();
        while let Some((at, c)) = rest.next() {
            if Some(c) == quote {
                closed = true;
                end = at + c.len_utf8();
                break;
            }
            if quote.is_none() && c.is_whitespace() {
                end = at;
                break;
            }
            let next = rest.peek().map(|(_, next)| *next);
            let taken = match next {
                Some(next) if c == '\\' && verbatim => next.is_whitespace(),
                Some(next) if c == '\\' => next == '\\' || Some(next) == quote,
                _ => false,
            };
            if taken {
                if verbatim {
                    word.push(c);
                }
                word.extend(rest.next().map(|(_, c)| c));
            } else {
                word.push(c);
            }
        }
        *torn |= !closed;
        words.push(Text { seen: word, range: begin..end, quoted: quote.is_some() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_and_words_are_the_servers_own() {
        let read = |text| {
            let all = lex(text);
            let words =
                |line: Line| line.words.into_iter().map(|word| word.seen).collect::<Vec<_>>();
            all.into_iter().map(|line| (line.kind, words(line))).collect::<Vec<_>>()
        };
        let of = |kind, words: &[&str]| (kind, words.iter().map(|w| (*w).to_owned()).collect());
        for (text, wanted) in [
            ("# no\n\n", vec![]),
            ("A b\\\n   c\r\n", vec![of(Kind::Directive, &["A", "b", "c"])]),
            (
                "<VirtualHost *:80 [::]:80>\n</VirtualHost>",
                vec![
                    of(Kind::Open, &["VirtualHost", "*:80", "[::]:80"]),
                    of(Kind::Close, &["VirtualHost"]),
                ],
            ),
            (
                "Header set A \"b \\\"c\\\" \\d\"",
                vec![of(Kind::Directive, &["Header", "set", "A", "b \"c\" \\d"])],
            ),
            (
                "RewriteRule ^a\\.b$ \"/c d\" [L]",
                vec![of(Kind::Directive, &["RewriteRule", "^a\\.b$", "/c d", "[L]"])],
            ),
            ("<If \"%{A} == '>'\">", vec![of(Kind::Open, &["If", "%{A} == '>'"])]),
            ("\u{a0}Order deny,allow", vec![of(Kind::Directive, &["Order", "deny,allow"])]),
            ("A # b", vec![of(Kind::Directive, &["A", "#", "b"])]),
        ] {
            assert_eq!(read(text), wanted, "{text}");
        }
        let text = "ProxyPass \\\n /a \"http://b\" # c";
        let places: Vec<&str> =
            lex(text)[0].words.iter().map(|word| &text[word.range.clone()]).collect();
        assert_eq!(places, ["ProxyPass", "/a", "\"http://b\"", "#", "c"]);
        assert!(lex("A \"b")[0].torn && lex("<A b")[0].torn);
    }

    proptest! {
        /// Spans are in order and hold every letter that is no comment's.
        #[test]
        fn spans_follow_each_other(text in "([A-Za-z<>/\"'#\\\\ \t\r\n\u{a0}é])*") {
            let mut end = 0;
            for line in lex(&text) {
                prop_assert!(line.range.start >= end && line.range.end >= line.range.start);
                prop_assert!(text.get(line.range.clone()).is_some(), "{:?}", line.range);
                let mut at = line.range.start;
                for word in &line.words {
                    prop_assert!(word.range.start >= at && word.range.end <= line.range.end);
                    prop_assert!(text.get(word.range.clone()).is_some(), "{:?}", word.range);
                    at = word.range.end;
                }
                end = line.range.end;
            }
        }
    }
}
