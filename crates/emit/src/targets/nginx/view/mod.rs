//! What the templates print: the site in nginx's own terms.

mod dispatch;
mod headers;
mod location;
mod maps;
mod proxy;
mod server;
mod slots;
mod sticky;
mod upstream;

use serde::Serialize;
use wsgen_model::config::{AccessLogFormat, SnippetPlace};
use wsgen_model::scalar::{Bytes, Duration, Ipv6Prefix};
use wsgen_model::site::RouteId;
use wsgen_model::source::Span;

use self::maps::MapBlock;
use crate::engine::Raw;
use crate::rendering::Rendering;
use crate::targets::nginx::settings;

#[derive(Serialize)]
pub(super) struct View {
    title: String,
    /// What root does to put it into place; nothing where it stands alone.
    pub(super) steps: Vec<String>,
    layout: &'static str,
    /// Where somebody has said how many.
    workers: Option<u64>,
    drain: Raw,
    pub(super) worker_connections: u64,
    /// Files that a worker may open: the usual 1024 are fewer than its connections.
    open_files: u64,
    log: Option<&'static str>,
    resolver: Option<Resolver>,
    pub(super) has_dollar: bool,
    maps: Vec<MapBlock>,
    trust: Vec<server::Trust>,
    zones: Vec<Zone>,
    upstreams: Vec<upstream::UpstreamView>,
    servers: Vec<server::ServerView>,
    main_snippets: Vec<Raw>,
    http_snippets: Vec<Raw>,
}

#[derive(Serialize)]
struct Resolver {
    nameservers: Vec<Raw>,
    valid: Raw,
}

/// A shared zone that counts by client address.
#[derive(Serialize)]
struct Zone {
    /// `limit_conn_zone` or `limit_req_zone`.
    directive: &'static str,
    /// The variable whose values are counted.
    key: Raw,
    name: Raw,
    rate: Option<u64>,
}

/// nginx's own default of 512 is met by a few hundred tunnels.
const WORKER_CONNECTIONS: u64 = 4096;

/// What building a view needs.
struct Context<'a> {
    base: Rendering<'a>,
    maps: Vec<MapBlock>,
}

pub(super) fn view(base: Rendering<'_>) -> View {
    let site = base.site;
    let mut context = Context { base, maps: Vec::new() };
    let upstreams =
        site.upstreams.iter().flat_map(|item| upstream::views(item, &mut context)).collect();
    let servers = site.listener_ids().flat_map(|id| server::views(id, &mut context)).collect();
    let connections: u64 = site
        .listeners
        .iter()
        .filter_map(|l| l.limits.max_connections)
        .map(|limit| limit.get())
        .sum();
    // Two sockets a tunnel. When less than a sixteenth is free, nginx closes connections that wait for a request
    // (ngx_connection.c): new ones among them.
    let worker_connections = WORKER_CONNECTIONS.max(2 * connections * 8 / 7);
    View {
        title: context.base.title(),
        steps: Vec::new(),
        layout: context.base.layout().name(),
        workers: settings::workers(site),
        drain: time(*site.drain.timeout),
        // Every worker could get all of them.
        worker_connections,
        open_files: 2 * worker_connections,
        log: match *site.access_log.format {
            AccessLogFormat::Combined => None,
            AccessLogFormat::Common => Some("common"),
            AccessLogFormat::Json => Some("json"),
        },
        resolver: site.resolver.as_ref().map(|resolver| Resolver {
            nameservers: resolver.nameservers.iter().map(|n| Raw(n.value.to_string())).collect(),
            valid: Raw(format!("{}s", resolver.valid.as_millis() / 1000)),
        }),
        has_dollar: false,
        trust: server::trust(site),
        zones: zones(&mut context),
        upstreams,
        servers,
        main_snippets: snippets(&context, SnippetPlace::Main, |_| true),
        http_snippets: snippets(&context, SnippetPlace::Http, |_| true),
        maps: context.maps,
    }
}

impl Context<'_> {
    /// A value that nginx cannot be given.
    fn refuse(&mut self, span: Span, what: &str) {
        self.base.refuse(span, what, "write it another way, or give this route to another target");
    }

    /// Adds a map unless it is there already, and gives its variable.
    fn map(&mut self, map: MapBlock) -> String {
        let variable = format!("${}", map.variable);
        if !self.maps.iter().any(|known| known.variable == map.variable) {
            self.maps.push(map);
        }
        variable
    }
}

fn zones(context: &mut Context<'_>) -> Vec<Zone> {
    let mut zones = Vec::new();
    let site = context.base.site;
    for (id, route) in site.routes_with_ids() {
        let Some(per_ip) = route.forward().map(|forward| forward.per_ip) else { continue };
        if per_ip.connections.is_none() && per_ip.connects_per_minute.is_none() {
            continue;
        }
        let key = Raw(match *per_ip.ipv6_prefix {
            Ipv6Prefix::ADDRESS => "$binary_remote_addr".to_owned(),
            prefix => context.map(maps::network(prefix)),
        });
        if per_ip.connections.is_some() {
            zones.push(Zone {
                directive: "limit_conn_zone",
                key: key.clone(),
                name: zone("conn", context, id),
                rate: None,
            });
        }
        if let Some(rate) = per_ip.connects_per_minute {
            let name = zone("connect", context, id);
            zones.push(Zone { directive: "limit_req_zone", key, name, rate: Some(rate.get()) });
        }
    }
    zones
}

fn zone(kind: &str, context: &Context<'_>, id: RouteId) -> Raw {
    Raw(format!("wsgen_{kind}_{}", route_name(context, id)))
}

/// The name of a route, as a part of the names of variables.
fn route_name(context: &Context<'_>, id: RouteId) -> String {
    context.base.route_name(id).replace('-', "_")
}

/// The snippets of a place, as they stand, with their reasons.
fn snippets(
    context: &Context<'_>,
    place: SnippetPlace,
    wanted: impl Fn(RouteId) -> bool,
) -> Vec<Raw> {
    let snippets = context.base.snippets(place, wanted);
    snippets.iter().map(|snippet| snippet.lines("")).collect()
}

fn time<const MIN: u64>(duration: Duration<MIN>) -> Raw {
    Raw(match duration.as_millis() {
        millis if millis % 1_000 == 0 => format!("{}s", millis / 1_000),
        millis => format!("{millis}ms"),
    })
}

fn size(bytes: Bytes) -> Raw {
    Raw(match bytes.get() {
        bytes if bytes.is_multiple_of(1 << 20) => format!("{}m", bytes >> 20),
        bytes if bytes.is_multiple_of(1 << 10) => format!("{}k", bytes >> 10),
        bytes => bytes.to_string(),
    })
}
