//! Receives the heads of requests as they arrive: their text is what peers tell of.

use tokio::io::{AsyncRead, AsyncReadExt};

/// Most bytes of a head.
const HEAD: usize = 64 * 1024;

/// Reads the next head, without its empty line; bytes behind it stay in the buffer. `None` where the client has closed, or
/// the head is too long.
pub(super) async fn head(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
) -> Option<String> {
    let mut searched = 0;
    loop {
        let ends = buffer[searched..].windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = ends.map(|at| searched + at) {
            let text = String::from_utf8_lossy(&buffer[..end]).into_owned();
            buffer.drain(..end + 4);
            return Some(text);
        }
        searched = buffer.len().saturating_sub(3);
        if buffer.len() > HEAD || !matches!(stream.read_buf(buffer).await, Ok(1..)) {
            return None;
        }
    }
}
