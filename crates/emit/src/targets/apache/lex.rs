//! Apache's own lines and words (`server/config.c`, `ap_cfg_getline`; `server/util.c`, `ap_getword_conf`): a directive a
//! line, a backslash at its end goes on, quotes and backslashes within words.

use std::ops::Range;

/// A line with something on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) kind: Kind,
    /// The name, and what stands behind it.
    pub(super) words: Vec<String>,
    /// From its first letter to its last, over all lines that it goes on.
    pub(super) range: Range<usize>,
    /// Whether a quote or a bracket is not closed.
    pub(super) torn: bool,
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

/// Takes a text apart; blank lines and comments are left out.
pub(super) fn lex(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let (mut at, mut whole, mut begin) = (0, String::new(), None);
    for line in text.split_inclusive('\n') {
        let bare = line.strip_suffix('\n').unwrap_or(line);
        let bare = bare.strip_suffix('\r').unwrap_or(bare);
        let from = *begin.get_or_insert(at);
        let end = at + bare.len();
        at += line.len();
        if let Some(head) = bare.strip_suffix('\\').filter(|_| line.ends_with('\n')) {
            whole.push_str(head);
            continue;
        }
        whole.push_str(bare);
        lines.extend(one(&whole, from, text, end));
        whole.clear();
        begin = None;
    }
    if let Some(from) = begin {
        lines.extend(one(&whole, from, text, text.len()));
    }
    lines
}

fn one(whole: &str, from: usize, text: &str, end: usize) -> Option<Line> {
    // Copied from a page, a blank may be one that does not break; nobody means it as a letter.
    let blank = |c: char| c.is_whitespace() || c == '\u{a0}';
    let line = whole.trim_matches(blank);
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let source = &text[from..end];
    let begin = from + (source.len() - source.trim_start_matches(|c| blank(c) || c == '\\').len());
    let range = begin..begin.max(from + source.trim_end_matches(blank).len());
    let (kind, inner, mut torn) = match (line.strip_prefix("</"), line.strip_prefix('<')) {
        (Some(rest), _) => (Kind::Close, rest.trim_end_matches('>'), false),
        (None, Some(rest)) => {
            let closed = rest.rfind('>');
            (Kind::Open, &rest[..closed.unwrap_or(rest.len())], closed.is_none())
        }
        (None, None) => (Kind::Directive, line, false),
    };
    let verbatim =
        line.len() > 7 && line.is_char_boundary(7) && line[..7].eq_ignore_ascii_case("rewrite");
    let words = words(inner, verbatim, &mut torn);
    (!words.is_empty()).then_some(Line { kind, words, range, torn })
}

/// The words of a line; those of `mod_rewrite` keep their backslashes (`mod_rewrite.c`, `parseargline`).
fn words(line: &str, verbatim: bool, torn: &mut bool) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.chars().peekable();
    loop {
        while rest.next_if(|c| c.is_whitespace() || *c == '\u{a0}').is_some() {}
        let Some(first) = rest.peek().copied() else { return words };
        let quote = (first == '"' || first == '\'').then(|| rest.next()).flatten();
        let mut word = String::new();
        let mut closed = quote.is_none();
        while let Some(c) = rest.next() {
            if Some(c) == quote {
                closed = true;
                break;
            }
            if quote.is_none() && c.is_whitespace() {
                break;
            }
            let next = rest.peek().copied();
            let taken = match next {
                Some(next) if c == '\\' && verbatim => next.is_whitespace(),
                Some(next) if c == '\\' => next == '\\' || Some(next) == quote,
                _ => false,
            };
            if taken {
                if verbatim {
                    word.push(c);
                }
                word.extend(rest.next());
            } else {
                word.push(c);
            }
        }
        *torn |= !closed;
        words.push(word);
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
            all.into_iter().map(|line| (line.kind, line.words)).collect::<Vec<_>>()
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
                end = line.range.end;
            }
        }
    }
}
