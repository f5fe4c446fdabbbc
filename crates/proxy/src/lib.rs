//! The reference proxy: it runs a wsgen model directly. Where servers differ, what it does is what the model means.
//!
//! A connection is read by `head` (what could be read in two ways is refused), judged by `exchange` (the route comes
//! from the model and from nowhere else), passed on by `forward`, and from a 101 on carried by `tunnel`. Every thread
//! (`worker`) has sockets, connections and a timer wheel of its own.

mod access_line;
mod admin;
mod affinity;
mod answer;
mod authorities;
mod background;
mod beginning;
pub mod body;
mod bulk;
mod compression;
mod connection;
mod entry;
#[allow(dead_code, reason = "callers are joined to it one by one")]
mod events;
mod exchange;
mod fault;
mod fields;
mod forward;
mod forward_auth;
#[doc(hidden)]
pub mod fuzzing;
mod handover;
pub mod head;
mod health;
mod http2;
mod isolation;
mod json;
mod limits;
mod listening;
mod log;
mod md5_crypt;
mod metrics;
mod origin;
mod passwords;
mod proxy_header;
mod pump;
mod readiness;
mod sending;
mod signals;
mod snapshot;
mod stream;
mod threads;
mod tls;
mod trailers;
mod tunnel;
mod upstream;
mod users;
mod wheel;
mod worker;
mod writing;

pub use events::{ErrorLog, Filter, Style};
pub use signals::Verdict;
pub use snapshot::StartError;
pub use tunnel::engine::Relay;

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::mpsc;
use wsgen_model::located::Located;
use wsgen_model::scalar::ListenAddress;
use wsgen_model::site::Site;

use crate::admin::{Question, State};
use crate::limits::Clients;
use crate::listening::Sockets;
use crate::log::Log;
use crate::metrics::metrics;
use crate::signals::Ears;
use crate::snapshot::Snapshot;
use crate::threads::{Running, Shared, cannot_start};
use crate::tunnel::registration::Row;
use crate::worker::Order;

/// A running proxy.
#[derive(Debug)]
pub struct Proxy {
    threads: Vec<Running>,
    /// Writes the access log.
    writer: JoinHandle<()>,
    /// When the last thread had ended.
    ended: Option<Instant>,
    /// When the process ends, whatever is open.
    latest: Option<Instant>,
    background: mpsc::UnboundedSender<Arc<Snapshot>>,
    state: Arc<State>,
    questions: mpsc::UnboundedReceiver<Question>,
    open: Sockets,
    /// That of the status pages.
    pages: Sockets,
    /// There until it runs.
    ears: Option<Ears>,
}

impl Proxy {
    /// Starts a site with so many threads; `text` is what the status pages show of it. Everything that can fail does so
    /// before a listener takes a connection.
    pub fn start(
        site: Site,
        text: String,
        threads: usize,
        relay: Relay,
    ) -> Result<Self, StartError> {
        isolation::keep_places();
        raise_limit();
        // Ahead of the listeners: whoever sees one open may send a signal.
        let ears = Ears::new().map_err(|error| {
            StartError::new(format!("cannot wait for signals: {error}"), "report this")
        })?;
        let snapshot = Arc::new(Snapshot::new(site, None)?);
        let mut handed = Sockets::handed();
        let mut pages = Sockets::default();
        if let Some(address) = &snapshot.site.admin {
            admin::check(address)?;
            pages = handed.open(address, 1)?;
        }
        let open = open(&snapshot.site, &mut handed, threads)?;
        let shares = open.spread(threads).map_err(no_descriptor)?;
        let (log, writer) = Log::start().map_err(|e| cannot_start(&e))?;
        let (state, questions) = State::new(metrics(), snapshot.clone(), text);
        for (_, socket) in pages.spread(1).map_err(no_descriptor)?.into_iter().flatten() {
            admin::start(socket, state.clone()).map_err(|e| cannot_start(&e))?;
        }
        let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        events::descriptors(descriptors);
        let clients = Arc::new(Clients::new(descriptors));
        let context = Shared { snapshot: snapshot.clone(), log, clients, relay };
        let running = threads::start(shares, &context)?;
        let threads = running.iter().map(|(thread, _)| thread.clone()).collect();
        let background = background::start(threads).map_err(|e| cannot_start(&e))?;
        let _ = background.send(snapshot);
        let ears = Some(ears);
        let (threads, ended, latest) = (running, None, None);
        Ok(Self { threads, writer, ended, latest, background, state, questions, open, pages, ears })
    }

    /// Runs another site from now on (`drain/reload`). On an error nothing has changed.
    pub fn reload(&mut self, site: Site, text: String) -> Result<(), StartError> {
        fault::point("reload");
        let before = self.state.snapshot();
        let snapshot = Arc::new(Snapshot::new(site, Some(&before))?);
        let is_new = |address: &ListenAddress| !self.open.addresses().any(|open| open == address);
        let mut fresh = Sockets::default();
        for address in addresses(&snapshot.site).filter(|address| is_new(&address.value)) {
            fresh.extend(Sockets::default().open(address, self.threads.len())?);
        }
        let shares = fresh.spread(self.threads.len()).map_err(no_descriptor)?;
        self.open.retain(&addresses(&snapshot.site).map(|address| &address.value).collect());
        self.open.extend(fresh);
        for ((thread, _), sockets) in self.threads.iter().zip(shares) {
            let _ = thread.send(Order::Run(snapshot.clone(), sockets));
        }
        let _ = self.background.send(snapshot.clone());
        events::configuration_changed(snapshot.generation);
        *self.state.snapshot.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
        *self.state.text.write().unwrap_or_else(PoisonError::into_inner) = text;
        Ok(())
    }

    /// Accepts nothing more; open tunnels get the time of a stop, and a second later everything has ended
    /// (`drain/stop`).
    pub fn stop(&mut self) {
        self.state.stopping.store(true, Ordering::Relaxed);
        let drain = self.state.snapshot().site.drain;
        let time = (*drain.stop).into();
        self.tell(|| Order::Stop(time, Duration::ZERO));
        self.ends_within(time + LAST_MOMENTS);
        self.open = Sockets::default();
    }

    /// The longest time that a stop takes.
    fn stops_within(&self) -> Duration {
        let stop: Duration = (*self.state.snapshot().site.drain.stop).into();
        stop + LAST_MOMENTS
    }

    /// Counts the time of a stop from when it was asked for.
    fn stopped_at(&mut self, asked: Instant) {
        self.ends_within((asked + self.stops_within()).saturating_duration_since(Instant::now()));
    }

    /// Ends at the latest after this time.
    fn ends_within(&mut self, time: Duration) {
        let latest = Instant::now() + time;
        self.latest = Some(self.latest.map_or(latest, |known| known.min(latest)));
    }

    /// Accepts nothing more, as another process does; open tunnels get the time of a reload (`drain/reload`).
    fn leave(&mut self) {
        self.state.leave();
        let drain = self.state.snapshot().site.drain;
        let (time, spread) = ((*drain.timeout).into(), (*drain.spread).into());
        self.tell(|| Order::Stop(time, spread));
        self.ends_within(time + spread + LAST_MOMENTS);
        (self.open, self.pages) = (Sockets::default(), Sockets::default());
    }

    /// Ends at once.
    pub fn end(&mut self) {
        self.tell(|| Order::End);
        self.ends_within(AT_ONCE);
    }

    /// Whether every thread has ended, and what they logged is written, if somebody takes it; or whether their time is
    /// over.
    pub fn has_ended(&mut self) -> bool {
        if self.latest.is_some_and(|latest| latest <= Instant::now()) {
            return true;
        }
        if !self.threads.iter().all(|(_, thread)| thread.is_finished()) {
            return false;
        }
        let ended = *self.ended.get_or_insert_with(Instant::now);
        self.writer.is_finished() || ended.elapsed() > LAST_LINES
    }

    /// Whether a thread has ended without an order.
    fn has_lost_a_thread(&self) -> bool {
        self.threads.iter().any(|(_, thread)| thread.is_finished())
    }

    fn tell(&self, order: impl Fn() -> Order) {
        for (thread, _) in &self.threads {
            let _ = thread.send(order());
        }
    }

    fn ask_tunnels(&self, answer: &mpsc::UnboundedSender<Vec<Row>>) {
        self.tell(|| Order::Tell(answer.clone()));
    }

    /// What another process needs to take this one's place.
    fn sockets(&self) -> io::Result<Vec<OwnedFd>> {
        let mut all = self.open.descriptors()?;
        all.extend(self.pages.descriptors()?);
        Ok(all)
    }

    fn forget_names(&self) {
        self.open.forget_names();
        self.pages.forget_names();
    }
}

/// How long a reader of the log has for the last lines.
const LAST_LINES: Duration = Duration::from_secs(1);
/// Time for threads and the log once the time of a stop is over. With the pause between two looks it is less than
/// a second.
const LAST_MOMENTS: Duration = Duration::from_millis(800);
/// Time for threads and the log after an order to end at once.
const AT_ONCE: Duration = Duration::from_millis(300);

/// Every tunnel takes two descriptors: as many as this process is allowed, not as many as it was given (setrlimit(2)).
fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

fn addresses(site: &Site) -> impl Iterator<Item = &Located<ListenAddress>> {
    site.listeners.iter().map(|listener| &listener.address)
}

fn open(site: &Site, handed: &mut Sockets, threads: usize) -> Result<Sockets, StartError> {
    let mut all = Sockets::default();
    for address in addresses(site) {
        all.extend(handed.open(address, threads)?);
    }
    Ok(all)
}

#[allow(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn no_descriptor(error: io::Error) -> StartError {
    StartError::new(format!("cannot share a listening socket: {error}"), "raise `ulimit -n`")
}
