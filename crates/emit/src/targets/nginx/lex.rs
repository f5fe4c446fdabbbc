//! nginx's own words (`src/core/ngx_conf_file.c`, `ngx_conf_read_token`): blanks, quotes, braces, `#`, and blocks of
//! Lua, which have braces of their own. The tokens tile the text.

use std::ops::Range;

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    /// What it is.
    pub(super) kind: Kind,
    /// Where it stands.
    pub(super) range: Range<usize>,
}

/// What a piece of a text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Blanks and ends of lines.
    Blank,
    /// `# …` to the end of the line.
    Comment,
    /// A word, without its quotes and escapes.
    Word(String),
    /// `;`
    End,
    /// `{`
    Open,
    /// `}`
    Close,
    /// What stands between the braces of a `…_by_lua_block`.
    Lua,
    /// A quote that nobody closes.
    Unclosed,
}

/// Takes a text apart.
pub(super) fn lex(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let mut tokens: Vec<Token> = Vec::new();
    let mut at = 0;
    // Whether the statement so far is one whose block is Lua.
    let mut lua = false;
    while at < bytes.len() {
        let begin = at;
        let kind = match bytes[at] {
            b' ' | b'\t' | b'\r' | b'\n' => {
                while at < bytes.len() && matches!(bytes[at], b' ' | b'\t' | b'\r' | b'\n') {
                    at += 1;
                }
                Kind::Blank
            }
            b'#' => {
                while at < bytes.len() && bytes[at] != b'\n' {
                    at += 1;
                }
                Kind::Comment
            }
            b';' => {
                at += 1;
                lua = false;
                Kind::End
            }
            b'{' if lua => {
                at = lua_end(bytes, at);
                lua = false;
                Kind::Lua
            }
            b'{' => {
                at += 1;
                Kind::Open
            }
            b'}' => {
                at += 1;
                Kind::Close
            }
            quote @ (b'"' | b'\'') => quoted(text, quote, &mut at),
            _ => bare(text, &mut at),
        };
        if let Kind::Word(word) = &kind {
            lua |= word.ends_with("_by_lua_block");
        }
        tokens.push(Token { kind, range: begin..at });
    }
    tokens
}

fn quoted(text: &str, quote: u8, at: &mut usize) -> Kind {
    let bytes = text.as_bytes();
    let begin = *at + 1;
    *at = begin;
    while *at < bytes.len() {
        match bytes[*at] {
            b'\\' => *at = (*at + 2).min(bytes.len()),
            byte if byte == quote => {
                let word = unescaped(&text[begin..*at]);
                *at += 1;
                return Kind::Word(word);
            }
            _ => *at += 1,
        }
    }
    // The rest of the line is what was meant at most.
    let line = text[begin..].find('\n').map_or(bytes.len(), |end| begin + end);
    *at = line;
    Kind::Unclosed
}

fn bare(text: &str, at: &mut usize) -> Kind {
    let bytes = text.as_bytes();
    let begin = *at;
    let mut variable = false;
    while *at < bytes.len() {
        match bytes[*at] {
            b' ' | b'\t' | b'\r' | b'\n' | b';' => break,
            // `${name}` goes on.
            b'{' if !variable => break,
            b'\\' => {
                variable = false;
                *at = (*at + 2).min(bytes.len());
                // A character of several bytes may stand behind a backslash.
                while !text.is_char_boundary(*at) {
                    *at += 1;
                }
                continue;
            }
            byte => variable = byte == b'$',
        }
        *at += 1;
    }
    Kind::Word(unescaped(&text[begin..*at]))
}

/// `\"`, `\'`, `\\`, `\t`, `\r` and `\n` become what they stand for; any other backslash stays.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match rest.next() {
            Some(c @ ('"' | '\'' | '\\')) => out.push(c),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('n') => out.push('\n'),
            Some(c) => out.extend(['\\', c]),
            None => out.push('\\'),
        }
    }
    out
}

/// The place behind the brace that closes a block of Lua: strings and comments of Lua may hold braces.
fn lua_end(bytes: &[u8], open: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = open;
    while at < bytes.len() {
        match bytes[at] {
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            b'-' if bytes[at..].starts_with(b"--") => {
                at = bytes[at..]
                    .iter()
                    .position(|b| *b == b'\n')
                    .map_or(bytes.len(), |end| at + end);
                continue;
            }
            quote @ (b'"' | b'\'') => {
                at += 1;
                while at < bytes.len() && bytes[at] != quote && bytes[at] != b'\n' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<String> {
        let kinds = lex(text).into_iter().map(|token| token.kind);
        kinds
            .filter_map(|kind| if let Kind::Word(word) = kind { Some(word) } else { None })
            .collect()
    }

    #[test]
    fn words_are_those_of_the_server() {
        assert_eq!(words("a 'b c' \"d\\\"e\" f\\ g;"), ["a", "b c", "d\"e", "f\\ g"]);
        assert_eq!(words("set $a ${b}c{"), ["set", "$a", "${b}c"]);
        assert_eq!(words("a#b # c\nd"), ["a#b", "d"]);
        assert_eq!(words("location ~ \\.php$ {"), ["location", "~", "\\.php$"]);
        assert_eq!(
            words("return 301 https://$host$request_uri;"),
            ["return", "301", "https://$host$request_uri"]
        );
    }

    #[test]
    fn lua_is_taken_whole() {
        let text = "access_by_lua_block { if a then return { b = '}' } end -- }\n } x;";
        let tokens = lex(text);
        let lua = tokens.iter().find(|token| token.kind == Kind::Lua).unwrap();
        assert!(text[lua.range.clone()].ends_with("\n }"));
        assert_eq!(words(text), ["access_by_lua_block", "x"]);
    }

    proptest! {
        #[test]
        fn tokens_tile_any_text(text in "[ -~\\n\\t\u{e9}]{0,200}") {
            let mut at = 0;
            for token in lex(&text) {
                prop_assert_eq!(token.range.start, at);
                prop_assert!(token.range.end > at);
                at = token.range.end;
            }
            prop_assert_eq!(at, text.len());
        }
    }
}
