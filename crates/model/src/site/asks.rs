//! What a site asks of a server: every feature that it uses, where, and whether somebody wrote it. Every
//! struct is taken apart without `..`, so that a new field cannot be forgotten.

use crate::config::{
    AcceptProxyProtocol, AllowOrDeny, ForwardedMode, ForwardedStyle, HealthCheckType, HostPolicy,
    OnOff, OnUnhealthy, PassOrStrip, Policy, Protocol, Resolve, Subprotocols, UpstreamProtocol,
    WebSocketMode,
};
use crate::feature::Feature;
use crate::scalar::{ListenAddress, TunnelIdle};
use crate::site::{
    AccessLog, Action, Auth, Drain, Entry, Forward, Forwarded, HeaderEdit, Listener,
    ListenerLimits, ListenerTimeouts, PathRule, PerIp, Rewrite, Route, RouteId, RouteTimeouts,
    Server, Setting, Site, Tls, Upstream, UpstreamTls, WebSocket,
};
use crate::source::Span;

/// One use of a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// What is asked.
    pub feature: Feature,
    /// Where it was written; `None` for a built-in value.
    pub span: Option<Span>,
    /// The route that asks, where one does.
    pub route: Option<RouteId>,
}

impl Site {
    /// Every feature that the site uses.
    pub fn asks(&self) -> Vec<Ask> {
        let mut asks = Asks { list: Vec::new(), route: None };
        let Self {
            name: _,
            targets: _,
            chain: _,
            heartbeat: _,
            drain: Drain { timeout, spread, stop },
            resolver: _, // asked for by `resolve: runtime`
            access_log: AccessLog { format, tunnel_open },
            admin: _, // the reference proxy's own
            listeners,
            upstreams,
            routes,
            router: _,
        } = self;
        asks.setting(Feature::DrainTimeout, timeout);
        if spread.as_millis() > 0 {
            asks.setting(Feature::DrainSpread, spread);
        }
        asks.setting(Feature::DrainStop, stop);
        asks.setting(Feature::AccessLogFormat, format);
        if **tunnel_open {
            asks.setting(Feature::TunnelOpenLog, tunnel_open);
        }
        for listener in listeners {
            asks.listener(listener);
        }
        for upstream in upstreams {
            asks.upstream(upstream);
        }
        for (number, route) in routes.iter().enumerate() {
            asks.route = Some(RouteId(number));
            asks.route(route);
        }
        asks.list
    }
}

struct Asks {
    list: Vec<Ask>,
    route: Option<RouteId>,
}

impl Asks {
    fn at(&mut self, feature: Feature, span: Option<Span>) {
        self.list.push(Ask { feature, span, route: self.route });
    }

    fn setting<T>(&mut self, feature: Feature, setting: &Setting<T>) {
        self.at(feature, setting.span);
    }

    fn written(&mut self, feature: Feature, span: Option<Span>) {
        if span.is_some() {
            self.at(feature, span);
        }
    }

    fn listener(&mut self, listener: &Listener) {
        let Listener {
            name: _,
            address,
            protocols,
            h2_websockets,
            tls,
            proxy_protocol,
            trusted_proxies,
            timeouts: ListenerTimeouts { request_header, idle, body_idle, half_closed },
            limits:
                ListenerLimits {
                    max_connections,
                    max_header_bytes,
                    max_headers,
                    max_url_bytes,
                    max_body_bytes,
                },
        } = listener;
        if let ListenAddress::Unix(_) = address.value {
            self.at(Feature::UnixListener, Some(address.span));
        }
        if protocols.contains(&Protocol::H2) {
            self.setting(Feature::Http2, protocols);
        }
        if **h2_websockets == OnOff::Off {
            self.setting(Feature::H2WebSocketsOff, h2_websockets);
        } else if protocols.contains(&Protocol::H2) {
            self.setting(Feature::H2WebSockets, h2_websockets);
        }
        if let Some(Tls { profile, certificates, client_auth }) = tls {
            self.written(Feature::ListenerTls, certificates.first().map(|c| c.certificate.span));
            self.setting(Feature::TlsProfile, profile);
            self.written(Feature::ClientAuth, client_auth.as_ref().map(|auth| auth.mode.span));
        }
        if let Some(proxy_protocol) = proxy_protocol {
            self.at(Feature::AcceptProxyProtocol, Some(proxy_protocol.accept.span));
            if proxy_protocol.accept.value != AcceptProxyProtocol::Any {
                self.at(Feature::AcceptProxyVersion, Some(proxy_protocol.accept.span));
            }
            self.written(Feature::ProxyProtocolFrom, proxy_protocol.from.first().map(|f| f.span));
        }
        if !trusted_proxies.is_empty() {
            self.setting(Feature::TrustedProxies, trusted_proxies);
        }
        self.setting(Feature::RequestHeaderTimeout, request_header);
        self.setting(Feature::IdleTimeout, idle);
        self.setting(Feature::BodyIdleTimeout, body_idle);
        self.setting(Feature::HalfClosedTimeout, half_closed);
        match max_connections {
            Some(limit) => self.at(Feature::MaxConnections, Some(limit.span)),
            None => self.at(Feature::UnboundedConnections, None),
        }
        self.setting(Feature::MaxHeaderBytes, max_header_bytes);
        self.setting(Feature::MaxHeaders, max_headers);
        self.setting(Feature::MaxUrlBytes, max_url_bytes);
        self.written(Feature::MaxBodyBytes, max_body_bytes.map(|l| l.span));
    }

    fn upstream(&mut self, upstream: &Upstream) {
        let Upstream {
            name: _,
            protocol,
            servers,
            load_balancing,
            sticky,
            health_check,
            on_unhealthy,
            tls,
            proxy_protocol,
            connect,
            tcp_keepalive,
        } = upstream;
        if let Some(UpstreamTls { server_name: _, ca: _, verify: _ }) = tls {
            self.setting(Feature::UpstreamTls, protocol);
        }
        if matches!(**protocol, UpstreamProtocol::H2 | UpstreamProtocol::H2c) {
            self.setting(Feature::UpstreamHttp2, protocol);
        }
        for Server { address: _, weight, resolve, backup } in servers {
            self.written(Feature::Weight, weight.span);
            if **resolve == Resolve::Runtime {
                self.setting(Feature::ResolveRuntime, resolve);
            }
            if **backup {
                self.setting(Feature::Backup, backup);
            }
        }
        let policy = match load_balancing.policy {
            Policy::RoundRobin => Feature::BalanceRoundRobin,
            Policy::LeastConn => Feature::BalanceLeastConn,
            Policy::Random => Feature::BalanceRandom,
            Policy::IpHash => Feature::BalanceIpHash,
            Policy::Hash => Feature::BalanceHash,
        };
        if servers.len() > 1 {
            self.setting(policy, load_balancing);
        }
        self.written(Feature::Sticky, sticky.as_ref().map(|sticky| sticky.span));
        if let Some(check) = health_check {
            let feature = match check.kind.value {
                HealthCheckType::Tcp => Feature::HealthTcp,
                HealthCheckType::Http => Feature::HealthHttp,
                HealthCheckType::WebSocket => Feature::HealthWebSocket,
            };
            self.at(feature, Some(check.kind.span));
        }
        if **on_unhealthy == OnUnhealthy::CloseTunnels {
            self.setting(Feature::CloseTunnels, on_unhealthy);
        }
        self.written(Feature::SendProxyProtocol, proxy_protocol.as_ref().map(|p| p.span));
        self.setting(Feature::ConnectTimeout, connect);
        self.written(Feature::TcpKeepalive, tcp_keepalive.map(|k| k.span));
    }

    fn route(&mut self, route: &Route) {
        let Route {
            name: _,
            span: _,
            listeners: _,
            hostnames: _,
            entries,
            priority,
            action,
            snippets: _, // text for one target; nothing to lose
            expect: _,   // run, not rendered
        } = route;
        for Entry { span, path, methods, headers, query, upgrade } in entries {
            // Every comparison of paths relies on it, but for that of the root.
            let root = matches!(path, PathRule::Prefix(path) if path.prefix().is_empty());
            if !root {
                self.at(Feature::EncodedSlash, None);
            }
            let span = Some(*span);
            let asked = [
                (matches!(path, PathRule::Regex(_)), Feature::RegexPath),
                (!methods.is_empty(), Feature::MatchMethods),
                (!headers.is_empty(), Feature::MatchHeaders),
                (!query.is_empty(), Feature::MatchQuery),
                (*upgrade, Feature::MatchUpgrade),
            ];
            asked.into_iter().filter(|(asked, _)| *asked).for_each(|(_, f)| self.at(f, span));
        }
        if **priority != 0 {
            self.setting(Feature::Priority, priority);
        }
        match action {
            Action::Forward(forward) => self.forward(forward),
            Action::Redirect(redirect) => self.at(Feature::Redirect, Some(redirect.span)),
            Action::Respond(respond) => self.at(Feature::Respond, Some(respond.span)),
        }
    }

    fn forward(&mut self, forward: &Forward) {
        let Forward {
            upstream: _,
            upstream_span,
            rewrite,
            websocket,
            host,
            forwarded: Forwarded { mode, headers: _, style },
            request_headers,
            response_headers,
            timeouts: RouteTimeouts { response_header, tunnel_idle, tunnel_max },
            per_ip:
                PerIp {
                    connections,
                    connects_per_minute,
                    ipv6_prefix: _, // a part of both
                },
            max_body_bytes,
            auth,
            attempts,
            buffer_request,
            buffer_response,
            compression,
            error_pages,
        } = forward;
        if let Some(rewrite) = rewrite {
            let feature = match rewrite.value {
                Rewrite::Prefix { .. } => Feature::RewritePrefix,
                Rewrite::Regex { .. } => Feature::RewriteRegex,
            };
            self.at(feature, Some(rewrite.span));
        }
        self.websocket(websocket);
        match **host {
            HostPolicy::Preserve => {}
            HostPolicy::Upstream => self.setting(Feature::HostUpstream, host),
            HostPolicy::Literal(_) => self.setting(Feature::HostLiteral, host),
        }
        let forwarding = match **mode {
            ForwardedMode::Replace => Feature::ForwardedReplace,
            ForwardedMode::Append => Feature::ForwardedAppend,
            ForwardedMode::Off => Feature::ForwardedOff,
        };
        self.setting(forwarding, mode);
        if **style != ForwardedStyle::XForwarded {
            self.setting(Feature::ForwardedStyle, style);
        }
        let HeaderEdit { set, add, remove } = request_headers;
        self.written(Feature::RequestHeadersSet, set.first().map(|(name, _)| name.span));
        self.written(Feature::RequestHeadersAdd, add.first().map(|(name, _)| name.span));
        self.written(Feature::RequestHeadersRemove, remove.first().map(|name| name.span));
        let HeaderEdit { set, add, remove } = response_headers;
        self.written(Feature::ResponseHeadersSet, set.first().map(|(name, _)| name.span));
        self.written(Feature::ResponseHeadersAdd, add.first().map(|(name, _)| name.span));
        self.written(Feature::ResponseHeadersRemove, remove.first().map(|name| name.span));
        self.setting(Feature::ResponseHeaderTimeout, response_header);
        if *websocket.mode != WebSocketMode::Deny {
            self.setting(Feature::HandshakeTimeout, response_header);
            match **tunnel_idle {
                TunnelIdle::After(_) => self.setting(Feature::TunnelIdle, tunnel_idle),
                TunnelIdle::Unlimited => self.setting(Feature::TunnelUnlimited, tunnel_idle),
            }
            self.written(Feature::TunnelMax, tunnel_max.map(|t| t.span));
            self.at(Feature::LyingUpgrade, None);
            self.at(Feature::HandshakeWithoutKey, None);
            // Asked for by every tunnel, and never in silence.
            self.at(Feature::RefusedHandshake, Some(*upstream_span));
        }
        self.written(Feature::PerIpConnections, connections.map(|c| c.span));
        self.written(Feature::PerIpConnects, connects_per_minute.map(|c| c.span));
        self.written(Feature::MaxBodyBytes, max_body_bytes.map(|m| m.span));
        if let Some(auth) = auth {
            let feature = match auth.value {
                Auth::Forward { .. } => Feature::AuthForward,
                Auth::Basic { .. } => Feature::AuthBasic,
            };
            self.at(feature, Some(auth.span));
        }
        if **attempts > 1 {
            self.setting(Feature::Retries, attempts);
        }
        if **buffer_request {
            self.setting(Feature::BufferRequest, buffer_request);
        }
        if **buffer_response {
            self.setting(Feature::BufferResponse, buffer_response);
        }
        self.written(Feature::Compression, compression.as_ref().map(|c| c.span));
        self.written(Feature::ErrorPages, error_pages.first().map(|(status, _)| status.span));
    }

    fn websocket(&mut self, websocket: &WebSocket) {
        let WebSocket { mode, origins, missing_origin, subprotocols, compression, upstream_h2 } =
            websocket;
        match **mode {
            WebSocketMode::Allow => {}
            WebSocketMode::Require => self.setting(Feature::ModeRequire, mode),
            WebSocketMode::Deny => self.setting(Feature::ModeDeny, mode),
        }
        self.written(Feature::Origins, origins.as_ref().map(|o| o.span));
        if **missing_origin == AllowOrDeny::Deny {
            self.setting(Feature::MissingOrigin, missing_origin);
        }
        if **subprotocols != Subprotocols::Pass {
            self.setting(Feature::Subprotocols, subprotocols);
        }
        if **compression == PassOrStrip::Strip {
            self.setting(Feature::CompressionStrip, compression);
        }
        if **upstream_h2 {
            self.setting(Feature::UpstreamH2, upstream_h2);
        }
    }
}
