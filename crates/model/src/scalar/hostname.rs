//! Hostnames in ASCII.

use std::fmt;

use crate::code::Code;
use crate::decode::{Problem, Scalar, decode_scalar};
use crate::field::ScalarSpec;

/// A hostname in lower-case ASCII without a final dot; `*.` before it stands for one or more labels
/// (`route/host-form`). Names in other scripts become their IDNA form (RFC 5890, UTS 46).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hostname {
    name: String,
    wildcard: bool,
}

impl Hostname {
    /// Whether it begins with `*.`.
    pub fn is_wildcard(&self) -> bool {
        self.wildcard
    }

    /// The name, of a wildcard the part after `*.`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it covers a host that is already in canonical form.
    pub fn matches(&self, host: &str) -> bool {
        if !self.wildcard {
            return self.name == host;
        }
        host.strip_suffix(&self.name).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
    }

    /// The host of a Host field or of a URL's authority in the form that hostnames compare in: without the
    /// port and one final dot, in lower case.
    pub fn canonical_host(authority: &str) -> String {
        let host = match authority.rfind(']') {
            Some(end) if authority.starts_with('[') => &authority[..=end],
            _ => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
        };
        host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
    }
}

impl fmt::Display for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.wildcard {
            f.write_str("*.")?;
        }
        f.write_str(&self.name)
    }
}

impl Scalar for Hostname {
    const SPEC: ScalarSpec = ScalarSpec {
        name: "Hostname",
        doc: "a hostname without a port; `*.` before it stands for one or more labels",
        examples: &["chat.example.com", "*.example.com", "bücher.example"],
    };
    const CODE: Code = Code::BAD_HOSTNAME;

    fn parse(text: &str) -> Result<Self, Problem> {
        let bad = |help: &str| {
            Problem::new(
                format!("`{text}` is not a hostname"),
                "a hostname such as `chat.example.com` or `*.example.com`",
                help,
            )
        };
        let (rest, wildcard) = text.strip_prefix("*.").map_or((text, false), |rest| (rest, true));
        if rest == "*" || rest.is_empty() {
            return Err(bad("for any host leave `hostnames` out"));
        }
        if rest.contains('*') {
            return Err(bad("a wildcard is `*.` at the beginning and nothing else"));
        }
        if rest.contains("://") || rest.contains('/') {
            return Err(bad("write the host alone, without scheme and path"));
        }
        if rest.contains(':') {
            return Err(bad("write the host without a port: the listener's address has it"));
        }
        let rest = rest.strip_suffix('.').unwrap_or(rest);
        let name = if rest.is_ascii() {
            rest.to_ascii_lowercase()
        } else {
            idna::domain_to_ascii_strict(rest)
                .map_err(|_| bad("the name has no IDNA form; write it in ASCII"))?
        };
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if name.len() > 253 || !name.split('.').all(label) {
            return Err(bad(
                "labels are letters, digits and `-`, at most 63 each and 253 together",
            ));
        }
        Ok(Self { name, wildcard })
    }
}

decode_scalar!(Hostname);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_become_ascii() {
        assert_eq!(
            Hostname::parse("Bücher.Example.").unwrap().to_string(),
            "xn--bcher-kva.example"
        );
        assert_eq!(Hostname::parse("*.A.b").unwrap().to_string(), "*.a.b");
    }

    #[test]
    fn a_wildcard_covers_one_or_more_labels() {
        let name = Hostname::parse("*.example.com").unwrap();
        assert!(name.matches("a.example.com") && name.matches("a.b.example.com"));
        assert!(
            !name.matches("example.com")
                && !name.matches("aexample.com")
                && !name.matches(".example.com")
        );
    }

    #[test]
    fn hosts_lose_port_dot_and_case() {
        for (authority, host) in [
            ("A.b:80", "a.b"),
            ("a.b.", "a.b"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"),
            ("", ""),
        ] {
            assert_eq!(Hostname::canonical_host(authority), host);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "", "*", "*.", "a.*.b", "a b", "a..b", "-a", "a-", "http://a", "a:80", "a/b", "a;b",
            "ä ö",
        ] {
            assert!(Hostname::parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(text in "\\PC*") {
            if let Ok(name) = Hostname::parse(&text) {
                prop_assert_eq!(Hostname::parse(&name.to_string()), Ok(name));
            }
        }
    }
}
