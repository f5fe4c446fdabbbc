//! Upstreams that fail.

use std::time::Duration;

use crate::case::cases;
use crate::opened::{OK, plain};
use crate::peer::{Teller, handshake};
use crate::verdict::{Trouble, check, equal};

cases! { "failure";
    /// An upstream that refuses connections gives an error of the proxy's own.
    ///
    /// Sent: a request and a handshake. Seen: 502, 503 or 504 for both.
    [FAILURE_UNREACHABLE]
    async fn nobody_there(stage) {
        let nowhere = stage.nowhere()?;
        let server = stage.route(nowhere.address(), "").await?;
        let (answer, _) = server.ask("GET /", "").await?;
        check([502, 503, 504].contains(&answer.status()), "502, 503 or 504", answer.status())?;
        let status = server.handshake_status("/", "").await?;
        check([502, 503, 504].contains(&status), "502, 503 or 504", status)?;
    }

    /// An upstream that comes back is used again.
    ///
    /// Sent: a request while nobody is there, others once somebody is. Seen: an error, then an answer.
    [FAILURE_UNREACHABLE]
    async fn comes_back(stage) {
        let nowhere = stage.nowhere()?;
        let server = stage.route(nowhere.address(), "").await?;
        let (answer, _) = server.ask("GET /", "").await?;
        check(answer.status() >= 500, "an error", answer.status())?;
        let _app = Teller::bind_to("app", nowhere.address()).await?;
        for _ in 0..100 {
            if server.ask("GET /", "").await?.0.status() == 200 {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        check(false, "an answer within 20 s", "errors")?;
    }

    /// A body that breaks off is not made whole.
    ///
    /// Sent: an answer of 10 bytes that ends after 4. Seen: no more than these, and the end.
    [FAILURE_UNREACHABLE]
    async fn body_breaks_off(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await?;
        let (mut far, _) = upstream.request().await?;
        far.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfour").await?;
        drop(far);
        let head = client.answer().await?;
        if head.status() == 200 {
            let (body, _) = client.rest().await?;
            equal("the body", body, b"four".to_vec())?;
        } else {
            check([502, 503].contains(&head.status()), "the beginning or 502", head.status())?;
        }
    }

    /// Chunks that break off do not get an end.
    ///
    /// Sent: chunks without their last one. Seen: no last chunk at the client.
    [FAILURE_UNREACHABLE]
    async fn chunks_break_off(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await?;
        let (mut far, _) = upstream.request().await?;
        far.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n").await?;
        drop(far);
        client.answer().await?;
        let (body, _) = client.rest().await?;
        let text = String::from_utf8_lossy(&body).into_owned();
        check(!text.ends_with("0\r\n\r\n"), "no last chunk", text)?;
    }

    /// Another server is tried while nothing was sent.
    ///
    /// Sent: requests and handshakes, of two servers one is not there. Seen: all of them are answered.
    [RETRY_SAFE, Retries]
    async fn another_server_is_tried(stage) {
        let (app, nowhere) = (Teller::bind("app").await?, stage.nowhere()?);
        let server = stage
            .start(&format!(
                "version: 1\nlisteners: [{{name: web, address: \"LISTEN\"}}]\n\
                 upstreams: {{app: {{servers: [\"{}\", \"{}\"]}}}}\nroutes: [{{upstream: app, retries: {{attempts: 2}}}}]\n",
                nowhere.address(), app.address()
            ))
            .await?;
        for _ in 0..6 {
            equal("who answers", server.reaches("/", "").await?, "app".to_owned())?;
        }
    }

    /// A handshake that was sent is not sent again.
    ///
    /// Sent: a handshake that the first server takes and meets with its end. Seen: an error, and nothing at the second.
    [RETRY_SAFE, Retries]
    async fn handshakes_are_not_sent_twice(stage) {
        let (one, two) = (stage.upstream_named("one").await?, stage.upstream_named("two").await?);
        let server = stage
            .start(&format!(
                "version: 1\nlisteners: [{{name: web, address: \"LISTEN\"}}]\n\
                 upstreams: {{app: {{servers: [\"{}\", \"{}\"]}}}}\nroutes: [{{upstream: app, retries: {{attempts: 2}}}}]\n",
                one.address(), two.address()
            ))
            .await?;
        let mut client = server.connect().await?;
        client.send(handshake::request("/", "")).await?;
        let first = tokio::select! {
            first = one.request() => first?,
            second = two.request() => second?,
        };
        drop(first);
        let status = client.answer().await?.status();
        check([502, 503, 504].contains(&status), "502, 503 or 504", status)?;
        let (left_one, left_two) = tokio::join!(one.is_left_alone(Duration::from_millis(300)), two.is_left_alone(Duration::from_millis(300)));
        check(left_one && left_two, "nobody else is asked", "somebody is")?;
    }

    /// A POST that was sent is not sent again.
    ///
    /// Sent: a POST that the first server takes and meets with its end. Seen: an error, and nothing at the second.
    [RETRY_SAFE, Retries]
    async fn posts_are_not_sent_twice(stage) {
        let (one, two) = (stage.upstream_named("one").await?, stage.upstream_named("two").await?);
        let server = stage
            .start(&format!(
                "version: 1\nlisteners: [{{name: web, address: \"LISTEN\"}}]\n\
                 upstreams: {{app: {{servers: [\"{}\", \"{}\"]}}}}\nroutes: [{{upstream: app, retries: {{attempts: 2}}}}]\n",
                one.address(), two.address()
            ))
            .await?;
        let mut client = server.connect().await?;
        client.send(format!("{}hello", plain("POST /", "Content-Length: 5\r\n"))).await?;
        let (mut first, _) = tokio::select! {
            first = one.request() => first?,
            second = two.request() => second?,
        };
        first.expect("hello").await?;
        drop(first);
        let status = client.answer().await?.status();
        check([502, 503, 504].contains(&status), "502, 503 or 504", status)?;
        let (left_one, left_two) = tokio::join!(one.is_left_alone(Duration::from_millis(300)), two.is_left_alone(Duration::from_millis(300)));
        check(left_one && left_two, "nobody else is asked", "somebody is")?;
    }

    /// On a kept connection that ends as the request arrives, nothing is sent again that could do harm.
    ///
    /// Sent: a DELETE and a PUT on a connection that its upstream then closes without an answer. Seen: an error, and
    /// nothing more at the upstream.
    [RETRY_SAFE]
    async fn deletes_are_not_sent_twice(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        for line in ["DELETE /", "PUT /"] {
            let mut client = server.connect().await?;
            client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await?;
            let (mut far, _) = upstream.request().await?;
            far.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await?;
            let head = client.answer().await?;
            client.body(&head).await?;
            client.send(format!("{line} HTTP/1.1\r\nHost: a.test\r\n\r\n")).await?;
            // On the connection that was kept, or on another one.
            tokio::select! {
                again = far.head() => drop(again?),
                other = upstream.request() => drop(other?),
            }
            drop(far);
            let status = match client.answer().await {
                Ok(answer) => answer.status(),
                Err(Trouble::Failed(_)) => 502,
                Err(trouble) => return Err(trouble),
            };
            check([502, 503, 504].contains(&status), format!("an error for {line}"), status)?;
            check(upstream.is_left_alone(Duration::from_millis(300)).await, format!("one {line}"), "another")?;
        }
    }

    /// A connection that its upstream closed while it waited is not the client's trouble.
    ///
    /// Sent: a request, the end of the upstream's connection, another request. Seen: both are answered.
    [RETRY_SAFE]
    async fn stale_connections_are_replaced(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        for round in 0..3 {
            let mut client = server.connect().await?;
            client.send(plain("GET /", "")).await?;
            let (mut far, _) = upstream.request().await?;
            far.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await?;
            equal(&format!("status {round}"), client.answer().await?.status(), 200)?;
            drop(far);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// An upstream that stays silent gives 504.
    ///
    /// Sent: a request that the upstream takes and never answers. Seen: 504 once `response_header` is over.
    [FAILURE_SILENT, ResponseHeaderTimeout]
    async fn silence_is_504(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), ", timeouts: {response_header: 1s}").await?;
        let mut client = server.connect().await?;
        client.send(plain("GET /", "")).await?;
        let _held = upstream.request().await?;
        equal("the status", client.answer().await?.status(), 504)?;
    }

    /// An upstream may answer before it has read the whole request.
    ///
    /// Sent: a POST whose body never comes, answered at once with 401. Seen: the 401.
    [BODY_BUFFERING]
    async fn early_answer(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        client.send(format!("{}first", plain("POST /", "Content-Length: 100\r\n"))).await?;
        let (mut far, _) = upstream.request().await?;
        far.send(OK.replace("200 OK", "401 Unauthorized")).await?;
        equal("the status", client.answer().await?.status(), 401)?;
    }
}
