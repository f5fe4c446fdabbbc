//! What nginx (open source) can do, feature by feature. Measured on 1.22.1 unless a text says otherwise.

use wsgen_model::feature::Feature;
use wsgen_model::scalar::TargetVersion;

use crate::support::Support::{self, Approximate, Exact, Lost};

/// `server … resolve` in the open source version (nginx, "Module `ngx_http_upstream_module`").
pub(super) const RESOLVE: TargetVersion = TargetVersion::new(1, 27, 3);
/// `sticky` in the open source version (nginx, "Module `ngx_http_upstream_module`").
pub(super) const STICKY: TargetVersion = TargetVersion::new(1, 29, 6);
/// `http2 on` instead of a parameter of `listen`, which warns from then on (nginx, "Module `ngx_http_v2_module`").
pub(super) const HTTP2_DIRECTIVE: TargetVersion = TargetVersion::new(1, 25, 1);
/// HTTP/2 without timers of its own: `client_header_timeout` and `keepalive_timeout` hold, and `http2_recv_timeout` and
/// `http2_idle_timeout` warn (nginx, "Module `ngx_http_v2_module`").
pub(super) const HTTP2_SHARES_TIMERS: TargetVersion = TargetVersion::new(1, 19, 7);

/// How well a feature is kept; without a version, by every version.
pub(super) fn support(feature: Feature, version: Option<TargetVersion>) -> Support {
    let since = |first: TargetVersion| version.is_some_and(|version| version >= first);
    match feature {
        Feature::RefusedHandshake
        | Feature::HandshakeWithoutKey
        | Feature::DrainTimeout
        | Feature::AccessLogFormat
        | Feature::UnixListener
        | Feature::Http2
        | Feature::H2WebSocketsOff
        | Feature::ListenerTls
        | Feature::TlsProfile
        | Feature::ClientAuth
        | Feature::AcceptProxyProtocol
        | Feature::TrustedProxies
        | Feature::RequestHeaderTimeout
        | Feature::IdleTimeout
        | Feature::PerIpConnections
        | Feature::MaxBodyBytes
        | Feature::UpstreamTls
        | Feature::Weight
        | Feature::Backup
        | Feature::BalanceLeastConn
        | Feature::BalanceRoundRobin
        | Feature::BalanceRandom
        | Feature::BalanceIpHash
        | Feature::BalanceHash
        | Feature::ConnectTimeout
        | Feature::MatchMethods
        | Feature::MatchHeaders
        | Feature::MatchQuery
        | Feature::MatchUpgrade
        | Feature::Priority
        | Feature::Redirect
        | Feature::Respond
        | Feature::RewritePrefix
        | Feature::ModeRequire
        | Feature::ModeDeny
        | Feature::Origins
        | Feature::MissingOrigin
        | Feature::CompressionStrip
        | Feature::HostLiteral
        | Feature::ForwardedReplace
        | Feature::ForwardedAppend
        | Feature::ForwardedOff
        | Feature::ForwardedStyle
        | Feature::RequestHeadersSet
        | Feature::RequestHeadersRemove
        | Feature::ResponseHeadersSet
        | Feature::ResponseHeadersAdd
        | Feature::ResponseHeadersRemove
        | Feature::ResponseHeaderTimeout
        | Feature::TunnelIdle
        | Feature::AuthBasic
        | Feature::BufferRequest
        | Feature::BufferResponse
        | Feature::ErrorPages => Exact,
        Feature::ResolveRuntime if since(RESOLVE) => Exact,
        Feature::ResolveRuntime => Approximate(
            "before 1.27.3 a lone server's name, without kept connections; of several only at start",
        ),
        Feature::Sticky if since(STICKY) => Exact,
        Feature::Sticky => {
            Approximate("before 1.29.6 the cookie names a server by its place in the list")
        }
        Feature::RegexPath => Approximate("it is matched against the decoded path"),
        Feature::AcceptProxyVersion => Approximate("both versions are accepted"),
        Feature::DrainSpread => Lost("all tunnels of an old worker end in one moment"),
        Feature::DrainStop => Approximate("a graceful stop gives tunnels `drain.timeout`"),
        Feature::TunnelOpenLog => Lost("a tunnel is logged when it ends"),
        Feature::ProxyProtocolFrom => {
            Lost("everybody must send the header; it is believed from these addresses only")
        }
        Feature::PerIpConnects => Approximate("up to twice as many in the first minute"),
        Feature::BodyIdleTimeout => {
            Approximate("silence of a response body is bounded by `response_header`: one knob")
        }
        Feature::HalfClosedTimeout => Approximate("the end of one side ends the tunnel at once"),
        Feature::MaxConnections => {
            Approximate("shared evenly by the workers, two sockets a tunnel")
        }
        Feature::UnboundedConnections => {
            Approximate("4,096 connections a worker; a tunnel has two")
        }
        Feature::MaxHeaderBytes => Approximate("bounds each field, and four times that in all"),
        Feature::MaxHeaders => Lost("fields are bounded by their size, not by their number"),
        Feature::MaxUrlBytes => Approximate("one buffer serves the URL and each field"),
        Feature::UpstreamHttp2 => Lost("it speaks HTTP/1.1 to upstreams"),
        Feature::HealthTcp | Feature::HealthHttp | Feature::HealthWebSocket => {
            Lost("it asks no server by itself; failed requests take a server out for a while")
        }
        Feature::CloseTunnels => Lost("tunnels of a failed server live on"),
        Feature::SendProxyProtocol => Lost("HTTP upstreams cannot be sent that header"),
        Feature::TcpKeepalive => {
            Approximate("exact toward clients; toward servers the system's own interval holds")
        }
        Feature::RewriteRegex => Approximate("the path is decoded before and encoded after"),
        Feature::Subprotocols => {
            Approximate("the first listed name that was offered is passed on, alone")
        }
        Feature::UpstreamH2 => Lost("tunnels to upstreams use HTTP/1.1"),
        Feature::HostUpstream => Approximate("the first server's address, also for the others"),
        Feature::RequestHeadersAdd => Approximate("joined to the client's own line with a comma"),
        Feature::HandshakeTimeout => {
            Approximate("a handshake may wait for `tunnel_idle`: both are one knob")
        }
        Feature::TunnelUnlimited => Approximate("a year"),
        Feature::TunnelMax => Lost("nothing bounds the life of a tunnel"),
        Feature::AuthForward => Approximate("refusals other than 401 and 403 become 500"),
        Feature::Retries => Approximate(
            "handshakes are not retried; a request that failed after it was sent is, if idempotent",
        ),
        Feature::Compression => Approximate("text/html is always among the types"),
        Feature::H2WebSockets => Approximate("not announced; clients fall back to HTTP/1.1"),
        Feature::EncodedSlash => Approximate("`%2F` separates segments when a route is chosen"),
        Feature::LyingUpgrade => Approximate("a server that answers 101 unasked gets a tunnel"),
    }
}
