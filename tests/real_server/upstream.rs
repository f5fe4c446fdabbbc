//! An application behind the proxy, that tells what it saw.

use std::net::IpAddr;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::http::{HeaderValue, Request, Response};

use super::PATIENCE;

/// Starts an upstream and gives its port. WebSockets are echoed, and the 101 says in `x-seen` and `x-head` what
/// arrived; a plain request gets the upstream's name, the request line and every field; `/silent` gets nothing;
/// `/refuse` gets 403.
pub(crate) async fn upstream(name: &str) -> u16 {
    upstream_at(name, 0).await
}

/// The same on a port that is known already.
pub(crate) async fn upstream_at(name: &str, port: u16) -> u16 {
    upstream_on(name, [127, 0, 0, 1], port).await
}

/// The same on another loopback address.
pub(crate) async fn upstream_on(name: &str, address: [u8; 4], port: u16) -> u16 {
    let listener = TcpListener::bind((IpAddr::from(address), port)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let name = name.to_owned();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, name.clone()));
        }
    });
    port
}

/// Answers one connection.
pub(crate) async fn serve(mut stream: TcpStream, name: String) {
    let mut head = vec![0; 65_536];
    let mut n = 0;
    while !head[..n].windows(4).any(|four| four == b"\r\n\r\n") {
        match stream.peek(&mut head).await {
            Ok(more) if more > n => n = more,
            _ => return,
        }
    }
    let text = String::from_utf8_lossy(&head[..n]).into_owned();
    let lower = text.to_ascii_lowercase();
    let line = text.lines().next().unwrap_or("").to_owned();
    if line.contains("/silent ") {
        tokio::time::sleep(PATIENCE).await;
    } else if lower.contains("upgrade: websocket") && !line.contains("/refuse ") {
        // What arrived travels back in fields.
        let head = text.trim_end().replace("\r\n", " | ");
        #[allow(clippy::result_large_err, reason = "the library's own signature")]
        let tell = move |asked: &Request<()>, mut answer: Response<()>| {
            // The first subprotocol that is offered is taken.
            if let Some(offer) = asked.headers().get("sec-websocket-protocol") {
                let first = offer.to_str().unwrap().split(',').next().unwrap().trim();
                let first = HeaderValue::from_str(first).unwrap();
                answer.headers_mut().insert("sec-websocket-protocol", first);
            }
            let value = HeaderValue::from_str(&format!("{name} {line}")).unwrap();
            answer.headers_mut().insert("x-seen", value);
            let head = HeaderValue::from_bytes(head.as_bytes()).unwrap();
            answer.headers_mut().insert("x-head", head);
            Ok(answer)
        };
        let accepted = tokio_tungstenite::accept_hdr_async(stream, tell).await;
        let Ok(mut socket) = accepted else { return };
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() || socket.send(message).await.is_err() {
                return;
            }
        }
    } else {
        let _ = stream.read(&mut head).await;
        let status = if line.contains("/refuse ") { "403 Forbidden" } else { "200 OK" };
        let body = format!("{name}\n{text}");
        let answer = format!(
            "HTTP/1.1 {status}\r\nX-Powered-By: {name}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let _ = stream.write_all(answer.as_bytes()).await;
    }
}
