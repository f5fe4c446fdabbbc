//! The status pages (`admin/pages`), on a thread of their own: an overloaded proxy still says how it is.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use wsgen_model::located::Located;
use wsgen_model::scalar::ListenAddress;

use crate::answer::Answer;
use crate::head::{self, Bounds};
use crate::metrics::Metrics;
use crate::snapshot::{Snapshot, StartError};
use crate::stream::{Peer, Stream};

/// What the pages tell of.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) snapshot: RwLock<Arc<Snapshot>>,
    pub(crate) stopping: AtomicBool,
}

/// The heads of its requests are short.
const BOUNDS: Bounds = Bounds { fields_bytes: 8192, fields: 50, target: 1024 };
/// How long a client may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens the socket; the pages are for this machine alone.
pub(crate) fn bind(address: &Located<ListenAddress>) -> Result<std::net::TcpListener, StartError> {
    let fail = |message: String, help: &str| StartError::at(address.span, message, help);
    let ListenAddress::Socket(socket) = &address.value else {
        return Err(fail(
            "status pages on a Unix socket are not done yet".to_owned(),
            "name an address of loopback",
        ));
    };
    if !socket.ip().is_loopback() {
        return Err(fail(
            format!("{socket} is open to others, and the status pages ask nobody for a password"),
            "name an address of loopback, such as 127.0.0.1:9901",
        ));
    }
    open(*socket).map_err(|error| {
        fail(format!("cannot listen on {socket}: {error}"), "choose another address or port")
    })
}

fn open(address: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    let socket = std::net::TcpListener::bind(address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Serves the pages as long as the process lives.
pub(crate) fn start(socket: std::net::TcpListener, state: Arc<State>) {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            let Ok(socket) = TcpListener::from_std(socket) else { return };
            loop {
                match socket.accept().await {
                    Ok((stream, _)) => {
                        let serving = serve(stream, state.clone());
                        tokio::spawn(tokio::time::timeout(PATIENCE, serving));
                    }
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        });
    });
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    let mut client = Peer::new(Stream::Tcp(stream));
    let answer = loop {
        match head::end(&client.buffer, &BOUNDS) {
            Err(refusal) => break Answer::status(refusal.status),
            Ok(Some((begin, end))) => match head::request(&client.buffer[begin..end], &BOUNDS) {
                Err(refusal) => break Answer::status(refusal.status),
                Ok(head) if head.method != "GET" => break Answer::status(405),
                Ok(head) => break page(&head.target, &state),
            },
            Ok(None) => match client.fill().await {
                Ok(1..) => {}
                _ => return,
            },
        }
    };
    let _ = client.stream.write_all(&answer.bytes(false, false)).await;
    let _ = client.stream.shutdown().await;
}

fn page(target: &str, state: &State) -> Answer {
    match target.split('?').next().unwrap_or_default() {
        "/readyz" if state.stopping.load(Ordering::Relaxed) => Answer::status(503),
        "/healthz" | "/readyz" => Answer::status(200),
        "/metrics" => {
            let snapshot = state.snapshot.read().unwrap_or_else(PoisonError::into_inner).clone();
            let kind = "text/plain; version=0.0.4".to_owned();
            Answer {
                status: 200,
                fields: vec![("Content-Type".to_owned(), kind)],
                body: state.metrics.page(&snapshot).into_bytes(),
            }
        }
        _ => Answer::status(404),
    }
}
