//! What the template prints.

use std::collections::BTreeMap;

use serde::Serialize;
use wsgen_model::config::Policy;
use wsgen_model::scalar::Duration;
use wsgen_model::site::{Forward, ListenerId, PathRule, Route, RouteId, Site, Upstream};

#[derive(Serialize)]
pub(super) struct View {
    title: String,
    drain: String,
    worker_connections: u64,
    upstreams: Vec<UpstreamView>,
    servers: Vec<ServerView>,
}

#[derive(Serialize)]
struct UpstreamView {
    name: String,
    method: Option<&'static str>,
    servers: Vec<UpstreamServer>,
}

#[derive(Serialize)]
struct UpstreamServer {
    address: String,
    options: String,
}

#[derive(Serialize)]
struct ServerView {
    listen: String,
    default: bool,
    names: Vec<String>,
    request_header: String,
    idle: String,
    locations: Vec<Location>,
    tunnels: Vec<TunnelLocation>,
    catch_all: bool,
}

#[derive(Serialize)]
struct Location {
    /// `= ` before an exact path.
    #[serde(rename = "match")]
    matching: &'static str,
    path: String,
    upstream: String,
    tunnel: String,
    connect: String,
    response_header: String,
}

#[derive(Serialize)]
struct TunnelLocation {
    name: String,
    upstream: String,
    connect: String,
    tunnel_idle: String,
}

/// nginx holds a tunnel in two connections of one worker, and its own default is 512.
const WORKER_CONNECTIONS: u64 = 4096;

pub(super) fn view(site: &Site) -> View {
    View {
        title: site.name.as_ref().map_or("a model", |name| name.as_str()).to_owned(),
        drain: time(*site.drain.timeout),
        worker_connections: WORKER_CONNECTIONS,
        upstreams: site.upstreams.iter().map(upstream).collect(),
        servers: (0..site.listeners.len()).flat_map(|id| servers(site, ListenerId(id))).collect(),
    }
}

fn upstream(upstream: &Upstream) -> UpstreamView {
    let method = match upstream.load_balancing.policy {
        _ if upstream.servers.len() == 1 => None,
        Policy::LeastConn => Some("least_conn"),
        Policy::IpHash => Some("ip_hash"),
        Policy::Random => Some("random"),
        Policy::RoundRobin | Policy::Hash => None,
    };
    let servers = upstream.servers.iter().map(|server| {
        let mut options = String::new();
        if server.weight.get() != 1 {
            options.push_str(&format!(" weight={}", server.weight.get()));
        }
        if *server.backup {
            options.push_str(" backup");
        }
        UpstreamServer { address: server.address.to_string(), options }
    });
    UpstreamView { name: name(upstream), method, servers: servers.collect() }
}

/// A name of ours that cannot be mistaken for a host.
fn name(upstream: &Upstream) -> String {
    format!("wsgen_{}", upstream.name.value)
}

/// One server block for each set of names that share their routes, and the default one (`route/host`).
fn servers(site: &Site, listener: ListenerId) -> Vec<ServerView> {
    let claims = site.claims(listener);
    let mut by_routes: BTreeMap<&[RouteId], Vec<String>> = BTreeMap::new();
    for (hostname, routes) in &claims.named {
        by_routes.entry(routes).or_default().push(hostname.to_string());
    }
    let default = server(site, listener, &claims.rest, Vec::new());
    let named = by_routes.into_iter().map(|(routes, names)| server(site, listener, routes, names));
    std::iter::once(default).chain(named).collect()
}

fn server(site: &Site, listener: ListenerId, routes: &[RouteId], names: Vec<String>) -> ServerView {
    let mut locations = BTreeMap::new();
    let mut tunnels = Vec::new();
    for id in routes {
        let route = &site.routes[id.0];
        let Some(forward) = route.forward() else {
            continue;
        };
        let tunnel = tunnel_name(route, *id);
        for entry in &route.entries {
            for (matching, path) in matches(&entry.path) {
                let location = location(site, forward, matching, &path, &tunnel);
                locations.insert((path, matching), location);
            }
        }
        tunnels.push(TunnelLocation {
            name: tunnel,
            upstream: name(site.upstream(forward.upstream)),
            connect: time(*site.upstream(forward.upstream).connect),
            tunnel_idle: forward.timeouts.tunnel_idle.bound().map_or("10m".into(), time),
        });
    }
    let catch_all = locations.contains_key(&("/".to_owned(), ""));
    let listener = site.listener(listener);
    ServerView {
        listen: listener.address.to_string(),
        default: names.is_empty(),
        names,
        request_header: time(*listener.timeouts.request_header),
        idle: time(*listener.timeouts.idle),
        locations: locations.into_values().collect(),
        tunnels,
        catch_all,
    }
}

/// A prefix is two locations, so that no handshake meets nginx's own redirect to the slash
/// (`redirect/explicit`).
fn matches(path: &PathRule) -> Vec<(&'static str, String)> {
    match path {
        PathRule::Exact(path) => vec![("= ", path.to_string())],
        PathRule::Prefix(path) if path.prefix().is_empty() => vec![("", "/".to_owned())],
        PathRule::Prefix(path) => {
            vec![("= ", path.prefix().to_owned()), ("", format!("{}/", path.prefix()))]
        }
        // Refused before the view is made.
        PathRule::Regex(_) => Vec::new(),
    }
}

fn location(
    site: &Site,
    forward: &Forward,
    matching: &'static str,
    path: &str,
    tunnel: &str,
) -> Location {
    let upstream = site.upstream(forward.upstream);
    Location {
        matching,
        path: path.to_owned(),
        upstream: name(upstream),
        tunnel: tunnel.to_owned(),
        connect: time(*upstream.connect),
        response_header: time(*forward.timeouts.response_header),
    }
}

fn tunnel_name(route: &Route, id: RouteId) -> String {
    match &route.name {
        Some(name) => format!("tunnel_{}", name.value),
        // Names begin with a letter or a digit, so the underscore keeps the two apart.
        None => format!("tunnel__{}", id.0 + 1),
    }
}

fn time(duration: Duration) -> String {
    match duration.as_millis() {
        millis if millis % 1_000 == 0 => format!("{}s", millis / 1_000),
        millis => format!("{millis}ms"),
    }
}
