//! One direction of a body or a tunnel: what is read is written at once. Only what the other side does not take
//! is kept, and nothing more is read until it is gone: that is the back-pressure, and the bound of the memory.

use std::borrow::Cow;
use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::body::{BadChunk, Framing};
use crate::bulk::{self, Bulk};
use crate::compression::Coding;
use crate::head::Refusal;
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
    Body(Refusal),
}

impl From<BadChunk> for Broken {
    fn from(bad: BadChunk) -> Self {
        Self::Body(bad.into())
    }
}

/// One direction.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a state of its own")]
pub(crate) struct Pump {
    /// Where the body ends; `None` for a tunnel, which ends with its connection.
    framing: Option<Framing>,
    /// What its bytes become on their way.
    coding: Option<Box<Coding>>,
    /// What large messages of a tunnel pass through.
    bulk: Option<Bulk>,
    /// Whether messages are large.
    bulky: bool,
    /// How much was read the last time.
    last: usize,
    /// Whether chunks lose their frames.
    unpacks: bool,
    /// Read and not written yet.
    kept: Vec<u8>,
    written: usize,
    /// Whether what is kept waits for the first bytes of the body: one packet for a head with a short body.
    joins: bool,
    /// How much more is read while something is kept (`body/buffering`).
    ahead: usize,
    ended: bool,
    /// Number of bytes that were read.
    pub(crate) moved: u64,
    /// Number of bytes that were read, and of those that were written later. It grows as long as either side goes on.
    pub(crate) progress: u64,
    /// The most that may be moved, and whether it counts payload only.
    limit: Option<u64>,
    payload: u64,
}

impl Pump {
    /// A body.
    pub(crate) fn body(framing: Framing, limit: Option<u64>) -> Self {
        Self { framing: Some(framing), limit, ..Self::default() }
    }

    /// A tunnel.
    pub(crate) fn tunnel() -> Self {
        Self::default()
    }

    /// Reads so many bytes ahead of a slow reader.
    pub(crate) fn ahead(self, ahead: usize) -> Self {
        Self { ahead, ..self }
    }

    /// Writes a head first, in one with what is there of the body.
    pub(crate) fn behind(self, head: Vec<u8>) -> Self {
        Self { kept: head, joins: true, ..self }
    }

    /// Compresses what passes.
    pub(crate) fn coded(self, coding: Option<Coding>) -> Self {
        Self { coding: coding.map(Box::new), ..self }
    }

    /// Takes chunks apart.
    pub(crate) fn unpacking(self, unpacks: bool) -> Self {
        Self { unpacks, ..self }
    }

    /// Whether nothing is on its way, and what was read last was less than this.
    pub(crate) fn is_quiet(&self, most: usize) -> bool {
        self.last < most && self.bulk.is_none() && self.kept.is_empty()
    }

    /// Whether the reading side has said more than the writing side has taken.
    pub(crate) fn is_blocked(&self) -> bool {
        !self.kept.is_empty() || self.bulk.is_some() || self.ended
    }

    /// Moves what can be moved now. Ready once the body is whole, or the tunnel's reading side has ended, and
    /// everything was written.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Peer,
        to: &mut Stream,
    ) -> Poll<Result<(), Broken>> {
        if std::mem::take(&mut self.joins) && !from.buffer.is_empty() {
            let read = std::mem::take(&mut from.buffer);
            self.pass(cx, &read, from, to)?;
        }
        loop {
            let blocked = self.poll_kept(cx, to)?.is_pending();
            if blocked && (self.ended || self.kept.len() - self.written > self.ahead) {
                return Poll::Pending;
            }
            if self.ended {
                return Pin::new(to).poll_flush(cx).map_err(Broken::To);
            }
            if !from.buffer.is_empty() {
                let read = std::mem::take(&mut from.buffer);
                self.pass(cx, &read, from, to)?;
                continue;
            }
            if (self.bulky || self.bulk.is_some())
                && let (Some(source), Some(sink)) = (from.stream.tcp(), to.tcp())
                && let Some(bulk) = self.bulk.take().or_else(Bulk::take)
            {
                ready!(self.poll_bulk(cx, bulk, source, sink))?;
                if self.ended {
                    self.end(cx, to)?;
                }
                continue;
            }
            let step = SCRATCH_OF_THREAD.with_borrow_mut(|scratch| {
                let mut buffer = ReadBuf::new(scratch);
                match Pin::new(&mut from.stream).poll_read(cx, &mut buffer) {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(Err(error)) => Poll::Ready(Err(Broken::From(error))),
                    Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                        Poll::Ready(self.end(cx, to))
                    }
                    Poll::Ready(Ok(())) => {
                        let length = buffer.filled().len();
                        self.last = length;
                        self.bulky = length >= bulk::WORTH && self.framing.is_none();
                        Poll::Ready(self.pass(cx, &scratch[..length], from, to))
                    }
                }
            });
            match step {
                Poll::Ready(result) => result?,
                Poll::Pending => {
                    if let Some(coding) = &mut self.coding {
                        let held = coding.flush();
                        self.write(cx, &held, to)?;
                    }
                    // TLS holds records back until it is told to send them.
                    if let Poll::Ready(Err(error)) = Pin::new(to).poll_flush(cx) {
                        return Poll::Ready(Err(Broken::To(error)));
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    /// Moves what comes through a pipe until nothing does, or little.
    fn poll_bulk(
        &mut self,
        cx: &mut Context<'_>,
        mut bulk: Bulk,
        from: &TcpStream,
        to: &TcpStream,
    ) -> Poll<Result<(), Broken>> {
        loop {
            let held = bulk.held();
            let drained = bulk.poll_drain(cx, to).map_err(Broken::To)?;
            self.progress += (held - bulk.held()) as u64;
            if drained.is_pending() {
                self.bulk = Some(bulk);
                return Poll::Pending;
            }
            if self.ended || !self.bulky {
                return Poll::Ready(Ok(()));
            }
            // The pipe goes back while nobody sends.
            let taken = ready!(bulk.poll_fill(cx, from)).map_err(Broken::From)?;
            self.moved += taken as u64;
            self.progress += taken as u64;
            self.ended = taken == 0;
            self.bulky = taken >= bulk::POOR;
        }
    }

    /// Writes what is kept.
    fn poll_kept(&mut self, cx: &mut Context<'_>, to: &mut Stream) -> Result<Poll<()>, Broken> {
        while self.written < self.kept.len() {
            let rest = &self.kept[self.written..];
            match Pin::new(&mut *to).poll_write(cx, rest).map_err(Broken::To)? {
                Poll::Pending => return Ok(Poll::Pending),
                Poll::Ready(0) => return Err(Broken::To(io::ErrorKind::WriteZero.into())),
                Poll::Ready(n) => {
                    self.written += n;
                    self.progress += n as u64;
                }
            }
        }
        if !self.kept.is_empty() {
            self.kept = Vec::new();
            self.written = 0;
        }
        Ok(Poll::Ready(()))
    }

    fn end(&mut self, cx: &mut Context<'_>, to: &mut Stream) -> Result<(), Broken> {
        self.ended = true;
        match &self.framing {
            None | Some(Framing::Close) => {
                let last =
                    self.coding.as_mut().map_or_else(Vec::new, |coding| coding.put(b"", true));
                self.write(cx, &last, to)
            }
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
        let unpacks = self.unpacks || self.coding.is_some();
        let (passed, length, ended) = match &mut self.framing {
            None => (Cow::Borrowed(read), read.len(), false),
            Some(Framing::Chunked(scanner)) if unpacks => {
                let mut payload = Vec::new();
                let (length, ended) = scanner.unpack(read, &mut payload)?;
                (Cow::Owned(payload), length, ended)
            }
            Some(Framing::Chunked(scanner)) => scanner.pass(read)?,
            Some(framing) => {
                let (length, ended) = framing.take(read)?;
                (Cow::Borrowed(&read[..length]), length, ended)
            }
        };
        self.ended = ended;
        from.buffer.extend_from_slice(&read[length..]);
        self.payload += match &mut self.framing {
            Some(Framing::Chunked(scanner)) => scanner.payload(),
            _ => length as u64,
        };
        if self.limit.is_some_and(|limit| self.payload > limit) {
            return Err(Broken::Body(Refusal { status: 413, why: "a long body" }));
        }
        self.moved += length as u64;
        self.progress += length as u64;
        match &mut self.coding {
            None => self.write(cx, &passed, to),
            Some(coding) => {
                let coded = coding.put(&passed, ended);
                self.write(cx, &coded, to)
            }
        }
    }

    /// Writes behind what is kept, and keeps what is not taken.
    fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8], to: &mut Stream) -> Result<(), Broken> {
        let mut rest = bytes;
        while self.kept.is_empty() && !rest.is_empty() {
            match Pin::new(&mut *to).poll_write(cx, rest).map_err(Broken::To)? {
                Poll::Ready(0) => return Err(Broken::To(io::ErrorKind::WriteZero.into())),
                Poll::Ready(n) => rest = &rest[n..],
                Poll::Pending => break,
            }
        }
        self.kept.extend_from_slice(rest);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
