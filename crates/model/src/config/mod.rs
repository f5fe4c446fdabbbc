//! The model as written: every field with its place, nothing filled in. One file per block.

mod balancing;
mod defaults;
mod expectation;
mod health_check;
mod limits;
mod listener;
mod operations;
mod route;
mod route_action;
mod route_match;
mod route_policy;
mod surroundings;
mod target;
mod timeouts;
mod tls;
mod upstream;

pub use balancing::{LoadBalancing, Policy, SameSite, Sticky, StickyCookie};
pub use defaults::Defaults;
pub use expectation::{Expectation, ExpectedHandshake, ExpectedRequest};
pub use health_check::{HealthCheck, HealthCheckType, OnUnhealthy};
pub use limits::{ListenerLimits, PerIp, RouteLimits};
pub use listener::{
    AcceptProxyProtocol, Listener, ListenerSettings, OnOff, Protocol, ProxyProtocolIn,
};
pub use operations::{AccessLog, AccessLogFormat, Admin, Drain, NameServer, Resolver};
pub use route::{Priority, Route, RouteSettings, Snippet, SnippetPlace};
pub use route_action::{
    PrefixChange, Redirect, RedirectStatus, RegexRewrite, Respond, Rewrite, Scheme,
};
pub use route_match::{MatchEntry, PathMatch, UpgradeMatch, ValueMatch};
pub use route_policy::{
    AllowOrDeny, Auth, BasicAuth, Buffering, Compression, ForwardAuth, Forwarded, ForwardedHeader,
    ForwardedMode, ForwardedStyle, HeaderEdit, HostPolicy, MediaType, PassOrStrip, Retries,
    RetryOn, Subprotocols, WebSocket, WebSocketMode,
};
pub use surroundings::{App, Hop, HopKind};
pub use target::{Accept, Target};
pub use timeouts::{ListenerTimeouts, RouteTimeouts, UpstreamTimeouts};
pub use tls::{Certificate, ClientAuth, ClientAuthMode, ListenerTls, TlsProfile, UpstreamTls};
pub use upstream::{
    ProxyProtocolOut, Resolve, SendProxyProtocol, Server, ServerEntry, Upstream, UpstreamProtocol,
    UpstreamSettings,
};

use crate::decode::Map;
use crate::field::{Section, section};
use crate::located::Located;
use crate::scalar::{Line, Name, Whole};

section! {
    /// A site: who listens, what lies behind, and which requests go where.
    whole struct Config: Body @ Site {
        /// The version of this format.
        required version: Whole<0, 4_294_967_295> = "", SCOPE_FIELDS;
        /// A name for the site, used in comments and reports.
        optional name: Line = "", VALUE_TEXT;
        /// What the output must fit, by target; the command line beats it. Keys beside the ones below are the target's own and are judged by it.
        optional targets: Map<Name, Target> = "", TARGET_SETTINGS;
        /// Facts about hops that wsgen does not render; checks compare their timers.
        optional chain: Vec<Located<Hop>> = "", TARGET_CHAIN;
        /// Facts about the application behind the proxy.
        optional app: App = "", TARGET_CHAIN;
        /// Values for every listener, upstream and route that does not write its own.
        optional defaults: Defaults = "", SCOPE_DEFAULTS;
        /// What happens to open tunnels at a reload and at a stop.
        optional drain: Drain = "", DRAIN_RELOAD;
        /// Who resolves names at run time.
        optional resolver: Resolver = "", BALANCE_RESOLVE;
        /// What is logged of each request.
        optional access_log: AccessLog = "", LOG_ACCESS;
        /// The sockets that clients connect to.
        required listeners: Vec<Located<Listener>> = "", ROUTE_LISTENER;
        /// The applications, by name.
        optional upstreams: Map<Name, Upstream> = "", BALANCE_POLICY;
        /// Which requests go where. Their order matters only between regexes and between equals.
        required routes: Vec<Located<Route>> = "", ROUTE_PRECEDENCE;
        /// The reference proxy's own status pages; no target renders it.
        optional admin: Admin = "", ADMIN_PAGES;
    }
}

/// Every section, from which the schema and the documentation are printed and fields in the wrong scope
/// are recognised.
pub fn sections() -> Vec<Section> {
    vec![
        Config::section(),
        Target::section(),
        Accept::section(),
        Hop::section(),
        App::section(),
        Defaults::section(),
        Drain::section(),
        Resolver::section(),
        AccessLog::section(),
        Listener::section(),
        ListenerTimeouts::section(),
        ListenerLimits::section(),
        ListenerTls::section(),
        Certificate::section(),
        ClientAuth::section(),
        ProxyProtocolIn::section(),
        Upstream::section(),
        Server::section(),
        UpstreamTimeouts::section(),
        LoadBalancing::section(),
        Sticky::section(),
        StickyCookie::section(),
        HealthCheck::section(),
        UpstreamTls::section(),
        ProxyProtocolOut::section(),
        Route::section(),
        MatchEntry::section(),
        PathMatch::section(),
        Rewrite::section(),
        PrefixChange::section(),
        RegexRewrite::section(),
        Redirect::section(),
        Respond::section(),
        WebSocket::section(),
        RouteTimeouts::section(),
        RouteLimits::section(),
        PerIp::section(),
        Forwarded::section(),
        HeaderEdit::section(),
        Auth::section(),
        ForwardAuth::section(),
        BasicAuth::section(),
        Retries::section(),
        Buffering::section(),
        Compression::section(),
        Snippet::section(),
        Expectation::section(),
        ExpectedHandshake::section(),
        ExpectedRequest::section(),
        Admin::section(),
    ]
}
