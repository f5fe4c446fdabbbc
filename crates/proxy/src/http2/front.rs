//! HTTP/2 in front (`listener/protocols`, `handshake/extended-connect`): every stream becomes a connection of HTTP/1.1
//! inside of the process, so that one code judges, routes and carries both.

use std::rc::Rc;

use bytes::Bytes;
use h2::RecvStream;
use h2::ext::Protocol;
use h2::server::{Builder, SendResponse};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{
    CONNECTION, INNER, OF_A_CONNECTION, Reader, Writer, from_stream, key, line, to_stream,
};
use crate::body::Framing;
use crate::connection::{self, Arrival};
use crate::head::{self, ResponseHead};
use crate::stream::{Inner, Stream};
use crate::worker::Worker;

/// Streams of one connection at a time.
const STREAMS: u32 = 256;

/// Serves a connection until its end.
pub(crate) async fn serve<S>(stream: S, from: Arrival, announces: bool, worker: Rc<Worker>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let snapshot = worker.snapshot();
    let Some(listener) = snapshot.listener_at(&from.at) else { return };
    let idle = (*snapshot.site.listener(listener).timeouts.idle).into();
    let fields = snapshot.bounds(listener).fields_bytes;
    drop(snapshot);
    let mut builder = Builder::new();
    builder.max_concurrent_streams(STREAMS);
    builder.initial_connection_window_size(CONNECTION);
    builder.max_header_list_size(u32::try_from(fields).unwrap_or(u32::MAX));
    if announces {
        builder.enable_connect_protocol();
    }
    let Ok(mut connection) = builder.handshake::<_, Bytes>(stream).await else { return };
    let from = Rc::new(from);
    let mut leaving = false;
    loop {
        let accepted = tokio::select! {
            accepted = connection.accept() => accepted,
            () = worker.stopping(), if !leaving => {
                leaving = true;
                connection.graceful_shutdown();
                continue;
            }
            // Nobody else holds it: there is no stream.
            () = tokio::time::sleep(idle), if !leaving && Rc::strong_count(&from) == 1 => {
                leaving = true;
                connection.graceful_shutdown();
                continue;
            }
        };
        let Some(Ok((request, respond))) = accepted else { return };
        tokio::task::spawn_local(stream_of(request, respond, from.clone(), worker.clone()));
    }
}

/// Carries one stream.
async fn stream_of(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    from: Rc<Arrival>,
    worker: Rc<Worker>,
) {
    let (parts, body) = request.into_parts();
    let protocol = parts.extensions.get::<Protocol>().map(|protocol| protocol.as_str().to_owned());
    let Some((head, chunked)) = written(&parts, protocol.as_deref(), body.is_end_stream()) else {
        let refused = Response::builder().status(StatusCode::BAD_REQUEST).body(());
        if let Ok(refused) = refused {
            let _ = respond.send_response(refused, true);
        }
        return;
    };
    let (near, far) = tokio::io::duplex(INNER);
    let inner = Arrival {
        at: from.at.clone(),
        peer: from.peer,
        local: from.local,
        secure: from.secure,
        counted: from.counted.clone(),
    };
    tokio::task::spawn_local(connection::serve(
        Stream::Inner(Box::new(Inner::new(far))),
        inner,
        worker,
    ));
    let (reader, mut writer) = tokio::io::split(near);
    if writer.write_all(&head).await.is_err() {
        return respond.send_reset(h2::Reason::INTERNAL_ERROR);
    }
    let method = if protocol.is_some() { "GET".to_owned() } else { parts.method.to_string() };
    let up = upload(body, writer, chunked, protocol.is_some());
    let down = download(reader, respond, &method);
    let mut up = std::pin::pin!(up);
    let mut down = std::pin::pin!(down);
    // A client that has said everything still waits for its answer; one that has its answer waits for nothing.
    tokio::select! {
        () = &mut up => down.await,
        () = &mut down => {}
    }
    drop(from);
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
async fn download(mut reader: Reader, mut respond: SendResponse<Bytes>, method: &str) {
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
    to_stream(reader, buffer, framing, &mut send).await;
}

/// The last head of the inner connection's answer; interim ones are passed on.
async fn answer(
    reader: &mut Reader,
    buffer: &mut Vec<u8>,
    method: &str,
    respond: &mut SendResponse<Bytes>,
) -> Option<ResponseHead> {
    loop {
        match head::response(buffer, method).ok()? {
            Some((length, head)) => {
                buffer.drain(..length);
                if head.status >= 200 || head.status == 101 {
                    return Some(head);
                }
                respond.send_informational(response(&head, false)?).ok()?;
            }
            None => {
                if reader.read_buf(buffer).await.ok()? == 0 {
                    return None;
                }
            }
        }
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
