//! `upstreams`.

use crate::config::{
    HealthCheck, LoadBalancing, OnUnhealthy, Sticky, UpstreamTimeouts, UpstreamTls,
};
use crate::decode::{Decode, Decoder};
use crate::field::{Shape, choice, section};
use crate::located::Located;
use crate::scalar::{Duration, UpstreamAddress, Whole};
use crate::tree::{Node, Value};

choice! {
    /// What an upstream speaks. Tunnels use HTTP/1.1 unless `websocket.upstream_h2` says otherwise.
    enum UpstreamProtocol {
        /// HTTP/1.1.
        Http = "http",
        /// HTTP/1.1 over TLS.
        Https = "https",
        /// HTTP/2 without TLS, by prior knowledge.
        H2c = "h2c",
        /// HTTP/2 over TLS.
        H2 = "h2",
    }
}

choice! {
    /// When a server's name is resolved.
    enum Resolve {
        /// Once, when the proxy starts or reloads.
        Startup = "startup",
        /// Again and again, as the resolver says.
        Runtime = "runtime",
    }
}

choice! {
    /// The version of the PROXY protocol that is sent.
    enum SendProxyProtocol {
        /// The text form.
        V1 = "v1",
        /// The binary form.
        V2 = "v2",
    }
}

section! {
    /// An application: servers that do the same.
    whole struct Upstream: Body @ Upstream {
        /// What the servers speak.
        optional protocol: UpstreamProtocol = "http", HANDSHAKE_CONNECTION;
        /// The servers.
        required servers: Vec<Located<ServerEntry>> = "", BALANCE_POLICY;
        /// Keeping a client at the server that it met first.
        optional sticky: Sticky = "", STICKY_VISIBLE;
        /// TLS to the servers, for `https` and `h2`.
        optional tls: UpstreamTls = "", TLS_UPSTREAM;
        /// PROXY protocol to the servers.
        optional proxy_protocol: ProxyProtocolOut = "", PROXY_PROTOCOL_SEND;
    }
    + settings: UpstreamSettings
}

section! {
    /// What an upstream may take from `defaults`.
    merged struct UpstreamSettings: Own @ Upstream {
        /// How a server is chosen.
        optional load_balancing: LoadBalancing = "policy: least_conn", BALANCE_POLICY;
        /// Asking each server regularly whether it works.
        optional health_check: HealthCheck = "", HEALTH_CHECK;
        /// What happens to the tunnels of a server that fails its checks.
        optional on_unhealthy: OnUnhealthy = "keep", HEALTH_TUNNELS;
        /// Silence after which TCP asks whether a peer is still there, on both sides of a tunnel.
        optional tcp_keepalive: Duration<1000> = "", TIMER_KEEPALIVE;
        /// Timers.
        optional timeouts: UpstreamTimeouts = "", SCOPE_FIELDS;
    }
}

section! {
    /// PROXY protocol to the servers.
    whole struct ProxyProtocolOut: ProxyProtocol @ Upstream {
        /// Which version.
        required send: SendProxyProtocol = "", PROXY_PROTOCOL_SEND;
    }
}

section! {
    /// A server; its address alone is the short form.
    whole struct Server: Own @ Upstream {
        /// Where it waits.
        required address: UpstreamAddress = "", BALANCE_POLICY;
        /// Its share of the traffic.
        optional weight: Whole<1, 256> = "1", BALANCE_POLICY;
        /// When its name is resolved.
        optional resolve: Resolve = "startup", BALANCE_RESOLVE;
        /// Takes traffic only while no other server can.
        optional backup: bool = "false", BALANCE_BACKUP;
    }
}

/// A server as a list holds it: the short form is the address alone.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerEntry(pub Server);

impl Decode for ServerEntry {
    fn decode(node: &Node, out: &mut Decoder<'_>) -> Option<Self> {
        match node.value {
            Value::Scalar(_) => {
                let address = UpstreamAddress::decode(node, out)?;
                let address = Some(Located::new(address, node.span));
                Some(Self(Server { address, ..Server::default() }))
            }
            _ => Server::decode(node, out).map(Self),
        }
    }

    fn shape() -> Shape {
        Shape::Either(vec![UpstreamAddress::shape(), Server::shape()])
    }
}
