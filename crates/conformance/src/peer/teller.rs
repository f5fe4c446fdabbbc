//! An application that tells what it saw: plain requests and handshakes are answered with what arrived, frames come back.
//!
//! It speaks as it is spoken to: a PROXY header may come first, and then TLS.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::{handshake, receive};
use crate::verdict::{Trouble, Verdict};
use crate::wire::frame::{CLOSE, Frame};
use crate::wire::{Certificate, Head};

/// A running application; it ends with its owner.
#[derive(Debug)]
pub struct Teller {
    address: SocketAddr,
    task: JoinHandle<()>,
}

/// What arrived at an application, and what came back.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The status of the answer.
    pub status: u16,
    /// The answer's head.
    pub answer: Head,
    /// Which application was reached; empty where none was.
    pub by: String,
    /// The request's head as it arrived.
    pub head: Head,
}

impl Teller {
    /// Starts one with a name.
    pub async fn bind(name: &str) -> Verdict<Self> {
        Self::bind_to(name, ([127, 0, 0, 1], 0).into()).await
    }

    /// Starts one at an address.
    pub async fn bind_to(name: &str, at: SocketAddr) -> Verdict<Self> {
        Self::started(name, at, None).await
    }

    /// Starts one that speaks TLS with a certificate where its client begins with TLS.
    pub async fn bind_with(name: &str, certificate: &Certificate) -> Verdict<Self> {
        let tls = Arc::new(certificate.server_config()?);
        Self::started(name, ([127, 0, 0, 1], 0).into(), Some(tls)).await
    }

    async fn started(name: &str, at: SocketAddr, tls: Option<Arc<ServerConfig>>) -> Verdict<Self> {
        let listener = TcpListener::bind(at).await.map_err(Trouble::broken)?;
        let address = listener.local_addr().map_err(Trouble::broken)?;
        let name = name.to_owned();
        let task = tokio::spawn(async move {
            let mut serving = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                serving.spawn(accepted(stream, name.clone(), tls.clone()));
            }
        });
        Ok(Self { address, task })
    }

    /// Where it waits.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Seen {
    /// Reads an answer of a teller.
    pub fn of(answer: Head, body: &[u8]) -> Self {
        let by = answer.field("x-teller").unwrap_or_default();
        let told = answer.field("x-told").map(|told| told.replace(" | ", "\r\n"));
        let told = told.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
        Self { status: answer.status(), by, head: Head::parse(told.trim_end()), answer }
    }
}

/// The first byte of a TLS record with a handshake (RFC 8446 section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;

async fn accepted(mut stream: TcpStream, name: String, tls: Option<Arc<ServerConfig>>) {
    let proxied = match &tls {
        // Cases that look at the bytes of a connection themselves get it as it is.
        None => String::new(),
        Some(_) => match proxy_header(&mut stream).await {
            Some(version) => {
                version.map_or_else(String::new, |v| format!("\r\nX-Proxy-Header: {v}"))
            }
            None => return,
        },
    };
    let mut first = [0];
    let begins_with_tls = tls.is_some()
        && matches!(stream.peek(&mut first).await, Ok(1..))
        && first[0] == TLS_HANDSHAKE;
    match tls.filter(|_| begins_with_tls) {
        Some(config) => {
            if let Ok(stream) = TlsAcceptor::from(config).accept(stream).await {
                serve(stream, name, proxied + "\r\nX-Upstream-Tls: yes").await;
            }
        }
        None => serve(stream, name, proxied).await,
    }
}

/// Takes the PROXY header at the beginning of a connection (the PROXY protocol's specification, sections 2.1 and 2.2). Returns
/// its version, if there is one; nothing where the connection ends within it.
async fn proxy_header(stream: &mut TcpStream) -> Option<Option<&'static str>> {
    const SECOND: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
    let mut seen = [0; 12];
    // A beginning that is neither ends this: no request and no TLS record begins so.
    loop {
        let length = stream.peek(&mut seen).await.ok().filter(|length| *length > 0)?;
        let begun = &seen[..length];
        if begun.starts_with(b"PROXY ") {
            while stream.read_u8().await.ok()? != b'\n' {}
            return Some(Some("v1"));
        }
        if begun == SECOND {
            let mut head = [0; 16];
            stream.read_exact(&mut head).await.ok()?;
            let length = usize::from(u16::from_be_bytes([head[14], head[15]]));
            stream.read_exact(&mut vec![0; length]).await.ok()?;
            return Some(Some("v2"));
        }
        if !b"PROXY ".starts_with(begun) && !SECOND.starts_with(begun) {
            return Some(None);
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// Answers requests; `more` is told with each of them.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, name: String, more: String) {
    let mut buffer = Vec::new();
    while let Some(text) = receive::head(&mut stream, &mut buffer).await {
        let text = text + &more;
        let head = Head::parse(&text);
        if head.lists("upgrade", "websocket") && head.lists("connection", "upgrade") {
            let told = text.replace("\r\n", " | ");
            let more = format!("X-Teller: {name}\r\nX-Told: {told}\r\n");
            let answer = handshake::accept_with(&head, &more);
            if stream.write_all(answer.as_bytes()).await.is_ok() {
                echo(stream, buffer).await;
            }
            return;
        }
        // Who wants to see how long an answer is waited for says so.
        if let Some(seconds) = head.field("x-teller-waits").and_then(|s| s.parse().ok()) {
            tokio::time::sleep(std::time::Duration::from_secs(seconds)).await;
        }
        let mut left = head.field("content-length").and_then(|l| l.parse().ok()).unwrap_or(0_usize);
        while left > 0 {
            if buffer.is_empty() && !matches!(stream.read_buf(&mut buffer).await, Ok(1..)) {
                return;
            }
            let taken = left.min(buffer.len());
            buffer.drain(..taken);
            left -= taken;
        }
        let body = if head.method() == "HEAD" { "" } else { &text };
        let length = text.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\nX-Teller: {name}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Sends messages back until one says that it is the last.
async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin, mut buffer: Vec<u8>) {
    loop {
        while let Some((frame, length)) = Frame::parse(&buffer) {
            buffer.drain(..length);
            let back = Frame { mask: None, ..frame };
            if stream.write_all(&back.bytes()).await.is_err() || back.opcode == CLOSE {
                return;
            }
        }
        if !matches!(stream.read_buf(&mut buffer).await, Ok(1..)) {
            return;
        }
    }
}
