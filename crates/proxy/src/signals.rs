//! What the operator says to the process: SIGHUP reloads, SIGUSR2 hands over to a new process, SIGTERM and SIGINT
//! stop, a second one ends.

use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::setpriority_process;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::admin::Question;
use crate::isolation::{PAUSE, Panicked, Part, catch};
use crate::{Proxy, events, handover};

/// What became of a reload.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// Whether the new configuration runs.
    pub good: bool,
    /// What there is to say of it.
    pub said: String,
}

/// What was said.
enum Said {
    Reload,
    HandOver,
    Taken,
    Stop,
    Asked(Question),
    Nothing,
}

/// How far the end has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Serving,
    /// Another process serves; tunnels live on here.
    Left,
    Stopping,
}

/// Stage of the process and what it waits for.
struct Course {
    stage: Stage,
    /// The process that is to take over.
    successor: Option<Child>,
    /// When a signal to stop came while a model was read.
    asked: Option<Instant>,
}

/// Hears signals from the moment it is made: one that comes while listeners open waits until somebody asks.
#[derive(Debug)]
pub(crate) struct Ears {
    runtime: Runtime,
    signals: Signals,
}

impl Ears {
    /// Begins to listen.
    pub(crate) fn new() -> std::io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let signals = {
            let _inside = runtime.enter();
            Signals::new()?
        };
        Ok(Self { runtime, signals })
    }
}

/// The signals that mean something.
#[derive(Debug)]
struct Signals {
    hup: Signal,
    usr2: Signal,
    quit: Signal,
    term: Signal,
    int: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            hup: signal(SignalKind::hangup())?,
            usr2: signal(SignalKind::user_defined2())?,
            quit: signal(SignalKind::quit())?,
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for a signal that stops the process.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }

    async fn next(&mut self) -> Said {
        tokio::select! {
            _ = self.hup.recv() => Said::Reload,
            _ = self.usr2.recv() => Said::HandOver,
            _ = self.quit.recv() => Said::Taken,
            _ = self.term.recv() => Said::Stop,
            _ = self.int.recv() => Said::Stop,
        }
    }
}

/// Does something on a thread that gives way to those that carry traffic: reading a large model takes as long as
/// thousands of messages, and the scheduler would let it have whole milliseconds in one.
///
/// A file or a resolver may hold a reading up for long. A signal that stops the process does not wait for it longer
/// than `stop`; the time at which one came is given.
fn aside<T: Send>(
    ears: &mut Ears,
    stop: Duration,
    work: impl FnOnce() -> T + Send,
) -> (Result<T, Panicked>, Option<Instant>) {
    let (done, mut read) = oneshot::channel::<()>();
    let work = move || {
        // Of this thread alone (setpriority(2), "C library/kernel differences"); without it, it takes as long as it takes.
        let _ = setpriority_process(None, GIVES_WAY);
        let result = catch(Part::Reload, work);
        drop(done);
        result
    };
    let Ears { runtime, signals } = ears;
    std::thread::scope(|scope| {
        let reading = scope.spawn(work);
        let stopped = runtime.block_on(async {
            tokio::select! {
                _ = &mut read => return None,
                () = signals.stop() => {}
            }
            let asked = Instant::now();
            tokio::select! {
                _ = read => Some(asked),
                // A second one, or the time is over; the thread that reads cannot be ended otherwise.
                () = signals.stop() => std::process::exit(0),
                () = tokio::time::sleep(stop) => std::process::exit(0),
            }
        });
        (reading.join().unwrap_or(Err(Panicked)), stopped)
    })
}

/// A tenth of what the others get, where they want all.
const GIVES_WAY: i32 = 10;

impl Proxy {
    /// Serves until it is told to stop and everything has ended. `read` reloads; `changed` is asked now and then
    /// whether it should.
    pub fn run(
        mut self,
        mut read: impl FnMut(&mut Self) -> Verdict + Send,
        mut changed: impl FnMut() -> bool,
    ) -> std::io::Result<()> {
        let mut ears = match self.ears.take() {
            Some(ears) => ears,
            None => Ears::new()?,
        };
        handover::serves();
        let mut course = Course { stage: Stage::Serving, successor: None, asked: None };
        let mut follow = || self.follow(&mut ears, &mut course, &mut read, &mut changed);
        while catch(Part::Signal, &mut follow).is_err() {
            std::thread::sleep(PAUSE);
        }
        if course.stage == Stage::Serving {
            return Err(std::io::Error::other("a thread has died"));
        }
        Ok(())
    }

    /// Does as signals and questions say, until every thread has ended.
    fn follow(
        &mut self,
        ears: &mut Ears,
        Course { stage, successor, asked }: &mut Course,
        read: &mut (impl FnMut(&mut Self) -> Verdict + Send),
        changed: &mut impl FnMut() -> bool,
    ) {
        while !self.has_ended() {
            let Ears { runtime, signals } = &mut *ears;
            if *stage == Stage::Serving && self.has_lost_a_thread() {
                return self.give_up();
            }
            let said = runtime.block_on(async {
                tokio::select! {
                    () = std::future::ready(()), if asked.is_some() => Said::Stop,
                    said = signals.next() => said,
                    Some(question) = self.questions.recv() => Said::Asked(question),
                    () = tokio::time::sleep(Duration::from_millis(50)) => Said::Nothing,
                }
            });
            match (said, *stage) {
                (Said::Nothing, Stage::Serving) => {
                    if changed() {
                        *asked = self.reread(ears, read).1;
                    }
                    if let Some(child) = successor.as_mut()
                        && let Ok(Some(status)) = child.try_wait()
                    {
                        events::handed_over(Err(&format!("the new process ended ({status})")));
                        *successor = None;
                    }
                }
                (Said::Reload, Stage::Serving) => *asked = self.reread(ears, read).1,
                (Said::Asked(Question::Reload(answer)), Stage::Serving) => {
                    let (verdict, stopped) = self.reread(ears, read);
                    *asked = stopped;
                    let _ = answer.send(verdict);
                }
                (Said::Asked(Question::Tunnels(answer)), _) => self.ask_tunnels(&answer),
                (Said::HandOver, Stage::Serving) if successor.is_none() => {
                    match self.sockets().and_then(handover::start) {
                        Ok(child) => *successor = Some(child),
                        Err(error) => events::handed_over(Err(&error)),
                    }
                }
                (Said::Taken, Stage::Serving) if successor.is_some() => {
                    events::handed_over(Ok(()));
                    *stage = Stage::Left;
                    self.leave();
                }
                (Said::Stop | Said::Taken, Stage::Serving | Stage::Left) => {
                    if *stage == Stage::Serving {
                        handover::stops();
                        self.forget_names();
                    }
                    *stage = Stage::Stopping;
                    self.stop();
                    if let Some(asked) = asked.take() {
                        self.stopped_at(asked);
                    }
                }
                (Said::Stop | Said::Taken, Stage::Stopping) => self.end(),
                // Whoever asked for a reload sees that nobody answers.
                (Said::Reload | Said::HandOver | Said::Nothing | Said::Asked(_), _) => {}
            }
        }
    }

    /// Ends the process because a thread of it does not serve any more: the others get the time of a stop for their
    /// tunnels, and whoever started it sees that it failed.
    fn give_up(&mut self) {
        events::thread_failed("proxy", &"it panicked again and again; the process stops");
        handover::stops();
        self.forget_names();
        self.stop();
        while !self.has_ended() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Reads the model anew; gives the time at which a signal to stop came meanwhile.
    fn reread(
        &mut self,
        ears: &mut Ears,
        read: &mut (impl FnMut(&mut Self) -> Verdict + Send),
    ) -> (Verdict, Option<Instant>) {
        let (verdict, stopped) = aside(ears, self.stops_within(), || read(self));
        let verdict = verdict.unwrap_or_else(|Panicked| {
            let said = "not reloaded: a fault of wsgen, which the error log names\n".to_owned();
            Verdict { good: false, said }
        });
        self.state.metrics.reloaded(verdict.good);
        (verdict, stopped)
    }
}
