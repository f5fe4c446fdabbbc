//! Tunnels: bytes, not frames. A tunnel begins as a future of the runtime ([`future`]), which knows everything that can
//! happen to one. Once it has settled, an engine carries it as long as only small messages pass, for less memory and
//! less work ([`engine`]); whatever else happens brings it back.

pub(crate) mod engine;
mod epoll;
mod future;
pub(crate) mod registration;
#[cfg(feature = "io-uring")]
mod uring;

use std::cell::Cell;
use std::rc::Rc;

use crate::entry::Carried;
use crate::isolation::{Panicked, Part, isolate};
use crate::limits::ClientPlace;
use crate::stream::Peer;
use crate::upstream::Place;
use crate::wheel::{Tick, Ticks, Timed, Wheel};
use crate::worker::Counted;

use self::engine::Settled;
use self::future::{Outcome, Tunnel};
use self::registration::Registration;

/// Why a tunnel ended (`log/access`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The client closed first.
    Client,
    /// The upstream closed first.
    Upstream,
    /// `timer/tunnel-idle`
    TunnelIdle,
    /// `timer/tunnel-max`
    TunnelMax,
    /// `timer/half-closed`
    HalfClosed,
    /// `drain/reload` and `drain/stop`
    Drain,
    /// A connection was reset.
    Reset,
    /// Another error.
    Error,
}

impl End {
    /// The word for logs.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Upstream => "upstream",
            Self::TunnelIdle => "tunnel_idle",
            Self::TunnelMax => "tunnel_max",
            Self::HalfClosed => "half_closed",
            Self::Drain => "drain",
            Self::Reset => "reset",
            Self::Error => "error",
        }
    }

    /// What an error of a socket is for a tunnel that nobody has closed.
    fn of(error: &std::io::Error) -> Self {
        use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
        if matches!(error.kind(), ConnectionReset | BrokenPipe) { Self::Reset } else { Self::Error }
    }
}

/// When a tunnel must end.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits {
    /// Longest silence in both directions.
    pub(crate) idle: Option<Ticks>,
    /// Longest life.
    pub(crate) max: Option<Ticks>,
    /// Longest life of one side alone.
    pub(crate) half_closed: Option<Ticks>,
}

/// What others see of a tunnel, and what they tell it.
#[derive(Debug, Default)]
pub(crate) struct Live {
    /// A tick at which it is told to end.
    pub(crate) end_at: Cell<Option<Tick>>,
    /// Bytes from the client.
    pub(crate) up: Cell<u64>,
    /// Bytes to the client.
    pub(crate) down: Cell<u64>,
    /// When the last byte passed.
    pub(crate) last: Cell<Tick>,
}

impl Live {
    /// Notes bytes that passed.
    fn moved(&self, from_client: bool, bytes: u64, now: Tick) {
        let count = if from_client { &self.up } else { &self.down };
        count.set(count.get() + bytes);
        self.last.set(now);
    }
}

/// A tunnel without its connections: whatever carries it, its deadlines and what it counts are here.
#[derive(Debug)]
pub(crate) struct Course {
    limits: Limits,
    opened: Tick,
    wheel: Rc<Wheel>,
    live: Rc<Timed<Live>>,
    /// How many ticks it stays with the runtime before an engine has it, unless it has carried a fifth as many messages
    /// before: more each time that it came back.
    calm: u32,
}

/// The longest that a tunnel stays with the runtime before an engine has it again.
const CALMEST: u32 = 64 * 50;

impl Course {
    /// Begins now, and stays so long with the runtime.
    pub(crate) fn new(limits: Limits, wheel: Rc<Wheel>, live: Rc<Timed<Live>>, calm: u32) -> Self {
        let opened = wheel.moment();
        live.last.set(opened);
        Self { limits, opened, wheel, live, calm }
    }

    /// The deadline that comes first, and what it means.
    fn deadline(&self, half_closed: Option<Tick>) -> Option<(Tick, End)> {
        let after =
            |from: Tick, time: Option<Ticks>, end| time.map(|t| (from + Tick::from(t.get()), end));
        [
            after(self.live.last.get(), self.limits.idle, End::TunnelIdle),
            after(self.opened, self.limits.max, End::TunnelMax),
            half_closed.and_then(|from| after(from, self.limits.half_closed, End::HalfClosed)),
            self.live.end_at.get().map(|at| (at, End::Drain)),
        ]
        .into_iter()
        .flatten()
        .min_by_key(|(at, _)| *at)
    }

    /// Makes it stay longer with the runtime the next time: long enough for the runtime to see why.
    fn is_restless(&mut self) {
        self.calm = (self.calm * 2).clamp(2, CALMEST);
    }
}

impl Drop for Course {
    fn drop(&mut self) {
        self.live.forget();
    }
}

/// What a tunnel holds until its end, and gives back then.
pub(crate) struct Held {
    /// Its place among the tunnels of the thread, with what the line says.
    pub(crate) registration: Registration,
    /// Its places at the server and among those of its client.
    pub(crate) places: (Place, Option<Box<ClientPlace>>),
    /// Its place at the listener.
    pub(crate) counted: Rc<Counted>,
}

impl Held {
    /// Gives everything back, and logs the end.
    fn end(self, end: End, live: &Live) {
        let Self { registration, places, counted } = self;
        let (worker, format) = (registration.worker().clone(), registration.format());
        let entry = registration.end();
        drop((places, counted));
        if let Some(entry) = entry {
            let (received, sent) = (live.up.get(), live.down.get());
            worker.log.ended(&entry, Carried { received, sent, end: end.as_str() }, format);
        }
    }
}

/// Carries a tunnel until its end, or until an engine has it.
pub(crate) fn carry(
    client: Peer,
    upstream: Peer,
    course: Course,
    held: Held,
) -> impl Future<Output = ()> {
    let engine = held.registration.worker().engine();
    let mut tunnel =
        Tunnel::new(client, upstream, course, engine.as_ref().map(|engine| engine.most()));
    async move {
        // By reference: a future that is awaited by value is held twice.
        let outcome = isolate(Part::Tunnel, &mut tunnel).await;
        match (outcome, engine) {
            (Err(Panicked), _) => {
                let live = tunnel.live();
                tunnel.reset();
                held.end(End::Error, &live);
            }
            (Ok(Outcome::Ended(end)), _) => {
                let live = tunnel.live();
                drop(tunnel);
                held.end(end, &live);
            }
            (Ok(Outcome::Settled), engine) => {
                let live = tunnel.live();
                match (tunnel.into_sockets(), engine) {
                    (Some((client, upstream, course)), Some(engine)) => {
                        engine.adopt(Settled { client, upstream, course, held });
                    }
                    _ => held.end(End::Error, &live),
                }
            }
        }
    }
}
