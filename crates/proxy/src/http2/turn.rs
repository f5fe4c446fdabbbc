//! Turns of a connection: after so many bytes it lets other connections of its thread go on. The library for HTTP/2 reads
//! frames for as long as there are any, and a client that floods it with small ones would keep the thread for itself.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that are read in one turn: one record of TLS, or some 1,800 of the smallest frames.
const TURN: usize = 16 * 1024;

/// A stream that is read in turns.
pub(super) struct Turns<S> {
    stream: S,
    /// Bytes that are left of this turn.
    left: usize,
}

impl<S> Turns<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, left: TURN }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Turns<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 {
            self.left = TURN;
            // Behind everybody who is ready.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if polled.is_pending() {
            self.left = TURN;
        }
        ready!(polled)?;
        self.left = self.left.saturating_sub(buffer.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Turns<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
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
    use std::task::Waker;

    use super::*;

    #[test]
    fn a_turn_ends_and_the_next_begins() {
        let bytes = vec![7; 3 * TURN];
        let mut turns = Turns::new(&bytes[..]);
        let mut cx = Context::from_waker(Waker::noop());
        let mut piece = vec![0; TURN - 1];
        let mut read = || {
            let mut buffer = ReadBuf::new(&mut piece);
            let polled = Pin::new(&mut turns).poll_read(&mut cx, &mut buffer);
            polled.is_ready().then(|| buffer.filled().len())
        };
        let seen = [read(), read(), read(), read(), read(), read()];
        let all = Some(TURN - 1);
        assert_eq!(seen, [all, all, None, all, Some(3), None]);
    }
}
