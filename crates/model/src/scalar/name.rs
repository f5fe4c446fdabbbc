//! Names that the parts of a model have for each other.

use std::fmt;

use crate::code::Code;
use crate::decode::{Problem, Scalar, decode_scalar};
use crate::field::ScalarSpec;

/// A name (`value/names`): `[a-z0-9][a-z0-9_-]*`, at most 63 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(String);

/// The code of a diagnostic, such as `WSG0317`. Whether it exists is for its reader to say: a model may
/// name codes of a newer version.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CodeName(String);

impl Name {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl CodeName {
    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for CodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Scalar for Name {
    const SPEC: ScalarSpec = ScalarSpec {
        name: "Name",
        doc: "a name of lower-case letters, digits, `_` and `-`, at most 63 characters",
        examples: &["chat", "chat-edge"],
    };
    const CODE: Code = Code::BAD_NAME;
    const QUOTED: bool = true;

    fn parse(text: &str) -> Result<Self, Problem> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        if (1..=63).contains(&text.len())
            && text.bytes().all(plain)
            && !text.starts_with(['_', '-'])
        {
            return Ok(Self(text.to_owned()));
        }
        let fixed: String = text
            .to_lowercase()
            .chars()
            .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' })
            .take(63)
            .collect();
        let fixed = fixed.trim_matches('-');
        let help = if fixed.is_empty() {
            "begin with a lower-case letter or a digit".to_owned()
        } else {
            format!("write `{fixed}`")
        };
        Err(Problem::new(
            format!("`{}` is not a name", text.escape_debug()),
            "lower-case letters, digits, `_` and `-`, at most 63",
            help,
        ))
    }
}

impl Scalar for CodeName {
    const SPEC: ScalarSpec =
        ScalarSpec { name: "Code", doc: "the code of a diagnostic", examples: &["WSG0317"] };
    const CODE: Code = Code::BAD_NAME;
    const QUOTED: bool = true;

    fn parse(text: &str) -> Result<Self, Problem> {
        let digits = text.strip_prefix("WSG").unwrap_or("");
        if digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(Self(text.to_owned()));
        }
        Err(Problem::new(
            format!("`{}` is not the code of a diagnostic", text.escape_debug()),
            "`WSG` and four digits",
            "copy the code from the message that is meant, such as `WSG0317`",
        ))
    }
}

decode_scalar!(Name, CodeName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        assert!(Name::parse("chat-2_b").is_ok());
        for text in ["", "Chat", "-a", "_a", "a b", "ä", "a.b", &"a".repeat(64)] {
            assert!(Name::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(Name::parse("My App").unwrap_err().help, "write `my-app`");
    }
}
