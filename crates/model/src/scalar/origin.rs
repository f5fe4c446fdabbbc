//! Origins that may open a WebSocket.

use std::fmt;

use crate::code::Code;
use crate::decode::{Decode, Decoder, Problem, Scalar};
use crate::field::{ScalarSpec, Shape};
use crate::scalar::Hostname;
use crate::tree::Node;

/// An allowed origin (`origin/form`, RFC 6454).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The origin of the Host that was asked.
    Same,
    /// The opaque origin `null`: sandboxed frames, local files.
    Null,
    /// A scheme, a host or wildcard, and a port.
    Exact {
        /// `http` or `https`.
        scheme: &'static str,
        /// The host.
        host: Hostname,
        /// The port, the scheme's own filled in.
        port: u16,
    },
}

impl Origin {
    /// The port that a scheme stands for when none is written.
    pub fn default_port(scheme: &str) -> u16 {
        if scheme == "https" { 443 } else { 80 }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same => f.write_str("same_origin"),
            Self::Null => f.write_str("null"),
            Self::Exact { scheme, host, port } if *port == Self::default_port(scheme) => {
                write!(f, "{scheme}://{host}")
            }
            Self::Exact { scheme, host, port } => write!(f, "{scheme}://{host}:{port}"),
        }
    }
}

impl Scalar for Origin {
    const SPEC: ScalarSpec = ScalarSpec {
        name: "Origin",
        doc: "`http://` or `https://` with a host (`*.` for one or more labels) and perhaps a port, `same_origin`, or `null`",
        examples: &["https://chat.example.com", "https://*.example.com", "same_origin", "null"],
    };
    const CODE: Code = Code::BAD_ORIGIN;

    fn parse(text: &str) -> Result<Self, Problem> {
        let bad = |help: String| {
            Err(Problem::new(
                format!("`{}` is not an origin", text.escape_debug()),
                "an origin such as `https://chat.example.com`, `same_origin` or `null`",
                help,
            ))
        };
        match text {
            "same_origin" => return Ok(Self::Same),
            "null" => return Ok(Self::Null),
            "*" => return bad("for any origin leave `origins` out".into()),
            _ => {}
        }
        let (scheme, rest) = match text.split_once("://") {
            Some(("http", rest)) => ("http", rest),
            Some(("https", rest)) => ("https", rest),
            Some(("ws" | "wss", rest)) => {
                return bad(format!("browsers send the page's scheme: `https://{rest}`"));
            }
            _ => {
                return bad(format!("write the scheme: `https://{}`", text.escape_debug()));
            }
        };
        if rest.contains('/') {
            return bad("an origin ends after the host and port: no path, no final slash".into());
        }
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) => match port.parse::<u16>() {
                Ok(port) if port > 0 => (host, port),
                _ => return bad("write a port from 1 to 65535".into()),
            },
            None => (rest, Self::default_port(scheme)),
        };
        match Hostname::parse(host) {
            Ok(host) => Ok(Self::Exact { scheme, host, port }),
            Err(problem) => bad(problem.help),
        }
    }
}

impl Decode for Origin {
    fn decode(node: &Node, out: &mut Decoder<'_>) -> Option<Self> {
        // YAML's own null is what a person writes for the origin of that name.
        if node.scalar().is_some_and(|scalar| scalar.text == "null") {
            return Some(Self::Null);
        }
        out.scalar(node)
    }

    fn shape() -> Shape {
        Shape::Either(vec![Shape::Scalar(Self::SPEC), Shape::Null])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn default_ports_are_filled_in() {
        assert_eq!(Origin::parse("https://a.b:443"), Origin::parse("https://a.b"));
        assert_ne!(Origin::parse("http://a.b:443"), Origin::parse("https://a.b"));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "*",
            "a.b",
            "ws://a.b",
            "https://a.b/",
            "https://",
            "https://a:x",
            "ftp://a",
            "https://a;b",
        ] {
            assert!(Origin::parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(text in "(https?://)?(\\*\\.)?[a-z.]{1,9}(:[0-9]{1,5})?") {
            if let Ok(origin) = Origin::parse(&text) {
                prop_assert_eq!(Origin::parse(&origin.to_string()), Ok(origin));
            }
        }
    }
}
