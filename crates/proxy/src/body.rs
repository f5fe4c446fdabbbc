//! Where a body ends (RFC 9112 section 6). Bodies pass as they come: chunks are looked at, not taken apart.

/// How a body ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Framing {
    /// After so many bytes.
    Length(u64),
    /// After its last chunk and its trailers.
    Chunked(ChunkScanner),
    /// With the connection.
    Close,
}

/// A chunk that breaks the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadChunk;

impl Framing {
    /// How many of these bytes belong to the body, and whether it ends with them.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(usize, bool), BadChunk> {
        match self {
            Self::Length(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= taken as u64;
                Ok((taken, *left == 0))
            }
            Self::Chunked(scanner) => scanner.take(bytes),
            Self::Close => Ok((bytes.len(), false)),
        }
    }
}

/// Looks at chunks as they pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChunkScanner {
    state: Chunk,
    /// Bytes of payload since the last call of `payload`.
    payload: u64,
    /// Trailer lines that were unpacked.
    trailers: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chunk {
    /// The digits of a size so far.
    Size {
        size: u64,
        digits: u8,
    },
    /// An extension, of so many bytes.
    Extension {
        size: u64,
        length: u16,
    },
    /// The line feed behind a size.
    SizeFeed {
        size: u64,
    },
    /// Payload that is left.
    Data {
        left: u64,
    },
    /// The carriage return, then the line feed behind payload.
    DataReturn,
    DataFeed,
    /// The beginning of a trailer line, or of the empty line at the end.
    Line {
        length: u16,
    },
    /// Within a trailer line.
    Trailer {
        length: u16,
    },
    /// The line feed behind a trailer line.
    TrailerFeed {
        length: u16,
    },
    /// The last line feed.
    LastFeed,
    Done,
}

impl Default for Chunk {
    fn default() -> Self {
        Self::Size { size: 0, digits: 0 }
    }
}

/// The most that extensions of a chunk, and trailers together, may take.
const LONGEST: u16 = 8192;

impl ChunkScanner {
    fn take(&mut self, bytes: &[u8]) -> Result<(usize, bool), BadChunk> {
        self.each(bytes, |_| {}, |_| {})
    }

    /// The payload among these bytes, how many of them belong to the body, and whether it ends with them. Trailer
    /// lines are kept.
    pub(crate) fn unpack(
        &mut self,
        bytes: &[u8],
        payload: &mut Vec<u8>,
    ) -> Result<(usize, bool), BadChunk> {
        let mut lines = std::mem::take(&mut self.trailers);
        let unpacked =
            self.each(bytes, |piece| payload.extend_from_slice(piece), |byte| lines.push(byte));
        self.trailers = lines;
        unpacked
    }

    /// The trailer lines that were unpacked.
    pub(crate) fn trailers(&self) -> &[u8] {
        &self.trailers
    }

    fn each(
        &mut self,
        bytes: &[u8],
        mut payload: impl FnMut(&[u8]),
        mut trailer: impl FnMut(u8),
    ) -> Result<(usize, bool), BadChunk> {
        let mut at = 0;
        while at < bytes.len() && self.state != Chunk::Done {
            if let Chunk::Data { left } = self.state {
                let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len() - at);
                payload(&bytes[at..at + taken]);
                at += taken;
                self.payload += taken as u64;
                let left = left - taken as u64;
                self.state = if left == 0 { Chunk::DataReturn } else { Chunk::Data { left } };
                continue;
            }
            if let Chunk::Line { .. } | Chunk::Trailer { .. } | Chunk::TrailerFeed { .. } =
                self.state
            {
                trailer(bytes[at]);
            }
            self.state = self.state.next(bytes[at])?;
            at += 1;
        }
        Ok((at, self.state == Chunk::Done))
    }

    /// Bytes of payload that have passed since the last call.
    pub fn payload(&mut self) -> u64 {
        std::mem::take(&mut self.payload)
    }
}

impl Chunk {
    fn next(self, byte: u8) -> Result<Self, BadChunk> {
        let visible = |byte: u8| byte == b'\t' || (byte >= b' ' && byte != 0x7f);
        Ok(match (self, byte) {
            (Self::Size { size, digits }, _) if byte.is_ascii_hexdigit() && digits < 15 => {
                let digit = u64::from((byte as char).to_digit(16).unwrap_or(0));
                Self::Size { size: size * 16 + digit, digits: digits + 1 }
            }
            (Self::Size { size, digits: 1.. } | Self::Extension { size, .. }, b'\r') => {
                Self::SizeFeed { size }
            }
            (Self::Size { size, digits: 1.. }, b';') => Self::Extension { size, length: 0 },
            (Self::Extension { size, length }, _) if visible(byte) && length < LONGEST => {
                Self::Extension { size, length: length + 1 }
            }
            (Self::SizeFeed { size: 0 }, b'\n') => Self::Line { length: 0 },
            (Self::SizeFeed { size }, b'\n') => Self::Data { left: size },
            (Self::DataReturn, b'\r') => Self::DataFeed,
            (Self::DataFeed, b'\n') => Self::default(),
            (Self::Line { .. }, b'\r') => Self::LastFeed,
            (Self::LastFeed, b'\n') => Self::Done,
            (Self::Trailer { length }, b'\r') => Self::TrailerFeed { length },
            (Self::Line { length } | Self::Trailer { length }, _)
                if visible(byte) && length < LONGEST =>
            {
                Self::Trailer { length: length + 1 }
            }
            (Self::TrailerFeed { length }, b'\n') => Self::Line { length },
            _ => return Err(BadChunk),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &[u8], step: usize) -> Result<(usize, u64), BadChunk> {
        let mut framing = Framing::Chunked(ChunkScanner::default());
        let mut at = 0;
        for part in text.chunks(step) {
            let (taken, done) = framing.take(part)?;
            at += taken;
            if done {
                break;
            }
        }
        let Framing::Chunked(mut scanner) = framing else { unreachable!() };
        Ok((at, scanner.payload()))
    }

    #[test]
    fn chunks_end_where_they_end_in_any_pieces() {
        let text = b"5;x=\"y\"\r\nhello\r\nA\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\nNEXT";
        for step in 1..text.len() {
            assert_eq!(scan(text, step), Ok((text.len() - 4, 15)), "{step}");
        }
    }

    #[test]
    fn bad_chunks_are_refused() {
        for text in [
            &b"\r\n"[..],
            b"5\nhello",
            b"5\r\nhelloX",
            b"-1\r\n",
            b"0x5\r\n",
            b"5 \r\nhello\r\n",
            b"1000000000000000\r\n",
            b"0\r\nX\n\r\n",
            b"0\r\n\rX",
        ] {
            assert_eq!(scan(text, 3), Err(BadChunk), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn lengths_leave_the_rest() {
        let mut framing = Framing::Length(5);
        assert_eq!(framing.take(b"abc"), Ok((3, false)));
        assert_eq!(framing.take(b"defgh"), Ok((2, true)));
        assert_eq!(Framing::Close.take(b"abc"), Ok((3, false)));
    }
}
