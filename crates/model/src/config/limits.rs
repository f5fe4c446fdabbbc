//! `limits`, by scope.

use crate::field::section;
use crate::scalar::{Bytes, Ipv6Prefix, Whole};

section! {
    /// Limits of a listener.
    merged struct ListenerLimits: Limits @ Listener {
        /// Connections open at once.
        optional max_connections: Whole<1, 10_000_000> = "", LIMIT_LISTENER;
        /// All fields of a request head together.
        optional max_header_bytes: Bytes = "16KiB", LIMIT_HEAD;
        /// Fields of a request head.
        optional max_headers: Whole<1, 10_000> = "100", LIMIT_HEAD;
        /// The request target.
        optional max_url_bytes: Bytes = "8KiB", LIMIT_HEAD;
        /// A request body, where the route sets none.
        optional max_body_bytes: Bytes = "", LIMIT_BODY;
    }
}

section! {
    /// Limits of a route.
    merged struct RouteLimits: Limits @ Route {
        /// Limits for each client address.
        optional per_ip: PerIp = "", LIMIT_CLIENT_ADDRESS;
        /// A request body.
        optional max_body_bytes: Bytes = "", LIMIT_BODY;
    }
}

section! {
    /// Limits for each client address.
    merged struct PerIp: Own @ Route {
        /// Open tunnels and requests in flight.
        optional connections: Whole<1, 1_000_000> = "", LIMIT_CONNECTIONS;
        /// Handshakes a minute.
        optional connects_per_minute: Whole<1, 1_000_000> = "", LIMIT_CONNECTS;
        /// Leading bits of an IPv6 address that stand for one client.
        optional ipv6_prefix: Ipv6Prefix = "64", LIMIT_IPV6;
    }
}
