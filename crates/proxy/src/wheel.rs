//! Deadlines of a thread's tunnels and bodies. They are coarse (20 ms), and none is moved when a byte passes: a
//! deadline that comes finds out when the last byte passed and, if that was late enough, is set anew.
//!
//! No deadline fires early: a time that begins is rounded up to the next tick ([`Wheel::moment`], [`Wheel::after`]),
//! and the tick that decides whether a deadline has come ([`Wheel::now`]) is never ahead of the clock.

use std::cell::{Cell, RefCell};
use std::num::NonZeroU32;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};

use crate::readiness::Readiness;

/// A moment, in ticks since the thread began.
pub(crate) type Tick = u64;

/// The length of a tick.
pub(crate) const TICK: Duration = Duration::from_millis(20);

/// Slots of the wheel: what is further away waits for further rounds.
const SLOTS: usize = 2048;

/// What waits for a deadline, with what others are to know of it: one place in memory for both.
#[derive(Debug, Default)]
pub(crate) struct Timed<T: ?Sized = ()> {
    /// When it must be looked at again.
    due: Cell<Tick>,
    waits: RefCell<Waits>,
    known: T,
}

/// The same for the wheel, which knows nothing of it.
type Anything = Timed<dyn std::fmt::Debug>;

impl<T: ?Sized> std::ops::Deref for Timed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.known
    }
}

/// Who is woken.
#[derive(Debug, Default)]
enum Waits {
    #[default]
    Nobody,
    Task(Waker),
    /// One of those that a task looks after.
    One(Rc<Due>, u32),
}

/// Those that a task looks after and that are due.
#[derive(Debug, Default)]
pub(crate) struct Due {
    numbers: RefCell<Vec<u32>>,
    waker: RefCell<Option<Waker>>,
}

/// How many are looked after before messages have a turn.
const AT_ONCE: usize = 256;

impl Due {
    /// Some of who is due now: a reload may be due for all, and messages do not wait for that. The task is woken when
    /// there are more.
    pub(crate) fn take(&self, waker: &Waker) -> Vec<u32> {
        let mut known = self.waker.borrow_mut();
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
        let mut numbers = self.numbers.borrow_mut();
        let rest = numbers.len().saturating_sub(AT_ONCE);
        let some = numbers.split_off(rest);
        if rest > 0 {
            waker.wake_by_ref();
        }
        some
    }

    /// Adds one, and wakes the task.
    pub(crate) fn put(&self, number: u32) {
        self.numbers.borrow_mut().push(number);
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }
}

impl<T: ?Sized> Timed<T> {
    /// Wakes whoever waits, whatever the time.
    pub(crate) fn wake(&self) {
        match self.waits.take() {
            Waits::Nobody => {}
            Waits::Task(waker) => waker.wake(),
            Waits::One(due, number) => due.put(number),
        }
    }

    /// Lets go of who waited: a waker in the wheel would keep a whole task in memory until its deadline.
    pub(crate) fn forget(&self) {
        self.waits.replace(Waits::Nobody);
    }

    /// Keeps who is to be woken.
    pub(crate) fn remember(&self, waker: &Waker) {
        let mut known = self.waits.borrow_mut();
        if !matches!(&*known, Waits::Task(known) if known.will_wake(waker)) {
            *known = Waits::Task(waker.clone());
        }
    }

    /// Keeps which one of a task's is due.
    pub(crate) fn belongs(&self, due: &Rc<Due>, number: u32) {
        self.waits.replace(Waits::One(due.clone(), number));
    }
}

/// The deadlines of one thread.
#[derive(Debug)]
pub(crate) struct Wheel {
    /// The tick of the last turn; the clock has passed it.
    now: Cell<Tick>,
    /// When tick 0 was, on the monotonic clock.
    began: Duration,
    slots: RefCell<Vec<Vec<Rc<Anything>>>>,
    /// Number of entries in all slots.
    entries: Cell<usize>,
}

impl Default for Wheel {
    fn default() -> Self {
        let slots = (0..SLOTS).map(|_| Vec::new()).collect();
        let (now, entries) = (Cell::new(0), Cell::new(0));
        Self { now, began: clock(), slots: RefCell::new(slots), entries }
    }
}

/// The monotonic clock. The coarse one costs less, but is late without a bound where the machine is busy.
fn clock() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default()
}

/// The first tick at or after a time.
fn up(time: Duration) -> Tick {
    Tick::try_from(time.as_nanos().div_ceil(TICK.as_nanos())).unwrap_or(Tick::MAX / 2)
}

/// How many ticks a time takes, at least one.
pub(crate) fn ticks(time: Duration) -> Tick {
    up(time).max(1)
}

/// A timer of the kernel that ticks with the wheel: one of the runtime's would be set anew each time that the thread
/// waits.
pub(crate) fn timer(wheel: &Wheel) -> std::io::Result<Readiness> {
    let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
    let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
    let spec = |time: Duration| Timespec::try_from(time).unwrap_or_default();
    let each = Itimerspec { it_interval: spec(TICK), it_value: spec(wheel.began + TICK) };
    timerfd_settime(&timer, TimerfdTimerFlags::ABSTIME, &each)?;
    Readiness::new(timer)
}

/// A length of time, as short as a tunnel keeps it.
pub(crate) type Ticks = NonZeroU32;

/// The same in ticks; three years are as good as more.
pub(crate) fn short(time: Duration) -> Ticks {
    u32::try_from(ticks(time)).ok().and_then(Ticks::new).unwrap_or(Ticks::MAX)
}

impl Wheel {
    /// The last tick that has passed: what a deadline is compared with. Reading it costs no clock.
    pub(crate) fn now(&self) -> Tick {
        self.now.get()
    }

    /// The tick from which a time is counted that begins now. It is never in the past, so that the time is never cut
    /// short.
    pub(crate) fn moment(&self) -> Tick {
        up(self.elapsed())
    }

    /// The first tick at which a time that begins now is over.
    pub(crate) fn after(&self, time: Duration) -> Tick {
        up(self.elapsed().saturating_add(time))
    }

    /// Time since tick 0.
    fn elapsed(&self) -> Duration {
        clock().saturating_sub(self.began)
    }

    /// Wakes whoever waits there at a tick, or a little later. An earlier deadline of the same is replaced.
    pub(crate) fn wake_at<T: std::fmt::Debug + 'static>(&self, who: &Rc<Timed<T>>, due: Tick) {
        // One entry that comes early enough is enough.
        if who.due.get() > self.now() && who.due.get() <= due {
            return;
        }
        who.due.set(due.max(self.now() + 1));
        self.put(who.clone());
    }

    /// Does something within a time; `None` when that is over. Who waits has one place in the wheel for everything that it
    /// waits for, one after the other: an entry that comes early is set anew, and none is left behind by what ended in time.
    pub(crate) async fn within<F: Future>(
        &self,
        who: &Rc<Timed>,
        time: Duration,
        work: F,
    ) -> Option<F::Output> {
        let end = self.after(time);
        let mut work = std::pin::pin!(work);
        std::future::poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(Some(done));
            }
            if end <= self.now() {
                return Poll::Ready(None);
            }
            who.remember(cx.waker());
            self.wake_at(who, end);
            Poll::Pending
        })
        .await
    }

    /// Wakes everybody who waits for a deadline: something else has come.
    pub(crate) fn wake_all(&self) {
        let all: Vec<_> = self.slots.borrow().iter().flatten().cloned().collect();
        for who in all {
            who.wake();
        }
    }

    /// Number of entries. Those of owners that have ended are among them until their slot comes round, after 41 s at the
    /// latest.
    pub(crate) fn entries(&self) -> usize {
        self.entries.get()
    }

    fn put(&self, who: Rc<Anything>) {
        let slot = usize::try_from(who.due.get() % SLOTS as u64).unwrap_or(0);
        self.slots.borrow_mut()[slot].push(who);
        self.entries.set(self.entries.get() + 1);
    }

    /// Turns the wheel for as long as the thread lives, and does something else at each tick.
    pub(crate) async fn turn(self: Rc<Self>, ticking: Rc<Readiness>, each: impl Fn()) {
        while std::future::poll_fn(|cx| ticking.poll(cx)).await.is_ok() {
            // It goes on when it is read.
            let _ = rustix::io::read(&*ticking, &mut [0; 8]);
            let passed = self.elapsed().as_nanos() / TICK.as_nanos();
            self.turn_to(Tick::try_from(passed).unwrap_or(Tick::MAX));
            each();
        }
        crate::events::thread_failed("timer", &"no deadline comes any more");
    }

    fn turn_to(&self, now: Tick) {
        // After a pause longer than a round every slot is looked at once.
        let first = self.now().max(now.saturating_sub(SLOTS as u64)) + 1;
        self.now.set(now);
        for tick in first..=now {
            let slot = usize::try_from(tick % SLOTS as u64).unwrap_or(0);
            let here = std::mem::take(&mut self.slots.borrow_mut()[slot]);
            self.entries.set(self.entries.get() - here.len());
            for who in here {
                // Nobody else holds it: it has ended.
                if Rc::strong_count(&who) == 1 {
                    continue;
                }
                if who.due.get() > now {
                    // Of a later round, or replaced by an entry elsewhere.
                    if who.due.get() % SLOTS as u64 == tick % SLOTS as u64 {
                        self.put(who);
                    }
                    continue;
                }
                who.wake();
            }
        }
    }
}

#[cfg(test)]
mod tests;
