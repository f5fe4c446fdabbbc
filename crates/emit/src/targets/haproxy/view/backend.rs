//! `backend` sections: one for each upstream, before 2.4 for each set of timers.

use serde::Serialize;
use wsgen_model::config::{
    HealthCheckType, OnUnhealthy, Policy, Resolve, SameSite, SendProxyProtocol, SnippetPlace,
    UpstreamProtocol,
};
use wsgen_model::scalar::{HashKey, TunnelIdle, UpstreamAddress};
use wsgen_model::site::{Forward, HealthCheck, RouteId, Upstream};

use super::{Context, snippets, time};
use crate::engine::Raw;
use crate::targets::haproxy::quote::{literal, value};
use crate::targets::haproxy::support::{SET_TIMEOUT, SPREAD};

#[derive(Serialize)]
pub(super) struct Backend {
    scope: Raw,
    name: Raw,
    balance: Raw,
    consistent: bool,
    connect: Raw,
    response: Raw,
    tunnel: Raw,
    /// Timers of routes that differ.
    timers: Vec<Raw>,
    half_closed: Raw,
    retries: u64,
    keepalive: bool,
    cookie: Option<Raw>,
    check_timeout: Option<Raw>,
    check: Option<Check>,
    compression: Vec<Raw>,
    pages: Vec<Raw>,
    servers: Vec<Raw>,
    snippets: Vec<Raw>,
}

#[derive(Serialize)]
struct Check {
    kind: &'static str,
    path: Raw,
    expect: Raw,
}

/// The backend for a route; routes of one upstream share it where they can.
pub(super) fn backend(id: RouteId, forward: &Forward, context: &mut Context<'_>) -> Raw {
    let upstream = context.base.site.upstream(forward.upstream);
    let response = time(*forward.timeouts.response_header);
    let tunnel = match *forward.timeouts.tunnel_idle {
        TunnelIdle::After(idle) => time(idle),
        TunnelIdle::Unlimited => Raw("24d".into()),
    };
    let retries = *forward.attempts - 1;
    let types = forward.compression.iter().flat_map(|types| &types.value);
    let compression: Vec<Raw> = types.map(|kind| literal(kind.as_str())).collect();
    let pages = pages(forward, context);
    let plain = format!("wsgen_{}", upstream.name.value);
    let mine = context.by_upstream.get(&forward.upstream).cloned().unwrap_or_default();
    let first = mine.is_empty();
    // Rules can set the timers of a route, so that the tunnels of all routes are counted together.
    let sets_timers = context.base.since(SET_TIMEOUT);
    let equal = mine.into_iter().find(|at| {
        let known = &context.backends[*at];
        (sets_timers || known.response == response && known.tunnel == tunnel)
            && known.retries == retries
            && known.compression == compression
            && known.pages == pages
    });
    if let Some(at) = equal {
        let here = format!("if {{ var(txn.route) -m str {} }}", context.base.route_name(id));
        let known = &mut context.backends[at];
        for (word, own, others) in
            [("server", &response, &known.response), ("tunnel", &tunnel, &known.tunnel)]
        {
            let line = Raw(format!("http-request set-timeout {word} {} {here}", own.0));
            // A route of two listeners comes twice.
            if own != others && !known.timers.contains(&line) {
                known.timers.push(line);
            }
        }
        return known.name.clone();
    }
    // Names of a model have no dot.
    let name = if first { plain } else { format!("{plain}.{}", context.base.route_name(id)) };
    let (balance, consistent) = balance(upstream, context);
    let view = Backend {
        scope: context.base.scope(None, Some(upstream), Some(id)).mark(),
        name: Raw(name.clone()),
        balance,
        consistent,
        connect: time(*upstream.connect),
        response,
        tunnel,
        timers: Vec::new(),
        half_closed: half_closed(context),
        retries,
        keepalive: upstream.tcp_keepalive.is_some(),
        cookie: upstream.sticky.as_ref().map(|sticky| {
            let flags = [(sticky.http_only, " httponly"), (sticky.secure, " secure")];
            let flags: String = flags.iter().filter(|(on, _)| *on).map(|(_, word)| *word).collect();
            let same_site = sticky.same_site.as_ref().map_or("", |s| match s.value {
                SameSite::Strict => " attr SameSite=Strict",
                SameSite::Lax => " attr SameSite=Lax",
                SameSite::None => " attr SameSite=None",
            });
            Raw(format!(
                "{} insert indirect nocache{flags}{same_site}",
                literal(sticky.name.as_str()).0
            ))
        }),
        check_timeout: upstream.health_check.as_ref().map(|check| time(*check.timeout)),
        check: upstream.health_check.as_ref().and_then(|check| self::check(&check.value)),
        compression,
        pages,
        servers: servers(upstream, context),
        snippets: snippets(context, SnippetPlace::Upstream, |route| {
            let other = context.base.site.routes[route.0].forward();
            other.is_some_and(|other| other.upstream == forward.upstream)
        }),
    };
    context.by_upstream.entry(forward.upstream).or_default().push(context.backends.len());
    context.backends.push(view);
    Raw(name)
}

/// Statuses that HAProxy answers with by itself (configuration manual, `http-error`).
const STATUSES: [u16; 16] =
    [400, 401, 403, 404, 405, 407, 408, 410, 413, 425, 429, 500, 501, 502, 503, 504];

fn pages(forward: &Forward, context: &mut Context<'_>) -> Vec<Raw> {
    let mut lines = Vec::new();
    for (status, file) in &forward.error_pages {
        if !STATUSES.contains(&status.get()) {
            context.refuse(status.span, "a page for this status");
            continue;
        }
        let file = literal(file.as_str()).0;
        lines.push(Raw(format!(
            "http-error status {} content-type text/html file {file}",
            status.get()
        )));
    }
    lines
}

/// The side of the server has no listener of its own: the longest that any of them allows.
fn half_closed(context: &Context<'_>) -> Raw {
    let longest =
        context.base.site.listeners.iter().map(|listener| *listener.timeouts.half_closed).max();
    longest.map_or_else(|| Raw("30s".into()), time)
}

fn balance(upstream: &Upstream, context: &mut Context<'_>) -> (Raw, bool) {
    let word = match upstream.load_balancing.policy {
        Policy::LeastConn => "leastconn".to_owned(),
        Policy::RoundRobin => "roundrobin".to_owned(),
        Policy::Random => "random".to_owned(),
        Policy::IpHash => return (Raw("source".into()), true),
        Policy::Hash => {
            let hashes = context.base.since(SPREAD);
            let key = match upstream.load_balancing.key.as_ref().map(|key| &key.value) {
                Some(HashKey::Header(name)) => format!("hdr({name})"),
                Some(HashKey::Query(name)) => format!("url_param {name}"),
                Some(HashKey::Cookie(name)) if hashes => format!("hash req.cook({name})"),
                Some(HashKey::Cookie(_) | HashKey::Uri) | None => "uri whole".to_owned(),
            };
            return (Raw(key), true);
        }
    };
    (Raw(word), false)
}

fn check(check: &HealthCheck) -> Option<Check> {
    let statuses: Vec<_> = check.expect_status.iter().map(u16::to_string).collect();
    let (kind, expect) = match check.kind.value {
        HealthCheckType::Tcp => return None,
        HealthCheckType::Http => ("http", statuses.join(",")),
        HealthCheckType::WebSocket => ("websocket", "101".to_owned()),
    };
    Some(Check { kind, path: value(check.path.as_str()), expect: Raw(expect) })
}

fn servers(upstream: &Upstream, context: &Context<'_>) -> Vec<Raw> {
    let mut lines = Vec::new();
    for (number, server) in upstream.servers.iter().enumerate() {
        let number = number + 1;
        let address = match &server.address.value {
            UpstreamAddress::Unix(path) => format!("unix@{path}"),
            address => address.to_string(),
        };
        let mut line = format!("server s{number} {address} weight {}", server.weight.get());
        if let Some(check) = &upstream.health_check {
            line.push_str(&format!(
                " check inter {} fall {} rise {}",
                time(*check.interval).0,
                check.unhealthy_threshold.get(),
                check.healthy_threshold.get()
            ));
            if *upstream.on_unhealthy == OnUnhealthy::CloseTunnels {
                line.push_str(" on-marked-down shutdown-sessions");
            }
        }
        if *server.backup {
            line.push_str(" backup");
        }
        if upstream.sticky.is_some() {
            line.push_str(&format!(" cookie s{number}"));
        }
        if let Some(tls) = &upstream.tls {
            line.push_str(" ssl");
            if *tls.verify {
                let ca =
                    tls.ca.as_ref().map_or("/etc/ssl/certs/ca-certificates.crt", |ca| ca.as_str());
                line.push_str(&format!(" verify required ca-file {}", literal(ca).0));
            } else {
                line.push_str(" verify none");
            }
            let host = server.address.value.host();
            if let Some(name) = tls.server_name.as_ref().map(|name| name.value.to_string()).or(host)
            {
                line.push_str(&format!(" sni str({name})"));
                if *tls.verify {
                    line.push_str(&format!(" verifyhost {name}"));
                }
            }
        }
        match *upstream.protocol {
            UpstreamProtocol::H2 => line.push_str(" alpn h2,http/1.1"),
            UpstreamProtocol::H2c => line.push_str(" proto h2"),
            UpstreamProtocol::Http | UpstreamProtocol::Https => {}
        }
        match upstream.proxy_protocol.map(|send| send.value) {
            Some(SendProxyProtocol::V1) => line.push_str(" send-proxy"),
            Some(SendProxyProtocol::V2) => line.push_str(" send-proxy-v2"),
            None => {}
        }
        if *server.resolve == Resolve::Runtime && context.base.site.resolver.is_some() {
            line.push_str(" resolvers wsgen init-addr none");
        }
        lines.push(Raw(line));
    }
    lines
}
