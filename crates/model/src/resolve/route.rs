//! Routes: what they match and which of the three things they do.

use super::{Context, route_action, route_match, route_policy};
use crate::config;
use crate::located::Located;
use crate::site::{Action, Forward, ListenerId, Respond, Route, Setting};

pub(super) fn resolve(
    config: Located<config::Route>,
    listeners: usize,
    scope: &mut Context<'_>,
) -> Option<Route> {
    let span = config.span;
    let config::Route {
        name,
        listeners: named,
        hostnames,
        match_,
        priority,
        upstream,
        redirect,
        respond,
        rewrite,
        snippets,
        expect,
        settings,
        broken,
    } = config.value;
    scope.exactly_one(
        "the route",
        name.as_ref().map_or(span, |name| name.span),
        &broken,
        &[
            ("upstream", upstream.as_ref().map(|u| u.span)),
            ("redirect", redirect.as_ref().map(|r| r.span)),
            ("respond", respond.as_ref().map(|r| r.span)),
        ],
    );
    let listeners = resolve_listeners(named, listeners, scope);
    let entries = route_match::resolve(match_, span, scope);
    let rewrite = rewrite.and_then(|rewrite| route_action::rewrite(rewrite, &entries, scope));
    let action = match (upstream, redirect, respond) {
        (Some(upstream), _, _) => {
            let Some((id, _)) = scope.upstreams.get(&upstream.value).copied() else {
                let known: Vec<_> = scope.upstreams.keys().cloned().collect();
                scope.unknown("upstream", &upstream, known.iter());
                return None;
            };
            let settings = settings.over(&scope.defaults.route);
            Action::Forward(Box::new(Forward {
                upstream: id,
                upstream_span: upstream.span,
                rewrite,
                ..route_policy::resolve(settings, scope)
            }))
        }
        (None, Some(redirect), _) => {
            route_action::only_for_upstreams(
                &settings,
                rewrite.as_ref().map(|r| r.span),
                "redirect",
                scope,
            );
            Action::Redirect(route_action::redirect(redirect, &entries, scope))
        }
        (None, None, Some(respond)) => {
            route_action::only_for_upstreams(
                &settings,
                rewrite.as_ref().map(|r| r.span),
                "respond",
                scope,
            );
            let span = respond.span;
            Action::Respond(Respond {
                span,
                status: u16::try_from(respond.value.status?.get()).ok()?,
                headers: respond.value.headers.map(|h| h.value.0).unwrap_or_default(),
                body: respond.value.body,
            })
        }
        (None, None, None) => return None,
    };
    Some(Route {
        name,
        span,
        listeners,
        hostnames: hostnames.map(|h| h.value).unwrap_or_default(),
        entries,
        priority: Setting::of(priority.map(|p| p.map(|p| p.0)).as_ref(), 0),
        action,
        snippets: snippets.map(|s| s.value).unwrap_or_default(),
        expect: expect.map(|e| e.value).unwrap_or_default(),
    })
}

fn resolve_listeners(
    named: Option<Located<Vec<Located<crate::scalar::Name>>>>,
    listeners: usize,
    scope: &mut Context<'_>,
) -> Vec<ListenerId> {
    let Some(named) = named.filter(|named| !named.value.is_empty()) else {
        return (0..listeners).map(ListenerId).collect();
    };
    let mut ids = Vec::new();
    for name in named.value {
        match scope.listeners.get(&name.value) {
            Some((Some(id), _)) => ids.push(*id),
            Some((None, _)) => {}
            None => {
                let known: Vec<_> = scope.listeners.keys().cloned().collect();
                scope.unknown("listener", &name, known.iter());
            }
        }
    }
    ids.sort_unstable();
    ids.dedup();
    ids
}
