//! What carries settled tunnels. An engine knows small messages that their reader takes at once, and nothing else: a
//! tunnel for which anything else is due (an end, a deadline, a reader that is slow, a large message) goes back to the
//! runtime, with what was read of it and not yet written.

use std::io;
use std::net::TcpStream;
use std::rc::Rc;
use std::time::Duration;

use socket2::SockRef;

use super::epoll::Epoll;
#[cfg(feature = "io-uring")]
use super::uring::Uring;
use super::{Course, End, Held, carry};
use crate::isolation::{self, Part};
use crate::stream::{Peer, Stream, Wire};

/// Who carries settled tunnels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Relay {
    /// epoll(7), once a tunnel is a second old or has carried some messages (docs/decisions/io-uring.md).
    #[default]
    Auto,
    /// No engine: tunnels stay futures of the runtime.
    Runtime,
    /// epoll(7), from the first quiet moment of each tunnel on.
    Epoll,
    /// `io_uring(7)`, likewise; epoll where the kernel does not allow it.
    #[cfg(feature = "io-uring")]
    IoUring,
}

impl Relay {
    /// How many ticks a tunnel stays with the runtime first. One that opens for a moment is not worth the
    /// change.
    pub(crate) fn calm(self) -> u32 {
        if self == Self::Auto { 50 } else { 0 }
    }
}

/// An engine, of one thread.
pub(crate) trait Engine {
    /// Carries a tunnel from now on.
    fn adopt(&self, settled: Settled);
    /// The most that is read at once of what it should carry; larger messages are better off with the runtime.
    fn most(&self) -> usize;
    /// Its word for `wsgen serve --relay`.
    fn name(&self) -> &'static str;
    /// Lets go of all.
    fn end(&self);
}

/// A tunnel between two sockets.
pub(crate) struct Settled {
    pub(super) client: TcpStream,
    pub(super) upstream: TcpStream,
    pub(super) course: Course,
    pub(super) held: Held,
}

/// What was read of either side and not written to the other.
#[derive(Debug, Default)]
pub(super) struct Rest {
    pub(super) of_client: Vec<u8>,
    pub(super) of_upstream: Vec<u8>,
}

impl Rest {
    /// What was read of one side.
    pub(super) fn of(&mut self, client: bool) -> &mut Vec<u8> {
        if client { &mut self.of_client } else { &mut self.of_upstream }
    }
}

/// Why a tunnel leaves its engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    /// Another is better at what it carries.
    Traffic,
    /// One side has ended, or a deadline has come.
    Due,
    /// A socket failed, and its error was told.
    Broken(End),
}

impl Settled {
    /// The reading and the writing side of a direction.
    pub(super) fn sides(&self, from_client: bool) -> (&TcpStream, &TcpStream) {
        if from_client { (&self.client, &self.upstream) } else { (&self.upstream, &self.client) }
    }

    /// Whether a deadline has come; else its next one wakes the engine for the number.
    pub(super) fn is_due(&self, due: &Rc<crate::wheel::Due>, number: u32) -> bool {
        let Course { wheel, live, .. } = &self.course;
        live.belongs(due, number);
        match self.course.deadline(None) {
            Some((at, _)) if at <= wheel.now() => true,
            Some((at, _)) => {
                wheel.wake_at(live, at);
                false
            }
            None => false,
        }
    }

    /// Has both sides see a reset when the tunnel ends: what they got may not be whole.
    pub(super) fn is_broken(&self) {
        for socket in [&self.client, &self.upstream] {
            let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
        }
    }

    /// Leaves its engine, whose descriptors it must not have any more.
    pub(super) fn leave(mut self, why: Leave, rest: Rest) {
        if let Leave::Broken(end) = why {
            return self.held.end(end, &self.course.live);
        }
        self.course.is_restless();
        let live = self.course.live.clone();
        let peer = |stream: TcpStream, buffer| {
            let stream = tokio::net::TcpStream::from_std(stream).ok()?;
            Some(Peer { stream: Stream::Plain(Wire::Tcp(stream)), buffer })
        };
        match (peer(self.client, rest.of_client), peer(self.upstream, rest.of_upstream)) {
            (Some(client), Some(upstream)) => {
                let tunnel = carry(client, upstream, self.course, self.held);
                isolation::spawn(Part::Tunnel, tunnel);
            }
            _ => self.held.end(End::Error, &live),
        }
    }
}

fn epoll() -> io::Result<Option<Rc<dyn Engine>>> {
    Ok(Some(Epoll::start()?))
}

/// Starts an engine for this thread, if there is to be one. A kernel without rings is no error; that no descriptor is
/// free for epoll is one.
pub(crate) fn start(relay: Relay) -> io::Result<Option<Rc<dyn Engine>>> {
    match relay {
        Relay::Runtime => Ok(None),
        Relay::Auto | Relay::Epoll => epoll(),
        #[cfg(feature = "io-uring")]
        Relay::IoUring => match Uring::start() {
            Ok(engine) => Ok(Some(engine)),
            Err(_) => epoll(),
        },
    }
}
