//! The model as meant: defaults applied, names resolved. A [`Site`] that exists is valid.

mod asks;
mod claims;
mod listener;
mod meaning;
mod operations;
mod relocate;
mod route;
mod setting;
mod upstream;
mod vouched;

pub use asks::Ask;
pub use claims::Claims;
pub use listener::{
    Certificate, ClientAuth, Listener, ListenerId, ListenerLimits, ListenerTimeouts, Tls,
    TrustedProxyProtocol,
};
pub use meaning::Meaning;
pub use operations::{AccessLog, Drain, Hop, Resolver};
pub use relocate::Addresses;
pub use route::{
    Action, Auth, Entry, Forward, Forwarded, HeaderEdit, PathRule, PerIp, Redirect, RedirectPath,
    Respond, Rewrite, Route, RouteId, RouteTimeouts, WebSocket,
};
pub use setting::Setting;
pub use upstream::{Cookie, HealthCheck, LoadBalancing, Server, Upstream, UpstreamId, UpstreamTls};

use std::collections::BTreeMap;

use crate::config::Target;
use crate::located::Located;
use crate::routing::{Outcome, Request, Router};
use crate::scalar::{Duration, Line, ListenAddress};

/// A site: what every server that it is rendered for must do.
#[derive(Debug, Clone)]
pub struct Site {
    /// Its name, for comments and reports.
    pub name: Option<Located<Line>>,
    /// Settings by target, in the order of their names.
    pub targets: BTreeMap<String, Located<Target>>,
    /// Hops that are not rendered.
    pub chain: Vec<Hop>,
    /// The application's ping interval.
    pub heartbeat: Option<Located<Duration>>,
    /// What happens to open tunnels at a reload and at a stop.
    pub drain: Drain,
    /// Who resolves names at run time.
    pub resolver: Option<Resolver>,
    /// What is logged.
    pub access_log: AccessLog,
    /// The reference proxy's own status pages.
    pub admin: Option<Located<ListenAddress>>,
    /// The listeners, in file order.
    pub listeners: Vec<Listener>,
    /// The upstreams, in file order.
    pub upstreams: Vec<Upstream>,
    /// The routes, in file order.
    pub routes: Vec<Route>,
    pub(crate) router: Router,
}

impl Site {
    /// Which route a request belongs to, and whether it is a WebSocket request.
    pub fn route(&self, request: &Request<'_>) -> Outcome {
        self.router.route(request)
    }

    /// The listener behind an id of this site.
    pub fn listener(&self, id: ListenerId) -> &Listener {
        &self.listeners[id.0]
    }

    /// The upstream behind an id of this site.
    pub fn upstream(&self, id: UpstreamId) -> &Upstream {
        &self.upstreams[id.0]
    }

    /// The listener of a name.
    pub fn listener_named(&self, name: &str) -> Option<ListenerId> {
        self.listeners.iter().position(|l| l.name.as_str() == name).map(ListenerId)
    }
}
