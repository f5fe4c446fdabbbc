//! The serving threads. Each of them says that it is ready, or why it cannot be, before any of them accepts a connection.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use tokio::runtime::LocalOptions;
use tokio::sync::mpsc;
use wsgen_model::scalar::ListenAddress;

use crate::limits::Clients;
use crate::listening::Socket;
use crate::log::Log;
use crate::snapshot::{Snapshot, StartError};
use crate::tunnel::engine::Relay;
use crate::worker::{self, Order};

/// A running thread, and the way to tell it things.
pub(crate) type Running = (mpsc::UnboundedSender<Order>, JoinHandle<()>);

/// What all threads share.
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
    let thread = std::thread::Builder::new().name(format!("proxy-{number}"));
    let thread = thread.spawn(move || {
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
        runtime.block_on(worker::run(shared, orders, ready));
        // What is cut off has its line too.
        drop(runtime);
        last.hand_over();
    })?;
    Ok((sender, thread))
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
