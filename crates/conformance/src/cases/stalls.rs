//! Peers that stall in the middle of HTTP/1: heads that drip, answers that nobody reads.

use std::time::{Duration, Instant};

use crate::case::cases;
use crate::opened::plain;
use crate::stage::Stage;
use crate::verdict::{Trouble, Verdict, check, within};
use crate::wire::Wire;

/// Sends a piece again and again, with pauses, until the other side has closed.
async fn drips(far: &mut Wire, piece: &str) {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(8) && far.send(piece).await.is_ok() {
        if far.quiet(Duration::from_millis(200)).await.is_err() {
            return;
        }
    }
}

/// Expects the proxy's own error within `response_header`, while an upstream sends one text and then drips another.
async fn in_time(stage: &Stage, first: &str, drip: &str) -> Verdict {
    let upstream = stage.upstream().await?;
    let server = stage.route(upstream.address(), ", timeouts: {response_header: 1s}").await?;
    let mut client = server.connect().await?;
    let began = Instant::now();
    client.send(plain("GET /", "")).await?;
    let (mut far, _) = upstream.request().await?;
    far.send(first).await?;
    let answer = tokio::select! {
        answer = client.answer() => answer?,
        () = drips(&mut far, drip) => client.answer().await?,
    };
    check([502, 504].contains(&answer.status()), "an error of the proxy's own", answer.status())?;
    within("the answer", began.elapsed(), 900, 4_000)
}

cases! { "stalls";
    /// `response_header` bounds the whole head: a byte now and then does not put it off.
    ///
    /// Sent: an answer of whose head a byte comes every 200 ms. Seen: an error of the proxy's own, in time.
    [TIMER_RESPONSE_HEADER, ResponseHeaderTimeout]
    async fn head_that_drips(stage) {
        in_time(stage, "HTTP/1.1 200 OK\r\nX-Slow: ", "x").await?;
    }

    /// Interim answers do not put `response_header` off.
    ///
    /// Sent: a 103 every 200 ms. Seen: an error of the proxy's own, in time.
    [TIMER_RESPONSE_HEADER, ResponseHeaderTimeout]
    async fn interim_answers_without_an_end(stage) {
        in_time(stage, "", "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n").await?;
    }

    /// `body_idle` ends an answer that its client does not read.
    ///
    /// Sent: a request for a large body, of which nothing is read. Seen: the end at the upstream, in time.
    [TIMER_BODY_IDLE, BodyIdleTimeout]
    async fn unread_answer(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.site(upstream.address(), ", timeouts: {body_idle: 1s}", "", "").await?;
        let mut client = server.connect().await?;
        client.send(plain("GET /", "")).await?;
        let (mut far, _) = upstream.request().await?;
        let began = Instant::now();
        far.send("HTTP/1.1 200 OK\r\nContent-Length: 900000000\r\n\r\n").await?;
        let block = vec![b'x'; 1 << 16];
        while far.send(&block).await.is_ok() {
            if began.elapsed() > Duration::from_secs(9) {
                return Err(Trouble::failed("the end at the upstream", "all of it is taken"));
            }
        }
        within("the end", began.elapsed(), 900, 8_000)?;
    }

    /// A reader that is slow, but reads, gets all of its answer.
    ///
    /// Sent: a body that is read in pieces, one every 300 ms, for twice `body_idle`. Seen: all of it.
    [TIMER_BODY_IDLE, BodyIdleTimeout]
    async fn slow_reader(stage) {
        const SIZE: usize = 8 << 20;
        let upstream = stage.upstream().await?;
        let server = stage.site(upstream.address(), ", timeouts: {body_idle: 1s}", "", "").await?;
        let mut client = server.connect().await?;
        client.send(plain("GET /", "")).await?;
        let (mut far, _) = upstream.request().await?;
        let answer = [format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n").into_bytes(), vec![b'x'; SIZE]].concat();
        let reading = async {
            client.answer().await?;
            for _ in 0..8 {
                client.bytes(SIZE / 8).await?;
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            Ok(())
        };
        let (sent, read) = tokio::join!(far.send(answer), reading);
        sent?;
        read?;
    }

    /// `request_header` bounds a PROXY header.
    ///
    /// Sent: half of the header, then nothing. Seen: the end, in time or at once: a header in pieces may be refused.
    [TIMER_REQUEST_HEADER, RequestHeaderTimeout, AcceptProxyProtocol, ProxyProtocolFrom]
    async fn half_a_proxy_header(stage) {
        let upstream = stage.upstream().await?;
        let listener = ", timeouts: {request_header: 1s}, proxy_protocol: {accept: any, from: [127.0.0.0/8]}";
        let server = stage.site(upstream.address(), listener, "", "").await?;
        let mut client = server.connect().await?;
        let began = Instant::now();
        client.send("PROXY TCP4 1").await?;
        client.rest().await?;
        within("the end", began.elapsed(), 0, 6_000)?;
    }
}
