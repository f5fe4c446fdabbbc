//! What a route asks of the traffic that it carries.

use super::Context;
use crate::config::{
    self, AllowOrDeny, Buffering, ForwardedHeader, ForwardedMode, ForwardedStyle, HostPolicy,
    PassOrStrip, RouteSettings, Subprotocols, WebSocketMode,
};
use crate::decode::Scalar;
use crate::located::Located;
use crate::scalar::{Duration, Ipv6Prefix, Line, TunnelIdle};
use crate::site::{
    Auth, Forward, Forwarded, HeaderEdit, PerIp, RouteTimeouts, Setting, UpstreamId, WebSocket,
};
use crate::source::Span;

/// The policies of a route; who it forwards to is for the caller to fill in.
pub(super) fn resolve(settings: RouteSettings, scope: &mut Context<'_>) -> Forward {
    let RouteSettings {
        websocket,
        host,
        forwarded,
        request_headers,
        response_headers,
        timeouts,
        limits,
        auth,
        retries,
        buffering,
        compression,
        error_pages,
        broken: _,
    } = settings;
    let limits = limits.map(|l| l.value).unwrap_or_default();
    let per_ip = limits.per_ip.map(|p| p.value).unwrap_or_default();
    let (buffer_request, buffer_response) = Buffering::settings(buffering.as_ref());
    let attempts = retries.and_then(|r| r.value.attempts).map(|a| a.map(crate::scalar::Whole::get));
    Forward {
        upstream: UpstreamId(0),
        upstream_span: Span::default(),
        rewrite: None,
        websocket: resolve_websocket(websocket.map(|w| w.value).unwrap_or_default(), scope),
        host: Setting::of(host.as_ref(), HostPolicy::Preserve),
        forwarded: resolve_forwarded(forwarded.map(|f| f.value).unwrap_or_default()),
        request_headers: header_edit(request_headers),
        response_headers: header_edit(response_headers),
        timeouts: route_timeouts(&timeouts.map(|t| t.value).unwrap_or_default()),
        per_ip: PerIp {
            connections: per_ip.connections,
            connects_per_minute: per_ip.connects_per_minute,
            ipv6_prefix: Setting::of(per_ip.ipv6_prefix.as_ref(), Ipv6Prefix::LINE),
        },
        max_body_bytes: limits.max_body_bytes,
        auth: auth.and_then(|auth| resolve_auth(auth, scope)),
        attempts: Setting::of(attempts.as_ref(), 1),
        buffer_request,
        buffer_response,
        compression: compression.and_then(|c| {
            let types = c.value.types?.value.into_iter().map(|t| t.value).collect();
            Some(Located::new(types, c.span))
        }),
        error_pages: error_pages.map(|e| e.value.0).unwrap_or_default(),
    }
}

fn resolve_websocket(config: config::WebSocket, scope: &mut Context<'_>) -> WebSocket {
    let config::WebSocket {
        mode,
        origins,
        missing_origin,
        subprotocols,
        compression,
        upstream_h2,
        broken: _,
    } = config;
    if let (None, Some(missing)) = (&origins, &missing_origin)
        && missing.value == AllowOrDeny::Deny
    {
        scope.no_effect(
            missing.span,
            "`missing_origin: deny` without `origins` lets any origin in but none at all",
            "list the allowed `origins`, or `same_origin`",
        );
    }
    WebSocket {
        mode: Setting::of(mode.as_ref(), WebSocketMode::Allow),
        origins,
        missing_origin: Setting::of(missing_origin.as_ref(), AllowOrDeny::Allow),
        subprotocols: Setting::of(subprotocols.as_ref(), Subprotocols::Pass),
        compression: Setting::of(compression.as_ref(), PassOrStrip::Pass),
        upstream_h2: Setting::of(upstream_h2.as_ref(), false),
    }
}

fn resolve_forwarded(config: config::Forwarded) -> Forwarded {
    let headers =
        config.headers.map(|h| h.map(|list| list.into_iter().map(|one| one.value).collect()));
    let all = vec![ForwardedHeader::For, ForwardedHeader::Proto, ForwardedHeader::Host];
    Forwarded {
        mode: Setting::of(config.mode.as_ref(), ForwardedMode::Replace),
        headers: Setting::of(headers.as_ref(), all),
        style: Setting::of(config.style.as_ref(), ForwardedStyle::XForwarded),
    }
}

fn header_edit(config: Option<Located<config::HeaderEdit>>) -> HeaderEdit {
    let Some(edit) = config.map(|c| c.value) else {
        return HeaderEdit::default();
    };
    HeaderEdit {
        set: edit.set.map(|m| m.value.0).unwrap_or_default(),
        add: edit.add.map(|m| m.value.0).unwrap_or_default(),
        remove: edit.remove.map(|r| r.value).unwrap_or_default(),
    }
}

fn route_timeouts(config: &config::RouteTimeouts) -> RouteTimeouts {
    RouteTimeouts {
        response_header: Setting::of(config.response_header.as_ref(), Duration::from_secs(60)),
        tunnel_idle: Setting::of(
            config.tunnel_idle.as_ref(),
            TunnelIdle::After(Duration::from_secs(600)),
        ),
        tunnel_max: config.tunnel_max,
    }
}

fn resolve_auth(auth: Located<config::Auth>, scope: &mut Context<'_>) -> Option<Located<Auth>> {
    let config::Auth { forward, basic, broken } = auth.value;
    scope.exactly_one(
        "`auth`",
        auth.span,
        &broken,
        &[("forward", forward.as_ref().map(|f| f.span)), ("basic", basic.as_ref().map(|b| b.span))],
    );
    let value = match (forward, basic) {
        (Some(forward), _) => Auth::Forward {
            url: forward.value.url?,
            copy_headers: forward.value.copy_headers.map(|c| c.value).unwrap_or_default(),
        },
        (None, Some(basic)) => Auth::Basic {
            users_file: basic.value.users_file?,
            realm: Setting::of(basic.value.realm.as_ref(), Line::parse("Restricted").ok()?),
        },
        (None, None) => return None,
    };
    Some(Located::new(value, auth.span))
}
