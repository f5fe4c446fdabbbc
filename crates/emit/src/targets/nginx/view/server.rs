//! `server` blocks: one for each set of names that share their routes and their certificate, and one for the
//! hosts that no name claims.

use std::collections::BTreeMap;

use serde::Serialize;
use wsgen_model::config::{ClientAuthMode, Protocol, SnippetPlace, TlsProfile};
use wsgen_model::scalar::{Hostname, ListenAddress};
use wsgen_model::site::{Auth, Forward, Listener, ListenerId, RouteId, Site, Tls};
use wsgen_model::spelling::FORWARDED_FIELDS;

use super::location::{self, Location, Named, NamedLocations};
use super::proxy::{self, ErrorPage};
use super::{Context, dispatch, route_name, size, slots, snippets, time};
use crate::engine::Raw;
use crate::mozilla;
use crate::targets::nginx::quote::{literal, value};
use crate::targets::nginx::support::{HTTP2_DIRECTIVE, HTTP2_SHARES_TIMERS};

#[derive(Serialize)]
pub(super) struct ServerView {
    scope: Raw,
    listen: Raw,
    http2: bool,
    /// Whether HTTP/2 has timers of its own.
    http2_timers: bool,
    names: Vec<String>,
    tls: Option<TlsView>,
    real_ip: Option<RealIp>,
    request_header: Raw,
    idle: Raw,
    body_idle: Raw,
    buffers: Raw,
    locations: Vec<Location>,
    named: Vec<Named>,
    auth: Vec<AuthLocation>,
    error_pages: Vec<ErrorPage>,
    snippets: Vec<Raw>,
}

#[derive(Serialize)]
struct TlsView {
    certificate: Raw,
    key: Raw,
    protocols: Raw,
    /// And whether their order is the server's.
    ciphers: Option<(Raw, &'static str)>,
    client: Option<(Raw, &'static str)>,
}

#[derive(Serialize)]
struct RealIp {
    header: &'static str,
    from: Vec<Raw>,
}

#[derive(Serialize)]
struct AuthLocation {
    scope: Raw,
    location: Raw,
    url: Raw,
    host: Raw,
    /// Fields of the client that the service does not get.
    silent: Vec<&'static str>,
}

/// Which peers a listener trusts, as a variable.
#[derive(Serialize)]
pub(super) struct Trust {
    variable: Raw,
    from: Vec<Raw>,
}

pub(super) fn trust(site: &Site) -> Vec<Trust> {
    let trusting = site.listener_ids().filter(|id| !site.listener(*id).trusted_proxies.is_empty());
    trusting
        .map(|id| Trust {
            variable: Raw(format!("$wsgen_trusted_{}", id.0 + 1)),
            from: site.listener(id).trusted_proxies.iter().map(|c| Raw(c.to_string())).collect(),
        })
        .collect()
}

pub(super) fn views(id: ListenerId, context: &mut Context<'_>) -> Vec<ServerView> {
    let site = context.base.site;
    let listener = site.listener(id);
    let claims = site.claims(id);
    // A name that only a certificate knows still gets that certificate.
    let mut names: BTreeMap<&Hostname, &[RouteId]> = BTreeMap::new();
    for certificate in listener.tls.iter().flat_map(|tls| &tls.certificates) {
        names
            .extend(certificate.hostnames.iter().map(|name| (&name.value, claims.rest.as_slice())));
    }
    names.extend(claims.named.iter().map(|(name, routes)| (*name, routes.as_slice())));
    let mut groups: BTreeMap<(&[RouteId], usize), Vec<&Hostname>> = BTreeMap::new();
    for (name, routes) in names {
        let certificate = listener.tls.as_ref().map_or(0, |tls| tls.certificate_for(name));
        groups.entry((routes, certificate)).or_default().push(name);
    }
    let mut views = vec![server(id, &claims.rest, &[], 0, context)];
    for ((routes, certificate), names) in groups {
        views.push(server(id, routes, &names, certificate, context));
    }
    views
}

fn server(
    id: ListenerId,
    routes: &[RouteId],
    names: &[&Hostname],
    certificate: usize,
    context: &mut Context<'_>,
) -> ServerView {
    let site = context.base.site;
    let listener = site.listener(id);
    let mut jumps = NamedLocations::new();
    let locations = if dispatch::is_needed(routes, site) {
        vec![location::dispatch(dispatch::variable(routes, id, &mut jumps, context))]
    } else {
        let slots = slots::slots(routes, context);
        slots.iter().filter_map(|slot| location::location(slot, id, &mut jumps, context)).collect()
    };
    let forwards: Vec<(RouteId, &Forward)> =
        routes.iter().filter_map(|id| Some((*id, site.routes[id.0].forward()?))).collect();
    let http2 = listener.protocols.contains(&Protocol::H2);
    let directive = context.base.since(HTTP2_DIRECTIVE);
    ServerView {
        scope: context.base.scope(Some(id), None, None).mark(),
        listen: listen(listener, names.is_empty(), http2 && !directive, site),
        http2: http2 && directive,
        http2_timers: http2 && context.base.before(HTTP2_SHARES_TIMERS),
        names: names.iter().map(ToString::to_string).collect(),
        tls: listener.tls.as_ref().map(|tls| tls_view(tls, certificate)),
        real_ip: real_ip(listener),
        request_header: time(*listener.timeouts.request_header),
        idle: time(*listener.timeouts.idle),
        body_idle: time(*listener.timeouts.body_idle),
        buffers: size((*listener.limits.max_header_bytes).max(*listener.limits.max_url_bytes)),
        locations,
        named: jumps.into_values().collect(),
        auth: forwards.iter().filter_map(|(id, f)| auth_location(*id, f, context)).collect(),
        error_pages: forwards
            .iter()
            .flat_map(|(id, forward)| proxy::error_pages(forward, &route_name(context, *id)))
            .collect(),
        snippets: snippets(context, SnippetPlace::Listener, |id| routes.contains(&id)),
    }
}

fn listen(listener: &Listener, default: bool, http2: bool, site: &Site) -> Raw {
    let mut text = match &listener.address.value {
        ListenAddress::Socket(address) => address.to_string(),
        ListenAddress::Unix(path) => literal(&format!("unix:{path}")).0,
    };
    if default {
        text.push_str(" default_server");
    }
    if listener.tls.is_some() {
        text.push_str(" ssl");
    }
    if http2 {
        text.push_str(" http2");
    }
    if listener.proxy_protocol.is_some() {
        text.push_str(" proxy_protocol");
    }
    // An option of the socket: given once, in the block that opens it.
    let keepalive = site
        .routes
        .iter()
        .filter_map(|route| site.upstream(route.forward()?.upstream).tcp_keepalive)
        .map(|keepalive| keepalive.as_millis() / 1000)
        .min();
    if let Some(seconds) =
        keepalive.filter(|_| default && matches!(listener.address.value, ListenAddress::Socket(_)))
    {
        text.push_str(&format!(" so_keepalive={seconds}::"));
    }
    Raw(text)
}

fn tls_view(tls: &Tls, certificate: usize) -> TlsView {
    let certificate = &tls.certificates[certificate];
    // Protocols, ciphers, and whether the server's order of them holds.
    let (protocols, ciphers) = match *tls.profile {
        TlsProfile::Modern => ("TLSv1.3", None),
        TlsProfile::Intermediate => ("TLSv1.2 TLSv1.3", Some((mozilla::INTERMEDIATE, "off"))),
        TlsProfile::Old => ("TLSv1 TLSv1.1 TLSv1.2 TLSv1.3", Some((mozilla::OLD, "on"))),
    };
    TlsView {
        certificate: value(certificate.certificate.as_str()),
        key: value(certificate.key.as_str()),
        protocols: Raw(protocols.to_owned()),
        ciphers: ciphers.map(|(list, order)| (Raw(list.to_owned()), order)),
        client: tls.client_auth.as_ref().map(|auth| {
            let mode = if auth.mode.value == ClientAuthMode::Require { "on" } else { "optional" };
            (literal(auth.ca.as_str()), mode)
        }),
    }
}

fn real_ip(listener: &Listener) -> Option<RealIp> {
    if let Some(proxy_protocol) = &listener.proxy_protocol {
        let from: Vec<Raw> = proxy_protocol.from.iter().map(|c| Raw(c.value.to_string())).collect();
        let anybody = || vec![Raw("0.0.0.0/0".into()), Raw("::/0".into())];
        let from = if from.is_empty() { anybody() } else { from };
        return Some(RealIp { header: "proxy_protocol", from });
    }
    let from: Vec<Raw> = listener.trusted_proxies.iter().map(|c| Raw(c.to_string())).collect();
    (!from.is_empty()).then_some(RealIp { header: "X-Forwarded-For", from })
}

/// Fields that the template sets in the question to the service of `auth.forward`.
const TOLD: [&str; 3] = ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"];

fn auth_location(id: RouteId, forward: &Forward, context: &Context<'_>) -> Option<AuthLocation> {
    let Auth::Forward { url, .. } = &forward.auth.as_ref()?.value else { return None };
    Some(AuthLocation {
        scope: context.base.scope(None, None, Some(id)).mark(),
        location: Raw(format!("/.wsgen/auth/{}", route_name(context, id))),
        url: value(&url.value.to_string()),
        host: value(&url.value.address.to_string()),
        silent: FORWARDED_FIELDS.into_iter().filter(|name| !TOLD.contains(name)).collect(),
    })
}
