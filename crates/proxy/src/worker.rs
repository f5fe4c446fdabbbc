//! One thread of the proxy: its listening sockets, its connections, its tunnels. Threads share no locks on the way of
//! a message.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use slab::Slab;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;
use wsgen_model::config::AccessLogFormat;
use wsgen_model::scalar::ListenAddress;

use crate::beginning::begin;
use crate::entry::Entry;
use crate::events::{self, Limit};
use crate::fault;
use crate::forward_auth;
use crate::http2;
use crate::isolation::{self, PAUSE, Part, again, isolate};
use crate::limits::{ClientPlace, Clients};
use crate::listening::{Listening, is_of_one, plain};
use crate::log::Log;
use crate::snapshot::Snapshot;
pub(crate) use crate::threads::Order;
use crate::threads::Shared;
use crate::tunnel::Live;
use crate::tunnel::engine::{self, Engine, Relay};
use crate::tunnel::registration::{Known, Registration, Row};
use crate::upstream::{Pool, Server, random};
use crate::wheel::{Timed, Wheel, timer};

/// Time for tunnels to end once their own time is over.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// A thread.
pub(crate) struct Worker {
    /// Deadlines.
    pub(crate) wheel: Rc<Wheel>,
    /// Connections to servers that wait.
    pub(crate) pool: Pool,
    /// Those that carry many requests.
    pub(crate) http2: http2::Connections,
    /// Clients of the services of forward authentication.
    pub(crate) services: forward_auth::ServiceClients,
    /// The access log.
    pub(crate) log: Log,
    /// Limits for each client, of all threads.
    pub(crate) clients: Arc<Clients>,
    current: RefCell<Arc<Snapshot>>,
    stopping: watch::Sender<bool>,
    /// Tunnels that are open.
    pub(crate) tunnels: RefCell<Slab<Known>>,
    connections: Cell<usize>,
    /// Gone when the thread ends: it holds tunnels, and they the thread.
    engine: RefCell<Option<Rc<dyn Engine>>>,
    /// How it was chosen.
    pub(crate) relay: Relay,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").finish_non_exhaustive()
    }
}

/// An open connection of a client.
pub(crate) struct Counted(Rc<Worker>, Arc<AtomicU64>, Cell<Option<ClientPlace>>);

impl Counted {
    fn new(worker: &Rc<Worker>, listener: Arc<AtomicU64>) -> Self {
        worker.connections.set(worker.connections.get() + 1);
        listener.fetch_add(1, Ordering::Relaxed);
        Self(worker.clone(), listener, Cell::new(None))
    }

    /// The thread that serves it.
    pub(crate) fn worker(&self) -> Rc<Worker> {
        self.0.clone()
    }

    /// Keeps the place of a newcomer.
    pub(crate) fn arrives(&self, place: ClientPlace) {
        self.2.set(Some(place));
    }

    /// Gives the place of a newcomer back, once its first head is whole.
    pub(crate) fn has_asked(&self) {
        self.2.take();
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.set(self.0.connections.get() - 1);
        self.1.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Worker {
    /// The configuration of now.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.current.borrow().clone()
    }

    /// Whether connections should end with their request.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Waits until everything stops.
    pub(crate) async fn stopping(&self) {
        let mut stopping = self.stopping.subscribe();
        let _ = stopping.wait_for(|stopping| *stopping).await;
    }

    /// What carries settled tunnels.
    pub(crate) fn engine(&self) -> Option<Rc<dyn Engine>> {
        self.engine.borrow().clone()
    }

    /// Notes a tunnel that opens; gives what wakes it, and what others see of it.
    pub(crate) fn register(
        self: &Rc<Self>,
        generation: u64,
        server: Arc<Server>,
        entry: Entry,
        format: AccessLogFormat,
    ) -> (Registration, Rc<Timed<Live>>) {
        let live = Rc::<Timed<Live>>::default();
        let known = Known { generation, server, live: live.clone(), entry };
        let number = self.tunnels.borrow_mut().insert(known);
        (Registration::new(self.clone(), number, format), live)
    }

    /// How many connections a listener may hold.
    fn limit(&self, address: &ListenAddress) -> Option<u64> {
        let snapshot = self.current.borrow();
        let listener = snapshot.listener_at(address)?;
        snapshot.site.listener(listener).limits.max_connections.map(|most| most.get())
    }

    /// Ends the tunnels of a server at once (`health/tunnels`).
    fn leave(&self, server: &Arc<Server>) {
        let tunnels = self.tunnels.borrow();
        for held in tunnels
            .iter()
            .map(|(_, held)| held)
            .filter(|held| Arc::ptr_eq(&held.server.standing, &server.standing))
        {
            held.live.end_at.set(Some(self.wheel.now()));
            held.live.wake();
        }
    }

    /// Gives tunnels of older configurations a time to end, spread over another (`drain/reload`).
    fn drain(&self, below: u64, time: Duration, spread: Duration) {
        let tunnels = self.tunnels.borrow();
        for held in tunnels.iter().map(|(_, held)| held).filter(|held| held.generation < below) {
            let late = u64::try_from(spread.as_millis()).unwrap_or(0);
            let late = if late == 0 { 0 } else { random() % late };
            let end = self.wheel.after(time + Duration::from_millis(late));
            held.live.end_at.set(Some(held.live.end_at.get().map_or(end, |known| known.min(end))));
            held.live.wake();
        }
    }
}

/// Runs a thread until it is told to end, or has stopped and nothing is left.
pub(crate) async fn run(
    shared: Shared,
    mut orders: mpsc::UnboundedReceiver<Order>,
    ready: impl FnOnce(io::Result<()>),
) {
    let Shared { snapshot, log, clients, relay } = shared;
    let wheel = Rc::<Wheel>::default();
    let made = engine::start(relay).and_then(|engine| Ok((engine, timer(&wheel)?)));
    let (engine, ticking) = match made {
        Ok(made) => made,
        Err(error) => return ready(Err(error)),
    };
    ready(Ok(()));
    log.metrics.relayed_by(engine.as_ref().map_or("runtime", |engine| engine.name()));
    let worker = Rc::new(Worker {
        wheel,
        pool: Pool::default(),
        http2: http2::Connections::default(),
        services: forward_auth::ServiceClients::default(),
        log,
        clients,
        current: RefCell::new(snapshot),
        stopping: watch::Sender::new(false),
        tunnels: RefCell::default(),
        connections: Cell::new(0),
        engine: RefCell::new(engine),
        relay,
    });
    let (wheel, log, ticking) = (worker.wheel.clone(), worker.log.clone(), Rc::new(ticking));
    let entries = log.metrics.runs(&Handle::current());
    let turn = move || {
        let (turning, log, entries) = (wheel.clone(), log.clone(), entries.clone());
        wheel.clone().turn(ticking.clone(), move || {
            fault::point("timers");
            entries.set(i64::try_from(turning.entries()).unwrap_or(i64::MAX));
            log.hand_over();
        })
    };
    isolation::spawn(Part::Timers, again(Part::Timers, turn));
    // An order that panics is over, and the next one is waited for.
    let (mut listening, mut latest) = (Vec::new(), None);
    while {
        let listen = listen(&worker, &mut orders, &mut listening, &mut latest);
        isolate(Part::Order, listen).await.is_err()
    } {
        tokio::time::sleep(PAUSE).await;
    }
    if let Some(engine) = worker.engine.take() {
        engine.end();
    }
}

/// Does as it is told.
async fn listen(
    worker: &Rc<Worker>,
    orders: &mut mpsc::UnboundedReceiver<Order>,
    listening: &mut Vec<(ListenAddress, AbortHandle)>,
    latest: &mut Option<Instant>,
) {
    loop {
        let over = async {
            match *latest {
                Some(latest) => tokio::time::sleep_until(latest).await,
                None => std::future::pending().await,
            }
        };
        let order = tokio::select! {
            order = orders.recv() => order.unwrap_or(Order::End),
            () = idle(worker), if worker.is_stopping() => return,
            () = over => return,
        };
        fault::point("order");
        match order {
            Order::End => return,
            Order::Leave(server) => worker.leave(&server),
            Order::Tell(to) => {
                let now = worker.wheel.now();
                let rows = worker.tunnels.borrow().iter().map(|(_, h)| Row::new(h, now)).collect();
                let _ = to.send(rows);
            }
            Order::Stop(time, spread) => {
                worker.stopping.send_replace(true);
                worker.wheel.wake_all();
                for (_, accepting) in listening.drain(..) {
                    accepting.abort();
                }
                worker.drain(u64::MAX, time, spread);
                // Nobody can hold the thread longer than tunnels may live (`drain/stop`).
                let end = Instant::now() + time + spread + LAST_WORDS;
                *latest = Some(latest.map_or(end, |known| known.min(end)));
            }
            Order::Run(snapshot, sockets) => {
                let drain = snapshot.site.drain;
                listening.retain(|(address, accepting)| {
                    let kept = snapshot.listener_at(address).is_some();
                    if !kept {
                        accepting.abort();
                    }
                    kept
                });
                worker.pool.clear();
                worker.http2.clear();
                worker.services.clear();
                let generation = snapshot.generation;
                *worker.current.borrow_mut() = snapshot;
                worker.drain(generation, (*drain.timeout).into(), (*drain.spread).into());
                for (address, socket) in sockets {
                    let Ok(socket) = socket.listen().map(Rc::new).inspect_err(|error| {
                        events::thread_failed("listener", &format!("{address}: {error}"));
                    }) else {
                        continue;
                    };
                    let (at, worker) = (address.clone(), worker.clone());
                    let accepting = move || accept(socket.clone(), at.clone(), worker.clone());
                    let accepting = isolation::spawn(Part::Accept, again(Part::Accept, accepting));
                    let accepting = accepting.abort_handle();
                    listening.push((address, accepting));
                }
            }
        }
    }
}

/// Waits until no connection and no tunnel is left.
async fn idle(worker: &Rc<Worker>) {
    while worker.connections.get() > 0 || !worker.tunnels.borrow().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Accepts connections for as long as it may.
async fn accept(socket: Rc<Listening>, address: ListenAddress, worker: Rc<Worker>) {
    // Of all threads together (`limit/listener`).
    let open = worker.clients.listener(&address);
    loop {
        // What comes beyond the limit waits to be accepted.
        while worker.limit(&address).is_some_and(|most| open.load(Ordering::Relaxed) >= most) {
            events::limit_reached(Limit::MaxConnections, &address, None);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        match socket.accept().await {
            Ok((wire, peer, local)) => {
                fault::point("accept");
                let counted = Counted::new(&worker, open.clone());
                let ends = (plain(peer), plain(local));
                let connection = begin(wire, ends, address.clone(), counted);
                isolation::spawn(Part::Connection, connection);
            }
            Err(error) if is_of_one(&error) => {}
            // No descriptor is free: one will be, and spinning would only keep it away.
            Err(error) => {
                events::limit_reached(Limit::Descriptors, &format!("{address}: {error}"), None);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}
