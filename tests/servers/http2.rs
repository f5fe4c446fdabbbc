//! HTTP/2 in front: plain requests, and WebSockets where they are announced (RFC 8441), on running servers.

use crate::real_server::{ALL, PATIENCE, Server, certificate, start, tls, upstream};
use bytes::Bytes;
use h2::RecvStream;
use h2::client::SendRequest;
use h2::ext::Protocol;
use http::{Method, Request, Version};
use tokio::net::TcpStream;
use wsgen_model::feature::Feature;

async fn connect(server: &Server) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
    let stream = tls(stream, "chat.test", "h2").await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn read(body: &mut RecvStream, until: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < until {
        let Some(part) = tokio::time::timeout(PATIENCE, body.data()).await.unwrap() else { break };
        let part = part.unwrap();
        body.flow_control().release_capacity(part.len()).unwrap();
        bytes.extend(part);
    }
    bytes
}

/// A model with a TLS listener that speaks HTTP/2 first.
fn model(certs: &str, app: u16, more: &str) -> String {
    format!(
        "version: 1\nlisteners:\n  - name: web\n    address: \"127.0.0.1:PORT\"\n    protocols: [h2, http/1.1]\n{more}\
         \x20   tls: {{certificates: [{{certificate: {certs}/chat.test.pem, key: {certs}/chat.test.key}}]}}\n\
         upstreams: {{app: {{servers: [\"127.0.0.1:{app}\"]}}}}\nroutes: [{{upstream: app}}]\n"
    )
}

#[tokio::test]
async fn requests_and_tunnels_travel_in_streams() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path(), "chat.test", "chat.test");
    let certs = folder.path().display().to_string();
    let app = upstream("app").await;
    for kind in ALL.into_iter().filter(|kind| kind.keeps(Feature::Http2)) {
        let server = start(kind, &model(&certs, app, ""), &[]).await;
        let mut client = connect(&server).await.ready().await.unwrap();
        let request = Request::builder().version(Version::HTTP_2).uri("https://chat.test/a?b");
        let (answer, _) = client.send_request(request.body(()).unwrap(), true).unwrap();
        let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap().unwrap();
        assert_eq!(answer.status(), 200, "{}", kind.target);
        let seen = read(&mut answer.into_body(), usize::MAX).await;
        let seen = String::from_utf8(seen).unwrap().to_lowercase();
        assert!(seen.starts_with("app\nget /a?b http/1.1"), "{}: {seen}", kind.target);
        assert!(seen.contains("\r\nhost: chat.test\r\n"), "{}: {seen}", kind.target);

        // `handshake/extended-connect`; nginx announces nothing, and clients fall back to HTTP/1.1.
        let announced = client.is_extended_connect_protocol_enabled();
        assert_eq!(announced, kind.keeps(Feature::H2WebSockets), "{}", kind.target);
        if !announced {
            continue;
        }
        let mut client = client.ready().await.unwrap();
        let request = Request::builder()
            .method(Method::CONNECT)
            .version(Version::HTTP_2)
            .uri("https://chat.test/ws?c=d")
            .extension(Protocol::from_static("websocket"))
            .header("sec-websocket-version", "13")
            .body(())
            .unwrap();
        let (answer, mut up) = client.send_request(request, false).unwrap();
        let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap().unwrap();
        assert_eq!(answer.status(), 200, "{}", kind.target);
        assert_eq!(answer.headers()["x-seen"], "app GET /ws?c=d HTTP/1.1", "{}", kind.target);
        // A text frame, masked with zeros, and what comes back for it (RFC 6455 section 5.2).
        up.send_data(Bytes::from_static(b"\x81\x85\0\0\0\0hello"), false).unwrap();
        let echo = read(&mut answer.into_body(), 7).await;
        assert_eq!(echo, b"\x81\x05hello", "{}", kind.target);
    }
}

#[tokio::test]
async fn nothing_is_announced_where_the_model_says_so() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path(), "chat.test", "chat.test");
    let certs = folder.path().display().to_string();
    let app = upstream("app").await;
    for kind in ALL.into_iter().filter(|kind| kind.keeps(Feature::Http2)) {
        let model = model(&certs, app, "    h2_websockets: \"off\"\n");
        let server = start(kind, &model, &[]).await;
        let mut client = connect(&server).await.ready().await.unwrap();
        let request = Request::builder().version(Version::HTTP_2).uri("https://chat.test/");
        let (answer, _) = client.send_request(request.body(()).unwrap(), true).unwrap();
        assert_eq!(answer.await.unwrap().status(), 200, "{}", kind.target);
        assert!(!client.is_extended_connect_protocol_enabled(), "{}", kind.target);
    }
}
