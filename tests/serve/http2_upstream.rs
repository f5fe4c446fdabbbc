//! HTTP/2 to upstreams (`protocol: h2c | h2`, `websocket.upstream_h2`).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::real_server::scripted::{HANDSHAKE, connect, rest, until};
use crate::real_server::{ALL, PATIENCE, SERVE, certificate, start};
use bytes::Bytes;
use h2::RecvStream;
use h2::ext::Protocol;
use h2::server::{Builder, SendResponse};
use http::{HeaderMap, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use wsgen_model::feature::Feature;

/// Serves a connection. A request is told back, with its trailers; a tunnel's bytes are echoed.
async fn serve<S: AsyncRead + AsyncWrite + Unpin>(stream: S, announces: bool) {
    let mut builder = Builder::new();
    if announces {
        builder.enable_connect_protocol();
    }
    let Ok(mut connection) = builder.handshake::<_, Bytes>(stream).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::spawn(answer(request, respond));
    }
}

async fn answer(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
    let (parts, mut body) = request.into_parts();
    if parts.uri.path() == "/reset" {
        return respond.send_reset(h2::Reason::ENHANCE_YOUR_CALM);
    }
    let field =
        |name: &str| parts.headers.get(name).map_or("-", |v| v.to_str().unwrap()).to_owned();
    let seen = format!("{} {} te={}", parts.method, parts.uri, field("te"));
    if parts.extensions.get::<Protocol>().is_some() {
        let answer =
            Response::builder().header("x-seen", seen).header("x-key", field("sec-websocket-key"));
        let mut send = respond.send_response(answer.body(()).unwrap(), false).unwrap();
        while let Some(Ok(data)) = body.data().await {
            body.flow_control().release_capacity(data.len()).unwrap();
            send.send_data(data, false).unwrap();
        }
        send.send_data(Bytes::from_static(b"bye"), true).unwrap();
        return;
    }
    let mut all = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        body.flow_control().release_capacity(data.len()).unwrap();
        all.extend_from_slice(&data);
    }
    let trailers = body.trailers().await.unwrap().unwrap_or_default();
    let mut send = respond.send_response(Response::new(()), false).unwrap();
    let told = format!("{seen} body={} trailers={trailers:?}\n", String::from_utf8_lossy(&all));
    send.send_data(told.into(), false).unwrap();
    let mut last = HeaderMap::new();
    last.insert("grpc-status", "0".parse().unwrap());
    last.insert("set-cookie", "a=b".parse().unwrap());
    send.send_trailers(last).unwrap();
}

/// Starts an upstream that speaks HTTP/2 to whoever begins with it, and HTTP/1.1 to others; and counts its
/// connections of HTTP/2.
async fn upstream(announces: bool) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut first = [0; 3];
            while stream.peek(&mut first).await.is_ok_and(|n| (1..3).contains(&n)) {}
            if first == *b"PRI" {
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream, announces));
            } else {
                tokio::spawn(crate::real_server::serve(stream, "one".into()));
            }
        }
    });
    (port, count)
}

fn model(port: u16, upstream: &str, route: &str) -> String {
    format!(
        "version: 1\nlisteners: [{{name: web, address: \"127.0.0.1:PORT\"}}]\n\
         upstreams: {{app: {{servers: [\"127.0.0.1:{port}\"], {upstream}}}}}\nroutes: [{{upstream: app{route}}}]\n"
    )
}

#[tokio::test]
async fn requests_share_a_connection() {
    for kind in ALL.into_iter().filter(|kind| kind.keeps(Feature::UpstreamHttp2)) {
        let (port, count) = upstream(false).await;
        let server = start(kind, &model(port, "protocol: h2c", ""), &[]).await;
        let answers = (0..8).map(|n| {
            let server = &server;
            async move { server.send(&format!("GET /{n}?b\nHost: chat.test")).await }
        });
        for (n, answer) in futures_util::future::join_all(answers).await.into_iter().enumerate() {
            assert!(answer.starts_with("http/1.1 200"), "{}: {answer}", kind.target);
            let seen = format!("/{n}?b te=");
            assert!(answer.contains(&seen), "{}: {answer}", kind.target);
        }
        // One for each thread; HAProxy keeps the clients' first requests apart (http-reuse safe).
        let count = count.load(Ordering::Relaxed);
        assert!(!kind.serves() || count < 8, "{count} connections");
        let answer = server.send("POST /\nContent-Length: 5\n\nhello").await;
        assert!(answer.contains(" body=hello "), "{}: {answer}", kind.target);
    }
}

#[tokio::test]
async fn trailers_cross_both_ways() {
    let (port, _) = upstream(false).await;
    let server = start(&SERVE, &model(port, "protocol: h2c", ""), &[]).await;
    let mut stream = connect(&server).await;
    let request = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 7\r\n\
                   X_Forwarded_For: 6.6.6.6\r\nContent-Length: 9\r\nAuthorization: x\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = until(&mut stream, "grpc-status: 0\r\n\r\n").await;
    assert!(!answer.contains("set-cookie"), "{answer}");
    assert!(answer.contains("te=trailers body=hello trailers={\"x-sum\": \"7\"}"), "{answer}");
    assert!(answer.to_lowercase().contains("transfer-encoding: chunked\r\n"), "{answer}");

    // HTTP/1.0 has no chunks.
    let mut stream = connect(&server).await;
    stream.write_all(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n").await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(!answer.to_lowercase().contains("transfer-encoding"), "{answer}");
    assert!(answer.ends_with("trailers={}\n"), "{answer}");
}

#[tokio::test]
async fn tunnels_travel_in_streams_where_they_should() {
    let (port, count) = upstream(true).await;
    let plain = start(&SERVE, &model(port, "protocol: h2c", ""), &[]).await;
    let mut stream = connect(&plain).await;
    stream.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    let head = until(&mut stream, "\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("x-seen: one GET /ws"), "{head}");
    assert_eq!(count.load(Ordering::Relaxed), 0, "tunnels use HTTP/1.1");

    let route = ", websocket: {upstream_h2: true}";
    let server = start(&SERVE, &model(port, "protocol: h2c", route), &[]).await;
    let mut stream = connect(&server).await;
    stream.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    let head = until(&mut stream, "\r\n\r\n").await.to_lowercase();
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    assert!(head.contains("x-seen: connect http://a.test/ws te=-\r\n"), "{head}");
    assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"), "{head}");
    assert!(head.contains("x-key: -\r\n"), "{head}");
    stream.write_all(b"any bytes").await.unwrap();
    until(&mut stream, "any bytes").await;
    // The end of one side is seen by the other, which has the last word.
    stream.shutdown().await.unwrap();
    assert_eq!(rest(&mut stream).await, "bye");
}

#[tokio::test]
async fn a_server_that_takes_no_tunnels_is_a_bad_gateway() {
    let (port, _) = upstream(false).await;
    let route = ", websocket: {upstream_h2: true}";
    let server = start(&SERVE, &model(port, "protocol: h2c", route), &[]).await;
    let mut stream = connect(&server).await;
    stream.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    until(&mut stream, "HTTP/1.1 502 ").await;
    let cause = "closed without an answer: it takes no WebSockets over HTTP/2";
    server.line("stderr.log", &["stage=\"response_head\"", cause]).await;
    // Requests still reach it.
    assert_eq!(server.status("GET /").await, 200);
}

/// The end of a stream was said without the reason that the server gave for it.
#[tokio::test]
async fn a_stream_that_is_reset_is_said_with_its_reason() {
    let (port, _) = upstream(false).await;
    let server = start(&SERVE, &model(port, "protocol: h2c", ""), &[]).await;
    assert_eq!(server.status("GET /reset").await, 502);
    let cause = "closed without an answer: stream error received: ";
    server.line("stderr.log", &["stage=\"response_head\"", cause]).await;
}

#[tokio::test]
async fn a_check_speaks_what_the_server_speaks() {
    let (port, _) = upstream(false).await;
    let check = "protocol: h2c, health_check: {type: http, path: /, interval: 1s, timeout: 1s, unhealthy_threshold: 1}";
    let server = start(&SERVE, &model(port, check, ""), &[]).await;
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    assert_eq!(server.status("GET /").await, 200);
}

#[tokio::test]
async fn a_check_reaches_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.sock");
    let listener = UnixListener::bind(&file).unwrap();
    let checks = Arc::new(AtomicUsize::new(0));
    let count = checks.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(serve(stream, false));
        }
    });
    let check = "protocol: h2c, health_check: {type: http, path: /, interval: 1s, timeout: 1s, unhealthy_threshold: 1}";
    let model = model(9, check, "").replace("127.0.0.1:9", &format!("unix:{}", file.display()));
    let server = start(&SERVE, &model, &[]).await;
    while checks.load(Ordering::Relaxed) < 3 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(server.status("GET /").await, 200, "the first check was good");
}

#[tokio::test]
async fn tls_agrees_on_http2() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path(), "app.test", "app.test");
    let file = |end: &str| folder.path().join(format!("app.test.{end}"));
    let chain = vec![CertificateDer::from_pem_file(file("pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(file("key")).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(stream, true).await;
                }
            });
        }
    });
    let ca = file("pem").display().to_string();
    let upstream = format!("protocol: h2, tls: {{server_name: app.test, ca: {ca}}}");
    for kind in ALL.into_iter().filter(|kind| kind.keeps(Feature::UpstreamHttp2)) {
        let server = start(kind, &model(port, &upstream, ""), &[]).await;
        let answer = server.send("GET /a").await;
        assert!(answer.contains("/a te="), "{}: {answer}", kind.target);
    }
    let route = ", websocket: {upstream_h2: true}";
    let server = start(&SERVE, &model(port, &upstream, route), &[]).await;
    let mut stream: TcpStream = connect(&server).await;
    stream.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    let head = tokio::time::timeout(PATIENCE, until(&mut stream, "\r\n\r\n")).await.unwrap();
    assert!(head.contains("x-seen: CONNECT https://a.test/ws"), "{head}");
}
