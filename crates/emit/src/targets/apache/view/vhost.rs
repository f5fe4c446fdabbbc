//! `<VirtualHost>` sections: one for each set of names that share their routes and their certificate, ahead of
//! them one for the hosts that no name claims.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;
use wsgen_model::config::{ClientAuthMode, OnOff, Protocol, SnippetPlace, TlsProfile};
use wsgen_model::scalar::{Hostname, ListenAddress, TunnelIdle};
use wsgen_model::site::{Action, Listener, ListenerId, PathRule, RouteId, Tls};

use super::{Context, Rule, action, choice, policy, time};
use crate::engine::Raw;
use crate::mozilla;
use crate::targets::apache::quote::{line, word};
use crate::targets::apache::support::{H2_WEBSOCKETS, TUNNEL_MAXIMUM};

#[derive(Serialize)]
pub(super) struct Vhost {
    scope: Raw,
    address: Raw,
    names: Vec<Raw>,
    /// Whether the names are wildcards: none of them can be the section's own.
    wildcards: bool,
    /// Protocols, TLS, timers and limits.
    settings: Vec<Raw>,
    remote: Vec<Raw>,
    /// What the upstreams of all routes are told.
    told: Vec<Raw>,
    /// What holds for all requests, where one route takes them all.
    everything: Vec<Raw>,
    choices: Vec<Rule>,
    /// Whether a route carries tunnels, and which ones do not.
    tunnels: bool,
    plain: Vec<Raw>,
    routes: Vec<RouteView>,
    pages: Vec<Page>,
    upgrade_required: bool,
    snippets: Vec<Raw>,
}

#[derive(Serialize)]
struct RouteView {
    scope: Raw,
    name: Raw,
    rules: Vec<Rule>,
    section: Vec<Raw>,
}

/// A page for one of the server's own statuses.
#[derive(Serialize)]
struct Page {
    location: Raw,
    file: Raw,
}

/// Names that share a section. The first section whose name fits is taken, so that exact names stand ahead of the
/// longest wildcards.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Group<'a> {
    wildcard: bool,
    length: Reverse<usize>,
    routes: &'a [RouteId],
    certificate: usize,
}

pub(super) fn views(id: ListenerId, context: &mut Context<'_>) -> Vec<Vhost> {
    let site = context.base.site;
    let listener = site.listener(id);
    let claims = site.claims(id);
    // A name that only a certificate knows still gets that certificate.
    let mut names: BTreeMap<&Hostname, &[RouteId]> = BTreeMap::new();
    for certificate in listener.tls.iter().flat_map(|tls| &tls.certificates) {
        let hostnames = certificate.hostnames.iter();
        names.extend(hostnames.map(|name| (&name.value, claims.rest.as_slice())));
    }
    names.extend(claims.named.iter().map(|(name, routes)| (*name, routes.as_slice())));
    let mut groups: BTreeMap<Group<'_>, Vec<&Hostname>> = BTreeMap::new();
    for (name, routes) in names {
        let wildcard = name.is_wildcard();
        let length = if wildcard { name.name().len() } else { 0 };
        let certificate = listener.tls.as_ref().map_or(0, |tls| tls.certificate_for(name));
        let group = Group { wildcard, length: Reverse(length), routes, certificate };
        groups.entry(group).or_default().push(name);
    }
    let mut views = vec![vhost(id, &claims.rest, &[], 0, context)];
    for (group, names) in groups {
        views.push(vhost(id, group.routes, &names, group.certificate, context));
    }
    views
}

fn vhost(
    id: ListenerId,
    routes: &[RouteId],
    names: &[&Hostname],
    certificate: usize,
    context: &mut Context<'_>,
) -> Vhost {
    let site = context.base.site;
    let listener = site.listener(id);
    let entries = site.ranked_entries(routes);
    let alone = match entries.as_slice() {
        [(only, entry)] => {
            let all = matches!(&entry.path, PathRule::Prefix(path) if path.prefix().is_empty());
            (all && entry.is_unconditional() && site.routes[only.0].forward().is_some())
                .then_some(*only)
        }
        _ => None,
    };
    let mut choices = Vec::new();
    if alone.is_none() {
        for (number, (route, entry)) in entries.iter().enumerate() {
            choices.push(choice::choice(&context.base.route_name(*route), entry, number == 0));
        }
        choices.push(choice::nowhere(entries.is_empty()));
    }
    let mut told = BTreeMap::new();
    for route in routes {
        if let Some(forward) = site.routes[route.0].forward() {
            told.insert(*route, policy::told(forward, id, context));
        }
    }
    let shared: Vec<Raw> = match told.values().next() {
        Some(first) => {
            let by_all = |line: &&Raw| told.values().all(|lines: &Vec<Raw>| lines.contains(line));
            first.iter().filter(by_all).cloned().collect()
        }
        None => Vec::new(),
    };
    let mut everything = Vec::new();
    let mut views = Vec::new();
    let mut pages = Vec::new();
    for route in routes {
        let name = context.base.route_name(*route);
        let mut section = Vec::new();
        match &site.routes[route.0].action {
            Action::Forward(forward) => {
                let told = told.remove(route).unwrap_or_default();
                section.extend(told.into_iter().filter(|line| !shared.contains(line)));
                section.extend(policy::own(*route, forward, context));
                pages.extend(forward.error_pages.iter().map(|(status, file)| Page {
                    location: line(format!("/.wsgen/error/{name}/{}", status.get())),
                    file: line(word(file.value.as_str())),
                }));
            }
            Action::Respond(respond) => section = policy::respond(respond, context),
            Action::Redirect(_) => {}
        }
        if alone.is_some() {
            // Who may use it cannot be said of a whole host (Apache, "AuthType").
            let guarded = site.routes[route.0].forward().is_some_and(|f| f.auth.is_some());
            everything.extend(guarded.then(|| line("<Location \"/\">")));
            everything.append(&mut section);
            everything.extend(guarded.then(|| line("</Location>")));
        }
        let scope = context.base.scope(Some(id), None, Some(*route)).mark();
        let rules = action::rules(*route, id, alone.is_some(), context);
        views.push(RouteView { scope, name: line(name), rules, section });
    }
    if !pages.is_empty() {
        context.modules.need(&["alias"]);
    }
    let required = |route: &RouteId| {
        site.routes[route.0].forward().is_some_and(|forward| {
            *forward.websocket.mode == wsgen_model::config::WebSocketMode::Require
        })
    };
    let snippets = context.base.snippets(SnippetPlace::Listener, |route| routes.contains(&route));
    Vhost {
        scope: context.base.scope(Some(id), None, alone).mark(),
        address: line(address(&listener.address.value)),
        names: names.iter().map(|name| line(name.to_string())).collect(),
        wildcards: names.iter().any(|name| name.is_wildcard()),
        settings: settings(id, certificate, context),
        remote: remote(listener, context),
        told: shared,
        everything,
        choices,
        tunnels: routes.iter().any(|id| site.routes[id.0].carries_tunnels()),
        plain: routes
            .iter()
            .filter(|id| !site.routes[id.0].carries_tunnels())
            .map(|id| line(context.base.route_name(*id)))
            .collect(),
        upgrade_required: routes.iter().any(required),
        routes: views,
        pages,
        snippets: snippets.iter().map(|snippet| snippet.lines("    ")).collect(),
    }
}

/// The address as sections name it: an unspecified one is a star.
pub(super) fn address(address: &ListenAddress) -> String {
    match address {
        ListenAddress::Socket(socket) if socket.ip().is_unspecified() => {
            format!("*:{}", socket.port())
        }
        address => address.to_string(),
    }
}

fn settings(id: ListenerId, certificate: usize, context: &mut Context<'_>) -> Vec<Raw> {
    let site = context.base.site;
    let listener = site.listener(id);
    let mut lines = Vec::new();
    let protocols: Vec<_> = listener.protocols.iter().map(|protocol| protocol.as_str()).collect();
    lines.push(line(format!("Protocols {}", protocols.join(" "))));
    if listener.protocols.contains(&Protocol::H2) {
        context.modules.need(&["http2"]);
        let announced = *listener.h2_websockets != OnOff::Off;
        if announced && !context.base.before(H2_WEBSOCKETS) {
            lines.push(line("H2WebSockets on"));
        }
    }
    if let Some(tls) = &listener.tls {
        context.modules.need(&["ssl", "socache_shmcb"]);
        lines.extend(self::tls(tls, certificate));
    }
    let seconds = |millis: u64| millis.div_ceil(1000);
    let header = seconds(listener.timeouts.request_header.as_millis());
    let body = seconds(listener.timeouts.body_idle.as_millis());
    lines.extend([
        line(format!("RequestReadTimeout header={header} body={body},MinRate=1")),
        line(format!("Timeout {}", timeout(id, context))),
        line(format!("KeepAliveTimeout {}", time(*listener.timeouts.idle))),
        line("MaxKeepAliveRequests 1000"),
        line(format!("LimitRequestLine {}", listener.limits.max_url_bytes.get() + 32)),
        line(format!("LimitRequestFieldSize {}", listener.limits.max_header_bytes.get())),
        line(format!("LimitRequestFields {}", listener.limits.max_headers.get())),
    ]);
    lines
}

/// A tunnel ends after the longer of this timer and its worker's (before 2.4.53: the shorter), so it gives way.
fn timeout(id: ListenerId, context: &Context<'_>) -> String {
    let site = context.base.site;
    let body_idle = site.listener(id).timeouts.body_idle.as_millis();
    let tunnels =
        site.routes.iter().filter(|route| route.listeners.contains(&id) && route.carries_tunnels());
    let idles = tunnels.filter_map(|route| match *route.forward()?.timeouts.tunnel_idle {
        TunnelIdle::After(idle) => Some(idle.as_millis()),
        TunnelIdle::Unlimited => None,
    });
    // Whole seconds are all that it reads: `1500ms` would be 1500 of them (Apache, "Timeout").
    let seconds = if context.base.before(TUNNEL_MAXIMUM) {
        idles.max().map_or(body_idle, |longest| longest.max(body_idle)).div_ceil(1000)
    } else {
        idles.min().map_or(body_idle, |shortest| shortest.min(body_idle)) / 1000
    };
    seconds.max(1).to_string()
}

fn tls(tls: &Tls, certificate: usize) -> Vec<Raw> {
    let certificate = &tls.certificates[certificate];
    let mut lines = vec![
        line("SSLEngine on"),
        line(format!("SSLCertificateFile {}", word(certificate.certificate.as_str()))),
        line(format!("SSLCertificateKeyFile {}", word(certificate.key.as_str()))),
    ];
    lines.push(line(format!("# {}", mozilla::GUIDELINE)));
    let ciphers = |list: &str, order: &str| {
        [line(format!("SSLCipherSuite {list}")), line(format!("SSLHonorCipherOrder {order}"))]
    };
    match *tls.profile {
        TlsProfile::Modern => lines.push(line("SSLProtocol -all +TLSv1.3")),
        TlsProfile::Intermediate => {
            lines.push(line("SSLProtocol -all +TLSv1.2 +TLSv1.3"));
            lines.extend(ciphers(mozilla::INTERMEDIATE, "off"));
        }
        TlsProfile::Old => {
            lines.push(line("SSLProtocol -all +TLSv1 +TLSv1.1 +TLSv1.2 +TLSv1.3"));
            lines.extend(ciphers(mozilla::OLD, "on"));
        }
    }
    lines.push(line("SSLSessionTickets off"));
    if let Some(auth) = &tls.client_auth {
        let mode = if auth.mode.value == ClientAuthMode::Require { "require" } else { "optional" };
        lines.push(line(format!("SSLVerifyClient {mode}")));
        lines.push(line("SSLVerifyDepth 4"));
        lines.push(line(format!("SSLCACertificateFile {}", word(auth.ca.as_str()))));
    }
    lines
}

/// A copy of `X-Forwarded-For` that `mod_remoteip` may consume.
const COPY: &str = "X-Wsgen-Forwarded-For";

/// Who the client is, behind other proxies.
fn remote(listener: &Listener, context: &mut Context<'_>) -> Vec<Raw> {
    let mut lines = Vec::new();
    if listener.proxy_protocol.is_some() {
        lines.push(line("RemoteIPProxyProtocol On"));
    }
    if !listener.trusted_proxies.is_empty() {
        // It takes out what it believes; the field itself is still to be appended to.
        lines.push(line(format!(
            "RequestHeader set {COPY} \"expr=%{{HTTP:X-Forwarded-For}}\" early"
        )));
        lines.push(line(format!("RequestHeader unset {COPY}")));
        lines.push(line(format!("RemoteIPHeader {COPY}")));
        let ranges: Vec<_> = listener.trusted_proxies.iter().map(ToString::to_string).collect();
        lines.push(line(format!("RemoteIPInternalProxy {}", ranges.join(" "))));
    }
    if !lines.is_empty() {
        context.modules.need(&["remoteip"]);
    }
    lines
}
