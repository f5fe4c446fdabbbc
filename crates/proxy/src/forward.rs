//! Passing a request on: a server is chosen and reached, the request goes up, the answer comes down, or the two
//! connections become a tunnel.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use wsgen_model::scalar::TunnelIdle;
use wsgen_model::site::{Forward, RouteId};

use crate::affinity;
use crate::body::Framing;
use crate::compression::Coding;
use crate::entry::Field;
use crate::events::{self, Stage};
use crate::exchange::{Exchange, Next, Opened};
use crate::fault;
use crate::fields::{self, Outgoing};
use crate::forward_auth::Copied;
use crate::head::{RequestHead, ResponseHead, find, tokens};
use crate::http2;
use crate::limits::ClientPlace;
use crate::proxy_header;
use crate::pump::Pump;
use crate::sending::{Failed, Sending, Timers};
use crate::stream::{Peer, Stream};
use crate::tunnel::Limits;
use crate::upstream::{Choice, Server, Speaks};
use crate::wheel::short;
use crate::writing::{Patience, write_all};

/// The most of a body that is held back.
const HELD: usize = 1 << 20;

/// Passes a request on and answers it.
#[allow(clippy::too_many_arguments, reason = "what was found out about one request")]
pub(crate) async fn run(
    mut exchange: Exchange<'_>,
    client: &mut Peer,
    route: RouteId,
    forward: &Forward,
    host: &str,
    target: &str,
    tunnel: bool,
    copied: &Copied,
    client_place: Option<ClientPlace>,
) -> Next {
    let snapshot = exchange.snapshot.clone();
    let upstream = snapshot.site.upstream(forward.upstream);
    let pooled = &snapshot.upstreams[forward.upstream.0];
    let cookie = upstream.sticky.as_ref().map(|cookie| &cookie.value);
    let kept = cookie.and_then(|cookie| affinity::cookie(&exchange, cookie.name.as_str()));
    let key = affinity::key(&exchange, upstream, target);
    let mut tried: Vec<Arc<Server>> = Vec::new();
    let timers = Timers {
        response_header: (*forward.timeouts.response_header).into(),
        body_idle: (*snapshot.site.listener(exchange.listener).timeouts.body_idle).into(),
    };
    if *forward.buffer_request
        && let Err(failed) = hold(&exchange, client, timers.body_idle).await
    {
        return give_up(exchange, client, route, &failed).await;
    }
    // A connection that waited may have been closed meanwhile; then a new one is tried, once, where that is safe.
    let mut fresh = tunnel;
    loop {
        let choice = Choice { sticky: kept.as_deref(), key: &key, tried: &tried };
        let Some(server) = pooled.choose(upstream, &choice) else {
            if tried.is_empty() {
                events::upstream_failed(
                    upstream.name.value.as_str(),
                    "",
                    Stage::Choose,
                    &"no server is up",
                );
            }
            let status = if tried.is_empty() { 503 } else { 502 };
            return exchange.refuse(client, route, status).await;
        };
        exchange.entry.set(Field::Server, server.target.name());
        let place = server.standing.place();
        // A connection that begins with a client's address is that client's alone.
        let header = server.target.header.map(|version| {
            let client = if exchange.entry.client == exchange.peer.ip() {
                exchange.peer
            } else {
                SocketAddr::new(exchange.entry.client, 0)
            };
            proxy_header::write(version, client, exchange.local)
        });
        let streams = server.target.speaks_http2() && (!tunnel || *forward.websocket.upstream_h2);
        fault::point("connect");
        let connected = if streams {
            exchange.worker.http2.stream(&server, header.as_deref()).await
        } else if !fresh
            && header.is_none()
            && let Some(peer) = exchange.worker.pool.take(&server, exchange.worker.wheel.now())
        {
            Ok((peer, true))
        } else {
            let connected = server.target.connect(&header.unwrap_or_default(), Speaks::Http1).await;
            connected.map(|stream| (Peer::new(stream), false))
        };
        let (mut peer, reused) = match connected {
            Ok(connected) => connected,
            Err(error) => {
                let (upstream, server_name) = (upstream.name.value.as_str(), server.target.name());
                events::upstream_error(upstream, server_name, &error, Stage::Connect);
                pooled.rest(&server);
                tried.push(server);
                if (tried.len() as u64) < *forward.attempts {
                    continue;
                }
                let late = error.kind() == io::ErrorKind::TimedOut;
                return exchange.refuse(client, route, if late { 504 } else { 502 }).await;
            }
        };
        let outgoing = Outgoing {
            head: exchange.head,
            forward,
            target,
            tunnel,
            host,
            server: exchange.entry.get(Field::Server),
            peer: exchange.peer.ip(),
            trusted: exchange.trusts_peer(),
            client: exchange.entry.client,
            secure: exchange.secure,
            copied,
        };
        let request = fields::request(&outgoing);
        let mut framing = exchange.head.framing.clone();
        if let Some(trailers) = framing.as_mut().and_then(Framing::trailers) {
            // A server of HTTP/1 that reads no trailers would take them for the next request.
            if streams {
                trailers.leave_out(forward.vouched());
            } else {
                trailers.drop_all();
            }
        }
        let limit = exchange.body_limit(forward);
        let bodiless = framing.is_none();
        let written = if bodiless {
            let (wheel, timed) = (&exchange.worker.wheel, exchange.timed);
            let patience = Patience { wheel, timed, time: timers.response_header };
            write_all(&mut peer.stream, &request, patience).await
        } else {
            Ok(())
        };
        let upload = framing.map(|framing| Pump::body(framing, limit).behind(request));
        let mut sending = Sending::new(
            client,
            &mut peer,
            upload,
            &exchange.head.method,
            timers,
            exchange.worker.wheel.clone(),
            exchange.timed.clone(),
        );
        let head = match written {
            Ok(()) => last_head(&mut sending, tunnel).await,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(Failed::Late),
            Err(error) => Err(Failed::Server { silent: true, cause: Some(error) }),
        };
        // A server may answer before it has read everything, and read on.
        let upload = sending.upload.take();
        drop(sending);
        let head = match head {
            Ok(head) => head,
            Err(Failed::Server { silent: true, .. }) if reused && is_safe(exchange.head) => {
                fresh = true;
                continue;
            }
            Err(failed) => return give_up(exchange, client, route, &failed).await,
        };
        fault::point("response");
        let told = cookie.filter(|_| kept.as_deref() != Some(server.mark.as_str()));
        let told = told.map(|cookie| affinity::set_cookie(cookie, &server.mark));
        if head.status == 101 {
            let own = matches!(client.stream, Stream::Inner(_));
            if !tunnel || !accepts(&head) || own && !accepts_key(exchange.head, &head) {
                let why = "a 101 that accepts something else";
                server_failed(&exchange, route, Stage::ResponseHead, why);
                return exchange.refuse(client, route, 502).await;
            }
            let answer = fields::response(&head, &forward.response_headers, told.as_deref(), "");
            exchange.has_begun.set(true);
            if exchange.write(client, &answer).await.is_err() {
                return Next::Close;
            }
            exchange.entry.status = 101;
            return open(exchange, peer, forward, server, (place, client_place));
        }
        return pass(exchange, client, peer, upload, (route, forward), head, told, &server, timers)
            .await;
    }
}

/// The last head of a server; interim ones go to the client at once (RFC 9110 section 15.2).
async fn last_head(sending: &mut Sending<'_>, tunnel: bool) -> Result<ResponseHead, Failed> {
    loop {
        let head = sending.head().await?;
        if head.status >= 200 || head.status == 101 {
            return Ok(head);
        }
        // A client of a handshake may take any head for the answer.
        if !tunnel || head.status == 100 {
            let interim =
                fields::response(&head, &wsgen_model::site::HeaderEdit::default(), None, "");
            sending.interim(&interim).await?;
        }
    }
}

/// Whether a 101 accepts what was asked for (`handshake/lying-101`).
fn accepts(head: &ResponseHead) -> bool {
    let upgrade: Vec<String> = tokens(&head.fields, "upgrade").collect();
    upgrade == ["websocket"] && tokens(&head.fields, "connection").any(|token| token == "upgrade")
}

/// Whether a 101 accepts the key, where that is one of ours (RFC 8441 section 5.1).
fn accepts_key(asked: &RequestHead, head: &ResponseHead) -> bool {
    let key = find(&asked.fields, "sec-websocket-key").unwrap_or_default();
    find(&head.fields, "sec-websocket-accept") == Some(http2::accept(key).as_bytes())
}

/// Whether a request may be sent twice (`retry/safe`): it has no body, and its method is safe (RFC 9110
/// section 9.2.1). An idempotent one is not enough: a second DELETE may hit what somebody made meanwhile.
fn is_safe(head: &RequestHead) -> bool {
    head.framing.is_none() && ["GET", "HEAD", "OPTIONS", "TRACE"].contains(&head.method.as_str())
}

/// Answers for a server that did not.
async fn give_up(
    mut exchange: Exchange<'_>,
    client: &mut Peer,
    route: RouteId,
    failed: &Failed,
) -> Next {
    if let Some(cause) = failed.of_server() {
        server_failed(&exchange, route, Stage::ResponseHead, &cause);
    }
    if let Failed::ClientBody(refusal) = failed {
        exchange.is_refused(refusal.status, refusal.why);
    }
    let status = match failed {
        Failed::ClientGone => {
            exchange.entry.status = 499;
            exchange.log();
            return Next::Close;
        }
        Failed::ClientStalled => 408,
        Failed::ClientBody(refusal) => refusal.status,
        Failed::Server { .. } | Failed::ServerTalk => 502,
        Failed::Late => 504,
    };
    exchange.refuse(client, route, status).await
}

/// Says why a server did not answer as it should.
fn server_failed(exchange: &Exchange<'_>, route: RouteId, stage: Stage, cause: &str) {
    let site = &exchange.snapshot.site;
    let upstream = site.routes[route.0].forward().map(|f| &site.upstream(f.upstream).name.value);
    let upstream = upstream.map_or("", |name| name.as_str());
    events::upstream_failed(upstream, exchange.entry.get(Field::Server), stage, &cause);
}

fn is_chunked(framing: &Framing) -> bool {
    matches!(framing, Framing::Chunked(_))
}

/// Holds a request's body back until it is whole, or as much of it as is held (`body/buffering`).
async fn hold(exchange: &Exchange<'_>, client: &mut Peer, idle: Duration) -> Result<(), Failed> {
    let Some(mut framing) = exchange.head.framing.clone() else { return Ok(()) };
    if exchange.head.expects_continue() && client.buffer.is_empty() {
        // The server is not there yet to say it.
        let written = exchange.write(client, b"HTTP/1.1 100 Continue\r\n\r\n").await;
        written.map_err(|_| Failed::ClientGone)?;
    }
    let mut seen = 0;
    loop {
        let taken = framing.take(&client.buffer[seen..]);
        let (taken, ended) = taken.map_err(|bad| Failed::ClientBody(bad.into()))?;
        seen += taken;
        if ended || seen >= HELD {
            return Ok(());
        }
        match tokio::time::timeout(idle, client.fill()).await {
            Ok(Ok(1..)) => {}
            Ok(_) => return Err(Failed::ClientGone),
            Err(_) => return Err(Failed::ClientStalled),
        }
    }
}

/// Passes an answer down (`handshake/refused` too: the next request is routed anew).
#[allow(clippy::too_many_arguments, reason = "what was found out about one request")]
async fn pass(
    mut exchange: Exchange<'_>,
    client: &mut Peer,
    mut peer: Peer,
    upload: Option<Pump>,
    (route, forward): (RouteId, &Forward),
    mut head: ResponseHead,
    told: Option<String>,
    server: &Arc<Server>,
    timers: Timers,
) -> Next {
    let method = exchange.head.method.clone();
    let types = forward.compression.as_ref().map(|types| &types.value);
    let coding = types.and_then(|types| Coding::begin(exchange.head, &mut head, types));
    let old = exchange.head.version == wsgen_model::routing::Version::Http10;
    // HTTP/1.0 has no chunks: there a body ends with its connection (RFC 9112 section 6.1).
    let unpacks = old && head.framing.as_ref().is_some_and(is_chunked);
    if unpacks {
        head.fields.retain(|(name, _)| !name.eq_ignore_ascii_case("transfer-encoding"));
    }
    let ends = matches!(head.framing, Some(Framing::Close)) && coding.is_none() || unpacks;
    // A body that is still going up when the answer is there would be taken for the next request.
    let whole = exchange.head.framing.is_none();
    exchange.keep_alive &= !ends && whole;
    let connection = match (exchange.keep_alive, old) {
        (false, _) => "close",
        (true, true) => "keep-alive",
        (true, false) => "",
    };
    let answer = fields::response(&head, &forward.response_headers, told.as_deref(), connection);
    exchange.entry.status = head.status;
    exchange.has_begun.set(true);
    let mut good = true;
    if let Some(mut framing) = head.framing.clone() {
        if let Some(trailers) = framing.trailers() {
            let edit = &forward.response_headers;
            let edited = edit.set.iter().map(|(name, _)| name).chain(&edit.remove);
            trailers.leave_out(edited.map(|name| name.value.as_str()));
        }
        let wheel = exchange.worker.wheel.clone();
        let timed = exchange.timed.clone();
        let mut sending = Sending::new(client, &mut peer, upload, &method, timers, wheel, timed);
        let ahead = if *forward.buffer_response { HELD } else { 0 };
        let download = Pump::body(framing, None).ahead(ahead).coded(coding).unpacking(unpacks);
        let download = download.behind(answer);
        match sending.body(download).await {
            Ok(moved) => exchange.sent = moved,
            Err(failed) => {
                if let Some(cause) = failed.of_server() {
                    server_failed(&exchange, route, Stage::Body, &cause);
                }
                good = false;
            }
        }
    } else {
        good = exchange.write(client, &answer).await.is_ok();
    }
    exchange.log();
    if good && head.keep_alive && whole && server.target.header.is_none() {
        exchange.worker.pool.put(server, peer, exchange.worker.wheel.now());
    }
    if good && exchange.keep_alive { Next::Again } else { Next::Close }
}

/// What the tunnel is made of.
fn open(
    exchange: Exchange<'_>,
    upstream: Peer,
    forward: &Forward,
    server: Arc<Server>,
    (place, client_place): (crate::upstream::Place, Option<ClientPlace>),
) -> Next {
    let places = (place, client_place.map(Box::new));
    let listener = exchange.snapshot.site.listener(exchange.listener);
    let limits = Limits {
        idle: match *forward.timeouts.tunnel_idle {
            TunnelIdle::After(idle) => Some(short(idle.into())),
            TunnelIdle::Unlimited => None,
        },
        max: forward.timeouts.tunnel_max.map(|max| short(jittered(&exchange, max.value.into()))),
        half_closed: Some(short((*listener.timeouts.half_closed).into())),
    };
    let mut entry = exchange.entry;
    entry.shrink();
    let (generation, format) =
        (exchange.snapshot.generation, *exchange.snapshot.site.access_log.format);
    let (registration, live) = exchange.worker.register(generation, server, entry, format);
    Next::Tunnel(Box::new(Opened { upstream, limits, registration, live, places }))
}

/// A life that ends at most `drain.spread` early (`timer/tunnel-max`).
fn jittered(exchange: &Exchange<'_>, max: Duration) -> Duration {
    let spread = exchange.snapshot.site.drain.spread.as_millis();
    let early = if spread == 0 { 0 } else { crate::upstream::random() % spread };
    max.saturating_sub(Duration::from_millis(early)).max(max / 2)
}
