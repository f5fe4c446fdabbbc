//! Secrets in texts that are shown: values of header fields that carry credentials, and passwords. Reports and status
//! pages show a text with its secrets masked, byte for byte as long as it was, so that places in it stay where they are.

/// Parts of the names of fields and settings whose values are secret.
const PARTS: [&str; 12] = [
    "authorization",
    "cookie",
    "token",
    "secret",
    "password",
    "passwd",
    "api-key",
    "apikey",
    "credential",
    "private-key",
    "session",
    "x-auth",
];

/// Words ahead of the name of a header field where a configuration separates names and values by blanks.
const AHEAD: [&str; 8] = [
    "proxy_set_header",
    "add_header",
    "set-header",
    "add-header",
    "set",
    "add",
    "append",
    "setifempty",
];

/// Returns whether the value of a header field with this name is a secret, such as that of `Authorization`.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    PARTS.iter().any(|part| name.contains(part))
}

/// Returns whether a server's own configuration holds a secret: a file of such text is for its owner alone. Cookies that
/// keep clients at their server are none.
pub fn holds(text: &str) -> bool {
    let shown = mask(text);
    let differs = text.lines().zip(shown.lines()).filter(|(line, shown)| line != shown);
    differs.into_iter().any(|(line, _)| !line.to_ascii_lowercase().contains("set-cookie"))
}

/// Returns a text with its secrets replaced by asterisks: a model, an excerpt of one, or a server's own configuration,
/// whether or not it can be read. Comments are looked at too.
pub fn mask(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    // The indentation of a key whose value goes on in the lines below it.
    let mut block: Option<usize> = None;
    let mut before = "";
    for line in text.split_inclusive('\n') {
        let content = line.trim_end();
        let indent = content.len() - content.trim_start().len();
        if block.is_some_and(|key| indent > key) && !content.is_empty() {
            out.extend_from_slice(&line.as_bytes()[..indent]);
            hide(line, indent..content.len(), &mut out);
            continue;
        }
        if !content.is_empty() {
            block = None;
        }
        let (mut shown, mut at) = (0, 0);
        while let Some(key) = next_name(content, at) {
            at = key.end;
            let Some(value) = value_of(content, &key, before) else { continue };
            if value.is_empty() || content[value.clone()].starts_with(['|', '>']) {
                block = Some(indent);
                continue;
            }
            out.extend_from_slice(&line.as_bytes()[shown..value.start]);
            hide(&line[..value.end], value.clone(), &mut out);
            (shown, at) = (value.end, value.end);
        }
        out.extend_from_slice(&line.as_bytes()[shown..]);
        if !content.trim().is_empty() {
            before = content;
        }
    }
    // Whole characters were replaced by ASCII.
    String::from_utf8(out).unwrap_or_default()
}

type Range = std::ops::Range<usize>;

/// Adds a range of a line, with every byte of what is no blank as an asterisk, and the rest of the line behind it.
fn hide(line: &str, range: Range, out: &mut Vec<u8>) {
    let masked = line.as_bytes()[range.clone()].iter();
    out.extend(masked.map(|byte| if byte.is_ascii_whitespace() { *byte } else { b'*' }));
    out.extend_from_slice(&line.as_bytes()[range.end..]);
}

/// The next name of a secret at or behind a place.
fn next_name(line: &str, from: usize) -> Option<Range> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let bytes = line.as_bytes();
    let mut at = from;
    while at < bytes.len() {
        if !is_part(bytes[at]) {
            at += 1;
            continue;
        }
        let length = bytes[at..].iter().position(|byte| !is_part(*byte));
        let end = length.map_or(bytes.len(), |length| at + length);
        if is_secret(&line[at..end]) {
            return Some(at..end);
        }
        at = end;
    }
    None
}

/// The value behind a name; `None` where the name is that of no value. `before` is the line before.
fn value_of(line: &str, name: &Range, before: &str) -> Option<Range> {
    let ahead = line[..name.start].trim_end_matches(['"', '\'']).trim_end();
    // A setting of the model, which names a cookie.
    let parent = ahead.trim_end_matches('{').trim_end();
    let parent = if parent.is_empty() { before.trim_end() } else { parent };
    if &line[name.clone()] == "cookie" && parent.ends_with("sticky:") {
        return None;
    }
    let rest = &line[name.end..];
    let behind = rest.trim_start_matches(['"', '\'']);
    let directive = ahead.rsplit([' ', '\t']).next().unwrap_or_default();
    let is_password = ["password", "insecure-password"].contains(&&line[name.clone()]);
    let value = if let Some(value) = behind.trim_start().strip_prefix(':') {
        // `a:b` is one word.
        if !value.is_empty() && !value.starts_with([' ', '\t']) {
            return None;
        }
        value
    } else if AHEAD.contains(&directive) || is_password && behind.starts_with([' ', '\t']) {
        behind
    } else {
        return None;
    };
    let value = value.trim_start();
    let start = line.len() - value.len();
    let flow = ahead.contains('{');
    let length = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => closing(value, quote),
        _ if flow => value.find([',', '}']).unwrap_or(value.len()),
        _ => value.find(" #").unwrap_or(value.len()),
    };
    Some(start..start + value[..length].trim_end().len())
}

/// The length of a quoted text with its quotes; the rest of the line where it is not closed.
fn closing(value: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in value.char_indices().skip(1) {
        match c {
            '\\' if quote == '"' && !escaped => escaped = true,
            c if c == quote && !escaped => return at + 1,
            _ => escaped = false,
        }
    }
    value.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_credentials_are_secret() {
        for name in [
            "Authorization",
            "proxy_authorization",
            "Cookie",
            "X-Api-Key",
            "X-Auth-User",
            "X-CSRF-Token",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["Host", "X-Forwarded-For", "Sec-WebSocket-Key", "Origin", "X-Edge"] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn values_are_masked_where_they_stand() {
        for (text, masked) in [
            (
                "set: {Authorization: \"Bearer a\\\"b\", X-Edge: w}",
                "set: {Authorization: ******* *****, X-Edge: w}",
            ),
            ("  Authorization: Basic eHg= # why", "  Authorization: ***** **** # why"),
            ("{X-Api-Key: 'äb', X: y}", "{X-Api-Key: *****, X: y}"),
            ("# Cookie: a=b", "# Cookie: ***"),
            ("\"x-token\": s\nnext: 1", "\"x-token\": *\nnext: 1"),
            ("X-Token: |\n  one\n  two\nnext: 1", "X-Token: |\n  ***\n  ***\nnext: 1"),
            ("X-Token:\n    \"one\"\nnext: 1", "X-Token:\n    *****\nnext: 1"),
            (
                "proxy_set_header Authorization \"Basic x\";",
                "proxy_set_header Authorization ****** **;",
            ),
            ("http-request set-header X-Token abc", "http-request set-header X-Token ***"),
            ("user me insecure-password pass", "user me insecure-password ****"),
            ("RequestHeader set Cookie \"a=b\"", "RequestHeader set Cookie *****"),
        ] {
            assert_eq!(mask(text), masked);
            assert_eq!(mask(text).len(), text.len());
        }
    }

    #[test]
    fn configurations_with_credentials_are_known() {
        assert!(holds("user me password $6$salt$hash"));
        assert!(holds("proxy_set_header Authorization \"Basic x\";"));
        assert!(!holds("Header add Set-Cookie \"app=%{BALANCER_WORKER_ROUTE}e\""));
        assert!(!holds("proxy_set_header Host $host;"));
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "sticky: {cookie: {name: app}}",
            "sticky:\n  cookie: app\n",
            "copy_headers: [X-Auth-User, Cookie]",
            "load_balancing: {policy: hash, key: \"cookie:SERVERID\"}",
            "# a token is not a secret of ours\r\nname: x\n",
            "proxy_set_header Host $host;",
            "",
            "\n\n",
        ] {
            assert_eq!(mask(text), text);
        }
    }
}
