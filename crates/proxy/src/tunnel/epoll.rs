//! The engine over epoll(7), with a descriptor of its own that the runtime waits for: no task, no registration with the
//! runtime and no readiness to keep for a tunnel, only its place here.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use slab::Slab;

use super::End;
use super::engine::{Engine, Leave, Rest, Settled};
use crate::bulk;
use crate::fault;
use crate::isolation::{self, Part, again, catch};
use crate::readiness::Readiness;
use crate::wheel::Due;

/// How many events are taken at once.
const EVENTS: usize = 128;
/// How often events are taken before everybody else has a turn.
const ROUNDS: usize = 4;
/// How much is read at once. A read that fills it is worth a pipe.
const SCRATCH: usize = bulk::WORTH;

/// See the module.
pub(super) struct Epoll {
    poll: Readiness,
    tunnels: RefCell<Slab<Settled>>,
    due: Rc<Due>,
}

impl Epoll {
    /// Starts it as a task of this thread.
    pub(super) fn start() -> io::Result<Rc<Self>> {
        let poll = Readiness::new(epoll::create(CreateFlags::CLOEXEC)?)?;
        let engine = Rc::new(Self { poll, tunnels: RefCell::default(), due: Rc::default() });
        let runs = engine.clone();
        let again = again(Part::Engine, move || runs.clone().run());
        isolation::spawn(Part::Engine, again);
        Ok(engine)
    }

    async fn run(self: Rc<Self>) {
        self.give_back();
        let mut scratch = vec![0; SCRATCH];
        let mut events = Vec::with_capacity(EVENTS);
        std::future::poll_fn(|cx| self.poll(cx, &mut events, &mut scratch)).await;
    }

    fn poll(&self, cx: &mut Context<'_>, events: &mut Vec<Event>, scratch: &mut [u8]) -> Poll<()> {
        for number in self.due.take(cx.waker()) {
            self.one(number as usize, || self.look(number));
        }
        fault::point("engine");
        for _ in 0..ROUNDS {
            // It fails when the runtime ends, and nothing else does any more either.
            if ready!(self.poll.poll(cx)).is_err() {
                return Poll::Ready(());
            }
            loop {
                events.clear();
                let now = rustix::event::Timespec::default();
                if epoll::wait(&self.poll, rustix::buffer::spare_capacity(events), Some(&now))
                    .is_err()
                {
                    break;
                }
                for event in events.iter() {
                    let data = event.data.u64();
                    let number = usize::try_from(data / 2).unwrap_or(usize::MAX);
                    self.one(number, || {
                        self.event(number, data.is_multiple_of(2), event.flags, scratch);
                    });
                }
                if events.len() < EVENTS {
                    break;
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Does something for one tunnel, which ends if that panics. The events of others are not lost by it.
    fn one(&self, number: usize, work: impl FnOnce()) {
        if catch(Part::Tunnel, work).is_err() {
            let _ = catch(Part::Tunnel, || {
                let Some(tunnel) = self.tunnels.borrow_mut().try_remove(number) else { return };
                tunnel.is_broken();
                tunnel.leave(Leave::Broken(End::Error), Rest::default());
            });
        }
    }

    /// Gives every tunnel back to the runtime, which looks at its sockets: after a panic of the engine itself, which has
    /// lost the events that it had taken.
    fn give_back(&self) {
        let numbers: Vec<_> = self.tunnels.borrow().iter().map(|(number, _)| number).collect();
        for number in numbers {
            self.one(number, || self.leave(number, Leave::Traffic, Rest::default()));
        }
    }

    /// Looks whether a deadline of a tunnel has come.
    fn look(&self, number: u32) {
        let tunnels = self.tunnels.borrow();
        let is_due = tunnels.get(number as usize).is_some_and(|t| t.is_due(&self.due, number));
        drop(tunnels);
        if is_due {
            self.leave(number as usize, Leave::Due, Rest::default());
        }
    }

    /// Carries what came on one side of a tunnel.
    fn event(&self, number: usize, from_client: bool, flags: EventFlags, scratch: &mut [u8]) {
        fault::point("epoll");
        let step = match self.tunnels.borrow().get(number) {
            None => return,
            Some(_) if flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR) => {
                Err((Leave::Due, Vec::new()))
            }
            Some(tunnel) => pass(tunnel, from_client, scratch),
        };
        if let Err((why, rest)) = step {
            let mut all = Rest::default();
            *all.of(from_client) = rest;
            self.leave(number, why, all);
        }
    }

    fn leave(&self, number: usize, why: Leave, rest: Rest) {
        let tunnel = self.tunnels.borrow_mut().remove(number);
        let _ = epoll::delete(&self.poll, &tunnel.client);
        let _ = epoll::delete(&self.poll, &tunnel.upstream);
        tunnel.leave(why, rest);
    }
}

/// Reads once and writes it: what comes later has an event of its own.
fn pass(tunnel: &Settled, from_client: bool, scratch: &mut [u8]) -> Result<(), (Leave, Vec<u8>)> {
    let broken = |error: Errno| (Leave::Broken(End::of(&error.into())), Vec::new());
    let (from, to) = tunnel.sides(from_client);
    let read = match recv(from, &mut *scratch, RecvFlags::empty()) {
        Ok((_, 0)) => return Err((Leave::Due, Vec::new())),
        Ok((_, read)) => read,
        Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
        Err(error) => return Err(broken(error)),
    };
    let written = match send(to, &scratch[..read], SendFlags::NOSIGNAL) {
        Ok(written) => written,
        Err(Errno::AGAIN | Errno::INTR) => 0,
        Err(error) => return Err(broken(error)),
    };
    let course = &tunnel.course;
    course.live.moved(from_client, written as u64, course.wheel.moment());
    if written < read {
        return Err((Leave::Traffic, scratch[written..read].to_vec()));
    }
    if read == scratch.len() { Err((Leave::Traffic, Vec::new())) } else { Ok(()) }
}

impl Engine for Epoll {
    fn adopt(&self, settled: Settled) {
        let number = self.tunnels.borrow_mut().insert(settled);
        let tunnels = self.tunnels.borrow();
        let Some(tunnel) = tunnels.get(number) else { return };
        let flags = EventFlags::IN | EventFlags::RDHUP | EventFlags::ET;
        let add = |socket, side| {
            epoll::add(&self.poll, socket, EventData::new_u64(number as u64 * 2 + side), flags)
        };
        let added = add(&tunnel.client, 0).and_then(|()| add(&tunnel.upstream, 1));
        let small = u32::try_from(number).unwrap_or(u32::MAX);
        let is_due = tunnel.is_due(&self.due, small);
        drop(tunnels);
        if added.is_err() || is_due {
            self.leave(number, Leave::Due, Rest::default());
        }
    }

    fn most(&self) -> usize {
        SCRATCH
    }

    fn name(&self) -> &'static str {
        "epoll"
    }

    fn end(&self) {
        self.tunnels.borrow_mut().clear();
    }
}
