//! What Apache httpd can do, feature by feature. Measured on 2.4.71 unless a text says otherwise.

use wsgen_model::feature::Feature;
use wsgen_model::scalar::TargetVersion;

use crate::support::Support::{self, Approximate, Exact, Lost};

/// `Redirect STATUS` without a path inside of a section (Apache, "`mod_alias`").
pub(super) const SECTION_REDIRECT: TargetVersion = TargetVersion::new(2, 4, 36);
/// `upgrade=` of a worker; before it only `mod_proxy_wstunnel` tunnels, and blindly (CVE-2019-17567).
pub(super) const UPGRADE: TargetVersion = TargetVersion::new(2, 4, 47);
/// A tunnel ends after the longer of two timers, before after the shorter (Apache, "Changes with Apache 2.4.53").
pub(super) const TUNNEL_MAXIMUM: TargetVersion = TargetVersion::new(2, 4, 53);
/// `AuthName` is an expression, and `hcmethod=GET11` exists.
pub(super) const AUTH_NAME_EXPRESSION: TargetVersion = TargetVersion::new(2, 4, 55);
/// `hcmethod=GET11`: a check with HTTP/1.1.
pub(super) const GET11: TargetVersion = TargetVersion::new(2, 4, 55);
/// `H2WebSockets`: RFC 8441.
pub(super) const H2_WEBSOCKETS: TargetVersion = TargetVersion::new(2, 4, 58);
/// `addressttl=` of a worker.
pub(super) const ADDRESS_TTL: TargetVersion = TargetVersion::new(2, 4, 59);

/// How well a feature is kept; without a version, by every version from 2.4.62 on.
pub(super) fn support(feature: Feature, version: Option<TargetVersion>) -> Support {
    let before = |first: TargetVersion| version.is_some_and(|version| version < first);
    match feature {
        Feature::RefusedHandshake if before(UPGRADE) => Lost(
            "before 2.4.47 what follows a refused handshake is tunnelled unseen (CVE-2019-17567)",
        ),
        Feature::LyingUpgrade if before(UPGRADE) => {
            Lost("before 2.4.47 whatever is answered opens a tunnel")
        }
        Feature::TunnelIdle if before(UPGRADE) => {
            Lost("before 2.4.47 nothing ends a silent tunnel")
        }
        Feature::Respond if before(SECTION_REDIRECT) => {
            Lost("before 2.4.36 a section cannot answer with a status")
        }
        Feature::H2WebSockets if before(H2_WEBSOCKETS) => {
            Approximate("before 2.4.58 not announced; clients fall back to HTTP/1.1")
        }
        Feature::Http2
        | Feature::H2WebSockets
        | Feature::H2WebSocketsOff
        | Feature::ListenerTls
        | Feature::TlsProfile
        | Feature::ClientAuth
        | Feature::AcceptProxyProtocol
        | Feature::TrustedProxies
        | Feature::IdleTimeout
        | Feature::MaxHeaders
        | Feature::Weight
        | Feature::Backup
        | Feature::BalanceRoundRobin
        | Feature::ConnectTimeout
        | Feature::MatchMethods
        | Feature::MatchHeaders
        | Feature::MatchQuery
        | Feature::MatchUpgrade
        | Feature::Priority
        | Feature::Redirect
        | Feature::RewritePrefix
        | Feature::RewriteRegex
        | Feature::ModeRequire
        | Feature::ModeDeny
        | Feature::Origins
        | Feature::MissingOrigin
        | Feature::CompressionStrip
        | Feature::HostUpstream
        | Feature::HostLiteral
        | Feature::ForwardedReplace
        | Feature::ForwardedAppend
        | Feature::ForwardedOff
        | Feature::ForwardedStyle
        | Feature::RequestHeadersSet
        | Feature::RequestHeadersAdd
        | Feature::RequestHeadersRemove
        | Feature::AuthBasic
        | Feature::Compression
        | Feature::RefusedHandshake
        | Feature::LyingUpgrade
        | Feature::EncodedSlash
        | Feature::HandshakeWithoutKey
        | Feature::TunnelIdle
        | Feature::Respond => Exact,
        Feature::DrainTimeout => Lost("after a reload open tunnels live on until they end"),
        Feature::DrainSpread => Lost("nothing ends open tunnels after a reload"),
        Feature::DrainStop => Approximate("by `graceful-stop` only, and some nine seconds more"),
        Feature::AccessLogFormat => {
            Approximate("in `json` bytes outside of ASCII are written as `\\x…`")
        }
        Feature::TunnelOpenLog => Lost("a tunnel is logged when it ends"),
        Feature::UnixListener => Lost("it listens on TCP only"),
        Feature::AcceptProxyVersion => Approximate("both versions are accepted"),
        Feature::ProxyProtocolFrom => {
            Lost("everybody must send the header, and everybody is believed")
        }
        Feature::RequestHeaderTimeout => {
            Approximate("a connection without a byte may live twice as long")
        }
        Feature::PerIpConnections | Feature::PerIpConnects => {
            Lost("no module of the server counts by client address")
        }
        Feature::BodyIdleTimeout => Approximate(
            "`response_header` bounds the silence of a response body; one timer is shared with tunnels, the shorter holds",
        ),
        Feature::HalfClosedTimeout => Approximate("`tunnel_idle` bounds a half-closed tunnel"),
        Feature::MaxConnections => {
            Approximate("workers of the whole server; more connections wait")
        }
        Feature::MaxBodyBytes => Approximate("bodies without a length are not bounded"),
        Feature::UnboundedConnections => {
            Approximate("1,024 requests and tunnels at once: each holds a worker")
        }
        Feature::MaxHeaderBytes => Approximate("bounds each field, not all together"),
        Feature::MaxUrlBytes => Approximate("bounds the request line"),
        Feature::UpstreamTls => Approximate(
            "the name that is asked for and checked is the client's host, or the server's own with `host: upstream`",
        ),
        Feature::UpstreamHttp2 => Lost("mod_proxy_http2 is experimental and is not used"),
        Feature::ResolveRuntime if before(ADDRESS_TTL) => {
            Approximate("before 2.4.59 for every connection, by the system's resolver")
        }
        Feature::ResolveRuntime => Approximate("the system's resolver is asked, not `resolver`"),
        Feature::BalanceLeastConn => Approximate(
            "counted apart for tunnels, plain requests and routes with timers of their own",
        ),
        Feature::BalanceRandom => Approximate("in turn"),
        Feature::BalanceIpHash | Feature::BalanceHash => Lost("in turn: it hashes nothing"),
        Feature::Sticky => Approximate("the cookie is set on plain answers, not on a 101"),
        Feature::HealthTcp | Feature::HealthHttp => {
            Approximate("a check waits as long as a request may; each balancer checks by itself")
        }
        Feature::HealthWebSocket => Lost("its checks do no handshake; the port alone is tried"),
        Feature::CloseTunnels => Lost("tunnels of a failed server live on"),
        Feature::SendProxyProtocol => Lost("it cannot send that header"),
        Feature::TcpKeepalive => Approximate("the system's own interval holds"),
        Feature::RegexPath => Approximate("it is matched against the decoded path"),
        Feature::Subprotocols => {
            Approximate("the first offered name that is listed is passed on, alone")
        }
        Feature::UpstreamH2 => Lost("tunnels to upstreams use HTTP/1.1"),
        Feature::ResponseHeadersSet
        | Feature::ResponseHeadersAdd
        | Feature::ResponseHeadersRemove => Approximate("not on a 101"),
        Feature::ResponseHeaderTimeout => Approximate("silence is answered with 502, not 504"),
        Feature::HandshakeTimeout => {
            Approximate("a handshake may wait for `tunnel_idle`: both are one knob")
        }
        Feature::TunnelUnlimited => Approximate("a year"),
        Feature::TunnelMax => Lost("nothing bounds the life of a tunnel"),
        Feature::AuthForward => Lost("no module of the server asks another service"),
        Feature::Retries => {
            Approximate("on other servers only, and a plain request may have been sent")
        }
        Feature::BufferRequest | Feature::BufferResponse => Lost("bodies are streamed"),
        Feature::ErrorPages => {
            Approximate("a server that cannot be reached is 503, one that is silent 502")
        }
    }
}
