//! The request side of the handshake.

use std::time::Duration;

use crate::case::cases;
use crate::opened::{OK, Opened, plain};
use crate::peer::{Teller, handshake};
use crate::verdict::{check, equal};
use crate::wire::frame::{Frame, TEXT};

cases! { "handshake";
    /// A handshake reaches the upstream with `Upgrade` and `Connection`, its 101 comes back, and messages pass both ways.
    ///
    /// Sent: a handshake, then a text. Seen: the upgrade at the upstream, the accept of its 101 at the client, the text.
    [HANDSHAKE_STRICT_TOKEN]
    async fn accepted(stage) {
        let Opened { mut client, mut far, asked, answer, .. } = stage.opened("").await?;
        check(asked.lists("connection", "upgrade"), "`Connection: upgrade` at the upstream", &asked)?;
        check(asked.lists("upgrade", "websocket"), "`Upgrade: websocket` at the upstream", &asked)?;
        let accept = Some(handshake::accept_key(handshake::KEY));
        equal("the accept", answer.field("sec-websocket-accept"), accept)?;
        client.send_frame(&Frame::client(TEXT, "hello")).await?;
        equal("the upstream gets", far.frame().await?, Frame::client(TEXT, "hello"))?;
        far.send_frame(&Frame::server(TEXT, "you")).await?;
        equal("the client gets", client.frame().await?, Frame::server(TEXT, "you"))?;
    }

    /// The token of `Upgrade` compares without case.
    ///
    /// Sent: `Upgrade: WebSocket`, as old clients write it. Seen: a tunnel.
    [HANDSHAKE_STRICT_TOKEN]
    async fn token_in_any_case(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), "").await?;
        for token in ["WebSocket", "WEBSOCKET", "websocket"] {
            let mut client = server.connect().await?;
            let request = handshake::request("/", "").replace("Upgrade: websocket", &format!("Upgrade: {token}"));
            client.send(request).await?;
            equal(token, client.answer().await?.status(), 101)?;
        }
    }

    /// Names of fields and tokens of `Connection` compare without case.
    ///
    /// Sent: a handshake all in lower case. Seen: a tunnel.
    [HANDSHAKE_STRICT_TOKEN]
    async fn names_in_lower_case(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), "").await?;
        let (line, fields) = handshake::request("/", "").split_once("\r\n").map(|(l, f)| (l.to_owned(), f.to_owned())).unwrap_or_default();
        let fields = fields.replace("Upgrade:", "upgrade:").replace("Connection: Upgrade", "connection: upgrade");
        let mut client = server.connect().await?;
        client.send(format!("{line}\r\n{fields}")).await?;
        equal("the status", client.answer().await?.status(), 101)?;
    }

    /// `Connection` is a list, and `upgrade` may stand anywhere in it.
    ///
    /// Sent: `keep-alive, Upgrade` as Firefox does, and `upgrade` first and in the middle. Seen: a tunnel each time.
    [HANDSHAKE_CONNECTION]
    async fn connection_list(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), "").await?;
        for list in ["keep-alive, Upgrade", "Upgrade, keep-alive", "keep-alive,upgrade , te"] {
            let mut client = server.connect().await?;
            let request = handshake::request("/", "").replace("Connection: Upgrade", &format!("Connection: {list}"));
            client.send(request).await?;
            equal(list, client.answer().await?.status(), 101)?;
        }
    }

    /// A handshake may come in pieces.
    ///
    /// Sent: a handshake byte by byte. Seen: a tunnel.
    [HANDSHAKE_STRICT_TOKEN]
    async fn byte_by_byte(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), "").await?;
        let mut client = server.connect().await?;
        client.send_slowly(handshake::request("/", ""), Duration::from_millis(1)).await?;
        equal("the status", client.answer().await?.status(), 101)?;
    }

    /// `Upgrade: h2c` is plain HTTP: neither the token nor `HTTP2-Settings` in `Connection` reaches the upstream.
    ///
    /// Sent: the upgrade of RFC 7540 section 3.2. Seen: an ordinary request at the upstream, and its 200.
    [HANDSHAKE_OTHER_UPGRADE]
    async fn h2c_is_plain(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n").await?;
        let (mut far, asked) = upstream.request().await?;
        check(asked.field("upgrade").is_none(), "no `Upgrade` at the upstream", &asked)?;
        check(!asked.lists("connection", "upgrade"), "no `upgrade` in `Connection`", &asked)?;
        far.send(OK).await?;
        equal("the status", client.answer().await?.status(), 200)?;
    }

    /// A list in `Upgrade` is not the one token `websocket`.
    ///
    /// Sent: `Upgrade: websocket, foo`. Seen: plain HTTP at the upstream, without its `Upgrade`.
    [HANDSHAKE_OTHER_UPGRADE]
    async fn list_of_protocols_is_plain(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        let request = handshake::request("/", "").replace("Upgrade: websocket", "Upgrade: websocket, foo");
        client.send(request).await?;
        let (mut far, asked) = upstream.request().await?;
        check(asked.field("upgrade").is_none(), "no `Upgrade` at the upstream", &asked)?;
        far.send(OK).await?;
        equal("the status", client.answer().await?.status(), 200)?;
    }

    /// `h2c` beside `websocket` is not the one token `websocket` either.
    ///
    /// Sent: `Upgrade: websocket, h2c`. Seen: plain HTTP at the upstream, without its `Upgrade`.
    [HANDSHAKE_OTHER_UPGRADE]
    async fn h2c_beside_websocket_is_plain(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        let request = handshake::request("/", "").replace("Upgrade: websocket", "Upgrade: websocket, h2c");
        client.send(request).await?;
        let (mut far, asked) = upstream.request().await?;
        check(asked.field("upgrade").is_none(), "no `Upgrade` at the upstream", &asked)?;
        far.send(OK).await?;
        equal("the status", client.answer().await?.status(), 200)?;
    }

    /// Another protocol is not upgraded to.
    ///
    /// Sent: `Upgrade: foo`. Seen: plain HTTP at the upstream.
    [HANDSHAKE_OTHER_UPGRADE]
    async fn another_protocol_is_plain(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let (asked, answer) = {
            let mut client = server.connect().await?;
            client.send("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n").await?;
            let (mut far, asked) = upstream.request().await?;
            far.send(OK).await?;
            (asked, client.answer().await?)
        };
        check(asked.field("upgrade").is_none(), "no `Upgrade` at the upstream", &asked)?;
        equal("the status", answer.status(), 200)?;
    }

    /// `Upgrade` that `Connection` does not name is plain HTTP.
    ///
    /// Sent: `Upgrade: websocket` with `Connection: keep-alive`. Seen: plain HTTP at the upstream.
    [HANDSHAKE_STRICT_TOKEN]
    async fn upgrade_without_connection_is_plain(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        let request = handshake::request("/", "").replace("Connection: Upgrade", "Connection: keep-alive");
        client.send(request).await?;
        let (mut far, asked) = upstream.request().await?;
        check(asked.field("upgrade").is_none(), "no `Upgrade` at the upstream", &asked)?;
        far.send(OK).await?;
        equal("the status", client.answer().await?.status(), 200)?;
    }

    /// `Connection: upgrade` without `Upgrade` is plain HTTP.
    ///
    /// Sent: `Connection: upgrade` alone. Seen: plain HTTP at the upstream, without `upgrade` in `Connection`.
    [HANDSHAKE_CONNECTION]
    async fn connection_without_upgrade_is_plain(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\n\r\n").await?;
        let (mut far, asked) = upstream.request().await?;
        check(!asked.lists("connection", "upgrade"), "no `upgrade` in `Connection`", &asked)?;
        far.send(OK).await?;
        equal("the status", client.answer().await?.status(), 200)?;
    }

    /// A plain request has no `Connection: upgrade` at the upstream, whatever its route carries otherwise.
    ///
    /// Sent: a GET. Seen: no `Upgrade`, no `upgrade` in `Connection`.
    [HANDSHAKE_CONNECTION]
    async fn plain_request_stays_plain(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let (asked, _) = server.exchange(&upstream, "GET /", "").await?;
        check(!asked.lists("connection", "upgrade"), "no `upgrade` in `Connection`", &asked)?;
        check(asked.field("upgrade").is_none(), "no `Upgrade`", &asked)?;
    }

    /// HTTP/1.0 cannot upgrade.
    ///
    /// Sent: a handshake in HTTP/1.0. Seen: no 101; the upstream gets no `Upgrade`, if it is asked at all.
    [HANDSHAKE_STRICT_TOKEN]
    async fn http_1_0_is_no_handshake(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), "").await?;
        let mut client = server.connect().await?;
        client.send(handshake::request("/", "").replace("HTTP/1.1", "HTTP/1.0")).await?;
        let status = client.answer().await?.status();
        check(status != 101 && status != 0, "a status other than 101", status)?;
    }

    /// The fields of a handshake arrive as they were sent.
    ///
    /// Sent: a key, a version, subprotocols and extensions. Seen: the same values at the upstream.
    [HANDSHAKE_FIELDS]
    async fn own_fields_pass(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), "").await?;
        let fields = "Sec-WebSocket-Protocol: graphql-ws, chat.v2\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
        let seen = server.seen_by_socket("/", fields).await?;
        for (name, value) in [
            ("sec-websocket-key", handshake::KEY),
            ("sec-websocket-version", "13"),
            ("sec-websocket-protocol", "graphql-ws, chat.v2"),
            ("sec-websocket-extensions", "permessage-deflate; client_max_window_bits"),
        ] {
            equal(name, seen.head.field(name).as_deref(), Some(value))?;
        }
    }

    /// What an application wants to know of its client passes.
    ///
    /// Sent: `Cookie`, `Authorization`, `Origin`, `User-Agent`, a field of one's own. Seen: all of them at the upstream.
    [HANDSHAKE_FIELDS]
    async fn other_fields_pass(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), "").await?;
        let sent = [
            ("cookie", "session=a%20b; theme=dark"),
            ("authorization", "Bearer abc.def-ghi"),
            ("origin", "https://chat.test"),
            ("user-agent", "conformance/1 (x; y)"),
            ("x-token", "a, b; c=\"d\""),
        ];
        let fields: String = sent.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let seen = server.seen_by_socket("/", &fields).await?;
        for (name, value) in sent {
            equal(name, seen.head.field(name).as_deref(), Some(value))?;
        }
    }

    /// A query passes byte for byte.
    ///
    /// Sent: a query with escapes, empty values and characters that are none of its own. Seen: the same bytes.
    [REWRITE_BYTES]
    async fn query_passes(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), "").await?;
        for target in ["/ws?token=a%2Fb%20c&empty=&EIO=4", "/ws?a=b/../c//d?e", "/ws?%41=%7e&x=1+2"] {
            let seen = server.seen_by_socket(target, "").await?;
            equal("the target", seen.head.target(), target)?;
        }
    }

    /// No length and no chunks are added to a handshake.
    ///
    /// Sent: a handshake. Seen: neither `Content-Length` nor `Transfer-Encoding` at the upstream.
    [HANDSHAKE_CONNECTION]
    async fn no_body_is_made_up(stage) {
        let Opened { asked, answer, .. } = stage.opened("").await?;
        for head in [&asked, &answer] {
            check(head.field("content-length").is_none(), "no `Content-Length`", head)?;
            check(head.field("transfer-encoding").is_none(), "no `Transfer-Encoding`", head)?;
        }
    }

    /// What a client sends right behind its handshake reaches the upstream.
    ///
    /// Sent: a handshake and a frame in one segment. Seen: the frame at the upstream, once it has accepted.
    [HANDSHAKE_FIELDS]
    async fn early_bytes_arrive(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        let early = Frame::client(TEXT, "impatient");
        client.send([handshake::request("/", "").into_bytes(), early.bytes()].concat()).await?;
        let (mut far, asked) = upstream.request().await?;
        far.send(handshake::accept(&asked)).await?;
        equal("the status", client.answer().await?.status(), 101)?;
        equal("the upstream gets", far.frame().await?, early)?;
    }

    /// A handshake without a key is the upstream's to judge.
    ///
    /// Sent: a handshake without `Sec-WebSocket-Key`. Seen: it arrives, and the upstream's 400 comes back.
    [HANDSHAKE_FIELDS, HandshakeWithoutKey]
    async fn missing_key_is_passed_on(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        let key = format!("Sec-WebSocket-Key: {}\r\n", handshake::KEY);
        client.send(handshake::request("/", "").replace(&key, "")).await?;
        let (mut far, asked) = upstream.request().await?;
        check(asked.field("sec-websocket-key").is_none(), "no key", &asked)?;
        far.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno").await?;
        equal("the status", client.answer().await?.status(), 400)?;
    }

    /// An old version is the upstream's to refuse.
    ///
    /// Sent: `Sec-WebSocket-Version: 8`. Seen: the upstream's 426 with the version that it speaks.
    [HANDSHAKE_REFUSED]
    async fn version_is_the_upstreams_matter(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        client.send(handshake::request("/", "").replace("Version: 13", "Version: 8")).await?;
        let (mut far, asked) = upstream.request().await?;
        equal("the version", asked.field("sec-websocket-version").as_deref(), Some("8"))?;
        far.send("HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await?;
        let answer = client.answer().await?;
        equal("the status", answer.status(), 426)?;
        equal("the version", answer.field("sec-websocket-version").as_deref(), Some("13"))?;
    }

    /// A handshake on a connection that carried plain requests opens a tunnel.
    ///
    /// Sent: a GET, then a handshake on the same connection. Seen: 200, then 101 and an echo.
    [HANDSHAKE_STRICT_TOKEN]
    async fn after_a_plain_request(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), "").await?;
        let mut client = server.connect().await?;
        client.send("GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n").await?;
        let head = client.answer().await?;
        client.body(&head).await?;
        equal("the first status", head.status(), 200)?;
        handshake::open(&mut client, "/b").await?;
        client.send_frame(&Frame::client(TEXT, "x")).await?;
        equal("an echo", client.frame().await?, Frame::server(TEXT, "x"))?;
    }

    /// Each tunnel has a connection of its own to the upstream, which carries nothing else afterwards.
    ///
    /// Sent: a tunnel that ends, then a plain request. Seen: the request on another connection.
    [HANDSHAKE_CONNECTION]
    async fn connection_of_a_tunnel_is_not_reused(stage) {
        let Opened { server, upstream, mut client, mut far, .. } = stage.opened("").await?;
        client.shutdown().await;
        far.rest().await?;
        drop(far);
        let mut next = server.connect().await?;
        next.send(plain("GET /next", "")).await?;
        let (_, asked) = upstream.request().await?;
        equal("the target", asked.target(), "/next")?;
    }
}
