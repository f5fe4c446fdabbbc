//! Turns of a connection: after so many bytes it lets other connections of its thread go on. The library for HTTP/2 reads
//! frames for as long as there are any, and a client that floods it with small ones would keep the thread for itself.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// Bytes that are read in one turn: one record of TLS, or some 1,800 of the smallest frames.
const TURN: usize = 16 * 1024;

/// The turn of a connection that is read.
#[derive(Debug)]
pub(super) struct Turn {
    /// Bytes that are left of this turn.
    left: usize,
}

impl Turn {
    pub(super) fn new() -> Self {
        Self { left: TURN }
    }

    /// Reads as much as the turn allows. At its end the task is woken behind everybody who is ready.
    pub(super) fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 {
            self.left = TURN;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let polled = Pin::new(stream).poll_read(cx, buffer);
        if polled.is_pending() {
            self.left = TURN;
        }
        ready!(polled)?;
        self.left = self.left.saturating_sub(buffer.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn a_turn_ends_and_the_next_begins() {
        let bytes = vec![7; 3 * TURN];
        let (mut turn, mut stream) = (Turn::new(), &bytes[..]);
        let mut cx = Context::from_waker(Waker::noop());
        let mut piece = vec![0; TURN - 1];
        let mut read = || {
            let mut buffer = ReadBuf::new(&mut piece);
            let polled = turn.poll_read(&mut stream, &mut cx, &mut buffer);
            polled.is_ready().then(|| buffer.filled().len())
        };
        let seen = [read(), read(), read(), read(), read(), read()];
        let all = Some(TURN - 1);
        assert_eq!(seen, [all, all, None, all, Some(3), None]);
    }
}
