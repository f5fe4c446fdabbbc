//! Address ranges.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::code::Code;
use crate::decode::{Problem, Scalar, decode_scalar};
use crate::field::ScalarSpec;

/// A range of addresses in CIDR notation (RFC 4632), host bits zero; one address stands for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cidr(IpNet);

impl Cidr {
    /// Whether an address lies in the range.
    pub fn contains(self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }

    /// Whether it holds every address of its family.
    pub fn is_everything(self) -> bool {
        self.0.prefix_len() == 0
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Scalar for Cidr {
    const SPEC: ScalarSpec = ScalarSpec {
        name: "Cidr",
        doc: "an address range in CIDR notation, or one address",
        examples: &["10.0.0.0/8", "fd00::/8", "192.0.2.7"],
    };
    const CODE: Code = Code::BAD_CIDR;

    fn parse(text: &str) -> Result<Self, Problem> {
        let bad = |help: String| {
            Err(Problem::new(
                format!("`{}` is not an address range", text.escape_debug()),
                "a range such as `10.0.0.0/8`",
                help,
            ))
        };
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(IpNet::from(address)));
        }
        match text.parse::<IpNet>() {
            Ok(net) if net.addr() == net.network() => Ok(Self(net)),
            Ok(net) => {
                bad(format!("the address has bits outside of its mask; write `{}`", net.trunc()))
            }
            Err(_) => bad("write an IP address, a slash and the length of the mask".into()),
        }
    }
}

decode_scalar!(Cidr);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn host_bits_are_refused() {
        let help = Cidr::parse("10.1.0.0/8").unwrap_err().help;
        assert_eq!(help, "the address has bits outside of its mask; write `10.0.0.0/8`");
        assert_eq!(Cidr::parse("192.0.2.7").unwrap().to_string(), "192.0.2.7/32");
        assert!(Cidr::parse("10.0.0.0/33").is_err() && Cidr::parse("x").is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(address: IpAddr, length in 0u8..=32) {
            let cidr = Cidr(IpNet::new(address, length).unwrap().trunc());
            prop_assert_eq!(Cidr::parse(&cidr.to_string()), Ok(cidr));
        }
    }
}
