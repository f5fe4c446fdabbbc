//! What the operator says to the process: SIGHUP reloads, SIGUSR2 hands over to a new process, SIGTERM and SIGINT
//! stop, a second one ends.

use std::process::Child;
use std::time::Duration;

use rustix::process::setpriority_process;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::admin::Question;
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
fn aside<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let work = || {
        // Of this thread alone (setpriority(2), "C library/kernel differences"); without it, it takes as long as it takes.
        let _ = setpriority_process(None, GIVES_WAY);
        work()
    };
    std::thread::scope(|scope| match scope.spawn(work).join() {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic),
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
        let ears = match self.ears.take() {
            Some(ears) => ears,
            None => Ears::new()?,
        };
        let Ears { runtime, mut signals } = ears;
        handover::serves();
        let mut stage = Stage::Serving;
        let mut successor: Option<Child> = None;
        while !self.has_ended() {
            let said = runtime.block_on(async {
                tokio::select! {
                    said = signals.next() => said,
                    Some(question) = self.questions.recv() => Said::Asked(question),
                    () = tokio::time::sleep(Duration::from_millis(50)) => Said::Nothing,
                }
            });
            match (said, stage) {
                (Said::Nothing, Stage::Serving) => {
                    if changed() {
                        let verdict = aside(|| read(&mut self));
                        self.judged(verdict);
                    }
                    if let Some(child) = &mut successor
                        && let Ok(Some(status)) = child.try_wait()
                    {
                        events::handed_over(Err(&format!("the new process ended ({status})")));
                        successor = None;
                    }
                }
                (Said::Reload, Stage::Serving) => {
                    let verdict = aside(|| read(&mut self));
                    self.judged(verdict);
                }
                (Said::Asked(Question::Reload(answer)), Stage::Serving) => {
                    let verdict = aside(|| read(&mut self));
                    let _ = answer.send(self.judged(verdict));
                }
                (Said::Asked(Question::Tunnels(answer)), _) => self.ask_tunnels(&answer),
                (Said::HandOver, Stage::Serving) if successor.is_none() => {
                    match self.sockets().and_then(handover::start) {
                        Ok(child) => successor = Some(child),
                        Err(error) => events::handed_over(Err(&error)),
                    }
                }
                (Said::Taken, Stage::Serving) if successor.is_some() => {
                    events::handed_over(Ok(()));
                    stage = Stage::Left;
                    self.leave();
                }
                (Said::Stop | Said::Taken, Stage::Serving | Stage::Left) => {
                    if stage == Stage::Serving {
                        handover::stops();
                        self.forget_names();
                    }
                    stage = Stage::Stopping;
                    self.stop();
                }
                (Said::Stop | Said::Taken, Stage::Stopping) => self.end(),
                // Whoever asked for a reload sees that nobody answers.
                (Said::Reload | Said::HandOver | Said::Nothing | Said::Asked(_), _) => {}
            }
        }
        Ok(())
    }

    fn judged(&self, verdict: Verdict) -> Verdict {
        self.state.metrics.reloaded(verdict.good);
        verdict
    }
}
