//! What the template prints: the site in Apache's own terms.

mod action;
mod balancer;
mod choice;
mod modules;
mod policy;
mod vhost;

use std::collections::BTreeMap;

use serde::Serialize;
use wsgen_model::config::{AccessLogFormat, SnippetPlace};
use wsgen_model::scalar::{Duration, ListenAddress};
use wsgen_model::site::{Site, UpstreamId};

use super::quote::line;
use super::settings::{self, Mpm};
use crate::engine::Raw;
use crate::layout::Layout;
use crate::rendering::Rendering;

#[derive(Serialize)]
pub(super) struct View {
    title: String,
    /// What root does to put it into place; nothing where it stands alone.
    pub(super) steps: Vec<String>,
    layout: &'static str,
    /// Where the distribution keeps logs.
    logs: Raw,
    pub(super) has_dollar: bool,
    modules: Vec<modules::Module>,
    workers: Workers,
    drain_stop: u64,
    log_format: Raw,
    listens: Vec<Raw>,
    health: Vec<balancer::HealthExpression>,
    balancers: Vec<balancer::Balancer>,
    vhosts: Vec<vhost::Vhost>,
    remote_ip: bool,
    tls: bool,
    main_snippets: Vec<Raw>,
    http_snippets: Vec<Raw>,
}

/// Numbers of the multi-processing module.
#[derive(Serialize)]
struct Workers {
    threads: Option<u64>,
    processes: u64,
    all: u64,
}

/// One rule of `mod_rewrite` with its conditions.
#[derive(Serialize)]
pub(super) struct Rule {
    pub(super) conditions: Vec<Raw>,
    pub(super) rule: Raw,
}

/// What building a view needs.
struct Context<'a> {
    base: Rendering<'a>,
    modules: modules::Modules,
    balancers: Vec<balancer::Balancer>,
    /// The places of an upstream's balancers in that list, for plain requests and for tunnels.
    by_upstream: BTreeMap<(UpstreamId, bool), Vec<usize>>,
    health: Vec<balancer::HealthExpression>,
}

/// The server's own default of 400 is met by a few hundred tunnels.
const CONNECTIONS: u64 = 1024;

pub(super) fn view(base: Rendering<'_>) -> View {
    let site = base.site;
    let mut context = Context {
        base,
        modules: modules::Modules::default(),
        balancers: Vec::new(),
        by_upstream: BTreeMap::new(),
        health: Vec::new(),
    };
    let mpm = settings::mpm(site);
    context.modules.need(&[match mpm {
        Mpm::Event => "mpm_event",
        Mpm::Worker => "mpm_worker",
        Mpm::Prefork => "mpm_prefork",
    }]);
    let is_socket = |id: &wsgen_model::site::ListenerId| {
        matches!(site.listener(*id).address.value, ListenAddress::Socket(_))
    };
    // It cannot listen on a Unix socket; whoever accepted that loss goes without.
    let vhosts = site.listener_ids().filter(is_socket);
    let vhosts: Vec<_> = vhosts.flat_map(|id| vhost::views(id, &mut context)).collect();
    if context.base.before(super::support::UPGRADE) {
        context.modules.need(&["proxy_wstunnel"]);
    }
    let snippets = |place| {
        let list = context.base.snippets(place, |_| true);
        list.iter().map(|snippet| snippet.lines("")).collect()
    };
    View {
        title: context.base.title(),
        steps: Vec::new(),
        layout: context.base.layout().name(),
        logs: match context.base.layout() {
            Layout::Standalone => line(String::new()),
            Layout::Debian => line("${APACHE_LOG_DIR}/"),
            Layout::Rhel => line("logs/"),
        },
        has_dollar: false,
        workers: workers(site, mpm),
        drain_stop: site.drain.stop.as_millis().div_ceil(1000),
        log_format: line(log_format(*site.access_log.format)),
        listens: site
            .listener_ids()
            .filter(is_socket)
            .map(|id| line(site.listener(id).address.value.to_string()))
            .collect(),
        main_snippets: snippets(SnippetPlace::Main),
        http_snippets: snippets(SnippetPlace::Http),
        health: context.health,
        balancers: context.balancers,
        remote_ip: context.modules.needs("remoteip"),
        tls: site.listeners.iter().any(|listener| listener.tls.is_some()),
        modules: context.modules.list(),
        vhosts,
    }
}

impl View {
    /// The modules that have to be loaded where the distribution does not build them in.
    pub(super) fn loaded(&self) -> Vec<&'static str> {
        self.modules.iter().filter_map(modules::Module::loadable).collect()
    }
}

/// Apache, "`mod_log_config`": the peer, or whom it speaks for (`%a`); the rest as everywhere.
fn log_format(format: AccessLogFormat) -> &'static str {
    match format {
        AccessLogFormat::Common => r#"%a %l %u %t \"%r\" %>s %b"#,
        AccessLogFormat::Combined => {
            r#"%a %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\""#
        }
        AccessLogFormat::Json => concat!(
            r#"{\"time\":\"%{%Y-%m-%dT%H:%M:%S%z}t\",\"client\":\"%a\",\"host\":\"%{Host}i\","#,
            r#"\"method\":\"%m\",\"uri\":\"%U%q\",\"status\":%>s,\"bytes\":%B,\"microseconds\":%D,"#,
            r#"\"upstream\":\"%{BALANCER_WORKER_NAME}e\",\"user_agent\":\"%{User-Agent}i\"}"#
        ),
    }
}

/// A tunnel holds a worker as long as it lives.
fn workers(site: &Site, mpm: Mpm) -> Workers {
    let limits = site.listeners.iter().filter_map(|listener| listener.limits.max_connections);
    let wanted = CONNECTIONS.max(limits.map(|limit| limit.get()).sum());
    if mpm == Mpm::Prefork {
        return Workers { threads: None, processes: 2 * wanted, all: wanted };
    }
    let threads = if wanted > 4096 { 256 } else { 64 };
    let processes = wanted.div_ceil(threads);
    // Processes of before a reload keep their places while their tunnels live.
    Workers { threads: Some(threads), processes: 2 * processes, all: processes * threads }
}

/// Seconds, or milliseconds where they are needed.
fn time<const MIN: u64>(duration: Duration<MIN>) -> String {
    match duration.as_millis() {
        millis if millis % 1_000 == 0 => (millis / 1_000).to_string(),
        millis => format!("{millis}ms"),
    }
}
