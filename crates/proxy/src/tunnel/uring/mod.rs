//! The engine over `io_uring(7)`: what came on all tunnels is read and written in one or two calls. For small messages
//! alone; large ones are copied here, which a pipe saves.

mod buffers;
mod ring;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};

use slab::Slab;

use self::buffers::{Row, Rows};
use self::ring::{Completion, Ring};
use super::End;
use super::engine::{Engine, Leave, Rest, Settled};
use crate::fault;
use crate::isolation::{self, Part, again, catch};
use crate::readiness::Readiness;
use crate::wheel::Due;

/// How often results are taken before everybody else has a turn.
const ROUNDS: usize = 8;
/// What comes at once and is too much: it takes as many operations as buffers.
const LARGE: usize = 2 * buffers::SIZE;
/// Buffers of a direction that are with the kernel or wait; more say that its reader is slow.
const WAITING: usize = 4;

/// See the module.
pub(super) struct Uring {
    readiness: Readiness,
    due: Rc<Due>,
    state: RefCell<State>,
}

struct State {
    ring: Ring,
    tunnels: Slab<Carried>,
    rows: Rows,
    /// Directions that are to be read from now on. As many at once as there are buffers: each may take one at once, and
    /// those that find none would be asked for again and again.
    unread: VecDeque<Mark>,
}

/// A tunnel and its operations.
struct Carried {
    settled: Settled,
    /// What was read and not yet written; the first is with the kernel.
    waiting: [Row; 2],
    /// Whether each side is read.
    reads: [bool; 2],
    /// Whether the first of each row is with the kernel.
    sends: [bool; 2],
    cancels: u8,
    leaves: Option<Leave>,
    /// There once it leaves with something.
    rest: Option<Box<Rest>>,
}

/// What an operation is for: its kind, its direction and its tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    kind: Kind,
    from_client: bool,
    number: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Receive,
    Send,
    Cancel,
}

impl Mark {
    fn code(self) -> u64 {
        u64::from(self.number) << 8 | u64::from(self.from_client) << 2 | self.kind as u64
    }

    fn of(code: u64) -> Self {
        let kind = match code & 3 {
            0 => Kind::Receive,
            1 => Kind::Send,
            _ => Kind::Cancel,
        };
        let number = u32::try_from(code >> 8).unwrap_or(u32::MAX);
        Self { kind, from_client: code & 4 != 0, number }
    }
}

impl Uring {
    /// Starts it as a task of this thread; an error where the kernel does not allow it.
    pub(super) fn start() -> io::Result<Rc<Self>> {
        let (ring, event) = Ring::new()?;
        let state =
            State { ring, tunnels: Slab::new(), rows: Rows::new(), unread: VecDeque::new() };
        let engine = Rc::new(Self {
            readiness: Readiness::new(event)?,
            due: Rc::default(),
            state: RefCell::new(state),
        });
        let runs = engine.clone();
        let again = again(Part::Engine, move || runs.clone().run());
        isolation::spawn(Part::Engine, again);
        Ok(engine)
    }

    async fn run(self: Rc<Self>) {
        self.give_back();
        let mut results = Vec::new();
        std::future::poll_fn(|cx| self.poll(cx, &mut results)).await;
    }

    /// Gives every tunnel back to the runtime: after a panic of the engine itself.
    fn give_back(&self) {
        let mut state = self.state.borrow_mut();
        let numbers: Vec<_> = state.tunnels.iter().map(|(number, _)| number).collect();
        for number in numbers {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            state.one(number, |state| state.leave(number, Leave::Traffic));
        }
    }

    fn poll(&self, cx: &mut Context<'_>, results: &mut Vec<Completion>) -> Poll<()> {
        let mut state = self.state.borrow_mut();
        for number in self.due.take(cx.waker()) {
            state.one(number, |state| {
                let tunnel = state.tunnels.get(number as usize);
                if tunnel.is_some_and(|tunnel| tunnel.settled.is_due(&self.due, number)) {
                    state.leave(number, Leave::Due);
                }
            });
        }
        fault::point("engine");
        state.ring.tells(false);
        for _ in 0..ROUNDS {
            match self.readiness.poll(cx) {
                // It fails when the runtime ends, and nothing else does any more either.
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(())) => {}
                Poll::Pending => {
                    state.ring.tells(true);
                    if state.unread.is_empty() && state.ring.is_idle() {
                        return Poll::Pending;
                    }
                    state.ring.tells(false);
                }
            }
            state.receive_some();
            state.ring.submit();
            state.ring.take(results);
            for result in results.drain(..) {
                let number = Mark::of(result.mark).number;
                state.one(number, |state| state.done(result));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl State {
    /// Does something for one tunnel, which ends if that panics. The results of others are not lost by it; a buffer that
    /// the panic took along is not given to the kernel again.
    fn one(&mut self, number: u32, work: impl FnOnce(&mut Self)) {
        if catch(Part::Tunnel, || work(self)).is_err() {
            let _ = catch(Part::Tunnel, || {
                if let Some(tunnel) = self.tunnels.get(number as usize) {
                    tunnel.settled.is_broken();
                }
                self.leave(number, Leave::Broken(End::Error));
            });
        }
    }

    /// Begins to read some of those that are not read.
    fn receive_some(&mut self) {
        // Half of them: those that are read already take some too.
        for _ in 0..self.ring.free() / 2 {
            let Some(mark) = self.unread.pop_front() else { return };
            self.receive(mark);
        }
    }

    /// Reads one side, from now on.
    fn receive(&mut self, mark: Mark) {
        let Some(tunnel) = self.tunnels.get_mut(mark.number as usize) else { return };
        let reads = &mut tunnel.reads[usize::from(mark.from_client)];
        // A number may be another's by now, which has marks of its own.
        if tunnel.leaves.is_none() && !std::mem::replace(reads, true) {
            let (from, _) = tunnel.settled.sides(mark.from_client);
            self.ring.receive(from, mark.code());
        }
    }

    /// Goes on with what an operation came to.
    fn done(&mut self, completion: Completion) {
        let mark = Mark::of(completion.mark);
        let Some(tunnel) = self.tunnels.get_mut(mark.number as usize) else { return };
        match mark.kind {
            Kind::Cancel => tunnel.cancels -= 1,
            Kind::Receive => {
                tunnel.reads[usize::from(mark.from_client)] = completion.more;
                fault::point("io-uring");
                self.received(mark, completion);
            }
            Kind::Send => {
                tunnel.sends[usize::from(mark.from_client)] = false;
                self.sent(mark, completion.result);
            }
        }
        self.leave_if_free(mark.number);
    }

    fn received(&mut self, mark: Mark, Completion { result, mut buffer, more, .. }: Completion) {
        if !matches!(result, Ok(1..))
            && let Some(empty) = buffer.take()
        {
            self.ring.give_back(empty);
        }
        let Some(tunnel) = self.tunnels.get_mut(mark.number as usize) else { return };
        let waiting = &mut tunnel.waiting[usize::from(mark.from_client)];
        match (result, buffer) {
            (Ok(1..), Some(buffer)) => {
                if tunnel.leaves.is_some() && waiting.len() == 0 {
                    let bytes = self.ring.bytes(&buffer);
                    tunnel
                        .rest
                        .get_or_insert_default()
                        .of(mark.from_client)
                        .extend_from_slice(bytes);
                    self.ring.give_back(buffer);
                    return;
                }
                let is_large = waiting.len() > 0 && self.ring.bytes(&buffer).len() == buffers::SIZE;
                let is_first = waiting.len() == 0;
                if is_first {
                    let (_, to) = tunnel.settled.sides(mark.from_client);
                    self.ring.send(to, &buffer, Mark { kind: Kind::Send, ..mark }.code());
                    tunnel.sends[usize::from(mark.from_client)] = true;
                }
                self.rows.push(waiting, buffer);
                if is_large || waiting.len() > WAITING {
                    self.leave(mark.number, Leave::Traffic);
                } else if !more {
                    self.unread.push_back(mark);
                }
            }
            (Err(error), _)
                if error.raw_os_error() == Some(rustix::io::Errno::NOBUFS.raw_os_error()) =>
            {
                self.unread.push_back(mark);
            }
            (Err(error), _)
                if error.raw_os_error() == Some(rustix::io::Errno::CANCELED.raw_os_error()) => {}
            (Err(error), _) => self.leave(mark.number, Leave::Broken(End::of(&error))),
            (Ok(_), _) => self.leave(mark.number, Leave::Due),
        }
    }

    fn sent(&mut self, mark: Mark, result: io::Result<usize>) {
        let Some(tunnel) = self.tunnels.get_mut(mark.number as usize) else { return };
        let waiting = &mut tunnel.waiting[usize::from(mark.from_client)];
        let Some(buffer) = self.rows.pop(waiting) else { return };
        let bytes = self.ring.bytes(&buffer);
        let (written, why) = match result {
            Ok(written) if written == bytes.len() => (written, None),
            Ok(written) => (written, Some(Leave::Traffic)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => (0, Some(Leave::Traffic)),
            Err(error) => (0, Some(Leave::Broken(End::of(&error)))),
        };
        let course = &tunnel.settled.course;
        course.live.moved(mark.from_client, written as u64, course.wheel.moment());
        if why.is_some() || tunnel.leaves.is_some() {
            let rest = tunnel.rest.get_or_insert_default().of(mark.from_client);
            rest.extend_from_slice(&bytes[written..]);
            self.ring.give_back(buffer);
            while let Some(buffer) = self.rows.pop(waiting) {
                rest.extend_from_slice(self.ring.bytes(&buffer));
                self.ring.give_back(buffer);
            }
            if let Some(why) = why {
                self.leave(mark.number, why);
            }
            return;
        }
        self.ring.give_back(buffer);
        if let Some(next) = waiting.first() {
            let (_, to) = tunnel.settled.sides(mark.from_client);
            self.ring.send(to, next, mark.code());
            tunnel.sends[usize::from(mark.from_client)] = true;
        }
    }

    /// Has a tunnel leave once the kernel has let go of it.
    fn leave(&mut self, number: u32, why: Leave) {
        let Some(tunnel) = self.tunnels.get_mut(number as usize) else { return };
        if tunnel.leaves.is_none() {
            for from_client in [false, true] {
                if tunnel.reads[usize::from(from_client)] {
                    let read = Mark { kind: Kind::Receive, from_client, number };
                    let cancel = Mark { kind: Kind::Cancel, from_client, number };
                    self.ring.cancel(read.code(), cancel.code());
                    tunnel.cancels += 1;
                }
            }
        }
        // An error is told once: nothing else may hide it.
        if tunnel.leaves.is_none() || matches!(why, Leave::Broken(_)) {
            tunnel.leaves = Some(why);
        }
        self.leave_if_free(number);
    }

    fn leave_if_free(&mut self, number: u32) {
        let Some(tunnel) = self.tunnels.get(number as usize) else { return };
        let is_free =
            tunnel.cancels == 0 && tunnel.reads == [false; 2] && tunnel.sends == [false; 2];
        if let (Some(why), true) = (tunnel.leaves, is_free) {
            let mut tunnel = self.tunnels.remove(number as usize);
            // Only where a panic left something: else the last write has taken it into the rest.
            for row in &mut tunnel.waiting {
                while let Some(buffer) = self.rows.pop(row) {
                    self.ring.give_back(buffer);
                }
            }
            tunnel.settled.leave(why, tunnel.rest.map(|rest| *rest).unwrap_or_default());
        }
    }
}

impl Engine for Uring {
    fn adopt(&self, settled: Settled) {
        let mut state = self.state.borrow_mut();
        let carried = Carried {
            settled,
            waiting: Default::default(),
            reads: [false; 2],
            sends: [false; 2],
            cancels: 0,
            leaves: None,
            rest: None,
        };
        let number = u32::try_from(state.tunnels.insert(carried)).unwrap_or(u32::MAX);
        for from_client in [false, true] {
            state.unread.push_back(Mark { kind: Kind::Receive, from_client, number });
        }
        // The engine wakes, sets the deadline and hands over what was asked for.
        self.due.put(number);
    }

    fn most(&self) -> usize {
        LARGE
    }

    fn name(&self) -> &'static str {
        "io-uring"
    }

    fn end(&self) {
        self.state.borrow_mut().tunnels.clear();
    }
}
