//! What the template prints: the site in HAProxy's own terms.

mod backend;
mod frontend;
mod rules;
mod users;
mod vouched;

use serde::Serialize;
use wsgen_model::config::{AccessLogFormat, OnOff, SnippetPlace};
use wsgen_model::scalar::{Duration, TargetVersion, UpstreamAddress};
use wsgen_model::site::{ListenerId, RouteId};
use wsgen_model::source::Span;

use super::support::{NO_H2_WEBSOCKETS, NORMALIZE, SPREAD};
use crate::engine::Raw;
use crate::layout::Installation;
use crate::rendering::Rendering;
use crate::targets::haproxy::settings;

#[derive(Serialize)]
pub(super) struct View {
    title: String,
    /// What root does to put it into place; nothing where it stands alone.
    steps: Vec<String>,
    /// The distribution whose service runs it.
    layout: &'static str,
    /// Servers on Unix sockets are out of reach from another root.
    chroot: Option<&'static str>,
    /// Where somebody has said how many.
    threads: Option<u64>,
    hard_stop: Raw,
    spread: Option<Raw>,
    /// Whether paths can be brought into normal form; older versions refuse others.
    normalizes: bool,
    /// Whether RFC 8441 is not announced.
    no_h2_websockets: bool,
    /// Bytes that hold a request head, and its fields.
    buffer: u64,
    max_headers: u64,
    max_connections: Option<u64>,
    log: &'static str,
    log_as_soon: bool,
    resolver: Option<Resolver>,
    tables: Vec<Table>,
    users: Vec<users::UserList>,
    frontends: Vec<frontend::Frontend>,
    backends: Vec<backend::Backend>,
    main_snippets: Vec<Raw>,
    http_snippets: Vec<Raw>,
}

#[derive(Serialize)]
struct Resolver {
    nameservers: Vec<Raw>,
    valid: Raw,
}

/// What is counted by client address.
#[derive(Serialize)]
struct Table {
    name: Raw,
    store: &'static str,
}

/// What building a view needs.
struct Context<'a> {
    base: Rendering<'a>,
    users: Vec<users::UserList>,
    backends: Vec<backend::Backend>,
    /// The places of an upstream's backends in that list.
    by_upstream: std::collections::HashMap<wsgen_model::site::UpstreamId, Vec<usize>>,
}

impl Context<'_> {
    /// Returns the networks of the proxies that a listener trusts.
    fn trusted(&self, listener: ListenerId) -> Vec<String> {
        self.base.site.listener(listener).trusted_proxies.iter().map(ToString::to_string).collect()
    }
}

pub(super) fn view(base: Rendering<'_>, installation: Option<&Installation>) -> View {
    let site = base.site;
    let version = base.version;
    let mut context = Context {
        base,
        users: Vec::new(),
        backends: Vec::new(),
        by_upstream: std::collections::HashMap::new(),
    };
    let frontends = site.listener_ids().map(|id| frontend::view(id, &mut context)).collect();
    let listeners = &site.listeners;
    let largest = |pick: fn(&wsgen_model::site::ListenerLimits) -> u64, floor: u64| {
        listeners.iter().map(|listener| pick(&listener.limits)).max().unwrap_or(0).max(floor)
    };
    let heads =
        largest(|limits| limits.max_header_bytes.get() + limits.max_url_bytes.get(), 16_384);
    let connections: u64 =
        listeners.iter().filter_map(|l| l.limits.max_connections).map(|limit| limit.get()).sum();
    let servers = site.upstreams.iter().flat_map(|upstream| &upstream.servers);
    let unix = servers.into_iter().any(|s| matches!(s.address.value, UpstreamAddress::Unix(_)));
    View {
        title: context.base.title(),
        steps: installation.map(Installation::commands).unwrap_or_default(),
        layout: context.base.layout().name(),
        chroot: (!unix).then_some("/var/lib/haproxy"),
        threads: settings::threads(site),
        hard_stop: time(*site.drain.timeout),
        spread: version
            .is_some_and(|version| version >= SPREAD && site.drain.spread.as_millis() > 0)
            .then(|| time(*site.drain.spread)),
        normalizes: normalizes(version),
        no_h2_websockets: version.is_some_and(|version| version >= NO_H2_WEBSOCKETS)
            && listeners.iter().any(|listener| *listener.h2_websockets == OnOff::Off),
        // The buffer keeps a reserve of 1 KiB for fields that are added.
        buffer: heads + 1024,
        max_headers: largest(|limits| limits.max_headers.get(), 101),
        max_connections: (connections > 0).then_some(connections),
        log: match *site.access_log.format {
            AccessLogFormat::Combined => "combined",
            AccessLogFormat::Common => "common",
            AccessLogFormat::Json => "json",
        },
        log_as_soon: *site.access_log.tunnel_open,
        resolver: site.resolver.as_ref().map(|resolver| Resolver {
            nameservers: resolver.nameservers.iter().map(|n| Raw(n.value.to_string())).collect(),
            valid: time(*resolver.valid),
        }),
        tables: tables(&context),
        frontends,
        main_snippets: snippets(&context, SnippetPlace::Main, |_| true),
        http_snippets: snippets(&context, SnippetPlace::Http, |_| true),
        backends: context.backends,
        users: context.users,
    }
}

impl Context<'_> {
    /// A value that HAProxy cannot be given.
    fn refuse(&mut self, span: Span, what: &str) {
        self.base.refuse(span, what, "write it another way, or give this route to another target");
    }
}

fn normalizes(version: Option<TargetVersion>) -> bool {
    version.is_some_and(|version| version >= NORMALIZE)
}

fn tables(context: &Context<'_>) -> Vec<Table> {
    let mut tables = Vec::new();
    for (id, route) in context.base.site.routes_with_ids() {
        let Some(per_ip) = route.forward().map(|forward| forward.per_ip) else { continue };
        if per_ip.connections.is_some() {
            tables.push(Table { name: table("conn", context, id), store: "conn_cur" });
        }
        if per_ip.connects_per_minute.is_some() {
            tables.push(Table { name: table("connect", context, id), store: "http_req_rate(60s)" });
        }
    }
    tables
}

fn table(kind: &str, context: &Context<'_>, id: RouteId) -> Raw {
    Raw(format!("wsgen_{kind}_{}", context.base.route_name(id)))
}

/// The snippets of a place, as they stand, with their reasons.
fn snippets(
    context: &Context<'_>,
    place: SnippetPlace,
    wanted: impl Fn(RouteId) -> bool,
) -> Vec<Raw> {
    let snippets = context.base.snippets(place, wanted);
    snippets.iter().map(|snippet| snippet.lines("    ")).collect()
}

fn time<const MIN: u64>(duration: Duration<MIN>) -> Raw {
    // The most that a timer takes is a signed number of 32 bits, in milliseconds.
    Raw(match duration.as_millis().min(2_147_483_647) {
        millis if millis % 1_000 == 0 => format!("{}s", millis / 1_000),
        millis => format!("{millis}ms"),
    })
}
