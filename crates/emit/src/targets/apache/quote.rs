//! How Apache reads what stands behind a directive. There are four ways, each for its own directives:
//!
//! - a word (`ap_getword_conf`): between double quotes a backslash takes the next quote or backslash literally;
//! - a header format (`mod_headers`): a word in which `%` begins a variable and a backslash escapes once more;
//! - an expression's string ("Expressions in Apache HTTP Server"): `%{…}` and `$1` are variables, backslash escapes;
//! - the arguments of `mod_rewrite`, which split at blanks and cannot hold a quote at all.
//!
//! Ahead of all four, `${NAME}` is replaced; a constant of ours stands for the dollar sign.

use crate::engine::Raw;

/// Stands for a dollar sign that would begin a replacement; `Define` gives it.
pub(super) const DOLLAR: &str = "${wsgen_dollar}";

/// For values that a template prints by itself: one word.
pub(super) fn quote(text: &str) -> Result<String, String> {
    match text.chars().find(|c| c.is_control()) {
        Some(c) => {
            Err(format!("`{}` cannot be written into an Apache configuration", c.escape_default()))
        }
        None => Ok(word(text)),
    }
}

/// One word: a name, a file.
pub(super) fn word(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:*=@~+,[]|".contains(&b);
    let text = text.replace("${", &format!("{DOLLAR}{{"));
    if !text.is_empty() && text.bytes().all(plain) {
        return text;
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A value of `Header` and `RequestHeader`, meant literally.
pub(super) fn header(text: &str) -> String {
    if let Some(rest) = text.strip_prefix("expr=") {
        // Otherwise the rest would be evaluated.
        return word(&format!("expr={}", in_expression(&format!("expr={rest}"))));
    }
    word(&text.replace('\\', "\\\\").replace('%', "%%"))
}

/// The text of `ErrorDocument`, which is an expression's string.
pub(super) fn document(text: &str) -> String {
    if text.is_empty() {
        // An empty argument is refused; a variable that nobody sets is shown as nothing.
        return "\"%{reqenv:wsgen_nothing}\"".to_owned();
    }
    let mut escaped = in_expression(text);
    // A path, a URL or this word would be followed instead of shown.
    if escaped.starts_with('/') {
        escaped.insert(0, '\\');
    }
    if escaped.eq_ignore_ascii_case("default") {
        escaped.insert(1, '\\');
    }
    word(&escaped)
}

/// A text inside of an expression's string, meant literally.
fn in_expression(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '\\' | '%' | '$' | '"' | '\'' | ':' => escaped.extend(['\\', c]),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// The regular expression of a model as an argument of `mod_rewrite`.
pub(super) fn pattern(regex: &str) -> String {
    let mut written = String::with_capacity(regex.len());
    let mut chars = regex.chars();
    while let Some(c) = chars.next() {
        let (escape, c) = if c == '\\' { ("\\", chars.next().unwrap_or('\\')) } else { ("", c) };
        match c {
            ' ' | '"' | '\'' => written.push_str(&format!("\\x{:02x}", u32::from(c))),
            _ => written.extend(escape.chars().chain([c])),
        }
    }
    written.replace("${", &format!("{DOLLAR}{{"))
}

/// A text inside of a pattern of ours, meant literally.
pub(super) fn in_pattern(text: &str) -> String {
    bytes_in_pattern(text.as_bytes())
}

/// Bytes inside of a pattern of ours, meant literally.
pub(super) fn bytes_in_pattern(bytes: &[u8]) -> String {
    let mut escaped = String::with_capacity(bytes.len());
    for b in bytes {
        match b {
            b if b.is_ascii_alphanumeric() || b"-_/%=,:;@&~".contains(b) => {
                escaped.push(char::from(*b));
            }
            b if b.is_ascii_punctuation() && !b"\"'$".contains(b) => {
                escaped.extend(['\\', char::from(*b)]);
            }
            b => escaped.push_str(&format!("\\x{b:02x}")),
        }
    }
    escaped
}

/// A text inside of a substitution of `mod_rewrite`, meant literally; it is a part of a URL, so that what cannot
/// be written is percent-encoded.
pub(super) fn in_substitution(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\'' | ' ' => escaped.push_str(&format!("\\%{:02X}", u32::from(c))),
            '%' | '$' | '\\' => escaped.extend(['\\', c]),
            _ => escaped.push(c),
        }
    }
    escaped.replace("${", &format!("{DOLLAR}{{"))
}

/// A line that was written by its view.
pub(super) fn line(text: impl Into<String>) -> Raw {
    Raw(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_or_refused() {
        assert_eq!(quote("/chat/ws"), Ok("/chat/ws".into()));
        assert_eq!(quote("a b \"c\" \\"), Ok("\"a b \\\"c\\\" \\\\\"".into()));
        assert_eq!(quote("${HOME}"), Ok("\"${wsgen_dollar}{HOME}\"".into()));
        assert!(quote("a\nb").is_err());
    }

    #[test]
    fn values_are_no_formats() {
        assert_eq!(header("100% \\n"), "\"100%% \\\\\\\\n\"");
        assert_eq!(header("expr=%{X}"), "\"expr=expr=\\\\%{X}\"");
        assert_eq!(document("/etc\n"), "\"\\\\/etc\\\\n\"");
        assert_eq!(document("Default"), "\"D\\\\efault\"");
        assert_eq!(document("http://a"), "\"http\\\\://a\"");
    }

    #[test]
    fn patterns_hold_no_blank_and_no_quote() {
        assert_eq!(pattern("^/a b\\ \"[${]"), "^/a\\x20b\\x20\\x22[${wsgen_dollar}{]");
        assert_eq!(in_pattern("a.b c$"), "a\\.b\\x20c\\x24");
        assert_eq!(in_substitution("/a%20$1"), "/a\\%20\\$1");
    }
}
