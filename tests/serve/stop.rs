//! A stop of `wsgen serve` takes `drain.stop` and less than a second more, whatever clients and servers do
//! (`drain/stop`), and a second signal ends it at once.

use std::time::{Duration, Instant};

use crate::real_server::scripted::{ACCEPT, HANDSHAKE, connect, head, rest, script, until};
use crate::real_server::{SERVE, Server, certificate, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wsgen_conformance::transcript::Transcript;
use wsgen_conformance::wire::http2::{END_HEADERS, END_STREAM, Frame, PREFACE, request};
use wsgen_conformance::wire::{Versions, Wire, client_tls};

/// The beginning of a record of TLS that holds a `ClientHello`.
const HALF_HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

/// An upstream: `/events` is an event stream, `/flood` a body as fast as it is taken, `/ws` a tunnel, and everything
/// else is not answered. It never closes.
async fn upstream() -> u16 {
    script(|mut stream| async move {
        let seen = head(&mut stream).await;
        let (mut reader, mut writer) = stream.split();
        let answer = async {
            if seen.contains(" /ws ") {
                writer.write_all(ACCEPT.as_bytes()).await?;
            } else if seen.contains(" /events ") {
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
                writer.write_all(head.as_bytes()).await?;
                loop {
                    writer.write_all(b"data: x\n\n").await?;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            } else if seen.contains(" /flood ") {
                writer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000000\r\n\r\n").await?;
                let block = vec![b'x'; 1 << 16];
                loop {
                    writer.write_all(&block).await?;
                }
            }
            std::future::pending::<std::io::Result<()>>().await
        };
        let reading = async { while reader.read(&mut [0; 1024]).await.is_ok_and(|n| n > 0) {} };
        tokio::select! {
            _ = answer => {}
            () = reading => {}
        }
    })
    .await
}

/// A proxy with timers that are all far longer than its stop; `listener` is more of its listener.
async fn proxy(listener: &str, upstream: &str, stop: &str) -> Server {
    let model = format!(
        "version: 1\ndrain: {{stop: {stop}}}\n\
         listeners:\n  - name: web\n    address: \"127.0.0.1:PORT\"\n\
         \x20   timeouts: {{request_header: 1m, idle: 1m, body_idle: 1m}}\n{listener}\
         upstreams: {{app: {{servers: [\"127.0.0.1:{}\"]{upstream}}}}}\n\
         routes: [{{upstream: app, timeouts: {{response_header: 1m}}}}]\n",
        self::upstream().await
    );
    start(&SERVE, &model, &[]).await
}

async fn plain() -> Server {
    proxy("", "", "1s").await
}

/// A proxy that offers HTTP/2, with the certificate in this folder.
async fn secure(folder: &std::path::Path) -> Server {
    certificate(folder, "chat.test", "chat.test");
    let certs = folder.display();
    let listener = format!(
        "    protocols: [h2, http/1.1]\n\
         \x20   tls: {{certificates: [{{certificate: {certs}/chat.test.pem, key: {certs}/chat.test.key}}]}}\n"
    );
    proxy(&listener, "", "1s").await
}

async fn tls(server: &Server, protocol: &str) -> Wire {
    let stream = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
    let transcript = Transcript::default();
    client_tls(stream, "chat.test", protocol, Versions::Both, None, &transcript).await.unwrap().0
}

/// Stops a proxy that a client holds a connection of; it ends in time, and not before the time where tunnels or
/// requests are open.
async fn stops<T>(server: Server, held: T, what: &str) {
    tokio::time::sleep(Duration::from_millis(300)).await;
    let began = Instant::now();
    server.signal("-TERM");
    assert!(server.ends().await, "{what}: it runs on");
    let lived = began.elapsed().as_secs_f64();
    // A second after `drain.stop`, and one for a busy machine.
    assert!(lived < 3.0, "{what}: {lived} s");
    drop(held);
}

async fn sends(server: &Server, bytes: &[u8]) -> TcpStream {
    let mut stream = connect(server).await;
    stream.write_all(bytes).await.unwrap();
    stream
}

#[tokio::test]
async fn a_stop_waits_for_no_client_of_http_1() {
    let half_head = async {
        let server = plain().await;
        let held = sends(&server, b"GET / HTTP/1.1\r\nHost: a").await;
        stops(server, held, "half a head").await;
    };
    let half_body = async {
        let server = plain().await;
        let post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf";
        let held = sends(&server, post).await;
        stops(server, held, "half a body").await;
    };
    let events = async {
        let server = plain().await;
        let mut held = sends(&server, b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n").await;
        until(&mut held, "data: x").await;
        stops(server, held, "an event stream").await;
    };
    let unread = async {
        let server = plain().await;
        let held = sends(&server, b"GET /flood HTTP/1.1\r\nHost: a\r\n\r\n").await;
        stops(server, held, "an answer that is not read").await;
    };
    let silent = async {
        let server = plain().await;
        let held = sends(&server, b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await;
        stops(server, held, "an upstream that does not answer").await;
    };
    let lingers = async {
        let server = plain().await;
        let mut held = sends(&server, b"nonsense\r\n\r\n").await;
        rest(&mut held).await;
        stops(server, held, "a lingering close").await;
    };
    let half_header = async {
        let accepts = "    proxy_protocol: {accept: any, from: [127.0.0.0/8]}\n";
        let server = proxy(accepts, "", "1s").await;
        let held = [sends(&server, b"PROXY TCP4 1").await, sends(&server, b"").await];
        stops(server, held, "half a PROXY header").await;
    };
    tokio::join!(half_head, half_body, events, unread, silent, lingers, half_header);
}

#[tokio::test]
async fn a_stop_waits_for_no_client_of_tls_or_http_2() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| {
        let folder = folder.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        folder
    };
    let (hello, preface, quiet, open, unread) =
        (at("hello"), at("preface"), at("quiet"), at("open"), at("unread"));
    let half_hello = async {
        let server = secure(&hello).await;
        let held = [sends(&server, HALF_HELLO).await, sends(&server, b"").await];
        stops(server, held, "half a handshake of TLS").await;
    };
    let no_preface = async {
        let server = secure(&preface).await;
        let mut half = tls(&server, "h2").await;
        half.send(&PREFACE[..10]).await.unwrap();
        let held = (tls(&server, "h2").await, tls(&server, "http/1.1").await, half);
        stops(server, held, "no preface").await;
    };
    let no_ping = async {
        let server = secure(&quiet).await;
        let mut held = tls(&server, "h2").await;
        held.begin_http2(&[]).await.unwrap();
        stops(server, held, "no answer to PING").await;
    };
    let get = |target| Frame::headers(END_HEADERS | END_STREAM, 1, &request("GET", target, &[]));
    let events = async {
        let server = secure(&open).await;
        let mut held = tls(&server, "h2").await;
        held.begin_http2(&[]).await.unwrap();
        held.send_http2(&get("/events")).await.unwrap();
        held.http2_frame_of(1).await.unwrap();
        stops(server, held, "an event stream over HTTP/2").await;
    };
    let not_read = async {
        let server = secure(&unread).await;
        let mut held = tls(&server, "h2").await;
        held.begin_http2(&[]).await.unwrap();
        held.send_http2(&get("/flood")).await.unwrap();
        stops(server, held, "an answer over HTTP/2 that is not read").await;
    };
    tokio::join!(half_hello, no_preface, no_ping, events, not_read);
}

/// Servers of HTTP/2 that say nothing of themselves, or nothing of a request.
#[tokio::test]
async fn a_stop_waits_for_no_server_of_http_2() {
    let server = proxy("", ", protocol: h2c, timeouts: {connect: 1m}", "1s").await;
    let held = sends(&server, b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await;
    stops(server, held, "a server of HTTP/2").await;
}

/// Requests that end in time get their answer.
#[tokio::test]
async fn a_stop_lets_requests_end() {
    let port = script(|mut stream| async move {
        head(&mut stream).await;
        tokio::time::sleep(Duration::from_millis(900)).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    })
    .await;
    let model = format!(
        "version: 1\ndrain: {{stop: 5s}}\nlisteners: [{{name: web, address: \"127.0.0.1:PORT\"}}]\n\
         upstreams: {{app: {{servers: [\"127.0.0.1:{port}\"]}}}}\nroutes: [{{upstream: app}}]\n"
    );
    let server = start(&SERVE, &model, &[]).await;
    let mut client = sends(&server, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let began = Instant::now();
    server.signal("-TERM");
    assert!(rest(&mut client).await.ends_with("\r\n\r\nok"));
    drop(client);
    assert!(server.ends().await, "it runs on");
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

/// A reload that hangs: nobody writes to the pipe that is in the place of the model.
#[tokio::test]
async fn a_stop_waits_for_no_reload() {
    let server = plain().await;
    let file = server.folder.path().join("wsgen.yaml");
    std::fs::remove_file(&file).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&file).status().unwrap().success());
    server.reload(&SERVE);
    stops(server, (), "a reload that hangs").await;
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let server = proxy("", "", "1m").await;
    let mut tunnel = sends(&server, HANDSHAKE.as_bytes()).await;
    until(&mut tunnel, "\r\n\r\n").await;
    server.signal("-TERM");
    let quiet = tokio::time::timeout(Duration::from_millis(700), tunnel.read_u8()).await;
    assert!(quiet.is_err(), "the tunnel has its time: {quiet:?}");
    let began = Instant::now();
    server.signal("-TERM");
    assert!(server.ends().await, "it runs on");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}
