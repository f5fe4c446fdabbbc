//! Health checks of servers (`health/check`, `health/websocket`, `health/tunnels`). Each check has a connection of its own.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HOST, UPGRADE, USER_AGENT};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::mpsc;
use wsgen_model::config::HealthCheckType;
use wsgen_model::site::HealthCheck;

use crate::events::{self, Stage};
use crate::fault;
use crate::proxy_header;
use crate::stream::Stream;
use crate::upstream::{Server, Speaks};
use crate::worker::Order;

/// Most bytes of an answer's head.
const HEAD: u16 = 32 * 1024;
/// Most fields of an answer.
const FIELDS: usize = 128;

/// Checks one server as long as its configuration holds.
pub(crate) async fn ask(
    upstream: String,
    check: HealthCheck,
    server: Arc<Server>,
    threads: Vec<mpsc::UnboundedSender<Order>>,
) {
    let interval: Duration = (*check.interval).into();
    let (mut good, mut bad) = (0, 0);
    loop {
        let answered = tokio::time::timeout((*check.timeout).into(), once(&check, &server)).await;
        let answered = answered.unwrap_or_else(|_| Err("no answer within `timeout`".to_owned()));
        let name = server.target.name();
        if let Err(why) = answered {
            (good, bad) = (0, bad + 1);
            if bad >= check.unhealthy_threshold.get() && server.standing.is_well() {
                server.standing.set_well(false);
                events::health_changed(&upstream, name, false, &why);
                for thread in &threads {
                    let _ = thread.send(Order::Leave(server.clone()));
                }
            }
        } else {
            (good, bad) = (good + 1, 0);
            if good >= check.healthy_threshold.get() && !server.standing.is_well() {
                server.standing.set_well(true);
                events::health_changed(&upstream, name, true, &"its checks are good again");
            }
        }
        tokio::time::sleep(interval).await;
    }
}

/// Checks a server once; an error is the reason why the check is bad.
async fn once(check: &HealthCheck, server: &Server) -> Result<(), String> {
    fault::point("check");
    let kind = check.kind.value;
    let header = server.target.header.map_or_else(Vec::new, proxy_header::local);
    // A handshake is tried in HTTP/1.1, as most tunnels are opened.
    let http2 = server.target.speaks_http2() && kind == HealthCheckType::Http;
    let speaks = if http2 { Speaks::Http2 } else { Speaks::Http1 };
    let stream = server.target.connect(&header, speaks).await.map_err(|error| {
        let stage = Stage::find(&error).unwrap_or(Stage::Connect);
        format!("{}: {error}", stage.as_str())
    })?;
    if kind == HealthCheckType::Tcp {
        return Ok(());
    }
    let question = question(check, server, http2).ok_or("its path makes no request")?;
    let answer =
        if http2 { ask_http2(stream, question).await } else { ask_http1(stream, question).await };
    let answer = answer.map_err(|error| error.to_string())?;
    let good = match kind {
        HealthCheckType::WebSocket => {
            let upgrades = answer.headers().get_all(UPGRADE).iter();
            let mut protocols =
                upgrades.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
            answer.status() == StatusCode::SWITCHING_PROTOCOLS
                && protocols.any(|protocol| protocol.trim().eq_ignore_ascii_case("websocket"))
        }
        _ => check.expect_status.contains(&answer.status().as_u16()),
    };
    if good { Ok(()) } else { Err(format!("answer {}", answer.status())) }
}

/// The request of a check. A server at a Unix socket is asked as `localhost`.
fn question(check: &HealthCheck, server: &Server, http2: bool) -> Option<Request<Empty<Bytes>>> {
    let name = server.target.name();
    let host = if name.starts_with("unix:") { "localhost" } else { name };
    let path = check.path.as_str();
    let question = if http2 {
        let scheme = if server.target.is_secure() { "https" } else { "http" };
        let uri = Uri::builder().scheme(scheme).authority(host).path_and_query(path);
        Request::get(uri.build().ok()?)
    } else {
        Request::get(path).header(HOST, host)
    };
    let question = question.header(USER_AGENT, "wsgen");
    let question = match check.kind.value {
        // A key of sixteen zeros: the tunnel belongs to nobody (RFC 6455 section 4.1).
        HealthCheckType::WebSocket => question
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
        _ if http2 => question,
        _ => question.header(CONNECTION, "close"),
    };
    question.body(Empty::new()).ok()
}

/// Asks on a connection of HTTP/1.1, and waits for the head of the answer.
async fn ask_http1(
    stream: Stream,
    question: Request<Empty<Bytes>>,
) -> hyper::Result<Response<Incoming>> {
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD.into()).max_headers(FIELDS).title_case_headers(true);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    during(sender.send_request(question), connection).await
}

/// Asks on a connection of HTTP/2, and waits for the head of the answer.
async fn ask_http2(
    stream: Stream,
    question: Request<Empty<Bytes>>,
) -> hyper::Result<Response<Incoming>> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.max_header_list_size(HEAD.into());
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    during(sender.send_request(question), connection).await
}

/// Waits for an answer while its connection is driven.
async fn during<A>(answer: impl Future<Output = A>, connection: impl Future) -> A {
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer,
        // What was received before the end is there.
        _ = connection => answer.await,
    }
}
