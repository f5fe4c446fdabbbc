//! What concerns the running of the whole site: `drain`, `resolver`, `access_log`, `admin`.

use std::net::SocketAddr;

use crate::code::Code;
use crate::decode::{Problem, Scalar, decode_scalar};
use crate::field::{ScalarSpec, choice, section};
use crate::located::Located;
use crate::scalar::{Duration, ListenAddress};

choice! {
    /// The form of a line of the access log.
    enum AccessLogFormat {
        /// One JSON object a line.
        Json = "json",
        /// The Common Log Format.
        Common = "common",
        /// The Common Log Format with Referer and User-Agent.
        Combined = "combined",
    }
}

section! {
    /// What happens to open tunnels at a reload and at a stop.
    whole struct Drain: Own @ Site {
        /// How long they live on after a reload.
        optional timeout: Duration = "10m", DRAIN_RELOAD;
        /// The time over which their ends are spread, so that not all clients come back at once.
        optional spread: Duration<0> = "0s", DRAIN_RELOAD;
        /// How long they live on after a stop.
        optional stop: Duration = "30s", DRAIN_STOP;
    }
}

section! {
    /// Who resolves names at run time.
    whole struct Resolver: Own @ Site {
        /// The name servers.
        required nameservers: Vec<Located<NameServer>> = "", BALANCE_RESOLVE;
        /// How long an answer is used.
        optional valid: Duration<1000> = "10s", BALANCE_RESOLVE;
    }
}

section! {
    /// What is logged of each request.
    whole struct AccessLog: Own @ Site {
        /// The form of a line.
        optional format: AccessLogFormat = "combined", LOG_ACCESS;
        /// A line when a tunnel opens, beside the one when it ends.
        optional tunnel_open: bool = "false", LOG_ACCESS;
    }
}

section! {
    /// The reference proxy's own status pages.
    whole struct Admin: Own @ Site {
        /// Where they are served; best on loopback.
        required address: ListenAddress = "", ADMIN_PAGES;
    }
}

/// A name server: an IP address and a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NameServer(pub SocketAddr);

impl std::fmt::Display for NameServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Scalar for NameServer {
    const SPEC: ScalarSpec = ScalarSpec {
        name: "NameServer",
        doc: "an IP address with a port",
        examples: &["10.0.0.2:53"],
    };
    const CODE: Code = Code::BAD_ADDRESS;

    fn parse(text: &str) -> Result<Self, Problem> {
        text.parse().ok().filter(|address: &SocketAddr| address.port() != 0).map(Self).ok_or_else(
            || {
                Problem::new(
                    format!("`{}` is not the address of a name server", text.escape_debug()),
                    "an IP address and a port such as `10.0.0.2:53`",
                    "write the address and the port, which is nearly always 53",
                )
            },
        )
    }
}

decode_scalar!(NameServer);
