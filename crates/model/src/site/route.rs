//! A route as meant.

use crate::config::{
    AllowOrDeny, Buffering as BufferingConfig, Expectation, ForwardedHeader, ForwardedMode,
    ForwardedStyle, HostPolicy, MediaType, PassOrStrip, Scheme, Snippet, Subprotocols, ValueMatch,
    WebSocketMode,
};
use crate::located::Located;
use crate::scalar::{
    Bytes, Duration, FilePath, HeaderName, HeaderValue, Hostname, HttpUrl, Ipv6Prefix, Line,
    Method, Name, Origin, PathLiteral, Pattern, Replacement, StatusCode, Text, Token, TunnelIdle,
    Whole,
};
use crate::site::{ListenerId, Setting, UpstreamId};
use crate::source::Span;

/// The place of a route in its site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteId(pub usize);

/// Which requests, and what becomes of them.
#[derive(Debug, Clone)]
pub struct Route {
    /// Its name.
    pub name: Option<Located<Name>>,
    /// Where it stands.
    pub span: Span,
    /// The listeners that it belongs to; never empty.
    pub listeners: Vec<ListenerId>,
    /// The hosts that it claims; those that no other route claims where empty.
    pub hostnames: Vec<Located<Hostname>>,
    /// Entries of which one must fit; never empty.
    pub entries: Vec<Entry>,
    /// Higher goes first.
    pub priority: Setting<i32>,
    /// What becomes of the requests.
    pub action: Action,
    /// Reviewed text for one target.
    pub snippets: Vec<Located<Snippet>>,
    /// What conformance tries.
    pub expect: Vec<Located<Expectation>>,
}

/// What a request must look like.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where it stands; the route's place where the entry is the built-in one.
    pub span: Span,
    /// Its path.
    pub path: PathRule,
    /// Its method; any where empty.
    pub methods: Vec<Method>,
    /// Its fields.
    pub headers: Vec<(HeaderName, ValueMatch)>,
    /// Its query parameters.
    pub query: Vec<(Token, ValueMatch)>,
    /// Whether it must be a WebSocket request.
    pub upgrade: bool,
}

/// A condition on the normal path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PathRule {
    /// This path.
    Exact(PathLiteral),
    /// A regex found in it.
    Regex(Pattern),
    /// This path or below.
    Prefix(PathLiteral),
    /// Every path that begins with this text, which is longer than one slash.
    StartsWith(PathLiteral),
}

/// What becomes of a request.
#[derive(Debug, Clone)]
pub enum Action {
    /// It goes to an upstream.
    Forward(Box<Forward>),
    /// The client is sent elsewhere.
    Redirect(Redirect),
    /// It gets a fixed answer.
    Respond(Respond),
}

/// Passing requests on.
#[derive(Debug, Clone)]
pub struct Forward {
    /// To whom.
    pub upstream: UpstreamId,
    /// Where the name of the upstream stands.
    pub upstream_span: Span,
    /// How the path changes.
    pub rewrite: Option<Located<Rewrite>>,
    /// WebSocket rules.
    pub websocket: WebSocket,
    /// The Host that the upstream sees.
    pub host: Setting<HostPolicy>,
    /// What the upstream is told of the client.
    pub forwarded: Forwarded,
    /// Changes to requests.
    pub request_headers: HeaderEdit,
    /// Changes to responses.
    pub response_headers: HeaderEdit,
    /// Timers.
    pub timeouts: RouteTimeouts,
    /// Limits for each client address.
    pub per_ip: PerIp,
    /// A request body.
    pub max_body_bytes: Option<Located<Bytes>>,
    /// Who may use it.
    pub auth: Option<Located<Auth>>,
    /// Tries in all.
    pub attempts: Setting<u64>,
    /// Holding request bodies back.
    pub buffer_request: Setting<bool>,
    /// Holding response bodies back.
    pub buffer_response: Setting<bool>,
    /// Media types that are compressed.
    pub compression: Option<Located<Vec<MediaType>>>,
    /// Pages for the proxy's own error statuses.
    pub error_pages: Vec<(Located<StatusCode>, Located<FilePath>)>,
}

/// How the path changes on the way to the upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rewrite {
    /// One prefix becomes another; stripping is replacing by `/`.
    Prefix {
        /// The prefix that is there.
        from: PathLiteral,
        /// The prefix that takes its place.
        to: PathLiteral,
    },
    /// The match of a regex is replaced.
    Regex {
        /// What is replaced.
        pattern: Pattern,
        /// What takes its place.
        to: Replacement,
    },
}

/// WebSocket rules.
#[derive(Debug, Clone, PartialEq)]
pub struct WebSocket {
    /// What becomes of WebSocket requests and of plain ones.
    pub mode: Setting<WebSocketMode>,
    /// Origins that may open a tunnel; any where `None`.
    pub origins: Option<Located<Vec<Located<Origin>>>>,
    /// Handshakes without an Origin.
    pub missing_origin: Setting<AllowOrDeny>,
    /// Subprotocols that may be asked for.
    pub subprotocols: Setting<Subprotocols>,
    /// The offer to compress messages.
    pub compression: Setting<PassOrStrip>,
    /// Tunnels to the upstream over HTTP/2.
    pub upstream_h2: Setting<bool>,
}

/// What the upstream is told of the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwarded {
    /// What becomes of the client's own fields.
    pub mode: Setting<ForwardedMode>,
    /// What is told.
    pub headers: Setting<Vec<ForwardedHeader>>,
    /// How it is told.
    pub style: Setting<ForwardedStyle>,
}

/// Changes to header fields: remove, then set, then add.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HeaderEdit {
    /// Fields that get this value.
    pub set: Vec<(Located<HeaderName>, Located<HeaderValue>)>,
    /// Lines that are added.
    pub add: Vec<(Located<HeaderName>, Located<HeaderValue>)>,
    /// Fields that are taken out.
    pub remove: Vec<Located<HeaderName>>,
}

/// Timers of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteTimeouts {
    /// Request sent to response head.
    pub response_header: Setting<Duration>,
    /// Longest silence of a tunnel.
    pub tunnel_idle: Setting<TunnelIdle>,
    /// Longest life of a tunnel.
    pub tunnel_max: Option<Located<Duration>>,
}

/// Limits for each client address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerIp {
    /// Open tunnels and requests in flight.
    pub connections: Option<Located<Whole<1, 1_000_000>>>,
    /// Handshakes a minute.
    pub connects_per_minute: Option<Located<Whole<1, 1_000_000>>>,
    /// Leading bits of an IPv6 address that stand for one client.
    pub ipv6_prefix: Setting<Ipv6Prefix>,
}

/// Who may use a route.
#[derive(Debug, Clone, PartialEq)]
pub enum Auth {
    /// Another service says.
    Forward {
        /// Where it is asked.
        url: Located<HttpUrl>,
        /// Fields of its answer that the upstream gets.
        copy_headers: Vec<Located<HeaderName>>,
    },
    /// A name and a password.
    Basic {
        /// Users in htpasswd form.
        users_file: Located<FilePath>,
        /// What the browser shows.
        realm: Setting<Line>,
    },
}

/// Sending the client elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Redirect {
    /// Where it stands.
    pub span: Span,
    /// The scheme, as asked where `None`.
    pub scheme: Option<Located<Scheme>>,
    /// The host, as asked where `None`.
    pub hostname: Option<Located<Hostname>>,
    /// The port; the scheme's own where `scheme` is written, else as asked.
    pub port: Option<Located<u16>>,
    /// The path.
    pub path: RedirectPath,
    /// 301, 302, 303, 307 or 308.
    pub status: Setting<u16>,
}

/// The path that a client is sent to.
#[derive(Debug, Clone, PartialEq)]
pub enum RedirectPath {
    /// As asked, with the query.
    Keep,
    /// This path, without a query.
    Whole(Located<PathLiteral>),
    /// Another prefix, with the rest and the query.
    Prefix {
        /// The prefix that is there.
        from: PathLiteral,
        /// The prefix that takes its place.
        to: PathLiteral,
    },
}

/// A fixed answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Respond {
    /// Where it stands.
    pub span: Span,
    /// The status.
    pub status: u16,
    /// Its fields.
    pub headers: Vec<(Located<HeaderName>, Located<HeaderValue>)>,
    /// Its body; empty where `None`.
    pub body: Option<Located<Text>>,
}

// === impl Route ===

impl Route {
    /// Passing on, if that is what it does.
    pub fn forward(&self) -> Option<&Forward> {
        match &self.action {
            Action::Forward(forward) => Some(forward),
            _ => None,
        }
    }

    /// What a message calls it: its name, or its number from 1.
    pub fn title(&self, id: RouteId) -> String {
        match &self.name {
            Some(name) => format!("route `{}`", name.value),
            None => format!("route {}", id.0 + 1),
        }
    }

    /// Whether a tunnel can open on it.
    pub fn carries_tunnels(&self) -> bool {
        self.forward().is_some_and(|forward| *forward.websocket.mode != WebSocketMode::Deny)
    }
}

// === impl Entry ===

impl Entry {
    /// Whether it asks for nothing but a path.
    pub fn is_unconditional(&self) -> bool {
        self.methods.is_empty() && self.headers.is_empty() && self.query.is_empty() && !self.upgrade
    }
}

// === impl Redirect ===

impl Redirect {
    /// Whether it changes the scheme alone: every client that follows it reaches the same resource.
    pub fn is_scheme_only(&self) -> bool {
        self.scheme.is_some() && self.hostname.is_none() && self.path == RedirectPath::Keep
    }
}

impl BufferingConfig {
    /// Both switches as settings.
    pub(crate) fn settings(config: Option<&Located<Self>>) -> (Setting<bool>, Setting<bool>) {
        let field = |pick: fn(&Self) -> Option<&Located<bool>>| {
            Setting::of(config.and_then(|located| pick(&located.value)), false)
        };
        (field(|b| b.request.as_ref()), field(|b| b.response.as_ref()))
    }
}
