//! The serving threads. Each of them says that it is ready, or why it cannot be, before any of them accepts a connection.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{LocalOptions, LocalRuntime};
use tokio::sync::mpsc;
use wsgen_model::scalar::ListenAddress;

use crate::fault;
use crate::isolation::{self, Part, catch};
use crate::limits::Clients;
use crate::listening::Socket;
use crate::log::Log;
use crate::snapshot::{Snapshot, StartError};
use crate::tunnel::engine::Relay;
use crate::tunnel::registration::Row;
use crate::upstream::Server;
use crate::worker;

/// An order to a serving thread.
#[derive(Debug)]
pub(crate) enum Order {
    /// To run a configuration from now on, with sockets for the addresses that are new.
    Run(Arc<Snapshot>, Vec<(ListenAddress, Socket)>),
    /// To end the tunnels of a server that has failed.
    Leave(Arc<Server>),
    /// To list its open tunnels.
    Tell(mpsc::UnboundedSender<Vec<Row>>),
    /// To accept nothing more, and to end its tunnels within this time, spread over another; then to end, whatever is
    /// open.
    Stop(Duration, Duration),
    /// To end at once.
    End,
}

/// A running thread, and the way to tell it things.
pub(crate) type Running = (mpsc::UnboundedSender<Order>, JoinHandle<()>);

/// Parts of the proxy that all serving threads share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) log: Log,
    pub(crate) clients: Arc<Clients>,
    pub(crate) relay: Relay,
}

/// Starts a thread for each share of the listening sockets. All of them accept, or none does.
///
/// # Errors
///
/// If one thread lacks what it needs, mostly descriptors; the others end.
pub(crate) fn start(
    shares: Vec<Vec<(ListenAddress, Socket)>>,
    context: &Shared,
) -> Result<Vec<Running>, StartError> {
    let (ready, reports) = channel();
    let mut running = Vec::new();
    for number in 0..shares.len() {
        running.push(one(number, context.clone(), ready.clone()).map_err(|e| cannot_start(&e))?);
    }
    drop(ready);
    all_ready(&reports, running.len())?;
    for ((orders, _), sockets) in running.iter().zip(shares) {
        let _ = orders.send(Order::Run(context.snapshot.clone(), sockets));
    }
    Ok(running)
}

fn one(number: usize, shared: Shared, ready: Sender<io::Result<()>>) -> io::Result<Running> {
    let (sender, orders) = mpsc::unbounded_channel();
    let thread = isolation::thread(&format!("proxy-{number}"), Part::Thread, move || {
        // A `LocalSet` within would wake the thread by a call of its own for each batch of messages.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default());
        let ready = move |report| {
            let _ = ready.send(report);
        };
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return ready(Err(error)),
        };
        let last = shared.log.clone();
        carry_on(&runtime, worker::run(shared, orders, ready));
        // What is cut off has its line too.
        let _ = catch(Part::Thread, || drop(runtime));
        last.hand_over();
    })?;
    Ok((sender, thread))
}

/// Panics of a thread's runtime after which the thread gives up.
const PANICS: usize = 10;

/// Runs a thread's work to its end. Panics of tasks do not come here; after one of the runtime itself, which is between
/// two tasks then, everything goes on where it was.
fn carry_on(runtime: &LocalRuntime, work: impl Future<Output = ()>) {
    let mut work = std::pin::pin!(work);
    for _ in 0..PANICS {
        let turn = std::future::poll_fn(|cx| {
            fault::point("thread");
            work.as_mut().poll(cx)
        });
        if catch(Part::Thread, || runtime.block_on(turn)).is_ok() {
            return;
        }
    }
}

/// Waits until all threads have said that they are ready, or one that it is not.
fn all_ready(reports: &Receiver<io::Result<()>>, threads: usize) -> Result<(), StartError> {
    for _ in 0..threads {
        match reports.recv() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(cannot_start(&error)),
            Err(_) => return Err(StartError::new("a thread ended at once", "report this")),
        }
    }
    Ok(())
}

/// Why a thread cannot start: its descriptors or its memory cannot be had.
pub(crate) fn cannot_start(error: &io::Error) -> StartError {
    let help =
        "raise `ulimit -n` (systemd: LimitNOFILE), allow more threads, or take fewer `--threads`";
    StartError::new(format!("cannot start a thread: {error}"), help)
}
