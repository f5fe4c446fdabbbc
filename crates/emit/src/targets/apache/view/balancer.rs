//! `<Proxy balancer://…>` sections: one for each upstream, kind of traffic and timer. A worker of its own is the
//! only way to timers of one's own: workers with the same URL share theirs (`behaviours` D13).

use serde::Serialize;
use wsgen_model::config::{HealthCheckType, HostPolicy, Policy, Resolve, SnippetPlace};
use wsgen_model::feature::Feature;
use wsgen_model::scalar::{Duration, TunnelIdle, UpstreamAddress};
use wsgen_model::site::{
    Forward, HealthCheck, RouteId, RouteTimeouts, Server, Upstream, UpstreamId,
};
use wsgen_model::source::Span;

use super::{Context, time};
use crate::engine::Raw;
use crate::targets::apache::quote::{line, word};
use crate::targets::apache::support::{ADDRESS_TTL, GET11, UPGRADE};

#[derive(Serialize)]
pub(super) struct Balancer {
    scope: Raw,
    name: Raw,
    members: Vec<Raw>,
    settings: Vec<Raw>,
    #[serde(skip)]
    key: Key,
}

/// What two routes must agree on to share a balancer.
#[derive(Clone, PartialEq, Eq)]
struct Key {
    upstream: UpstreamId,
    tunnel: bool,
    timeout: String,
    attempts: u64,
}

/// A condition on the answers of a health check.
#[derive(Serialize)]
pub(super) struct HealthExpression {
    name: Raw,
    expression: Raw,
}

/// The longest that a worker waits, where there is no bound: a year.
const UNLIMITED: &str = "31536000";

/// Seconds until a server that could not be reached is tried again; other servers take its share until then.
const RETRY: &str = "retry=10";

/// The name of the balancer for a route's tunnels or plain requests; routes that agree share it.
pub(super) fn balancer(
    id: RouteId,
    forward: &Forward,
    tunnel: bool,
    context: &mut Context<'_>,
) -> String {
    let site = context.base.site;
    let upstream = site.upstream(forward.upstream);
    let RouteTimeouts { response_header, tunnel_idle, .. } = forward.timeouts;
    let timeout = match (tunnel, *tunnel_idle) {
        (false, _) => whole(
            *response_header,
            Feature::ResponseHeaderTimeout,
            response_header.span,
            id,
            context,
        ),
        (true, TunnelIdle::After(idle)) => {
            whole(idle, Feature::TunnelIdle, tunnel_idle.span, id, context)
        }
        (true, TunnelIdle::Unlimited) => UNLIMITED.to_owned(),
    };
    let attempts = if tunnel { 1 } else { *forward.attempts };
    let key = Key { upstream: forward.upstream, tunnel, timeout, attempts };
    let mine = context.by_upstream.entry((forward.upstream, tunnel)).or_default();
    if let Some(known) = mine.iter().find(|at| context.balancers[**at].key == key) {
        return context.balancers[*known].name.0.clone();
    }
    // Names of a model have no dot.
    let own =
        if mine.is_empty() { String::new() } else { format!(".{}", context.base.route_name(id)) };
    mine.push(context.balancers.len());
    let kind = if tunnel { ".tunnel" } else { "" };
    let name = format!("wsgen-{}{own}{kind}", upstream.name.value);
    checks_a_name_it_sees(id, forward, upstream, context);
    let mut scope = context.base.scope(None, Some(upstream), Some(id));
    scope.tunnel = tunnel;
    let view = view(&name, scope.mark(), key, upstream, context);
    context.balancers.push(view);
    name
}

/// Whole seconds are all that a worker's `timeout=` reads (Apache, "`ProxyPass`"); more is said.
fn whole<const MIN: u64>(
    time: Duration<MIN>,
    feature: Feature,
    span: Option<Span>,
    route: RouteId,
    context: &mut Context<'_>,
) -> String {
    let seconds = time.as_millis().div_ceil(1000);
    if let (Some(span), false) = (span, time.as_millis().is_multiple_of(1000)) {
        context.base.approximate(
            feature,
            span,
            route,
            &format!("it counts whole seconds: {seconds}s"),
        );
    }
    seconds.to_string()
}

fn view(
    name: &str,
    scope: Raw,
    key: Key,
    upstream: &Upstream,
    context: &mut Context<'_>,
) -> Balancer {
    let mut members = Vec::new();
    for (number, server) in upstream.servers.iter().enumerate() {
        members.push(member(number, server, upstream, &key, context));
    }
    let mut settings = Vec::new();
    if upstream.servers.len() > 1 {
        let method = match upstream.load_balancing.policy {
            Policy::LeastConn => "bybusyness",
            _ => "byrequests",
        };
        context.modules.need(if method == "bybusyness" { &["lbmethod_bybusyness"] } else { &[] });
        // How many other servers may be tried (`retry/safe`).
        settings.push(line(format!("ProxySet lbmethod={method} maxattempts={}", key.attempts - 1)));
        if let Some(sticky) = &upstream.sticky {
            settings.push(line(format!("ProxySet stickysession={}", sticky.name)));
        }
    }
    settings.extend(tls(upstream, context));
    let snippets = context.base.snippets(SnippetPlace::Upstream, |route| {
        let other = context.base.site.routes[route.0].forward();
        other.is_some_and(|other| other.upstream == key.upstream)
    });
    settings.extend(snippets.iter().map(|snippet| snippet.lines("    ")));
    Balancer { scope, name: line(name), members, settings, key }
}

fn member(
    number: usize,
    server: &Server,
    upstream: &Upstream,
    key: &Key,
    context: &mut Context<'_>,
) -> Raw {
    let secure = upstream.tls.is_some();
    let legacy = key.tunnel && context.base.before(UPGRADE);
    let scheme = match (legacy, secure) {
        (false, false) => "http",
        (false, true) => "https",
        (true, false) => "ws",
        (true, true) => "wss",
    };
    let url = match &server.address.value {
        UpstreamAddress::Unix(path) => format!("unix:{path}|{scheme}://localhost"),
        address => format!("{scheme}://{address}"),
    };
    let mut text = format!(
        "BalancerMember {} connectiontimeout={} timeout={} {RETRY}",
        quoted(&url),
        time(*upstream.connect),
        key.timeout
    );
    if key.tunnel && !legacy {
        text.push_str(" upgrade=websocket");
    }
    if upstream.servers.len() > 1 {
        text.push_str(&format!(" route=s{}", number + 1));
    }
    if server.weight.get() != 1 {
        // Its numbers end at 100; the shares are what counts.
        let heaviest = upstream.servers.iter().map(|server| server.weight.get()).max().unwrap_or(1);
        let weight = server.weight.get();
        let shown = if heaviest > 100 { (weight * 100).div_ceil(heaviest) } else { weight };
        text.push_str(&format!(" loadfactor={shown}"));
    }
    if *server.backup {
        text.push_str(" status=+H");
    }
    if upstream.tcp_keepalive.is_some() {
        text.push_str(" keepalive=On");
    }
    if *server.resolve == Resolve::Runtime {
        match &context.base.site.resolver {
            Some(resolver) if !context.base.before(ADDRESS_TTL) => {
                text.push_str(&format!(
                    " addressttl={}",
                    resolver.valid.as_millis().div_ceil(1000)
                ));
            }
            _ => text.push_str(" disablereuse=On"),
        }
    }
    if let Some(check) = &upstream.health_check {
        text.push_str(&self::check(&check.value, upstream, context));
    }
    line(text)
}

/// URLs are always quoted: so does the server's own documentation.
fn quoted(url: &str) -> String {
    let word = word(url);
    if word.starts_with('"') { word } else { format!("\"{word}\"") }
}

fn check(check: &HealthCheck, upstream: &Upstream, context: &mut Context<'_>) -> String {
    context.modules.need(&["proxy_hcheck", "watchdog"]);
    let mut text = format!(
        " hcinterval={} hcpasses={} hcfails={}",
        time(*check.interval),
        check.healthy_threshold.get(),
        check.unhealthy_threshold.get()
    );
    if check.kind.value != HealthCheckType::Http {
        return format!(" hcmethod=TCP{text}");
    }
    // Its names have at most 15 characters (Apache, "ProxyHCExpr").
    let upstreams = &context.base.site.upstreams;
    let number = upstreams.iter().position(|known| known.name == upstream.name).unwrap_or(0);
    let name = format!("wsgen_{}", number + 1);
    let statuses: Vec<_> = check.expect_status.iter().map(u16::to_string).collect();
    if !context.health.iter().any(|known| known.name.0 == name) {
        context.health.push(HealthExpression {
            name: line(name.clone()),
            expression: line(format!("{{%{{REQUEST_STATUS}} =~ /^({})$/}}", statuses.join("|"))),
        });
    }
    let method = if context.base.before(GET11) { "GET" } else { "GET11" };
    text.push_str(&format!(" hcuri={} hcexpr={name}", word(check.path.as_str())));
    format!(" hcmethod={method}{text}")
}

fn tls(upstream: &Upstream, context: &mut Context<'_>) -> Vec<Raw> {
    let Some(tls) = &upstream.tls else { return Vec::new() };
    context.modules.need(&["ssl", "socache_shmcb"]);
    let mut lines =
        vec![line("SSLProxyEngine on"), line("SSLProxyProtocol -all +TLSv1.2 +TLSv1.3")];
    if *tls.verify {
        let ca = tls.ca.as_ref().map_or("/etc/ssl/certs/ca-certificates.crt", |ca| ca.as_str());
        lines.extend([
            line("SSLProxyVerify require"),
            line("SSLProxyVerifyDepth 4"),
            line(format!("SSLProxyCACertificateFile {}", word(ca))),
            line("SSLProxyCheckPeerName on"),
        ]);
    } else {
        lines.extend([
            line("SSLProxyVerify none"),
            line("SSLProxyCheckPeerName off"),
            line("SSLProxyCheckPeerExpire off"),
        ]);
    }
    lines
}

/// The name in SNI, and the one that the certificate must have, is the host that the client asked for, or with
/// `ProxyPreserveHost Off` that of the server's URL. Where neither can be right no request would ever pass.
fn checks_a_name_it_sees(
    id: RouteId,
    forward: &Forward,
    upstream: &Upstream,
    context: &mut Context<'_>,
) {
    let Some(tls) = upstream.tls.as_ref().filter(|tls| *tls.verify) else { return };
    let route = &context.base.site.routes[id.0];
    let written = tls.server_name.as_ref().map(|name| name.value.to_string());
    let fits = upstream.servers.iter().all(|server| {
        let own = server.address.value.host();
        let wanted = written.clone().or_else(|| own.clone());
        match &*forward.host {
            HostPolicy::Upstream => wanted == own,
            HostPolicy::Literal(_) | HostPolicy::Preserve => {
                let names = &route.hostnames;
                !names.is_empty() && names.iter().all(|name| wanted == Some(name.value.to_string()))
            }
        }
    });
    if !fits {
        context.base.refuse(
            forward.upstream_span,
            "a name to verify that is neither the route's hostname nor, with `host: upstream`, the server's",
            "write `host: upstream`, and the server's address by the name in its certificate",
        );
    }
}
