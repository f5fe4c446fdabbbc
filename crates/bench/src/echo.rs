//! The application behind every server: it says back what WebSockets say, and answers plain requests. One thread.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::frame::{ACCEPT, head_end};
use crate::machine::{self, Core};
use crate::poll::Poll;

/// A running application; it ends with its owner.
#[derive(Debug)]
pub(crate) struct Echo {
    pub(crate) address: SocketAddr,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// The body of a plain answer.
const BODY: &str = "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz";

/// What is read at once.
const SCRATCH: usize = 256 * 1024;

impl Echo {
    /// Starts one on a core.
    pub(crate) fn start(core: Core) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let ends = Arc::new(AtomicBool::new(false));
        let seen = ends.clone();
        let thread = std::thread::Builder::new().name("echo".into()).spawn(move || {
            machine::pin(core);
            // Whoever waits for it sees that it has ended.
            let _ = serve(&listener, &seen);
        })?;
        Ok(Self { address, ends, thread: Some(thread) })
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Peer {
    stream: TcpStream,
    /// What has come of a head, or of a frame's.
    head: Vec<u8>,
    /// What could not be written yet.
    rest: Vec<u8>,
    tunnel: bool,
    /// What is left of a frame's payload, its mask, and where in it the next byte stands.
    left: u64,
    mask: [u8; 4],
    turn: usize,
}

fn serve(listener: &TcpListener, ends: &AtomicBool) -> io::Result<()> {
    let mut poll = Poll::new()?;
    poll.add(listener, 0)?;
    let mut peers: Vec<Option<Peer>> = vec![None];
    let (mut ready, mut free) = (Vec::new(), Vec::new());
    let mut scratch = vec![0; SCRATCH];
    while !ends.load(Ordering::Relaxed) {
        poll.wait(Duration::from_millis(200), &mut ready)?;
        for number in &ready {
            if *number == 0 {
                while let Ok((stream, _)) = listener.accept() {
                    stream.set_nonblocking(true)?;
                    stream.set_nodelay(true)?;
                    let at = free.pop().unwrap_or_else(|| {
                        peers.push(None);
                        peers.len() - 1
                    });
                    poll.add(&stream, at)?;
                    let (head, rest) = (Vec::new(), Vec::new());
                    let peer =
                        Peer { stream, head, rest, tunnel: false, left: 0, mask: [0; 4], turn: 0 };
                    peers[at] = Some(peer);
                }
                continue;
            }
            let Some(peer) = peers.get_mut(*number).and_then(Option::as_mut) else { continue };
            if peer.turn(&mut scratch, &poll, *number).is_err() {
                peers[*number] = None;
                free.push(*number);
            }
        }
    }
    Ok(())
}

impl Peer {
    /// Writes what is kept, then reads and answers. An error ends the connection.
    fn turn(&mut self, scratch: &mut [u8], poll: &Poll, number: usize) -> io::Result<()> {
        if !self.rest.is_empty() {
            self.flush()?;
            if !self.rest.is_empty() {
                return Ok(());
            }
            poll.writes(&self.stream, number, false)?;
        }
        let n = match self.stream.read(scratch) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        self.take(&mut scratch[..n])?;
        if !self.rest.is_empty() {
            poll.writes(&self.stream, number, true)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.rest.is_empty() {
            match self.stream.write(&self.rest) {
                Ok(n) => drop(self.rest.drain(..n)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut from = 0;
        while self.rest.is_empty() && from < bytes.len() {
            match self.stream.write(&bytes[from..]) {
                Ok(n) => from += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.rest.extend_from_slice(&bytes[from..]);
        Ok(())
    }

    fn take(&mut self, mut bytes: &mut [u8]) -> io::Result<()> {
        if !self.tunnel {
            self.head.extend_from_slice(bytes);
            while let Some(end) = head_end(&self.head) {
                let behind = self.head.split_off(end);
                let head = std::mem::replace(&mut self.head, behind);
                let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
                if text.contains("\r\nupgrade: websocket") {
                    self.tunnel = true;
                    let answer = format!(
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                         Connection: Upgrade\r\nSec-WebSocket-Accept: {ACCEPT}\r\n\r\n"
                    );
                    self.put(answer.as_bytes())?;
                    let mut behind = std::mem::take(&mut self.head);
                    return self.frames(&mut behind);
                }
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{BODY}",
                    BODY.len()
                );
                self.put(answer.as_bytes())?;
            }
            return Ok(());
        }
        if !self.head.is_empty() {
            let mut joined = std::mem::take(&mut self.head);
            joined.extend_from_slice(bytes);
            return self.frames(&mut joined);
        }
        // A long message passes piece by piece.
        if self.left > 0 {
            let size = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
            let (piece, behind) = bytes.split_at_mut(size);
            self.unmask(piece);
            self.put(piece)?;
            bytes = behind;
        }
        self.frames(bytes)
    }

    /// Whole heads of frames, each with as much of its payload as is there.
    fn frames(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        let mut out = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while at < bytes.len() {
            if self.left == 0 {
                let Some((length, mask, size)) = head(&bytes[at..]) else {
                    self.head.extend_from_slice(&bytes[at..]);
                    break;
                };
                if bytes[at] & 0x0f == 8 {
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
                out.push(bytes[at]);
                // The same length, without the bit of the mask.
                out.push(bytes[at + 1] & 0x7f);
                out.extend_from_slice(&bytes[at + 2..at + size - 4]);
                (self.left, self.mask, self.turn) = (length, mask, 0);
                at += size;
                if length == 0 {
                    continue;
                }
            }
            let size = (bytes.len() - at).min(usize::try_from(self.left).unwrap_or(usize::MAX));
            let piece = &mut bytes[at..at + size];
            self.unmask(piece);
            out.extend_from_slice(piece);
            at += size;
        }
        self.put(&out)
    }

    fn unmask(&mut self, piece: &mut [u8]) {
        self.mask.rotate_left(self.turn % 4);
        let mask = u64::from_ne_bytes([self.mask, self.mask].concat().try_into().unwrap_or([0; 8]));
        let (words, rest) = piece.as_chunks_mut::<8>();
        for word in words {
            *word = (u64::from_ne_bytes(*word) ^ mask).to_ne_bytes();
        }
        for (at, byte) in rest.iter_mut().enumerate() {
            *byte ^= self.mask[at % 4];
        }
        self.turn = piece.len();
        self.left -= piece.len() as u64;
    }
}

/// The length, the mask and the size of a frame's head, if it is whole; clients mask.
fn head(bytes: &[u8]) -> Option<(u64, [u8; 4], usize)> {
    let (length, at) = match bytes.get(1)? & 0x7f {
        126 => (u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?), 10),
        length => (u64::from(length), 2),
    };
    Some((length, bytes.get(at..at + 4)?.try_into().ok()?, at + 4))
}
