//! Plain HTTP beside the sockets.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::case::cases;
use crate::opened::{OK, plain};
use crate::peer::Teller;
use crate::verdict::{Trouble, check, equal};

cases! { "http";
    /// A connection carries one request after the other.
    ///
    /// Sent: five requests on one connection. Seen: five answers.
    [HANDSHAKE_CONNECTION]
    async fn keep_alive(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), "").await?;
        let mut client = server.connect().await?;
        for n in 0..5 {
            client.send(format!("GET /{n} HTTP/1.1\r\nHost: a.test\r\n\r\n")).await?;
            let head = client.answer().await?;
            let body = client.body(&head).await?;
            equal("the target", crate::peer::Seen::of(head, &body).head.target(), format!("/{n}").as_str())?;
        }
    }

    /// A body in chunks arrives whole.
    ///
    /// Sent: a POST in three chunks. Seen: its bytes at the upstream, in chunks or with a length.
    [BODY_BUFFERING]
    async fn chunked_request(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        client.send(format!("{}5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\n", plain("POST /", "Transfer-Encoding: chunked\r\n"))).await?;
        let (mut far, asked) = upstream.request().await?;
        equal("the body", far.body(&asked).await?, b"hello world".to_vec())?;
        far.send(OK).await?;
        equal("the status", client.answer().await?.status(), 200)?;
    }

    /// An answer in chunks arrives whole.
    ///
    /// Sent: an answer in chunks. Seen: its bytes.
    [BODY_BUFFERING]
    async fn chunked_answer(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        client.send(plain("GET /", "")).await?;
        let (mut far, _) = upstream.request().await?;
        far.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\n").await?;
        let head = client.answer().await?;
        equal("the body", client.body(&head).await?, b"hello world".to_vec())?;
    }

    /// An answer that ends with its connection arrives whole.
    ///
    /// Sent: an answer without a length. Seen: its bytes, and an end.
    [BODY_BUFFERING]
    async fn answer_until_the_end(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        client.send(plain("GET /", "")).await?;
        let (mut far, _) = upstream.request().await?;
        far.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it").await?;
        drop(far);
        let head = client.answer().await?;
        equal("the body", client.body(&head).await?, b"all of it".to_vec())?;
    }

    /// Answers without bodies have none.
    ///
    /// Sent: HEAD, and answers of 204 and 304. Seen: no body, and the next request answered.
    [HANDSHAKE_CONNECTION]
    async fn without_bodies(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        for (line, answer) in [
            ("HEAD /", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n"),
            ("GET /", "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"),
            ("GET /", "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nConnection: close\r\n\r\n"),
        ] {
            let mut client = server.connect().await?;
            client.send(format!("{line} HTTP/1.1\r\nHost: a.test\r\n\r\n")).await?;
            let (mut far, _) = upstream.request().await?;
            far.send(answer).await?;
            client.answer().await?;
            client.send("GET /next HTTP/1.1\r\nHost: a.test\r\n\r\n").await?;
            let (mut far, asked) = upstream.request().await?;
            equal("the next target", asked.target(), "/next")?;
            far.send(OK).await?;
            equal("the next status", client.answer().await?.status(), 200)?;
        }
    }

    /// Events arrive as they happen.
    ///
    /// Sent: an event stream, piece by piece. Seen: each piece before the next is sent.
    [BODY_BUFFERING, BufferResponse]
    async fn events_at_once(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        client.send(plain("GET /events", "Accept: text/event-stream\r\n")).await?;
        let (mut far, _) = upstream.request().await?;
        far.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n").await?;
        let head = client.answer().await?;
        equal("the status", head.status(), 200)?;
        for n in 0..3 {
            far.send(format!("data: {n}\n\n")).await?;
            let mut seen = String::new();
            while !seen.contains(&format!("data: {n}\n\n")) {
                seen.push_str(&String::from_utf8_lossy(&client.bytes(1).await?));
            }
        }
    }

    /// `Expect: 100-continue` is answered, by the upstream or on its behalf.
    ///
    /// Sent: a POST that waits for 100 before its body. Seen: 100, then the answer.
    [HANDSHAKE_CONNECTION]
    async fn expect_continue(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        client.send(plain("POST /", "Content-Length: 5\r\nExpect: 100-continue\r\n")).await?;
        // Whoever sees the field must say it.
        let far = async {
            let (mut far, asked) = upstream.request().await?;
            if asked.field("expect").is_some() {
                far.send("HTTP/1.1 100 Continue\r\n\r\n").await?;
            }
            equal("the body", far.body(&asked).await?, b"hello".to_vec())?;
            far.send(OK).await?;
            Ok::<_, Trouble>(far)
        };
        let near = async {
            equal("the interim status", client.head().await?.status(), 100)?;
            client.send("hello").await?;
            equal("the status", client.answer().await?.status(), 200)
        };
        let (_far, ()) = tokio::try_join!(far, near)?;
    }

    /// Large bodies pass both ways.
    ///
    /// Sent: 32 MiB up, then 32 MiB down. Seen: every byte.
    [BODY_BUFFERING; alone]
    async fn large_bodies(stage) {
        let size = 32 << 20;
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        client.send(plain("POST /", &format!("Content-Length: {size}\r\n"))).await?;
        let (mut reader, mut writer, _) = client.split();
        let sending = tokio::spawn(async move {
            writer.write_all(&vec![b'u'; size]).await?;
            Ok::<_, std::io::Error>(writer)
        });
        let (mut far, _) = upstream.request().await?;
        let got = far.bytes(size).await?;
        check(got.iter().all(|byte| *byte == b'u'), "every byte", "others")?;
        let _writer = sending.await.map_err(Trouble::broken)?.map_err(Trouble::broken)?;
        far.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n")).await?;
        let (_far_reader, mut far_writer, _) = far.split();
        let giving = tokio::spawn(async move { far_writer.write_all(&vec![b'd'; size]).await });
        let mut all = Vec::new();
        let read = tokio::time::timeout(3 * crate::wire::PATIENCE, reader.read_to_end(&mut all)).await;
        check(matches!(read, Ok(Ok(_))), "an end", format!("{read:?}"))?;
        let _ = giving.await;
        check(all.ends_with(&vec![b'd'; size]), "every byte", format!("{} bytes", all.len()))?;
    }

    /// Bodies are compressed for those who take it, and for nobody else.
    ///
    /// Sent: requests with and without `Accept-Encoding: gzip`. Seen: a coded body, and a plain one.
    [BODY_COMPRESSION, Compression]
    async fn compression(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), ", compression: {types: [text/css]}").await?;
        let text = "body { color: red }\n".repeat(500);
        for (field, coded) in [("Accept-Encoding: gzip\r\n", true), ("", false)] {
            let mut client = server.connect().await?;
            client.send(plain("GET /style.css", field)).await?;
            let (mut far, _) = upstream.request().await?;
            far.send(format!("HTTP/1.1 200 OK\r\nContent-Type: text/css\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}", text.len())).await?;
            let head = client.answer().await?;
            equal("coded", head.field("content-encoding").as_deref() == Some("gzip"), coded)?;
            let body = client.body(&head).await?;
            if coded {
                check(body.starts_with(&[0x1f, 0x8b]) && body.len() < text.len(), "gzip", body.len())?;
            } else {
                check(body == text.as_bytes(), "the text", body.len())?;
            }
        }
    }

    /// The proxy's own errors carry the page that the model names; the upstream's answers are its own.
    ///
    /// Sent: a request for a dead upstream, and one that the upstream answers with 502. Seen: the page, and the upstream's body.
    [ERROR_PAGE, ErrorPages]
    async fn error_pages(stage) {
        let page = stage.file("sorry.html", "<p>sorry</p>\n")?;
        let (upstream, nowhere) = (stage.upstream().await?, stage.nowhere()?);
        let routes = format!(
            "  - {{match: [{{path: {{prefix: /dead}}}}], upstream: other, error_pages: {{\"502\": \"{page}\", \"503\": \"{page}\", \"504\": \"{page}\"}}}}\n\
             \x20 - {{upstream: app, error_pages: {{\"502\": \"{page}\"}}}}\n"
        );
        let server = stage.routes(upstream.address(), nowhere.address(), &routes).await?;
        let (_, body) = server.ask("GET /dead", "").await?;
        equal("the page", body.as_str(), "<p>sorry</p>\n")?;
        let mut client = server.connect().await?;
        client.send(plain("GET /", "")).await?;
        let (mut far, _) = upstream.request().await?;
        far.send("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\nConnection: close\r\n\r\nmine").await?;
        let head = client.answer().await?;
        equal("the upstream's own", client.body(&head).await?, b"mine".to_vec())?;
    }

    /// Every request is a line of the access log, and a tunnel's line comes with its end.
    ///
    /// Sent: a request and a tunnel. Seen: a line for each, that of the tunnel after it has ended.
    [LOG_ACCESS]
    async fn access_log(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), "").await?;
        server.ask("GET /plain-request", "").await?;
        let mut client = server.connect().await?;
        crate::peer::handshake::open(&mut client, "/a-tunnel").await?;
        tokio::time::sleep(Duration::from_millis(300)).await;
        check(!server.access_log().contains("/a-tunnel"), "no line of an open tunnel", server.access_log())?;
        drop(client);
        let deadline = std::time::Instant::now() + Duration::from_secs(5);
        while !server.access_log().contains("/a-tunnel") || !server.access_log().contains("/plain-request") {
            check(std::time::Instant::now() < deadline, "a line of each", server.access_log())?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
