//! URLs of services that the proxy itself asks.

use std::fmt;

use crate::code::Code;
use crate::decode::{Problem, Scalar, decode_scalar};
use crate::field::ScalarSpec;
use crate::scalar::{PathLiteral, UpstreamAddress};

/// An `http` or `https` URL of a host, a port and a path in normal form, without a query.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HttpUrl {
    /// Whether the scheme is `https`.
    pub tls: bool,
    /// Host and port, the scheme's own filled in.
    pub address: UpstreamAddress,
    /// The path.
    pub path: PathLiteral,
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.address, self.path)
    }
}

impl Scalar for HttpUrl {
    const SPEC: ScalarSpec = ScalarSpec {
        name: "HttpUrl",
        doc: "an http or https URL with a host and a path, without a query",
        examples: &["http://auth.internal:4181/verify"],
    };
    const CODE: Code = Code::BAD_URL;

    fn parse(text: &str) -> Result<Self, Problem> {
        let bad = |help: String| {
            Err(Problem::new(
                format!("`{}` is not an http or https URL", text.escape_debug()),
                "a URL such as `http://auth.internal:4181/verify`",
                help,
            ))
        };
        let (tls, rest) = match text.split_once("://") {
            Some(("http", rest)) => (false, rest),
            Some(("https", rest)) => (true, rest),
            _ => return bad("begin it with `http://` or `https://`".into()),
        };
        let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        if authority.starts_with("unix:") {
            return bad("write a host: this service is asked over TCP".into());
        }
        let colon =
            authority.rfind(':').filter(|at| authority.rfind(']').is_none_or(|end| end < *at));
        let address = match colon {
            Some(_) => authority.to_owned(),
            None => format!("{authority}:{}", if tls { 443 } else { 80 }),
        };
        match (UpstreamAddress::parse(&address), PathLiteral::parse(path)) {
            (Ok(address), Ok(path)) => Ok(Self { tls, address, path }),
            (Err(problem), _) | (_, Err(problem)) => bad(problem.help),
        }
    }
}

decode_scalar!(HttpUrl);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_filled_in() {
        for (text, written) in [
            ("http://a/b", "http://a:80/b"),
            ("https://a", "https://a:443/"),
            ("http://[::1]/x", "http://[::1]:80/x"),
            ("http://a:81/b", "http://a:81/b"),
        ] {
            assert_eq!(HttpUrl::parse(text).unwrap().to_string(), written);
        }
        for text in ["", "a", "ftp://a", "http://", "http://a?b", "http://a b/", "http://unix:/x"] {
            assert!(HttpUrl::parse(text).is_err(), "{text}");
        }
    }
}
