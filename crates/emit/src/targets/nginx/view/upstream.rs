//! `upstream` blocks.

use serde::Serialize;
use wsgen_model::config::{Policy, Resolve, SameSite, SnippetPlace};
use wsgen_model::scalar::{HashKey, UpstreamAddress};
use wsgen_model::site::{Upstream, UpstreamId};

use super::maps::{self, MapBlock};
use super::{Context, snippets};
use crate::engine::Raw;
use crate::targets::nginx::quote::{literal, value};
use crate::targets::nginx::support::{RESOLVE, STICKY};

#[derive(Serialize)]
pub(super) struct UpstreamView {
    scope: Raw,
    name: Raw,
    /// A zone of shared memory of so many KiB, without which each worker process would count and take turns by itself
    /// (nginx, "zone"); names are resolved again in it too.
    zone: Option<usize>,
    method: Option<Raw>,
    sticky: Option<Raw>,
    servers: Vec<UpstreamServer>,
    snippets: Vec<Raw>,
}

#[derive(Serialize, Clone)]
struct UpstreamServer {
    address: Raw,
    options: Raw,
}

/// A name of ours that cannot be mistaken for a host.
pub(super) fn name(upstream: &Upstream) -> Raw {
    Raw(format!("wsgen_{}", upstream.name.value))
}

/// The variable that holds the name of a server that stands alone: before 1.27.3 only a variable is resolved again.
pub(super) fn lone(upstream: &Upstream, context: &mut Context<'_>) -> Option<String> {
    let [server] = upstream.servers.as_slice() else { return None };
    let again = *server.resolve == Resolve::Runtime && !context.base.since(RESOLVE);
    let address = &server.address.value;
    if !again || !address.is_name() {
        return None;
    }
    Some(context.map(MapBlock {
        comment: "A name that is resolved while the server runs.",
        source: Raw("\"\"".into()),
        variable: format!("wsgen_server_{}", upstream.name.value.to_string().replace('-', "_")),
        default: Raw(address.to_string()),
        lines: Vec::new(),
    }))
}

/// The block of an upstream, and before 1.29.6 one more for each server that clients stick to.
pub(super) fn views(upstream: &Upstream, context: &mut Context<'_>) -> Vec<UpstreamView> {
    if lone(upstream, context).is_some() {
        // Its name need not resolve when the server starts.
        return Vec::new();
    }
    let mut views = vec![view(upstream, context)];
    if sticks_by_map(upstream, context) {
        let all: Vec<UpstreamServer> = servers(upstream, false, context);
        for own in 0..all.len() {
            let mut servers = all.clone();
            for (number, server) in servers.iter_mut().enumerate() {
                let backup = if number == own { "" } else { " backup" };
                server.options.0 = server.options.0.replace(" backup", "") + backup;
            }
            views.push(UpstreamView {
                scope: context.base.scope(None, Some(upstream), None).mark(),
                name: Raw(format!("{}_s{}", name(upstream).0, own + 1)),
                zone: None,
                method: None,
                sticky: None,
                servers,
                snippets: Vec::new(),
            });
        }
    }
    views
}

/// Whether stickiness is told by maps: before there was a directive for it.
pub(super) fn sticks_by_map(upstream: &Upstream, context: &Context<'_>) -> bool {
    let directive = context.base.since(STICKY);
    upstream.sticky.is_some() && !directive && upstream.servers.len() > 1
}

fn view(upstream: &Upstream, context: &mut Context<'_>) -> UpstreamView {
    let number =
        context.base.site.upstreams.iter().position(|u| u.name == upstream.name).unwrap_or(0);
    let method = (upstream.servers.len() > 1).then(|| method(upstream, number, context)).flatten();
    let servers = servers(upstream, method.is_some(), context);
    let again = context.base.since(RESOLVE)
        && upstream.servers.iter().any(|server| *server.resolve == Resolve::Runtime);
    let zone = (servers.len() > 1 || again).then(|| (servers.len() * 4).max(256));
    let sticky = upstream.sticky.as_ref().filter(|_| context.base.since(STICKY));
    UpstreamView {
        scope: context.base.scope(None, Some(upstream), None).mark(),
        name: name(upstream),
        zone,
        method,
        sticky: sticky.map(|cookie| {
            let same_site = cookie.same_site.as_ref().map_or(String::new(), |s| {
                let word = match s.value {
                    SameSite::Strict => "strict",
                    SameSite::Lax => "lax",
                    SameSite::None => "none",
                };
                format!(" samesite={word}")
            });
            let http_only = if cookie.http_only { " httponly" } else { "" };
            let secure = if cookie.secure { " secure" } else { "" };
            Raw(format!(
                "sticky cookie {}{http_only}{secure}{same_site} path=/",
                value(cookie.name.as_str()).0
            ))
        }),
        servers,
        snippets: snippets(context, SnippetPlace::Upstream, |id| {
            let route = &context.base.site.routes[id.0];
            route.forward().is_some_and(|forward| forward.upstream == UpstreamId(number))
        }),
    }
}

/// The lines of the servers.
fn servers(
    upstream: &Upstream,
    has_method: bool,
    context: &mut Context<'_>,
) -> Vec<UpstreamServer> {
    let again = context.base.since(RESOLVE);
    let no_backups =
        matches!(upstream.load_balancing.policy, Policy::IpHash | Policy::Hash | Policy::Random);
    let mut servers = Vec::new();
    for server in &upstream.servers {
        let mut options = String::new();
        if server.weight.get() != 1 {
            options.push_str(&format!(" weight={}", server.weight.get()));
        }
        if let Some(check) = &upstream.health_check {
            // Passive: so many failed requests take a server out for one interval.
            let interval = check.interval.as_millis().div_ceil(1000);
            options.push_str(&format!(
                " max_fails={} fail_timeout={interval}s",
                check.unhealthy_threshold.get()
            ));
        }
        if *server.backup {
            if let (true, Some(span)) = (no_backups && has_method, server.backup.span) {
                context.refuse(span, "backup servers beside this policy");
            }
            options.push_str(" backup");
        }
        if again && *server.resolve == Resolve::Runtime {
            options.push_str(" resolve");
        }
        let address = match &server.address.value {
            UpstreamAddress::Unix(path) => literal(&format!("unix:{path}")),
            address => Raw(address.to_string()),
        };
        servers.push(UpstreamServer { address, options: Raw(options) });
    }
    servers
}

fn method(upstream: &Upstream, number: usize, context: &mut Context<'_>) -> Option<Raw> {
    let text = match upstream.load_balancing.policy {
        Policy::LeastConn => "least_conn".to_owned(),
        Policy::IpHash => "ip_hash".to_owned(),
        Policy::Random => "random".to_owned(),
        Policy::RoundRobin => return None,
        Policy::Hash => {
            let key = upstream.load_balancing.key.as_ref()?;
            let variable = match &key.value {
                HashKey::Uri => "$request_uri".to_owned(),
                HashKey::Header(name) => {
                    if let Some(variable) = super::headers::variable(name) {
                        variable
                    } else {
                        context.refuse(key.span, "a hash over a header of this name");
                        return None;
                    }
                }
                HashKey::Cookie(name) => context.map(maps::part("cookie", number, name)),
                HashKey::Query(name) => context.map(maps::part("query", number, name)),
            };
            format!("hash {variable} consistent")
        }
    };
    Some(Raw(text))
}
