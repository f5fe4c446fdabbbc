//! An application that tells what it saw: plain requests and handshakes are answered with what arrived, frames come back.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::{handshake, receive};
use crate::verdict::{Trouble, Verdict};
use crate::wire::Head;
use crate::wire::frame::{CLOSE, Frame};

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
        let listener = TcpListener::bind(at).await.map_err(Trouble::broken)?;
        let address = listener.local_addr().map_err(Trouble::broken)?;
        let name = name.to_owned();
        let task = tokio::spawn(async move {
            let mut serving = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                serving.spawn(serve(stream, name.clone()));
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

async fn serve(mut stream: TcpStream, name: String) {
    let mut buffer = Vec::new();
    while let Some(text) = receive::head(&mut stream, &mut buffer).await {
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
async fn echo(mut stream: TcpStream, mut buffer: Vec<u8>) {
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
