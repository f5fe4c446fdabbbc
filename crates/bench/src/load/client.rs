//! One connection of the load.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use super::Load;
use crate::frame::{Message, handshake, head_end, opened};
use crate::transport::Transport;

/// What a connection is for.
#[derive(Debug)]
pub(super) enum Kind {
    /// Messages.
    Tunnel { message: Box<Message>, next: u64 },
    /// Plain requests.
    Http,
}

impl Kind {
    pub(super) fn tunnel(connection: usize, size: usize) -> Self {
        Self::Tunnel { message: Box::new(Message::new(connection, size)), next: 0 }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Opening,
    Nothing,
    Exchanging,
}

/// A connection, with what it has sent and got of one exchange.
#[derive(Debug)]
pub(super) struct Client {
    transport: Transport,
    kind: Kind,
    doing: Doing,
    /// The handshake or the request.
    head: Vec<u8>,
    sent: usize,
    got: usize,
    answer: Vec<u8>,
    /// When the exchange was due.
    pub(super) began: Instant,
    /// Whether a place to write is waited for.
    pub(super) watched: bool,
    /// Whether it has sent a message.
    pub(super) spoke: bool,
    /// Whether the server has said that it takes no more (RFC 9112, section 9.6).
    pub(super) ends: bool,
}

fn wrong(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl Client {
    pub(super) fn connect(load: &Load, kind: Kind) -> io::Result<Self> {
        let began = Instant::now();
        let transport = Transport::connect(load.address, load.tls.as_ref())?;
        let host = load.address.to_string();
        let (head, doing) = match kind {
            Kind::Tunnel { .. } => (handshake(&host), Doing::Opening),
            Kind::Http => {
                let request = format!(
                    "GET /page HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\nUser-Agent: wsgen-bench\r\n\r\n"
                );
                (request.into_bytes(), Doing::Nothing)
            }
        };
        Ok(Self {
            transport,
            kind,
            doing,
            head,
            sent: 0,
            got: 0,
            answer: Vec::new(),
            began,
            watched: false,
            spoke: false,
            ends: false,
        })
    }

    pub(super) fn is_open(&self) -> bool {
        self.doing != Doing::Opening
    }

    pub(super) fn is_busy(&self) -> bool {
        self.doing == Doing::Exchanging
    }

    /// The next message or request; it was due then.
    pub(super) fn begin(&mut self, at: Instant) {
        if let Kind::Tunnel { message, next } = &mut self.kind {
            message.number(*next);
            *next += 1;
        }
        (self.sent, self.got, self.began, self.doing) = (0, 0, at, Doing::Exchanging);
        self.answer.clear();
        self.spoke = true;
    }

    /// Whether it waits for a place to write.
    pub(super) fn writes(&self) -> bool {
        self.transport.holds() || self.sent < self.outgoing().len()
    }

    fn outgoing(&self) -> &[u8] {
        match (&self.kind, self.doing) {
            (_, Doing::Nothing) => &[],
            (Kind::Tunnel { message, .. }, Doing::Exchanging) => &message.sent,
            _ => &self.head,
        }
    }

    /// Writes what it can.
    pub(super) fn send(&mut self) -> io::Result<()> {
        self.transport.flush().or_else(later)?;
        while self.sent < self.outgoing().len() {
            let out = match (&self.kind, self.doing) {
                (Kind::Tunnel { message, .. }, Doing::Exchanging) => &message.sent,
                _ => &self.head,
            };
            match self.transport.write(&out[self.sent..]) {
                Ok(n) => self.sent += n,
                Err(error) => {
                    later(error)?;
                    break;
                }
            }
        }
        Ok(())
    }

    /// Writes and reads what it can; whether an exchange, or the handshake, is at its end.
    pub(super) fn turn(&mut self, scratch: &mut [u8]) -> io::Result<bool> {
        self.send()?;
        let n = match self.transport.read(scratch) {
            Ok(0) => return Err(wrong("a connection ended")),
            Ok(n) => n,
            Err(error) => {
                later(error)?;
                return Ok(false);
            }
        };
        let bytes = &scratch[..n];
        match (&self.kind, self.doing) {
            (_, Doing::Nothing) => Err(wrong("somebody spoke unasked")),
            (_, Doing::Opening) => {
                self.answer.extend_from_slice(bytes);
                match opened(&self.answer).map_err(wrong)? {
                    None => Ok(false),
                    Some(end) if end == self.answer.len() => {
                        self.doing = Doing::Nothing;
                        Ok(true)
                    }
                    Some(_) => Err(wrong("somebody spoke unasked")),
                }
            }
            (Kind::Tunnel { message, .. }, _) => {
                let expected = &message.back;
                if expected.get(self.got..self.got + n) != Some(bytes) {
                    return Err(wrong("an echo has other bytes"));
                }
                self.got += n;
                let done = self.got == expected.len();
                if done {
                    self.doing = Doing::Nothing;
                }
                Ok(done)
            }
            (Kind::Http, _) => {
                self.answer.extend_from_slice(bytes);
                let done = whole(&self.answer)?;
                if done {
                    self.doing = Doing::Nothing;
                    let head = head_end(&self.answer).unwrap_or_default();
                    let head = String::from_utf8_lossy(&self.answer[..head]).to_ascii_lowercase();
                    self.ends = head.contains("\r\nconnection: close\r\n");
                }
                Ok(done)
            }
        }
    }
}

/// Whether an answer is whole.
fn whole(answer: &[u8]) -> io::Result<bool> {
    let Some(end) = head_end(answer) else { return Ok(false) };
    if !answer.starts_with(b"HTTP/1.1 200 ") {
        return Err(wrong("an answer is not 200"));
    }
    let head = String::from_utf8_lossy(&answer[..end]);
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    match (length, answer.len() - end) {
        (None, _) => Err(wrong("an answer has no length")),
        (Some(length), got) if got > length => Err(wrong("an answer is too long")),
        (Some(length), got) => Ok(got == length),
    }
}

fn later(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::WouldBlock { Ok(()) } else { Err(error) }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.transport.as_fd()
    }
}
