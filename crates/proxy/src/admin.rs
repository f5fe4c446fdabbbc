//! The status pages (`admin/pages`), on a thread of their own: an overloaded proxy still says how it is.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HOST, HeaderValue, ORIGIN};
use http::uri::Authority;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use wsgen_model::located::Located;
use wsgen_model::scalar::ListenAddress;

use crate::fault;
use crate::isolation::{self, Part, again};
use crate::listening::{Listening, Socket};
use crate::metrics::Metrics;
use crate::signals::Verdict;
use crate::snapshot::{Snapshot, StartError};
use crate::stream::Wire;
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

/// Most bytes of a request's head.
const HEAD: usize = 16 * 1024;
/// Most fields of a request.
const FIELDS: usize = 50;
/// Time in which a client must have sent its head.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// Time of a whole connection; a reload resolves names and reads files.
const CONNECTION_TIME: Duration = Duration::from_secs(75);
/// Connections at a time; further ones wait.
const CONNECTIONS: usize = 64;
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
pub(crate) fn start(socket: Socket, state: Arc<State>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let socket = {
        let _inside = runtime.enter();
        socket.listen()?
    };
    isolation::thread("admin", Part::Admin, move || {
        runtime.block_on(async {
            let places = Arc::new(Semaphore::new(CONNECTIONS));
            again(Part::Admin, || accept(&socket, &state, &places)).await;
        });
    })?;
    Ok(())
}

/// Accepts connections until another process does.
async fn accept(socket: &Listening, state: &Arc<State>, places: &Arc<Semaphore>) {
    let mut left = state.left.subscribe();
    loop {
        let accepted = async {
            let place = places.clone().acquire_owned().await;
            (socket.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            accepted = accepted => accepted,
            _ = left.wait_for(|left| *left) => return,
        };
        match accepted {
            Ok((stream, ..)) => {
                let serving = serve(stream, state.clone());
                isolation::spawn_anywhere(Part::Admin, async move {
                    let _ = tokio::time::timeout(CONNECTION_TIME, serving).await;
                    drop(place);
                });
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Answers one request on a connection, and closes it.
async fn serve(stream: Wire, state: Arc<State>) {
    let answer = |request: Request<_>| {
        let state = state.clone();
        async move { Ok::<_, Infallible>(answer(&request, &state).await) }
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD)
        .max_headers(FIELDS)
        .keep_alive(false)
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service_fn(answer));
    // A client that sends no request, or leaves, is nobody's trouble.
    let _ = connection.await;
}

/// The refusal of a request that does not come from a program on this machine. A page in a browser can send a request to
/// loopback, but such a request names its origin, or a host by which the page reached loopback.
fn refusal<B>(request: &Request<B>) -> Option<StatusCode> {
    let hosts: Vec<&HeaderValue> = request.headers().get_all(HOST).iter().collect();
    let [host] = hosts[..] else { return Some(StatusCode::BAD_REQUEST) };
    let Ok(host) = Authority::try_from(host.as_bytes()) else {
        return Some(StatusCode::BAD_REQUEST);
    };
    let is_local = |authority: &Authority| {
        let name = authority.host().trim_matches(['[', ']']);
        let known = name == "localhost" || name.parse::<IpAddr>().is_ok();
        known && !authority.as_str().contains('@')
    };
    // A target may name a host too (RFC 9112 section 3.2.2).
    let local = is_local(&host) && request.uri().authority().is_none_or(is_local);
    (!local || request.headers().contains_key(ORIGIN)).then_some(StatusCode::FORBIDDEN)
}

/// The method of a page, and how `Allow` names it; `None` where there is no such page.
fn method_of(path: &str) -> Option<(Method, &'static str)> {
    match path {
        "/healthz" | "/readyz" | "/metrics" | "/config" | "/tunnels" => {
            Some((Method::GET, "GET, HEAD"))
        }
        "/reload" => Some((Method::POST, "POST")),
        _ => None,
    }
}

async fn answer<B>(request: &Request<B>, state: &State) -> Response<Full<Bytes>> {
    if let Some(status) = refusal(request) {
        return short(status);
    }
    fault::point("admin");
    let path = request.uri().path();
    let Some((method, allow)) = method_of(path) else { return short(StatusCode::NOT_FOUND) };
    let is_head = method == Method::GET && request.method() == Method::HEAD;
    if *request.method() != method && !is_head {
        let mut answer = short(StatusCode::METHOD_NOT_ALLOWED);
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
        return answer;
    }
    match path {
        "/readyz" if state.stopping.load(Ordering::Relaxed) => {
            short(StatusCode::SERVICE_UNAVAILABLE)
        }
        "/metrics" => {
            let page = state.metrics.page(&state.snapshot());
            typed(StatusCode::OK, "text/plain; version=0.0.4", page)
        }
        "/config" => {
            let text = state.text.read().unwrap_or_else(PoisonError::into_inner).clone();
            typed(StatusCode::OK, "application/yaml", text)
        }
        "/tunnels" => typed(StatusCode::OK, "application/json", tunnels(state).await),
        "/reload" => {
            let (sender, verdict) = oneshot::channel();
            let _ = state.questions.send(Question::Reload(sender));
            let (status, said) = match verdict.await {
                Ok(Verdict { good: true, said }) => (StatusCode::OK, said),
                Ok(Verdict { good: false, said }) => (StatusCode::UNPROCESSABLE_ENTITY, said),
                Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "it is stopping\n".to_owned()),
            };
            typed(status, "text/plain", said)
        }
        _ => short(StatusCode::OK),
    }
}

/// An answer whose body is its status.
fn short(status: StatusCode) -> Response<Full<Bytes>> {
    typed(status, "text/plain", format!("{status}\n"))
}

fn typed(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::from(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
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
        let ask = |target: &str, fields: &[(&str, &str)]| {
            let mut request = Request::get(target);
            for (name, value) in fields {
                request = request.header(*name, *value);
            }
            refusal(&request.body(()).unwrap()).map(|status| status.as_u16())
        };
        for host in ["127.0.0.1:9901", "[::1]:9901", "[::1]", "127.0.0.1", "localhost:1"] {
            assert_eq!(ask("/", &[("host", host)]), None, "{host}");
        }
        for host in ["rebound.example:9901", "127.0.0.1:1@rebound.example", "localhost@a"] {
            assert_eq!(ask("/", &[("host", host)]), Some(403), "{host}");
        }
        for host in ["", "127.0.0.1/", "a b", "[::1", "127.0.0.1:1:2"] {
            assert_eq!(ask("/", &[("host", host)]), Some(400), "{host}");
        }
        let local = ("host", "127.0.0.1:9901");
        assert_eq!(ask("/", &[local, ("origin", "http://evil.example")]), Some(403));
        assert_eq!(ask("/", &[local, ("origin", "null")]), Some(403));
        assert_eq!(ask("/", &[]), Some(400));
        assert_eq!(ask("/", &[local, local]), Some(400));
        assert_eq!(ask("http://127.0.0.1/", &[local]), None);
        assert_eq!(ask("http://rebound.example/", &[local]), Some(403));
    }
}
