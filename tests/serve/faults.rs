//! What `wsgen serve` makes of upstreams and clients that fail, at every moment at which they can.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::real_server::scripted::{ACCEPT, HANDSHAKE, connect, head, proxy, rest, script, until};
use crate::real_server::{PATIENCE, SERVE, Server, certificate, start, tls, upstream};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use wsgen_conformance::launch::hole;

/// Sends a request and gives everything that comes back.
async fn ask(server: &Server, request: &str) -> String {
    let mut stream = connect(server).await;
    stream.write_all(request.as_bytes()).await.unwrap();
    rest(&mut stream).await
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// A connection whose other end gets RST when it is dropped.
fn reset(stream: &TcpStream) {
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
}

/// Waits until the proxy holds no more descriptors than it did.
async fn settles(server: &Server, before: usize) {
    let deadline = Instant::now() + PATIENCE;
    while server.descriptors() > before {
        assert!(Instant::now() < deadline, "{} of {before} descriptors", server.descriptors());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// `timer/connect`: a server whose host drops what it gets.
#[tokio::test]
async fn a_black_hole_is_left_when_its_time_is_over() {
    let hole = hole().await.unwrap();
    let server = proxy(hole.address().port(), "", "").await;
    let began = Instant::now();
    let answer = ask(&server, GET).await;
    assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
    let took = began.elapsed();
    assert!((Duration::from_millis(950)..Duration::from_secs(4)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_whole_one() {
    for (sent, whole) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", false),
        ("HTTP/1.1 200 OK\r\n\r\nhello", true),
    ] {
        let port = script(move |mut stream| async move {
            head(&mut stream).await;
            stream.write_all(sent.as_bytes()).await.unwrap();
        })
        .await;
        let server = proxy(port, "", "").await;
        let answer = ask(&server, GET).await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("hello"), "{answer}");
        assert!(!answer.ends_with("0\r\n\r\n"), "an end that nobody sent: {answer}");
        assert_eq!(
            !answer.to_lowercase().contains("content-length"),
            whole || sent.contains("chunked")
        );
        assert_eq!(server.status("GET /").await, 200, "the next one is served");
    }
}

#[tokio::test]
async fn an_upstream_may_end_at_every_byte() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let port = script(move |mut stream| {
        let at = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % answer.len();
        async move {
            head(&mut stream).await;
            stream.write_all(&answer.as_bytes()[..at]).await.unwrap();
            if at.is_multiple_of(2) {
                reset(&stream);
            }
        }
    })
    .await;
    let server = proxy(port, "", "").await;
    let before = server.settled().await;
    let head_ends = answer.find("hello").unwrap();
    for at in 0..answer.len() {
        let said = ask(&server, GET).await;
        let expected = if at < head_ends { "HTTP/1.1 502 " } else { "HTTP/1.1 200 " };
        assert!(said.starts_with(expected), "after {at} bytes: {said}");
        assert!(!said.ends_with("hello"), "after {at} bytes: {said}");
    }
    settles(&server, before).await;
}

#[tokio::test]
async fn a_client_may_vanish_at_every_byte() {
    let port = script(|mut stream| async move {
        let asked = until(&mut stream, "\r\n\r\n").await;
        if asked.contains("Upgrade: websocket") {
            stream.write_all(ACCEPT.as_bytes()).await.unwrap();
            let _ = rest(&mut stream).await;
        } else {
            // The body may have come with the head.
            if !asked.ends_with("hello") {
                until(&mut stream, "hello").await;
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        }
    })
    .await;
    let server = proxy(port, "", "").await;
    let before = server.settled().await;
    let upload = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    let frames = format!("{HANDSHAKE}\u{1}\u{2}some bytes");
    for text in [upload, frames.as_str()] {
        for at in 1..text.len() {
            let mut stream = connect(&server).await;
            stream.write_all(&text.as_bytes()[..at]).await.unwrap();
            if at.is_multiple_of(3) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            if at.is_multiple_of(2) {
                reset(&stream);
            }
        }
    }
    settles(&server, before).await;
    assert!(ask(&server, upload).await.starts_with("HTTP/1.1 200 "));
}

/// `end/propagation`
#[tokio::test]
async fn an_upstream_that_dies_takes_its_tunnels_along() {
    for dies in ["fin", "reset"] {
        let port = script(move |mut stream| async move {
            head(&mut stream).await;
            stream.write_all(ACCEPT.as_bytes()).await.unwrap();
            until(&mut stream, "die").await;
            stream.write_all(b"last words").await.unwrap();
            if dies == "reset" {
                // The bytes are on their way before the reset is.
                tokio::time::sleep(Duration::from_millis(50)).await;
                reset(&stream);
            }
        })
        .await;
        let server = proxy(port, "", "").await;
        let before = server.settled().await;
        let mut stream = connect(&server).await;
        stream.write_all(HANDSHAKE.as_bytes()).await.unwrap();
        until(&mut stream, "\r\n\r\n").await;
        let began = Instant::now();
        stream.write_all(b"die").await.unwrap();
        assert_eq!(rest(&mut stream).await, "last words", "{dies}");
        assert!(began.elapsed() < Duration::from_secs(1), "{dies}: {:?}", began.elapsed());
        drop(stream);
        settles(&server, before).await;
    }
}

#[tokio::test]
async fn a_reload_shows_a_new_certificate() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path(), "chat.test", "old.test");
    let certs = folder.path().display().to_string();
    let app = upstream("app").await;
    let model = format!(
        "version: 1\nlisteners:\n  - name: web\n    address: \"127.0.0.1:PORT\"\n\
         \x20   tls: {{certificates: [{{certificate: {certs}/chat.test.pem, key: {certs}/chat.test.key}}]}}\n\
         upstreams: {{app: {{servers: [\"127.0.0.1:{app}\"]}}}}\nroutes: [{{upstream: app}}]\n"
    );
    let server = start(&SERVE, &model, &[]).await;
    let shown = || async {
        let stream = tls(connect(&server).await, "chat.test", "http/1.1").await;
        stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
    };
    let old = shown().await;
    let mut held = tls(connect(&server).await, "chat.test", "http/1.1").await;
    // A key that belongs to nobody changes nothing.
    certificate(folder.path(), "other.test", "new.test");
    let key = folder.path().join("chat.test.key");
    let good = std::fs::read(&key).unwrap();
    std::fs::copy(folder.path().join("other.test.key"), &key).unwrap();
    server.reload(&SERVE);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(shown().await, old);
    std::fs::write(&key, good).unwrap();
    certificate(folder.path(), "chat.test", "new.test");
    server.reload(&SERVE);
    let deadline = Instant::now() + PATIENCE;
    while shown().await == old {
        assert!(Instant::now() < deadline, "the old one is shown");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Connections of before go on.
    held.write_all(GET.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut held, &mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 "));
}
