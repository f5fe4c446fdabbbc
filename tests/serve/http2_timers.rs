//! Timers of `wsgen serve` for clients of HTTP/2 that do not behave (`timer/request-header`, `timer/idle`,
//! `timer/body-idle`). They write their frames by hand.

use std::time::{Duration, Instant};

use crate::real_server::scripted::{head, script};
use crate::real_server::{SERVE, Server, certificate, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wsgen_conformance::transcript::Transcript;
use wsgen_conformance::wire::http2::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, Frame, GOAWAY, HEADERS, INITIAL_WINDOW_SIZE, PING,
    RST_STREAM, WINDOW_UPDATE, block, request,
};
use wsgen_conformance::wire::{Versions, Wire, client_tls};

/// Seconds by which a timer may fire late on a busy machine.
const LATE: f64 = 1.5;

/// Fails where a time is shorter than it should be, or far longer.
fn lasted(what: &str, began: Instant, seconds: f64) {
    let lived = began.elapsed().as_secs_f64();
    assert!(lived >= seconds, "{what}: {lived} s instead of {seconds} s");
    assert!(lived < seconds + LATE, "{what}: {lived} s instead of {seconds} s");
}

/// A proxy that offers HTTP/2, in front of an upstream: `/wait` is not answered, `/endless` gets a body without an
/// end, and everything else two bytes.
async fn proxy(folder: &std::path::Path) -> Server {
    let port = script(|mut stream| async move {
        let seen = head(&mut stream).await;
        let length = if seen.contains(" /endless ") { 9_000_000_000_u64 } else { 2 };
        if !seen.contains(" /wait ") {
            // Each connection answers once.
            let answer = format!(
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\nok"
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
        let block = vec![b'x'; 1 << 16];
        while length > 2 && stream.write_all(&block).await.is_ok() {}
        let mut piece = [0; 1024];
        while stream.read(&mut piece).await.is_ok_and(|read| read > 0) {}
    })
    .await;
    certificate(folder, "chat.test", "chat.test");
    let certs = folder.display();
    let model = format!(
        "version: 1\nlisteners:\n  - name: web\n    address: \"127.0.0.1:PORT\"\n    protocols: [h2, http/1.1]\n\
         \x20   timeouts: {{request_header: 800ms, idle: 1200ms, body_idle: 1s}}\n\
         \x20   tls: {{certificates: [{{certificate: {certs}/chat.test.pem, key: {certs}/chat.test.key}}]}}\n\
         upstreams: {{app: {{servers: [\"127.0.0.1:{port}\"]}}}}\n\
         routes: [{{upstream: app, timeouts: {{response_header: 6s}}}}]\n"
    );
    start(&SERVE, &model, &[]).await
}

async fn connect(server: &Server) -> Wire {
    let stream = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
    let transcript = Transcript::default();
    client_tls(stream, "chat.test", "h2", Versions::Both, None, &transcript).await.unwrap().0
}

/// A connection that has begun, with these settings of the client's.
async fn begun(server: &Server, settings: &[(u16, u32)]) -> Wire {
    let mut client = connect(server).await;
    client.begin_http2(settings).await.unwrap();
    client
}

fn get(stream: u32, target: &str) -> Frame {
    Frame::headers(END_HEADERS | END_STREAM, stream, &request("GET", target, &[]))
}

#[tokio::test]
async fn a_head_that_does_not_end_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let server = proxy(folder.path()).await;
    let server = &server;
    let no_preface = async {
        // The time begins when the handshake of TLS ends.
        let began = Instant::now();
        let mut client = connect(server).await;
        client.rest().await.unwrap();
        lasted("no preface", began, 0.8);
    };
    let part_of_the_preface = async {
        let began = Instant::now();
        let mut client = connect(server).await;
        client.send("PRI * HTTP/2.0\r\n").await.unwrap();
        client.rest().await.unwrap();
        lasted("half of the preface", began, 0.8);
    };
    let half = Frame::new(HEADERS, END_STREAM, 1, block(&request("GET", "/", &[])));
    let silence = async {
        let mut client = begun(server, &[]).await;
        let began = Instant::now();
        client.send_http2(&half).await.unwrap();
        client.rest().await.unwrap();
        lasted("a block that does not end", began, 0.8);
    };
    let part_of_a_frame = async {
        let mut client = begun(server, &[]).await;
        let began = Instant::now();
        client.send(&half.bytes()[..20]).await.unwrap();
        client.rest().await.unwrap();
        lasted("a frame that does not end", began, 0.8);
    };
    let dripping = async {
        // Another stream is open: `idle` does not run.
        let mut client = begun(server, &[]).await;
        client.send_http2(&get(1, "/wait")).await.unwrap();
        let began = Instant::now();
        client.send_http2(&Frame { stream: 3, ..half.clone() }).await.unwrap();
        let more = Frame::new(CONTINUATION, 0, 3, block(&[("x", "y")]));
        while client.send_http2(&more).await.is_ok() && began.elapsed().as_secs() < 5 {
            if client.quiet(Duration::from_millis(100)).await.is_err()
                && client.rest().await.is_ok()
            {
                break;
            }
        }
        lasted("CONTINUATION without an end", began, 0.8);
    };
    tokio::join!(no_preface, part_of_the_preface, silence, part_of_a_frame, dripping);
}

/// Reads until the end, and answers nothing. Whether the end was announced.
async fn is_told(client: &mut Wire) -> bool {
    let mut told = false;
    while let Ok(frame) = client.http2_frame().await {
        told |= frame.kind == GOAWAY;
    }
    told
}

/// Fails where the connection ends within a time; its own frames may come.
async fn stays_open(client: &mut Wire, time: Duration) {
    let read = async { while client.http2_frame().await.unwrap().kind != GOAWAY {} };
    assert!(tokio::time::timeout(time, read).await.is_err(), "the end is announced");
}

#[tokio::test]
async fn idle_runs_whenever_no_stream_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let server = proxy(folder.path()).await;
    let server = &server;
    // A client that does not answer the PING that comes with GOAWAY gets two seconds more.
    let (idle, goodbye) = (1.2, 2.0);
    let without_a_request = async {
        let began = Instant::now();
        let mut client = begun(server, &[]).await;
        assert!(is_told(&mut client).await);
        lasted("without a request", began, idle + goodbye);
    };
    let after_a_request = async {
        let mut client = begun(server, &[]).await;
        for stream in [1, 3] {
            client.send_http2(&get(stream, "/")).await.unwrap();
            client.http2_end_of(stream).await.unwrap();
            stays_open(&mut client, Duration::from_millis(700)).await;
        }
        let began = Instant::now();
        client.send_http2(&get(5, "/")).await.unwrap();
        assert!(is_told(&mut client).await);
        lasted("after a request", began, idle + goodbye);
    };
    let while_it_pings = async {
        let mut client = begun(server, &[]).await;
        let began = Instant::now();
        let ping = Frame::new(PING, 0, 0, [7; 8]);
        while client.send_http2(&ping).await.is_ok() && began.elapsed().as_secs() < 8 {
            let next = tokio::time::timeout(Duration::from_millis(100), client.http2_frame());
            if next.await.is_ok_and(|frame| frame.is_err()) {
                break;
            }
        }
        assert!(began.elapsed() < Duration::from_secs(7), "pings hold it open");
    };
    let answers_the_ping = async {
        let began = Instant::now();
        let mut client = begun(server, &[]).await;
        while let Ok(frame) = client.http2_frame().await {
            if frame.kind == PING {
                let _ = client.send_http2(&Frame { flags: 1, ..frame }).await;
            }
        }
        let lived = began.elapsed().as_secs_f64();
        assert!(lived >= idle && lived < idle + goodbye, "{lived}");
    };
    let while_a_stream_is_open = async {
        let mut client = begun(server, &[]).await;
        client.send_http2(&get(1, "/wait")).await.unwrap();
        stays_open(&mut client, Duration::from_millis(2500)).await;
    };
    tokio::join!(
        without_a_request,
        after_a_request,
        while_it_pings,
        answers_the_ping,
        while_a_stream_is_open
    );
}

#[tokio::test]
async fn streams_that_stall_end() {
    let folder = tempfile::tempdir().unwrap();
    let server = proxy(folder.path()).await;
    let server = &server;
    let body_does_not_come = async {
        let mut client = begun(server, &[]).await;
        let post = request("POST", "/wait", &[("content-length", "9")]);
        client.send_http2(&Frame::headers(END_HEADERS, 1, &post)).await.unwrap();
        let began = Instant::now();
        client.send_http2(&Frame::new(DATA, 0, 1, "half")).await.unwrap();
        client.http2_end_of(1).await.unwrap().expect("the stream alone");
        lasted("half of a body", began, 1.0);
    };
    let no_window = async {
        let mut client = begun(server, &[(INITIAL_WINDOW_SIZE, 0)]).await;
        let began = Instant::now();
        client.send_http2(&get(1, "/")).await.unwrap();
        let end = client.http2_end_of(1).await.unwrap().expect("the stream alone");
        assert_eq!(end.kind, RST_STREAM);
        lasted("no window", began, 1.0);
    };
    let window_closes = async {
        let mut client = begun(server, &[]).await;
        let began = Instant::now();
        client.send_http2(&get(1, "/endless")).await.unwrap();
        let end = client.http2_end_of(1).await.unwrap().expect("the stream alone");
        assert_eq!(end.kind, RST_STREAM);
        lasted("a window that closes", began, 1.0);
    };
    tokio::join!(body_does_not_come, no_window, window_closes);
}

/// A client that reads nothing at all, whatever its windows: answers are in the proxy's memory then.
#[tokio::test]
async fn a_client_that_reads_nothing_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let server = proxy(folder.path()).await;
    let before = server.settled().await;
    let mut client = begun(&server, &[(INITIAL_WINDOW_SIZE, 0x7fff_ffff)]).await;
    let window = Frame::new(WINDOW_UPDATE, 0, 0, 0x7000_0000_u32.to_be_bytes());
    client.send_http2(&window).await.unwrap();
    client.send_http2(&get(1, "/endless")).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(8);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(server.descriptors() > before);
    while server.descriptors() > before {
        assert!(Instant::now() < deadline, "the connection is held");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
