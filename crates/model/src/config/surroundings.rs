//! Facts that are not rendered: `chain` and `app`.

use crate::field::{choice, section};
use crate::scalar::{Duration, Name};

choice! {
    /// What a hop is; the known kinds bring their documented timers.
    enum HopKind {
        /// An AWS Application Load Balancer: idle 60s unless changed.
        AwsAlb = "aws_alb",
        /// A Google Cloud HTTP load balancer: 30s in all unless changed.
        GcpLb = "gcp_lb",
        /// An AWS API Gateway WebSocket API: idle 10m, 2h in all.
        AwsApiGateway = "aws_api_gateway",
        /// Cloudflare's proxy: idle 100s.
        Cloudflare = "cloudflare",
        /// Anything else: write its timers.
        Custom = "custom",
    }
}

section! {
    /// A hop that wsgen does not render.
    whole struct Hop: Own @ Site {
        /// What people call it.
        required name: Name = "", VALUE_NAMES;
        /// What it is.
        required kind: HopKind = "", TARGET_CHAIN;
        /// Its idle timer, where it differs from the known one.
        optional tunnel_idle: Duration = "the kind's", TIMER_TUNNEL_IDLE;
        /// Its bound on a tunnel's life, where it differs from the known one.
        optional tunnel_max: Duration = "the kind's", TIMER_TUNNEL_MAX;
    }
}

section! {
    /// Facts about the application.
    whole struct App: Own @ Site {
        /// The interval of its pings.
        optional heartbeat: Duration = "", TARGET_CHAIN;
    }
}
