//! An upstream as meant.

use crate::config::{
    HealthCheckType, OnUnhealthy, Policy, Resolve, SameSite, SendProxyProtocol, UpstreamProtocol,
};
use crate::located::Located;
use crate::scalar::{
    Duration, FilePath, HashKey, Hostname, Name, PathLiteral, Token, UpstreamAddress, Whole,
};
use crate::site::Setting;

/// The place of an upstream in its site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UpstreamId(pub usize);

/// An application: servers that do the same.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// Its name.
    pub name: Located<Name>,
    /// What the servers speak.
    pub protocol: Setting<UpstreamProtocol>,
    /// The servers; at least one is not a backup.
    pub servers: Vec<Server>,
    /// How a server is chosen.
    pub load_balancing: Setting<LoadBalancing>,
    /// Keeping a client at its server.
    pub sticky: Option<Located<Cookie>>,
    /// Asking each server whether it works.
    pub health_check: Option<Located<HealthCheck>>,
    /// What happens to the tunnels of a server that fails its checks.
    pub on_unhealthy: Setting<OnUnhealthy>,
    /// TLS to the servers; there exactly where the protocol is `https` or `h2`.
    pub tls: Option<UpstreamTls>,
    /// PROXY protocol to the servers.
    pub proxy_protocol: Option<Located<SendProxyProtocol>>,
    /// Establishing a connection, one attempt.
    pub connect: Setting<Duration>,
    /// Silence after which TCP asks whether a peer is still there.
    pub tcp_keepalive: Option<Located<Duration<1000>>>,
}

/// One server.
#[derive(Debug, Clone)]
pub struct Server {
    /// Where it waits.
    pub address: Located<UpstreamAddress>,
    /// Its share of the traffic.
    pub weight: Setting<Whole<1, 256>>,
    /// When its name is resolved.
    pub resolve: Setting<Resolve>,
    /// Whether it takes traffic only while no other can.
    pub backup: Setting<bool>,
}

/// How a server is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadBalancing {
    /// The policy.
    pub policy: Policy,
    /// What `Policy::Hash` looks at; there exactly with that policy.
    pub key: Option<Located<HashKey>>,
}

/// The cookie of a sticky upstream.
#[derive(Debug, Clone, PartialEq)]
pub struct Cookie {
    /// Its name.
    pub name: Token,
    /// Hidden from scripts.
    pub http_only: bool,
    /// Sent over TLS only.
    pub secure: bool,
    /// Whether it is sent from other sites.
    pub same_site: Option<Located<SameSite>>,
}

/// Asking each server regularly whether it works.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthCheck {
    /// What is asked.
    pub kind: Located<HealthCheckType>,
    /// The path of the request.
    pub path: Setting<PathLiteral>,
    /// Time between two checks.
    pub interval: Setting<Duration>,
    /// Time until the answer.
    pub timeout: Setting<Duration>,
    /// Good answers that bring a server back.
    pub healthy_threshold: Setting<Whole<1, 100>>,
    /// Bad answers that take it out.
    pub unhealthy_threshold: Setting<Whole<1, 100>>,
    /// Statuses that count as good, for `http`.
    pub expect_status: Setting<Vec<u16>>,
}

/// TLS to the servers of an upstream.
#[derive(Debug, Clone)]
pub struct UpstreamTls {
    /// The name for SNI and verification; the server's own host where `None`.
    pub server_name: Option<Located<Hostname>>,
    /// The authorities; the machine's own where `None`.
    pub ca: Option<Located<FilePath>>,
    /// Whether the server's certificate must be good.
    pub verify: Setting<bool>,
}
