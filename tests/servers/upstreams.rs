//! What servers behind the proxy are told, and what becomes of their tunnels when they fail, observed on running
//! servers that can do so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::real_server::{ALL, PATIENCE, echo, serve, start};
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use wsgen_model::feature::Feature;

/// `listener/proxy-protocol-send`
#[tokio::test]
async fn servers_are_told_the_client_by_the_proxy_header() {
    for kind in ALL.into_iter().filter(|kind| kind.keeps(Feature::SendProxyProtocol)) {
        for (version, begins) in
            [("v1", &b"PROXY TCP4 127.0.0.1 127.0.0.1 "[..]), ("v2", b"\r\n\r\n\0\r\nQUIT\n")]
        {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let model = format!(
                "version: 1\nlisteners: [{{name: web, address: \"127.0.0.1:PORT\"}}]\n\
                 upstreams: {{app: {{servers: [\"127.0.0.1:{port}\"], proxy_protocol: {{send: {version}}}}}}}\nroutes: [{{upstream: app}}]\n"
            );
            let server = start(kind, &model, &[]).await;
            let request = server.send("GET /");
            let seen = async {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = vec![0; 4096];
                let n = stream.read(&mut head).await.unwrap();
                let _ =
                    stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await;
                head.truncate(n);
                head
            };
            let (answer, seen) = tokio::join!(request, seen);
            assert!(seen.starts_with(begins), "{} {version}: {seen:?}", kind.target);
            assert!(answer.starts_with("http/1.1 204"), "{answer}");
        }
    }
}

/// `health/tunnels`
#[tokio::test]
async fn tunnels_of_a_failed_server_end_where_the_model_says_so() {
    for kind in ALL.into_iter().filter(|kind| kind.keeps(Feature::CloseTunnels)) {
        for closes in [true, false] {
            let well = Arc::new(AtomicBool::new(true));
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let state = well.clone();
            tokio::spawn(async move {
                while let Ok((mut stream, _)) = listener.accept().await {
                    let mut head = [0; 1024];
                    let n = stream.peek(&mut head).await.unwrap_or(0);
                    if head[..n].windows(6).any(|six| six == b"/check") {
                        let status =
                            if state.load(Ordering::Relaxed) { "200 OK" } else { "503 No" };
                        let answer = format!(
                            "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                        );
                        let _ = stream.read(&mut head).await;
                        let _ = stream.write_all(answer.as_bytes()).await;
                    } else {
                        tokio::spawn(serve(stream, "app".to_owned()));
                    }
                }
            });
            let what = if closes { "close_tunnels" } else { "keep" };
            let model = format!(
                "version: 1\nlisteners: [{{name: web, address: \"127.0.0.1:PORT\"}}]\nupstreams:\n  app:\n    servers: [\"127.0.0.1:{port}\"]\n\
                 \x20   health_check: {{type: http, path: /check, interval: 200ms, unhealthy_threshold: 2}}\n    on_unhealthy: {what}\n\
                 routes: [{{upstream: app}}]\n"
            );
            let server = start(kind, &model, &[]).await;
            let (mut tunnel, _) = server.open("/", &[]).await.unwrap();
            echo(&mut tunnel, Message::text("well")).await;
            well.store(false, Ordering::Relaxed);
            if closes {
                let end = tokio::time::timeout(PATIENCE, tunnel.next()).await;
                assert!(end.unwrap().is_none_or(|message| message.is_err()), "{}", kind.target);
            } else {
                let deadline = Instant::now() + PATIENCE;
                while server.status("GET /").await == 200 {
                    assert!(Instant::now() < deadline, "{}: it is still used", kind.target);
                }
                echo(&mut tunnel, Message::text("kept")).await;
            }
        }
    }
}
