//! The inside of a quoted string of HTTP (RFC 9110 section 5.6.4), as in `WWW-Authenticate: Basic realm="…"`.

/// Escapes a text, for servers that put it between quotes as it is.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// The text that clients see between the quotes. Where a quote would end the string early, somebody has not thought of
/// it, and the text is taken for what was meant.
pub(crate) fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return text.to_owned(),
            '\\' => match chars.next() {
                Some(next) => out.push(next),
                None => return text.to_owned(),
            },
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back() {
        for text in ["plain", "say \"x\"", "a\\", "\\\"", "ä"] {
            assert_eq!(unescaped(&escaped(text)), text);
        }
        assert_eq!(unescaped("a \"b\""), "a \"b\"");
    }
}
