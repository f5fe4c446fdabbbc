//! How nginx reads a word (`ngx_conf_read_token`): between double quotes, a backslash takes the next
//! quote or backslash literally. A `$` begins a variable and cannot be escaped.

/// Writes a text as one word, or says why it cannot.
pub(super) fn quote(text: &str) -> Result<String, String> {
    if let Some(c) = text.chars().find(|c| c.is_control() || *c == '$') {
        return Err(format!(
            "`{}` cannot be written into an nginx configuration",
            c.escape_default()
        ));
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:*=@~%+,[]".contains(&b);
    if !text.is_empty() && text.bytes().all(plain) {
        return Ok(text.to_owned());
    }
    Ok(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn words_are_quoted_or_refused() {
        assert_eq!(quote("/chat/ws"), Ok("/chat/ws".into()));
        assert_eq!(quote(""), Ok("\"\"".into()));
        assert_eq!(quote("a;} b"), Ok("\"a;} b\"".into()));
        assert_eq!(quote("a\"\\b"), Ok("\"a\\\"\\\\b\"".into()));
        assert!(quote("$host").is_err() && quote("a\nb").is_err());
    }
}
