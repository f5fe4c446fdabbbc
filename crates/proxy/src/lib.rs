//! The reference proxy: it runs a wsgen model directly. Where servers differ, what it does is what the model means.
//!
//! A connection is read by `head` (what could be read in two ways is refused), judged by `exchange` (the route comes
//! from the model and from nowhere else), passed on by `forward`, and from a 101 on carried by `tunnel`. Every thread
//! (`worker`) has sockets, connections and a timer wheel of its own.

mod admin;
mod answer;
mod ask;
mod background;
pub mod body;
mod connection;
mod exchange;
mod fields;
mod forward;
pub mod head;
mod health;
mod http2;
mod limits;
mod log;
mod metrics;
mod origin;
mod proxy_header;
mod pump;
mod sending;
mod signals;
mod snapshot;
mod stream;
mod tls;
mod tunnel;
mod upstream;
mod users;
mod wheel;
mod worker;

pub use snapshot::{StartError, does, not_yet};

use std::collections::HashSet;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::sync::mpsc;
use wsgen_model::scalar::ListenAddress;
use wsgen_model::site::{Listener, Site};

use crate::admin::State;
use crate::limits::Clients;
use crate::log::Log;
use crate::metrics::Metrics;
use crate::snapshot::Snapshot;
use crate::worker::Order;

/// A running proxy.
#[derive(Debug)]
pub struct Proxy {
    threads: Vec<(mpsc::UnboundedSender<Order>, JoinHandle<()>)>,
    background: mpsc::UnboundedSender<Arc<Snapshot>>,
    state: Arc<State>,
    open: HashSet<ListenAddress>,
}

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;

impl Proxy {
    /// Starts a site with so many threads. Everything that can fail does so before a listener opens.
    pub fn start(site: Site, threads: usize) -> Result<Self, StartError> {
        let snapshot = Arc::new(Snapshot::new(site, None)?);
        let sockets = bind(&snapshot.site.listeners, &HashSet::new(), threads)?;
        let pages = snapshot.site.admin.as_ref().map(admin::bind).transpose()?;
        let metrics = Arc::new(Metrics::default());
        let log = Log::start(metrics.clone());
        let state = Arc::new(State {
            metrics,
            snapshot: RwLock::new(snapshot.clone()),
            stopping: AtomicBool::new(false),
        });
        if let Some(socket) = pages {
            admin::start(socket, state.clone());
        }
        let clients = Arc::new(Clients::default());
        let mut running = Vec::new();
        for (number, sockets) in sockets.into_iter().enumerate() {
            let (sender, orders) = mpsc::unbounded_channel();
            let (snapshot, log, clients) = (snapshot.clone(), log.clone(), clients.clone());
            let first = Order::Run(snapshot.clone(), sockets);
            let _ = sender.send(first);
            let thread = std::thread::Builder::new().name(format!("proxy-{number}"));
            let thread = thread.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let Ok(runtime) = runtime else { return };
                let local = tokio::task::LocalSet::new();
                local.block_on(&runtime, worker::run(snapshot, log, clients, orders));
            });
            let thread = thread.map_err(|error| {
                StartError::new(format!("cannot start a thread: {error}"), "allow more threads")
            })?;
            running.push((sender, thread));
        }
        let open = snapshot.site.listeners.iter().map(|l| l.address.value.clone()).collect();
        let threads = running.iter().map(|(thread, _)| thread.clone()).collect();
        let background = background::start(threads);
        let _ = background.send(snapshot);
        Ok(Self { threads: running, background, state, open })
    }

    /// Runs another site from now on (`drain/reload`). On an error nothing has changed.
    pub fn reload(&mut self, site: Site) -> Result<(), StartError> {
        let before = self.state.snapshot.read().unwrap_or_else(PoisonError::into_inner).clone();
        let snapshot = Arc::new(Snapshot::new(site, Some(&before))?);
        let sockets = bind(&snapshot.site.listeners, &self.open, self.threads.len())?;
        self.open = snapshot.site.listeners.iter().map(|l| l.address.value.clone()).collect();
        for ((thread, _), sockets) in self.threads.iter().zip(sockets) {
            let _ = thread.send(Order::Run(snapshot.clone(), sockets));
        }
        let _ = self.background.send(snapshot.clone());
        *self.state.snapshot.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
        Ok(())
    }

    /// Accepts nothing more; open tunnels get this time (`drain/stop`).
    pub fn stop(&self, time: Duration) {
        self.state.stopping.store(true, Ordering::Relaxed);
        for (thread, _) in &self.threads {
            let _ = thread.send(Order::Stop(time));
        }
    }

    /// Ends at once.
    pub fn end(&self) {
        for (thread, _) in &self.threads {
            let _ = thread.send(Order::End);
        }
    }

    /// Whether every thread has ended.
    pub fn has_ended(&self) -> bool {
        self.threads.iter().all(|(_, thread)| thread.is_finished())
    }
}

/// Sockets for every listener that is not open yet, one for each thread: the kernel spreads connections over them.
fn bind(
    listeners: &[Listener],
    open: &HashSet<ListenAddress>,
    threads: usize,
) -> Result<Vec<Vec<(ListenAddress, TcpListener)>>, StartError> {
    let mut all: Vec<Vec<_>> = (0..threads).map(|_| Vec::new()).collect();
    for listener in listeners.iter().filter(|l| !open.contains(&l.address.value)) {
        let ListenAddress::Socket(address) = &listener.address.value else { continue };
        let fail = |error: std::io::Error| {
            let message = format!("cannot listen on {address}: {error}");
            let help = "choose another address or port, or end what holds it";
            StartError::at(listener.address.span, message, help)
        };
        // Whoever shares a port must say so; a socket that does not finds out whether somebody else has it.
        drop(socket(*address, false).map_err(fail)?);
        for mine in &mut all {
            let socket = socket(*address, true).map_err(fail)?;
            mine.push((listener.address.value.clone(), socket));
        }
    }
    Ok(all)
}

fn socket(address: SocketAddr, shared: bool) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(address.ip().is_unspecified())?;
    }
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
