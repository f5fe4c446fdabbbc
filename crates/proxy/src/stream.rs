//! A connection of either side, and what was read of it ahead of its use.

use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use rustix::net::RecvFlags;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, DuplexStream, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;
use tokio_rustls::{client, server};

/// A connection.
#[derive(Debug)]
pub(crate) enum Stream {
    /// Without TLS.
    Plain(Wire),
    /// TLS from a client.
    FromClient(Box<server::TlsStream<Wire>>),
    /// TLS to a server.
    ToServer(Box<client::TlsStream<Wire>>),
    /// One stream of an HTTP/2 connection.
    Inner(Box<Inner>),
}

/// One stream of an HTTP/2 connection, spoken to in HTTP/1.1.
#[derive(Debug)]
pub(crate) struct Inner {
    stream: DuplexStream,
    /// Dropped with it; the other side sees that nobody waits any more.
    _held: Option<oneshot::Sender<()>>,
    reason: Option<Reason>,
}

/// Why the other side of a stream ended before its answer. Set ahead of the end.
pub(crate) type Reason = Arc<OnceLock<String>>;

impl Inner {
    /// A stream whose end nobody waits for.
    #[cfg(test)]
    pub(crate) fn new(stream: DuplexStream) -> Self {
        Self { stream, _held: None, reason: None }
    }

    /// A stream whose end is told by dropping `held`.
    pub(crate) fn held(stream: DuplexStream, held: oneshot::Sender<()>) -> Self {
        Self { stream, _held: Some(held), reason: None }
    }

    /// The same with a reason: once that is set, the end of the stream is an error.
    pub(crate) fn failing(self, reason: Reason) -> Self {
        Self { reason: Some(reason), ..self }
    }
}

impl Stream {
    /// The socket, where the bytes of a tunnel are the bytes on the wire.
    pub(crate) fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Plain(Wire::Tcp(tcp)) => Some(tcp),
            _ => None,
        }
    }

    /// Closes it so that its peer takes nothing for whole: by a reset, where there is a socket to reset.
    pub(crate) fn reset(self) {
        if let Some(tcp) = self.tcp() {
            let _ = tcp.set_zero_linger();
        }
    }

    /// The same, for good.
    pub(crate) fn into_tcp(self) -> Option<TcpStream> {
        match self {
            Self::Plain(Wire::Tcp(tcp)) => Some(tcp),
            _ => None,
        }
    }
}

/// What a connection is made of.
#[derive(Debug)]
pub(crate) enum Wire {
    /// TCP.
    Tcp(TcpStream),
    /// A Unix socket.
    Unix(UnixStream),
}

impl Wire {
    /// Waits until the peer has sent something, or has closed. Nothing is read.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        // The runtime's own readiness may be a guess (`TcpStream::readable`).
        match self {
            Self::Tcp(tcp) => tcp.async_io(Interest::READABLE, || peek(tcp)).await,
            Self::Unix(unix) => unix.async_io(Interest::READABLE, || peek(unix)).await,
        }
    }
}

fn peek(socket: impl AsFd) -> io::Result<()> {
    rustix::net::recv(socket, &mut [0; 1], RecvFlags::PEEK)?;
    Ok(())
}

/// A connection with bytes that were read and not used yet.
#[derive(Debug)]
pub(crate) struct Peer {
    /// The connection.
    pub(crate) stream: Stream,
    /// Bytes that were read.
    pub(crate) buffer: Vec<u8>,
}

/// How much is read at once while a head is awaited; heads are mostly shorter.
const READ: usize = 4096;
/// Most bytes that are read ahead of a waiting peer.
const AHEAD: usize = 8192;

impl Peer {
    /// A connection of which nothing was read.
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// Waits for something that the peer waits for too; `None` where the peer has gone meanwhile. What it sends ahead is
    /// kept.
    pub(crate) async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        std::future::poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(Some(done));
            }
            while self.buffer.len() < AHEAD {
                self.buffer.reserve(READ);
                let read = std::pin::pin!(self.stream.read_buf(&mut self.buffer)).poll(cx);
                match read {
                    Poll::Pending => break,
                    Poll::Ready(Ok(1..)) => {}
                    Poll::Ready(_) => return Poll::Ready(None),
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Reads more; 0 is the end.
    pub(crate) async fn fill(&mut self) -> io::Result<usize> {
        self.buffer.reserve(READ);
        self.stream.read_buf(&mut self.buffer).await
    }
}

/// A connection is whichever of its kinds it is.
macro_rules! each {
    ($kind:ident: $($variant:ident),+) => {
        impl AsyncRead for $kind {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    $(Self::$variant(inner) => Pin::new(inner).poll_read(cx, buffer),)+
                }
            }
        }

        impl AsyncWrite for $kind {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                match self.get_mut() {
                    $(Self::$variant(inner) => Pin::new(inner).poll_write(cx, bytes),)+
                }
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    $(Self::$variant(inner) => Pin::new(inner).poll_flush(cx),)+
                }
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    $(Self::$variant(inner) => Pin::new(inner).poll_shutdown(cx),)+
                }
            }
        }
    };
}

each!(Stream: Plain, FromClient, ToServer, Inner);
each!(Wire: Tcp, Unix);

impl AsyncRead for Inner {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buffer))?;
        let ended = buffer.filled().len() == before && buffer.remaining() > 0;
        match this.reason.as_ref().and_then(|reason| reason.get()) {
            Some(reason) if ended => Poll::Ready(Err(io::Error::other(reason.clone()))),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Inner {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
