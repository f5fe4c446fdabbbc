//! What these templates know. Every field of the model is named here, so that a new one is a decision:
//! what is written and not known is refused, never dropped.

use wsgen_model::code::Code;
use wsgen_model::config::{HostPolicy, Policy, UpstreamProtocol, WebSocketMode};
use wsgen_model::diagnostic::{Diagnostic, Diagnostics};
use wsgen_model::scalar::{ListenAddress, TunnelIdle};
use wsgen_model::site::{
    Action, Forward, Forwarded, HeaderEdit, Listener, ListenerLimits, ListenerTimeouts, PathRule,
    PerIp, Route, RouteTimeouts, Setting, Site, Upstream, WebSocket,
};
use wsgen_model::source::Span;

/// Whether a site can be rendered; pushes a finding for every field that cannot.
pub(super) fn judge(site: &Site, diagnostics: &mut Diagnostics) -> bool {
    let before = diagnostics.len();
    let mut out = Refusals(diagnostics);
    // The rest of the site is not rendered by any target (targets, chain, app, admin), or is rendered by
    // its parts.
    out.setting("drain.spread", &site.drain.spread);
    out.setting("drain.stop", &site.drain.stop);
    out.setting("access_log.format", &site.access_log.format);
    out.setting("access_log.tunnel_open", &site.access_log.tunnel_open);
    site.listeners.iter().for_each(|item| listener(item, &mut out));
    site.upstreams.iter().for_each(|item| upstream(item, &mut out));
    site.routes.iter().for_each(|item| route(item, &mut out));
    diagnostics.len() == before
}

struct Refusals<'d>(&'d mut Diagnostics);

impl Refusals<'_> {
    fn refuse(&mut self, what: &str, span: Span) {
        self.0.push(
            Diagnostic::new(
                Code::NOT_RENDERED,
                format!("the nginx templates do not know `{what}` yet"),
            )
            .at(span)
            .help("remove it from this model, or wait for a version that renders it"),
        );
    }

    fn setting<T>(&mut self, what: &str, setting: &Setting<T>) {
        self.place(what, setting.span);
    }

    fn place(&mut self, what: &str, span: Option<Span>) {
        if let Some(span) = span {
            self.refuse(what, span);
        }
    }
}

fn listener(listener: &Listener, out: &mut Refusals<'_>) {
    let Listener {
        name: _,
        address,
        protocols,
        h2_websockets,
        tls,
        proxy_protocol,
        trusted_proxies,
        timeouts: ListenerTimeouts { request_header: _, idle: _, body_idle, half_closed },
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
        out.refuse("unix:", address.span);
    }
    out.setting("protocols", protocols);
    out.setting("h2_websockets", h2_websockets);
    out.place("tls", tls.as_ref().map(|_| address.span));
    out.place("proxy_protocol", proxy_protocol.as_ref().map(|p| p.accept.span));
    out.setting("trusted_proxies", trusted_proxies);
    out.setting("timeouts.body_idle", body_idle);
    out.setting("timeouts.half_closed", half_closed);
    out.place("limits.max_connections", max_connections.map(|l| l.span));
    out.setting("limits.max_header_bytes", max_header_bytes);
    out.setting("limits.max_headers", max_headers);
    out.setting("limits.max_url_bytes", max_url_bytes);
    out.place("limits.max_body_bytes", max_body_bytes.map(|l| l.span));
}

fn upstream(upstream: &Upstream, out: &mut Refusals<'_>) {
    let Upstream {
        name: _,
        protocol,
        servers,
        load_balancing,
        sticky,
        health_check,
        on_unhealthy,
        tls: _, // there exactly with a protocol that is refused
        proxy_protocol,
        connect: _,
        tcp_keepalive,
    } = upstream;
    if **protocol != UpstreamProtocol::Http {
        out.setting("protocol", protocol);
    }
    for server in servers {
        out.setting("resolve", &server.resolve);
    }
    if load_balancing.policy == Policy::Hash {
        out.setting("load_balancing.policy: hash", load_balancing);
    }
    out.place("sticky", sticky.as_ref().map(|s| s.span));
    out.place("health_check", health_check.as_ref().map(|h| h.span));
    out.setting("on_unhealthy", on_unhealthy);
    out.place("proxy_protocol", proxy_protocol.as_ref().map(|p| p.span));
    out.place("tcp_keepalive", tcp_keepalive.as_ref().map(|k| k.span));
}

fn route(route: &Route, out: &mut Refusals<'_>) {
    let Route {
        name: _,
        span,
        listeners: _,
        hostnames: _,
        entries,
        priority,
        action,
        snippets,
        expect: _, // run, not rendered
    } = route;
    for entry in entries {
        match &entry.path {
            PathRule::Regex(_) => out.refuse("path.regex", entry.span),
            // Locations are compared with decoded paths, and `$` cannot be quoted.
            PathRule::Exact(path) | PathRule::Prefix(path)
                if path.as_str().contains(['%', '$']) =>
            {
                out.refuse("path with % or $", entry.span);
            }
            PathRule::Exact(_) | PathRule::Prefix(_) => {}
        }
        if !entry.is_unconditional() {
            out.refuse("match", entry.span);
        }
    }
    out.setting("priority", priority);
    out.place("snippets", snippets.first().map(|s| s.span));
    match action {
        Action::Forward(action) => forward(action, out),
        Action::Redirect(redirect) => out.refuse("redirect", redirect.span),
        Action::Respond(_) => out.refuse("respond", *span),
    }
}

fn forward(forward: &Forward, out: &mut Refusals<'_>) {
    let Forward {
        upstream: _,
        upstream_span: _,
        rewrite,
        websocket:
            WebSocket {
                mode,
                origins,
                missing_origin,
                subprotocols,
                compression: ws_compression,
                upstream_h2,
            },
        host,
        forwarded: Forwarded { mode: forwarded_mode, headers, style },
        request_headers,
        response_headers,
        timeouts: RouteTimeouts { response_header: _, tunnel_idle, tunnel_max },
        per_ip: PerIp { connections, connects_per_minute },
        max_body_bytes,
        auth,
        attempts,
        buffer_request,
        buffer_response,
        compression,
        error_pages,
    } = forward;
    out.place("rewrite", rewrite.as_ref().map(|r| r.span));
    if **mode != WebSocketMode::Allow {
        out.setting("websocket.mode", mode);
    }
    out.place("websocket.origins", origins.as_ref().map(|o| o.span));
    out.setting("websocket.missing_origin", missing_origin);
    out.setting("websocket.subprotocols", subprotocols);
    out.setting("websocket.compression", ws_compression);
    out.setting("websocket.upstream_h2", upstream_h2);
    if **host != HostPolicy::Preserve {
        out.setting("host", host);
    }
    out.setting("forwarded.mode", forwarded_mode);
    out.setting("forwarded.headers", headers);
    out.setting("forwarded.style", style);
    for HeaderEdit { set, add, remove } in [request_headers, response_headers] {
        let first =
            set.iter().chain(add).map(|(name, _)| name.span).chain(remove.iter().map(|r| r.span));
        out.place("request_headers and response_headers", first.min());
    }
    if **tunnel_idle == TunnelIdle::Unlimited {
        out.setting("timeouts.tunnel_idle: unlimited", tunnel_idle);
    }
    out.place("timeouts.tunnel_max", tunnel_max.map(|t| t.span));
    out.place("limits.per_ip", connections.map(|c| c.span).or(connects_per_minute.map(|c| c.span)));
    out.place("limits.max_body_bytes", max_body_bytes.map(|m| m.span));
    out.place("auth", auth.as_ref().map(|a| a.span));
    out.setting("retries.attempts", attempts);
    out.setting("buffering.request", buffer_request);
    out.setting("buffering.response", buffer_response);
    out.place("compression", compression.as_ref().map(|c| c.span));
    out.place("error_pages", error_pages.first().map(|(status, _)| status.span));
}
