//! Bounds for panics. A panic is a fault of this program, and it ends the request, the stream, the tunnel, the check or
//! the order in which it happened, and nothing else: it is counted, said in the error log, and everything else goes on.
//!
//! `AssertUnwindSafe` is right here for what tasks and threads share: counters in `Cell`s and atomics, which change in one
//! step; `RefCell`s, whose borrows end with the frames that hold them; and mutexes, whose holders take what a panic left
//! (`PoisonError::into_inner`), because each is changed in one step, too. What belongs to the part that panicked alone is
//! dropped with it. `Drop` implementations borrow without panicking, since a second panic would end the process.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Once;
use std::task::{Context, Poll, ready};
use std::thread::JoinHandle;
use std::time::Duration;

use pin_project_lite::pin_project;

use crate::events;

/// A part of the program that a panic ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// A client's connection between its requests, with its TLS handshake.
    Connection,
    /// A request and its answer.
    Request,
    /// A client's stream of HTTP/2.
    Stream,
    /// A connection of HTTP/2 to a server, or one of its streams.
    Upstream,
    /// A tunnel between two connections.
    Tunnel,
    /// The engine of settled tunnels, outside of any of them.
    Engine,
    /// The loop that accepts connections at one listener.
    Accept,
    /// The timer wheel of a thread.
    Timers,
    /// An order to a thread: a reload, a stop, a look at its tunnels.
    Order,
    /// A thread of the proxy, outside of any of its tasks.
    Thread,
    /// Health checks of one server.
    Check,
    /// A name that is followed at run time.
    Name,
    /// Checks and names together.
    Background,
    /// Reading and applying a model.
    Reload,
    /// Waiting for signals and doing as they say.
    Signal,
    /// A password that is verified.
    Password,
    /// Writing the access log.
    Log,
    /// The thread of the status pages.
    Admin,
}

impl Part {
    /// The word for the log and for the label `part` of `wsgen_panics_total`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Request => "request",
            Self::Stream => "stream",
            Self::Upstream => "upstream",
            Self::Tunnel => "tunnel",
            Self::Engine => "engine",
            Self::Accept => "accept",
            Self::Timers => "timers",
            Self::Order => "order",
            Self::Thread => "thread",
            Self::Check => "check",
            Self::Name => "name",
            Self::Background => "background",
            Self::Reload => "reload",
            Self::Signal => "signal",
            Self::Password => "password",
            Self::Log => "log",
            Self::Admin => "admin",
        }
    }
}

/// The part has ended by a panic, which was counted and said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Panicked;

/// Time between a panic of something that goes on for ever and its new beginning.
pub(crate) const PAUSE: Duration = Duration::from_millis(200);

thread_local! {
    /// Number of parts that this thread is in.
    static INSIDE: Cell<u32> = const { Cell::new(0) };
    /// Place of the last panic of this thread.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Keeps the place of a panic within a part, in place of a message on standard error; the message of any other panic
/// stays as it is. With `RUST_BACKTRACE` set, every panic has its message and backtrace.
pub(crate) fn keep_places() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        let traces = std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0");
        std::panic::set_hook(Box::new(move |panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            let _ = PLACE.try_with(|known| known.try_borrow_mut().map(|mut known| *known = place));
            if traces || INSIDE.try_with(Cell::get).unwrap_or(0) == 0 {
                before(panic);
            }
        }));
    });
}

/// Does something that may panic.
pub(crate) fn catch<T>(part: Part, work: impl FnOnce() -> T) -> Result<T, Panicked> {
    INSIDE.set(INSIDE.get() + 1);
    let done = catch_unwind(AssertUnwindSafe(work));
    INSIDE.set(INSIDE.get() - 1);
    done.map_err(|payload| report(part, payload.as_ref()))
}

/// Counts and says a panic, once its frames and their borrows are gone.
#[cold]
fn report(part: Part, payload: &(dyn Any + Send)) -> Panicked {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let place = PLACE.take();
    let message = format!("{} ({place})", text.unwrap_or("no message"));
    events::panicked(part.as_str(), &message);
    Panicked
}

pin_project! {
    /// A future whose panic is its result.
    pub(crate) struct Isolated<F> {
        #[pin]
        future: F,
        part: Part,
    }
}

/// Bounds the panics of a future.
pub(crate) fn isolate<F: Future>(part: Part, future: F) -> Isolated<F> {
    Isolated { future, part }
}

impl<F: Future> Future for Isolated<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let future = this.future;
        match catch(*this.part, || future.poll(cx)) {
            Ok(poll) => Poll::Ready(Ok(ready!(poll))),
            Err(panicked) => Poll::Ready(Err(panicked)),
        }
    }
}

pin_project! {
    /// A task: nobody waits for its result.
    pub(crate) struct Task<F> {
        #[pin]
        isolated: Isolated<F>,
    }
}

impl<F: Future<Output = ()>> Future for Task<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().isolated.poll(cx).map(drop)
    }
}

/// Makes a task of a future.
pub(crate) fn task<F: Future<Output = ()>>(part: Part, future: F) -> Task<F> {
    Task { isolated: isolate(part, future) }
}

/// Starts a task of this thread.
#[allow(clippy::disallowed_methods, reason = "this is where tasks are isolated")]
pub(crate) fn spawn(
    part: Part,
    future: impl Future<Output = ()> + 'static,
) -> tokio::task::JoinHandle<()> {
    tokio::task::spawn_local(task(part, future))
}

/// Starts a task of a thread that has no tasks of its own.
#[allow(clippy::disallowed_methods, reason = "this is where tasks are isolated")]
pub(crate) fn spawn_anywhere(
    part: Part,
    future: impl Future<Output = ()> + Send + 'static,
) -> tokio::task::JoinHandle<()> {
    tokio::spawn(task(part, future))
}

/// Tasks that hyper starts beside a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beside(pub(crate) Part);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Beside {
    fn execute(&self, future: F) {
        spawn_anywhere(self.0, future);
    }
}

/// Does again, after a pause, what goes on for ever and has panicked.
pub(crate) async fn again<F: Future<Output = ()>>(part: Part, mut make: impl FnMut() -> F) {
    while isolate(part, make()).await.is_err() {
        tokio::time::sleep(PAUSE).await;
    }
}

/// Starts a thread of the process.
#[allow(clippy::disallowed_methods, reason = "this is where threads are isolated")]
pub(crate) fn thread(
    name: &str,
    part: Part,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(move || {
        let _ = catch(part, work);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_result() {
        assert_eq!(catch(Part::Check, || 1), Ok(1));
        assert_eq!(catch(Part::Check, || panic!("a {}", "fault")), Err::<(), _>(Panicked));
        assert_eq!(INSIDE.get(), 0);
    }

    #[test]
    fn what_goes_on_for_ever_begins_anew() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let times = Cell::new(0);
        runtime.block_on(again(Part::Name, || async {
            times.set(times.get() + 1);
            assert_eq!(times.get(), 3);
        }));
        assert_eq!(times.get(), 3);
    }
}
