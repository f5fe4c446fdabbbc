//! One direction of a body or a tunnel: what is read is written at once. Only what the other side does not take
//! is kept, and nothing more is read until it is gone: that is the back-pressure, and the bound of the memory.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::body::Framing;
use crate::stream::{Peer, Stream};

/// How much is read at once.
const SCRATCH: usize = 64 * 1024;

thread_local! {
    /// Every direction of a thread reads into this; nothing is held while nobody sends.
    static SCRATCH_OF_THREAD: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into());
}

/// What a pump ends with that is no good end.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The reading side failed, or ended within the body.
    From(io::Error),
    /// The writing side failed.
    To(io::Error),
    /// The body breaks the rules, or is longer than it may be.
    Body,
}

/// One direction.
#[derive(Debug)]
pub(crate) struct Pump {
    /// Where the body ends; `None` for a tunnel, which ends with its connection.
    framing: Option<Framing>,
    /// Read and not written yet.
    kept: Vec<u8>,
    written: usize,
    ended: bool,
    /// Bytes that were moved.
    pub(crate) moved: u64,
    /// The most that may be moved, and whether it counts payload only.
    limit: Option<u64>,
    payload: u64,
}

impl Pump {
    /// A body.
    pub(crate) fn body(framing: Framing, limit: Option<u64>) -> Self {
        Self { framing: Some(framing), limit, ..Self::tunnel() }
    }

    /// A tunnel.
    pub(crate) fn tunnel() -> Self {
        Self {
            framing: None,
            kept: Vec::new(),
            written: 0,
            ended: false,
            moved: 0,
            limit: None,
            payload: 0,
        }
    }

    /// Moves what can be moved now. Ready once the body is whole, or the tunnel's reading side has ended, and
    /// everything was written.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Peer,
        to: &mut Stream,
    ) -> Poll<Result<(), Broken>> {
        loop {
            while self.written < self.kept.len() {
                let rest = &self.kept[self.written..];
                match ready!(Pin::new(&mut *to).poll_write(cx, rest)).map_err(Broken::To)? {
                    0 => return Poll::Ready(Err(Broken::To(io::ErrorKind::WriteZero.into()))),
                    n => self.written += n,
                }
            }
            if !self.kept.is_empty() {
                self.kept = Vec::new();
                self.written = 0;
            }
            if self.ended {
                return Pin::new(to).poll_flush(cx).map_err(Broken::To);
            }
            if !from.buffer.is_empty() {
                let read = std::mem::take(&mut from.buffer);
                self.pass(cx, &read, from, to)?;
                continue;
            }
            let step = SCRATCH_OF_THREAD.with_borrow_mut(|scratch| {
                let mut buffer = ReadBuf::new(scratch);
                match Pin::new(&mut from.stream).poll_read(cx, &mut buffer) {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(Err(error)) => Poll::Ready(Err(Broken::From(error))),
                    Poll::Ready(Ok(())) if buffer.filled().is_empty() => Poll::Ready(self.end()),
                    Poll::Ready(Ok(())) => {
                        let length = buffer.filled().len();
                        Poll::Ready(self.pass(cx, &scratch[..length], from, to))
                    }
                }
            });
            match step {
                Poll::Ready(result) => result?,
                Poll::Pending => {
                    // TLS holds records back until it is told to send them.
                    if let Poll::Ready(Err(error)) = Pin::new(to).poll_flush(cx) {
                        return Poll::Ready(Err(Broken::To(error)));
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    fn end(&mut self) -> Result<(), Broken> {
        self.ended = true;
        match &self.framing {
            None | Some(Framing::Close) => Ok(()),
            Some(_) => Err(Broken::From(io::ErrorKind::UnexpectedEof.into())),
        }
    }

    /// Writes what belongs here and keeps what is not taken; what lies behind the body goes back.
    fn pass(
        &mut self,
        cx: &mut Context<'_>,
        read: &[u8],
        from: &mut Peer,
        to: &mut Stream,
    ) -> Result<(), Broken> {
        let (length, ended) = match &mut self.framing {
            None => (read.len(), false),
            Some(framing) => framing.take(read).map_err(|_| Broken::Body)?,
        };
        self.ended = ended;
        from.buffer.extend_from_slice(&read[length..]);
        self.payload += match &mut self.framing {
            Some(Framing::Chunked(scanner)) => scanner.payload(),
            _ => length as u64,
        };
        if self.limit.is_some_and(|limit| self.payload > limit) {
            return Err(Broken::Body);
        }
        let mut rest = &read[..length];
        self.moved += length as u64;
        while !rest.is_empty() {
            match Pin::new(&mut *to).poll_write(cx, rest) {
                Poll::Ready(Ok(0)) => return Err(Broken::To(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(n)) => rest = &rest[n..],
                Poll::Ready(Err(error)) => return Err(Broken::To(error)),
                Poll::Pending => {
                    self.kept.extend_from_slice(rest);
                    break;
                }
            }
        }
        Ok(())
    }
}
