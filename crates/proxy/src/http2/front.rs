//! HTTP/2 in front (`listener/protocols`, `handshake/extended-connect`): every stream becomes a connection of HTTP/1.1
//! inside of the process, so that one code judges, routes and carries both.

use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use h2::ext::Protocol;
use h2::server::{Builder, SendResponse};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use wsgen_model::site::ListenerTimeouts;

use super::watch::{Seen, Watched};
use super::{
    CONNECTION, INNER, Limit, OF_A_CONNECTION, Reader, Writer, from_stream, key, line, read_head,
    to_stream,
};
use crate::body::Framing;
use crate::connection::{self, Arrival, Waits};
use crate::events;
use crate::fault;
use crate::head::{self, ResponseHead};
use crate::isolation::{self, Part};
use crate::stream::{Inner, Peer, Stream};
use crate::wheel::{Tick, ticks};
use crate::worker::Worker;

/// Streams of one connection at a time.
const STREAMS: u32 = 256;

/// Time for a client to answer the PING that comes with GOAWAY, once no stream is open any more.
const GOODBYE: Duration = Duration::from_secs(2);

/// Serves a connection until its end.
pub(crate) async fn serve<S>(stream: S, from: Arrival, announces: bool, worker: Rc<Worker>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let snapshot = worker.snapshot();
    let Some(listener) = snapshot.listener_at(&from.at) else { return };
    let timers = snapshot.site.listener(listener).timeouts;
    let fields = snapshot.bounds(listener).fields_bytes;
    drop(snapshot);
    let mut builder = Builder::new();
    builder.max_concurrent_streams(STREAMS);
    builder.initial_connection_window_size(CONNECTION);
    builder.max_header_list_size(u32::try_from(fields).unwrap_or(u32::MAX));
    if announces {
        builder.enable_connect_protocol();
    }
    let waits = Waits::default();
    let (stream, seen) = Watched::new(stream, worker.wheel.clone());
    // The preface is a part of the head that is owed.
    let greeted = builder.handshake::<_, Bytes>(stream);
    let greeted = worker.wheel.within(&waits.0, (*timers.request_header).into(), greeted).await;
    let Some(Ok(connection)) = greeted else { return };
    let quiet = worker.wheel.moment();
    let stopping = worker.clone();
    let mut stopping = std::pin::pin!(async move { stopping.stopping().await });
    let mut front = Front {
        connection,
        seen,
        from: Rc::new(from),
        worker,
        timers,
        waits,
        streams: JoinSet::new(),
        quiet,
        leaving: None,
    };
    std::future::poll_fn(|cx| {
        if front.leaving.is_none() && stopping.as_mut().poll(cx).is_ready() {
            front.leave();
        }
        front.poll(cx)
    })
    .await;
}

/// A connection of HTTP/2. Its streams end with it.
struct Front<S> {
    connection: h2::server::Connection<Watched<S>, Bytes>,
    seen: Rc<Seen>,
    from: Rc<Arrival>,
    worker: Rc<Worker>,
    timers: ListenerTimeouts,
    waits: Waits,
    streams: JoinSet<()>,
    /// When the connection began, or its last stream ended.
    quiet: Tick,
    /// The tick at which the client was sent GOAWAY.
    leaving: Option<Tick>,
}

/// Action that a deadline of a connection calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// The client is told that it ends.
    Leave,
    /// The connection ends.
    End,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Front<S> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            while let Poll::Ready(accepted) = self.connection.poll_accept(cx) {
                let Some(Ok((request, respond))) = accepted else {
                    if self.seen.flooded.get() {
                        let peer = self.from.peer.ip();
                        events::limit_reached(events::Limit::Flood, &self.from.at, Some(peer));
                    }
                    return Poll::Ready(());
                };
                self.begin(request, respond);
            }
            while let Poll::Ready(Some(_)) = self.streams.poll_join_next(cx) {
                self.quiet = self.worker.wheel.moment();
            }
            let Some((at, due)) = self.deadline() else { return Poll::Pending };
            if at > self.worker.wheel.now() {
                self.waits.0.remember(cx.waker());
                self.worker.wheel.wake_at(&self.waits.0, at);
                return Poll::Pending;
            }
            if due == Due::End {
                return Poll::Ready(());
            }
            self.leave();
        }
    }

    /// Begins a stream, under the configuration of now.
    fn begin(&mut self, request: Request<RecvStream>, respond: SendResponse<Bytes>) {
        let snapshot = self.worker.snapshot();
        if let Some(listener) = snapshot.listener_at(&self.from.at) {
            self.timers = snapshot.site.listener(listener).timeouts;
        }
        let carried = Carried { from: self.from.clone(), worker: self.worker.clone() };
        let stream = carried.stream(request, respond, self.timers);
        self.streams.spawn_local(isolation::task(Part::Stream, stream));
    }

    /// Tells the client that no further streams are taken.
    fn leave(&mut self) {
        if self.leaving.is_none() {
            self.leaving = Some(self.worker.wheel.moment());
            self.connection.graceful_shutdown();
        }
    }

    /// Returns the next deadline and its action. A stream that is open has deadlines of its own.
    fn deadline(&self) -> Option<(Tick, Due)> {
        let after = |from: Tick, time: Duration, due| (from + ticks(time), due);
        // Nothing else can come before a header block has ended (RFC 9113 section 4.3).
        let head = self.seen.head.get();
        let head = head.map(|since| after(since, (*self.timers.request_header).into(), Due::End));
        let rest = self.streams.is_empty().then(|| {
            if self.connection.has_streams() {
                // An answer is on its way that the client does not take.
                let since = self.quiet.max(self.seen.wrote.get());
                return after(since, (*self.timers.body_idle).into(), Due::End);
            }
            match self.leaving {
                Some(since) => after(self.quiet.max(since), GOODBYE, Due::End),
                None => after(self.quiet, (*self.timers.idle).into(), Due::Leave),
            }
        });
        head.into_iter().chain(rest).min_by_key(|(at, _)| *at)
    }
}

/// The parts of a connection that a stream needs.
struct Carried {
    from: Rc<Arrival>,
    worker: Rc<Worker>,
}

impl Carried {
    /// Carries one stream to its end.
    async fn stream(
        self,
        request: Request<RecvStream>,
        mut respond: SendResponse<Bytes>,
        timers: ListenerTimeouts,
    ) {
        fault::point("h2-stream");
        let Self { from, worker } = self;
        let (parts, body) = request.into_parts();
        let protocol = parts.extensions.get::<Protocol>();
        let protocol = protocol.map(|protocol| protocol.as_str().to_owned());
        let Some((head, chunked)) = written(&parts, protocol.as_deref(), body.is_end_stream())
        else {
            let authority = || parts.uri.authority().map_or("", |authority| authority.as_str());
            let target = parts.uri.path_and_query().map_or_else(authority, |path| path.as_str());
            worker.log.refused_stream(&from, parts.method.as_str(), target, &worker.snapshot());
            let refused = Response::builder().status(StatusCode::BAD_REQUEST).body(());
            if let Ok(refused) = refused {
                let _ = respond.send_response(refused, true);
            }
            return;
        };
        let (near, far) = tokio::io::duplex(INNER);
        let (end, gone) = oneshot::channel();
        let inner = Arrival {
            at: from.at.clone(),
            peer: from.peer,
            local: from.local,
            secure: from.secure,
            counted: from.counted.clone(),
        };
        let stream = Stream::Inner(Box::new(Inner::held(far, end)));
        let wheel = worker.wheel.clone();
        let serving = connection::serve(Peer { stream, buffer: head }, inner, worker);
        isolation::spawn(Part::Stream, serving);
        let (reader, writer) = tokio::io::split(near);
        let tunnel = protocol.is_some();
        let method = if tunnel { "GET".to_owned() } else { parts.method.to_string() };
        // A tunnel ends by its own timers; its last bytes get the time of a half.
        let (time, after) =
            if tunnel { (*timers.half_closed, Some(gone)) } else { (*timers.body_idle, None) };
        let limit = Limit { wheel, timed: Rc::default(), time: time.into(), after };
        let up = upload(body, writer, chunked, tunnel);
        let down = download(reader, respond, &method, limit);
        let mut up = std::pin::pin!(up);
        let mut down = std::pin::pin!(down);
        // A client that has said everything still waits for its answer; one that has its answer waits for nothing.
        tokio::select! {
            () = &mut up => down.await,
            () = &mut down => {}
        }
    }
}

/// The request as HTTP/1.1, and whether its body has to be chunked.
fn written(
    parts: &http::request::Parts,
    protocol: Option<&str>,
    bodiless: bool,
) -> Option<(Vec<u8>, bool)> {
    let tunnel = match (&parts.method, protocol) {
        (&Method::CONNECT, Some("websocket")) => true,
        // Nothing else can be asked for by CONNECT (`handshake/other-upgrade`).
        (&Method::CONNECT, _) => return None,
        _ => false,
    };
    let method = if tunnel { "GET" } else { parts.method.as_str() };
    let target = parts.uri.path_and_query()?.as_str();
    let host = parts.uri.authority().map(|authority| authority.as_str().to_owned());
    let host = host.or_else(|| Some(parts.headers.get("host")?.to_str().ok()?.to_owned()))?;
    let mut out = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n").into_bytes();
    let mut cookies: Vec<&[u8]> = Vec::new();
    for (name, value) in &parts.headers {
        let name = name.as_str();
        match name {
            // Each may come alone (RFC 9113 section 8.2.3).
            "cookie" => cookies.push(value.as_bytes()),
            _ if name == "host" || OF_A_CONNECTION.contains(&name) => {}
            _ => line(&mut out, name, value.as_bytes()),
        }
    }
    if !cookies.is_empty() {
        line(&mut out, "cookie", &cookies.join(&b"; "[..]));
    }
    let sized = parts.headers.contains_key("content-length");
    let chunked = !tunnel && !bodiless && !sized;
    if tunnel {
        line(&mut out, "Connection", b"Upgrade");
        line(&mut out, "Upgrade", b"websocket");
        // There is no key on HTTP/2 (RFC 8441 section 5.1): the upstream gets one of ours.
        line(&mut out, "Sec-WebSocket-Key", key().as_bytes());
    } else {
        line(&mut out, "Connection", b"close");
    }
    if chunked {
        line(&mut out, "Transfer-Encoding", b"chunked");
    }
    out.extend_from_slice(b"\r\n");
    Some((out, chunked))
}

/// What the client sends.
async fn upload(body: RecvStream, mut writer: Writer, chunked: bool, tunnel: bool) {
    let whole = from_stream(body, &mut writer, chunked).await;
    if tunnel || !whole {
        // After a reset the inner connection sees the end of its client, as at the end of a tunnel.
        let _ = writer.shutdown().await;
    } else {
        // The end of a request is not the end of its client, who waits for the answer.
        std::future::pending::<()>().await;
    }
}

/// What the client gets.
async fn download(
    mut reader: Reader,
    mut respond: SendResponse<Bytes>,
    method: &str,
    limit: Limit,
) {
    let mut buffer = Vec::new();
    let Some(head) = answer(&mut reader, &mut buffer, method, &mut respond).await else {
        return respond.send_reset(h2::Reason::INTERNAL_ERROR);
    };
    let tunnel = head.status == 101;
    let Some(response) = response(&head, tunnel) else {
        return respond.send_reset(h2::Reason::INTERNAL_ERROR);
    };
    let ends = !tunnel && head.framing.is_none();
    let Ok(mut send) = respond.send_response(response, ends) else { return };
    if ends {
        return;
    }
    let framing = if tunnel { Some(Framing::Close) } else { head.framing };
    to_stream(reader, buffer, framing, &mut send, limit).await;
}

/// The last head of the inner connection's answer; interim ones are passed on.
async fn answer(
    reader: &mut Reader,
    buffer: &mut Vec<u8>,
    method: &str,
    respond: &mut SendResponse<Bytes>,
) -> Option<ResponseHead> {
    loop {
        let head = read_head(reader, buffer, |bytes| head::response(bytes, method)).await?;
        if head.status >= 200 || head.status == 101 {
            return Some(head);
        }
        respond.send_informational(response(&head, false)?).ok()?;
    }
}

/// The answer's head; a tunnel's 101 is a 200 here (RFC 8441 section 5).
fn response(head: &ResponseHead, tunnel: bool) -> Option<Response<()>> {
    let status = if tunnel { 200 } else { head.status };
    let mut fields = HeaderMap::new();
    for (name, value) in &head.fields {
        let lower = name.to_ascii_lowercase();
        if OF_A_CONNECTION.contains(&lower.as_str()) || lower == "sec-websocket-accept" {
            continue;
        }
        let name = http::HeaderName::from_bytes(name.as_bytes()).ok()?;
        fields.append(name, http::HeaderValue::from_bytes(value).ok()?);
    }
    let mut response = Response::builder().status(status).body(()).ok()?;
    *response.headers_mut() = fields;
    Some(response)
}
