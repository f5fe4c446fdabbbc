//! A request on its way to a server: its body goes up while the head of the answer is awaited, then the answer's
//! body comes down while the rest of the request's still goes up.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};

use crate::fault;
use crate::head::{self, Refusal, ResponseHead};
use crate::pump::{Broken, Pump};
use crate::stream::Peer;
use crate::wheel::{Tick, Timed, Wheel, ticks};
use crate::writing::{Patience, write_all};

/// Why there is no whole answer.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The client has gone.
    ClientGone,
    /// The client's body stalled, or the client does not take its answer (`timer/body-idle`).
    ClientStalled,
    /// The client's body broke the rules of HTTP, or its limit.
    ClientBody(Refusal),
    /// The server could not be written to or read from. Its answer had not begun where it is `silent`; without a
    /// cause it closed in order.
    Server { silent: bool, cause: Option<io::Error> },
    /// The server's answer broke the rules of HTTP.
    ServerTalk,
    /// `timer/response-header`
    Late,
}

impl Failed {
    /// Returns the cause for the error log, where the server failed: the words for it, and the error of the connection.
    pub(crate) fn of_server(&self) -> Option<String> {
        let (words, cause) = match self {
            Self::Server { silent: true, cause } => ("closed without an answer", cause.as_ref()),
            Self::Server { silent: false, cause } => {
                ("closed or silent within its answer", cause.as_ref())
            }
            Self::ServerTalk => ("an answer that is not HTTP", None),
            Self::Late => ("no answer within `response_header`", None),
            Self::ClientGone | Self::ClientStalled | Self::ClientBody(_) => return None,
        };
        Some(cause.map_or_else(|| words.to_owned(), |cause| format!("{words}: {cause}")))
    }
}

/// Timers of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timers {
    /// Request sent to response head.
    pub(crate) response_header: Duration,
    /// Longest silence of a body.
    pub(crate) body_idle: Duration,
}

/// A request on its way.
pub(crate) struct Sending<'a> {
    /// Where it came from.
    pub(crate) client: &'a mut Peer,
    /// Where it goes.
    pub(crate) server: &'a mut Peer,
    /// The rest of its body.
    pub(crate) upload: Option<Pump>,
    /// Its method.
    pub(crate) method: &'a str,
    timers: Timers,
    wheel: Rc<Wheel>,
    timed: Rc<Timed>,
    last: Tick,
}

/// The most that is read ahead of a client that pipelines.
const AHEAD: usize = 8192;

impl<'a> Sending<'a> {
    /// Begins with what is left of a body.
    pub(crate) fn new(
        client: &'a mut Peer,
        server: &'a mut Peer,
        upload: Option<Pump>,
        method: &'a str,
        timers: Timers,
        wheel: Rc<Wheel>,
        timed: Rc<Timed>,
    ) -> Self {
        let last = wheel.moment();
        Self { client, server, upload, method, timers, wheel, timed, last }
    }

    /// The next head of the server: an interim one, or the last.
    pub(crate) async fn head(&mut self) -> Result<ResponseHead, Failed> {
        std::future::poll_fn(|cx| self.poll_head(cx)).await
    }

    /// Passes an interim head on to the client.
    pub(crate) async fn interim(&mut self, head: &[u8]) -> Result<(), Failed> {
        let Self { wheel, timed, timers, .. } = self;
        let patience = Patience { wheel, timed, time: timers.body_idle };
        let written = write_all(&mut self.client.stream, head, patience).await;
        written.map_err(|_| Failed::ClientGone)
    }

    /// Moves the answer's body, and gives how much that was.
    pub(crate) async fn body(&mut self, mut download: Pump) -> Result<u64, Failed> {
        self.last = self.wheel.moment();
        std::future::poll_fn(|cx| self.poll_body(cx, &mut download)).await?;
        Ok(download.moved)
    }

    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<ResponseHead, Failed>> {
        self.poll_upload(cx)?;
        loop {
            match head::response(&self.server.buffer, self.method) {
                Err(_) => return Poll::Ready(Err(Failed::ServerTalk)),
                Ok(Some((length, head))) => {
                    self.server.buffer.drain(..length);
                    return Poll::Ready(Ok(head));
                }
                Ok(None) => {}
            }
            match read(&mut *self.server, cx) {
                // Neither a part of a head nor an interim one puts `response_header` off.
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(ended) => {
                    let silent = self.server.buffer.is_empty();
                    return Poll::Ready(Err(Failed::Server { silent, cause: ended.err() }));
                }
                Poll::Pending => break,
            }
        }
        if self.upload.is_none() {
            self.poll_client(cx)?;
        }
        let (time, late) = match &self.upload {
            // It is the server that takes nothing.
            Some(upload) if upload.is_blocked() => (self.timers.body_idle, Failed::Late),
            Some(_) => (self.timers.body_idle, Failed::ClientStalled),
            None => (self.timers.response_header, Failed::Late),
        };
        self.poll_deadline(cx, time, late)
    }

    fn poll_body(&mut self, cx: &mut Context<'_>, download: &mut Pump) -> Poll<Result<(), Failed>> {
        if download.moved > 0 {
            fault::point("body");
        }
        let before = download.progress;
        match download.poll(cx, self.server, &mut self.client.stream) {
            Poll::Ready(Ok(())) => return Poll::Ready(Ok(())),
            Poll::Ready(Err(Broken::To(_))) => return Poll::Ready(Err(Failed::ClientGone)),
            Poll::Ready(Err(Broken::From(error))) => {
                return Poll::Ready(Err(Failed::Server { silent: false, cause: Some(error) }));
            }
            Poll::Ready(Err(Broken::Body(_))) => return Poll::Ready(Err(Failed::ServerTalk)),
            Poll::Pending => {}
        }
        if download.progress != before {
            self.last = self.wheel.moment();
        }
        self.poll_upload(cx)?;
        let late = if download.is_blocked() {
            Failed::ClientStalled
        } else {
            Failed::Server { silent: false, cause: Some(io::ErrorKind::TimedOut.into()) }
        };
        self.poll_deadline(cx, self.timers.body_idle, late)
    }

    /// Moves the request's body. A server that answers without reading it is no error yet.
    fn poll_upload(&mut self, cx: &mut Context<'_>) -> Result<(), Failed> {
        let Some(upload) = &mut self.upload else { return Ok(()) };
        let before = upload.progress;
        let polled = upload.poll(cx, self.client, &mut self.server.stream);
        if upload.progress != before {
            self.last = self.wheel.moment();
        }
        match polled {
            Poll::Pending => {}
            // It is up, or nobody takes more of it; either way the answer decides.
            Poll::Ready(Ok(()) | Err(Broken::To(_))) => {
                self.upload = None;
                self.last = self.wheel.moment();
            }
            Poll::Ready(Err(Broken::From(_))) => return Err(Failed::ClientGone),
            Poll::Ready(Err(Broken::Body(refusal))) => return Err(Failed::ClientBody(refusal)),
        }
        Ok(())
    }

    /// A client that closes while it waits has gone; what it sends ahead is kept for later.
    fn poll_client(&mut self, cx: &mut Context<'_>) -> Result<(), Failed> {
        while self.client.buffer.len() < AHEAD {
            match read(&mut *self.client, cx) {
                Poll::Pending => break,
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(_) => return Err(Failed::ClientGone),
            }
        }
        Ok(())
    }

    fn poll_deadline<T>(
        &mut self,
        cx: &mut Context<'_>,
        time: Duration,
        late: Failed,
    ) -> Poll<Result<T, Failed>> {
        let at = self.last + ticks(time);
        if at <= self.wheel.now() {
            return Poll::Ready(Err(late));
        }
        self.timed.remember(cx.waker());
        self.wheel.wake_at(&self.timed, at);
        Poll::Pending
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        self.timed.forget();
    }
}

/// Reads a piece into a peer's buffer.
fn read(peer: &mut Peer, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    let mut piece = [std::mem::MaybeUninit::uninit(); 4096];
    let mut buffer = ReadBuf::uninit(&mut piece);
    let read = Pin::new(&mut peer.stream).poll_read(cx, &mut buffer);
    read.map_ok(|()| {
        peer.buffer.extend_from_slice(buffer.filled());
        buffer.filled().len()
    })
}
