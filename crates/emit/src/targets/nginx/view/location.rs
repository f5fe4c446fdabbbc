//! `location` blocks.

use std::collections::BTreeMap;

use serde::Serialize;
use wsgen_model::config::WebSocketMode;
use wsgen_model::site::{Action, ListenerId, Redirect, RedirectPath, Respond, RouteId};

use super::headers::Field;
use super::proxy::{self, Proxy};
use super::slots::{Pair, Slot};
use super::{Context, maps, route_name};
use crate::annotate::Scope;
use crate::engine::Raw;
use crate::targets::nginx::quote::{literal, value, with_variables};

#[derive(Serialize)]
pub(super) struct Location {
    scope: Raw,
    #[serde(rename = "match")]
    matching: Raw,
    path: Raw,
    /// The named location that WebSocket requests go to.
    jump: Option<Raw>,
    action: LocationAction,
}

/// A location that others jump to.
#[derive(Serialize)]
pub(super) struct Named {
    scope: Raw,
    name: Raw,
    tunnel: bool,
    action: LocationAction,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum LocationAction {
    Proxy(Box<Proxy>),
    Return {
        status: u16,
        text: Option<Raw>,
        /// The variable that must hold a path.
        path: Option<Raw>,
        content_type: Option<Raw>,
        headers: Vec<Field>,
    },
    UpgradeRequired,
    NotFound,
    /// The variable that holds the named location.
    Dispatch {
        variable: Raw,
    },
}

/// The named locations of a server, each once.
pub(super) type NamedLocations = BTreeMap<String, Named>;

pub(super) fn location(
    slot: &Slot,
    listener: ListenerId,
    jumps: &mut NamedLocations,
    context: &mut Context<'_>,
) -> Option<Location> {
    let path = match slot.matching {
        "~ " => literal(&slot.path),
        _ => literal(&decoded(slot, context)?),
    };
    let Pair { plain, websocket } = slot.pair;
    let scope = context.base.scope(Some(listener), None, plain.or(websocket)).mark();
    Some(Location {
        scope,
        matching: Raw(slot.matching.to_owned()),
        path,
        jump: websocket.and_then(|id| jump(id, plain, listener, jumps, context)).or_else(|| {
            // WebSocket requests have no route here, plain ones have.
            (websocket.is_none() && plain.is_some()).then(|| Raw(nowhere(jumps)))
        }),
        action: plain.map_or(LocationAction::NotFound, |id| action(id, listener, context)),
    })
}

/// nginx compares locations with decoded paths.
fn decoded(slot: &Slot, context: &mut Context<'_>) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = slot.path.as_bytes();
    let mut bad = false;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(&tail[..tail.len().min(2)]).unwrap_or("");
        let byte = u8::from_str_radix(digits, 16).unwrap_or(0);
        bad |= byte < b' ' || byte == b'/' || byte == 0x7f;
        bytes.push(byte);
        rest = &tail[tail.len().min(2)..];
    }
    match String::from_utf8(bytes) {
        Ok(path) if !bad => Some(path),
        _ => {
            let id = slot.pair.plain.or(slot.pair.websocket)?;
            let span = context.base.site.routes[id.0].span;
            context.refuse(span, "a path with this escape: it compares decoded paths");
            None
        }
    }
}

fn jump(
    id: RouteId,
    plain: Option<RouteId>,
    listener: ListenerId,
    jumps: &mut NamedLocations,
    context: &mut Context<'_>,
) -> Option<Raw> {
    let tunnels = context.base.site.routes[id.0].carries_tunnels();
    (tunnels || plain != Some(id)).then(|| Raw(named(id, true, listener, jumps, context)))
}

/// The named location of a route for one kind of request.
pub(super) fn named(
    id: RouteId,
    websocket: bool,
    listener: ListenerId,
    jumps: &mut NamedLocations,
    context: &mut Context<'_>,
) -> String {
    let route = &context.base.site.routes[id.0];
    let tunnel = websocket && route.carries_tunnels();
    let name = format!("{}_{}", if tunnel { "tunnel" } else { "plain" }, route_name(context, id));
    if !jumps.contains_key(&name) {
        let action = match &route.action {
            Action::Forward(forward) if tunnel => {
                LocationAction::Proxy(Box::new(proxy::view(id, forward, listener, true, context)))
            }
            _ => action(id, listener, context),
        };
        let mut scope = context.base.scope(Some(listener), None, Some(id));
        scope.tunnel = tunnel;
        let scope = scope.mark();
        jumps.insert(name.clone(), Named { scope, name: Raw(name.clone()), tunnel, action });
    }
    name
}

/// The named location of requests that no route matches.
pub(super) fn nowhere(jumps: &mut NamedLocations) -> String {
    let name = "nowhere".to_owned();
    let missing = Named {
        scope: Scope::default().mark(),
        name: Raw(name.clone()),
        tunnel: false,
        action: LocationAction::NotFound,
    };
    jumps.insert(name.clone(), missing);
    name
}

/// The one location of a host whose routes are chosen by a map.
pub(super) fn dispatch(variable: Raw) -> Location {
    Location {
        scope: Scope::default().mark(),
        matching: Raw(String::new()),
        path: Raw("/".into()),
        jump: None,
        action: LocationAction::Dispatch { variable },
    }
}

fn action(id: RouteId, listener: ListenerId, context: &mut Context<'_>) -> LocationAction {
    match &context.base.site.routes[id.0].action {
        Action::Forward(forward) if *forward.websocket.mode == WebSocketMode::Require => {
            LocationAction::UpgradeRequired
        }
        Action::Forward(forward) => {
            LocationAction::Proxy(Box::new(proxy::view(id, forward, listener, false, context)))
        }
        Action::Redirect(redirect) => self::redirect(id, redirect, context),
        Action::Respond(respond) => self::respond(respond, context),
    }
}

/// What is not written stays as it was asked (`redirect/parts`).
fn redirect(id: RouteId, redirect: &Redirect, context: &mut Context<'_>) -> LocationAction {
    let scheme = redirect.scheme.map_or("$scheme", |scheme| scheme.value.as_str());
    let host = redirect.hostname.as_ref().map(|host| host.value.to_string());
    let authority = match (host, redirect.port, redirect.scheme) {
        (Some(host), Some(port), _) => format!("{host}:{}", port.value),
        (None, Some(port), _) => format!("$host:{}", port.value),
        (Some(host), None, _) => host,
        // A scheme that is written brings its own port.
        (None, None, Some(_)) => "$host".to_owned(),
        (None, None, None) => "$http_host".to_owned(),
    };
    let mut checked = None;
    let path = match &redirect.path {
        RedirectPath::Keep => "$request_uri".to_owned(),
        RedirectPath::Whole(path) => path.value.as_str().replace('$', "${wsgen_dollar}"),
        RedirectPath::Prefix { from, to } => {
            let name = route_name(context, id);
            let variable = context.map(maps::prefix(format!("wsgen_redirect_{name}"), from, to));
            checked = Some(Raw(variable.clone()));
            variable
        }
    };
    LocationAction::Return {
        status: *redirect.status,
        text: Some(with_variables(&format!("{scheme}://{authority}{path}"))),
        path: checked,
        content_type: None,
        headers: Vec::new(),
    }
}

fn respond(respond: &Respond, context: &mut Context<'_>) -> LocationAction {
    if (300..400).contains(&respond.status) || respond.status == 444 {
        context.refuse(respond.span, "a fixed answer of this status");
    }
    let is_type = |name: &str| name.eq_ignore_ascii_case("content-type");
    let content_type = respond.headers.iter().find(|(name, _)| is_type(name.as_str()));
    LocationAction::Return {
        status: respond.status,
        // An empty text would be replaced by a page of nginx's own; a variable that has no value here is not.
        text: Some(
            respond.body.as_ref().map_or(Raw("$upstream_addr".into()), |body| value(body.as_str())),
        ),
        path: None,
        content_type: content_type.map(|(_, text)| value(text.value.as_str())),
        headers: respond
            .headers
            .iter()
            .filter(|(name, _)| !is_type(name.as_str()))
            .map(|(name, text)| Field {
                name: name.value.to_string(),
                value: value(text.value.as_str()),
            })
            .collect(),
    }
}
