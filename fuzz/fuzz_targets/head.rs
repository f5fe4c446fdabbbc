//! Request heads: no bytes make the reader panic, and nothing that hyper refuses passes it, but for targets.

#![no_main]

use std::cell::RefCell;
use std::convert::Infallible;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};
use wsgen_proxy::head::{self, Bounds};

const BOUNDS: Bounds = Bounds { fields_bytes: 4096, fields: 32, target: 1024 };

thread_local! {
    static RUNTIME: RefCell<Runtime> = RefCell::new(Builder::new_current_thread().build().unwrap());
}

/// The status that hyper answers a head with; its own service says 200.
async fn hyper_says(head: &[u8]) -> String {
    let (mut near, far) = tokio::io::duplex(64 * 1024);
    let service = service_fn(|_: Request<Incoming>| async {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
    });
    let serving = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(far), service);
    let asking = async {
        near.write_all(head).await.unwrap();
        near.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = near.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    let (_, answer) = tokio::join!(serving, asking);
    answer
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(Some((begin, end))) = head::end(bytes, &BOUNDS) else { return };
    let head = &bytes[begin..end];
    let Ok(read) = head::request(head, &BOUNDS) else { return };
    // Which bytes a target may have is each one's own choice; servers take more of them than hyper.
    if http::Uri::try_from(read.target).is_err() {
        return;
    }
    let answer = RUNTIME.with_borrow(|runtime| runtime.block_on(hyper_says(head)));
    // A body that never comes may be answered with nothing; a refusal is a refusal.
    let refused = ["400", "414", "431", "501", "505"];
    let refuses = refused.iter().any(|status| answer.starts_with(&format!("HTTP/1.1 {status} ")));
    assert!(!refuses, "hyper refuses {:?}: {answer}", String::from_utf8_lossy(head));
});
