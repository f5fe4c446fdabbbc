//! Characters that a terminal obeys instead of showing: a configuration of somebody else must not move the cursor, change
//! colours or turn the order of words around ("Trojan Source", CVE-2021-42574).

use std::borrow::Cow;

/// Whether a terminal shows nothing of a character, or does something.
fn is_hidden(c: char) -> bool {
    // The last are marks of direction, separators of lines, and letters of no width; joiners belong to scripts.
    (c.is_control() && !matches!(c, '\n' | '\t'))
        || matches!(c,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// A text in which such characters are written out (`\u{9b}`). Lines stay.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => out.push(c),
            c if is_hidden(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn what_a_terminal_obeys_is_written_out() {
        for (text, shown) in [
            ("a\u{9b}31mb", "a\\u{9b}31mb"),
            ("\u{1b}]0;x\u{7}", "\\u{1b}]0;x\\u{7}"),
            ("a\r\nb\rc\n", "a\r\nb\\u{d}c\n"),
            ("\u{202e}cba\u{2066}", "\\u{202e}cba\\u{2066}"),
            ("\u{85}\u{7f}\u{0}", "\\u{85}\\u{7f}\\u{0}"),
            ("ä 界 👩\u{200d}👧\t", "ä 界 👩\u{200d}👧\t"),
        ] {
            assert_eq!(visible(text), shown);
        }
    }
}
