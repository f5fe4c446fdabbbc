//! What could be read in two ways, and must not be.

use std::time::Duration;

use crate::case::cases;
use crate::opened::OK;
use crate::peer::{Teller, handshake};
use crate::stage::Stage;
use crate::verdict::{Trouble, Verdict, check, equal};
use crate::wire::Wire;

/// Sends a request with a second one hidden behind it, and fails if the hidden one reaches anybody.
async fn hidden(stage: &Stage, head: &str, body: &str) -> Verdict {
    let upstream = stage.upstream().await?;
    let server = stage.route(upstream.address(), "").await?;
    let mut client = server.connect().await?;
    client.send(format!("{head}\r\n{body}")).await?;
    // Either it is refused, or everything is one request's body.
    let refused = async {
        match client.answer().await {
            Ok(answer) => Ok(answer.status()),
            Err(Trouble::Failed(_)) => Ok(0),
            Err(trouble) => Err(trouble),
        }
    };
    let is_refusal =
        |status: u16| check(status == 0 || (400..=501).contains(&status), "a refusal", status);
    let mut refused = std::pin::pin!(refused);
    tokio::select! {
        status = &mut refused => is_refusal(status?),
        asked = upstream.request() => {
            let (far, asked) = match asked {
                Ok(asked) => asked,
                // A connection was opened, and no byte came: the body was judged ahead of the head's sending.
                Err(Trouble::Failed(_)) => return is_refusal(refused.await?),
                Err(trouble) => return Err(trouble),
            };
            let rest = passed(far).await;
            let sure = asked.all("content-length").len() + asked.all("transfer-encoding").len() <= 1;
            // Within the length that the head says, a body may hold anything.
            let length = asked.field("content-length").and_then(|length| length.parse::<usize>().ok());
            let is_framed = length.is_some_and(|length| rest.len() <= length);
            let harmless = is_framed || !rest.contains("GET /hidden");
            check(sure && harmless, "one request with one length", format!("{asked}\n\n{rest}"))
        }
    }
}

/// Returns the bytes that an upstream got behind a head, whether its connection ends or stays open.
pub(super) async fn passed(mut far: Wire) -> String {
    let rest = match far.rest_within(Duration::from_millis(400)).await {
        Ok((rest, _)) => rest,
        Err(_) => far.split().2,
    };
    String::from_utf8_lossy(&rest).into_owned()
}

/// Sends bytes and expects that they are refused, with nothing at the upstream.
async fn refused(stage: &Stage, requests: &[&str]) -> Verdict {
    let upstream = stage.upstream().await?;
    let server = stage.route(upstream.address(), "").await?;
    for request in requests {
        let mut client = server.connect().await?;
        client.send_some(request).await;
        client.shutdown().await;
        let status = match client.answer().await {
            Ok(answer) => answer.status(),
            Err(Trouble::Failed(_)) => 0,
            Err(trouble) => return Err(trouble),
        };
        let good =
            status == 0 || (400..=505).contains(&status) && ![502, 503, 504].contains(&status);
        check(good, format!("{request:?} is refused"), status)?;
    }
    let alone = upstream.is_left_alone(std::time::Duration::from_millis(200)).await;
    check(alone, "nothing at the upstream", "a connection")
}

const HIDDEN: &str = "0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: a.test\r\n\r\n";

cases! { "smuggling";
    /// A length and chunks at once are refused, or read in one way.
    ///
    /// Sent: both, with a request hidden in the difference. Seen: a refusal, or one request with one of them.
    [HANDSHAKE_CONNECTION]
    async fn length_and_chunks(stage) {
        hidden(stage, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 48\r\nTransfer-Encoding: chunked\r\n", HIDDEN).await?;
    }

    /// Two different lengths are refused.
    ///
    /// Sent: `Content-Length` twice. Seen: a refusal.
    [HANDSHAKE_CONNECTION]
    async fn two_lengths(stage) {
        refused(stage, &["POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"]).await?;
    }

    /// A length that is no number is refused.
    ///
    /// Sent: a sign, a comma, letters, a huge number. Seen: refusals.
    [HANDSHAKE_CONNECTION]
    async fn strange_lengths(stage) {
        refused(stage, &[
            "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: +5\r\n\r\nhello",
            "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5x\r\n\r\nhello",
            "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 99999999999999999999999\r\n\r\nhello",
        ]).await?;
    }

    /// An unknown coding is refused, or the request has no body for anybody.
    ///
    /// Sent: `Transfer-Encoding: xchunked` with a hidden request. Seen: a refusal.
    [HANDSHAKE_CONNECTION]
    async fn unknown_coding(stage) {
        hidden(stage, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: xchunked\r\n", HIDDEN).await?;
    }

    /// A blank ahead of the colon is refused.
    ///
    /// Sent: `Transfer-Encoding : chunked`. Seen: a refusal.
    [HANDSHAKE_CONNECTION]
    async fn blank_ahead_of_the_colon(stage) {
        hidden(stage, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 48\r\nTransfer-Encoding : chunked\r\n", HIDDEN).await?;
    }

    /// A folded line hides nothing.
    ///
    /// Sent: `Transfer-Encoding` whose value stands on the next line. Seen: a refusal, or one length.
    [HANDSHAKE_CONNECTION]
    async fn folded_line(stage) {
        hidden(stage, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 48\r\nTransfer-Encoding:\r\n chunked\r\n", HIDDEN).await?;
    }

    /// A chunk that breaks the rules ends its request.
    ///
    /// Sent: a size that is no number, with a hidden request. Seen: no hidden request at the upstream.
    [HANDSHAKE_CONNECTION]
    async fn bad_chunk(stage) {
        hidden(stage, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n", "0x5\r\nhello\r\n0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: a.test\r\n\r\n").await?;
    }

    /// A handshake with a body is refused: where one server reads a body, the next would read the tunnel.
    ///
    /// Sent: handshakes with chunks and with a length. Seen: 400, and nothing at the upstream.
    [HANDSHAKE_BODY]
    async fn handshake_with_a_body(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let hidden = "GET /hidden HTTP/1.1\r\nHost: a.test\r\n\r\n";
        let chunks = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
        for (field, body) in [
            (format!("Content-Length: {}\r\n", hidden.len()), hidden),
            ("Transfer-Encoding: chunked\r\n".to_owned(), chunks.as_str()),
            ("Transfer-Encoding: chunked\r\n".to_owned(), "0\r\n\r\n"),
        ] {
            let mut client = server.connect().await?;
            client.send(format!("{}{body}", handshake::request("/ws", &field))).await?;
            equal(&format!("the status with {field:?}"), client.answer().await?.status(), 400)?;
        }
        let alone = upstream.is_left_alone(Duration::from_millis(200)).await;
        check(alone, "nothing at the upstream", "a connection")?;
    }

    /// A handshake with a body is a plain request where no tunnel opens.
    ///
    /// Sent: a handshake with a body to a route of `mode: deny`. Seen: the whole body at the upstream, framed.
    [HANDSHAKE_BODY, ModeDeny]
    async fn handshake_with_a_body_as_plain_http(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), ", websocket: {mode: deny}").await?;
        for (field, body) in [("Content-Length: 5\r\n", "hello"), ("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n")] {
            let mut client = server.connect().await?;
            client.send(format!("{}{body}", handshake::request("/ws", field))).await?;
            let (mut far, asked) = upstream.request().await?;
            equal("the body", far.body(&asked).await?, b"hello".to_vec())?;
            check(asked.field("upgrade").is_none(), "no upgrade", &asked)?;
            far.send(OK).await?;
            equal("the status", client.answer().await?.status(), 200)?;
        }
    }

    /// Two hosts are refused.
    ///
    /// Sent: `Host` twice. Seen: a refusal.
    [ROUTE_HOST]
    async fn two_hosts(stage) {
        refused(stage, &["GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n"]).await?;
    }

    /// A request of HTTP/1.1 without a host is refused.
    ///
    /// Sent: no `Host`. Seen: a refusal.
    [ROUTE_HOST]
    async fn no_host(stage) {
        refused(stage, &["GET / HTTP/1.1\r\nX-Any: thing\r\n\r\n"]).await?;
    }

    /// A NUL in a head is refused.
    ///
    /// Sent: a NUL in a name and in a target. Seen: refusals.
    [ROUTE_BAD_PATH]
    async fn nul_in_a_head(stage) {
        refused(stage, &["GET / HTTP/1.1\r\nHost: a.test\r\nX\0A: b\r\n\r\n", "GET /\0a HTTP/1.1\r\nHost: a.test\r\n\r\n"]).await?;
    }

    /// `CONNECT` is refused: nobody tunnels to a place of the client's choice.
    ///
    /// Sent: `CONNECT 10.0.0.1:22`. Seen: a refusal.
    [HANDSHAKE_OTHER_UPGRADE]
    async fn connect(stage) {
        refused(stage, &["CONNECT 10.0.0.1:22 HTTP/1.1\r\nHost: 10.0.0.1:22\r\n\r\n"]).await?;
    }

    /// What is no HTTP is refused.
    ///
    /// Sent: lines that are no request. Seen: refusals, or the end.
    [ROUTE_BAD_PATH]
    async fn no_http(stage) {
        refused(stage, &["\x16\x03\x01\x02\x00\x01\x00\x01\x7c\x03\x03\r\n\r\n", "hello\r\n\r\n", "GET\r\n\r\n"]).await?;
    }

    /// A body on a handshake hides nothing.
    ///
    /// Sent: a handshake with a length and a hidden request, which the upstream refuses. Seen: no hidden request.
    [HANDSHAKE_REFUSED, RefusedHandshake]
    async fn body_on_a_handshake(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.routes(app.address(), app.address(), "  - {match: [{path: {prefix: /ws}}], upstream: app, websocket: {mode: deny}}\n").await?;
        let mut client = server.connect().await?;
        let secret = "GET /secret HTTP/1.1\r\nHost: a.test\r\n\r\n";
        client.send(format!("{}{secret}", handshake::request("/ws", &format!("Content-Length: {}\r\n", secret.len())))).await?;
        let head = client.answer().await?;
        client.body(&head).await?;
        client.shutdown().await;
        let (rest, _) = client.rest().await?;
        let rest = String::from_utf8_lossy(&rest).into_owned();
        check(!rest.contains("HTTP/1.1 200"), "no answer to a hidden request", rest)?;
    }

    /// Two requests at once are two requests.
    ///
    /// Sent: two plain requests in one segment. Seen: two answers, in order.
    [HANDSHAKE_CONNECTION]
    async fn pipelined_requests(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), "").await?;
        let mut client = server.connect().await?;
        client.send("GET /1 HTTP/1.1\r\nHost: a.test\r\n\r\nGET /2 HTTP/1.1\r\nHost: a.test\r\n\r\n").await?;
        for number in ["1", "2"] {
            let head = client.answer().await?;
            let body = client.body(&head).await?;
            let seen = crate::peer::Seen::of(head, &body);
            equal("the target", seen.head.target(), format!("/{number}").as_str())?;
        }
    }
}
