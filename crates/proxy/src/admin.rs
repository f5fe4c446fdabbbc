//! The status pages (`admin/pages`), on a thread of their own: an overloaded proxy still says how it is.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::sync::{mpsc, oneshot, watch};
use wsgen_model::located::Located;
use wsgen_model::scalar::ListenAddress;

use crate::answer::Answer;
use crate::head::{self, Bounds, RequestHead, find};
use crate::listening::Socket;
use crate::metrics::Metrics;
use crate::signals::Verdict;
use crate::snapshot::{Snapshot, StartError};
use crate::stream::{Peer, Stream, Wire};
use crate::tunnel::registration::Row;

/// What the pages tell of.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) metrics: &'static Metrics,
    pub(crate) snapshot: RwLock<Arc<Snapshot>>,
    pub(crate) stopping: AtomicBool,
    /// The model as it was written.
    pub(crate) text: RwLock<String>,
    questions: mpsc::UnboundedSender<Question>,
    /// Whether another process answers instead.
    left: watch::Sender<bool>,
}

/// What only the process as a whole can do.
#[derive(Debug)]
pub(crate) enum Question {
    /// To read the model anew.
    Reload(oneshot::Sender<Verdict>),
    /// Which tunnels are open; each thread answers for itself.
    Tunnels(mpsc::UnboundedSender<Vec<Row>>),
}

impl State {
    /// Of a configuration and its text; questions arrive at the receiver.
    pub(crate) fn new(
        metrics: &'static Metrics,
        snapshot: Arc<Snapshot>,
        text: String,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<Question>) {
        let (questions, receiver) = mpsc::unbounded_channel();
        let state = Self {
            metrics,
            snapshot: RwLock::new(snapshot),
            stopping: AtomicBool::new(false),
            text: RwLock::new(text),
            questions,
            left: watch::Sender::new(false),
        };
        (Arc::new(state), receiver)
    }

    /// The configuration of now.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Answers no more: another process does.
    pub(crate) fn leave(&self) {
        self.left.send_replace(true);
    }
}

/// The heads of its requests are short.
const BOUNDS: Bounds = Bounds { fields_bytes: 8192, fields: 50, target: 1024 };
/// How long a client may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a thread may take to tell of its tunnels.
const ROWS: Duration = Duration::from_secs(2);

/// The pages are for this machine alone.
pub(crate) fn check(address: &Located<ListenAddress>) -> Result<(), StartError> {
    match &address.value {
        ListenAddress::Socket(socket) if !socket.ip().is_loopback() => {
            let why = "is open to others, and the status pages ask nobody for a password";
            let help = "name an address of loopback, such as 127.0.0.1:9901, or a Unix socket";
            Err(StartError::at(address.span, format!("{socket} {why}"), help))
        }
        _ => Ok(()),
    }
}

/// Serves the pages as long as the process lives, or until another does.
pub(crate) fn start(socket: Socket, state: Arc<State>) {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            let Ok(socket) = socket.listen() else { return };
            let mut left = state.left.subscribe();
            loop {
                let accepted = tokio::select! {
                    accepted = socket.accept() => accepted,
                    _ = left.wait_for(|left| *left) => return,
                };
                match accepted {
                    Ok((stream, ..)) => {
                        let serving = serve(stream, state.clone());
                        tokio::spawn(tokio::time::timeout(PATIENCE, serving));
                    }
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        });
    });
}

async fn serve(stream: Wire, state: Arc<State>) {
    let mut client = Peer::new(Stream::Plain(stream));
    let answer = loop {
        match head::end(&client.buffer, &BOUNDS) {
            Err(refusal) => break Answer::status(refusal.status),
            Ok(Some((begin, end))) => match head::request(&client.buffer[begin..end], &BOUNDS) {
                Err(refusal) => break Answer::status(refusal.status),
                Ok(head) => break answer(&head, &state).await,
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

/// Whether somebody on this machine asks, and not a page in a browser: such a page can send a request to loopback, but
/// it names its origin, or reached loopback by a name of its own.
fn is_local(head: &RequestHead) -> bool {
    let host = find(&head.fields, "host").and_then(|host| std::str::from_utf8(host).ok());
    let host = host.unwrap_or_default();
    let name = host.rsplit_once(':').map_or(
        host,
        |(name, port)| {
            if port.ends_with(']') { host } else { name }
        },
    );
    let address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    (address || name == "localhost") && find(&head.fields, "origin").is_none()
}

async fn answer(head: &RequestHead, state: &State) -> Answer {
    if !is_local(head) {
        return Answer::status(403);
    }
    let path = head.target.split('?').next().unwrap_or_default();
    match (head.method.as_str(), path) {
        ("GET", "/readyz") if state.stopping.load(Ordering::Relaxed) => Answer::status(503),
        ("GET", "/healthz" | "/readyz") => Answer::status(200),
        ("GET", "/metrics") => {
            let page = state.metrics.page(&state.snapshot());
            typed(200, "text/plain; version=0.0.4", page)
        }
        ("GET", "/config") => {
            let text = state.text.read().unwrap_or_else(PoisonError::into_inner).clone();
            typed(200, "application/yaml", text)
        }
        ("GET", "/tunnels") => typed(200, "application/json", tunnels(state).await),
        ("POST", "/reload") => {
            let (sender, verdict) = oneshot::channel();
            let _ = state.questions.send(Question::Reload(sender));
            match verdict.await {
                Ok(Verdict { good: true, said }) => typed(200, "text/plain", said),
                Ok(Verdict { good: false, said }) => typed(422, "text/plain", said),
                Err(_) => typed(503, "text/plain", "it is stopping\n".to_owned()),
            }
        }
        (_, "/readyz" | "/healthz" | "/metrics" | "/config" | "/tunnels" | "/reload") => {
            Answer::status(405)
        }
        _ => Answer::status(404),
    }
}

fn typed(status: u16, kind: &str, body: String) -> Answer {
    let fields = vec![("Content-Type".to_owned(), kind.to_owned())];
    Answer { status, fields, body: body.into_bytes() }
}

/// Every open tunnel, the oldest first, as an array of JSON.
async fn tunnels(state: &State) -> String {
    let (sender, mut rows) = mpsc::unbounded_channel();
    let _ = state.questions.send(Question::Tunnels(sender));
    let mut all = Vec::new();
    let gather = async {
        while let Some(rows) = rows.recv().await {
            all.extend(rows);
        }
    };
    let _ = tokio::time::timeout(ROWS, gather).await;
    all.sort_by_key(|row| row.began);
    let lines: Vec<String> = all.iter().map(Row::json).collect();
    format!("[{}]\n", lines.join(",\n "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_in_browsers_are_not_answered() {
        let ask = |fields: &str| {
            let head = format!("GET / HTTP/1.1\r\n{fields}\r\n\r\n");
            is_local(&head::request(head.as_bytes(), &BOUNDS).unwrap())
        };
        for host in ["127.0.0.1:9901", "[::1]:9901", "[::1]", "127.0.0.1", "localhost:1"] {
            assert!(ask(&format!("Host: {host}")), "{host}");
        }
        assert!(!ask("Host: rebound.example:9901"));
        assert!(!ask("Host: 127.0.0.1:9901\r\nOrigin: http://evil.example"));
    }
}
