//! `expect`: one step after the other, on one tunnel.

use std::time::Duration;

use wsgen_model::config::{Expectation, ExpectedHandshake, ExpectedRequest};
use wsgen_model::site::{Route, RouteId};

use super::Own;
use super::asked::{Sent, host};
use super::moved::Moved;
use crate::peer::handshake;
use crate::stage::Stage;
use crate::verdict::{Trouble, Verdict, check, equal};
use crate::wire::Wire;
use crate::wire::frame::{Frame, TEXT};

/// An idle step that ends a tunnel may see its end so much later.
const LATER: Duration = Duration::from_secs(4);

/// Runs the steps of a route.
pub(super) async fn run(stage: &Stage, own: &Own, id: RouteId) -> Verdict {
    let moved = Moved::start(stage, own).await?;
    let route = &own.site.routes[id.0];
    let mut tunnel: Option<Wire> = None;
    for (number, step) in route.expect.iter().enumerate() {
        let done = self::step(stage, own, &moved, route, &step.value, &mut tunnel).await;
        done.map_err(|trouble| match trouble {
            Trouble::Failed(mut failed) => {
                failed.expected = format!("step {}: {}", number + 1, failed.expected);
                Trouble::Failed(failed)
            }
            Trouble::Broken(why) => Trouble::Broken(format!("step {}: {why}", number + 1)),
        })?;
    }
    Ok(())
}

async fn step(
    stage: &Stage,
    own: &Own,
    moved: &Moved,
    route: &Route,
    step: &Expectation,
    tunnel: &mut Option<Wire>,
) -> Verdict {
    let listener = route.listeners[0];
    let status = step.status.as_ref().map(|status| status.value.get());
    if let Some(wanted) = &step.handshake {
        let answered = moved.ask(stage, own, listener, &opening(route, &wanted.value)).await?;
        let expected = status.unwrap_or(101);
        equal("the status of the handshake", u64::from(answered.head.status()), expected)?;
        if answered.head.status() == 101 {
            *tunnel = Some(answered.wire);
        }
    }
    if let Some(wanted) = &step.request {
        let answered = moved.ask(stage, own, listener, &request(route, &wanted.value)).await?;
        equal(
            "the status of the request",
            u64::from(answered.head.status()),
            status.unwrap_or(200),
        )?;
    }
    if step.reload.as_ref().is_some_and(|reload| reload.value) {
        moved.server.reload(&moved.text).await?;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let closed = step.closed.as_ref().map(|closed| closed.value);
    if let Some(idle) = &step.idle {
        let time = Duration::from(idle.value).mul_f64(moved.scale);
        let open = open(tunnel)?;
        if closed == Some(true) {
            open.rest_within(time + LATER).await?;
            *tunnel = None;
        } else {
            open.quiet(time).await?;
        }
    } else if closed == Some(true) {
        open(tunnel)?.rest_within(LATER).await?;
        *tunnel = None;
    }
    if step.echo.as_ref().is_some_and(|echo| echo.value) {
        let open = open(tunnel)?;
        open.send_frame(&Frame::client(TEXT, "there?")).await?;
        equal("an echo", open.frame().await?, Frame::server(TEXT, "there?"))?;
    }
    check(closed != Some(false) || tunnel.is_some(), "an open tunnel", "none")
}

fn open(tunnel: &mut Option<Wire>) -> Verdict<&mut Wire> {
    tunnel.as_mut().ok_or_else(|| Trouble::failed("an open tunnel", "none"))
}

fn name(
    route: &Route,
    wanted: Option<&wsgen_model::located::Located<wsgen_model::scalar::Hostname>>,
) -> String {
    let own = wanted.or_else(|| route.hostnames.first());
    own.map_or_else(|| "wsgen.test".to_owned(), |name| host(&name.value))
}

fn opening(route: &Route, wanted: &ExpectedHandshake) -> Sent {
    let host = name(route, wanted.host.as_ref());
    let mut fields = format!("Host: {host}\r\n");
    if let Some(origin) = &wanted.origin {
        fields.push_str(&format!("Origin: {}\r\n", origin.value.as_str()));
    }
    if let Some(names) = &wanted.subprotocols {
        let names: Vec<_> = names.value.iter().map(|name| name.value.as_str()).collect();
        fields.push_str(&format!("Sec-WebSocket-Protocol: {}\r\n", names.join(", ")));
    }
    for (name, value) in wanted.headers.iter().flat_map(|headers| headers.value.0.iter()) {
        fields.push_str(&format!("{}: {}\r\n", name.value, value.value.as_str()));
    }
    let path = wanted.path.as_ref().map_or("/", |path| path.value.as_str());
    Sent { host, text: handshake::request(path, &fields) }
}

fn request(route: &Route, wanted: &ExpectedRequest) -> Sent {
    let host = name(route, wanted.host.as_ref());
    let method = wanted.method.as_ref().map_or("GET", |method| method.value.as_str());
    let path = wanted.path.as_ref().map_or("/", |path| path.value.as_str());
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in wanted.headers.iter().flat_map(|headers| headers.value.0.iter()) {
        text.push_str(&format!("{}: {}\r\n", name.value, value.value.as_str()));
    }
    Sent { host, text: text + "\r\n" }
}
