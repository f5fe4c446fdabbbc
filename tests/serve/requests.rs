//! `wsgen serve` by raw bytes: which heads it refuses, and how bodies pass.

use std::time::Duration;

use crate::real_server::scripted::{ACCEPT, HANDSHAKE, connect, head, proxy, rest, script, until};
use crate::real_server::upstream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn what_could_be_read_in_two_ways_never_reaches_an_upstream() {
    let app = upstream("app").await;
    let server = proxy(app, "", "").await;
    for (request, status) in [
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5,5\r\n\r\nhello", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 501),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.0\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", 400),
        ("GET /%zz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 400),
        ("\x16\x03\x01\x02\r\n\r\n", 400),
    ] {
        let mut stream = connect(&server).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{request:?}: {answer}");
    }
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(9_000));
    let wide = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "a".repeat(40_000));
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: 1\r\n".repeat(200));
    for (request, status) in [(long, 414), (wide, 431), (many, 431)] {
        let mut stream = connect(&server).await;
        let _ = stream.write_all(request.as_bytes()).await;
        assert!(rest(&mut stream).await.starts_with(&format!("HTTP/1.1 {status} ")));
    }
}

/// `limit/floor`
#[tokio::test]
async fn what_every_target_takes_is_taken() {
    let app = upstream("app").await;
    let server = proxy(app, "", "").await;
    let fields: String = (0..88).map(|n| format!("X-{n}: {}\r\n", "v".repeat(70))).collect();
    let request = format!(
        "GET /{} HTTP/1.1\r\nHost: a\r\nX-Long: {}\r\n{fields}Connection: close\r\n\r\n",
        "a".repeat(7_990),
        "b".repeat(7_990)
    );
    let mut stream = connect(&server).await;
    stream.write_all(request.as_bytes()).await.unwrap();
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 200 "));
}

/// `handshake/lying-101`
#[tokio::test]
async fn a_lying_101_opens_nothing() {
    for answer in [
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        "garbage\r\n\r\n",
        "",
    ] {
        let port = script(move |mut stream| async move {
            head(&mut stream).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
        })
        .await;
        let server = proxy(port, "", "").await;
        let mut stream = connect(&server).await;
        stream.write_all(HANDSHAKE.as_bytes()).await.unwrap();
        assert!(until(&mut stream, "\r\n\r\n").await.starts_with("HTTP/1.1 502 "), "{answer}");
    }
    // A plain request that is answered with one.
    let port = script(|mut stream| async move {
        head(&mut stream).await;
        stream.write_all(ACCEPT.as_bytes()).await.unwrap();
    })
    .await;
    let server = proxy(port, "", "").await;
    assert_eq!(server.status("GET /").await, 502);
}

/// `handshake/refused`
#[tokio::test]
async fn after_a_refused_handshake_the_next_request_is_routed_anew() {
    let app = upstream("app").await;
    let server = proxy(app, "", "").await;
    let mut stream = connect(&server).await;
    stream.write_all(HANDSHAKE.replace("/ws", "/refuse").as_bytes()).await.unwrap();
    let refused = until(&mut stream, "Upgrade: websocket").await;
    assert!(refused.to_lowercase().starts_with("http/1.1 403 "), "{refused}");
    let mut stream = connect(&server).await;
    let two = format!(
        "{}GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        HANDSHAKE.replace("/ws", "/refuse")
    );
    stream.write_all(two.as_bytes()).await.unwrap();
    let both = rest(&mut stream).await;
    assert!(both.contains("HTTP/1.1 403 ") && both.contains("HTTP/1.1 200 "), "{both}");
    assert!(both.contains("GET /next HTTP/1.1"), "{both}");
}

#[tokio::test]
async fn bodies_pass_as_they_come() {
    let port = script(|mut stream| async move {
        let mut seen = head(&mut stream).await;
        if seen.contains(" /upload ") {
            while !seen.ends_with("0\r\n\r\n") {
                let mut piece = [0; 64];
                let read = stream.read(&mut piece).await.unwrap();
                seen.push_str(std::str::from_utf8(&piece[..read]).unwrap());
            }
            let body = seen.split_once("\r\n\r\n").unwrap().1;
            let answer = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        } else if seen.contains(" /continue ") {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.unwrap();
            let body = if seen.ends_with("12345") { String::new() } else { until(&mut stream, "12345").await };
            assert!(body.is_empty() || body == "12345");
            stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await.unwrap();
        } else if seen.starts_with("HEAD ") {
            stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 999\r\n\r\n").await.unwrap();
        } else if seen.contains(" /until-the-end ") {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nall of it").await.unwrap();
        } else {
            let chunked = b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n5\r\nhello\r\n";
            stream.write_all(chunked).await.unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
            stream.write_all(b"0\r\nX-T: 1\r\n\r\n").await.unwrap();
        }
    })
    .await;
    let server = proxy(port, "", "").await;
    let chunks = "5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n";
    let mut stream = connect(&server).await;
    let upload = format!(
        "POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{chunks}"
    );
    stream.write_all(upload.as_bytes()).await.unwrap();
    // A server of HTTP/1 gets no trailers (`body/trailers`).
    assert!(rest(&mut stream).await.ends_with("\r\n\r\n5\r\nhello\r\n0\r\n\r\n"));

    let mut stream = connect(&server).await;
    stream.write_all(b"POST /continue HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n").await.unwrap();
    assert!(until(&mut stream, "\r\n\r\n").await.starts_with("HTTP/1.1 100 "));
    stream.write_all(b"12345").await.unwrap();
    assert!(until(&mut stream, "\r\n\r\n").await.starts_with("HTTP/1.1 204 "));

    // Two requests in one segment: two answers, in order; a HEAD has no body whatever its length says.
    let mut stream = connect(&server).await;
    let two = "HEAD /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    stream.write_all(two.as_bytes()).await.unwrap();
    let both = rest(&mut stream).await;
    assert!(both.contains("Content-Length: 999\r\n") && both.ends_with(chunks), "{both}");

    let mut stream = connect(&server).await;
    stream.write_all(b"GET /until-the-end HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let all = rest(&mut stream).await;
    assert!(all.contains("Connection: close\r\n") && all.ends_with("all of it"), "{all}");
}

/// `retry/safe`: a connection that waited and was closed meanwhile costs nobody an answer.
#[tokio::test]
async fn connections_that_waited_are_replaced() {
    let port = script(|mut stream| async move {
        head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
        // It says nothing of closing, and closes.
    })
    .await;
    let server = proxy(port, "", "").await;
    for _ in 0..20 {
        assert_eq!(server.status("GET /").await, 200);
    }
}

/// A field that says where a body ends is never its connection's own.
#[tokio::test]
async fn a_body_cannot_be_made_to_look_like_a_request() {
    let port = script(|mut stream| async move {
        let seen = head(&mut stream).await;
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{seen}", seen.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await;
    let server = proxy(port, "", "").await;
    let seen = server
        .send("POST /a\nConnection: Content-Length, Host, X-Mine\nX-Mine: 1\nContent-Length: 36\n\nGET /hidden HTTP/1.1\r\nHost: b.test\r\n\r\n")
        .await;
    assert!(
        seen.contains("\r\ncontent-length: 36\r\n") && seen.contains("\r\nhost: a.test\r\n"),
        "{seen}"
    );
    assert!(!seen.contains("x-mine"), "{seen}");
}

/// A server that answers while it still reads gets the rest.
#[tokio::test]
async fn both_bodies_may_flow_at_once() {
    let port = script(|mut stream| async move {
        let mut seen = head(&mut stream).await;
        let answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        let mut piece = [0; 64];
        while !seen.ends_with("last") {
            let read = stream.read(&mut piece).await.unwrap();
            let text = std::str::from_utf8(&piece[..read]).unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
            seen.push_str(text);
        }
    })
    .await;
    let server = proxy(port, "", "").await;
    let mut stream = connect(&server).await;
    stream.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 14\r\n\r\n").await.unwrap();
    until(&mut stream, "\r\n\r\n").await;
    for word in ["first", "other", "last"] {
        stream.write_all(word.as_bytes()).await.unwrap();
        assert_eq!(until(&mut stream, word).await, word);
    }
    assert_eq!(rest(&mut stream).await, "");
}
