//! `match`: which requests a route is for.

use crate::decode::{Decode, Decoder, Map};
use crate::field::{Shape, choice, section};
use crate::located::Located;
use crate::scalar::{HeaderName, HeaderValue, Method, PathLiteral, Pattern, Token};
use crate::tree::Node;

choice! {
    /// Protocols that a request may ask to change to.
    enum UpgradeMatch {
        /// A WebSocket request, as `handshake/strict-token` defines it.
        WebSocket = "websocket",
    }
}

section! {
    /// What a request must look like: every field that is written must hold.
    whole struct MatchEntry: Own @ Route {
        /// Its path.
        optional path: PathMatch = "prefix: /", ROUTE_PRECEDENCE;
        /// Its method: one of these.
        optional methods: Vec<Located<Method>> = "", ROUTE_TIES;
        /// Its fields: each must have this value; `null` is any value.
        optional headers: Map<HeaderName, ValueMatch> = "", ROUTE_TIES;
        /// Its query parameters: each must have this value; `null` is any value.
        optional query: Map<Token, ValueMatch> = "", ROUTE_TIES;
        /// Whether it is a WebSocket request.
        optional upgrade: UpgradeMatch = "", HANDSHAKE_STRICT_TOKEN;
    }
}

section! {
    /// A path: exactly one of the four.
    whole struct PathMatch: Own @ Route {
        /// This path and no other.
        optional exact: PathLiteral = "", ROUTE_PRECEDENCE;
        /// This path and all below it, by whole segments.
        optional prefix: PathLiteral = "", ROUTE_PREFIX;
        /// Every path that begins with this text, also within a segment.
        optional starts_with: PathLiteral = "", ROUTE_STARTS_WITH;
        /// Every normal path in which this is found.
        optional regex: Pattern = "", ROUTE_REGEX;
    }
}

/// What a field or parameter must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueMatch {
    /// There, with any value.
    Present,
    /// Exactly this.
    Equals(HeaderValue),
}

impl Decode for ValueMatch {
    fn decode(node: &Node, out: &mut Decoder<'_>) -> Option<Self> {
        if node.is_null() {
            return Some(Self::Present);
        }
        out.scalar(node).map(Self::Equals)
    }

    fn shape() -> Shape {
        Shape::Either(vec![HeaderValue::shape(), Shape::Null])
    }
}
