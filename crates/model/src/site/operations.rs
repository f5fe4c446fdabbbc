//! What concerns the site as a whole.

use crate::config::{AccessLogFormat, HopKind, NameServer};
use crate::located::Located;
use crate::scalar::{Duration, Name};
use crate::site::Setting;

/// What happens to open tunnels at a reload and at a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drain {
    /// How long they live on after a reload.
    pub timeout: Setting<Duration>,
    /// The time over which their ends are spread.
    pub spread: Setting<Duration<0>>,
    /// How long they live on after a stop.
    pub stop: Setting<Duration>,
}

/// Who resolves names at run time.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolver {
    /// The name servers.
    pub nameservers: Vec<Located<NameServer>>,
    /// How long an answer is used.
    pub valid: Setting<Duration<1000>>,
}

/// What is logged of each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessLog {
    /// The form of a line.
    pub format: Setting<AccessLogFormat>,
    /// A line when a tunnel opens.
    pub tunnel_open: Setting<bool>,
}

/// A hop that is not rendered, with the timers that it is known to have.
#[derive(Debug, Clone, PartialEq)]
pub struct Hop {
    /// Its name.
    pub name: Located<Name>,
    /// What it is.
    pub kind: HopKind,
    /// Its idle timer, written or known.
    pub tunnel_idle: Option<Duration>,
    /// Its bound on a tunnel's life, written or known.
    pub tunnel_max: Option<Duration>,
}

impl HopKind {
    /// The idle timer that the kind is documented to have: AWS, "Application Load Balancers", idle timeout;
    /// AWS, "API Gateway quotas"; Cloudflare, "WebSockets".
    pub fn known_idle(self) -> Option<Duration> {
        match self {
            Self::AwsAlb => Some(Duration::from_secs(60)),
            Self::AwsApiGateway => Some(Duration::from_secs(600)),
            Self::Cloudflare => Some(Duration::from_secs(100)),
            Self::GcpLb | Self::Custom => None,
        }
    }

    /// The bound on a tunnel's life that the kind is documented to have: Google Cloud, "Backend services",
    /// backend service timeout; AWS, "API Gateway quotas".
    pub fn known_max(self) -> Option<Duration> {
        match self {
            Self::GcpLb => Some(Duration::from_secs(30)),
            Self::AwsApiGateway => Some(Duration::from_secs(7200)),
            Self::AwsAlb | Self::Cloudflare | Self::Custom => None,
        }
    }
}
