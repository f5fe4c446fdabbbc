//! Request heads: no bytes make the reader panic, nothing that hyper refuses passes it, but for targets, and what passes
//! is the same request to hyper: its method, its target, each of its fields in their order, and where its body ends.

use std::cell::RefCell;
use std::convert::Infallible;

use http_body_util::Full;
use hyper::body::{Body, Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};
use wsgen_proxy::body::Framing;
use wsgen_proxy::head::{self, Bounds};

const BOUNDS: Bounds = Bounds { fields_bytes: 4096, fields: 32, target: 1024 };

thread_local! {
    static RUNTIME: RefCell<Runtime> = RefCell::new(Builder::new_current_thread().build().unwrap());
}

/// A request as hyper understands it.
struct Understood {
    method: String,
    target: String,
    fields: Vec<(String, Vec<u8>)>,
    /// The length of its body, if that is known ahead.
    length: Option<u64>,
}

/// Returns hyper's answer to a head and the request that its service saw; the service answers 200.
async fn hyper_says(head: &[u8]) -> (String, Option<Understood>) {
    let (mut near, far) = tokio::io::duplex(64 * 1024);
    let seen = RefCell::new(None);
    let service = service_fn(|request: Request<Incoming>| {
        let fields = request.headers().iter();
        seen.borrow_mut().get_or_insert(Understood {
            method: request.method().to_string(),
            target: request.uri().to_string(),
            fields: fields
                .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
                .collect(),
            length: request.body().size_hint().exact(),
        });
        async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::new()))) }
    });
    let serving =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(far), service);
    let asking = async {
        near.write_all(head).await.unwrap();
        near.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = near.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    let (_, answer) = tokio::join!(serving, asking);
    (answer, seen.into_inner())
}

/// Sorts fields by name: hyper keeps the order of the lines of one name alone.
fn sorted(fields: impl Iterator<Item = (String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<_> = fields.collect();
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    all
}

/// Checks the request at the beginning of some bytes.
pub fn check(bytes: &[u8]) {
    let Ok(Some((begin, end))) = head::end(bytes, &BOUNDS) else { return };
    let head = &bytes[begin..end];
    let Ok(read) = head::request(head, &BOUNDS) else { return };
    // Which bytes a target may have is each one's own choice; servers take more of them than hyper.
    let Ok(target) = http::Uri::try_from(&read.target) else { return };
    let (answer, understood) = RUNTIME.with_borrow(|runtime| runtime.block_on(hyper_says(head)));
    // A body that never comes may be answered with nothing; a refusal is a refusal.
    let statuses = ["400", "414", "431", "501", "505"];
    let refuses = statuses.iter().any(|status| answer.starts_with(&format!("HTTP/1.1 {status} ")));
    assert!(!refuses, "hyper refuses {:?}: {answer}", String::from_utf8_lossy(head));
    let Some(understood) = understood else { return };
    let shown = String::from_utf8_lossy(head);
    assert_eq!(understood.method, read.method, "{shown:?}");
    assert_eq!(understood.target, target.to_string(), "{shown:?}");
    let ours = read.fields.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone()));
    assert_eq!(sorted(understood.fields.into_iter()), sorted(ours), "{shown:?}");
    let length = match &read.framing {
        None => Some(0),
        Some(Framing::Length(length)) => Some(*length),
        Some(_) => None,
    };
    assert_eq!(understood.length, length, "{shown:?}");
}
