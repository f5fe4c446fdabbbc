//! The PROXY protocol, in front and behind.

use crate::case::cases;
use crate::opened::plain;
use crate::peer::{Seen, Teller, handshake};
use crate::verdict::{Trouble, check, equal};

/// The header of version 2 for 203.0.113.9:40000 to 192.0.2.1:443 over TCP.
const VERSION_2: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x09\xc0\0\x02\x01\x9c\x40\x01\xbb";
/// The same of version 1.
const VERSION_1: &[u8] = b"PROXY TCP4 203.0.113.9 192.0.2.1 40000 443\r\n";

cases! { "proxy-protocol";
    /// A listener that expects the header takes the client's address from it.
    ///
    /// Sent: the header of version 1, then a request and a handshake. Seen: the address in what the upstream is told.
    [PROXY_PROTOCOL, AcceptProxyProtocol, ProxyProtocolFrom]
    async fn accepted_version_1(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.site(app.address(), ", proxy_protocol: {accept: any, from: [127.0.0.0/8]}", "", "").await?;
        for request in [plain("GET /", ""), handshake::request("/", "")] {
            let mut client = server.connect().await?;
            client.send([VERSION_1, request.as_bytes()].concat()).await?;
            let head = client.answer().await?;
            let body = if head.status() == 101 { Vec::new() } else { client.body(&head).await? };
            let seen = Seen::of(head, &body);
            equal("the client", seen.head.field("x-forwarded-for").as_deref(), Some("203.0.113.9"))?;
        }
    }

    /// The header of version 2 is read too.
    ///
    /// Sent: the header of version 2, then a handshake. Seen: the address in what the upstream is told.
    [PROXY_PROTOCOL, AcceptProxyProtocol, ProxyProtocolFrom]
    async fn accepted_version_2(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.site(app.address(), ", proxy_protocol: {accept: any, from: [127.0.0.0/8]}", "", "").await?;
        let mut client = server.connect().await?;
        client.send([VERSION_2, handshake::request("/", "").as_bytes()].concat()).await?;
        let seen = Seen::of(client.answer().await?, b"");
        equal("the client", seen.head.field("x-forwarded-for").as_deref(), Some("203.0.113.9"))?;
    }

    /// A connection without the header is refused where one is expected.
    ///
    /// Sent: a request without the header. Seen: no answer of the upstream's.
    [PROXY_PROTOCOL, AcceptProxyProtocol, ProxyProtocolFrom]
    async fn missing_header(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.site(app.address(), ", proxy_protocol: {accept: any, from: [127.0.0.0/8]}", "", "").await?;
        let mut client = server.connect().await?;
        client.send(plain("GET /", "")).await?;
        let status = match client.answer().await {
            Ok(answer) => answer.status(),
            Err(Trouble::Failed(_)) => 0,
            Err(trouble) => return Err(trouble),
        };
        check(status != 200, "a refusal", status)?;
    }

    /// Each connection to a server begins with the header, with the client's address.
    ///
    /// Sent: a handshake. Seen: the header ahead of it, with the client's address, then a tunnel.
    [PROXY_PROTOCOL_SEND, SendProxyProtocol]
    async fn sent(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.site(upstream.address(), "", ", proxy_protocol: {send: v1}", "").await?;
        let mut client = server.connect().await?;
        client.send(handshake::request("/", "")).await?;
        let mut far = upstream.accept().await?;
        far.expect("PROXY TCP4 127.0.0.1 127.0.0.1 ").await?;
        while far.bytes(1).await? != b"\n" {}
        let asked = far.head().await?;
        far.send(handshake::accept(&asked)).await?;
        equal("the status", client.answer().await?.status(), 101)?;
    }
}
