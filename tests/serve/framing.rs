//! `wsgen serve` by raw bytes: chunks, trailers, bodies where there should be none, and requests that are sent twice.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::real_server::scripted::{HANDSHAKE, connect, head, proxy, rest, script, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const CHUNKED: &str = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
const HIDDEN: &str = "GET /admin HTTP/1.1\r\nHost: a\r\n\r\n";

/// An upstream that notes the bytes of each connection until its end, and answers once a body looks whole to a
/// server that reads no trailers.
async fn lenient() -> (u16, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = seen.clone();
    let port = script(move |mut stream| {
        let noted = noted.clone();
        async move {
            let (mut all, mut piece, mut answered) = (String::new(), [0; 4096], false);
            while let Ok(read @ 1..) = stream.read(&mut piece).await {
                all.push_str(&String::from_utf8_lossy(&piece[..read]));
                if !answered && (all.contains("\r\n0\r\n") || all.starts_with("GET")) {
                    answered = true;
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                    let _ = stream.write_all(answer).await;
                }
            }
            noted.lock().unwrap().push(all);
        }
    })
    .await;
    (port, seen)
}

/// `body/chunks`: whatever breaks the rules is 400, in one segment or byte by byte; the upstream sees no whole body,
/// no second request, and the end of its connection.
#[tokio::test]
async fn chunks_that_break_the_rules_are_refused() {
    for route in ["", ", buffering: {request: true}"] {
        let (port, seen) = lenient().await;
        let server = proxy(port, "", route).await;
        let mut tries = 0;
        for end in [
            "0\r\nX: y\r\nGET /admin HTTP/1.1\r\nHost: a\r\n\r\n",
            "0\r\nX: y\n\r\n",
            "0\r\nX: y\r\n folded: z\r\n\r\n",
            "0\r\nX : y\r\n\r\n",
            "0\r\n: y\r\n\r\n",
            "0\r\nno colon\r\n\r\n",
            "0\r\n\nGET /admin HTTP/1.1\r\nHost: a\r\n\r\n",
            "0\n\r\n",
            "5\r\nhello0\r\n\r\n",
            "5\r\nhello\n0\r\n\r\n",
            "5 \r\nhello\r\n0\r\n\r\n",
            "0x5\r\nhello\r\n0\r\n\r\n",
            "5;a=b\nhello\r\n0\r\n\r\n",
            "10000000000000005\r\nhello\r\n0\r\n\r\n",
            "\r\n0\r\n\r\n",
        ] {
            for slow in [false, true] {
                let mut stream = connect(&server).await;
                let request = format!("{CHUNKED}1\r\nx\r\n{end}{HIDDEN}");
                if slow {
                    let (first, second) = request.split_at(request.len() - HIDDEN.len() - 1);
                    stream.write_all(first.as_bytes()).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    let _ = stream.write_all(second.as_bytes()).await;
                } else {
                    stream.write_all(request.as_bytes()).await.unwrap();
                }
                let answer = rest(&mut stream).await;
                assert!(answer.starts_with("HTTP/1.1 400 "), "{end:?}: {answer}");
                assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{end:?}: {answer}");
                tries += 1;
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        let seen = seen.lock().unwrap();
        assert!(seen.len() <= tries, "{seen:?}");
        for all in seen.iter() {
            assert!(!all.contains("\r\n0\r\n") && !all.contains("GET"), "{all:?}");
        }
    }
}

/// `body/trailers`: extensions and trailers stay behind toward a server of HTTP/1, and the connection goes on.
#[tokio::test]
async fn good_trailers_of_requests_stay_behind() {
    let (port, seen) = lenient().await;
    let server = proxy(port, "", "").await;
    let mut stream = connect(&server).await;
    let request = format!("{CHUNKED}5;sum=1\r\nhello\r\n0\r\nX: y\r\nHost: b\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    assert!(until(&mut stream, "ok").await.starts_with("HTTP/1.1 200 "));
    drop(stream);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let seen = seen.lock().unwrap().join("|");
    assert!(seen.ends_with("\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), "{seen:?}");
}

/// `body/trailers`, `body/chunks`: what stands behind an answer's body is judged too.
#[tokio::test]
async fn trailers_of_answers_are_judged() {
    let port = script(|mut stream| async move {
        let asked = head(&mut stream).await;
        let trailers = match asked.split(' ').nth(1) {
            Some("/good") => "grpc-status: 0\r\nSet-Cookie: a=b\r\nX-Secret: s\r\n\r\n",
            Some("/folded") => "X: y\r\n z\r\n\r\n",
            Some("/hidden") => "HTTP/1.1 200 OK\r\n\r\n",
            _ => "X: y\n\r\n",
        };
        let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nok\r\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        stream.write_all(format!("0\r\n{trailers}").as_bytes()).await.unwrap();
        let _ = stream.read(&mut [0; 1]).await;
    })
    .await;
    let server = proxy(port, "", ", response_headers: {remove: [X-Secret]}").await;
    let mut stream = connect(&server).await;
    for _ in 0..2 {
        stream.write_all(b"GET /good HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let answer = until(&mut stream, "grpc-status").await;
        let answer = if answer.ends_with("\r\n\r\n") {
            answer
        } else {
            answer + &until(&mut stream, "\r\n\r\n").await
        };
        assert!(answer.ends_with("\r\n\r\n2\r\nok\r\n0\r\ngrpc-status: 0\r\n\r\n"), "{answer:?}");
    }
    for path in ["/folded", "/hidden", "/bare"] {
        let mut stream = connect(&server).await;
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let answer = rest(&mut stream).await;
        assert!(answer.ends_with("\r\n\r\n2\r\nok\r\n"), "{path}: {answer:?}");
    }
}

/// An answer without a body says nothing of chunks, and one of 204 or 1xx nothing of a length (RFC 9110 section 8.6,
/// RFC 9112 section 6.1).
#[tokio::test]
async fn answers_without_bodies_are_not_framed() {
    let port = script(|mut stream| async move {
        let asked = head(&mut stream).await;
        let status = asked.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
        let framing = if asked.contains("X-Length") {
            "Content-Length: 5"
        } else {
            "Transfer-Encoding: chunked"
        };
        let answer = match status.as_str() {
            "103" => format!(
                "HTTP/1.1 103 Early\r\n{framing}\r\n\r\nHTTP/1.1 204 OK\r\n{framing}\r\n\r\n"
            ),
            status => format!("HTTP/1.1 {status} OK\r\n{framing}\r\n\r\n"),
        };
        stream.write_all(answer.as_bytes()).await.unwrap();
        let _ = stream.read(&mut [0; 1]).await;
    })
    .await;
    let server = proxy(port, "", "").await;
    for (line, field, kept) in [
        ("GET /204", "", false),
        ("GET /204", "X-Length: 1\r\n", false),
        ("GET /304", "", false),
        ("GET /304", "X-Length: 1\r\n", true),
        ("GET /103", "", false),
        ("GET /103", "X-Length: 1\r\n", false),
        ("HEAD /200", "", false),
        ("HEAD /200", "X-Length: 1\r\n", true),
    ] {
        let mut stream = connect(&server).await;
        let request = format!("{line} HTTP/1.1\r\nHost: a\r\n{field}Connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = rest(&mut stream).await.to_lowercase();
        assert!(!answer.contains("transfer-encoding"), "{line} {field}: {answer}");
        assert_eq!(answer.contains("content-length: 5"), kept, "{line} {field}: {answer}");
    }
}

/// `handshake/body`: it is refused ahead of the upstream, in either framing; as plain HTTP it keeps its body.
#[tokio::test]
async fn a_handshake_has_no_body() {
    let (port, seen) = lenient().await;
    let server = proxy(port, "", "").await;
    for (field, body) in [
        ("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked", "0\r\n\r\n"),
        ("Content-Length: 5", "hello"),
    ] {
        let mut stream = connect(&server).await;
        let request = HANDSHAKE.replace("\r\n\r\n", &format!("\r\n{field}\r\n\r\n{body}{HIDDEN}"));
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{field}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{field}: {answer}");
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(seen.lock().unwrap().is_empty(), "{seen:?}");

    let server = proxy(port, "", ", websocket: {mode: deny}").await;
    let mut stream = connect(&server).await;
    let framed = "\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    stream.write_all(HANDSHAKE.replace("\r\n\r\n", framed).as_bytes()).await.unwrap();
    assert!(until(&mut stream, "ok").await.starts_with("HTTP/1.1 200 "));
    drop(stream);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let seen = seen.lock().unwrap().join("|");
    assert!(seen.ends_with("5\r\nhello\r\n0\r\n\r\n"), "{seen:?}");
    assert!(
        seen.contains("Transfer-Encoding: chunked\r\n") && !seen.contains("Upgrade"),
        "{seen:?}"
    );
}

/// `retry/safe`: on a kept connection that is closed as the request arrives, only a safe method without a body goes
/// out again.
#[tokio::test]
async fn only_safe_requests_are_sent_twice() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let port = script(move |mut stream| {
        let counted = counted.clone();
        async move {
            for number in 0_u8.. {
                let mut request = String::new();
                while !request.contains("\r\n\r\n") {
                    let mut piece = [0; 1024];
                    match stream.read(&mut piece).await {
                        Ok(read @ 1..) => {
                            request.push_str(&String::from_utf8_lossy(&piece[..read]));
                        }
                        _ => return,
                    }
                }
                if request.contains(" /first ") {
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                    stream.write_all(answer).await.unwrap();
                    continue;
                }
                counted.fetch_add(1, Ordering::Relaxed);
                if number == 0 {
                    let answer =
                        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nagain";
                    stream.write_all(answer).await.unwrap();
                }
                return;
            }
        }
    })
    .await;
    let server = proxy(port, "", "").await;
    for (request, status, sent) in [
        ("GET /second HTTP/1.1\r\nHost: a\r\n\r\n", 200, 2),
        ("OPTIONS /second HTTP/1.1\r\nHost: a\r\n\r\n", 200, 2),
        ("DELETE /second HTTP/1.1\r\nHost: a\r\n\r\n", 502, 1),
        ("PUT /second HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 502, 1),
        ("POST /second HTTP/1.1\r\nHost: a\r\n\r\n", 502, 1),
        ("GET /second HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi", 502, 1),
    ] {
        asked.store(0, Ordering::Relaxed);
        // The same client connection: the same thread, and so the connection that thread has kept.
        let mut stream = connect(&server).await;
        stream.write_all(b"GET /first HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        until(&mut stream, "ok").await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = until(&mut stream, "\r\n\r\n").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {answer}");
        assert_eq!(asked.load(Ordering::Relaxed), sent, "{request:?}");
    }
}
