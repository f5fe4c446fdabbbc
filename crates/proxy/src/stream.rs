//! A connection of either side, and what was read of it ahead of its use.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::{client, server};

/// A connection.
#[derive(Debug)]
pub(crate) enum Stream {
    /// TCP.
    Tcp(TcpStream),
    /// A Unix socket.
    Unix(UnixStream),
    /// TLS from a client.
    FromClient(Box<server::TlsStream<TcpStream>>),
    /// TLS to a server.
    ToServer(Box<client::TlsStream<TcpStream>>),
    /// One stream of an HTTP/2 connection.
    Inner(DuplexStream),
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

impl Peer {
    /// A connection of which nothing was read.
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// Reads more; 0 is the end.
    pub(crate) async fn fill(&mut self) -> io::Result<usize> {
        self.buffer.reserve(READ);
        self.stream.read_buf(&mut self.buffer).await
    }
}

macro_rules! each {
    ($stream:expr, $inner:ident => $call:expr) => {
        match $stream {
            Stream::Tcp($inner) => $call,
            Stream::Unix($inner) => $call,
            Stream::FromClient($inner) => $call,
            Stream::ToServer($inner) => $call,
            Stream::Inner($inner) => $call,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        each!(self.get_mut(), inner => Pin::new(inner).poll_read(cx, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        each!(self.get_mut(), inner => Pin::new(inner).poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), inner => Pin::new(inner).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), inner => Pin::new(inner).poll_shutdown(cx))
    }
}
