//! What a hash policy looks at.

use std::fmt;

use crate::code::Code;
use crate::decode::{Problem, Scalar, decode_scalar};
use crate::field::ScalarSpec;
use crate::scalar::header::is_token;

/// The part of a request that the `hash` policy hashes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HashKey {
    /// `header:X-User`.
    Header(String),
    /// `cookie:sid`.
    Cookie(String),
    /// `query:room`.
    Query(String),
    /// `uri`: path and query.
    Uri,
}

impl fmt::Display for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Cookie(name) => write!(f, "cookie:{name}"),
            Self::Query(name) => write!(f, "query:{name}"),
            Self::Uri => f.write_str("uri"),
        }
    }
}

impl Scalar for HashKey {
    const SPEC: ScalarSpec = ScalarSpec {
        name: "HashKey",
        doc: "`header:NAME`, `cookie:NAME`, `query:NAME` or `uri`",
        examples: &["header:X-User", "cookie:sid", "query:room", "uri"],
    };
    const CODE: Code = Code::BAD_CHOICE;
    const QUOTED: bool = true;

    fn parse(text: &str) -> Result<Self, Problem> {
        let named = |name: &str| is_token(name) && name.len() <= 128;
        match text.split_once(':') {
            None if text == "uri" => Ok(Self::Uri),
            Some(("header", name)) if named(name) => Ok(Self::Header(name.to_owned())),
            Some(("cookie", name)) if named(name) => Ok(Self::Cookie(name.to_owned())),
            Some(("query", name)) if named(name) => Ok(Self::Query(name.to_owned())),
            _ => Err(Problem::new(
                format!("`{}` is not a hash key", text.escape_debug()),
                Self::SPEC.doc,
                "name a header, a cookie or a query parameter; by client address hashes `ip_hash`",
            )),
        }
    }
}

decode_scalar!(HashKey);
