//! HTTP/2 in front.

use std::sync::Arc;

use bytes::Bytes;
use h2::ext::Protocol;
use http::{Method, Request, Version};

use crate::case::cases;
use crate::peer::{Http2, Teller, handshake, read, response};
use crate::stage::{Server, Stage};
use crate::verdict::{Trouble, Verdict, check, equal};
use crate::wire::frame::{Frame, TEXT};
use crate::wire::{Certificate, Upstream, Versions, client_tls, tls_stream};

/// A target whose listener offers HTTP/2, and has more of its own.
pub(super) async fn offering(
    stage: &Stage,
    upstream: std::net::SocketAddr,
    listener: &str,
) -> Verdict<Arc<Server>> {
    offering_in(stage, "", upstream, listener).await
}

/// Starts a site with HTTP/2 in front, and with more settings of its own.
pub(super) async fn offering_in(
    stage: &Stage,
    site: &str,
    upstream: std::net::SocketAddr,
    listener: &str,
) -> Verdict<Arc<Server>> {
    let certificate = Certificate::new(&["chat.test"])?;
    let chain = stage.file("chat.pem", &certificate.chain)?;
    let key = stage.file("chat.key", &certificate.key)?;
    let model = format!(
        "version: 1\n{site}listeners: [{{name: web, address: \"LISTEN\", protocols: [h2, http/1.1], \
         tls: {{certificates: [{{certificate: \"{chain}\", key: \"{key}\"}}]}}{listener}}}]\n\
         upstreams: {{app: {{servers: [\"{upstream}\"]}}}}\nroutes: [{{upstream: app}}]\n"
    );
    stage.start(&model).await
}

pub(super) async fn connected(server: &Server) -> Verdict<Http2> {
    let tcp = server.tcp(server.address).await?;
    Http2::over(tls_stream(tcp, "chat.test", "h2").await?).await
}

pub(super) fn get(target: &str) -> Request<()> {
    let mut request = Request::new(());
    *request.version_mut() = Version::HTTP_2;
    *request.uri_mut() = format!("https://chat.test{target}").parse().unwrap_or_default();
    request
}

/// An extended CONNECT (RFC 8441 section 4).
fn websocket(target: &str) -> Request<()> {
    let mut request = get(target);
    *request.method_mut() = Method::CONNECT;
    request.extensions_mut().insert(Protocol::from_static("websocket"));
    request.headers_mut().insert("sec-websocket-version", http::HeaderValue::from_static("13"));
    request
}

/// Whether WebSockets are announced, which is known once an answer has come.
async fn announced(client: &mut Http2) -> Verdict<bool> {
    equal("the status", client.get(get("/")).await?.status().as_u16(), 200)?;
    Ok(client.announces_websockets())
}

cases! { "http2";
    /// A listener that offers HTTP/2 speaks it.
    ///
    /// Sent: a request over HTTP/2. Seen: its answer, and an ordinary request at the upstream.
    [LISTENER_PROTOCOLS, ListenerTls, Http2]
    async fn requests(stage) {
        let app = Teller::bind("app").await?;
        let server = offering(stage, app.address(), "").await?;
        let mut client = connected(&server).await?;
        let answer = client.get(get("/a?b=c")).await?;
        equal("the status", answer.status().as_u16(), 200)?;
        let told = read(&mut answer.into_body(), usize::MAX).await?;
        let told = String::from_utf8_lossy(&told).into_owned();
        check(told.starts_with("GET /a?b=c HTTP/1.1"), "the request at the upstream", &told)?;
        check(told.to_lowercase().contains("\r\nhost: chat.test"), "its host", told)?;
    }

    /// A listener that offers HTTP/2 still opens tunnels for clients of HTTP/1.1.
    ///
    /// Sent: a handshake by ALPN `http/1.1`. Seen: a tunnel.
    [LISTENER_PROTOCOLS, ListenerTls, Http2]
    async fn http_1_1_beside_it(stage) {
        let app = Teller::bind("app").await?;
        let server = offering(stage, app.address(), "").await?;
        let tcp = server.tcp(server.address).await?;
        let (mut client, _, agreed) = client_tls(tcp, "chat.test", "http/1.1", Versions::Both, None, &stage.transcript).await?;
        equal("the protocol", agreed, Some(b"http/1.1".to_vec()))?;
        handshake::open(&mut client, "/").await?;
        client.send_frame(&Frame::client(TEXT, "x")).await?;
        equal("an echo", client.frame().await?, Frame::server(TEXT, "x"))?;
    }

    /// WebSockets over HTTP/2 are announced, and become handshakes of HTTP/1.1.
    ///
    /// Sent: an extended CONNECT. Seen: 200, a handshake with a key at the upstream, frames both ways.
    [HANDSHAKE_EXTENDED_CONNECT, ListenerTls, Http2, H2WebSockets]
    async fn websockets(stage) {
        let app = Teller::bind("app").await?;
        let server = offering(stage, app.address(), "").await?;
        let mut client = connected(&server).await?;
        equal("announced", announced(&mut client).await?, true)?;
        let (answer, mut up) = client.send(websocket("/ws?c=d"), false).await?;
        let answer = response(answer).await?;
        equal("the status", answer.status().as_u16(), 200)?;
        let told = answer.headers().get("x-told").and_then(|v| v.to_str().ok()).unwrap_or_default().to_lowercase();
        check(told.starts_with("get /ws?c=d http/1.1") && told.contains("sec-websocket-key:"), "a handshake at the upstream", told)?;
        let sent = Bytes::from(Frame::client(TEXT, "hello").bytes());
        up.send_data(sent, false).map_err(|error| Trouble::failed("bytes are taken", error))?;
        let expected = Frame::server(TEXT, "hello").bytes();
        equal("an echo", read(&mut answer.into_body(), expected.len()).await?, expected)?;
    }

    /// A tunnel over HTTP/2 ends as others do.
    ///
    /// Sent: the upstream's end. Seen: the end of the stream.
    [HANDSHAKE_EXTENDED_CONNECT, ListenerTls, Http2, H2WebSockets]
    async fn end_of_a_tunnel(stage) {
        let upstream = Upstream::bind("upstream", &stage.transcript).await?;
        let server = offering(stage, upstream.address(), "").await?;
        let mut client = connected(&server).await?;
        let settings = async {
            let (mut far, _) = upstream.request().await?;
            far.send(crate::opened::OK).await
        };
        let (known, settled) = tokio::join!(announced(&mut client), settings);
        settled?;
        equal("announced", known?, true)?;
        let (answer, _up) = client.send(websocket("/"), false).await?;
        let (mut far, asked) = upstream.request().await?;
        far.send(handshake::accept(&asked)).await?;
        let answer = response(answer).await?;
        equal("the status", answer.status().as_u16(), 200)?;
        far.send("last").await?;
        drop(far);
        let mut body = answer.into_body();
        equal("the last words", read(&mut body, 4).await?, b"last".to_vec())?;
    }

    /// A refusal over HTTP/2 is a refusal.
    ///
    /// Sent: an extended CONNECT that the upstream refuses. Seen: its 403.
    [HANDSHAKE_REFUSED, ListenerTls, Http2, H2WebSockets]
    async fn refusal(stage) {
        let upstream = Upstream::bind("upstream", &stage.transcript).await?;
        let server = offering(stage, upstream.address(), "").await?;
        let mut client = connected(&server).await?;
        let settings = async {
            let (mut far, _) = upstream.request().await?;
            far.send(crate::opened::OK).await
        };
        let (known, settled) = tokio::join!(announced(&mut client), settings);
        settled?;
        equal("announced", known?, true)?;
        let (answer, _up) = client.send(websocket("/"), false).await?;
        let (mut far, _) = upstream.request().await?;
        far.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await?;
        equal("the status", response(answer).await?.status().as_u16(), 403)?;
    }

    /// With `h2_websockets: off` nothing is announced, and clients fall back to HTTP/1.1.
    ///
    /// Sent: a connection of HTTP/2. Seen: no announcement.
    [HANDSHAKE_EXTENDED_CONNECT, ListenerTls, Http2, H2WebSocketsOff]
    async fn not_announced(stage) {
        let app = Teller::bind("app").await?;
        let server = offering(stage, app.address(), ", h2_websockets: \"off\"").await?;
        let mut client = connected(&server).await?;
        equal("announced", announced(&mut client).await?, false)?;
    }

    /// Many requests share a connection.
    ///
    /// Sent: twenty requests at once. Seen: twenty answers.
    [LISTENER_PROTOCOLS, ListenerTls, Http2]
    async fn at_once(stage) {
        let app = Teller::bind("app").await?;
        let server = offering(stage, app.address(), "").await?;
        let mut client = connected(&server).await?;
        let mut answers = Vec::new();
        for n in 0..20 {
            answers.push(client.send(get(&format!("/{n}")), true).await?.0);
        }
        for (n, answer) in answers.into_iter().enumerate() {
            let told = read(&mut response(answer).await?.into_body(), usize::MAX).await?;
            let told = String::from_utf8_lossy(&told).into_owned();
            check(told.starts_with(&format!("GET /{n} ")), format!("the answer to {n}"), told)?;
        }
    }
}
