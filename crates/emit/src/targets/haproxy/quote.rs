//! How HAProxy reads a word (configuration manual, section 2.2): between double quotes a backslash escapes, and
//! `$` begins a variable of the environment; in format strings `%` begins a variable.

use crate::engine::Raw;

/// For values that a template prints by itself: one word.
pub(super) fn quote(text: &str) -> Result<String, String> {
    match text.chars().find(|c| c.is_control()) {
        Some(c) => {
            Err(format!("`{}` cannot be written into an HAProxy configuration", c.escape_default()))
        }
        None => Ok(word(text)),
    }
}

/// One word that is no format string: a pattern, a file name.
pub(super) fn literal(text: &str) -> Raw {
    Raw(word(text))
}

/// One word of a format string, without variables.
pub(super) fn value(text: &str) -> Raw {
    Raw(word(&text.replace('%', "%%")))
}

fn word(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:*=@~%+,[]?^|()<>!&;".contains(&b);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' | '$' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A text inside of a regular expression of ours, meant literally.
pub(super) fn in_pattern(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '/' | '%') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted() {
        assert_eq!(quote("/chat/ws"), Ok("/chat/ws".into()));
        assert_eq!(quote("a b # $HOME"), Ok("\"a b # \\$HOME\"".into()));
        assert_eq!(value("100% \"x\"\n").0, "\"100%% \\\"x\\\"\\n\"");
        assert!(quote("a\nb").is_err());
    }
}
