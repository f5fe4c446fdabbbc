//! What a finding is about, and what two servers do differently: the same words for both, so that a finding excuses a
//! difference by its kind and its place, never by what it says.

use wsgen_model::feature::Feature;
use wsgen_model::site::{Ask, HeaderEdit, RouteId, Site};
use wsgen_model::source::Span;
use wsgen_model::spelling::{FORWARDED_FIELDS, is_same};

use crate::selection::Selection;
use crate::support::Support;

/// One thing that clients or upstreams can see of what a server does with a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// Which upstream takes a request, or with which status it is answered.
    Answer,
    /// An answer of the original's own (files, pages) in place of which the model has nothing (WSG0408).
    Beside,
    /// A request that the original refuses and the model passes on. Only a loss that opens something (WSG0404) covers it.
    Guard,
    /// The upstream of a tunnel that both servers open. No finding covers it.
    Destination,
    /// The path and the query that the upstream sees.
    Target,
    /// The `Location` of an answer.
    Location,
    /// Whether a handshake becomes a tunnel.
    Handshake,
    /// The request field of this lower-case name that the upstream sees.
    RequestField(String),
    /// All request fields that tell of the client: `Forwarded`, `X-Real-IP`, `X-Forwarded-…`.
    Forwarded,
    /// The answer's field of this lower-case name.
    ResponseField(String),
    /// How long something may take.
    Timer,
    /// The length of one timer.
    TimerOf(Waiting),
    /// The end of a server: draining and stopping.
    Drain,
    /// How much something may have, and what becomes of more.
    Limit,
    /// Which server of an upstream gets a request.
    Balancing,
    /// What is agreed upon ahead of requests: TLS, the PROXY protocol, the version of HTTP.
    Connection,
    /// The answer to requests that are unusual in one way, and to no others. No difference has this subject.
    Unusual(Unusual),
    /// Everything: a directive that was not understood may be about anything. No difference has this subject.
    Anything,
}

/// Event that ends a timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Waiting {
    /// A byte through a tunnel.
    Tunnel,
    /// An answer of an upstream.
    Answer,
    /// The head of a request.
    Head,
    /// Any other event.
    Other,
}

/// Oddity of a request that servers treat differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unusual {
    /// The Host has a port.
    HostPort,
    /// The Host has capital letters.
    HostCase,
    /// A field has several values: on several lines, or with commas.
    FieldList,
    /// The request came by HTTP/2.
    Http2,
    /// The target has a query.
    Query,
    /// The query has a parameter without `=`.
    BareParameter,
    /// The path has an encoded slash (`%2F`).
    EncodedSlash,
    /// The handshake has no `Sec-WebSocket-Key`.
    NoKey,
    /// The upstream refuses the handshake, or answers 101 although nobody asked for it.
    OddUpstream,
}

/// A finding that was told ahead of a comparison: it excuses differences of its subjects at its places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// Its first line: code and message.
    pub title: String,
    /// What it is about.
    pub subjects: Vec<Subject>,
    /// The places of the directives that it is about; empty for a finding of rendering.
    pub spans: Vec<Span>,
    /// The route that it is about; every route where there is none and no span either.
    pub route: Option<RouteId>,
}

impl Subject {
    /// Returns the subject of a request field.
    pub fn request_field(name: &str) -> Self {
        Self::RequestField(name.to_ascii_lowercase())
    }

    /// Returns the subject of an answer's field.
    pub fn response_field(name: &str) -> Self {
        Self::ResponseField(name.to_ascii_lowercase())
    }

    /// Whether a finding about this subject is about a difference of another one.
    pub fn covers(&self, difference: &Self) -> bool {
        match (self, difference) {
            (Self::Guard | Self::Destination, _) | (_, Self::Guard | Self::Destination) => {
                (self, difference) == (&Self::Guard, &Self::Guard)
            }
            (
                Self::Unusual(_),
                Self::Answer | Self::Beside | Self::Target | Self::Location | Self::Handshake,
            )
            | (Self::Anything, _)
            | (Self::Answer, Self::Beside)
            | (Self::Timer, Self::TimerOf(_)) => true,
            (Self::Forwarded, Self::RequestField(name)) => {
                FORWARDED_FIELDS.iter().any(|known| is_same(known, name))
            }
            _ => self == difference,
        }
    }
}

/// Returns what a target keeps in part or loses of a site, feature by feature.
pub fn rendering_announcements(site: &Site, selection: &Selection) -> Vec<Announcement> {
    let version = selection.version_in(site);
    let asks = site.asks();
    let announced = asks.iter().filter_map(|ask| {
        let (verb, why) = match (selection.target.support)(ask.feature, version) {
            Support::Exact => return None,
            Support::Approximate(why) => ("keeps only in part", why),
            Support::Lost(why) => ("loses", why),
        };
        let entry = ask.feature.entry();
        let title =
            format!("{}: {} {verb} `{}`: {why}", entry.code, selection.target.title, entry.field);
        let subjects = subjects(site, ask);
        Some(Announcement { title, subjects, spans: Vec::new(), route: ask.route })
    });
    let mut all: Vec<Announcement> = Vec::new();
    for announcement in announced {
        if !all.contains(&announcement) {
            all.push(announcement);
        }
    }
    all
}

/// What others see of a use of a feature that a target does not keep.
fn subjects(site: &Site, ask: &Ask) -> Vec<Subject> {
    let forward = ask.route.and_then(|id| site.routes.get(id.0)).and_then(|route| route.forward());
    let named = |edit: &HeaderEdit| -> Vec<String> {
        let told = edit.set.iter().chain(&edit.add).map(|(name, _)| name.value.to_string());
        told.chain(edit.remove.iter().map(|name| name.value.to_string())).collect()
    };
    match (ask.feature, forward) {
        (
            Feature::RequestHeadersSet | Feature::RequestHeadersAdd | Feature::RequestHeadersRemove,
            Some(forward),
        ) => named(&forward.request_headers)
            .iter()
            .map(|name| Subject::request_field(name))
            .collect(),
        (
            Feature::ResponseHeadersSet
            | Feature::ResponseHeadersAdd
            | Feature::ResponseHeadersRemove,
            Some(forward),
        ) => named(&forward.response_headers)
            .iter()
            .map(|name| Subject::response_field(name))
            .collect(),
        (feature, _) => of_feature(feature),
    }
}

/// What others see of a feature, whatever a model says with it.
fn of_feature(feature: Feature) -> Vec<Subject> {
    use Feature as F;
    use Subject as S;
    match feature {
        F::DrainTimeout | F::DrainSpread | F::DrainStop => vec![S::Drain],
        F::RequestHeaderTimeout => vec![S::TimerOf(Waiting::Head)],
        F::ResponseHeaderTimeout => vec![S::TimerOf(Waiting::Answer)],
        F::TunnelIdle | F::TunnelUnlimited | F::TunnelMax => vec![S::TimerOf(Waiting::Tunnel)],
        F::IdleTimeout
        | F::BodyIdleTimeout
        | F::HalfClosedTimeout
        | F::ConnectTimeout
        | F::TcpKeepalive
        | F::HandshakeTimeout
        | F::BufferRequest
        | F::BufferResponse => vec![S::TimerOf(Waiting::Other)],
        // Nobody outside sees a log, and which fields are edited stands in the route.
        F::AccessLogFormat
        | F::TunnelOpenLog
        | F::RequestHeadersSet
        | F::RequestHeadersAdd
        | F::RequestHeadersRemove
        | F::ResponseHeadersSet
        | F::ResponseHeadersAdd
        | F::ResponseHeadersRemove => Vec::new(),
        F::UnixListener
        | F::Http2
        | F::H2WebSocketsOff
        | F::H2WebSockets
        | F::ListenerTls
        | F::TlsProfile
        | F::AcceptProxyProtocol
        | F::AcceptProxyVersion
        | F::ProxyProtocolFrom
        | F::UpstreamTls
        | F::UpstreamHttp2
        | F::SendProxyProtocol
        | F::UpstreamH2 => vec![S::Connection],
        F::ClientAuth => vec![S::Connection, S::Answer],
        F::TrustedProxies
        | F::ForwardedReplace
        | F::ForwardedAppend
        | F::ForwardedOff
        | F::ForwardedStyle => vec![S::Forwarded],
        F::PerIpConnections
        | F::PerIpConnects
        | F::MaxConnections
        | F::UnboundedConnections
        | F::MaxHeaderBytes
        | F::MaxHeaders
        | F::MaxUrlBytes
        | F::MaxBodyBytes => vec![S::Limit],
        F::Weight
        | F::Backup
        | F::ResolveRuntime
        | F::BalanceLeastConn
        | F::BalanceRoundRobin
        | F::BalanceRandom
        | F::BalanceIpHash
        | F::BalanceHash
        | F::HealthTcp
        | F::HealthHttp
        | F::HealthWebSocket
        | F::CloseTunnels
        | F::Retries => vec![S::Balancing],
        F::Sticky => vec![S::Balancing, S::response_field("set-cookie")],
        F::RegexPath
        | F::MatchMethods
        | F::MatchHeaders
        | F::MatchQuery
        | F::MatchUpgrade
        | F::Priority
        | F::Respond
        | F::AuthForward
        | F::AuthBasic => vec![S::Answer, S::Target],
        F::EncodedSlash => vec![S::Unusual(Unusual::EncodedSlash)],
        F::Redirect => vec![S::Location],
        F::RewritePrefix | F::RewriteRegex => vec![S::Target],
        F::ModeRequire | F::ModeDeny | F::Origins | F::MissingOrigin => {
            vec![S::Answer, S::Handshake]
        }
        F::HandshakeWithoutKey => vec![S::Unusual(Unusual::NoKey)],
        F::RefusedHandshake | F::LyingUpgrade => vec![S::Unusual(Unusual::OddUpstream)],
        F::Subprotocols => vec![
            S::Answer,
            S::Handshake,
            S::request_field("sec-websocket-protocol"),
            S::response_field("sec-websocket-protocol"),
        ],
        F::CompressionStrip => vec![S::request_field("sec-websocket-extensions")],
        F::HostUpstream | F::HostLiteral => vec![S::request_field("host")],
        F::Compression => vec![S::response_field("content-encoding"), S::response_field("vary")],
        F::ErrorPages => vec![S::response_field("content-type")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_covers_its_own_kind_alone() {
        let host = Subject::request_field("Host");
        assert!(host.covers(&Subject::request_field("host")));
        assert!(!host.covers(&Subject::response_field("host")) && !Subject::Answer.covers(&host));
        assert!(Subject::Forwarded.covers(&Subject::request_field("x-forwarded-for")));
        assert!(!Subject::Forwarded.covers(&Subject::request_field("x-remote-user")));
        assert!(
            Subject::Answer.covers(&Subject::Beside) && !Subject::Beside.covers(&Subject::Answer)
        );
        assert!(
            Subject::Guard.covers(&Subject::Guard) && !Subject::Anything.covers(&Subject::Guard)
        );
        assert!(!Subject::Destination.covers(&Subject::Destination));
        assert!(!Subject::Target.covers(&Subject::Answer) && Subject::Anything.covers(&host));
    }
}
