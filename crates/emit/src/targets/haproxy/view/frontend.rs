//! `frontend` sections: one for each listener.

use serde::Serialize;
use wsgen_model::config::{ClientAuthMode, SnippetPlace, TlsProfile};
use wsgen_model::scalar::{ListenAddress, Origin};
use wsgen_model::site::{Action, Listener, ListenerId, RouteId, Tls};

use super::{Context, backend, rules, snippets, time, vouched};
use crate::engine::Raw;
use crate::mozilla;
use crate::targets::haproxy::certificates;
use crate::targets::haproxy::quote::literal;

#[derive(Serialize)]
pub(super) struct Frontend {
    scope: Raw,
    name: Raw,
    bind: Raw,
    tls: bool,
    /// Who may send the PROXY header, where not everybody may.
    proxies: Vec<Raw>,
    /// Peers that are believed.
    trusted: Vec<Raw>,
    max_connections: Option<u64>,
    request_header: Raw,
    idle: Raw,
    body_idle: Raw,
    half_closed: Raw,
    keepalive: bool,
    /// Whether a route compares Origin with Host.
    compares_origin: bool,
    /// Which host claims a request.
    hosts: Vec<Raw>,
    /// Which route it belongs to, the first that fits.
    choices: Vec<Raw>,
    /// Which handshakes are refused because they have a body.
    bodiless: Vec<Raw>,
    /// Which fields are taken out because the proxy alone may say them.
    vouched: Vec<Raw>,
    /// What each route does.
    routes: Vec<RouteRules>,
    snippets: Vec<Raw>,
}

#[derive(Serialize)]
struct RouteRules {
    scope: Raw,
    title: Raw,
    rules: Vec<Raw>,
    backend: Option<Raw>,
}

pub(super) fn view(id: ListenerId, context: &mut Context<'_>) -> Frontend {
    let site = context.base.site;
    let listener = site.listener(id);
    let claims = site.claims(id);
    let mut hosts = Vec::new();
    let mut names: Vec<_> = claims.named.keys().collect();
    // Exact names, then the longest wildcard.
    names.sort_by_key(|name| (name.is_wildcard(), std::cmp::Reverse(name.name().len())));
    for name in names {
        let test = if name.is_wildcard() {
            format!("-m end .{}", name.name())
        } else {
            format!("-m str {}", name.name())
        };
        hosts.push(Raw(format!(
            "http-request set-var(txn.claim) str({name}) if !{{ var(txn.claim) -m found }} {{ var(txn.host) {test} }}"
        )));
    }
    let mut choices = Vec::new();
    let mut used: Vec<RouteId> = Vec::new();
    for (host, routes) in claims.tables() {
        let claim = match host {
            Some(name) => format!("{{ var(txn.claim) -m str {name} }}"),
            None if claims.named.is_empty() => String::new(),
            None => "!{ var(txn.claim) -m found }".to_owned(),
        };
        for (route, entry) in site.ranked_entries(routes) {
            let conditions = rules::conditions(entry);
            let all = ["!{ var(txn.route) -m found }", claim.as_str(), conditions.as_str()];
            let all: Vec<_> = all.into_iter().filter(|condition| !condition.is_empty()).collect();
            let name = context.base.route_name(route);
            let line = format!("http-request set-var(txn.route) str({name}) if {}", all.join(" "));
            choices.push(Raw(line));
        }
        used.extend(routes);
    }
    used.sort_unstable();
    used.dedup();
    let keepalive = used.iter().any(|id| {
        let forward = site.routes[id.0].forward();
        forward.is_some_and(|forward| site.upstream(forward.upstream).tcp_keepalive.is_some())
    });
    let compares_origin = used.iter().any(|id| {
        let forward = site.routes[id.0].forward();
        let origins = forward.and_then(|forward| forward.websocket.origins.as_ref());
        origins
            .is_some_and(|origins| origins.value.iter().any(|origin| origin.value == Origin::Same))
    });
    let routes = used.iter().map(|route| route_rules(*route, id, context)).collect();
    Frontend {
        scope: context.base.scope(Some(id), None, None).mark(),
        name: Raw(format!("wsgen_listener_{}", listener.name.value)),
        bind: bind(listener, context),
        tls: listener.tls.is_some(),
        proxies: listener
            .proxy_protocol
            .iter()
            .flat_map(|proxy| &proxy.from)
            .map(|range| Raw(range.value.to_string()))
            .collect(),
        trusted: listener.trusted_proxies.iter().map(|range| Raw(range.to_string())).collect(),
        max_connections: listener.limits.max_connections.map(|limit| limit.get()),
        request_header: time(*listener.timeouts.request_header),
        idle: time(*listener.timeouts.idle),
        body_idle: time(*listener.timeouts.body_idle),
        half_closed: time(*listener.timeouts.half_closed),
        keepalive,
        compares_origin,
        hosts,
        choices,
        bodiless: vouched::bodiless(&used, context),
        vouched: vouched::rules(id, &used, context),
        routes,
        snippets: snippets(context, SnippetPlace::Listener, |route| used.contains(&route)),
    }
}

fn bind(listener: &Listener, context: &Context<'_>) -> Raw {
    let mut text = match &listener.address.value {
        ListenAddress::Socket(address) => address.to_string(),
        ListenAddress::Unix(path) => format!("unix@{path}"),
    };
    // With ranges, `tcp-request connection` asks for the header.
    if listener.proxy_protocol.as_ref().is_some_and(|proxy| proxy.from.is_empty()) {
        text.push_str(" accept-proxy");
    }
    if let Some(tls) = &listener.tls {
        let list = context.base.place().on_system(&certificates::list(listener));
        text.push_str(&format!(" ssl crt-list {list} {}", profile(tls)));
        let protocols: Vec<_> = listener.protocols.iter().map(|p| p.as_str()).collect();
        text.push_str(&format!(" alpn {} no-tls-tickets", protocols.join(",")));
        if let Some(auth) = &tls.client_auth {
            let mode =
                if auth.mode.value == ClientAuthMode::Require { "required" } else { "optional" };
            text.push_str(&format!(" ca-file {} verify {mode}", literal(auth.ca.as_str()).0));
        }
    }
    Raw(text)
}

/// The order of ciphers is the server's unless it says otherwise.
fn profile(tls: &Tls) -> String {
    match *tls.profile {
        TlsProfile::Modern => "ssl-min-ver TLSv1.3".to_owned(),
        TlsProfile::Intermediate => {
            let ciphers = mozilla::INTERMEDIATE;
            format!("ssl-min-ver TLSv1.2 prefer-client-ciphers ciphers {ciphers}")
        }
        TlsProfile::Old => format!("ssl-min-ver TLSv1.0 ciphers {}", mozilla::OLD),
    }
}

fn route_rules(id: RouteId, listener: ListenerId, context: &mut Context<'_>) -> RouteRules {
    let site = context.base.site;
    let route = &site.routes[id.0];
    let rules = rules::route(id, listener, context);
    let backend = match &route.action {
        Action::Forward(forward) => Some(backend::backend(id, forward, context)),
        _ => None,
    };
    let scope = context.base.scope(Some(listener), None, Some(id)).mark();
    RouteRules { scope, title: Raw(context.base.route_name(id)), rules, backend }
}
