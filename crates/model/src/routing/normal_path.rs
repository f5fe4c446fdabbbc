//! Paths in the form that they are compared in.

use std::borrow::Cow;
use std::fmt;

/// The path of a request target in normal form (`route/normal-path`), with the query as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NormalPath<'a> {
    path: Cow<'a, str>,
    query: Option<&'a str>,
}

/// Why a target has no normal form (`route/bad-path`); such a request gets 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathProblem {
    /// It does not begin with a slash.
    NoSlash,
    /// `%` without two hexadecimal digits behind it.
    BadEscape,
    /// `%00`.
    Nul,
    /// A control character, a space, `#`, or a byte outside ASCII.
    BadByte,
}

impl fmt::Display for PathProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSlash => "a path begins with a slash",
            Self::BadEscape => "write two hexadecimal digits behind every `%`",
            Self::Nul => "a path cannot contain `%00`",
            Self::BadByte => "a path is visible ASCII without spaces and `#`",
        })
    }
}

impl<'a> NormalPath<'a> {
    /// Brings a target in origin form (RFC 9112 section 3.2.1) into normal form.
    pub fn parse(target: &'a str) -> Result<Self, PathProblem> {
        if !target.starts_with('/') {
            return Err(PathProblem::NoSlash);
        }
        if target.bytes().any(|b| !b.is_ascii_graphic() || b == b'#') {
            return Err(PathProblem::BadByte);
        }
        let (path, query) =
            target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let decoded = decode_unreserved(path)?;
        let path = if decoded.contains("//") || decoded.contains("/.") {
            Cow::Owned(resolve(&decoded))
        } else {
            decoded
        };
        Ok(Self { path, query })
    }

    /// The path.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What stood behind the `?`, if there was one.
    pub fn query(&self) -> Option<&'a str> {
        self.query
    }

    /// The values of a query parameter, as they were sent.
    pub fn parameters(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.query.into_iter().flat_map(|query| query.split('&')).filter_map(move |pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key == name).then_some(value)
        })
    }
}

/// Decodes what need not be encoded (RFC 3986 section 2.3) and writes other escapes in capitals.
fn decode_unreserved(path: &str) -> Result<Cow<'_, str>, PathProblem> {
    let Some(first) = path.find('%') else {
        return Ok(Cow::Borrowed(path));
    };
    let mut normal = String::with_capacity(path.len());
    let (head, mut rest) = path.split_at(first);
    normal.push_str(head);
    while let Some(at) = rest.find('%') {
        normal.push_str(&rest[..at]);
        let digits = rest.get(at + 1..at + 3).ok_or(PathProblem::BadEscape)?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(PathProblem::BadEscape);
        }
        let byte = u8::from_str_radix(digits, 16).map_err(|_| PathProblem::BadEscape)?;
        match byte {
            0 => return Err(PathProblem::Nul),
            b'-' | b'.' | b'_' | b'~' => normal.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => normal.push(char::from(byte)),
            _ => normal.push_str(&format!("%{byte:02X}")),
        }
        rest = &rest[at + 3..];
    }
    normal.push_str(rest);
    Ok(if normal == path { Cow::Borrowed(path) } else { Cow::Owned(normal) })
}

/// Merges slashes, then resolves dot segments (RFC 3986 section 5.2.4); `..` at the root stays there.
fn resolve(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        match segment {
            "." => {}
            ".." => {
                segments.pop();
            }
            _ => segments.push(segment),
        }
    }
    let folder = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
    let mut normal = String::with_capacity(path.len());
    for segment in &segments {
        normal.push('/');
        normal.push_str(segment);
    }
    if folder || segments.is_empty() {
        normal.push('/');
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_become_normal() {
        for (target, path) in [
            ("/", "/"),
            ("/ws", "/ws"),
            ("/ws/", "/ws/"),
            ("/%77s", "/ws"),
            ("//ws///a", "/ws/a"),
            ("/ws/./a", "/ws/a"),
            ("/ws/../deny", "/deny"),
            ("/ws/%2e%2e/deny", "/deny"),
            ("/ws/%2E", "/ws/"),
            ("/ws/..", "/"),
            ("/../../a", "/a"),
            ("/ws/..%2fdeny", "/ws/..%2Fdeny"),
            ("/ws/..;/deny", "/ws/..;/deny"),
            ("/a%20b%7e", "/a%20b~"),
            ("/.well-known", "/.well-known"),
            ("/a?x=//../%zz", "/a"),
            ("/%25%32%46", "/%252F"),
        ] {
            assert_eq!(
                NormalPath::parse(target).map(|n| n.path().to_owned()),
                Ok(path.to_owned()),
                "{target}"
            );
        }
    }

    #[test]
    fn what_has_no_normal_form_is_refused() {
        for (target, problem) in [
            ("", PathProblem::NoSlash),
            ("ws", PathProblem::NoSlash),
            ("*", PathProblem::NoSlash),
            ("/%", PathProblem::BadEscape),
            ("/%z1", PathProblem::BadEscape),
            ("/%+1", PathProblem::BadEscape),
            ("/%00", PathProblem::Nul),
            ("/a b", PathProblem::BadByte),
            ("/ä", PathProblem::BadByte),
            ("/a#b", PathProblem::BadByte),
        ] {
            assert_eq!(NormalPath::parse(target), Err(problem), "{target}");
        }
    }

    proptest! {
        /// Normal is normal: once is enough, and no dot segment, double slash or needless escape is left.
        #[test]
        fn normalising_is_idempotent(target in "/[a./%0-9A-F?;]{0,30}") {
            if let Ok(normal) = NormalPath::parse(&target) {
                let path = normal.path().to_owned();
                prop_assert!(!path.contains("//") && path.starts_with('/'));
                prop_assert!(path.split('/').all(|s| s != "." && s != ".."), "{}", path);
                let again = NormalPath::parse(&path).map(|n| n.path().to_owned());
                prop_assert_eq!(again, Ok(path));
            }
        }
    }
}
