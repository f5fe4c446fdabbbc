//! A model of one's own: each route is probed with a request that is made up for it, and its `expect` is tried, step by
//! step. Listeners move to loopback, and applications that tell what they saw take the place of its servers.

mod asked;
pub(crate) mod moved;
mod steps;

use std::path::PathBuf;
use std::sync::Arc;

use wsgen_model::clause::Clause;
use wsgen_model::config::WebSocketMode;
use wsgen_model::feature::Feature;
use wsgen_model::site::{Action, Auth, Forward, RouteId, Site};

use crate::case::{Case, Run};
use crate::own::asked::Asked;
pub(crate) use crate::own::asked::{Sent, host};
use crate::own::moved::Moved;
use crate::stage::Stage;
use crate::verdict::{Verdict, equal};
use crate::wire::frame::{Frame, TEXT};

/// A model.
#[derive(Debug)]
pub struct Own {
    /// Its text.
    pub text: String,
    /// The folder that its files are relative to.
    pub folder: PathBuf,
    /// What it means.
    pub site: Site,
    /// Whether its timers are kept as they are written.
    pub slow: bool,
}

/// The cases of a model, and what cannot be tried of it.
pub fn cases(own: &Arc<Own>) -> (Vec<&'static Case>, Vec<String>) {
    let (mut cases, mut left) = (Vec::new(), Vec::new());
    for (id, route) in own.site.routes_with_ids() {
        let title = route.title(id);
        let name = match &route.name {
            Some(name) => name.value.to_string(),
            None => format!("route-{}", id.0 + 1),
        };
        if let Some(why) = unplayable(&own.site, id) {
            left.push(format!("{title} is not tried: {why}"));
            continue;
        }
        match Asked::of(&own.site, id) {
            Ok(asked) => {
                let page = format!(
                    "A request and a handshake that are made up for {title} get what it says."
                );
                let own = own.clone();
                let run = Run::own(move |stage| {
                    let (own, asked) = (own.clone(), asked.clone());
                    Box::pin(async move { probe(stage, &own, id, &asked).await })
                });
                cases.push(case("routes", &name, page, Clause::ROUTE_PRECEDENCE, &[], run));
            }
            Err(why) => left.push(format!("{title} is not probed: {why}")),
        }
        if !route.expect.is_empty() {
            let page = format!("What {title} expects, step by step.");
            let model = own.clone();
            let run = Run::own(move |stage| {
                let own = model.clone();
                Box::pin(async move { steps::run(stage, &own, id).await })
            });
            // A timer that is shortened has to be kept as it is written.
            let waits = route.expect.iter().any(|step| {
                step.value.idle.is_some() && step.value.closed.as_ref().is_some_and(|c| c.value)
            });
            let needs: &[Feature] = if waits && !own.slow { &[Feature::TunnelIdle] } else { &[] };
            cases.push(case("expect", &name, page, Clause::TARGET_EXPECT, needs, run));
        }
    }
    (cases, left)
}

/// A case that lives as long as the process: there is one model in it.
fn case(
    family: &'static str,
    name: &str,
    page: String,
    clause: Clause,
    needs: &'static [Feature],
    run: Run,
) -> &'static Case {
    let (name, page) = (name.to_owned().leak(), page.leak());
    Box::leak(Box::new(Case { family, name, page, clause, needs, alone: false, run }))
}

/// Why a route cannot be tried with applications that are played here.
pub(crate) fn unplayable(site: &Site, id: RouteId) -> Option<&'static str> {
    let route = &site.routes[id.0];
    let listener = site.listener(route.listeners[0]);
    if listener.tls.as_ref().is_some_and(|tls| tls.client_auth.is_some()) {
        return Some("its listener wants certificates of clients");
    }
    let forward = route.forward()?;
    let upstream = site.upstream(forward.upstream);
    if upstream.tls.is_some() {
        return Some("its upstream is reached by TLS");
    }
    if upstream.proxy_protocol.is_some() {
        return Some("its upstream expects a PROXY header");
    }
    match forward.auth.as_ref().map(|auth| &auth.value) {
        Some(Auth::Forward { url, .. }) if url.value.tls => Some("its service is asked by TLS"),
        _ => None,
    }
}

/// Sends what was made up for a route.
async fn probe(stage: &Stage, own: &Own, id: RouteId, asked: &Asked) -> Verdict {
    let moved = Moved::start(stage, own).await?;
    let route = &own.site.routes[id.0];
    let listener = route.listeners[0];
    let plain = moved.ask(stage, own, listener, &asked.plain()).await?;
    let handshake = moved.ask(stage, own, listener, &asked.handshake()).await?;
    let (expected, opens) = match &route.action {
        Action::Redirect(redirect) => (*redirect.status, None),
        Action::Respond(respond) => (respond.status, None),
        Action::Forward(forward) => forwarded(forward),
    };
    equal("the status of a request", plain.head.status(), expected)?;
    equal("the status of a handshake", handshake.head.status(), opens.unwrap_or(expected))?;
    if handshake.head.status() == 101 {
        let mut wire = handshake.wire;
        wire.send_frame(&Frame::client(TEXT, "there?")).await?;
        equal("an echo", wire.frame().await?, Frame::server(TEXT, "there?"))?;
    }
    if let Some(forward) = route.forward().filter(|_| expected == 200) {
        let name = own.site.upstream(forward.upstream).name.value.to_string();
        equal("who answers", plain.head.field("x-teller"), Some(name))?;
    }
    Ok(())
}

/// What a route that forwards answers to a request and to a handshake.
fn forwarded(forward: &Forward) -> (u16, Option<u16>) {
    let asks = matches!(forward.auth.as_ref().map(|auth| &auth.value), Some(Auth::Basic { .. }));
    match *forward.websocket.mode {
        WebSocketMode::Require => (426, Some(if asks { 401 } else { 101 })),
        _ if asks => (401, Some(401)),
        WebSocketMode::Deny => (200, Some(200)),
        WebSocketMode::Allow => (200, Some(101)),
    }
}
