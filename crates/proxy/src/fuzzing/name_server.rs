//! A name server without sockets, which says what a fuzzer makes up.

use std::collections::VecDeque;
use std::future::ready;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hickory_resolver::net::runtime::iocompat::AsyncIoTokioAsStd;
use hickory_resolver::net::runtime::{DnsUdpSocket, RuntimeProvider, TokioHandle, TokioTime};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The name server's address.
pub(super) const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 53);

/// One message of a name server.
#[derive(Debug, Clone)]
pub struct Said {
    /// Whether it has the number of the question, or another one.
    pub numbered: bool,
    /// Whether it repeats the question behind its header.
    pub repeats: bool,
    /// The rest of it, behind the number: the header, the question unless it is repeated, and the records.
    pub bytes: Vec<u8>,
}

impl Said {
    /// Returns the message about a question (RFC 1035 section 4.1).
    fn about(&self, question: &[u8]) -> Vec<u8> {
        let mut out = question.get(..2).unwrap_or(b"??").to_vec();
        if !self.numbered {
            out[0] ^= 1;
        }
        if !self.repeats {
            out.extend_from_slice(&self.bytes);
            return out;
        }
        let mut header = [0; 8];
        let (length, end) = (self.bytes.len().min(8), question_end(question));
        header[..length].copy_from_slice(&self.bytes[..length]);
        // Two bytes of flags, one question, and the numbers of records.
        out.extend([header[0], header[1], 0, 1]);
        out.extend_from_slice(&header[2..]);
        out.extend_from_slice(question.get(12..end).unwrap_or_default());
        out.extend_from_slice(self.bytes.get(8..).unwrap_or_default());
        out
    }
}

/// Where the first question of a message ends: a name, two bytes of type, two of class.
fn question_end(message: &[u8]) -> usize {
    let name = message.iter().skip(12).position(|byte| *byte == 0);
    name.map_or(message.len(), |length| 12 + length + 5)
}

/// A network with this one name server. A server that has nothing more to say is gone.
#[derive(Debug, Clone)]
pub(super) struct Network(Arc<Mutex<VecDeque<Said>>>);

impl Network {
    /// Returns a network whose name server says these messages in their order.
    pub(super) fn new(messages: &[Said]) -> Self {
        Self(Arc::new(Mutex::new(messages.iter().cloned().collect())))
    }

    fn next(&self) -> Option<Said> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl RuntimeProvider for Network {
    type Handle = TokioHandle;
    type Timer = TokioTime;
    type Udp = Datagrams;
    type Tcp = AsyncIoTokioAsStd<Connection>;

    fn create_handle(&self) -> TokioHandle {
        TokioHandle::default()
    }

    fn connect_tcp(
        &self,
        _: SocketAddr,
        _: Option<SocketAddr>,
        _: Option<Duration>,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<Self::Tcp>>>> {
        let network = self.clone();
        let (asked, saying) = (Vec::new(), VecDeque::new());
        let connection = Connection { network, asked, saying, reader: None };
        Box::pin(ready(Ok(AsyncIoTokioAsStd(connection))))
    }

    fn bind_udp(
        &self,
        _: SocketAddr,
        _: SocketAddr,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<Self::Udp>>>> {
        Box::pin(ready(Ok(Datagrams { network: self.clone(), asked: Mutex::default() })))
    }
}

/// A socket of UDP.
#[derive(Debug)]
pub(super) struct Datagrams {
    network: Network,
    /// The last question.
    asked: Mutex<Vec<u8>>,
}

impl Datagrams {
    fn asked(&self) -> MutexGuard<'_, Vec<u8>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DnsUdpSocket for Datagrams {
    type Time = TokioTime;

    fn poll_recv_from(
        &self,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let Some(said) = self.network.next() else {
            return Poll::Ready(Err(io::ErrorKind::ConnectionRefused.into()));
        };
        let message = said.about(&self.asked());
        let length = message.len().min(buffer.len());
        buffer[..length].copy_from_slice(&message[..length]);
        Poll::Ready(Ok((length, ADDRESS)))
    }

    fn poll_send_to(
        &self,
        _: &mut Context<'_>,
        question: &[u8],
        _: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        *self.asked() = question.to_vec();
        Poll::Ready(Ok(question.len()))
    }
}

/// A connection of TCP: messages have their length ahead of them (RFC 1035 section 4.2.2).
#[derive(Debug)]
pub(super) struct Connection {
    network: Network,
    asked: Vec<u8>,
    /// What is left of the message that is being said.
    saying: VecDeque<u8>,
    /// Waits for the question, as the server does.
    reader: Option<Waker>,
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.asked.len() < 4 {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if self.saying.is_empty()
            && let Some(said) = self.network.next()
        {
            let mut message = said.about(&self.asked[2..]);
            message.truncate(u16::MAX.into());
            let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
            self.saying.extend(length.to_be_bytes());
            self.saying.extend(message);
        }
        let length = buffer.remaining().min(self.saying.len());
        let piece: Vec<u8> = self.saying.drain(..length).collect();
        buffer.put_slice(&piece);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.asked.extend_from_slice(bytes);
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
