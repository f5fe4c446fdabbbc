//! Stops with peers that do not let go: each connection is of the kind that could hold a process for ever.

use std::time::{Duration, Instant};

use super::http2::offering_in;
use super::http2_timers::{agreed, get};
use crate::case::cases;
use crate::opened::plain;
use crate::peer::{Teller, handshake};
use crate::stage::{Server, Stage};
use crate::verdict::{Verdict, check};

/// The beginning of a record of TLS that holds a `ClientHello`.
pub(super) const HALF_HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

/// The model of a site whose timers are all far longer than its stop.
fn model(upstream: std::net::SocketAddr, stop: &str, listener: &str) -> String {
    format!(
        "version: 1\ndrain: {{stop: {stop}}}\n\
         listeners: [{{name: web, address: \"LISTEN\"{listener}, timeouts: {{request_header: 1m, idle: 1m, body_idle: 1m}}}}]\n\
         upstreams: {{app: {{servers: [\"{upstream}\"]}}}}\nroutes: [{{upstream: app, timeouts: {{response_header: 1m}}}}]\n"
    )
}

/// Stops a server of which `drain.stop` is 1 s: it ends a second after that, with one more for a busy machine.
async fn stops(server: &Server) -> Verdict {
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.signal("TERM")?;
    let began = Instant::now();
    let ended = server.ends(Duration::from_secs(3)).await;
    check(
        ended,
        "the end of the server 2 s after the stop",
        format!("it runs after {:?}", began.elapsed()),
    )
}

/// A target with a listener of TLS that offers HTTP/2, and a stop of 1 s.
async fn secure(stage: &Stage, upstream: std::net::SocketAddr) -> Verdict<std::sync::Arc<Server>> {
    let timers = ", timeouts: {request_header: 1m, idle: 1m, body_idle: 1m}";
    offering_in(stage, "drain: {stop: 1s}\n", upstream, timers).await
}

cases! { "stop";
    /// A stop does not wait for a head.
    ///
    /// Sent: half a head, then the signal that stops. Seen: the end of the server, a second after `drain.stop`.
    [DRAIN_STOP, DrainStop]
    async fn half_a_head(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.start(&model(app.address(), "1s", "")).await?;
        let mut client = server.connect().await?;
        client.send("GET / HTTP/1.1\r\nHost: a").await?;
        stops(&server).await?;
    }

    /// A stop does not wait for an upstream.
    ///
    /// Sent: a request that is not answered, then the signal that stops. Seen: the end of the server.
    [DRAIN_STOP, DrainStop]
    async fn silent_upstream(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.start(&model(upstream.address(), "1s", "")).await?;
        let mut client = server.connect().await?;
        client.send(plain("GET /", "")).await?;
        let _far = upstream.request().await?;
        stops(&server).await?;
    }

    /// A stop does not wait for the end of an event stream.
    ///
    /// Sent: a request whose answer does not end, then the signal that stops. Seen: the end of the server.
    [DRAIN_STOP, DrainStop]
    async fn event_stream(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.start(&model(upstream.address(), "1s", "")).await?;
        let mut client = server.connect().await?;
        client.send(plain("GET /", "")).await?;
        let (mut far, _) = upstream.request().await?;
        far.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: x\n\n").await?;
        client.answer().await?;
        stops(&server).await?;
    }

    /// A stop does not wait for a client that reads nothing.
    ///
    /// Sent: a request for a large body that is not read, then the signal that stops. Seen: the end of the server.
    [DRAIN_STOP, DrainStop]
    async fn unread_answer(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.start(&model(upstream.address(), "1s", "")).await?;
        let mut client = server.connect().await?;
        client.send(plain("GET /", "")).await?;
        let (mut far, _) = upstream.request().await?;
        far.send("HTTP/1.1 200 OK\r\nContent-Length: 900000000\r\n\r\n").await?;
        let sending = async {
            loop {
                far.send_some(vec![b'x'; 1 << 20]).await;
            }
        };
        tokio::select! {
            () = sending => {}
            stopped = stops(&server) => stopped?,
        }
    }

    /// A stop does not wait for a PROXY header.
    ///
    /// Sent: half of the header, then the signal that stops. Seen: the end of the server.
    [DRAIN_STOP, DrainStop, AcceptProxyProtocol, ProxyProtocolFrom]
    async fn half_a_proxy_header(stage) {
        let app = Teller::bind("app").await?;
        let accepts = ", proxy_protocol: {accept: any, from: [127.0.0.0/8]}";
        let server = stage.start(&model(app.address(), "1s", accepts)).await?;
        let mut client = server.connect().await?;
        client.send("PROXY TCP4 1").await?;
        stops(&server).await?;
    }

    /// A stop does not wait for a handshake of TLS.
    ///
    /// Sent: the beginning of a `ClientHello`, then the signal that stops. Seen: the end of the server.
    [DRAIN_STOP, DrainStop, ListenerTls, Http2]
    async fn half_a_handshake_of_tls(stage) {
        let app = Teller::bind("app").await?;
        let server = secure(stage, app.address()).await?;
        let mut client = server.connect().await?;
        client.send(HALF_HELLO).await?;
        stops(&server).await?;
    }

    /// A stop does not wait for the preface of HTTP/2.
    ///
    /// Sent: a handshake of TLS with `h2` and nothing more, then the signal that stops. Seen: the end of the server.
    [DRAIN_STOP, DrainStop, ListenerTls, Http2]
    async fn no_preface(stage) {
        let app = Teller::bind("app").await?;
        let server = secure(stage, app.address()).await?;
        let _client = agreed(stage, &server).await?;
        stops(&server).await?;
    }

    /// A stop does not wait for the answer to a PING.
    ///
    /// Sent: a request over HTTP/2, then the signal that stops, and no answer to anything. Seen: the end of the server.
    [DRAIN_STOP, DrainStop, ListenerTls, Http2]
    async fn no_answer_to_ping(stage) {
        let app = Teller::bind("app").await?;
        let server = secure(stage, app.address()).await?;
        let mut client = agreed(stage, &server).await?;
        client.begin_http2(&[]).await?;
        client.send_http2(&get(1, "/")).await?;
        client.http2_end_of(1).await?;
        stops(&server).await?;
    }

    /// A stop does not wait for a stream of HTTP/2.
    ///
    /// Sent: a request over HTTP/2 whose answer does not end, then the signal that stops. Seen: the end of the server.
    [DRAIN_STOP, DrainStop, ListenerTls, Http2]
    async fn open_stream(stage) {
        let upstream = stage.upstream().await?;
        let server = secure(stage, upstream.address()).await?;
        let mut client = agreed(stage, &server).await?;
        client.begin_http2(&[]).await?;
        client.send_http2(&get(1, "/")).await?;
        let (mut far, _) = upstream.request().await?;
        far.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: x\n\n").await?;
        client.http2_frame_of(1).await?;
        stops(&server).await?;
    }

    /// A second signal ends at once what the first gave time.
    ///
    /// Sent: a tunnel, the signal that stops, and again a second later. Seen: an open tunnel, then the end.
    [DRAIN_STOP, DrainStop]
    async fn second_signal(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.start(&model(app.address(), "1m", "")).await?;
        let mut tunnel = server.connect().await?;
        handshake::open(&mut tunnel, "/").await?;
        server.signal("TERM")?;
        tunnel.quiet(Duration::from_secs(1)).await?;
        server.signal("TERM")?;
        check(server.ends(Duration::from_secs(2)).await, "the end of the server at once", "it runs")?;
    }
}
