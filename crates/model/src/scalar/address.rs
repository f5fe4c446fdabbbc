//! Addresses that a listener binds and that an upstream server has.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::code::Code;
use crate::decode::{Problem, Scalar, decode_scalar};
use crate::field::ScalarSpec;
use crate::scalar::Hostname;

/// Where a listener waits: an address with a port, or a Unix socket.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ListenAddress {
    /// `0.0.0.0:80`, `[::]:443`.
    Socket(SocketAddr),
    /// `unix:/run/wsgen.sock`: an absolute path.
    Unix(String),
}

/// Where a server waits: a name or an address with a port, or a Unix socket.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum UpstreamAddress {
    /// `10.1.0.11:9000`, `[fd00::1]:9000`.
    Socket(SocketAddr),
    /// `chat.internal:9000`: the name (ASCII, lower case) and the port.
    Name(Hostname, u16),
    /// `unix:/run/app.sock`: an absolute path.
    Unix(String),
}

impl UpstreamAddress {
    /// The host alone, as written into SNI or a Host field; `None` for a Unix socket.
    pub fn host(&self) -> Option<String> {
        match self {
            Self::Socket(SocketAddr::V4(address)) => Some(address.ip().to_string()),
            Self::Socket(SocketAddr::V6(address)) => Some(format!("[{}]", address.ip())),
            Self::Name(name, _) => Some(name.to_string()),
            Self::Unix(_) => None,
        }
    }

    /// Whether it is a name that somebody has to resolve.
    pub fn is_name(&self) -> bool {
        matches!(self, Self::Name(..))
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}

impl fmt::Display for UpstreamAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(address) => address.fmt(f),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
            Self::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}

const LISTEN: &str =
    "an address and a port such as `0.0.0.0:80`, `[::]:443`, or `unix:/run/x.sock`";
const UPSTREAM: &str =
    "a host and a port such as `10.1.0.11:9000`, `app.internal:9000`, or `unix:/run/x.sock`";

impl Scalar for ListenAddress {
    const SPEC: ScalarSpec = ScalarSpec {
        name: "ListenAddress",
        doc: "an IP address with a port, or `unix:` and an absolute path",
        examples: &["0.0.0.0:80", "[::]:443", "unix:/run/wsgen.sock"],
    };
    const CODE: Code = Code::BAD_ADDRESS;

    fn parse(text: &str) -> Result<Self, Problem> {
        if let Some(path) = text.strip_prefix("unix:") {
            return unix(path).map(Self::Unix);
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            return port(address.port(), text, LISTEN).map(|_| Self::Socket(address));
        }
        let help = if let Some(port) = text.strip_prefix("*:").or(text.strip_prefix(':')) {
            format!("write the address out: `0.0.0.0:{port}` for IPv4, `[::]:{port}` for IPv6")
        } else if text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() {
            format!("write the address too: `0.0.0.0:{text}`")
        } else if text.parse::<IpAddr>().is_ok() {
            "write the port too, and IPv6 addresses in brackets".to_owned()
        } else if text.rsplit_once(':').is_some_and(|(host, _)| Hostname::parse(host).is_ok()) {
            "a listener binds an address, not a name: names depend on the resolver of the machine"
                .to_owned()
        } else {
            "write an IP address and a port, IPv6 in brackets".to_owned()
        };
        Err(Problem::new(format!("`{text}` is not an address to listen on"), LISTEN, help))
    }
}

impl Scalar for UpstreamAddress {
    const SPEC: ScalarSpec = ScalarSpec {
        name: "UpstreamAddress",
        doc: "a name or IP address with a port, or `unix:` and an absolute path",
        examples: &["10.1.0.11:9000", "[fd00::1]:9000", "app.internal:9000", "unix:/run/app.sock"],
    };
    const CODE: Code = Code::BAD_ADDRESS;

    fn parse(text: &str) -> Result<Self, Problem> {
        if let Some(path) = text.strip_prefix("unix:") {
            return unix(path).map(Self::Unix);
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            return port(address.port(), text, UPSTREAM).map(|_| Self::Socket(address));
        }
        let bad = |help: String| {
            Err(Problem::new(format!("`{text}` is not the address of a server"), UPSTREAM, help))
        };
        if let Some((scheme, rest)) = text.split_once("://") {
            let rest = rest.trim_end_matches('/');
            return bad(format!(
                "write `{rest}` alone; the upstream's `protocol` says what `{scheme}` says here"
            ));
        }
        let Some((host, number)) = text.rsplit_once(':') else {
            return bad(format!("write the port too: `{text}:8080`"));
        };
        let Ok(number) = number.parse::<u16>() else {
            return bad("write a port from 1 to 65535 after the last colon".to_owned());
        };
        // What looks like a broken IPv4 address must not become a name.
        if host.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            return bad("write four numbers from 0 to 255, separated by dots".to_owned());
        }
        match Hostname::parse(host) {
            Ok(name) if !name.is_wildcard() => {
                port(number, text, UPSTREAM).map(|number| Self::Name(name, number))
            }
            _ => {
                bad("write a hostname or an IP address before the port, IPv6 in brackets"
                    .to_owned())
            }
        }
    }
}

decode_scalar!(ListenAddress, UpstreamAddress);

fn port(port: u16, text: &str, expected: &str) -> Result<u16, Problem> {
    if port == 0 {
        return Err(Problem::new(
            format!("`{text}` has port 0"),
            expected,
            "write a port from 1 to 65535; a proxy's port must be known to its clients",
        ));
    }
    Ok(port)
}

/// `sun_path` holds 108 bytes on Linux, one of them the final NUL.
fn unix(path: &str) -> Result<String, Problem> {
    let plain = path.bytes().all(|b| b.is_ascii_graphic() && !b"\"'\\;{}$#%`:".contains(&b));
    if path.len() > 1 && path.starts_with('/') && path.len() < 108 && plain {
        return Ok(path.to_owned());
    }
    Err(Problem::new(
        format!("`unix:{path}` is not the path of a socket"),
        "`unix:` and an absolute path of at most 107 bytes",
        "write an absolute path of plain ASCII letters, digits, `/`, `.`, `-` and `_`",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_read_and_write() {
        for text in ["0.0.0.0:80", "[::]:443", "unix:/run/x.sock"] {
            assert_eq!(ListenAddress::parse(text).unwrap().to_string(), text);
        }
        for text in ["10.0.0.1:1", "app:3000", "a.b.c:65535", "[fd00::1]:9", "unix:/run/x.sock"] {
            assert_eq!(UpstreamAddress::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "80",
            ":80",
            "*:80",
            "localhost:80",
            "1.2.3.4",
            "1.2.3.4:0",
            "1.2.3.4:99999",
            "unix:x",
            "unix:/a b",
        ] {
            assert!(ListenAddress::parse(text).is_err(), "{text:?}");
        }
        for text in [
            "",
            "app",
            "http://app:80",
            "app:0",
            "1.2.3:80",
            "256.1.1.1:80",
            "*.a.b:80",
            "a b:80",
            "unix:",
        ] {
            assert!(UpstreamAddress::parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(ip: std::net::IpAddr, number in 1..=u16::MAX) {
            let address = UpstreamAddress::Socket(SocketAddr::new(ip, number));
            prop_assert_eq!(UpstreamAddress::parse(&address.to_string()), Ok(address));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = ListenAddress::parse(&text);
            if let Ok(address) = UpstreamAddress::parse(&text) {
                prop_assert_eq!(UpstreamAddress::parse(&address.to_string()), Ok(address));
            }
        }
    }
}
