//! A client that means well: it asks and echoes from an address of its own, and notes how long each takes.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::Victim;
use crate::real_server::scripted::{HANDSHAKE, until};
use crate::real_server::{PATIENCE, tls};

/// Address of the bystander, which no attacker has.
const FROM: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

pub(super) struct Bystander(Victim);

impl Bystander {
    pub(super) fn new(victim: Victim) -> Self {
        Self(victim)
    }

    /// The 99th percentile of the time that an answer takes: half of the requests are echoes of a tunnel, half are
    /// plain requests on connections of their own.
    pub(super) async fn watch(&self, time: Duration) -> Duration {
        let port = self.0.plain;
        // A thread of its own: what this process does otherwise is not measured.
        let watching = tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(ask(port, time))
        });
        let mut times = watching.await.unwrap();
        times.sort_unstable();
        times[times.len() * 99 / 100]
    }

    /// Asks by TLS, once: handshakes of others do not keep its own away.
    pub(super) async fn shakes_hands(&self) {
        let stream = connect(self.0.secure).await;
        let mut stream = tls(stream, "chat.test", "http/1.1").await;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut line = [0; 12];
        let read = stream.read_exact(&mut line);
        tokio::time::timeout(PATIENCE, read).await.expect("an answer by TLS").unwrap();
        assert_eq!(&line, b"HTTP/1.1 200");
    }
}

async fn connect(port: u16) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind((FROM, 0).into()).unwrap();
    let connected = socket.connect((Ipv4Addr::LOCALHOST, port).into());
    tokio::time::timeout(PATIENCE, connected).await.expect("a bystander is let in").unwrap()
}

async fn ask(port: u16, time: Duration) -> Vec<Duration> {
    let mut tunnel = connect(port).await;
    tunnel.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    until(&mut tunnel, "\r\n\r\n").await;
    let (began, mut times) = (Instant::now(), Vec::new());
    // A masked text of five bytes, and how it comes back.
    let frame = b"\x81\x85\0\0\0\0hello";
    while began.elapsed() < time {
        let sent = Instant::now();
        tunnel.write_all(frame).await.unwrap();
        let mut back = [0; 7];
        let read = tunnel.read_exact(&mut back);
        tokio::time::timeout(PATIENCE, read).await.expect("an echo").unwrap();
        assert_eq!(&back, b"\x81\x05hello");
        times.push(sent.elapsed());
        let sent = Instant::now();
        let mut plain = connect(port).await;
        plain.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
        assert!(until(&mut plain, "\r\n\r\n").await.starts_with("HTTP/1.1 200 "));
        times.push(sent.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    times
}
