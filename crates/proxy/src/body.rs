//! Where a body ends (RFC 9112 section 6). Lengths are counted; chunks are judged as they pass and written anew, so
//! that the next reader cannot find another end than this one did.

use std::borrow::Cow;

use crate::trailers::{self, Trailers};

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

/// A chunked body that breaks the rules, and which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadChunk(pub &'static str);

impl Framing {
    /// Returns how many of these bytes belong to the body, and whether it ends with them.
    ///
    /// # Errors
    ///
    /// If a chunk or a trailer breaks the rules.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(usize, bool), BadChunk> {
        match self {
            Self::Length(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= taken as u64;
                Ok((taken, *left == 0))
            }
            Self::Chunked(scanner) => scanner.each(bytes, |_| {}),
            Self::Close => Ok((bytes.len(), false)),
        }
    }

    /// The trailers of a chunked body; `None` where there can be none.
    pub(crate) fn trailers(&mut self) -> Option<&mut Trailers> {
        match self {
            Self::Chunked(scanner) => Some(&mut scanner.trailers),
            Self::Length(_) | Self::Close => None,
        }
    }
}

/// Reads a chunked body as it passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkScanner {
    state: Chunk,
    /// Bytes of payload since the last call of `payload`.
    payload: u64,
    /// How many bytes of extensions may still come. Payload earns them back.
    extensions: u64,
    trailers: Trailers,
}

/// A piece of a chunked body as it passes on.
enum Piece<'b> {
    /// Bytes of a chunk's payload.
    Payload(&'b [u8]),
    /// The line of a chunk with this size ahead of its payload.
    Size(u64),
    /// The end of a line behind payload.
    Feed,
    /// The last chunk, with these lines of trailers.
    End(&'b [u8]),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chunk {
    /// The digits of a size so far.
    Size { size: u64, digits: u8 },
    /// An extension behind a size.
    Extension { size: u64 },
    /// The line feed behind a size.
    SizeFeed { size: u64 },
    /// Payload that is left.
    Data { left: u64 },
    /// The carriage return behind payload.
    DataReturn,
    /// The line feed behind payload.
    DataFeed,
    /// The beginning of a trailer line, or of the empty line at the end.
    Line,
    /// Within a trailer line.
    Trailer,
    /// The line feed behind a trailer line.
    TrailerFeed,
    /// The last line feed.
    LastFeed,
    /// Nothing more belongs to the body.
    Done,
}

impl Default for ChunkScanner {
    fn default() -> Self {
        Self {
            state: Chunk::BEGIN,
            payload: 0,
            extensions: EXTENSIONS,
            trailers: Trailers::default(),
        }
    }
}

/// Extensions of a body may take so many bytes more than its payload has.
const EXTENSIONS: u64 = 8192;

impl ChunkScanner {
    /// Returns the bytes that pass on, how many were taken, and whether the body ends with them. The same chunks pass
    /// on, without extensions. The last one waits until the trailers are judged: a body that breaks the rules never
    /// looks whole.
    pub(crate) fn pass<'b>(
        &mut self,
        bytes: &'b [u8],
    ) -> Result<(Cow<'b, [u8]>, usize, bool), BadChunk> {
        if matches!(self.state, Chunk::Data { left } if bytes.len() as u64 <= left) {
            let (taken, ended) = self.each(bytes, |_| {})?;
            return Ok((Cow::Borrowed(bytes), taken, ended));
        }
        let mut out = Vec::with_capacity(bytes.len() + 16);
        let (taken, ended) = self.each(bytes, |piece| match piece {
            Piece::Payload(payload) => out.extend_from_slice(payload),
            Piece::Size(size) => out.extend_from_slice(format!("{size:x}\r\n").as_bytes()),
            Piece::Feed => out.extend_from_slice(b"\r\n"),
            Piece::End(lines) => {
                for part in [b"0\r\n", lines, b"\r\n"] {
                    out.extend_from_slice(part);
                }
            }
        })?;
        Ok((Cow::Owned(out), taken, ended))
    }

    /// Appends the payload among these bytes, and returns how many of them belong to the body, and whether it ends
    /// with them.
    pub(crate) fn unpack(
        &mut self,
        bytes: &[u8],
        payload: &mut Vec<u8>,
    ) -> Result<(usize, bool), BadChunk> {
        self.each(bytes, |piece| {
            if let Piece::Payload(piece) = piece {
                payload.extend_from_slice(piece);
            }
        })
    }

    /// The lines of the trailers that pass on, once the body has ended.
    pub(crate) fn trailers(&self) -> &[u8] {
        self.trailers.lines()
    }

    fn each(
        &mut self,
        bytes: &[u8],
        mut give: impl FnMut(Piece<'_>),
    ) -> Result<(usize, bool), BadChunk> {
        let mut at = 0;
        while at < bytes.len() && self.state != Chunk::Done {
            if let Chunk::Data { left } = self.state {
                let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len() - at);
                give(Piece::Payload(&bytes[at..at + taken]));
                at += taken;
                self.payload += taken as u64;
                self.extensions = (self.extensions + taken as u64).min(EXTENSIONS);
                let left = left - taken as u64;
                self.state = if left == 0 { Chunk::DataReturn } else { Chunk::Data { left } };
                continue;
            }
            let (before, byte) = (self.state, bytes[at]);
            self.state = before.next(byte)?;
            at += 1;
            match (before, self.state) {
                (_, Chunk::Extension { .. }) => {
                    let left = self.extensions.checked_sub(1);
                    self.extensions = left.ok_or(BadChunk("long extensions of chunks"))?;
                }
                (_, Chunk::Data { left }) => give(Piece::Size(left)),
                (Chunk::DataFeed, _) => give(Piece::Feed),
                (Chunk::Line | Chunk::Trailer | Chunk::TrailerFeed, _) => {
                    self.trailers.put(byte)?;
                }
                (Chunk::LastFeed, _) => {
                    self.trailers.put(byte)?;
                    self.trailers.judge()?;
                    give(Piece::End(self.trailers.lines()));
                }
                _ => {}
            }
        }
        Ok((at, self.state == Chunk::Done))
    }

    /// Returns the bytes of payload that have passed since the last call.
    pub fn payload(&mut self) -> u64 {
        std::mem::take(&mut self.payload)
    }
}

impl Chunk {
    const BEGIN: Self = Self::Size { size: 0, digits: 0 };

    fn next(self, byte: u8) -> Result<Self, BadChunk> {
        let visible = byte == b'\t' || (byte >= b' ' && byte != 0x7f);
        Ok(match (self, byte) {
            (Self::Size { size, digits }, _) if byte.is_ascii_hexdigit() && digits < 15 => {
                let digit = u64::from((byte as char).to_digit(16).unwrap_or(0));
                Self::Size { size: size * 16 + digit, digits: digits + 1 }
            }
            (Self::Size { size, digits: 1.. } | Self::Extension { size }, b'\r') => {
                Self::SizeFeed { size }
            }
            (Self::Size { size, digits: 1.. }, b';') => Self::Extension { size },
            (Self::Extension { .. }, _) if visible => self,
            (Self::SizeFeed { size: 0 } | Self::TrailerFeed, b'\n') => Self::Line,
            (Self::SizeFeed { size }, b'\n') => Self::Data { left: size },
            (Self::DataReturn, b'\r') => Self::DataFeed,
            (Self::DataFeed, b'\n') => Self::BEGIN,
            (Self::Line, b'\r') => Self::LastFeed,
            (Self::LastFeed, b'\n') => Self::Done,
            (Self::Trailer, b'\r') => Self::TrailerFeed,
            (Self::Line | Self::Trailer, _) if visible => Self::Trailer,
            (Self::Size { .. } | Self::Done, _) => return Err(BadChunk("a bad size of a chunk")),
            (Self::Extension { .. } | Self::SizeFeed { .. }, _) => {
                return Err(BadChunk("a bad end of a chunk's line"));
            }
            (Self::Data { .. } | Self::DataReturn | Self::DataFeed, _) => {
                return Err(BadChunk("no line end behind a chunk"));
            }
            (Self::Line | Self::LastFeed | Self::Trailer | Self::TrailerFeed, _) => {
                return Err(trailers::BAD);
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Passes a body on in pieces of `step` bytes. Returns what passes on, the number of bytes taken, and the payload.
    fn scan(text: &[u8], step: usize) -> Result<(String, usize, u64), BadChunk> {
        let mut scanner = ChunkScanner::default();
        let (mut passed, mut at) = (Vec::new(), 0);
        for part in text.chunks(step) {
            let (piece, taken, ended) = scanner.pass(part)?;
            passed.extend_from_slice(&piece);
            at += taken;
            if ended {
                break;
            }
        }
        Ok((String::from_utf8_lossy(&passed).into_owned(), at, scanner.payload()))
    }

    #[test]
    fn chunks_pass_in_any_pieces_without_their_extensions() {
        let text = b"005;x=\"y\"\r\nhello\r\nA\r\n0123456789\r\n00;z\r\nX-T: 1\r\n\r\nNEXT";
        for step in 1..text.len() {
            let passed = "5\r\nhello\r\na\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\n".to_owned();
            assert_eq!(scan(text, step), Ok((passed, text.len() - 4, 15)), "{step}");
        }
    }

    #[test]
    fn bad_chunks_are_refused() {
        for text in [
            &b"\r\n"[..],
            b"5\nhello",
            b"5;x\nhello\r\n",
            b"5;x\rhello\r\n",
            b"5;\x00\r\nhello\r\n",
            b"5\r\nhelloX",
            b"5\r\nhello\n0\r\n\r\n",
            b"-1\r\n",
            b"0x5\r\n",
            b"5 \r\nhello\r\n",
            b" 5\r\nhello\r\n",
            b"1000000000000000\r\n",
            b"0\r\nX\n\r\n",
            b"0\r\n\rX",
            b"0\r\nX: y\r\nGET /admin HTTP/1.1\r\nHost: a\r\n\r\n",
            b"0\r\nX: y\n\r\n",
            b"0\r\nX: y\r\n folded\r\n\r\n",
            b"0\r\n X: y\r\n\r\n",
            b"0\r\nX : y\r\n\r\n",
            b"0\r\n: y\r\n\r\n",
            b"0\r\nX: \x01\r\n\r\n",
        ] {
            for step in [1, 3, text.len()] {
                assert!(scan(text, step).is_err(), "{}", String::from_utf8_lossy(text));
            }
        }
    }

    #[test]
    fn a_bad_end_never_looks_whole() {
        let mut scanner = ChunkScanner::default();
        let (passed, ..) = scanner.pass(b"5\r\nhello\r\n0\r\nX: y\r\n").unwrap();
        assert_eq!(passed, b"5\r\nhello\r\n".as_slice());
        assert!(scanner.pass(b"GET / HTTP/1.1\r\n\r\n").is_err());
    }

    #[test]
    fn extensions_and_trailers_are_bounded() {
        let long = [b"1;".as_slice(), &[b'x'; 8200], b"\r\na\r\n0\r\n\r\n"].concat();
        assert!(scan(&long, 1000).is_err());
        // An extension on each chunk is fine, as long as there is payload to it.
        let signed = b"80;signature=0123456789\r\n".as_slice();
        let chunk = [signed, &[b'x'; 128], b"\r\n"].concat();
        let many = [chunk.repeat(1000), b"0\r\n\r\n".to_vec()].concat();
        assert_eq!(scan(&many, 1000).unwrap().2, 128_000);
        let thin = b"1;signature=0123456789\r\na\r\n".repeat(1000);
        assert!(scan(&thin, 1000).is_err());
        let trailer = |count: usize| {
            [b"0\r\n".to_vec(), b"X: y\r\n".repeat(count), b"\r\n".to_vec()].concat()
        };
        assert!(scan(&trailer(60), 100).is_ok());
        assert!(scan(&trailer(65), 100).is_err());
        let long = [b"0\r\nX: ".as_slice(), &[b'x'; 8192], b"\r\n\r\n"].concat();
        assert!(scan(&long, 1000).is_err());
    }

    #[test]
    fn trailers_of_heads_are_left_out() {
        let text = b"0\r\nX-Sum: 7\r\nTransfer_Encoding: chunked\r\nhost: b\r\nX.Secret: s\r\n\r\n";
        let passed = |prepare: fn(&mut Trailers)| {
            let mut scanner = ChunkScanner::default();
            prepare(&mut scanner.trailers);
            let (passed, ..) = scanner.pass(text).unwrap();
            String::from_utf8(passed.into_owned()).unwrap()
        };
        let some = passed(|trailers| trailers.leave_out(["x-secret"]));
        assert_eq!(some, "0\r\nX-Sum: 7\r\n\r\n");
        assert_eq!(passed(Trailers::drop_all), "0\r\n\r\n");
    }

    #[test]
    fn lengths_leave_the_rest() {
        let mut framing = Framing::Length(5);
        assert_eq!(framing.take(b"abc"), Ok((3, false)));
        assert_eq!(framing.take(b"defgh"), Ok((2, true)));
        assert_eq!(Framing::Close.take(b"abc"), Ok((3, false)));
    }
}
