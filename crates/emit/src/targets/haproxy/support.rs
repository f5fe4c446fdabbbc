//! What HAProxy can do, feature by feature. Measured on 2.6.12 unless a text says otherwise.

use wsgen_model::feature::Feature;
use wsgen_model::scalar::TargetVersion;

use crate::support::Support::{self, Approximate, Exact, Lost};

/// `normalize-uri` (experimental in every version up to 3.2).
pub(super) const NORMALIZE: TargetVersion = TargetVersion::new(2, 4, 0);
/// `http-request del-header NAME -m reg`.
pub(super) const DELETE_BY_PATTERN: TargetVersion = TargetVersion::new(2, 4, 0);
/// RFC 8441.
pub(super) const EXTENDED_CONNECT: TargetVersion = TargetVersion::new(2, 4, 0);
/// `http-request set-timeout`.
pub(super) const SET_TIMEOUT: TargetVersion = TargetVersion::new(2, 4, 0);
/// `close-spread-time` and `balance hash`.
pub(super) const SPREAD: TargetVersion = TargetVersion::new(2, 6, 0);

/// `h2-workaround-bogus-websocket-clients`.
pub(super) const NO_H2_WEBSOCKETS: TargetVersion = TargetVersion::new(2, 5, 0);

/// How well a feature is kept; without a version, by every version from 2.2 on.
pub(super) fn support(feature: Feature, version: Option<TargetVersion>) -> Support {
    let since = |first: TargetVersion| version.is_some_and(|version| version >= first);
    match feature {
        Feature::RefusedHandshake
        | Feature::EncodedSlash
        | Feature::Http2
        | Feature::ListenerTls
        | Feature::TlsProfile
        | Feature::ClientAuth
        | Feature::AuthBasic
        | Feature::ForwardedStyle
        | Feature::Compression
        | Feature::DrainTimeout
        | Feature::AccessLogFormat
        | Feature::TunnelOpenLog
        | Feature::UnixListener
        | Feature::AcceptProxyProtocol
        | Feature::ProxyProtocolFrom
        | Feature::RequestHeaderTimeout
        | Feature::IdleTimeout
        | Feature::PerIpConnections
        | Feature::MaxConnections
        | Feature::UpstreamTls
        | Feature::UpstreamHttp2
        | Feature::Weight
        | Feature::Backup
        | Feature::ResolveRuntime
        | Feature::BalanceRoundRobin
        | Feature::BalanceRandom
        | Feature::BalanceIpHash
        | Feature::Sticky
        | Feature::HealthTcp
        | Feature::HealthHttp
        | Feature::HealthWebSocket
        | Feature::CloseTunnels
        | Feature::SendProxyProtocol
        | Feature::ConnectTimeout
        | Feature::RegexPath
        | Feature::MatchMethods
        | Feature::MatchHeaders
        | Feature::MatchQuery
        | Feature::MatchUpgrade
        | Feature::Priority
        | Feature::Redirect
        | Feature::Respond
        | Feature::RewritePrefix
        | Feature::RewriteRegex
        | Feature::ModeRequire
        | Feature::ModeDeny
        | Feature::Origins
        | Feature::MissingOrigin
        | Feature::CompressionStrip
        | Feature::HostLiteral
        | Feature::ForwardedReplace
        | Feature::ForwardedAppend
        | Feature::ForwardedOff
        | Feature::RequestHeadersSet
        | Feature::RequestHeadersAdd
        | Feature::RequestHeadersRemove
        | Feature::ResponseHeadersSet
        | Feature::ResponseHeadersAdd
        | Feature::ResponseHeadersRemove
        | Feature::ResponseHeaderTimeout
        | Feature::HandshakeTimeout
        | Feature::TunnelIdle => Exact,
        Feature::DrainSpread | Feature::BalanceHash if since(SPREAD) => Exact,
        Feature::TrustedProxies => {
            Approximate("the last address that a trusted proxy names is taken")
        }
        Feature::AcceptProxyVersion => Approximate("both versions are accepted"),
        Feature::DrainSpread => Lost("before 2.6 all tunnels end in one moment"),
        Feature::BalanceLeastConn if since(SET_TIMEOUT) => Exact,
        Feature::BalanceLeastConn => {
            Approximate("before 2.4 counted apart for routes with timers of their own")
        }
        Feature::BalanceHash => Approximate("before 2.6 a cookie cannot be hashed; the path is"),
        Feature::DrainStop => Approximate("a soft stop gives tunnels `drain.timeout`"),
        Feature::H2WebSocketsOff if since(NO_H2_WEBSOCKETS) => Approximate("for every listener"),
        Feature::H2WebSocketsOff => {
            Lost("what is announced to HTTP/2 clients is not set per listener")
        }
        Feature::PerIpConnects => Approximate("a sliding minute"),
        Feature::BodyIdleTimeout => {
            Approximate("silence of a response body is bounded by `response_header`: one knob")
        }
        Feature::HalfClosedTimeout => {
            Approximate("from 3.0 on `tunnel_idle` bounds a half-closed tunnel")
        }
        Feature::UnboundedConnections => Approximate("as many as the process may have files open"),
        Feature::MaxHeaderBytes => Approximate("a buffer for the whole process holds the head"),
        Feature::MaxHeaders => Approximate("a number for the whole process"),
        Feature::MaxUrlBytes => Approximate("a part of the buffer that holds the head"),
        Feature::MaxBodyBytes => Approximate("bodies without a length are not bounded"),
        Feature::TcpKeepalive => Approximate("the system's own interval holds"),
        Feature::Subprotocols => {
            Approximate("an offer without a listed name is taken out, others pass whole")
        }
        Feature::HostUpstream => Approximate("the first server's address, also for the others"),
        Feature::TunnelUnlimited => Approximate("24 days, the most that a timer takes"),
        Feature::TunnelMax => Lost("nothing bounds the life of a tunnel"),
        Feature::AuthForward => Lost("it asks no other service without Lua or an agent"),
        Feature::Retries => Approximate("only failed connections, handshakes too"),
        Feature::BufferRequest | Feature::BufferResponse => Lost("bodies are streamed"),
        Feature::H2WebSockets if since(EXTENDED_CONNECT) => Exact,
        Feature::H2WebSockets => {
            Approximate("before 2.4 not announced; clients fall back to HTTP/1.1")
        }
        Feature::HandshakeWithoutKey => Approximate("it gets 400 (before 2.4: a tunnel)"),
        Feature::LyingUpgrade => Approximate("a server that answers 101 unasked gets a tunnel"),
        Feature::UpstreamH2 => Lost("tunnels to upstreams use HTTP/1.1"),
        Feature::ErrorPages => {
            Approximate("a server that cannot be reached is 503, one that is silent 504")
        }
    }
}
