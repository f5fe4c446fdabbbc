//! A tunnel: bytes, not frames. One future owns both connections from the 101 on.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::AsyncWrite;

use crate::pump::{Broken, Pump};
use crate::stream::Peer;
use crate::wheel::{Tick, Timed, Wheel, ticks};

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
}

/// When a tunnel must end.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits {
    /// Longest silence in both directions.
    pub(crate) idle: Option<Duration>,
    /// Longest life.
    pub(crate) max: Option<Duration>,
    /// Longest life of one side alone.
    pub(crate) half_closed: Option<Duration>,
}

/// The bytes that a tunnel carried, and its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Report {
    /// From the client.
    pub(crate) up: u64,
    /// To the client.
    pub(crate) down: u64,
    /// Why it ended.
    pub(crate) end: End,
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

/// An open tunnel.
pub(crate) struct Tunnel {
    client: Peer,
    upstream: Peer,
    up: Side,
    down: Side,
    limits: Limits,
    wheel: Rc<Wheel>,
    timed: Rc<Timed>,
    opened: Tick,
    half_closed: Option<Tick>,
    first_end: Option<End>,
    live: Rc<Live>,
}

/// One direction and how far its end has come.
struct Side {
    pump: Pump,
    /// Everything that will ever be read was written.
    ended: bool,
    /// The writing side was told so.
    shut: bool,
}

impl Side {
    fn new() -> Self {
        Self { pump: Pump::tunnel(), ended: false, shut: false }
    }
}

impl Tunnel {
    /// Joins two connections; what was read of either ahead of the 101 goes first.
    pub(crate) fn new(
        mut client: Peer,
        mut upstream: Peer,
        limits: Limits,
        wheel: Rc<Wheel>,
        timed: Rc<Timed>,
        live: Rc<Live>,
    ) -> Self {
        let now = wheel.now();
        live.last.set(now);
        // What heads were read into is not held while a tunnel waits.
        client.buffer.shrink_to_fit();
        upstream.buffer.shrink_to_fit();
        Self {
            client,
            upstream,
            up: Side::new(),
            down: Side::new(),
            limits,
            wheel,
            timed,
            opened: now,
            half_closed: None,
            first_end: None,
            live,
        }
    }

    fn poll_sides(&mut self, cx: &mut Context<'_>) -> Result<(), Broken> {
        let before = self.up.pump.moved + self.down.pump.moved;
        for (from_client, side) in [(true, &mut self.up), (false, &mut self.down)] {
            let (from, to) = if from_client {
                (&mut self.client, &mut self.upstream.stream)
            } else {
                (&mut self.upstream, &mut self.client.stream)
            };
            if !side.ended {
                match side.pump.poll(cx, from, to) {
                    Poll::Pending => continue,
                    Poll::Ready(result) => result?,
                }
                side.ended = true;
                let who = if from_client { End::Client } else { End::Upstream };
                self.first_end.get_or_insert(who);
                self.half_closed.get_or_insert(self.wheel.now());
            }
            if !side.shut && Pin::new(to).poll_shutdown(cx).map_err(Broken::To)?.is_ready() {
                side.shut = true;
            }
        }
        if self.up.pump.moved + self.down.pump.moved != before {
            self.live.last.set(self.wheel.now());
            self.live.up.set(self.up.pump.moved);
            self.live.down.set(self.down.pump.moved);
        }
        Ok(())
    }

    /// The deadline that comes first, and what it means.
    fn deadline(&self) -> Option<(Tick, End)> {
        let after =
            |from: Tick, time: Option<Duration>, end| time.map(|time| (from + ticks(time), end));
        [
            after(self.live.last.get(), self.limits.idle, End::TunnelIdle),
            after(self.opened, self.limits.max, End::TunnelMax),
            self.half_closed.and_then(|from| after(from, self.limits.half_closed, End::HalfClosed)),
            self.live.end_at.get().map(|at| (at, End::Drain)),
        ]
        .into_iter()
        .flatten()
        .min_by_key(|(at, _)| *at)
    }

    fn report(&self, end: End) -> Report {
        Report { up: self.up.pump.moved, down: self.down.pump.moved, end }
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.timed.forget();
    }
}

impl Future for Tunnel {
    type Output = Report;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Report> {
        let this = self.get_mut();
        if let Err(broken) = this.poll_sides(cx) {
            let (Broken::From(error) | Broken::To(error)) = broken else {
                return Poll::Ready(this.report(End::Error));
            };
            let reset =
                matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe);
            // A side that closed first is why the other could not be written to.
            let end = this.first_end.unwrap_or(if reset { End::Reset } else { End::Error });
            return Poll::Ready(this.report(end));
        }
        if this.up.shut && this.down.shut {
            return Poll::Ready(this.report(this.first_end.unwrap_or(End::Client)));
        }
        // Somebody may set an end from outside.
        this.timed.remember(cx.waker());
        if let Some((at, end)) = this.deadline() {
            if at <= this.wheel.now() {
                // Both sides see a FIN; what they were sent before is theirs.
                let _ = Pin::new(&mut this.client.stream).poll_shutdown(cx);
                let _ = Pin::new(&mut this.upstream.stream).poll_shutdown(cx);
                return Poll::Ready(this.report(end));
            }
            this.wheel.wake_at(&this.timed, at, cx.waker());
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use crate::stream::Stream;

    /// What one end does: pieces that it sends with pauses between, and how much it reads at once.
    #[derive(Debug, Clone)]
    struct Plan {
        early: Vec<u8>,
        pieces: Vec<(Vec<u8>, u8)>,
        reads: usize,
        slow: u8,
    }

    fn plan() -> impl Strategy<Value = Plan> {
        let bytes = |most| proptest::collection::vec(any::<u8>(), 0..most);
        let pieces = proptest::collection::vec((bytes(3_000), 0..4_u8), 0..12);
        (bytes(50), pieces, 1..5_000_usize, 0..4_u8).prop_map(|(early, pieces, reads, slow)| Plan {
            early,
            pieces,
            reads,
            slow,
        })
    }

    async fn pause(turns: u8) {
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
    }

    /// Sends its pieces and closes its half, while it reads the other's to the end.
    async fn act(end: DuplexStream, plan: &Plan) -> Vec<u8> {
        let (mut reader, mut writer) = tokio::io::split(end);
        let send = async {
            for (piece, turns) in &plan.pieces {
                writer.write_all(piece).await.unwrap();
                pause(*turns).await;
            }
            writer.shutdown().await.unwrap();
        };
        let read = async {
            let mut seen = Vec::new();
            let mut piece = vec![0; plan.reads];
            loop {
                match reader.read(&mut piece).await.unwrap() {
                    0 => return seen,
                    n => seen.extend_from_slice(&piece[..n]),
                }
                pause(plan.slow).await;
            }
        };
        tokio::join!(send, read).1
    }

    fn sent(plan: &Plan) -> Vec<u8> {
        let pieces = plan.pieces.iter().flat_map(|(piece, _)| piece);
        plan.early.iter().chain(pieces).copied().collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        /// Whatever the pieces, the pauses and the order of the ends: every byte arrives, once and in order.
        #[test]
        fn every_byte_arrives(a in plan(), b in plan(), room in 1..4_000_usize, other in 1..4_000_usize) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let (to_b, to_a, report) = runtime.block_on(async {
                let (client, near) = tokio::io::duplex(room);
                let (upstream, far) = tokio::io::duplex(other);
                let peer = |stream, early: &[u8]| Peer {
                    stream: Stream::Inner(Box::new(crate::stream::Inner::new(stream))),
                    buffer: early.to_vec(),
                };
                let tunnel = Tunnel::new(
                    peer(near, &a.early),
                    peer(far, &b.early),
                    Limits::default(),
                    Rc::default(),
                    Rc::default(),
                    Rc::default(),
                );
                let (report, to_a, to_b) = tokio::join!(tunnel, act(client, &a), act(upstream, &b));
                (to_b, to_a, report)
            });
            prop_assert_eq!(&to_b, &sent(&a));
            prop_assert_eq!(&to_a, &sent(&b));
            prop_assert_eq!((report.up, report.down), (to_b.len() as u64, to_a.len() as u64));
        }
    }
}
