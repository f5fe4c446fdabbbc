//! An application that answers WebSockets with what they say.

use std::io;
use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

use super::{Mischief, handshake, receive};
use crate::wire::Head;

/// An echo that runs until it is dropped. Plain requests get 200 and their own head; a query asks for [`Mischief`].
#[derive(Debug)]
pub struct Echo {
    address: SocketAddr,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Time in which a client must have sent its head.
const PATIENCE: Duration = Duration::from_secs(10);

impl Echo {
    /// Starts an echo on a thread of its own.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = std::net::TcpListener::bind(address)?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let (end, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = accept(socket) => {}
                    _ = ended => {}
                }
            });
        });
        Ok(Self { address, end: Some(end), thread: Some(thread) })
    }

    /// Where it waits.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for its end, which comes with that of the process.
    pub fn join(mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            let _ = end.send(());
        }
    }
}

async fn accept(socket: std::net::TcpListener) -> io::Result<()> {
    let socket = TcpListener::from_std(socket)?;
    loop {
        match socket.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve(stream));
            }
            // No descriptor is free; one will be.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn serve(mut stream: TcpStream) {
    let mut buffer = Vec::new();
    let received = tokio::time::timeout(PATIENCE, receive::head(&mut stream, &mut buffer)).await;
    let Ok(Some(text)) = received else { return };
    let asked = Head::parse(&text);
    let mischief = Mischief::of(asked.target());
    tokio::time::sleep(mischief.delay).await;
    if mischief.silent {
        // Until the client loses its patience.
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        return;
    }
    if mischief.drops {
        return;
    }
    if asked.lists("upgrade", "websocket") {
        match (mischief.status, mischief.lies) {
            (None, false) => talk(stream, buffer, &asked, &mischief).await,
            (None, true) => {
                let lie = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: another\r\nConnection: Upgrade\r\n\r\n";
                let _ = stream.write_all(lie.as_bytes()).await;
            }
            (Some(status), _) => {
                let refusal = format!(
                    "HTTP/1.1 {status} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                );
                let _ = stream.write_all(refusal.as_bytes()).await;
            }
        }
        return;
    }
    // The whole head, with its empty line.
    let length = text.len() + 4;
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}\r\n\r\n"
    );
    let _ = stream.write_all(answer.as_bytes()).await;
}

/// Accepts a handshake and sends messages back; `buffer` came behind its head.
async fn talk(mut stream: TcpStream, buffer: Vec<u8>, asked: &Head, mischief: &Mischief) {
    let good = asked.lists("connection", "upgrade")
        && asked.lists("sec-websocket-version", "13")
        && asked.field("sec-websocket-key").is_some();
    if !good {
        let refusal = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        let _ = stream.write_all(refusal.as_bytes()).await;
        return;
    }
    if stream.write_all(handshake::accept(asked).as_bytes()).await.is_err() {
        return;
    }
    let mut socket = WebSocketStream::from_partially_read(stream, buffer, Role::Server, None).await;
    while let Some(Ok(message)) = socket.next().await {
        if message.is_close() {
            // The answer was made while it was read.
            let _ = socket.flush().await;
            return;
        }
        // Pings are answered below.
        if !(message.is_text() || message.is_binary()) {
            continue;
        }
        if let Some(code) = mischief.close {
            let frame = CloseFrame { code: code.into(), reason: "as asked".into() };
            let _ = socket.close(Some(frame)).await;
            // What the client sent meanwhile is read: a socket with unread bytes is reset, and the frame lost.
            let rest = async { while let Some(Ok(_)) = socket.next().await {} };
            let _ = tokio::time::timeout(PATIENCE, rest).await;
            return;
        }
        let back = if mischief.alters { altered(&message) } else { message };
        if socket.send(back).await.is_err() {
            return;
        }
    }
}

/// The same message with another first byte.
fn altered(message: &Message) -> Message {
    let mut bytes = message.clone().into_data().to_vec();
    if let Some(first) = bytes.first_mut() {
        *first ^= 1;
    }
    if message.is_text() {
        Message::text(String::from_utf8_lossy(&bytes).into_owned())
    } else {
        Message::binary(bytes)
    }
}
