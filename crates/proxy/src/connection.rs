//! A client's connection: one request after the other, until it closes or becomes a tunnel.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use wsgen_model::scalar::ListenAddress;

use crate::answer::Answer;
use crate::exchange::{Exchange, Next, Opened};
use crate::fault;
use crate::head::{self, Bounds, Refusal, RequestHead};
use crate::isolation::{self, Panicked, Part, isolate};
use crate::stream::Peer;
use crate::tunnel::{Course, Held, carry};
use crate::wheel::Timed;
use crate::worker::{Counted, Worker};
use crate::writing::{Patience, write_all};

/// Time for which a connection lingers after its last answer.
const LINGERS: Duration = Duration::from_secs(2);
/// Bytes of the client that are read and forgotten meanwhile.
const LINGERS_FOR: usize = 256 * 1024;

/// Why there is no further request.
enum Over {
    /// The client has closed, or waited too long, or everything stops.
    Quietly,
    /// Its head was refused.
    Refused(Refusal),
}

/// How a connection came.
pub(crate) struct Arrival {
    /// The listener's address.
    pub(crate) at: ListenAddress,
    /// Who connected, or whom the PROXY header names.
    pub(crate) peer: SocketAddr,
    /// Where it came to.
    pub(crate) local: SocketAddr,
    /// Whether by TLS.
    pub(crate) secure: bool,
    /// Its place at the listener; a tunnel keeps it.
    pub(crate) counted: Rc<Counted>,
}

/// The place of a connection in the wheel, for one deadline at a time. The wheel lets go of the task with it.
#[derive(Default)]
pub(crate) struct Waits(pub(crate) Rc<Timed>);

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.forget();
    }
}

/// Serves a connection until its end.
pub(crate) async fn serve(mut client: Peer, from: Arrival, worker: Rc<Worker>) {
    let mut first = true;
    let waits = Waits::default();
    loop {
        // The configuration of now: a reload holds from the next request on.
        let snapshot = worker.snapshot();
        let Some(listener) = snapshot.listener_at(&from.at) else { return };
        let timers = snapshot.site.listener(listener).timeouts;
        // A new connection owes its first head at once.
        let idle = if first { *timers.request_header } else { *timers.idle };
        let bounds = snapshot.bounds(listener);
        let patience = (idle.into(), (*timers.request_header).into());
        let read = read(&mut client, bounds, patience, first, &waits.0, &worker);
        let head = match read.await {
            Ok(head) => head,
            Err(Over::Quietly) => return,
            Err(Over::Refused(refusal)) => {
                let format = *snapshot.site.access_log.format;
                worker.log.refused(&from, &client, &refusal, format);
                let answer = Answer::status(refusal.status).bytes(false, false);
                let time = (*timers.body_idle).into();
                let patience = Patience { wheel: &worker.wheel, timed: &waits.0, time };
                let _ = write_all(&mut client.stream, &answer, patience).await;
                return linger(client, &worker, &waits.0).await;
            }
        };
        if first {
            from.counted.has_asked();
        }
        first = false;
        fault::point("head");
        let has_begun = Cell::new(false);
        let exchange =
            || Exchange::new(&worker, &snapshot, listener, &from, &waits.0, &head, &has_begun);
        // Boxed, so that a tunnel's task holds the relay alone.
        let answered = isolate(Part::Request, Box::pin(exchange().run(&mut client))).await;
        let next = match answered {
            Ok(next) => next,
            // What has come of the answer must not pass for a whole one.
            Err(Panicked) if has_begun.get() => return client.stream.reset(),
            Err(Panicked) => Box::pin(exchange().fail(&mut client)).await,
        };
        match next {
            Next::Again => {}
            Next::Close => return linger(client, &worker, &waits.0).await,
            Next::Tunnel(opened) => {
                let log = &snapshot.site.access_log;
                opened.registration.is_open(log);
                let Opened { upstream, limits, registration, live, places } = *opened;
                let course = Course::new(limits, worker.wheel.clone(), live, worker.relay.calm());
                let until_its_end = Held { registration, places, counted: from.counted };
                let tunnel = carry(client, upstream, course, until_its_end);
                isolation::spawn(Part::Tunnel, tunnel);
                return;
            }
        }
    }
}

/// Time for the first request of a connection when everything stops. Its client connected to a proxy that
/// took connections, and its request may be on its way.
const LAST_HEADS: Duration = Duration::from_secs(1);

/// Reads a head: the first byte within `idle`, the rest within `whole` of it (`timer/idle`, `timer/request-header`).
async fn read(
    client: &mut Peer,
    bounds: &Bounds,
    (idle, whole): (Duration, Duration),
    is_new: bool,
    timed: &Rc<Timed>,
    worker: &Rc<Worker>,
) -> Result<RequestHead, Over> {
    if client.buffer.is_empty() {
        // Nothing is held while a connection waits.
        client.buffer = Vec::new();
        let mut first = std::pin::pin!(client.fill());
        // Whoever stops everything wakes everybody.
        let or_stopped = std::future::poll_fn(|cx| match first.as_mut().poll(cx) {
            Poll::Pending if worker.is_stopping() => Poll::Ready(None),
            read => read.map(Some),
        });
        let read = match worker.wheel.within(timed, idle, or_stopped).await {
            Some(None) if is_new => worker.wheel.within(timed, LAST_HEADS, first).await,
            read => read.flatten(),
        };
        if !matches!(read, Some(Ok(1..))) {
            return Err(Over::Quietly);
        }
    }
    let late = Over::Refused(Refusal { status: 408, why: "a slow head" });
    worker.wheel.within(timed, whole, rest(client, bounds)).await.unwrap_or(Err(late))
}

async fn rest(client: &mut Peer, bounds: &Bounds) -> Result<RequestHead, Over> {
    let mut seen = 0;
    loop {
        // A head that comes byte by byte is not looked at anew for each of them.
        let worth = client.buffer[seen..].contains(&b'\n') || client.buffer.len() - seen > 1024;
        if !worth && !client.buffer.is_empty() {
            match client.fill().await {
                Ok(1..) => continue,
                _ => return Err(Over::Quietly),
            }
        }
        seen = client.buffer.len();
        if let Some((begin, end)) = head::end(&client.buffer, bounds).map_err(Over::Refused)? {
            let head = head::request(&client.buffer[begin..end], bounds).map_err(Over::Refused)?;
            client.buffer.drain(..end);
            return Ok(head);
        }
        match client.fill().await {
            Ok(1..) => {}
            _ => return Err(Over::Quietly),
        }
    }
}

/// Lets a client read an answer that it did not wait for: closing at once would reset it (RFC 9112 section 9.6).
async fn linger(mut client: Peer, worker: &Worker, timed: &Rc<Timed>) {
    let rest = async {
        // TLS says goodbye, which a client that does not read never takes.
        client.stream.shutdown().await?;
        let mut left = LINGERS_FOR;
        loop {
            client.buffer.clear();
            match client.fill().await {
                Ok(read @ 1..) if read < left => left -= read,
                _ => return std::io::Result::Ok(()),
            }
        }
    };
    worker.wheel.within(timed, LINGERS, rest).await;
}
