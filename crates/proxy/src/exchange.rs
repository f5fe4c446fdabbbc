//! One request and its answer, in the order of judgement: route, redirect or fixed answer, `websocket.mode`, origins,
//! limits, upstream.

use std::cell::Cell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use wsgen_model::config::WebSocketMode;
use wsgen_model::routing::{NormalPath, Outcome, Request, Version};
use wsgen_model::site::{Action, Forward, ListenerId, Rewrite, RouteId};

use crate::answer::{Answer, other_prefix};
use crate::connection::Arrival;
use crate::entry::{Entry, Field, Protocol};
use crate::events::{self, Limit};
use crate::fault;
use crate::forward;
use crate::forward_auth::Copied;
use crate::head::{RequestHead, find};
use crate::limits::ClientPlace;
use crate::origin;
use crate::passwords::Verdict;
use crate::snapshot::Snapshot;
use crate::stream::{Peer, Stream};
use crate::tunnel::registration::Registration;
use crate::tunnel::{Limits, Live};
use crate::users::user;
use crate::wheel::Timed;
use crate::worker::Worker;
use crate::writing::{Patience, write_all};

/// What follows a request.
pub(crate) enum Next {
    /// Another may come.
    Again,
    /// The connection ends.
    Close,
    /// It has become a tunnel.
    Tunnel(Box<Opened>),
}

/// A handshake that was accepted: all that a tunnel needs beside the client.
pub(crate) struct Opened {
    /// The server.
    pub(crate) upstream: Peer,
    /// When it must end.
    pub(crate) limits: Limits,
    /// Its place among the tunnels of the thread.
    pub(crate) registration: Registration,
    /// What wakes it, and what others see of it.
    pub(crate) live: Rc<Timed<Live>>,
    /// What counts.
    pub(crate) places: (crate::upstream::Place, Option<Box<ClientPlace>>),
}

/// A request and where it stands.
pub(crate) struct Exchange<'a> {
    /// The thread.
    pub(crate) worker: &'a Rc<Worker>,
    /// The configuration that holds for it.
    pub(crate) snapshot: &'a Arc<Snapshot>,
    /// The listener.
    pub(crate) listener: ListenerId,
    /// Who connected.
    pub(crate) peer: SocketAddr,
    /// Where it came to.
    pub(crate) local: SocketAddr,
    /// Whether by TLS.
    pub(crate) secure: bool,
    /// What its deadlines wake.
    pub(crate) timed: &'a Rc<Timed>,
    /// Its head.
    pub(crate) head: &'a RequestHead,
    /// Whether the last head of its answer has been written, or a part of it.
    pub(crate) has_begun: &'a Cell<bool>,
    /// Whether another may follow.
    pub(crate) keep_alive: bool,
    /// Its line of the log.
    pub(crate) entry: Entry,
    /// Bytes of its answer's body.
    pub(crate) sent: u64,
}

impl<'a> Exchange<'a> {
    /// A request that was just read.
    pub(crate) fn new(
        worker: &'a Rc<Worker>,
        snapshot: &'a Arc<Snapshot>,
        listener: ListenerId,
        from: &Arrival,
        timed: &'a Rc<Timed>,
        head: &'a RequestHead,
        has_begun: &'a Cell<bool>,
    ) -> Self {
        let Arrival { peer, local, secure, .. } = *from;
        let mut entry = Entry::new(client(snapshot, listener, peer.ip(), head));
        if head.version == Version::Http10 {
            entry.protocol = Protocol::Http10;
        }
        entry.set(Field::Method, &head.method);
        entry.set(Field::Target, &head.target);
        let fields =
            [("host", Field::Host), ("referer", Field::Referer), ("user-agent", Field::Agent)];
        for (name, field) in fields {
            if let Some(value) = find(&head.fields, name) {
                entry.set(field, value);
            }
        }
        let keep_alive = head.keep_alive && !worker.is_stopping();
        Self {
            worker,
            snapshot,
            listener,
            peer,
            local,
            secure,
            timed,
            head,
            has_begun,
            keep_alive,
            entry,
            sent: 0,
        }
    }

    /// Answers it.
    pub(crate) async fn run(mut self, client: &mut Peer) -> Next {
        if matches!(client.stream, Stream::Inner(_)) {
            self.entry.protocol = Protocol::Http2;
        }
        let values: Vec<_> =
            self.head.fields.iter().map(|(_, v)| String::from_utf8_lossy(v)).collect();
        let names = self.head.fields.iter().map(|(name, _)| name.as_str());
        let headers: Vec<(&str, &str)> = names.zip(values.iter().map(AsRef::as_ref)).collect();
        let request = Request {
            listener: self.listener,
            version: self.head.version,
            host: headers.iter().find(|(n, _)| n.eq_ignore_ascii_case("host")).map(|(_, v)| *v),
            method: &self.head.method,
            target: &self.head.target,
            headers: &headers,
            upgrade: None,
        };
        let (host, target) = request.host_and_path();
        let host = host.unwrap_or_default().to_owned();
        let site = &self.snapshot.site;
        let (route, websocket) = match site.route(&request) {
            Outcome::Route { route, websocket } => (route, websocket),
            Outcome::NotFound => return self.answer(client, &Answer::status(404)).await,
            Outcome::BadRequest(_) => {
                self.is_refused(400, "a path that cannot be read in one way");
                return self.answer(client, &Answer::status(400)).await;
            }
        };
        let Ok(path) = NormalPath::parse(target) else {
            return self.answer(client, &Answer::status(400)).await;
        };
        match &site.routes[route.0].name {
            Some(name) => self.entry.set(Field::Route, name.value.as_str()),
            None => self.entry.write(Field::Route, &(route.0 + 1)),
        }
        if host != self.entry.get(Field::Host) {
            self.entry.set(Field::Host, &host);
        }
        self.entry.handshake = websocket;
        fault::point("route");
        let forward = match &site.routes[route.0].action {
            Action::Redirect(redirect) => {
                let answer = Answer::redirect(redirect, &host, &path, self.secure);
                return self.answer(client, &answer).await;
            }
            Action::Respond(respond) => {
                return self.answer(client, &Answer::respond(respond)).await;
            }
            Action::Forward(forward) => forward,
        };
        let tunnel = match *forward.websocket.mode {
            WebSocketMode::Allow => websocket,
            WebSocketMode::Deny => false,
            WebSocketMode::Require if !websocket => {
                return self.answer(client, &Answer::upgrade_required()).await;
            }
            WebSocketMode::Require => true,
        };
        // What is a body to one server is the tunnel's first bytes, or another request, to the next.
        if tunnel && self.head.framing.is_some() {
            return self.refuse(client, route, 400).await;
        }
        if tunnel {
            let origins = self.head.fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case("origin"));
            let origins: Vec<&[u8]> = origins.map(|(_, value)| value.as_slice()).collect();
            if !origin::is_allowed(&forward.websocket, &origins, &host) {
                self.is_refused(403, "an origin that is not allowed");
                return self.answer(client, &Answer::status(403)).await;
            }
        }
        let clients = &self.worker.clients;
        let Ok(place) = clients.enter(route, self.entry.client, &forward.per_ip, tunnel) else {
            events::limit_reached(
                Limit::PerIp,
                &self.entry.get(Field::Route),
                Some(self.entry.client),
            );
            return self.answer(client, &Answer::status(429)).await;
        };
        let limit = self.body_limit(forward);
        if let (Some(crate::body::Framing::Length(length)), Some(limit)) =
            (&self.head.framing, limit)
            && *length > limit
        {
            self.is_refused(413, "a body beyond the limit");
            return self.refuse(client, route, 413).await;
        }
        if let Some(users) = self.snapshot.users(route) {
            let asked = users.allow(find(&self.head.fields, "authorization"), self.entry.client);
            match client.meanwhile(asked).await {
                Some(Verdict::Good) => {}
                Some(Verdict::Bad) => {
                    return self.answer(client, &Answer::unauthorized(forward)).await;
                }
                Some(verdict @ (Verdict::TooMany | Verdict::Busy)) => {
                    let route_name = self.entry.get(Field::Route);
                    events::limit_reached(Limit::Passwords, &route_name, Some(self.entry.client));
                    let status = if verdict == Verdict::TooMany { 429 } else { 503 };
                    return self.refuse(client, route, status).await;
                }
                None => {
                    self.entry.status = 499;
                    self.log();
                    return Next::Close;
                }
            }
        }
        if self.snapshot.users(route).is_some()
            && let Some(user) = user(find(&self.head.fields, "authorization"))
        {
            self.entry.set(Field::User, &user);
        }
        let copied = match self.snapshot.service(route) {
            None => Copied::new(),
            Some(service) => {
                let time = (*forward.timeouts.response_header).into();
                match service.ask(&self, &host, time).await {
                    Ok(copied) => copied,
                    Err(answer) => return self.answer(client, &answer).await,
                }
            }
        };
        let sent = self.target(route, forward, &path);
        forward::run(self, client, route, forward, &host, &sent, tunnel, &copied, place).await
    }

    /// The most that a body may hold (`limit/body`).
    pub(crate) fn body_limit(&self, forward: &Forward) -> Option<u64> {
        let listener = &self.snapshot.site.listener(self.listener).limits;
        forward.max_body_bytes.or(listener.max_body_bytes).map(|limit| limit.get())
    }

    /// The path and the query that the upstream gets (`rewrite/prefix`, `rewrite/regex`, `rewrite/bytes`).
    fn target(&self, route: RouteId, forward: &Forward, path: &NormalPath<'_>) -> String {
        let changed = match forward.rewrite.as_ref().map(|rewrite| &rewrite.value) {
            None => path.path().to_owned(),
            Some(Rewrite::Prefix { from, to }) => other_prefix(path.path(), from, to),
            Some(Rewrite::Regex { to, .. }) => match self.snapshot.rewrite(route) {
                Some(regex) => replace(regex, path.path(), to.as_str()),
                None => path.path().to_owned(),
            },
        };
        match path.query() {
            Some(query) => format!("{changed}?{query}"),
            None => changed,
        }
    }

    /// Answers with one of the proxy's own statuses, with the route's page for it if there is one.
    pub(crate) async fn refuse(self, client: &mut Peer, route: RouteId, status: u16) -> Next {
        let answer = match self.snapshot.page(route, status) {
            Some(page) => Answer::page(status, &page),
            None => Answer::status(status),
        };
        self.answer(client, &answer).await
    }

    /// Answers for a request that panicked, and for all that the connection may bring behind it.
    pub(crate) async fn fail(mut self, client: &mut Peer) -> Next {
        self.keep_alive = false;
        self.answer(client, &Answer::status(500)).await
    }

    /// Answers by itself.
    pub(crate) async fn answer(mut self, client: &mut Peer, answer: &Answer) -> Next {
        self.has_begun.set(true);
        // What is left of a body would be taken for the next request.
        self.keep_alive &= self.head.framing.is_none();
        let bytes = answer.bytes(self.head.method == "HEAD", self.keep_alive);
        self.entry.status = answer.status;
        self.sent = answer.body.len() as u64;
        let written = self.write(client, &bytes).await.is_ok();
        self.log();
        if written && self.keep_alive { Next::Again } else { Next::Close }
    }

    /// Notes that it is refused for what it is.
    pub(crate) fn is_refused(&mut self, status: u16, rule: &'static str) {
        let listener = &self.snapshot.site.listener(self.listener).address.value;
        events::refused(listener, self.entry.client, status, rule);
        self.entry.set(Field::Refused, rule);
    }

    /// Writes to the client, who must go on reading (`timer/body-idle`).
    pub(crate) async fn write(&self, client: &mut Peer, bytes: &[u8]) -> io::Result<()> {
        let time = (*self.snapshot.site.listener(self.listener).timeouts.body_idle).into();
        let patience = Patience { wheel: &self.worker.wheel, timed: self.timed, time };
        write_all(&mut client.stream, bytes, patience).await
    }

    /// Writes its line of the log.
    pub(crate) fn log(&self) {
        self.worker.log.answered(&self.entry, self.sent, *self.snapshot.site.access_log.format);
    }

    /// Whether the peer is a trusted proxy.
    pub(crate) fn trusts_peer(&self) -> bool {
        let trusted = &self.snapshot.site.listener(self.listener).trusted_proxies;
        trusted.iter().any(|range| range.contains(self.peer.ip()))
    }
}

/// Whom a trusted peer speaks for: the last address that is no trusted proxy itself (`limit/client-address`).
fn client(snapshot: &Snapshot, listener: ListenerId, peer: IpAddr, head: &RequestHead) -> IpAddr {
    let trusted = &snapshot.site.listener(listener).trusted_proxies;
    let is_trusted = |address: IpAddr| trusted.iter().any(|range| range.contains(address));
    if !is_trusted(peer) {
        return peer;
    }
    let lines = head.fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case("x-forwarded-for"));
    let list: Vec<String> = lines
        .flat_map(|(_, value)| value.split(|b| *b == b','))
        .map(|part| String::from_utf8_lossy(part).trim().to_owned())
        .collect();
    let mut client = peer;
    for part in list.iter().rev() {
        let Ok(address) = part.parse() else { break };
        client = address;
        if !is_trusted(address) {
            break;
        }
    }
    client
}

/// The path with what a pattern matches in it replaced.
fn replace(regex: &regex::bytes::Regex, path: &str, to: &str) -> String {
    let Some(found) = regex.captures(path.as_bytes()) else { return path.to_owned() };
    let Some(whole) = found.get(0) else { return path.to_owned() };
    let mut changed = path[..whole.start()].to_owned();
    let mut rest = to;
    while let Some(at) = rest.find('$') {
        changed.push_str(&rest[..at]);
        let group = rest[at + 1..].chars().next().and_then(|c| c.to_digit(10)).unwrap_or(0);
        let group = found.get(group as usize).map_or("", |m| &path[m.range()]);
        changed.push_str(group);
        rest = &rest[at + 2..];
    }
    changed.push_str(rest);
    changed.push_str(&path[whole.end()..]);
    if changed.starts_with('/') { changed } else { format!("/{changed}") }
}
