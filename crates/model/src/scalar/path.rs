//! Paths as a model writes them.

use std::fmt;

use crate::code::Code;
use crate::decode::{Problem, Scalar, decode_scalar};
use crate::field::ScalarSpec;
use crate::routing::NormalPath;

/// A path in normal form (`route/normal-path`): it begins with `/`, and what a request must look like
/// after normalisation stands in it byte for byte. At most 1024 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PathLiteral(String);

impl PathLiteral {
    /// `/`.
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path as a prefix by segments: without one final slash, the root as nothing.
    pub fn prefix(&self) -> &str {
        self.0.strip_suffix('/').unwrap_or(&self.0)
    }

    /// Whether a normal path lies under this prefix (`route/prefix`).
    pub fn covers(&self, path: &str) -> bool {
        path.strip_prefix(self.prefix())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl fmt::Display for PathLiteral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Scalar for PathLiteral {
    const SPEC: ScalarSpec = ScalarSpec {
        name: "Path",
        doc: "a path in normal form, without query, at most 1024 bytes",
        examples: &["/", "/chat/ws", "/a%20b"],
    };
    const CODE: Code = Code::BAD_PATH;

    fn parse(text: &str) -> Result<Self, Problem> {
        let bad = |help: String| {
            Problem::new(
                format!("`{}` is not a path in normal form", text.escape_debug()),
                "a path such as `/chat/ws`",
                help,
            )
        };
        if !text.starts_with('/') {
            return Err(bad(format!("begin it with a slash: `/{}`", text.escape_debug())));
        }
        if let Some(at) = text.find(['?', '#']) {
            return Err(
                bad("a path has no query; match that with `query`".into()).at(at..text.len())
            );
        }
        if text.len() > 1024 {
            return Err(bad("a path has at most 1024 bytes".into()));
        }
        // Characters that no server passes on as they are (D15) have one safe spelling.
        if let Some((at, c)) = text.char_indices().find(|(_, c)| {
            !c.is_ascii_graphic()
                || matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}')
        }) {
            let mut buffer = [0; 4];
            let escaped: String =
                c.encode_utf8(&mut buffer).bytes().map(|b| format!("%{b:02X}")).collect();
            return Err(
                bad(format!("write it percent-encoded: `{escaped}`")).at(at..at + c.len_utf8())
            );
        }
        match NormalPath::parse(text) {
            Ok(normal) if normal.path() == text => Ok(Self(text.to_owned())),
            Ok(normal) => {
                Err(bad(format!("requests are compared in normal form; write `{}`", normal.path())))
            }
            Err(problem) => Err(bad(problem.to_string())),
        }
    }
}

decode_scalar!(PathLiteral);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_at_a_segment() {
        let prefix = PathLiteral::parse("/ws").unwrap();
        assert!(prefix.covers("/ws") && prefix.covers("/ws/") && prefix.covers("/ws/a"));
        assert!(!prefix.covers("/wsx") && !prefix.covers("/") && !prefix.covers("/w"));
        assert!(PathLiteral::parse("/").unwrap().covers("/anything"));
    }

    #[test]
    fn only_normal_forms_are_taken() {
        for (text, help) in [
            ("ws", "begin it with a slash: `/ws`"),
            ("/a//b", "requests are compared in normal form; write `/a/b`"),
            ("/a/../b", "requests are compared in normal form; write `/b`"),
            ("/%41", "requests are compared in normal form; write `/A`"),
            ("/a b", "write it percent-encoded: `%20`"),
            ("/ä", "write it percent-encoded: `%C3%A4`"),
            ("/a?b", "a path has no query; match that with `query`"),
        ] {
            assert_eq!(PathLiteral::parse(text).unwrap_err().help, help, "{text}");
        }
        assert!(PathLiteral::parse("/a%2Fb").is_ok());
        assert!(PathLiteral::parse("/%zz").is_err());
    }
}
