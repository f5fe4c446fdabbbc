//! Versions of the servers that a model is rendered for.

use std::fmt;

use crate::code::Code;
use crate::decode::{Problem, Scalar, decode_scalar};
use crate::field::ScalarSpec;

/// A server's version: one to three numbers, such as `1.26` or `2.4.71`. Versions compare by number; a
/// part that is not written is 0.
#[derive(Debug, Clone, Copy)]
pub struct TargetVersion([u16; 3], u8);

impl PartialEq for TargetVersion {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for TargetVersion {}

impl PartialOrd for TargetVersion {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for TargetVersion {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl TargetVersion {
    /// The three numbers.
    pub const fn parts(self) -> [u16; 3] {
        self.0
    }

    /// A version of three numbers.
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self([major, minor, patch], 3)
    }
}

impl fmt::Display for TargetVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = self.0.iter().take(usize::from(self.1)).map(u16::to_string).collect();
        f.write_str(&parts.join("."))
    }
}

impl Scalar for TargetVersion {
    const SPEC: ScalarSpec = ScalarSpec {
        name: "TargetVersion",
        doc: "a version of one to three numbers, in quotes",
        examples: &["1.26", "2.4.71"],
    };
    const CODE: Code = Code::BAD_TEXT;
    // `1.30` without quotes is the number 1.3 to other readers of YAML.
    const QUOTED: bool = true;

    fn parse(text: &str) -> Result<Self, Problem> {
        let mut parts = [0; 3];
        let mut count = 0;
        for part in text.split('.') {
            match (parts.get_mut(usize::from(count)), part.parse::<u16>()) {
                (Some(slot), Ok(number)) if part.bytes().all(|b| b.is_ascii_digit()) => {
                    *slot = number;
                }
                _ => {
                    return Err(Problem::new(
                        format!("`{}` is not a version", text.escape_debug()),
                        "one to three numbers, such as `1.26.3`",
                        "write the numbers alone, without a name or a distribution's suffix",
                    ));
                }
            }
            count += 1;
        }
        Ok(Self(parts, count))
    }
}

decode_scalar!(TargetVersion);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        let version = |text| TargetVersion::parse(text).unwrap();
        assert!(version("1.9") < version("1.26"));
        assert!(version("2.4") < version("2.4.1"));
        assert!(version("2.6") >= TargetVersion::new(2, 6, 0));
        assert_eq!(version("1.30").to_string(), "1.30");
        for text in ["", "1.", "v1", "1.2.3.4", "1.2-3", "1.+2"] {
            assert!(TargetVersion::parse(text).is_err(), "{text}");
        }
    }
}
