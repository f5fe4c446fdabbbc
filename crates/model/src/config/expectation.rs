//! `expect`: what conformance tries on a route.

use crate::decode::Map;
use crate::field::section;
use crate::located::Located;
use crate::scalar::{
    Duration, HeaderName, HeaderValue, Hostname, Method, PathLiteral, Token, Whole,
};

section! {
    /// One step: an action (`handshake`, `request`, `idle` or `reload`) and what must be seen.
    whole struct Expectation: Own @ Route {
        /// Opens a WebSocket; later steps use it.
        optional handshake: ExpectedHandshake = "", HANDSHAKE_STRICT_TOKEN;
        /// Sends a plain request.
        optional request: ExpectedRequest = "", HANDSHAKE_OTHER_UPGRADE;
        /// Stays silent on the open tunnel.
        optional idle: Duration = "", TIMER_TUNNEL_IDLE;
        /// Reloads the proxy.
        optional reload: bool = "", DRAIN_RELOAD;
        /// The status that must come.
        optional status: Whole<100, 599> = "", HANDSHAKE_REFUSED;
        /// Whether a message comes back as it was sent.
        optional echo: bool = "", TIMER_TUNNEL_IDLE;
        /// Whether the tunnel has ended.
        optional closed: bool = "", TIMER_TUNNEL_IDLE;
    }
}

section! {
    /// A handshake.
    whole struct ExpectedHandshake: Own @ Route {
        /// The path, with a query if need be in `query`.
        required path: PathLiteral = "", ROUTE_NORMAL_PATH;
        /// The host; the route's first hostname where left out.
        optional host: Hostname = "the route's", ROUTE_HOST;
        /// The Origin; none where left out.
        optional origin: HeaderValue = "", ORIGIN_CHECK;
        /// Subprotocols that are asked for.
        optional subprotocols: Vec<Located<Token>> = "", HANDSHAKE_FIELDS;
        /// More fields.
        optional headers: Map<HeaderName, HeaderValue> = "", HANDSHAKE_FIELDS;
    }
}

section! {
    /// A plain request.
    whole struct ExpectedRequest: Own @ Route {
        /// The path.
        required path: PathLiteral = "", ROUTE_NORMAL_PATH;
        /// The method.
        optional method: Method = "GET", ROUTE_TIES;
        /// The host; the route's first hostname where left out.
        optional host: Hostname = "the route's", ROUTE_HOST;
        /// More fields.
        optional headers: Map<HeaderName, HeaderValue> = "", ROUTE_TIES;
    }
}
