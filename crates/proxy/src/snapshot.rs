//! A configuration that is ready to run: what a site says, with names resolved, files read and patterns compiled.

use std::sync::Arc;

use regex::bytes::{Regex, RegexBuilder};
use tokio_rustls::TlsAcceptor;
use wsgen_model::scalar::{ListenAddress, Name};
use wsgen_model::site::{Auth, Forward, ListenerId, Rewrite, RouteId, Site, UpstreamId};
use wsgen_model::source::Span;

use crate::forward_auth::Service;
use crate::head::Bounds;
use crate::tls;
use crate::upstream::Pooled;
use crate::users::Users;

/// Why a configuration cannot run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartError {
    /// The place in the model, where there is one.
    pub span: Option<Span>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl StartError {
    /// Without a place.
    pub(crate) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { span: None, message: message.into(), help: help.into() }
    }

    /// With its place.
    pub(crate) fn at(span: Span, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { span: Some(span), ..Self::new(message, help) }
    }
}

/// A configuration that runs.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// What the model says.
    pub(crate) site: Site,
    /// Which of the configurations of this process it is, from 1.
    pub(crate) generation: u64,
    /// Upstreams, by their ids.
    pub(crate) upstreams: Vec<Pooled>,
    listeners: Vec<Prepared>,
    routes: Vec<PreparedRoute>,
}

struct Prepared {
    tls: Option<TlsAcceptor>,
    bounds: Bounds,
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared").field("bounds", &self.bounds).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct PreparedRoute {
    rewrite: Option<Regex>,
    pages: Vec<(u16, Arc<[u8]>)>,
    users: Option<Arc<Users>>,
    service: Option<Arc<Service>>,
}

impl Snapshot {
    /// Makes a site ready, after another or as the first; nothing is opened.
    pub(crate) fn new(site: Site, before: Option<&Self>) -> Result<Self, StartError> {
        let generation = before.map_or(1, |before| before.generation + 1);
        let mut upstreams = Vec::new();
        for (number, upstream) in site.upstreams.iter().enumerate() {
            let before = before.and_then(|before| before.upstream_named(&upstream.name.value));
            upstreams.push(Pooled::new(&site, UpstreamId(number), before)?);
        }
        let mut listeners = Vec::new();
        for listener in &site.listeners {
            let tls = listener.tls.as_ref().map(|settings| tls::server(listener, settings));
            let number = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX / 4);
            listeners.push(Prepared {
                tls: tls.transpose()?.map(|config| TlsAcceptor::from(Arc::new(config))),
                bounds: Bounds {
                    fields_bytes: number(listener.limits.max_header_bytes.get()),
                    fields: number(listener.limits.max_headers.get()),
                    target: number(listener.limits.max_url_bytes.get()),
                },
            });
        }
        let mut routes = Vec::new();
        for route in &site.routes {
            let prepared = route.forward().map(prepare).transpose()?;
            routes.push(prepared.unwrap_or_default());
        }
        Ok(Self { site, generation, upstreams, listeners, routes })
    }

    fn upstream_named(&self, name: &Name) -> Option<&Pooled> {
        let at = self.site.upstreams.iter().position(|upstream| upstream.name.value == *name)?;
        self.upstreams.get(at)
    }

    /// TLS of a listener.
    pub(crate) fn tls(&self, id: ListenerId) -> Option<&TlsAcceptor> {
        self.listeners[id.0].tls.as_ref()
    }

    /// How large a head may be.
    pub(crate) fn bounds(&self, id: ListenerId) -> &Bounds {
        &self.listeners[id.0].bounds
    }

    /// The pattern of a route's rewrite.
    pub(crate) fn rewrite(&self, id: RouteId) -> Option<&Regex> {
        self.routes[id.0].rewrite.as_ref()
    }

    /// The page for one of the proxy's own statuses (`error/page`).
    pub(crate) fn page(&self, id: RouteId, status: u16) -> Option<Arc<[u8]>> {
        let pages = &self.routes[id.0].pages;
        pages.iter().find(|(known, _)| *known == status).map(|(_, page)| page.clone())
    }

    /// Who may use a route, if not everybody may.
    pub(crate) fn users(&self, id: RouteId) -> Option<&Arc<Users>> {
        self.routes[id.0].users.as_ref()
    }

    /// The service that is asked about a route's requests, if there is one.
    pub(crate) fn service(&self, id: RouteId) -> Option<&Arc<Service>> {
        self.routes[id.0].service.as_ref()
    }

    /// The listener at an address.
    pub(crate) fn listener_at(&self, address: &ListenAddress) -> Option<ListenerId> {
        self.site.listeners.iter().position(|l| l.address.value == *address).map(ListenerId)
    }
}

fn prepare(forward: &Forward) -> Result<PreparedRoute, StartError> {
    let mut prepared = PreparedRoute::default();
    if let Some(Rewrite::Regex { pattern, .. }) = forward.rewrite.as_ref().map(|r| &r.value) {
        let regex = RegexBuilder::new(pattern.as_str()).unicode(false).build();
        prepared.rewrite = regex.ok();
    }
    match forward.auth.as_ref().map(|auth| &auth.value) {
        Some(Auth::Basic { users_file, .. }) => {
            prepared.users = Some(Arc::new(Users::read(users_file)?));
        }
        Some(Auth::Forward { url, copy_headers }) => {
            prepared.service = Some(Arc::new(Service::new(url, copy_headers)?));
        }
        None => {}
    }
    for (status, file) in &forward.error_pages {
        let page = std::fs::read(file.as_str()).map_err(|error| {
            let message = format!("cannot read {}: {error}", file.as_str());
            StartError::at(file.span, message, "make the page readable")
        })?;
        prepared.pages.push((status.get(), page.into()));
    }
    Ok(prepared)
}
