//! Asking servers whether they work (`health/check`, `health/websocket`, `health/tunnels`).

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use wsgen_model::config::HealthCheckType;
use wsgen_model::site::HealthCheck;

use crate::head::{self, ResponseHead, tokens};
use crate::http2;
use crate::proxy_header;
use crate::stream::{Peer, Stream};
use crate::upstream::{Server, Speaks};
use crate::worker::Order;

/// Asks one server as long as its configuration holds.
pub(crate) async fn ask(
    check: HealthCheck,
    server: Arc<Server>,
    threads: Vec<mpsc::UnboundedSender<Order>>,
) {
    let interval: Duration = (*check.interval).into();
    let (mut good, mut bad) = (0, 0);
    loop {
        let answered = tokio::time::timeout((*check.timeout).into(), once(&check, &server)).await;
        if answered.unwrap_or(false) {
            (good, bad) = (good + 1, 0);
            if good >= check.healthy_threshold.get() {
                server.standing.set_well(true);
            }
        } else {
            (good, bad) = (0, bad + 1);
            if bad >= check.unhealthy_threshold.get() && server.standing.is_well() {
                server.standing.set_well(false);
                for thread in &threads {
                    let _ = thread.send(Order::Leave(server.clone()));
                }
            }
        }
        tokio::time::sleep(interval).await;
    }
}

/// Asks once.
async fn once(check: &HealthCheck, server: &Server) -> bool {
    let header = server.target.header.map_or_else(Vec::new, proxy_header::local);
    // Nobody's tunnel: a handshake is tried in HTTP/1.1, as tunnels are mostly opened.
    if server.target.speaks_http2() && check.kind.value == HealthCheckType::Http {
        let Ok((stream, carried)) = http2::alone(&server.target, &header).await else {
            return false;
        };
        let mut said = std::pin::pin!(said(check, server, stream));
        return tokio::select! {
            good = &mut said => good,
            // Everything that will come has come.
            () = carried => said.await,
        };
    }
    let Ok(stream) = server.target.connect(&header, Speaks::Http1).await else { return false };
    said(check, server, stream).await
}

/// Asks on a connection.
async fn said(check: &HealthCheck, server: &Server, stream: Stream) -> bool {
    let (path, host) = (check.path.as_str(), server.target.to_string());
    let more = match check.kind.value {
        HealthCheckType::Tcp => return true,
        HealthCheckType::Http => "Connection: close\r\n",
        // The key of nobody: sixteen zeros (RFC 6455 section 4.1).
        HealthCheckType::WebSocket => {
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        }
    };
    let mut peer = Peer::new(stream);
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: wsgen\r\n{more}\r\n");
    if peer.stream.write_all(request.as_bytes()).await.is_err() {
        return false;
    }
    let Some(head) = answer(&mut peer).await else { return false };
    match check.kind.value {
        HealthCheckType::WebSocket => {
            head.status == 101 && tokens(&head.fields, "upgrade").any(|token| token == "websocket")
        }
        _ => check.expect_status.contains(&head.status),
    }
}

/// The last head of an answer.
async fn answer(peer: &mut Peer) -> Option<ResponseHead> {
    loop {
        match head::response(&peer.buffer, "GET") {
            Ok(Some((_, head))) if head.status >= 200 || head.status == 101 => return Some(head),
            Ok(Some((length, _))) => {
                peer.buffer.drain(..length);
            }
            Ok(None) => match peer.fill().await {
                Ok(1..) => {}
                _ => return None,
            },
            Err(_) => return None,
        }
    }
}
