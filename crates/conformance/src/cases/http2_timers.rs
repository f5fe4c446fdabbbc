//! Timers over HTTP/2, with clients that do not behave: they write their frames by hand.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::http2::offering;
use crate::case::cases;
use crate::opened::OK;
use crate::peer::Teller;
use crate::stage::{Server, Stage};
use crate::verdict::{Verdict, check, equal, within};
use crate::wire::http2::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, Frame, HEADERS, INITIAL_WINDOW_SIZE, PING,
    PREFACE, block, request,
};
use crate::wire::{Versions, Wire, client_tls};

/// A connection of TLS that has agreed on HTTP/2, and has said nothing of it.
pub(super) async fn agreed(stage: &Stage, server: &Server) -> Verdict<Wire> {
    let tcp = server.tcp(server.address).await?;
    let transcript = &stage.transcript;
    Ok(client_tls(tcp, "chat.test", "h2", Versions::Both, None, transcript).await?.0)
}

/// A target that offers HTTP/2 with these timers, and a connection that has begun with these settings of the client's.
async fn begun(
    stage: &Stage,
    upstream: SocketAddr,
    timers: &str,
    settings: &[(u16, u32)],
) -> Verdict<(Arc<Server>, Wire)> {
    let server = offering(stage, upstream, &format!(", timeouts: {{{timers}}}")).await?;
    let mut client = agreed(stage, &server).await?;
    client.begin_http2(settings).await?;
    Ok((server, client))
}

pub(super) fn get(stream: u32, target: &str) -> Frame {
    Frame::headers(END_HEADERS | END_STREAM, stream, &request("GET", target, &[]))
}

/// The first part of a request's head.
fn part(stream: u32) -> Frame {
    Frame::new(HEADERS, END_STREAM, stream, block(&request("GET", "/", &[])))
}

cases! { "http2-timers";
    /// `request_header` ends a connection that agrees on HTTP/2 and says nothing.
    ///
    /// Sent: a handshake of TLS with `h2`, then nothing. Seen: the end, in time.
    [TIMER_REQUEST_HEADER, ListenerTls, Http2, RequestHeaderTimeout]
    async fn preface_is_owed(stage) {
        let app = Teller::bind("app").await?;
        let server = offering(stage, app.address(), ", timeouts: {request_header: 1s}").await?;
        let began = Instant::now();
        let mut client = agreed(stage, &server).await?;
        client.rest().await?;
        within("the end", began.elapsed(), 900, 6_000)?;
    }

    /// `request_header` ends a connection whose preface stops.
    ///
    /// Sent: half of the preface, then nothing. Seen: the end, in time.
    [TIMER_REQUEST_HEADER, ListenerTls, Http2, RequestHeaderTimeout]
    async fn half_of_the_preface(stage) {
        let app = Teller::bind("app").await?;
        let server = offering(stage, app.address(), ", timeouts: {request_header: 1s}").await?;
        let began = Instant::now();
        let mut client = agreed(stage, &server).await?;
        client.send(&PREFACE[..12]).await?;
        client.rest().await?;
        within("the end", began.elapsed(), 900, 6_000)?;
    }

    /// `request_header` bounds a handshake of TLS too.
    ///
    /// Sent: the beginning of a `ClientHello`, then nothing. Seen: the end, in time.
    [TIMER_REQUEST_HEADER, ListenerTls, RequestHeaderTimeout]
    async fn half_a_handshake_of_tls(stage) {
        let app = Teller::bind("app").await?;
        let server = offering(stage, app.address(), ", timeouts: {request_header: 1s}").await?;
        let began = Instant::now();
        let mut client = server.connect().await?;
        client.send(super::stop::HALF_HELLO).await?;
        client.rest().await?;
        within("the end", began.elapsed(), 900, 6_000)?;
    }

    /// `request_header` ends a connection whose header block does not go on.
    ///
    /// Sent: HEADERS without `END_HEADERS`, then nothing. Seen: the end, in time.
    [TIMER_REQUEST_HEADER, ListenerTls, Http2, RequestHeaderTimeout]
    async fn header_block_without_an_end(stage) {
        let app = Teller::bind("app").await?;
        let (_server, mut client) = begun(stage, app.address(), "request_header: 1s, idle: 30s", &[]).await?;
        let began = Instant::now();
        client.send_http2(&part(1)).await?;
        client.rest().await?;
        within("the end", began.elapsed(), 900, 6_000)?;
    }

    /// `request_header` bounds the whole of a header block: more CONTINUATION frames do not put it off, nor does
    /// another stream that is open.
    ///
    /// Sent: a request that is not answered, HEADERS without `END_HEADERS`, then a CONTINUATION every 400 ms. Seen: the
    /// end, in time or before: a server may bound their number.
    [TIMER_REQUEST_HEADER, ListenerTls, Http2, RequestHeaderTimeout]
    async fn continuation_does_not_put_it_off(stage) {
        let upstream = stage.upstream().await?;
        let (_server, mut client) =
            begun(stage, upstream.address(), "request_header: 1s, idle: 30s", &[]).await?;
        client.send_http2(&get(1, "/")).await?;
        let _far = upstream.request().await?;
        let began = Instant::now();
        client.send_http2(&part(3)).await?;
        let more = Frame::new(CONTINUATION, 0, 3, block(&[("x", "y")]));
        let mut ended = false;
        while began.elapsed() < Duration::from_secs(6) && !ended {
            ended = client.send_http2(&more).await.is_err();
            let next = tokio::time::timeout(Duration::from_millis(400), client.http2_frame());
            ended |= next.await.is_ok_and(|frame| frame.is_err());
        }
        check(ended, "the end", "the connection is open after 6 s")?;
    }

    /// `idle` ends a connection without a request, or `request_header` does, which is as long here.
    ///
    /// Sent: the preface and settings, then nothing, also no answer to PING. Seen: the end, in time.
    [TIMER_IDLE, ListenerTls, Http2, IdleTimeout]
    async fn idle_without_a_request(stage) {
        let app = Teller::bind("app").await?;
        let (_server, mut client) =
            begun(stage, app.address(), "request_header: 1s, idle: 1s", &[]).await?;
        let began = Instant::now();
        client.rest().await?;
        within("the end", began.elapsed(), 700, 6_000)?;
    }

    /// `idle` ends a connection after its last request too.
    ///
    /// Sent: two requests, one after the other, then nothing, also no answer to PING. Seen: two answers, then the end, in
    /// time.
    [TIMER_IDLE, ListenerTls, Http2, IdleTimeout]
    async fn idle_after_requests(stage) {
        let app = Teller::bind("app").await?;
        let (_server, mut client) = begun(stage, app.address(), "idle: 1s", &[]).await?;
        for stream in [1, 3] {
            client.send_http2(&get(stream, "/")).await?;
            check(client.http2_end_of(stream).await?.is_some(), "an answer", "the end")?;
        }
        let began = Instant::now();
        client.rest().await?;
        within("the end", began.elapsed(), 700, 6_000)?;
    }

    /// PING is no request: it does not put `idle` off.
    ///
    /// Sent: a request, then a PING every 200 ms. Seen: the answer, then the end, in time.
    [TIMER_IDLE, ListenerTls, Http2, IdleTimeout]
    async fn pings_do_not_put_idle_off(stage) {
        let app = Teller::bind("app").await?;
        let (_server, mut client) = begun(stage, app.address(), "idle: 1s", &[]).await?;
        client.send_http2(&get(1, "/")).await?;
        check(client.http2_end_of(1).await?.is_some(), "an answer", "the end")?;
        let began = Instant::now();
        let mut ended = false;
        while began.elapsed() < Duration::from_secs(6) && !ended {
            ended = client.send_http2(&Frame::new(PING, 0, 0, [7; 8])).await.is_err();
            let pause = Instant::now() + Duration::from_millis(200);
            while !ended && Instant::now() < pause {
                let left = pause.saturating_duration_since(Instant::now());
                let next = tokio::time::timeout(left, client.http2_frame());
                ended |= next.await.is_ok_and(|frame| frame.is_err());
            }
        }
        check(ended, "the end", "the connection is open after 6 s")?;
        within("the end", began.elapsed(), 700, 6_000)?;
    }

    /// `idle` does not run while a stream is open.
    ///
    /// Sent: a request that takes twice `idle`. Seen: its answer.
    [TIMER_IDLE, ListenerTls, Http2, IdleTimeout]
    async fn idle_does_not_bound_streams(stage) {
        let upstream = stage.upstream().await?;
        let (_server, mut client) = begun(stage, upstream.address(), "idle: 1s", &[]).await?;
        client.send_http2(&get(1, "/")).await?;
        let (mut far, _) = upstream.request().await?;
        tokio::time::sleep(Duration::from_millis(2_200)).await;
        far.send(OK).await?;
        let end = client.http2_end_of(1).await?;
        equal("an answer", end.map(|frame| frame.kind == DATA), Some(true))?;
    }

    /// `body_idle` ends a stream whose body stops coming, and leaves the connection alone.
    ///
    /// Sent: half of a body. Seen: the end of the stream, in time.
    [TIMER_BODY_IDLE, ListenerTls, Http2, BodyIdleTimeout]
    async fn body_idle_of_a_request(stage) {
        let upstream = stage.upstream().await?;
        let (_server, mut client) = begun(stage, upstream.address(), "body_idle: 1s", &[]).await?;
        let began = Instant::now();
        let post = request("POST", "/", &[("content-length", "6")]);
        client.send_http2(&Frame::headers(END_HEADERS, 1, &post)).await?;
        client.send_http2(&Frame::new(DATA, 0, 1, "hal")).await?;
        let end = client.http2_end_of(1).await?;
        check(end.is_some(), "the end of the stream", "the end of the connection")?;
        within("the end", began.elapsed(), 900, 6_000)?;
    }

    /// `body_idle` ends a stream of whose answer nothing is taken.
    ///
    /// Sent: a request with a window of 0. Seen: the end of the stream, in time.
    [TIMER_BODY_IDLE, ListenerTls, Http2, BodyIdleTimeout]
    async fn body_idle_of_an_answer_without_a_window(stage) {
        let app = Teller::bind("app").await?;
        let (_server, mut client) =
            begun(stage, app.address(), "body_idle: 1s", &[(INITIAL_WINDOW_SIZE, 0)]).await?;
        let began = Instant::now();
        client.send_http2(&get(1, "/")).await?;
        let end = client.http2_end_of(1).await?;
        check(end.is_some(), "the end of the stream", "the end of the connection")?;
        within("the end", began.elapsed(), 900, 6_000)?;
    }
}
