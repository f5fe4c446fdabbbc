//! Waves of attackers. Each wave goes on until it is dropped, and connects again where it is cut off.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::{Victim, Wave};
use crate::real_server::tls;

/// Attackers in a thread of their own, with the lowest priority: what they cost this machine is not the proxy's fault.
pub(super) struct Attackers(Option<(oneshot::Sender<()>, std::thread::JoinHandle<()>)>);

impl Attackers {
    pub(super) fn start(many: usize, wave: Wave, victim: Victim) -> Self {
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            // On Linux this is about the calling thread (nice(2)).
            let _ = rustix::process::nice(19);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let mut attackers = JoinSet::new();
                for _ in 0..many {
                    attackers.spawn(async move {
                        loop {
                            wave(victim).await;
                            tokio::time::sleep(Duration::from_millis(10)).await;
                        }
                    });
                }
                let _ = stopped.await;
            });
        });
        Self(Some((stop, thread)))
    }
}

impl Drop for Attackers {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.0.take() {
            let _ = stop.send(());
            let _ = thread.join();
        }
    }
}

pub(super) async fn heads_without_an_end(victim: Victim) {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", victim.plain)).await else { return };
    let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nX-A: ").await;
    while stream.write_all(b"a").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

pub(super) async fn handshakes_without_an_end(victim: Victim) {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", victim.secure)).await else { return };
    // The beginning of a ClientHello of 512 bytes.
    let _ = stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").await;
    while stream.write_all(b"a").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

pub(super) async fn handshakes_one_after_the_other(victim: Victim) {
    let Ok(stream) = TcpStream::connect(("127.0.0.1", victim.secure)).await else { return };
    drop(tls(stream, "chat.test", "h2").await);
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A frame of HTTP/2 (RFC 9113 section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut out = vec![length[1], length[2], length[3], kind, flags];
    out.extend(stream.to_be_bytes());
    out.extend(payload);
    out
}

/// The header block of a request: fields of the static table, then literals (RFC 7541 section 6).
fn request(post: bool, path: &str) -> Vec<u8> {
    let mut block = vec![if post { 0x83 } else { 0x82 }, 0x87, 0x01, 9];
    block.extend(b"chat.test");
    block.extend([0x04, u8::try_from(path.len()).unwrap()]);
    block.extend(path.bytes());
    block
}

/// A connection of HTTP/2 with these settings.
async fn http2(
    victim: Victim,
    settings: &[u8],
) -> Option<impl AsyncRead + AsyncWrite + Unpin + use<>> {
    let stream = TcpStream::connect(("127.0.0.1", victim.secure)).await.ok()?;
    let mut stream = tls(stream, "chat.test", "h2").await;
    let first = frame(SETTINGS, 0, 0, settings);
    let ack = frame(SETTINGS, 1, 0, b"");
    let begin = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &first, &ack].concat();
    stream.write_all(&begin).await.ok()?;
    Some(stream)
}

/// Sends what comes of each number, a hundred at a time, and reads whatever comes, until it is cut off.
async fn flood(stream: impl AsyncRead + AsyncWrite + Unpin, make: impl Fn(u32) -> Vec<u8>) {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let writing = async {
        for batch in 0.. {
            let frames: Vec<u8> = (0..100).flat_map(|at| make(batch * 100 + at)).collect();
            if writer.write_all(&frames).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let reading = async {
        let mut piece = vec![0; 65_536];
        while matches!(reader.read(&mut piece).await, Ok(1..)) {}
    };
    tokio::select! {
        () = writing => {}
        () = reading => {}
    }
}

/// Sends the same again and again and reads nothing, until it is cut off.
async fn pour(mut stream: impl AsyncWrite + Unpin, frames: &[u8]) {
    let frames = frames.repeat(500);
    while stream.write_all(&frames).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

pub(super) async fn streams_reset_by_the_client(victim: Victim) {
    let Some(stream) = http2(victim, b"").await else { return };
    let reset = |number: u32| {
        let head = frame(HEADERS, END_STREAM | END_HEADERS, number * 2 + 1, &request(false, "/"));
        [head, frame(RST_STREAM, 0, number * 2 + 1, &8_u32.to_be_bytes())].concat()
    };
    flood(stream, reset).await;
}

pub(super) async fn streams_reset_by_the_proxy(victim: Victim) {
    let Some(stream) = http2(victim, b"").await else { return };
    let wrong = |number: u32| {
        // A name in upper case is malformed (RFC 9113 section 8.2.1).
        let block = [&request(false, "/")[..], b"\0\x03X-A\x01a"].concat();
        frame(HEADERS, END_STREAM | END_HEADERS, number * 2 + 1, &block)
    };
    flood(stream, wrong).await;
}

pub(super) async fn settings_without_an_end(victim: Victim) {
    let Some(stream) = http2(victim, b"").await else { return };
    pour(stream, &frame(SETTINGS, 0, 0, b"\0\x04\0\x01\0\0")).await;
}

pub(super) async fn pings_without_an_end(victim: Victim) {
    let Some(stream) = http2(victim, b"").await else { return };
    pour(stream, &frame(PING, 0, 0, b"12345678")).await;
}

pub(super) async fn empty_frames(victim: Victim) {
    let Some(mut stream) = http2(victim, b"").await else { return };
    let head = frame(HEADERS, END_HEADERS, 1, &request(true, "/stuck"));
    // As much as a window takes; the upstream reads none of it.
    let data = frame(DATA, 0, 1, &[0; 16_000]).repeat(4);
    if stream.write_all(&[head, data].concat()).await.is_ok() {
        pour(stream, &frame(DATA, 0, 1, b"")).await;
    }
}

pub(super) async fn continuations_without_an_end(victim: Victim) {
    let Some(mut stream) = http2(victim, b"").await else { return };
    let head = frame(HEADERS, END_STREAM, 1, &request(false, "/"));
    if stream.write_all(&head).await.is_ok() {
        pour(stream, &frame(CONTINUATION, 0, 1, b"\0\x01a\x01a")).await;
    }
}

pub(super) async fn windows_that_stay_shut(victim: Victim) {
    // SETTINGS_INITIAL_WINDOW_SIZE of 0.
    let Some(mut stream) = http2(victim, b"\0\x04\0\0\0\0").await else { return };
    for number in 0..50 {
        let head =
            frame(HEADERS, END_STREAM | END_HEADERS, number * 2 + 1, &request(false, "/big"));
        if stream.write_all(&head).await.is_err() {
            return;
        }
    }
    let mut piece = vec![0; 65_536];
    while matches!(stream.read(&mut piece).await, Ok(1..)) {}
}
