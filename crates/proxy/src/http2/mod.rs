//! HTTP/2 on both sides. HTTP/1.1 is what is judged, routed and carried; here its messages become streams and
//! streams its messages.

mod back;
mod flood;
mod frame;
mod front;
mod turn;
mod watch;

pub(crate) use back::Connections;
pub(crate) use front::serve;

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue};
use sha1::{Digest, Sha1};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::oneshot;

use crate::body::Framing;
use crate::upstream::random;
use crate::wheel::{Tick, Timed, Wheel};

/// What a stream may hold on its way between the two.
const INNER: usize = 64 * 1024;
/// What one connection may have on its way: a stream that nobody reads does not hold up the others.
const CONNECTION: u32 = 16 * 1024 * 1024;

/// Fields of one connection, which HTTP/2 has none of (RFC 9113 section 8.2.2).
const OF_A_CONNECTION: [&str; 6] =
    ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te"];

type Reader = tokio::io::ReadHalf<DuplexStream>;
type Writer = tokio::io::WriteHalf<DuplexStream>;

fn line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Sixteen random bytes (RFC 6455 section 4.1).
fn key() -> String {
    STANDARD.encode([random().to_ne_bytes(), random().to_ne_bytes()].concat())
}

/// Reads the next head of the inner connection and takes it from the buffer. `parse` returns the head and its length once
/// the head is whole. `None` where the connection ends before, or where `parse` refuses what came.
async fn read_head<H, E>(
    reader: &mut Reader,
    buffer: &mut Vec<u8>,
    parse: impl Fn(&[u8]) -> Result<Option<(usize, H)>, E>,
) -> Option<H> {
    loop {
        if let Some((length, head)) = parse(buffer).ok()? {
            buffer.drain(..length);
            return Some(head);
        }
        if reader.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

/// Carries a body of HTTP/1.1, of which `buffer` was read, into a stream. Whether it came to its end.
async fn to_stream(
    mut reader: Reader,
    mut buffer: Vec<u8>,
    framing: Option<Framing>,
    send: &mut SendStream<Bytes>,
    mut limit: impl Bound,
) -> bool {
    let Some(mut framing) = framing else { return true };
    loop {
        let mut payload = Vec::new();
        let taken = if let Framing::Chunked(scanner) = &mut framing {
            scanner.unpack(&buffer, &mut payload)
        } else {
            let taken = framing.take(&buffer);
            payload.extend_from_slice(&buffer[..taken.map_or(0, |(length, _)| length)]);
            taken
        };
        let Ok((_, done)) = taken else { break };
        buffer.clear();
        let trailers = match &framing {
            Framing::Chunked(scanner) if done => trailers(scanner.trailers()),
            _ => HeaderMap::new(),
        };
        let ends = done && trailers.is_empty();
        if !give(send, payload.into(), ends, &mut limit).await {
            return false;
        }
        if done {
            return ends || send.send_trailers(trailers).is_ok();
        }
        match reader.read_buf(&mut buffer).await {
            Ok(1..) => {}
            _ if framing == Framing::Close => {
                return give(send, Bytes::new(), true, &mut limit).await;
            }
            _ => break,
        }
    }
    send.send_reset(h2::Reason::CANCEL);
    false
}

/// Carries what a stream brings into HTTP/1.1, trailers too where there are chunks. Whether it came to its end.
async fn from_stream(mut body: RecvStream, writer: &mut Writer, chunked: bool) -> bool {
    while let Some(data) = body.data().await {
        let Ok(data) = data else { return false };
        let size = data.len();
        let sent = if chunked && size > 0 {
            let head = format!("{size:x}\r\n");
            writer.write_all(&[head.as_bytes(), &data, b"\r\n"].concat()).await
        } else {
            writer.write_all(&data).await
        };
        // The other side may send more once this has gone on.
        if sent.is_err() || body.flow_control().release_capacity(size).is_err() {
            return false;
        }
    }
    let Ok(trailers) = body.trailers().await else { return false };
    if !chunked {
        return true;
    }
    let mut end = b"0\r\n".to_vec();
    for (name, value) in trailers.iter().flatten() {
        line(&mut end, name.as_str(), value.as_bytes());
    }
    end.extend_from_slice(b"\r\n");
    writer.write_all(&end).await.is_ok()
}

/// The longest time for which the other side of a stream may take nothing of what is sent to it.
struct Limit {
    wheel: Rc<Wheel>,
    timed: Rc<Timed>,
    time: Duration,
    /// The time begins only once this is gone; a tunnel may wait for its reader as long as it lives.
    after: Option<oneshot::Receiver<()>>,
}

/// Longest time for which the other side of a stream may take nothing.
trait Bound {
    /// Ready once the time is over. `end` is set where the wait begins.
    fn poll(&mut self, end: &mut Option<Tick>, cx: &mut Context<'_>) -> Poll<()>;
}

/// No bound: the inner connection has one.
struct Unbounded;

impl Bound for Unbounded {
    fn poll(&mut self, _: &mut Option<Tick>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

impl Bound for Limit {
    fn poll(&mut self, end: &mut Option<Tick>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(after) = &mut self.after {
            let _ = ready!(Pin::new(after).poll(cx));
            self.after = None;
        }
        let end = *end.get_or_insert_with(|| self.wheel.after(self.time));
        if end <= self.wheel.now() {
            return Poll::Ready(());
        }
        self.timed.remember(cx.waker());
        self.wheel.wake_at(&self.timed, end);
        Poll::Pending
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        self.timed.forget();
    }
}

/// Sends data as the other side takes it; what it does not take is not read either. A stream of which nothing is taken
/// for too long is reset.
async fn give(
    send: &mut SendStream<Bytes>,
    mut data: Bytes,
    ends: bool,
    limit: &mut impl Bound,
) -> bool {
    let mut end = None;
    while !data.is_empty() {
        send.reserve_capacity(data.len());
        let capacity = std::future::poll_fn(|cx| match send.poll_capacity(cx) {
            Poll::Pending => limit.poll(&mut end, cx).map(|()| None),
            polled @ Poll::Ready(_) => polled,
        });
        let capacity = match capacity.await {
            Some(Ok(0)) => continue,
            Some(Ok(capacity)) => capacity,
            _ => {
                // What waits for a window is not sent any more.
                send.send_reset(h2::Reason::CANCEL);
                return false;
            }
        };
        end = None;
        let piece = data.split_to(capacity.min(data.len()));
        let last = ends && data.is_empty();
        if send.send_data(piece, last).is_err() {
            return false;
        }
        if last {
            return true;
        }
    }
    !ends || send.send_data(Bytes::new(), true).is_ok()
}

/// Trailer lines, which were judged, as fields.
fn trailers(lines: &[u8]) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { continue };
        let name = HeaderName::from_bytes(name);
        let value = HeaderValue::from_bytes(value.trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            fields.append(name, value);
        }
    }
    fields
}

/// What accepts a key (RFC 6455 section 4.2.2).
pub(crate) fn accept(key: &[u8]) -> String {
    let digest = Sha1::new().chain_update(key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(digest.finalize())
}
