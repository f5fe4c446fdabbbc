//! The part of an IPv6 address that stands for one client.

use std::fmt;

use crate::code::Code;
use crate::decode::{Problem, Scalar, decode_scalar};
use crate::field::ScalarSpec;

/// The number of leading bits of an IPv6 address that stand for one client: whole bytes, from 32 to 128 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ipv6Prefix(u8);

impl Ipv6Prefix {
    /// The network of one customer's line (RFC 6177; RFC 4291 section 2.5.4).
    pub const LINE: Self = Self(64);
    /// Each address for itself.
    pub const ADDRESS: Self = Self(128);

    /// The number of bits.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u8 {
        self.0 / 8
    }
}

impl fmt::Display for Ipv6Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Scalar for Ipv6Prefix {
    const SPEC: ScalarSpec = ScalarSpec {
        name: "Ipv6Prefix",
        doc: "leading bits of an IPv6 address: a multiple of 8 from 32 to 128",
        examples: &["64", "56"],
    };
    const CODE: Code = Code::OUT_OF_RANGE;

    fn parse(text: &str) -> Result<Self, Problem> {
        match text.parse::<u8>() {
            Ok(bits) if (32..=128).contains(&bits) && bits % 8 == 0 && !text.starts_with('+') => {
                Ok(Self(bits))
            }
            _ => Err(Problem::new(
                format!("`{}` is not a prefix of IPv6 addresses", text.escape_debug()),
                "a multiple of 8 from 32 to 128",
                "write `64` for a customer's line, `56` or `48` for a site, `128` for each address",
            )),
        }
    }
}

decode_scalar!(Ipv6Prefix);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_bytes_of_an_address_are_taken() {
        assert_eq!(Ipv6Prefix::parse("56").unwrap().bytes(), 7);
        assert_eq!(Ipv6Prefix::parse("128").unwrap(), Ipv6Prefix::ADDRESS);
        for bad in ["", "0", "24", "60", "+64", "136", "300", "/64", "sixty-four"] {
            assert!(Ipv6Prefix::parse(bad).is_err(), "{bad}");
        }
    }
}
