//! `timeouts`, by scope.

use crate::field::section;
use crate::scalar::{Duration, TunnelIdle};

section! {
    /// Timers of a listener.
    merged struct ListenerTimeouts: Timeouts @ Listener {
        /// First byte to end of the request head.
        optional request_header: Duration = "10s", TIMER_REQUEST_HEADER;
        /// Longest pause between two requests of one connection.
        optional idle: Duration = "60s", TIMER_IDLE;
        /// Longest silence within a request or response body.
        optional body_idle: Duration = "60s", TIMER_BODY_IDLE;
        /// How long a tunnel may live after one side closed.
        optional half_closed: Duration = "30s", TIMER_HALF_CLOSED;
    }
}

section! {
    /// Timers of an upstream.
    merged struct UpstreamTimeouts: Timeouts @ Upstream {
        /// Establishing the connection, TLS included, one attempt.
        optional connect: Duration = "5s", TIMER_CONNECT;
    }
}

section! {
    /// Timers of a route.
    merged struct RouteTimeouts: Timeouts @ Route {
        /// Request sent to response head; for a handshake, to the 101.
        optional response_header: Duration = "60s", TIMER_RESPONSE_HEADER;
        /// Longest silence of an open tunnel, either direction counting.
        optional tunnel_idle: TunnelIdle = "10m", TIMER_TUNNEL_IDLE;
        /// Longest life of a tunnel, whatever its traffic.
        optional tunnel_max: Duration = "", TIMER_TUNNEL_MAX;
    }
}
