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
}

impl Default for Wheel {
    fn default() -> Self {
        let slots = (0..SLOTS).map(|_| Vec::new()).collect();
        Self { now: Cell::new(0), began: clock(), slots: RefCell::new(slots) }
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

    fn put(&self, who: Rc<Anything>) {
        let slot = usize::try_from(who.due.get() % SLOTS as u64).unwrap_or(0);
        self.slots.borrow_mut()[slot].push(who);
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
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn deadlines_come_once_and_in_their_round() {
        let wheel = Wheel::default();
        let count = Arc::new(Count::default());
        let waker = Waker::from(count.clone());
        let woken = || count.0.load(Ordering::Relaxed);
        let timed = || {
            let timed = Rc::<Timed>::default();
            timed.remember(&waker);
            timed
        };
        let (soon, late, gone) = (timed(), timed(), timed());
        wheel.wake_at(&soon, 3);
        wheel.wake_at(&late, SLOTS as u64 + 5);
        wheel.wake_at(&gone, 4);
        drop(gone);
        wheel.turn_to(2);
        assert_eq!(woken(), 0);
        wheel.turn_to(10);
        assert_eq!(woken(), 1, "the one that is gone is not woken");
        wheel.turn_to(SLOTS as u64 + 4);
        assert_eq!(woken(), 1);
        wheel.turn_to(SLOTS as u64 + 5);
        assert_eq!(woken(), 2);
        // A long pause skips nobody.
        soon.remember(&waker);
        wheel.wake_at(&soon, SLOTS as u64 + 7);
        wheel.turn_to(SLOTS as u64 * 9);
        assert_eq!(woken(), 3);
    }

    #[test]
    fn an_earlier_deadline_takes_the_place_of_a_later_one() {
        let wheel = Wheel::default();
        let count = Arc::new(Count::default());
        let waker = Waker::from(count.clone());
        let who = Rc::<Timed>::default();
        who.remember(&waker);
        wheel.wake_at(&who, 100);
        wheel.wake_at(&who, 10);
        wheel.turn_to(10);
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        wheel.turn_to(100);
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn what_ends_in_time_leaves_nothing_behind() {
        let (wheel, who) = (Wheel::default(), Rc::<Timed>::default());
        let mut cx = std::task::Context::from_waker(Waker::noop());
        let minute = Duration::from_mins(1);
        for _ in 0..1_000 {
            let mut waits =
                std::pin::pin!(wheel.within(&who, minute, std::future::pending::<()>()));
            assert!(waits.as_mut().poll(&mut cx).is_pending());
        }
        assert_eq!(wheel.slots.borrow().iter().map(Vec::len).sum::<usize>(), 1);
        let mut waits = std::pin::pin!(wheel.within(&who, TICK, std::future::pending::<()>()));
        assert!(waits.as_mut().poll(&mut cx).is_pending());
        wheel.turn_to(wheel.after(TICK));
        assert_eq!(waits.as_mut().poll(&mut cx), Poll::Ready(None));
    }

    #[test]
    fn a_time_is_rounded_up_from_wherever_it_begins() {
        for pause in [0, 1, 7, 13, 19, 20, 21, 33] {
            let wheel = Wheel::default();
            std::thread::sleep(Duration::from_millis(pause));
            for time in [1, 19, 20, 21, 999, 2_000].map(Duration::from_millis) {
                let earliest = wheel.elapsed();
                let (due, counted) = (wheel.after(time), wheel.moment() + ticks(time));
                let latest = wheel.elapsed();
                let at = |tick: Tick| TICK * u32::try_from(tick).unwrap();
                assert!(at(due) >= earliest + time, "{pause}: {time:?} is over too early");
                assert!(at(due) < latest + time + TICK, "{pause}: {time:?} is over too late");
                // Two roundings.
                assert!(at(counted) >= earliest + time, "{pause}: {time:?} is counted too short");
                assert!(at(counted) < latest + time + 2 * TICK, "{pause}: {time:?}");
            }
        }
    }

    /// With a thread that is busy the wheel turns late; what begins meanwhile is not cut short by that.
    #[tokio::test]
    async fn a_wheel_that_is_behind_cuts_no_time_short() {
        let wheel = Rc::<Wheel>::default();
        let waiting = async {
            std::thread::sleep(Duration::from_millis(130));
            let (time, began) = (Duration::from_millis(60), std::time::Instant::now());
            let done = wheel.within(&Rc::default(), time, std::future::pending::<()>()).await;
            assert_eq!(done, None);
            assert!(began.elapsed() >= time, "{:?}", began.elapsed());
        };
        tokio::select! {
            () = wheel.clone().turn(Rc::new(timer(&wheel).unwrap()), || {}) => {}
            () = waiting => {}
        }
    }
}
