//! What a site can ask of a server. Each target answers for every feature, so that nothing is lost in
//! silence; each has one code for its loss.

use crate::clause::Clause;
use crate::code::Code;

/// What the catalogue knows of a feature.
#[derive(Debug, Clone, Copy)]
pub struct FeatureEntry {
    /// The feature.
    pub feature: Feature,
    /// The field that asks for it.
    pub field: &'static str,
    /// The code of its loss or approximation.
    pub code: Code,
    /// The rule that it is a part of.
    pub clause: Clause,
    /// Whether losing it opens something that should be closed.
    pub guards: bool,
}

macro_rules! features {
    ($($name:ident $code:ident $field:literal $clause:ident $guards:literal;)*) => {
        /// Something that a site can ask of a server.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Feature {
            $(#[doc = concat!("`", $field, "`")] $name,)*
        }

        /// Every feature, in the order of their codes.
        pub const FEATURES: &[FeatureEntry] = &[$(FeatureEntry {
            feature: Feature::$name,
            field: $field,
            code: Code::$code,
            clause: Clause::$clause,
            guards: $guards,
        }),*];
    };
}

features! {
    DrainTimeout LOSS_DRAIN_TIMEOUT "drain.timeout" DRAIN_RELOAD false;
    DrainSpread LOSS_DRAIN_SPREAD "drain.spread" DRAIN_RELOAD false;
    DrainStop LOSS_DRAIN_STOP "drain.stop" DRAIN_STOP false;
    AccessLogFormat LOSS_ACCESS_LOG_FORMAT "access_log.format" LOG_ACCESS false;
    TunnelOpenLog LOSS_TUNNEL_OPEN_LOG "access_log.tunnel_open" LOG_ACCESS false;
    UnixListener LOSS_UNIX_LISTENER "listeners[].address: unix" ROUTE_LISTENER false;
    Http2 LOSS_HTTP2 "protocols: h2" LISTENER_PROTOCOLS false;
    H2WebSocketsOff LOSS_H2_WEB_SOCKETS_OFF "h2_websockets: off" HANDSHAKE_EXTENDED_CONNECT false;
    ListenerTls LOSS_LISTENER_TLS "tls.certificates" TLS_CERTIFICATE true;
    TlsProfile LOSS_TLS_PROFILE "tls.profile" TLS_PROFILE true;
    ClientAuth LOSS_CLIENT_AUTH "tls.client_auth" TLS_CLIENT true;
    AcceptProxyProtocol LOSS_ACCEPT_PROXY_PROTOCOL "proxy_protocol.accept" PROXY_PROTOCOL false;
    ProxyProtocolFrom LOSS_PROXY_PROTOCOL_FROM "proxy_protocol.from" PROXY_PROTOCOL true;
    TrustedProxies LOSS_TRUSTED_PROXIES "trusted_proxies" FORWARDED_APPEND false;
    RequestHeaderTimeout LOSS_REQUEST_HEADER_TIMEOUT "timeouts.request_header" TIMER_REQUEST_HEADER false;
    IdleTimeout LOSS_IDLE_TIMEOUT "timeouts.idle" TIMER_IDLE false;
    PerIpConnections LOSS_PER_IP_CONNECTIONS "limits.per_ip.connections" LIMIT_CONNECTIONS true;
    PerIpConnects LOSS_PER_IP_CONNECTS "limits.per_ip.connects_per_minute" LIMIT_CONNECTS true;
    BodyIdleTimeout LOSS_BODY_IDLE_TIMEOUT "timeouts.body_idle" TIMER_BODY_IDLE false;
    HalfClosedTimeout LOSS_HALF_CLOSED_TIMEOUT "timeouts.half_closed" TIMER_HALF_CLOSED false;
    MaxConnections LOSS_MAX_CONNECTIONS "limits.max_connections" LIMIT_LISTENER true;
    MaxHeaderBytes LOSS_MAX_HEADER_BYTES "limits.max_header_bytes" LIMIT_HEAD true;
    MaxHeaders LOSS_MAX_HEADERS "limits.max_headers" LIMIT_HEAD true;
    MaxUrlBytes LOSS_MAX_URL_BYTES "limits.max_url_bytes" LIMIT_HEAD true;
    MaxBodyBytes LOSS_MAX_BODY_BYTES "limits.max_body_bytes" LIMIT_BODY true;
    UpstreamTls LOSS_UPSTREAM_TLS "protocol: https" TLS_UPSTREAM true;
    UpstreamHttp2 LOSS_UPSTREAM_HTTP2 "protocol: h2 or h2c" HANDSHAKE_CONNECTION false;
    Weight LOSS_WEIGHT "servers[].weight" BALANCE_POLICY false;
    Backup LOSS_BACKUP "servers[].backup" BALANCE_BACKUP false;
    ResolveRuntime LOSS_RESOLVE_RUNTIME "servers[].resolve: runtime" BALANCE_RESOLVE false;
    BalanceLeastConn LOSS_BALANCE_LEAST_CONN "load_balancing.policy: least_conn" BALANCE_POLICY false;
    BalanceRoundRobin LOSS_BALANCE_ROUND_ROBIN "load_balancing.policy: round_robin" BALANCE_POLICY false;
    BalanceRandom LOSS_BALANCE_RANDOM "load_balancing.policy: random" BALANCE_POLICY false;
    BalanceIpHash LOSS_BALANCE_IP_HASH "load_balancing.policy: ip_hash" BALANCE_POLICY false;
    BalanceHash LOSS_BALANCE_HASH "load_balancing.policy: hash" BALANCE_POLICY false;
    Sticky LOSS_STICKY "sticky.cookie" STICKY_VISIBLE false;
    HealthTcp LOSS_HEALTH_TCP "health_check.type: tcp" HEALTH_CHECK false;
    HealthHttp LOSS_HEALTH_HTTP "health_check.type: http" HEALTH_CHECK false;
    HealthWebSocket LOSS_HEALTH_WEB_SOCKET "health_check.type: websocket" HEALTH_WEBSOCKET false;
    CloseTunnels LOSS_CLOSE_TUNNELS "on_unhealthy: close_tunnels" HEALTH_TUNNELS false;
    SendProxyProtocol LOSS_SEND_PROXY_PROTOCOL "proxy_protocol.send" PROXY_PROTOCOL_SEND false;
    ConnectTimeout LOSS_CONNECT_TIMEOUT "timeouts.connect" TIMER_CONNECT false;
    TcpKeepalive LOSS_TCP_KEEPALIVE "tcp_keepalive" TIMER_KEEPALIVE false;
    RegexPath LOSS_REGEX_PATH "match.path.regex" ROUTE_REGEX false;
    MatchMethods LOSS_MATCH_METHODS "match.methods" ROUTE_TIES false;
    MatchHeaders LOSS_MATCH_HEADERS "match.headers" ROUTE_TIES false;
    MatchQuery LOSS_MATCH_QUERY "match.query" ROUTE_TIES false;
    MatchUpgrade LOSS_MATCH_UPGRADE "match.upgrade" ROUTE_TIES false;
    Priority LOSS_PRIORITY "priority" ROUTE_PRECEDENCE false;
    Redirect LOSS_REDIRECT "redirect" REDIRECT_PARTS false;
    Respond LOSS_RESPOND "respond" RESPOND_FIXED true;
    RewritePrefix LOSS_REWRITE_PREFIX "rewrite.strip_prefix and replace_prefix" REWRITE_PREFIX false;
    RewriteRegex LOSS_REWRITE_REGEX "rewrite.regex" REWRITE_REGEX false;
    ModeRequire LOSS_MODE_REQUIRE "websocket.mode: require" MODE_REQUIRE false;
    ModeDeny LOSS_MODE_DENY "websocket.mode: deny" MODE_DENY true;
    Origins LOSS_ORIGINS "websocket.origins" ORIGIN_CHECK true;
    MissingOrigin LOSS_MISSING_ORIGIN "websocket.missing_origin" ORIGIN_MISSING true;
    Subprotocols LOSS_SUBPROTOCOLS "websocket.subprotocols" HANDSHAKE_FIELDS false;
    CompressionStrip LOSS_COMPRESSION_STRIP "websocket.compression: strip" HANDSHAKE_FIELDS false;
    UpstreamH2 LOSS_UPSTREAM_H2 "websocket.upstream_h2" HANDSHAKE_EXTENDED_CONNECT false;
    HostUpstream LOSS_HOST_UPSTREAM "host: upstream" HOST_PRESERVE false;
    HostLiteral LOSS_HOST_LITERAL "host: NAME" HOST_PRESERVE false;
    ForwardedReplace LOSS_FORWARDED_REPLACE "forwarded.mode: replace" FORWARDED_REPLACE true;
    ForwardedAppend LOSS_FORWARDED_APPEND "forwarded.mode: append" FORWARDED_APPEND false;
    ForwardedOff LOSS_FORWARDED_OFF "forwarded.mode: off" FORWARDED_REPLACE false;
    ForwardedStyle LOSS_FORWARDED_STYLE "forwarded.style" FORWARDED_REPLACE false;
    RequestHeadersSet LOSS_REQUEST_HEADERS_SET "request_headers.set" HEADERS_EDIT false;
    RequestHeadersAdd LOSS_REQUEST_HEADERS_ADD "request_headers.add" HEADERS_EDIT false;
    RequestHeadersRemove LOSS_REQUEST_HEADERS_REMOVE "request_headers.remove" HEADERS_EDIT false;
    ResponseHeadersSet LOSS_RESPONSE_HEADERS_SET "response_headers.set" HEADERS_ON_101 false;
    ResponseHeadersAdd LOSS_RESPONSE_HEADERS_ADD "response_headers.add" HEADERS_ON_101 false;
    ResponseHeadersRemove LOSS_RESPONSE_HEADERS_REMOVE "response_headers.remove" HEADERS_ON_101 false;
    ResponseHeaderTimeout LOSS_RESPONSE_HEADER_TIMEOUT "timeouts.response_header" TIMER_RESPONSE_HEADER false;
    HandshakeTimeout LOSS_HANDSHAKE_TIMEOUT "timeouts.response_header of a handshake" TIMER_HANDSHAKE false;
    TunnelIdle LOSS_TUNNEL_IDLE "timeouts.tunnel_idle" TIMER_TUNNEL_IDLE false;
    TunnelUnlimited LOSS_TUNNEL_UNLIMITED "timeouts.tunnel_idle: unlimited" TIMER_TUNNEL_IDLE false;
    TunnelMax LOSS_TUNNEL_MAX "timeouts.tunnel_max" TIMER_TUNNEL_MAX false;
    AuthForward LOSS_AUTH_FORWARD "auth.forward" AUTH_FORWARD true;
    AuthBasic LOSS_AUTH_BASIC "auth.basic" AUTH_BASIC true;
    Retries LOSS_RETRIES "retries" RETRY_SAFE false;
    BufferRequest LOSS_BUFFER_REQUEST "buffering.request" BODY_BUFFERING false;
    BufferResponse LOSS_BUFFER_RESPONSE "buffering.response" BODY_BUFFERING false;
    Compression LOSS_COMPRESSION "compression" BODY_COMPRESSION false;
    ErrorPages LOSS_ERROR_PAGES "error_pages" ERROR_PAGE false;
    LyingUpgrade LOSS_LYING_UPGRADE "a 101 that was not asked for" HANDSHAKE_LYING_101 false;
    AcceptProxyVersion LOSS_ACCEPT_PROXY_VERSION "proxy_protocol.accept: v1 or v2" PROXY_PROTOCOL true;
    RefusedHandshake LOSS_REFUSED_HANDSHAKE "a refused handshake" HANDSHAKE_REFUSED true;
    EncodedSlash LOSS_ENCODED_SLASH "an encoded slash" ROUTE_NORMAL_PATH true;
    HandshakeWithoutKey LOSS_HANDSHAKE_WITHOUT_KEY "a handshake without a key" HANDSHAKE_FIELDS false;
    H2WebSockets LOSS_H2_WEB_SOCKETS "h2_websockets: auto" HANDSHAKE_EXTENDED_CONNECT false;
    UnboundedConnections LOSS_UNBOUNDED_CONNECTIONS "no limits.max_connections" LIMIT_LISTENER false;
}

impl Feature {
    /// What the catalogue knows of it.
    pub fn entry(self) -> &'static FeatureEntry {
        // The catalogue and the enum come from one macro, in one order.
        &FEATURES[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_in_the_order_of_the_enum() {
        for entry in FEATURES {
            assert_eq!(entry.feature.entry().feature, entry.feature);
        }
        assert!(FEATURES.windows(2).all(|pair| pair[0].code < pair[1].code));
    }
}
