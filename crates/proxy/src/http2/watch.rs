//! Observation of a connection below the library for HTTP/2: since when a header block is open, and when bytes were
//! last taken. A header block may go on in any number of CONTINUATION frames (RFC 9113 section 6.10), and the library
//! shows a stream only once its block has ended.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::flood::Allowance;
use super::frame::{CONTINUATION, END_HEADERS, HEADER, HEADERS};
use super::turn::Turn;
use crate::wheel::{Tick, Wheel};

/// Bytes of the client's preface (RFC 9113 section 3.4).
const PREFACE: usize = 24;

/// Observations of a connection so far.
#[derive(Debug)]
pub(super) struct Seen {
    /// Since when a header block is open.
    pub(super) head: Cell<Option<Tick>>,
    /// When the client last took bytes.
    pub(super) wrote: Cell<Tick>,
    /// Whether the client flooded the connection with frames that ask for nothing.
    pub(super) flooded: Cell<bool>,
}

/// A connection that is looked at while it is read, in turns, and written.
pub(super) struct Watched<S> {
    stream: S,
    turn: Turn,
    frames: Frames,
    seen: Rc<Seen>,
    wheel: Rc<Wheel>,
}

impl<S> Watched<S> {
    /// Looks at a connection on which the client's preface comes first.
    pub(super) fn new(stream: S, wheel: Rc<Wheel>) -> (Self, Rc<Seen>) {
        let wrote = Cell::new(wheel.moment());
        let seen = Seen { head: Cell::new(None), wrote, flooded: Cell::new(false) };
        let (frames, seen) = (Frames::new(wheel.now()), Rc::new(seen));
        (Self { stream, turn: Turn::new(), frames, seen: seen.clone(), wheel }, seen)
    }
}

/// Position in the sequence of frames of a connection.
#[derive(Debug)]
struct Frames {
    /// Bytes ahead of the next frame: of the preface, or of a payload.
    skip: usize,
    header: [u8; HEADER],
    /// Bytes of `header` that are there.
    have: usize,
    /// Whether a header block is open.
    open: bool,
    /// Whether it ends with the payload that is skipped.
    ends: bool,
    /// Header blocks that have begun.
    begun: u64,
    allowance: Allowance,
    /// Whether the allowance was not enough.
    flooded: bool,
}

impl Frames {
    fn new(now: Tick) -> Self {
        Self {
            skip: PREFACE,
            header: [0; HEADER],
            have: 0,
            open: false,
            ends: false,
            begun: 0,
            allowance: Allowance::new(now),
            flooded: false,
        }
    }

    /// Goes on with bytes that were read.
    fn read(&mut self, mut bytes: &[u8], now: Tick) {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            if self.skip == 0 && self.ends {
                (self.open, self.ends) = (false, false);
            }
            let taken = (HEADER - self.have).min(bytes.len());
            self.header[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
            self.have += taken;
            bytes = &bytes[taken..];
            if self.have == HEADER {
                self.have = 0;
                let [a, b, c, kind, flags, ..] = self.header;
                self.skip = u32::from_be_bytes([0, a, b, c]) as usize;
                self.flooded |= !self.allowance.take(kind, flags, self.skip, now);
                if kind == HEADERS {
                    self.begun += 1;
                }
                if kind == HEADERS || kind == CONTINUATION {
                    self.ends = flags & END_HEADERS != 0;
                    self.open = self.skip > 0 || !self.ends;
                    self.ends &= self.open;
                }
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let polled = this.turn.poll_read(&mut this.stream, cx, buffer);
        let begun = this.frames.begun;
        this.frames.read(&buffer.filled()[before..], this.wheel.now());
        if this.frames.flooded {
            this.seen.flooded.set(true);
            return Poll::Ready(Err(io::Error::other("a flood of frames that ask for nothing")));
        }
        if !this.frames.open {
            this.seen.head.set(None);
        } else if this.frames.begun != begun || this.seen.head.get().is_none() {
            this.seen.head.set(Some(this.wheel.moment()));
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> Watched<S> {
    fn wrote(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(length @ 1..)) = written {
            // Answers to a flood are small.
            if length > 1024 {
                self.frames.allowance.passed(length);
            }
            self.seen.wrote.set(self.wheel.moment());
        }
        written
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
        let length = u32::try_from(payload).unwrap().to_be_bytes();
        let header = [length[1], length[2], length[3], kind, flags, 0, 0, 0, 1];
        [&header[..], &vec![b'x'; payload]].concat()
    }

    /// Whether a header block is open after some frames, read in pieces of every size.
    fn open(frames: &[Vec<u8>]) -> bool {
        let all = [vec![b'P'; PREFACE], frames.concat()].concat();
        let mut open = Vec::new();
        for size in 1..=all.len() {
            let mut seen = Frames::new(0);
            all.chunks(size).for_each(|piece| seen.read(piece, 0));
            open.push(seen.open);
        }
        assert!(open.iter().all(|known| *known == open[0]), "{frames:?}: {open:?}");
        open[0]
    }

    #[test]
    fn a_header_block_is_open_until_its_last_byte() {
        const DATA: u8 = 0;
        let (whole, part) = (frame(HEADERS, END_HEADERS, 20), frame(HEADERS, 0, 20));
        assert!(!open(&[]));
        assert!(!open(&[frame(4, 0, 12)]));
        assert!(!open(std::slice::from_ref(&whole)));
        assert!(open(&[whole[..whole.len() - 1].to_vec()]), "the payload is not all there");
        assert!(open(std::slice::from_ref(&part)));
        assert!(open(&[part.clone(), frame(CONTINUATION, 0, 5)]));
        assert!(open(&[part.clone(), frame(CONTINUATION, 0, 0), frame(CONTINUATION, 0, 0)]));
        assert!(!open(&[part.clone(), frame(CONTINUATION, END_HEADERS, 5)]));
        assert!(!open(&[part, frame(CONTINUATION, END_HEADERS, 0)]));
        assert!(!open(&[whole.clone(), frame(DATA, 1, 7)]));
        assert!(open(&[whole.clone(), frame(DATA, 0, 7), frame(HEADERS, 1, 7)]), "trailers");
        // A flag of another frame's that has the same bit.
        assert!(!open(&[whole, frame(DATA, END_HEADERS, 7)]));
    }
}
