//! Frames of HTTP/2, written by hand, and a client of them that does nothing by itself: a library would send what a
//! peer that misbehaves leaves out, and refuse to send what it sends (RFC 9113 section 4).

use super::{Ending, Wire};
use crate::verdict::{Trouble, Verdict};

/// The preface that begins a client's connection (RFC 9113 section 3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Type of the frames that carry the bytes of a body.
pub const DATA: u8 = 0;
/// The beginning of a header block.
pub const HEADERS: u8 = 1;
/// The end of a stream by an error.
pub const RST_STREAM: u8 = 3;
/// Settings, or with [`ACK`] their acknowledgement.
pub const SETTINGS: u8 = 4;
/// A question whether the other side is there, or with [`ACK`] its answer.
pub const PING: u8 = 6;
/// Says that the connection ends.
pub const GOAWAY: u8 = 7;
/// Allows the other side to send more.
pub const WINDOW_UPDATE: u8 = 8;
/// More of a header block.
pub const CONTINUATION: u8 = 9;

/// The sender says nothing more on the stream.
pub const END_STREAM: u8 = 1;
/// The header block ends with this frame.
pub const END_HEADERS: u8 = 4;
/// Flag of [`SETTINGS`] and [`PING`] frames that acknowledge another one.
pub const ACK: u8 = 1;

/// The setting for the window that each stream begins with (RFC 9113 section 6.5.2).
pub const INITIAL_WINDOW_SIZE: u16 = 4;

/// A frame, right or wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The type of the frame.
    pub kind: u8,
    /// The flags of the frame.
    pub flags: u8,
    /// The stream of the frame; 0 is the connection.
    pub stream: u32,
    /// The payload of the frame.
    pub payload: Vec<u8>,
}

impl Frame {
    /// A frame with a payload.
    pub fn new(kind: u8, flags: u8, stream: u32, payload: impl AsRef<[u8]>) -> Self {
        Self { kind, flags, stream, payload: payload.as_ref().to_vec() }
    }

    /// The head of a request, or a part of it.
    pub fn headers(flags: u8, stream: u32, fields: &[(&str, &str)]) -> Self {
        Self::new(HEADERS, flags, stream, block(fields))
    }

    /// The bytes on the wire.
    pub fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).unwrap_or(u32::MAX).to_be_bytes();
        let mut out = vec![length[1], length[2], length[3], self.kind, self.flags];
        out.extend(self.stream.to_be_bytes());
        out.extend(&self.payload);
        out
    }
}

/// A header block: each field as a literal with a new name, which no table is needed for (RFC 7541 section 6.2.2).
/// Names and values have less than 127 bytes.
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        for text in [name, value] {
            out.push(u8::try_from(text.len()).unwrap_or(0) & 0x7f);
            out.extend(text.bytes());
        }
    }
    out
}

/// The payload of SETTINGS.
pub fn settings(pairs: &[(u16, u32)]) -> Vec<u8> {
    let pair = |(id, value): &(u16, u32)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat();
    pairs.iter().flat_map(pair).collect()
}

/// The fields of a request for a target, with more of its own.
pub fn request<'a>(
    method: &'a str,
    target: &'a str,
    more: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![
        (":method", method),
        (":scheme", "https"),
        (":authority", "chat.test"),
        (":path", target),
    ];
    // Those of a pseudo-field come first (RFC 9113 section 8.3).
    fields.extend(more.iter().filter(|(name, _)| name.starts_with(':')));
    fields.extend(more.iter().filter(|(name, _)| !name.starts_with(':')));
    fields
}

impl Wire {
    /// Begins a connection of HTTP/2 with settings, and reads those of the server, which are acknowledged.
    pub async fn begin_http2(&mut self, pairs: &[(u16, u32)]) -> Verdict {
        let first = Frame::new(SETTINGS, 0, 0, settings(pairs));
        self.send([PREFACE, &first.bytes()].concat()).await?;
        loop {
            let frame = self.http2_frame().await?;
            if frame.kind == SETTINGS && frame.flags & ACK == 0 {
                return self.send_http2(&Frame::new(SETTINGS, ACK, 0, [])).await;
            }
        }
    }

    /// Sends a frame of HTTP/2.
    pub async fn send_http2(&mut self, frame: &Frame) -> Verdict {
        self.send(frame.bytes()).await
    }

    /// The next frame of HTTP/2.
    pub async fn http2_frame(&mut self) -> Verdict<Frame> {
        let header = self.bytes(9).await?;
        let number = |bytes: &[u8]| bytes.iter().fold(0, |all, byte| all << 8 | u32::from(*byte));
        let payload = self.bytes(number(&header[..3]) as usize).await?;
        let stream = number(&header[5..]) & 0x7fff_ffff;
        Ok(Frame { kind: header[3], flags: header[4], stream, payload })
    }

    /// The next frame of a stream, and what of the connection's own came before it is skipped.
    pub async fn http2_frame_of(&mut self, stream: u32) -> Verdict<Frame> {
        loop {
            let frame = self.http2_frame().await?;
            if frame.stream == stream && frame.kind != WINDOW_UPDATE {
                return Ok(frame);
            }
        }
    }

    /// Returns how a stream ends: with `RST_STREAM`, with `END_STREAM`, or with its connection; `None` is the last.
    pub async fn http2_end_of(&mut self, stream: u32) -> Verdict<Option<Frame>> {
        loop {
            let frame = match self.http2_frame_of(stream).await {
                Ok(frame) => frame,
                // The connection has ended: what is left of it says how.
                Err(Trouble::Failed(_)) => match self.rest().await? {
                    (_, Ending::Fin | Ending::Reset) => return Ok(None),
                },
                Err(trouble) => return Err(trouble),
            };
            let ends = [DATA, HEADERS].contains(&frame.kind) && frame.flags & END_STREAM != 0;
            if ends || frame.kind == RST_STREAM {
                return Ok(Some(frame));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_as_the_protocol_has_them() {
        let fields = [(":method", "GET"), ("a", "")];
        let frame = Frame::headers(END_HEADERS | END_STREAM, 1, &fields).bytes();
        assert_eq!(frame[..9], [0, 0, 17, 1, 5, 0, 0, 0, 1]);
        assert_eq!(&frame[9..], b"\0\x07:method\x03GET\0\x01a\0");
        let window = Frame::new(SETTINGS, 0, 0, settings(&[(INITIAL_WINDOW_SIZE, 0x0102)])).bytes();
        assert_eq!(window, [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 0, 1, 2]);
    }
}
