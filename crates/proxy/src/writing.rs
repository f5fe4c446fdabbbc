//! Writes with a bound: a peer that takes nothing for a time is given up (`timer/body-idle`).

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::AsyncWrite;

use crate::wheel::{Tick, Timed, Wheel};

/// The longest time for which a peer may take nothing of what is written to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience<'a> {
    /// The wheel that keeps the deadline.
    pub(crate) wheel: &'a Wheel,
    /// The place in the wheel of the connection that waits.
    pub(crate) timed: &'a Rc<Timed>,
    /// Longest time for which nothing may be taken.
    pub(crate) time: Duration,
}

/// Writes all bytes and flushes them.
///
/// # Errors
///
/// `TimedOut` where the peer takes nothing for as long as `patience` allows; else the error of the connection.
pub(crate) async fn write_all<S: AsyncWrite + Unpin>(
    stream: &mut S,
    bytes: &[u8],
    patience: Patience<'_>,
) -> io::Result<()> {
    let mut left = bytes;
    let mut end = None;
    let written = std::future::poll_fn(|cx| {
        let before = left.len();
        let written = poll_all(stream, &mut left, cx);
        if left.len() < before {
            end = None;
        }
        match written {
            Poll::Ready(written) => Poll::Ready(written),
            Poll::Pending => patience.poll(&mut end, cx),
        }
    });
    let written = written.await;
    if end.is_some() {
        patience.timed.forget();
    }
    written
}

fn poll_all<S: AsyncWrite + Unpin>(
    stream: &mut S,
    left: &mut &[u8],
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while !left.is_empty() {
        let taken = ready!(Pin::new(&mut *stream).poll_write(cx, left))?;
        if taken == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        *left = &left[taken..];
    }
    // TLS holds records back until it is told to send them.
    Pin::new(stream).poll_flush(cx)
}

// === impl Patience ===

impl Patience<'_> {
    /// Waits until a deadline, which is set where there is none yet; it is over with `TimedOut`.
    fn poll<T>(&self, end: &mut Option<Tick>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let end = *end.get_or_insert_with(|| self.wheel.after(self.time));
        if end <= self.wheel.now() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        self.timed.remember(cx.waker());
        self.wheel.wake_at(self.timed, end);
        Poll::Pending
    }
}
