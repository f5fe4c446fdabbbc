//! Bodies that `wsgen serve` holds back or compresses (`body/buffering`, `body/compression`).

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::real_server::PATIENCE;
use crate::real_server::scripted::{connect, head, proxy, script, until};
use flate2::read::GzDecoder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The body of an answer in chunks.
fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|two| two == b"\r\n").unwrap();
        let size = std::str::from_utf8(&bytes[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&bytes[end + 2..end + 2 + size]);
        bytes = &bytes[end + 4 + size..];
    }
}

#[tokio::test]
async fn a_request_reaches_its_server_when_it_is_whole() {
    let met = Arc::new(AtomicBool::new(false));
    let seen = met.clone();
    let port = script(move |mut stream| {
        let seen = seen.clone();
        async move {
            let request = until(&mut stream, "hello world").await;
            seen.store(true, Ordering::Relaxed);
            assert!(!request.to_ascii_lowercase().contains("expect:"), "it was answered already");
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        }
    })
    .await;
    let server = proxy(port, "", ", buffering: {request: true}").await;
    let mut stream = connect(&server).await;
    let request =
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    until(&mut stream, "HTTP/1.1 100 Continue\r\n\r\n").await;
    stream.write_all(b"hello ").await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!met.load(Ordering::Relaxed), "half a body is no request");
    stream.write_all(b"world").await.unwrap();
    until(&mut stream, "HTTP/1.1 200 OK\r\n").await;
    assert!(met.load(Ordering::Relaxed));
}

#[tokio::test]
async fn bodies_are_compressed_for_those_who_take_it() {
    let port = script(|mut stream| async move {
        let request = head(&mut stream).await;
        let body = "chunks of text ".repeat(500);
        let answer = if request.starts_with("GET /chunked") {
            format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
        } else if request.starts_with("GET /close") {
            format!("Connection: close\r\n\r\n{body}")
        } else {
            format!("Content-Length: {}\r\n\r\n{body}", body.len())
        };
        let fields =
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nETag: \"1\"\r\n";
        stream.write_all(format!("{fields}{answer}").as_bytes()).await.unwrap();
    })
    .await;
    let server = proxy(port, "", ", compression: {types: [text/plain]}").await;
    for path in ["/length", "/chunked", "/close"] {
        let mut stream = connect(&server).await;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br, gzip\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let fields = std::str::from_utf8(&answer[..end]).unwrap();
        for field in ["Content-Encoding: gzip", "Vary: Accept-Encoding", "ETag: W/\"1\""] {
            assert!(fields.contains(field), "{path}: {fields}");
        }
        assert!(!fields.contains("Content-Length"), "{path}: {fields}");
        let mut body = String::new();
        GzDecoder::new(&*unchunked(&answer[end..])).read_to_string(&mut body).unwrap();
        assert_eq!(body, "chunks of text ".repeat(500), "{path}");
    }
    let plain = server.send("GET /length").await;
    assert!(plain.contains("vary: accept-encoding") && !plain.contains("content-encoding"));
    assert!(plain.ends_with("chunks of text "));
}

/// An event is not kept until there is more.
#[tokio::test]
async fn a_compressed_event_arrives_at_once() {
    let port = script(|mut stream| async move {
        head(&mut stream).await;
        let fields = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
        stream.write_all(format!("{fields}data: first\n\n").as_bytes()).await.unwrap();
        let _ = stream.read(&mut [0]).await;
    })
    .await;
    let server = proxy(port, "", ", compression: {types: [text/event-stream]}").await;
    let mut stream = connect(&server).await;
    let request = "GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = async {
        loop {
            stream.read_buf(&mut answer).await.unwrap();
            let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
                continue;
            };
            let body = [&answer[end + 4..], b"0\r\n\r\n"].concat();
            let mut event = [0; 13];
            if answer.ends_with(b"\r\n")
                && GzDecoder::new(&*unchunked(&body)).read_exact(&mut event).is_ok()
            {
                return event;
            }
        }
    };
    let event = tokio::time::timeout(PATIENCE, read).await.unwrap();
    assert_eq!(&event, b"data: first\n\n");
}
