//! `health_check`.

use crate::field::{choice, section};
use crate::located::Located;
use crate::scalar::{Duration, PathLiteral, Whole};

choice! {
    /// What is asked of a server.
    enum HealthCheckType {
        /// A connection.
        Tcp = "tcp",
        /// A GET.
        Http = "http",
        /// A valid handshake that is answered with 101.
        WebSocket = "websocket",
    }
}

choice! {
    /// What happens to the tunnels of a server that fails its checks.
    enum OnUnhealthy {
        /// They live on.
        Keep = "keep",
        /// They end at once, so that clients reconnect elsewhere.
        CloseTunnels = "close_tunnels",
    }
}

section! {
    /// Asking each server regularly whether it works.
    whole struct HealthCheck: Own @ Upstream {
        /// What is asked.
        required type_: HealthCheckType = "", HEALTH_WEBSOCKET;
        /// The path of the request.
        optional path: PathLiteral = "/", HEALTH_CHECK;
        /// Time between two checks.
        optional interval: Duration = "5s", HEALTH_CHECK;
        /// Time until the answer.
        optional timeout: Duration = "2s", HEALTH_CHECK;
        /// Good answers in a row that bring a server back.
        optional healthy_threshold: Whole<1, 100> = "2", HEALTH_CHECK;
        /// Bad answers in a row that take it out.
        optional unhealthy_threshold: Whole<1, 100> = "3", HEALTH_CHECK;
        /// Statuses that count as good, for type `http`.
        optional expect_status: Vec<Located<Whole<100, 599>>> = "[200]", HEALTH_CHECK;
    }
}
