//! Sizes with units.

use std::fmt;

use crate::code::Code;
use crate::decode::{Problem, Scalar, decode_scalar};
use crate::field::ScalarSpec;

/// A size from 1 B to 1 TiB, written with a binary unit: `512B`, `32KiB`, `20MiB`, `1GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(u64);

const MAX: u64 = 1 << 40;
const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl Bytes {
    /// From bytes; moved into the bounds.
    pub const fn new(bytes: u64) -> Self {
        Self(if bytes == 0 {
            1
        } else if bytes > MAX {
            MAX
        } else {
            bytes
        })
    }

    /// In bytes.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, size) =
            UNITS.into_iter().find(|(_, size)| self.0.is_multiple_of(*size)).unwrap_or(("B", 1));
        write!(f, "{}{unit}", self.0 / size)
    }
}

impl Scalar for Bytes {
    const SPEC: ScalarSpec = ScalarSpec {
        name: "Bytes",
        doc: "a size with a unit (B, KiB, MiB, GiB), from 1B to 1024GiB",
        examples: &["512B", "32KiB", "20MiB", "1GiB"],
    };
    const CODE: Code = Code::BAD_BYTES;

    fn parse(text: &str) -> Result<Self, Problem> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let expected = "a size such as `512B`, `32KiB` or `20MiB`";
        let help = match unit.trim().to_ascii_lowercase().as_str() {
            _ if digits == 0 => "write a whole number and a unit, such as `32KiB`".to_owned(),
            "" => format!("write the unit: `{number}B`, or `KiB`, `MiB`, `GiB`"),
            "k" | "kb" | "kib" => format!("binary units have an i: `{number}KiB`"),
            "m" | "mb" | "mib" => format!("binary units have an i: `{number}MiB`"),
            "g" | "gb" | "gib" => format!("binary units have an i: `{number}GiB`"),
            _ => "write a whole number and one of B, KiB, MiB and GiB".to_owned(),
        };
        let known = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, size)| *size);
        let (Some(size), Ok(number)) = (known, number.parse::<u64>()) else {
            return Err(Problem::new(format!("`{text}` is not a size"), expected, help));
        };
        match number.checked_mul(size) {
            Some(bytes) if (1..=MAX).contains(&bytes) => Ok(Self(bytes)),
            _ => {
                let mut problem = Problem::new(
                    format!("`{text}` is out of range"),
                    "a size from 1B to 1024GiB",
                    "write a size within these bounds",
                );
                problem.code = Some(Code::OUT_OF_RANGE);
                Err(problem)
            }
        }
    }
}

decode_scalar!(Bytes);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimal_units_are_refused_with_the_binary_one() {
        let help = Bytes::parse("32k").unwrap_err().help;
        assert_eq!(help, "binary units have an i: `32KiB`");
        assert!(Bytes::parse("0B").is_err());
        assert!(Bytes::parse("99999999999GiB").is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(bytes in 1..=MAX) {
            let bytes = Bytes::new(bytes);
            prop_assert_eq!(Bytes::parse(&bytes.to_string()), Ok(bytes));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = Bytes::parse(&text);
        }
    }
}
