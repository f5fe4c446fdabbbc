//! Timers: each fires when it should, not when it should not, and no other fires in its place. Times are short and
//! windows wide, because machines are busy.

use std::time::{Duration, Instant};

use crate::case::cases;
use crate::opened::{OK, Opened, plain};
use crate::peer::handshake;
use crate::verdict::{check, equal, within};
use crate::wire::frame::{Frame, PING, TEXT};

cases! { "timers";
    /// `connect` bounds the time that a connection to the upstream may take.
    ///
    /// Sent: a request for a host that drops what it gets (a full backlog). Seen: 502, 503 or 504 after `connect`.
    [TIMER_CONNECT, ConnectTimeout]
    async fn connect_fires(stage) {
        let hole = crate::launch::hole().await?;
        let server = stage.site(hole.address(), "", ", timeouts: {connect: 1s}", "").await?;
        let began = Instant::now();
        let (answer, _) = server.ask("GET /", "").await?;
        check([502, 503, 504].contains(&answer.status()), "502, 503 or 504", answer.status())?;
        within("the answer", began.elapsed(), 900, 6_000)?;
    }

    /// `response_header` bounds the time until the upstream's answer begins.
    ///
    /// Sent: a request that the upstream does not answer. Seen: an error of the proxy's own, in time.
    [TIMER_RESPONSE_HEADER, ResponseHeaderTimeout]
    async fn response_header_fires(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), ", timeouts: {response_header: 1s}").await?;
        let mut client = server.connect().await?;
        let began = Instant::now();
        client.send(plain("GET /", "")).await?;
        let _held = upstream.request().await?;
        let status = client.answer().await?.status();
        check([502, 504].contains(&status), "an error of the proxy's own", status)?;
        within("the answer", began.elapsed(), 900, 3_000)?;
    }

    /// An upstream that answers in time is not cut off, however long the body takes.
    ///
    /// Sent: an answer whose head comes at once and whose body takes twice `response_header`. Seen: all of it.
    [TIMER_RESPONSE_HEADER, ResponseHeaderTimeout, BodyIdleTimeout]
    async fn response_header_does_not_bound_the_body(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.site(upstream.address(), ", timeouts: {body_idle: 5s}", "", ", timeouts: {response_header: 1s}").await?;
        let mut client = server.connect().await?;
        client.send(plain("GET /", "")).await?;
        let (mut far, _) = upstream.request().await?;
        far.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nab").await?;
        let head = client.answer().await?;
        tokio::time::sleep(Duration::from_millis(2_200)).await;
        far.send("cd").await?;
        equal("the body", client.body(&head).await?, b"abcd".to_vec())?;
    }

    /// A handshake's answer is bounded by `response_header`.
    ///
    /// Sent: a handshake that the upstream does not answer. Seen: an error of the proxy's own, in time.
    [TIMER_HANDSHAKE, HandshakeTimeout]
    async fn response_header_bounds_handshakes(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), ", timeouts: {response_header: 1s, tunnel_idle: 30s}").await?;
        let mut client = server.connect().await?;
        let began = Instant::now();
        client.send(handshake::request("/", "")).await?;
        let _held = upstream.request().await?;
        let status = client.answer().await?.status();
        check([502, 504].contains(&status), "an error of the proxy's own", status)?;
        within("the answer", began.elapsed(), 900, 3_000)?;
    }

    /// A tunnel is not bounded by `response_header`.
    ///
    /// Sent: a tunnel that is silent for twice that time. Seen: it carries on.
    [TIMER_TUNNEL_IDLE, ResponseHeaderTimeout, TunnelIdle]
    async fn response_header_does_not_bound_tunnels(stage) {
        let Opened { mut client, mut far, .. } =
            stage.opened(", timeouts: {response_header: 1s, tunnel_idle: 20s}").await?;
        client.quiet(Duration::from_millis(2_200)).await?;
        client.send_frame(&Frame::client(TEXT, "later")).await?;
        equal("a frame", far.frame().await?, Frame::client(TEXT, "later"))?;
    }

    /// `request_header` ends a connection whose head does not come.
    ///
    /// Sent: half a head, then nothing. Seen: 408 or the end, in time.
    [TIMER_REQUEST_HEADER, RequestHeaderTimeout]
    async fn request_header_fires(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.site(upstream.address(), ", timeouts: {request_header: 1s}", "", "").await?;
        let mut client = server.connect().await?;
        let began = Instant::now();
        client.send("GET / HTTP/1.1\r\nHost: a").await?;
        let (answer, _) = client.rest().await?;
        let said = String::from_utf8_lossy(&answer).into_owned();
        check(said.is_empty() || said.starts_with("HTTP/1.1 408"), "408 or nothing", said)?;
        within("the end", began.elapsed(), 900, 5_000)?;
    }

    /// `request_header` bounds the whole head: a byte now and then does not put it off.
    ///
    /// Sent: a byte of a head every 150 ms. Seen: the end, in time.
    [TIMER_REQUEST_HEADER, RequestHeaderTimeout]
    async fn request_header_is_not_put_off(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.site(upstream.address(), ", timeouts: {request_header: 1s}", "", "").await?;
        let mut client = server.connect().await?;
        let began = Instant::now();
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\nX-Slow: ").await?;
        let mut ended = false;
        while began.elapsed() < Duration::from_secs(6) && !ended {
            let sent = client.send("x").await;
            ended = sent.is_err() || client.quiet(Duration::from_millis(150)).await.is_err();
        }
        check(ended, "the end", "the connection is open after 6 s")?;
        within("the end", began.elapsed(), 900, 6_000)?;
    }

    /// `idle` ends a connection that waits for its next request.
    ///
    /// Sent: a request, then nothing. Seen: the answer, and the end in time.
    [TIMER_IDLE, IdleTimeout]
    async fn idle_fires(stage) {
        let app = crate::peer::Teller::bind("app").await?;
        let server = stage.site(app.address(), ", timeouts: {idle: 1s}", "", "").await?;
        let mut client = server.connect().await?;
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await?;
        let head = client.answer().await?;
        client.body(&head).await?;
        let began = Instant::now();
        client.rest().await?;
        within("the end", began.elapsed(), 700, 4_000)?;
    }

    /// `idle` does not run while an answer is awaited.
    ///
    /// Sent: a request that takes twice `idle`. Seen: its answer.
    [TIMER_IDLE, IdleTimeout]
    async fn idle_does_not_bound_requests(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.site(upstream.address(), ", timeouts: {idle: 1s}", "", "").await?;
        let mut client = server.connect().await?;
        client.send(plain("GET /", "")).await?;
        let (mut far, _) = upstream.request().await?;
        tokio::time::sleep(Duration::from_millis(2_200)).await;
        far.send(OK).await?;
        equal("the status", client.answer().await?.status(), 200)?;
    }

    /// `idle` does not run in a tunnel.
    ///
    /// Sent: a tunnel that is silent for twice `idle`. Seen: it carries on.
    [TIMER_TUNNEL_IDLE, IdleTimeout, TunnelIdle]
    async fn idle_does_not_bound_tunnels(stage) {
        let Opened { mut client, mut far, .. } =
            stage.opened_at(", timeouts: {idle: 1s}", ", timeouts: {tunnel_idle: 20s}").await?;
        client.quiet(Duration::from_millis(2_200)).await?;
        far.send_frame(&Frame::server(TEXT, "later")).await?;
        equal("a frame", client.frame().await?, Frame::server(TEXT, "later"))?;
    }

    /// `request_header` does not run in a tunnel.
    ///
    /// Sent: a tunnel that is silent for twice that time. Seen: it carries on.
    [TIMER_TUNNEL_IDLE, RequestHeaderTimeout, TunnelIdle]
    async fn request_header_does_not_bound_tunnels(stage) {
        let Opened { mut client, mut far, .. } =
            stage.opened_at(", timeouts: {request_header: 1s}", ", timeouts: {tunnel_idle: 20s}").await?;
        client.quiet(Duration::from_millis(2_200)).await?;
        far.send_frame(&Frame::server(TEXT, "later")).await?;
        equal("a frame", client.frame().await?, Frame::server(TEXT, "later"))?;
    }

    /// `body_idle` ends a request whose body stops coming.
    ///
    /// Sent: half of a body. Seen: the end of the request, in time.
    [TIMER_BODY_IDLE, BodyIdleTimeout]
    async fn body_idle_of_a_request_fires(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.site(upstream.address(), ", timeouts: {body_idle: 1s}", "", "").await?;
        let mut client = server.connect().await?;
        let began = Instant::now();
        client.send(format!("{}hal", plain("POST /", "Content-Length: 6\r\n"))).await?;
        let (answer, _) = client.rest().await?;
        let said = String::from_utf8_lossy(&answer).into_owned();
        check(!said.starts_with("HTTP/1.1 200"), "no success", said)?;
        within("the end", began.elapsed(), 900, 6_000)?;
    }

    /// `body_idle` ends an answer whose body stops coming.
    ///
    /// Sent: half of a body. Seen: the end, in time, and not the whole.
    [TIMER_BODY_IDLE, BodyIdleTimeout]
    async fn body_idle_of_an_answer_fires(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.site(upstream.address(), ", timeouts: {body_idle: 1s}", "", ", timeouts: {response_header: 1s}").await?;
        let mut client = server.connect().await?;
        client.send(plain("GET /", "")).await?;
        let (mut far, _) = upstream.request().await?;
        let began = Instant::now();
        far.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhal").await?;
        client.answer().await?;
        let (body, _) = client.rest().await?;
        equal("the body", body, b"hal".to_vec())?;
        within("the end", began.elapsed(), 900, 6_000)?;
    }

    /// `body_idle` bounds silence, not the whole.
    ///
    /// Sent: a body of six bytes, one every 400 ms. Seen: all of it.
    [TIMER_BODY_IDLE, BodyIdleTimeout]
    async fn body_idle_does_not_bound_the_whole(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.site(upstream.address(), ", timeouts: {body_idle: 1s}", "", "").await?;
        let mut client = server.connect().await?;
        client.send(plain("GET /", "")).await?;
        let (mut far, _) = upstream.request().await?;
        far.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\n").await?;
        let head = client.answer().await?;
        far.send_slowly("abcdef", Duration::from_millis(400)).await?;
        equal("the body", client.body(&head).await?, b"abcdef".to_vec())?;
    }

    /// `tunnel_idle` ends both sides of a silent tunnel.
    ///
    /// Sent: a tunnel, and nothing in it. Seen: the end at both ends, in time.
    [TIMER_TUNNEL_IDLE, TunnelIdle]
    async fn tunnel_idle_fires(stage) {
        let Opened { mut client, mut far, .. } =
            stage.opened(", timeouts: {response_header: 1s, tunnel_idle: 2s}").await?;
        let began = Instant::now();
        client.rest().await?;
        within("the client's end", began.elapsed(), 1_700, 5_500)?;
        far.rest().await?;
        within("the upstream's end", began.elapsed(), 1_700, 6_500)?;
    }

    /// A `tunnel_idle` of a second and a half is no other time.
    ///
    /// Sent: a tunnel with `tunnel_idle: 1500ms`, and nothing in it. Seen: the end, in time.
    [TIMER_TUNNEL_IDLE, TunnelIdle]
    async fn tunnel_idle_in_milliseconds(stage) {
        let Opened { mut client, far: _far, .. } =
            stage.opened(", timeouts: {response_header: 1s, tunnel_idle: 1500ms}").await?;
        let began = Instant::now();
        client.rest().await?;
        within("the end", began.elapsed(), 1_300, 5_000)?;
    }

    /// Bytes of the client put `tunnel_idle` off.
    ///
    /// Sent: a frame of the client every 600 ms for twice the time, then nothing. Seen: an open tunnel, then its end.
    [TIMER_TUNNEL_IDLE, TunnelIdle]
    async fn client_puts_tunnel_idle_off(stage) {
        let Opened { mut client, mut far, .. } =
            stage.opened(", timeouts: {response_header: 1s, tunnel_idle: 2s}").await?;
        for _ in 0..7 {
            tokio::time::sleep(Duration::from_millis(600)).await;
            client.send_frame(&Frame::client(TEXT, "x")).await?;
            far.frame().await?;
        }
        let began = Instant::now();
        client.rest().await?;
        within("the end", began.elapsed(), 1_700, 5_500)?;
    }

    /// Bytes of the upstream put `tunnel_idle` off.
    ///
    /// Sent: a frame of the upstream every 600 ms for twice the time, then nothing. Seen: an open tunnel, then its end.
    [TIMER_TUNNEL_IDLE, TunnelIdle]
    async fn upstream_puts_tunnel_idle_off(stage) {
        let Opened { mut client, mut far, .. } =
            stage.opened(", timeouts: {response_header: 1s, tunnel_idle: 2s}").await?;
        for _ in 0..7 {
            tokio::time::sleep(Duration::from_millis(600)).await;
            far.send_frame(&Frame::server(TEXT, "x")).await?;
            client.frame().await?;
        }
        let began = Instant::now();
        client.rest().await?;
        within("the end", began.elapsed(), 1_700, 5_500)?;
    }

    /// A ping that is not answered puts `tunnel_idle` off too: bytes count, not frames.
    ///
    /// Sent: a ping of the client every 800 ms. Seen: an open tunnel after twice the time.
    [TIMER_TUNNEL_IDLE, TunnelIdle]
    async fn pings_put_tunnel_idle_off(stage) {
        let Opened { mut client, mut far, .. } =
            stage.opened(", timeouts: {response_header: 1s, tunnel_idle: 2s}").await?;
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_millis(800)).await;
            client.send_frame(&Frame::client(PING, "")).await?;
        }
        for _ in 0..5 {
            equal("a ping", far.frame().await?, Frame::client(PING, ""))?;
        }
    }

    /// Each route has its own `tunnel_idle`.
    ///
    /// Sent: a tunnel of each of two routes, both silent. Seen: the shorter ends, the longer carries on.
    [TIMER_TUNNEL_IDLE, TunnelIdle]
    async fn tunnel_idle_is_the_routes_own(stage) {
        let upstream = stage.upstream().await?;
        let routes = "  - {match: [{path: {prefix: /short}}], upstream: app, timeouts: {response_header: 1s, tunnel_idle: 2s}}\n\
                      \x20 - {match: [{path: {prefix: /long}}], upstream: app, timeouts: {response_header: 1s, tunnel_idle: 20s}}\n";
        let server = stage.routes(upstream.address(), upstream.address(), routes).await?;
        let (mut short, _short_far, ..) = server.tunnel(&upstream, "/short", "").await?;
        let (mut long, mut long_far, ..) = server.tunnel(&upstream, "/long", "").await?;
        let began = Instant::now();
        short.rest().await?;
        within("the end of the shorter", began.elapsed(), 1_600, 5_500)?;
        long.send_frame(&Frame::client(TEXT, "x")).await?;
        equal("a frame", long_far.frame().await?, Frame::client(TEXT, "x"))?;
    }

    /// A tunnel without a bound stays open.
    ///
    /// Sent: a tunnel with `tunnel_idle: unlimited`, silent for 3 s while other timers are 1 s. Seen: it carries on.
    [TIMER_TUNNEL_IDLE, TunnelUnlimited]
    async fn unlimited_is_unlimited(stage) {
        let Opened { mut client, mut far, .. } = stage
            .opened_at(", timeouts: {idle: 1s, body_idle: 1s, request_header: 1s}", ", timeouts: {response_header: 1s, tunnel_idle: unlimited}")
            .await?;
        client.quiet(Duration::from_secs(3)).await?;
        client.send_frame(&Frame::client(TEXT, "x")).await?;
        equal("a frame", far.frame().await?, Frame::client(TEXT, "x"))?;
    }

    /// `tunnel_max` ends a tunnel whatever its traffic.
    ///
    /// Sent: a frame every 200 ms. Seen: the end, in time.
    [TIMER_TUNNEL_MAX, TunnelMax]
    async fn tunnel_max_fires(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), ", timeouts: {tunnel_max: 2s}").await?;
        let (mut client, mut far, ..) = server.tunnel(&upstream, "/", "").await?;
        let began = Instant::now();
        let mut ended = false;
        while !ended && began.elapsed() < Duration::from_secs(6) {
            let sent = client.send_frame(&Frame::client(TEXT, "x")).await;
            ended = sent.is_err() || far.frame().await.is_err();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        within("the end", began.elapsed(), 900, 4_500)?;
    }

    /// `half_closed` ends a tunnel of which one side has closed.
    ///
    /// Sent: the upstream's end, while the client's side stays open. Seen: the end at the upstream, in time.
    [TIMER_HALF_CLOSED, HalfClosedTimeout]
    async fn half_closed_fires(stage) {
        let Opened { client, mut far, .. } = stage.opened_at(", timeouts: {half_closed: 1s}", "").await?;
        far.shutdown().await;
        let began = Instant::now();
        far.rest().await?;
        check(began.elapsed() < Duration::from_secs(5), "the end within 5 s", format!("{:?}", began.elapsed()))?;
        drop(client);
    }
}
