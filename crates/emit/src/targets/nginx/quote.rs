//! How nginx reads a word (`ngx_conf_read_token`): between double quotes a backslash takes the next quote or
//! backslash literally and makes a tab, return or line feed of `\t`, `\r` and `\n`. A `$` begins a variable
//! wherever a directive knows variables, and cannot be escaped: a constant of ours stands for it.

use crate::engine::Raw;

/// The variable that holds a dollar sign; `geo` values are never evaluated.
pub(super) const DOLLAR: &str = "${wsgen_dollar}";

/// For values that a template prints by itself: one word without variables.
pub(super) fn quote(text: &str) -> Result<String, String> {
    if let Some(c) = text.chars().find(|c| c.is_control() || *c == '$') {
        return Err(format!(
            "`{}` cannot be written into an nginx configuration",
            c.escape_default()
        ));
    }
    Ok(word(text))
}

/// One word where nginx evaluates variables, so that none is made.
pub(super) fn value(text: &str) -> Raw {
    Raw(word(text).replace('$', DOLLAR))
}

/// One word where nginx does not evaluate variables: a location, a pattern, a file name.
pub(super) fn literal(text: &str) -> Raw {
    Raw(word(text))
}

/// One word that contains variables of ours.
pub(super) fn with_variables(text: &str) -> Raw {
    Raw(word(text))
}

fn word(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:*=@~%+,[]$".contains(&b);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
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
        if !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '/' | ' ' | '%') {
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
    fn words_are_quoted_or_refused() {
        assert_eq!(quote("/chat/ws"), Ok("/chat/ws".into()));
        assert_eq!(quote(""), Ok("\"\"".into()));
        assert_eq!(quote("a;} b"), Ok("\"a;} b\"".into()));
        assert_eq!(quote("a\"\\b"), Ok("\"a\\\"\\\\b\"".into()));
        assert!(quote("$host").is_err() && quote("a\nb").is_err());
        assert_eq!(value("a$b\n").0, "\"a${wsgen_dollar}b\\n\"");
        assert_eq!(in_pattern("a.b+c"), "a\\.b\\+c");
    }
}
