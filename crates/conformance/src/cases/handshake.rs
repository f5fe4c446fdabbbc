//! The request side of the handshake.

use crate::case::cases;
use crate::peer::handshake;
use crate::verdict::{check, equal};
use crate::wire::frame::{Frame, TEXT};

cases! { "handshake";
    /// A handshake reaches the upstream with `Upgrade` and `Connection`, its 101 comes back, and messages pass both ways.
    ///
    /// Sent: a handshake, then a text. Seen: the upgrade at the upstream, the accept of its 101 at the client, the echo.
    [HANDSHAKE_STRICT_TOKEN]
    async fn accepted(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        client.send(handshake::request("/chat", "")).await?;
        let (mut far, asked) = upstream.request().await?;
        check(asked.lists("connection", "upgrade"), "`Connection: upgrade` at the upstream", &asked)?;
        equal("Upgrade at the upstream", asked.field("upgrade").map(|v| v.to_lowercase()), Some("websocket".into()))?;
        far.send(handshake::accept(&asked)).await?;
        let answer = client.answer().await?;
        equal("the status", answer.status(), 101)?;
        equal("the accept", answer.field("sec-websocket-accept"), Some(handshake::accept_key(handshake::KEY)))?;
        client.send_frame(&Frame::client(TEXT, "hello")).await?;
        equal("the upstream gets", far.frame().await?, Frame::client(TEXT, "hello"))?;
        far.send_frame(&Frame::server(TEXT, "hello yourself")).await?;
        equal("the client gets", client.frame().await?, Frame::server(TEXT, "hello yourself"))?;
    }
}
