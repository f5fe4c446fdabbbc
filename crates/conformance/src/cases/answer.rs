//! The response side of the handshake.

use crate::case::cases;
use crate::opened::OK;
use crate::peer::{Teller, handshake};
use crate::verdict::{check, equal};
use crate::wire::frame::{Frame, TEXT};

cases! { "answer";
    /// A refusal reaches the client whole.
    ///
    /// Sent: a handshake that the upstream refuses with 403, a field and a body. Seen: all three.
    [HANDSHAKE_REFUSED]
    async fn refusal_is_whole(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        client.send(handshake::request("/", "")).await?;
        let (mut far, _) = upstream.request().await?;
        far.send("HTTP/1.1 403 Forbidden\r\nX-Why: banned\r\nContent-Length: 7\r\nConnection: close\r\n\r\nbanned!").await?;
        let head = client.answer().await?;
        equal("the status", head.status(), 403)?;
        equal("its field", head.field("x-why").as_deref(), Some("banned"))?;
        equal("its body", client.body(&head).await?, b"banned!".to_vec())?;
    }

    /// A challenge reaches the client, who can answer it.
    ///
    /// Sent: a handshake that gets 401 with `WWW-Authenticate`. Seen: both.
    [HANDSHAKE_REFUSED]
    async fn challenge_passes(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        client.send(handshake::request("/", "")).await?;
        let (mut far, _) = upstream.request().await?;
        far.send("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await?;
        let head = client.answer().await?;
        equal("the status", head.status(), 401)?;
        equal("the challenge", head.field("www-authenticate").as_deref(), Some("Basic realm=\"x\""))?;
    }

    /// A redirect by the upstream is the upstream's answer.
    ///
    /// Sent: a handshake that gets 302. Seen: the 302 with its `Location`.
    [HANDSHAKE_REFUSED]
    async fn redirect_of_the_upstream_passes(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        client.send(handshake::request("/", "")).await?;
        let (mut far, _) = upstream.request().await?;
        far.send("HTTP/1.1 302 Found\r\nLocation: https://login.test/?x=1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await?;
        let head = client.answer().await?;
        equal("the status", head.status(), 302)?;
        equal("where to", head.field("location").as_deref(), Some("https://login.test/?x=1"))?;
    }

    /// An upstream that does not upgrade answers plainly.
    ///
    /// Sent: a handshake that gets 200 with a body. Seen: the 200 and the body, and no tunnel.
    [HANDSHAKE_REFUSED]
    async fn ignored_upgrade_is_plain(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        client.send(handshake::request("/", "")).await?;
        let (mut far, _) = upstream.request().await?;
        far.send(OK).await?;
        let head = client.answer().await?;
        equal("the status", head.status(), 200)?;
        equal("its body", client.body(&head).await?, b"ok".to_vec())?;
    }

    /// After a refusal the next request on the connection is routed anew; the upstream that refused gets none of it.
    ///
    /// Sent: a handshake for one upstream that refuses, then a GET for another, as a smuggler would. Seen: the GET at the other.
    [HANDSHAKE_REFUSED, RefusedHandshake]
    async fn next_request_is_routed_anew(stage) {
        let (upstream, other) = (stage.upstream().await?, Teller::bind("other").await?);
        let routes = "  - {match: [{path: {prefix: /ws}}], upstream: app}\n  - {upstream: other}\n";
        let server = stage.routes(upstream.address(), other.address(), routes).await?;
        let mut client = server.connect().await?;
        client.send(handshake::request("/ws", "")).await?;
        let (mut far, _) = upstream.request().await?;
        far.send("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n").await?;
        equal("the status", client.answer().await?.status(), 426)?;
        client.send_some("GET /other HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        // A server may close instead; it may not pass the request on.
        if let Ok(head) = client.answer().await {
            equal("who answers", head.field("x-teller").as_deref(), Some("other"))?;
        }
        drop(client);
        let (rest, _) = far.rest_within(std::time::Duration::from_secs(12)).await.unwrap_or((Vec::new(), crate::wire::Ending::Fin));
        check(rest.is_empty(), "nothing more at the upstream that refused", rest.escape_ascii())?;
    }

    /// A 101 that nobody asked for opens nothing.
    ///
    /// Sent: a plain GET that the upstream answers with 101. Seen: 502.
    [HANDSHAKE_LYING_101, LyingUpgrade]
    async fn uninvited_101_is_refused(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await?;
        let (mut far, _) = upstream.request().await?;
        far.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n").await?;
        equal("the status", client.head().await?.status(), 502)?;
    }

    /// A 101 for another protocol opens nothing.
    ///
    /// Sent: a handshake that gets `101` with `Upgrade: foo`. Seen: 502.
    [HANDSHAKE_LYING_101, LyingUpgrade]
    async fn another_protocol_is_refused(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        client.send(handshake::request("/", "")).await?;
        let (mut far, _) = upstream.request().await?;
        far.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: foo\r\nConnection: Upgrade\r\n\r\n").await?;
        equal("the status", client.head().await?.status(), 502)?;
    }

    /// A 101 without `Upgrade` opens nothing.
    ///
    /// Sent: a handshake that gets a bare 101. Seen: 502.
    [HANDSHAKE_LYING_101, LyingUpgrade]
    async fn bare_101_is_refused(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        client.send(handshake::request("/", "")).await?;
        let (mut far, _) = upstream.request().await?;
        far.send("HTTP/1.1 101 Switching Protocols\r\n\r\n").await?;
        equal("the status", client.head().await?.status(), 502)?;
    }

    /// An upstream may write its 101 in any case.
    ///
    /// Sent: a handshake that gets `upgrade: WebSocket` and `connection: upgrade`. Seen: a tunnel.
    [HANDSHAKE_STRICT_TOKEN]
    async fn accepted_in_any_case(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        client.send(handshake::request("/", "")).await?;
        let (mut far, asked) = upstream.request().await?;
        let accept = handshake::accept(&asked).replace("Upgrade: websocket", "upgrade: WebSocket");
        far.send(accept.replace("Connection: Upgrade", "connection: upgrade")).await?;
        equal("the status", client.answer().await?.status(), 101)?;
        far.send_frame(&Frame::server(TEXT, "x")).await?;
        client.expect(Frame::server(TEXT, "x").bytes()).await?;
    }

    /// Fields of the 101 reach the client.
    ///
    /// Sent: a 101 with a subprotocol, extensions, two cookies and a field of one's own. Seen: all of them.
    [HANDSHAKE_FIELDS]
    async fn fields_of_the_101_pass(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        client.send(handshake::request("/", "Sec-WebSocket-Protocol: a, chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\n")).await?;
        let (mut far, asked) = upstream.request().await?;
        let more = "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\nX-Node: 7\r\n";
        far.send(handshake::accept_with(&asked, more)).await?;
        let answer = client.answer().await?;
        equal("the subprotocol", answer.field("sec-websocket-protocol").as_deref(), Some("chat"))?;
        equal("the extension", answer.field("sec-websocket-extensions").as_deref(), Some("permessage-deflate"))?;
        equal("the cookies", answer.all("set-cookie"), vec!["a=1; Path=/", "b=2"])?;
        equal("its own", answer.field("x-node").as_deref(), Some("7"))?;
    }

    /// What an upstream sends in the segment of its 101 reaches the client.
    ///
    /// Sent: a 101 and a frame at once, as servers that speak first do. Seen: the frame.
    [HANDSHAKE_FIELDS]
    async fn bytes_with_the_101_arrive(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        client.send(handshake::request("/", "")).await?;
        let (mut far, asked) = upstream.request().await?;
        let first = Frame::server(TEXT, "welcome");
        far.send([handshake::accept(&asked).into_bytes(), first.bytes()].concat()).await?;
        equal("the status", client.answer().await?.status(), 101)?;
        client.expect(first.bytes()).await?;
    }

    /// A 101 may come in pieces.
    ///
    /// Sent: a 101 byte by byte. Seen: a tunnel.
    [HANDSHAKE_STRICT_TOKEN]
    async fn byte_by_byte(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        client.send(handshake::request("/", "")).await?;
        let (mut far, asked) = upstream.request().await?;
        far.send_slowly(handshake::accept(&asked), std::time::Duration::from_millis(1)).await?;
        equal("the status", client.answer().await?.status(), 101)?;
    }

    /// A large head of a 101 passes.
    ///
    /// Sent: a 101 with 3000 bytes of cookies, which every target takes. Seen: the cookies.
    [LIMIT_FLOOR]
    async fn large_101_passes(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        client.send(handshake::request("/", "")).await?;
        let (mut far, asked) = upstream.request().await?;
        let cookie = format!("session={}", "x".repeat(2900));
        far.send(handshake::accept_with(&asked, &format!("Set-Cookie: {cookie}\r\n"))).await?;
        let answer = client.answer().await?;
        equal("the cookie", answer.field("set-cookie"), Some(cookie))?;
    }

    /// An upstream that ends without an answer gives one of 502, 503 and 504.
    ///
    /// Sent: handshakes that the upstream meets with a reset, with its end, and with half a head. Seen: an answer of the
    /// proxy's own.
    [FAILURE_UNREACHABLE]
    async fn no_answer_is_a_bad_gateway(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        for nonsense in [None, Some(""), Some("HTTP/1.1 101 Switch")] {
            let mut client = server.connect().await?;
            client.send(handshake::request("/", "")).await?;
            let (mut far, _) = upstream.request().await?;
            match nonsense {
                None => far.reset(),
                Some(bytes) => {
                    far.send(bytes).await?;
                    drop(far);
                }
            }
            let status = client.answer().await?.status();
            check([502, 503, 504].contains(&status), "502, 503 or 504", status)?;
        }
    }

    /// What is no HTTP is no answer.
    ///
    /// Sent: a handshake that the upstream meets with a line of its own. Seen: 502.
    [FAILURE_UNREACHABLE]
    async fn nonsense_is_a_bad_gateway(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        client.send(handshake::request("/", "")).await?;
        let (mut far, _) = upstream.request().await?;
        far.send("this is no answer\r\n\r\n").await?;
        drop(far);
        equal("the status", client.answer().await?.status(), 502)?;
    }

    /// A handshake that the upstream accepts is never answered from a cache.
    ///
    /// Sent: the same handshake twice. Seen: two at the upstream.
    [HANDSHAKE_REFUSED]
    async fn every_handshake_is_asked(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        for cookie in ["n=1", "n=2"] {
            let (_, _, _, answer) = {
                let mut client = server.connect().await?;
                client.send(handshake::request("/same", "")).await?;
                let (mut far, asked) = upstream.request().await?;
                let more = format!("Cache-Control: public, max-age=60\r\nSet-Cookie: {cookie}\r\n");
                far.send(handshake::accept_with(&asked, &more)).await?;
                let answer = client.answer().await?;
                (client, far, asked, answer)
            };
            equal("the cookie", answer.field("set-cookie").as_deref(), Some(cookie))?;
        }
    }
}
