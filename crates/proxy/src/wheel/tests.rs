//! Deadlines of the wheel: none comes early, each comes once, and what has ended leaves.

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
        let mut waits = std::pin::pin!(wheel.within(&who, minute, std::future::pending::<()>()));
        assert!(waits.as_mut().poll(&mut cx).is_pending());
    }
    assert_eq!(wheel.entries(), 1);
    let end = {
        let mut waits = std::pin::pin!(wheel.within(&who, TICK, std::future::pending::<()>()));
        assert!(waits.as_mut().poll(&mut cx).is_pending());
        let end = wheel.after(TICK);
        wheel.turn_to(end);
        assert_eq!(waits.as_mut().poll(&mut cx), Poll::Ready(None));
        end
    };
    // The entry of the minute stays until the wheel has gone round without its owner.
    assert_eq!(wheel.entries(), 1);
    drop(who);
    wheel.turn_to(end + SLOTS as u64);
    assert_eq!(wheel.entries(), 0);
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
