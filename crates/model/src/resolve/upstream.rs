//! Upstreams.

use super::Context;
use crate::clause::Clause;
use crate::code::Code;
use crate::config::{
    self, HealthCheckType, OnUnhealthy, Policy, Resolve, SameSite, UpstreamProtocol,
};
use crate::diagnostic::Diagnostic;
use crate::located::Located;
use crate::scalar::{Duration, Name, PathLiteral, Whole};
use crate::site::{Cookie, HealthCheck, LoadBalancing, Server, Setting, Upstream, UpstreamTls};

pub(super) fn resolve(
    name: Located<Name>,
    config: config::Upstream,
    scope: &mut Context<'_>,
) -> Upstream {
    let config::Upstream { protocol, servers, sticky, tls, proxy_protocol, settings, broken: _ } =
        config;
    let settings = settings.over(&scope.defaults.upstream);
    let protocol = Setting::of(protocol.as_ref(), UpstreamProtocol::Http);
    let encrypted = matches!(*protocol, UpstreamProtocol::Https | UpstreamProtocol::H2);
    if let (false, Some(tls)) = (encrypted, &tls) {
        scope.no_effect(
            tls.span,
            format!("`tls` has no effect with `protocol: {}`", protocol.as_str()),
            "set `protocol: https`, or remove `tls`",
        );
    }
    let tls = tls.map(|t| t.value).unwrap_or_default();
    Upstream {
        servers: resolve_servers(servers, scope),
        load_balancing: balancing(settings.load_balancing, scope),
        sticky: sticky.and_then(|sticky| cookie(sticky, scope)),
        health_check: settings.health_check.and_then(|check| health_check(check, scope)),
        on_unhealthy: Setting::of(settings.on_unhealthy.as_ref(), OnUnhealthy::Keep),
        tls: encrypted.then(|| UpstreamTls {
            server_name: tls.server_name,
            ca: tls.ca,
            verify: Setting::of(tls.verify.as_ref(), true),
        }),
        proxy_protocol: proxy_protocol.and_then(|p| p.value.send),
        connect: Setting::of(
            settings.timeouts.as_ref().and_then(|t| t.value.connect.as_ref()),
            Duration::from_secs(5),
        ),
        tcp_keepalive: settings.tcp_keepalive,
        name,
        protocol,
    }
}

fn resolve_servers(
    servers: Option<Located<Vec<Located<config::ServerEntry>>>>,
    scope: &mut Context<'_>,
) -> Vec<Server> {
    let mut resolved = Vec::new();
    for entry in servers.map(|s| s.value).unwrap_or_default() {
        let server = entry.value.0;
        let Some(address) = server.address else {
            continue;
        };
        if let Some(resolve) = server.resolve.as_ref().filter(|r| r.value == Resolve::Runtime)
            && !address.value.is_name()
        {
            scope.no_effect(
                resolve.span,
                format!("`resolve: runtime` has no effect: `{}` is not a name", address.value),
                "remove `resolve`, or write a name",
            );
        }
        resolved.push(Server {
            weight: Setting::of(server.weight.as_ref(), Whole::new(1)),
            resolve: Setting::of(server.resolve.as_ref(), Resolve::Startup),
            backup: Setting::of(server.backup.as_ref(), false),
            address,
        });
    }
    resolved
}

fn balancing(
    config: Option<Located<config::LoadBalancing>>,
    scope: &mut Context<'_>,
) -> Setting<LoadBalancing> {
    let Some(Located { value: config::LoadBalancing { policy: Some(policy), key, broken }, span }) =
        config
    else {
        // Tunnels live long, so counting them spreads them better than taking turns.
        return Setting::built_in(LoadBalancing { policy: Policy::LeastConn, key: None });
    };
    match (policy.value, &key) {
        (Policy::Hash, None) if broken.contains(&"key") => {}
        (Policy::Hash, None) => scope.push(
            Diagnostic::new(Code::MISSING_FIELD, "`key` is missing")
                .labelled(policy.span, "expected `key` beside this policy")
                .help(
                    "say what is hashed: `key: header:X-User`, `cookie:sid`, `query:room` or `uri`",
                ),
        ),
        (Policy::Hash, Some(_)) | (_, None) => {}
        (_, Some(key)) => scope.no_effect(
            key.span,
            format!("`key` has no effect with `policy: {}`", policy.as_str()),
            "set `policy: hash`, or remove `key`",
        ),
    }
    Setting { value: LoadBalancing { policy: policy.value, key }, span: Some(span) }
}

fn cookie(sticky: Located<config::Sticky>, scope: &mut Context<'_>) -> Option<Located<Cookie>> {
    let cookie = sticky.value.cookie?;
    let config::StickyCookie { name, http_only, secure, same_site, broken: _ } = cookie.value;
    let secure = secure.is_some_and(|s| s.value);
    if let Some(same_site) = same_site.as_ref().filter(|s| s.value == SameSite::None && !secure) {
        scope.push(
            Diagnostic::new(
                Code::NO_EFFECT,
                "browsers drop a `same_site: none` cookie that is not `secure`",
            )
            .at(same_site.span)
            .help("add `secure: true`")
            .clause(Clause::STICKY_VISIBLE),
        );
    }
    let cookie = Cookie {
        name: name?.value,
        http_only: http_only.is_none_or(|h| h.value),
        secure,
        same_site,
    };
    Some(Located::new(cookie, sticky.span))
}

fn health_check(
    check: Located<config::HealthCheck>,
    scope: &mut Context<'_>,
) -> Option<Located<HealthCheck>> {
    let config::HealthCheck {
        type_,
        path,
        interval,
        timeout,
        healthy_threshold,
        unhealthy_threshold,
        expect_status,
        broken: _,
    } = check.value;
    let kind = type_?;
    if let Some(status) = expect_status.as_ref().filter(|_| kind.value != HealthCheckType::Http) {
        let what = if kind.value == HealthCheckType::WebSocket {
            "expects 101"
        } else {
            "asks for no answer"
        };
        scope.no_effect(
            status.span,
            format!("`expect_status` has no effect: a `{}` check {what}", kind.as_str()),
            "set `type: http`, or remove `expect_status`",
        );
    }
    if let Some(path) = path.as_ref().filter(|_| kind.value == HealthCheckType::Tcp) {
        scope.no_effect(
            path.span,
            "`path` has no effect: a `tcp` check sends no request",
            "set `type: http`, or remove `path`",
        );
    }
    let expected = expect_status.map(|s| s.map(|list| statuses(&list)));
    let check = Located::new(
        HealthCheck {
            path: Setting::of(path.as_ref(), PathLiteral::root()),
            interval: Setting::of(interval.as_ref(), Duration::from_secs(5)),
            timeout: Setting::of(timeout.as_ref(), Duration::from_secs(2)),
            healthy_threshold: Setting::of(healthy_threshold.as_ref(), Whole::new(2)),
            unhealthy_threshold: Setting::of(unhealthy_threshold.as_ref(), Whole::new(3)),
            expect_status: Setting::of(expected.as_ref(), vec![200]),
            kind,
        },
        check.span,
    );
    Some(check)
}

fn statuses(list: &[Located<Whole<100, 599>>]) -> Vec<u16> {
    list.iter().filter_map(|status| u16::try_from(status.get()).ok()).collect()
}
