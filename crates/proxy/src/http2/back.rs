//! HTTP/2 toward a server: many requests, and the tunnels of those who ask for it (`websocket.upstream_h2`), share a
//! connection. Each is spoken to in HTTP/1.1 from inside of the process.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::{Builder, Connection, ResponseFuture, SendRequest};
use h2::ext::Protocol;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::sync::{Mutex, oneshot};

use super::{
    CONNECTION, INNER, OF_A_CONNECTION, Reader, Unbounded, Writer, accept, from_stream, line,
    read_head, to_stream,
};
use crate::body::Framing;
use crate::events::Stage;
use crate::head::{self, Bounds, RequestHead, find};
use crate::isolation::{self, Part};
use crate::stream::{Inner, Peer, Reason, Stream};
use crate::upstream::{Server, Speaks, Target};

/// How long a connection without streams is kept.
const IDLE: Duration = Duration::from_secs(30);
/// How long what a client said last may take when it is gone.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The connections of one thread, by server.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    all: Rc<Shared>,
    /// Held while the first connection to a server is made, so that those who come meanwhile share it.
    first: RefCell<HashMap<usize, Arc<Mutex<()>>>>,
}

type Shared = RefCell<HashMap<usize, Vec<Rc<One>>>>;

/// A connection.
#[derive(Debug)]
struct One {
    client: SendRequest<Bytes>,
    /// Which of its name's addresses it goes to.
    changes: u64,
    streams: Cell<usize>,
    used: Cell<Instant>,
}

/// A stream's place on its connection.
struct Counted(Rc<One>);

impl Counted {
    fn new(one: Rc<One>) -> Self {
        one.streams.set(one.streams.get() + 1);
        Self(one)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.streams.set(self.0.streams.get() - 1);
        self.0.used.set(Instant::now());
    }
}

impl Connections {
    /// A stream to a server, and whether its connection was there already. A connection that begins with a client's
    /// address (`header`) is that client's alone.
    pub(crate) async fn stream(
        &self,
        server: &Arc<Server>,
        header: Option<&[u8]>,
    ) -> io::Result<(Peer, bool)> {
        let key = Arc::as_ptr(server) as usize;
        let changes = server.target.changes();
        let mut shared = if header.is_none() { self.free(key, changes).await } else { None };
        let mut first = None;
        if shared.is_none() && header.is_none() {
            let gate = self.first.borrow_mut().entry(key).or_default().clone();
            first = gate.clone().try_lock_owned().ok();
            if first.is_none() {
                // Whether it was made or not: nobody waits for more than one.
                drop(gate.lock().await);
                shared = self.free(key, changes).await;
            }
        }
        let known = shared.is_some();
        let one = if let Some(one) = shared {
            one
        } else {
            let (client, connection) = server.target.http2(header.unwrap_or_default()).await?;
            let (streams, used) = (Cell::new(0), Cell::new(Instant::now()));
            let one = Rc::new(One { client, changes, streams, used });
            if header.is_none() {
                self.all.borrow_mut().entry(key).or_default().push(one.clone());
            }
            let driven = drive(connection, Rc::downgrade(&one), self.all.clone(), key);
            isolation::spawn(Part::Upstream, driven);
            one
        };
        drop(first);
        let (stream, far, gone, reason) = inner();
        let (client, secure) = (one.client.clone(), server.target.is_secure());
        let counted = Counted::new(one);
        isolation::spawn(Part::Upstream, async move {
            carry(far, client, secure, gone, reason).await;
            drop(counted);
        });
        Ok((Peer::new(stream), known))
    }

    /// A connection that takes one more stream.
    async fn free(&self, key: usize, changes: u64) -> Option<Rc<One>> {
        loop {
            let all = self.all.borrow().get(&key)?.clone();
            let free = |one: &&Rc<One>| {
                one.changes == changes && one.streams.get() < one.client.current_max_send_streams()
            };
            let one = all.iter().find(free)?;
            // One that has ended, or that its server is leaving, says so here.
            if one.client.clone().ready().await.is_ok() {
                return Some(one.clone());
            }
            self.all.borrow_mut().entry(key).or_default().retain(|known| !Rc::ptr_eq(known, one));
        }
    }

    /// Forgets every connection; those in use end with their streams.
    pub(crate) fn clear(&self) {
        self.all.borrow_mut().clear();
        self.first.borrow_mut().clear();
    }
}

/// Moves a connection's bytes until it ends, or is forgotten, or was not used for long.
async fn drive(connection: Connection<Stream, Bytes>, one: Weak<One>, all: Rc<Shared>, key: usize) {
    let mut connection = std::pin::pin!(connection);
    let unused = async {
        loop {
            tokio::time::sleep(IDLE).await;
            // Streams keep it alive, and else the list alone.
            let Some(known) = one.upgrade() else { return };
            if known.streams.get() == 0 && known.used.get().elapsed() >= IDLE {
                drop(known);
                forget(&all, key, &one);
            }
        }
    };
    tokio::select! {
        _ = &mut connection => {}
        // Nobody has it any more, and its server takes no leave.
        () = unused => {}
    }
    forget(&all, key, &one);
}

fn forget(all: &Shared, key: usize, one: &Weak<One>) {
    if let Some(known) = all.borrow_mut().get_mut(&key) {
        known.retain(|known| Rc::as_ptr(known) != one.as_ptr());
    }
}

/// Both ends of a stream inside of the process, what tells that the nearer one was dropped, and the place for the reason
/// of the farther one.
fn inner() -> (Stream, DuplexStream, oneshot::Receiver<()>, Reason) {
    let (near, far) = tokio::io::duplex(INNER);
    let (held, gone) = oneshot::channel();
    let reason = Reason::default();
    let near = Inner::held(near, held).failing(reason.clone());
    (Stream::Inner(Box::new(near)), far, gone, reason)
}

impl Target {
    /// Establishes a connection of HTTP/2, and waits for what the server says of itself.
    async fn http2(
        &self,
        header: &[u8],
    ) -> io::Result<(SendRequest<Bytes>, Connection<Stream, Bytes>)> {
        let mut builder = Builder::new();
        builder.enable_push(false).initial_connection_window_size(CONNECTION);
        let handshake = async {
            let stream = self.connect(header, Speaks::Http2).await?;
            let (client, mut connection) = builder.handshake(stream).await.map_err(other)?;
            // SETTINGS come first, so they are there when a ping has come back (RFC 9113 section 3.4).
            let mut pings = connection.ping_pong();
            let answered = async {
                match &mut pings {
                    Some(pings) => pings.ping(h2::Ping::opaque()).await.map(|_| ()),
                    None => Ok(()),
                }
            };
            tokio::select! {
                ended = &mut connection => {
                    ended.map_err(other)?;
                    Err(Stage::Http2.of(io::ErrorKind::ConnectionReset.into()))
                }
                answered = answered => answered.map(|()| (client, connection)).map_err(other),
            }
        };
        tokio::time::timeout(self.timeout(), handshake)
            .await
            .unwrap_or_else(|_| Err(Stage::Http2.of(io::ErrorKind::TimedOut.into())))
    }
}

fn other(error: h2::Error) -> io::Error {
    Stage::Http2.of(io::Error::other(error))
}

/// Carries one request and its answer, or a tunnel.
async fn carry(
    far: DuplexStream,
    client: SendRequest<Bytes>,
    secure: bool,
    gone: oneshot::Receiver<()>,
    reason: Reason,
) {
    let (mut reader, mut writer) = tokio::io::split(far);
    let mut gone = gone;
    let asked = tokio::select! {
        asked = asked(&mut reader) => asked,
        _ = &mut gone => return,
    };
    let Some((head, rest)) = asked else { return };
    let tunnel = find(&head.fields, "upgrade").is_some();
    let Some(request) = request(&head, tunnel, secure) else {
        let _ = writer.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
        return;
    };
    let ready = tokio::select! {
        ready = client.ready() => ready,
        _ = &mut gone => return,
    };
    let mut client = match ready {
        Ok(client) => client,
        Err(error) => return drop(reason.set(error.to_string())),
    };
    if tunnel && !client.is_extended_connect_protocol_enabled() {
        return drop(reason.set("it takes no WebSockets over HTTP/2 (RFC 8441)".to_owned()));
    }
    let framing = if tunnel { Some(Framing::Close) } else { head.framing.clone() };
    let begun = client.send_request(request, framing.is_none());
    let (answer, mut send) = match begun {
        Ok(begun) => begun,
        Err(error) => return drop(reason.set(error.to_string())),
    };
    drop(client);
    let up = async {
        to_stream(reader, rest, framing, &mut send, Unbounded).await;
    };
    let down = deliver(answer, writer, &head, tunnel, &reason);
    let (mut up, mut down) = (std::pin::pin!(up), std::pin::pin!(down));
    let mut said = false;
    loop {
        tokio::select! {
            () = &mut up, if !said => said = true,
            () = &mut down => return,
            _ = &mut gone => {
                if !said {
                    let _ = tokio::time::timeout(LAST_WORDS, up).await;
                }
                return;
            }
        }
    }
}

/// Reads the request that the inner connection asks for. Returns its head and what came behind it.
async fn asked(reader: &mut Reader) -> Option<(RequestHead, Vec<u8>)> {
    let mut buffer = Vec::new();
    let parse = |bytes: &[u8]| {
        // It was judged when it came; nothing is too long here.
        let lines = bytes.split(|byte| *byte == b'\n').count();
        let bounds = Bounds { fields_bytes: 1 << 30, fields: lines, target: 1 << 30 };
        let Some((begin, end)) = head::end(bytes, &bounds)? else { return Ok(None) };
        head::request(&bytes[begin..end], &bounds).map(|head| Some((end, head)))
    };
    let head = read_head(reader, &mut buffer, parse).await?;
    Some((head, buffer))
}

/// The request as HTTP/2 has it; a handshake is an extended CONNECT (RFC 8441 section 4).
fn request(head: &RequestHead, tunnel: bool, secure: bool) -> Option<Request<()>> {
    // A handshake's body has no place ahead of the tunnel's bytes.
    if tunnel && head.framing.is_some() {
        return None;
    }
    let host = find(&head.fields, "host")?;
    let uri = Uri::builder()
        .scheme(if secure { "https" } else { "http" })
        .authority(host)
        .path_and_query(head.target.as_str());
    let mut request = Request::new(());
    *request.version_mut() = Version::HTTP_2;
    *request.uri_mut() = uri.build().ok()?;
    *request.method_mut() = Method::from_bytes(head.method.as_bytes()).ok()?;
    if tunnel {
        *request.method_mut() = Method::CONNECT;
        request.extensions_mut().insert(Protocol::from_static("websocket"));
    } else {
        // They are carried to whoever asked.
        request.headers_mut().insert("te", HeaderValue::from_static("trailers"));
    }
    for (name, value) in &head.fields {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        let own = name == "host" || tunnel && name == "sec-websocket-key";
        if !own && !OF_A_CONNECTION.contains(&name.as_str()) {
            request.headers_mut().append(name, HeaderValue::from_bytes(value).ok()?);
        }
    }
    Some(request)
}

/// Writes the answer.
async fn deliver(
    mut answer: ResponseFuture,
    mut writer: Writer,
    asked: &RequestHead,
    tunnel: bool,
    reason: &Reason,
) {
    while let Some(Ok(interim)) = std::future::poll_fn(|cx| answer.poll_informational(cx)).await {
        if writer.write_all(&written(&interim, interim.status(), &[])).await.is_err() {
            return;
        }
    }
    let answer = match answer.await {
        Ok(answer) => answer,
        Err(error) => return drop(reason.set(error.to_string())),
    };
    let (head, body) = answer.into_parts();
    let head = Response::from_parts(head, ());
    if tunnel && head.status().is_success() {
        let key = find(&asked.fields, "sec-websocket-key").unwrap_or_default();
        let (name, accept) = ("Sec-WebSocket-Accept", accept(key));
        let more = [("Connection", "Upgrade"), ("Upgrade", "websocket"), (name, &accept)];
        let head = written(&head, StatusCode::SWITCHING_PROTOCOLS, &more);
        if writer.write_all(&head).await.is_ok() && from_stream(body, &mut writer, false).await {
            let _ = writer.shutdown().await;
        }
        return;
    }
    let status = head.status();
    let bodiless = asked.method == "HEAD"
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED;
    let sized = head.headers().contains_key("content-length");
    let chunked = !bodiless && !sized && !body.is_end_stream();
    let mut more = vec![("Connection", "close")];
    if chunked {
        more.push(("Transfer-Encoding", "chunked"));
    } else if !bodiless && !sized {
        more.push(("Content-Length", "0"));
    }
    if writer.write_all(&written(&head, status, &more)).await.is_ok() && !bodiless {
        from_stream(body, &mut writer, chunked).await;
    }
}

/// A head of HTTP/1.1.
fn written(head: &Response<()>, status: StatusCode, more: &[(&str, &str)]) -> Vec<u8> {
    let reason = status.canonical_reason().unwrap_or("");
    let mut out = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).into_bytes();
    for (name, value) in head.headers() {
        if !OF_A_CONNECTION.contains(&name.as_str()) {
            line(&mut out, name.as_str(), value.as_bytes());
        }
    }
    for (name, value) in more {
        line(&mut out, name, value.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out
}
