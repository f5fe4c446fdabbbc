//! Answers of upstreams, head and body: what is read whole is the same answer to hyper's client, with the same status, the
//! same fields and the same body.

use std::cell::RefCell;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::runtime::{Builder, Runtime};
use wsgen_proxy::body::Framing;
use wsgen_proxy::fuzzing;
use wsgen_proxy::head;

thread_local! {
    static RUNTIME: RefCell<Runtime> = RefCell::new(Builder::new_current_thread().build().unwrap());
}

/// An answer as somebody understands it.
#[derive(Debug, PartialEq, Eq)]
struct Understood {
    status: u16,
    fields: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

/// Checks one answer: the first byte chooses the method of its request.
pub fn check(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let method = if first % 8 == 0 { Method::HEAD } else { Method::GET };
    let Some(ours) = ours(bytes, method.as_str()) else { return };
    let theirs = RUNTIME.with_borrow(|runtime| runtime.block_on(hyper_reads(bytes, method)));
    let shown = String::from_utf8_lossy(bytes);
    assert_eq!(theirs.as_ref(), Ok(&ours), "{shown:?}");
}

/// The last answer in some bytes, if it is there as a whole.
fn ours(mut bytes: &[u8], method: &str) -> Option<Understood> {
    let head = loop {
        let (length, head) = head::response(bytes, method).ok()??;
        bytes = &bytes[length..];
        if head.status >= 200 {
            break head;
        }
        // Another protocol follows.
        if head.status == 101 {
            return None;
        }
    };
    let body = match head.framing {
        None => Vec::new(),
        Some(Framing::Length(length)) => bytes.get(..usize::try_from(length).ok()?)?.to_vec(),
        Some(Framing::Close) => bytes.to_vec(),
        Some(Framing::Chunked(_)) => {
            fuzzing::chunks(bytes, usize::MAX).ok().filter(|c| c.ended)?.payload
        }
    };
    let fields = head.fields.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
    Some(Understood { status: head.status, fields: sorted(fields.collect()), body })
}

async fn hyper_reads(bytes: &[u8], method: Method) -> Result<Understood, String> {
    let (near, mut far) = tokio::io::duplex(64 * 1024);
    let mut client = hyper::client::conn::http1::Builder::new();
    // More fields than this reader takes, so that no bound of hyper's is met first.
    client.max_headers(256);
    let client = client.handshake::<_, Empty<Bytes>>(TokioIo::new(near));
    let (mut sender, connection) = client.await.map_err(|error| error.to_string())?;
    let request = Request::builder().method(method).uri("/").body(Empty::new()).unwrap();
    let asking = async {
        let answer = sender.send_request(request).await.map_err(|error| format!("{error:?}"))?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(|error| format!("{error:?}"))?.to_bytes().to_vec();
        let fields = head.headers.iter();
        let fields = fields.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
        Ok(Understood { status: head.status.as_u16(), fields: sorted(fields.collect()), body })
    };
    let answering = async {
        // hyper takes nothing before it has asked.
        let mut asked = [0; 1];
        let _ = tokio::io::AsyncReadExt::read(&mut far, &mut asked).await;
        let _ = far.write_all(bytes).await;
        let _ = far.shutdown().await;
        // The rest of what it says is taken, so that it never waits.
        let _ = tokio::io::copy(&mut far, &mut tokio::io::sink()).await;
    };
    tokio::join!(asking, connection, answering).0
}

/// Sorts fields by name: hyper keeps the order of the lines of one name alone.
fn sorted(mut fields: Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    fields
}
