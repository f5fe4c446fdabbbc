//! A tunnel as a future of the runtime: it owns both connections, and knows every way in which a tunnel can go on or
//! end.

use std::net::TcpStream;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;

use super::{Course, End, Live};
use crate::fault;
use crate::pump::{Broken, Pump};
use crate::stream::Peer;
use crate::wheel::{Tick, Timed};

/// What becomes of a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It has ended.
    Ended(End),
    /// It may go to an engine: two sockets, nothing kept, only small messages.
    Settled,
}

/// An open tunnel.
pub(super) struct Tunnel {
    client: Peer,
    upstream: Peer,
    up: Side,
    down: Side,
    course: Course,
    half_closed: Option<Tick>,
    first_end: Option<End>,
    /// Since when it is here, and how often bytes have passed since.
    since: Tick,
    messages: u32,
    /// The most that the engine should read of it at once, if there is an engine for it.
    most: Option<usize>,
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
    /// Joins two connections; what was read of either before goes first.
    pub(super) fn new(
        mut client: Peer,
        mut upstream: Peer,
        course: Course,
        most: Option<usize>,
    ) -> Self {
        // What heads were read into is not held while a tunnel waits.
        client.buffer.shrink_to_fit();
        upstream.buffer.shrink_to_fit();
        let are_sockets = client.stream.tcp().is_some() && upstream.stream.tcp().is_some();
        Self {
            client,
            upstream,
            up: Side::new(),
            down: Side::new(),
            half_closed: None,
            first_end: None,
            since: course.wheel.now(),
            messages: 0,
            most: most.filter(|_| are_sockets),
            course,
        }
    }

    /// What others see of it.
    pub(super) fn live(&self) -> Rc<Timed<Live>> {
        self.course.live.clone()
    }

    /// Closes both connections so that neither side takes what it got for whole.
    pub(super) fn reset(self) {
        self.client.stream.reset();
        self.upstream.stream.reset();
    }

    /// The sockets of one that has settled.
    pub(super) fn into_sockets(self) -> Option<(TcpStream, TcpStream, Course)> {
        let client = self.client.stream.into_tcp()?.into_std().ok()?;
        let upstream = self.upstream.stream.into_tcp()?.into_std().ok()?;
        Some((client, upstream, self.course))
    }

    fn poll_sides(&mut self, cx: &mut Context<'_>) -> Result<(), Broken> {
        let before = [&self.up, &self.down].map(|side| (side.pump.moved, side.pump.progress));
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
                // Both have ended: closing says the same, in one call less. TLS says goodbye first.
                side.shut = self.first_end.is_some() && to.tcp().is_some();
                let who = if from_client { End::Client } else { End::Upstream };
                self.first_end.get_or_insert(who);
                self.half_closed.get_or_insert(self.course.wheel.moment());
            }
            if !side.shut && Pin::new(to).poll_shutdown(cx).map_err(Broken::To)?.is_ready() {
                side.shut = true;
            }
        }
        for (from_client, (moved, progress), side) in
            [(true, before[0], &self.up), (false, before[1], &self.down)]
        {
            if side.pump.progress != progress {
                let now = self.course.wheel.moment();
                self.course.live.moved(from_client, side.pump.moved - moved, now);
                self.messages = self.messages.saturating_add(1);
            }
        }
        Ok(())
    }

    /// Whether it may go to an engine now; else when, if that is a matter of time.
    fn settles_at(&self) -> Option<Tick> {
        let most = self.most?;
        let is_quiet = self.half_closed.is_none()
            && self.up.pump.is_quiet(most)
            && self.down.pump.is_quiet(most);
        is_quiet.then(|| {
            let calm = self.course.calm;
            if self.messages >= calm / 5 { self.since } else { self.since + Tick::from(calm) }
        })
    }
}

impl Future for Tunnel {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        fault::point("tunnel");
        let this = self.get_mut();
        if let Err(broken) = this.poll_sides(cx) {
            let (Broken::From(error) | Broken::To(error)) = broken else {
                return Poll::Ready(Outcome::Ended(End::Error));
            };
            // A side that closed first is why the other could not be written to.
            return Poll::Ready(Outcome::Ended(this.first_end.unwrap_or(End::of(&error))));
        }
        if this.up.shut && this.down.shut {
            return Poll::Ready(Outcome::Ended(this.first_end.unwrap_or(End::Client)));
        }
        let now = this.course.wheel.now();
        let deadline = this.course.deadline(this.half_closed);
        if let Some((at, end)) = deadline
            && at <= now
        {
            // Both sides see a FIN; what they were sent before is theirs.
            let _ = Pin::new(&mut this.client.stream).poll_shutdown(cx);
            let _ = Pin::new(&mut this.upstream.stream).poll_shutdown(cx);
            return Poll::Ready(Outcome::Ended(end));
        }
        let settles = this.settles_at();
        if settles.is_some_and(|at| at <= now) {
            return Poll::Ready(Outcome::Settled);
        }
        // Somebody may set an end from outside.
        this.course.live.remember(cx.waker());
        if let Some(at) = deadline.map(|(at, _)| at).into_iter().chain(settles).min() {
            this.course.wheel.wake_at(&this.course.live, at);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::super::Limits;
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
                let live = Rc::<Timed<Live>>::default();
                let course = Course::new(Limits::default(), Rc::default(), live.clone(), 0);
                let tunnel = Tunnel::new(peer(near, &a.early), peer(far, &b.early), course, Some(1));
                let (outcome, to_a, to_b) = tokio::join!(tunnel, act(client, &a), act(upstream, &b));
                assert!(matches!(outcome, Outcome::Ended(End::Client | End::Upstream)));
                (to_b, to_a, (live.up.get(), live.down.get()))
            });
            prop_assert_eq!(&to_b, &sent(&a));
            prop_assert_eq!(&to_a, &sent(&b));
            prop_assert_eq!(report, (to_b.len() as u64, to_a.len() as u64));
        }
    }
}
