//! From the model as written to the model as meant: defaults are applied, names are resolved, and what
//! excludes or contradicts itself is reported.

mod listener;
mod operations;
mod route;
mod route_action;
mod route_match;
mod route_policy;
mod upstream;

use std::collections::{BTreeMap, HashMap};

use crate::code::Code;
use crate::config::{Config, Defaults};
use crate::decode::suggestion;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::located::Located;
use crate::merge::duplicate_name;
use crate::routing::Router;
use crate::scalar::Name;
use crate::site::{ListenerId, Site, UpstreamId};
use crate::source::Span;

/// The only version of the format.
pub(crate) const VERSION: u64 = 1;

/// Resolves a model. The site is a draft: it is valid only if nothing in the diagnostics, from reading to
/// checking, is an error.
pub(crate) fn resolve(config: Config, diagnostics: &mut Diagnostics) -> Site {
    version(&config, diagnostics);
    let Config {
        version: _,
        name,
        targets,
        chain,
        app,
        defaults,
        drain,
        resolver,
        access_log,
        listeners,
        upstreams,
        routes,
        admin,
        broken: _,
    } = config;
    let defaults = defaults.map(|d| d.value).unwrap_or_default();

    if let Some(empty) = listeners.as_ref().filter(|listeners| listeners.value.is_empty()) {
        diagnostics.push(
            Diagnostic::new(Code::MISSING_FIELD, "the model has no listener")
                .labelled(empty.span, "expected at least one")
                .help("add `- {name: web, address: \"0.0.0.0:8080\"}`"),
        );
    }
    let listener_configs = listeners.map(|l| l.value).unwrap_or_default();
    let upstream_configs = upstreams.map(|u| u.value.0).unwrap_or_default();
    let mut scope = Context {
        defaults: &defaults,
        listeners: HashMap::new(),
        upstreams: HashMap::new(),
        diagnostics,
    };

    let mut site_listeners = Vec::new();
    for config in listener_configs {
        let name = config.value.name.clone();
        let listener = listener::resolve(config.value, &mut scope);
        let id = listener.map(|listener| {
            site_listeners.push(listener);
            ListenerId(site_listeners.len() - 1)
        });
        if let Some(name) = name {
            let first = scope.listeners.insert(name.value.clone(), (id, name.span));
            if let Some((first_id, first)) = first {
                duplicate_name("listener", &name, first, scope.diagnostics);
                scope.listeners.insert(name.value, (first_id, first));
            }
        }
    }
    let mut site_upstreams = Vec::new();
    for (name, config) in upstream_configs {
        let upstream = upstream::resolve(name.clone(), config.value, &mut scope);
        site_upstreams.push(upstream);
        scope.upstreams.insert(name.value, (UpstreamId(site_upstreams.len() - 1), name.span));
    }
    let mut site_routes = Vec::new();
    for config in routes.map(|r| r.value).unwrap_or_default() {
        if let Some(route) = route::resolve(config, site_listeners.len(), &mut scope) {
            site_routes.push(route);
        }
    }
    route_names(&site_routes, scope.diagnostics);

    let router = Router::new(&site_listeners, &site_routes);
    Site {
        name,
        targets: targets
            .map(|t| t.value.0)
            .unwrap_or_default()
            .into_iter()
            .map(|(name, target)| (name.value.to_string(), Located::new(target.value, name.span)))
            .collect::<BTreeMap<_, _>>(),
        chain: operations::chain(chain),
        heartbeat: app.and_then(|app| app.value.heartbeat),
        drain: operations::drain(drain.as_ref()),
        resolver: operations::resolver(resolver),
        access_log: operations::access_log(access_log.as_ref()),
        admin: admin.and_then(|admin| admin.value.address),
        listeners: site_listeners,
        upstreams: site_upstreams,
        routes: site_routes,
        router,
    }
}

/// What resolving one thing needs to know of the others.
struct Context<'a> {
    defaults: &'a Defaults,
    /// Names of listeners; `None` where the listener itself could not be resolved.
    listeners: HashMap<Name, (Option<ListenerId>, Span)>,
    upstreams: HashMap<Name, (UpstreamId, Span)>,
    diagnostics: &'a mut Diagnostics,
}

impl Context<'_> {
    fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// A name that nothing bears.
    fn unknown<'n>(
        &mut self,
        what: &str,
        name: &Located<Name>,
        known: impl Iterator<Item = &'n Name>,
    ) {
        self.diagnostics.push(unknown_reference(
            what,
            name.value.as_str(),
            name.span,
            known.map(Name::as_str),
        ));
    }

    /// A field that can have no effect where it stands.
    fn no_effect(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.push(Diagnostic::new(Code::NO_EFFECT, message).at(span).help(help));
    }

    /// One of several fields, and only one: reports when none or more than one is there.
    /// A field that is there and could not be read was reported already.
    fn exactly_one(
        &mut self,
        what: &str,
        at: Span,
        broken: &[&str],
        fields: &[(&str, Option<Span>)],
    ) {
        let written: Vec<_> =
            fields.iter().filter_map(|(name, span)| span.map(|s| (name, s))).collect();
        let list =
            fields.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        match written.as_slice() {
            [_] => {}
            [] if fields.iter().any(|(name, _)| broken.contains(name)) => {}
            [] => self.push(
                Diagnostic::new(Code::EXACTLY_ONE, format!("{what} has none of {list}"))
                    .labelled(at, format!("expected one of {list}"))
                    .help("write one of them"),
            ),
            [(first, first_at), rest @ ..] => {
                for (name, span) in rest {
                    self.push(
                        Diagnostic::new(
                            Code::EXACTLY_ONE,
                            format!("{what} has `{first}` and `{name}`"),
                        )
                        .labelled(*span, format!("expected one of {list}, and only one"))
                        .also(*first_at, "first one")
                        .help("keep one of them"),
                    );
                }
            }
        }
    }
}

/// A name that nothing bears, with the name that was probably meant.
pub(crate) fn unknown_reference<'n>(
    what: &str,
    name: &str,
    span: Span,
    known: impl Iterator<Item = &'n str>,
) -> Diagnostic {
    let mut known: Vec<_> = known.collect();
    known.sort_unstable();
    let help = match suggestion(name, known.iter().copied()) {
        Some(close) => format!("did you mean `{close}`?"),
        None if known.is_empty() => format!("there is no {what} yet; declare it"),
        None if known.len() > 10 => {
            format!("declare the {what}, or use one of the {} that are there", known.len())
        }
        None => format!("declare it, or use one of: {}", known.join(", ")),
    };
    Diagnostic::new(Code::UNKNOWN_REFERENCE, format!("there is no {what} named `{name}`"))
        .labelled(span, format!("expected the name of {}", article(what)))
        .help(help)
}

fn article(noun: &str) -> String {
    let an = noun.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {noun}", if an { "an" } else { "a" })
}

fn version(config: &Config, diagnostics: &mut Diagnostics) {
    if let Some(version) = &config.version
        && version.get() != VERSION
    {
        diagnostics.push(
            Diagnostic::new(
                Code::VERSION,
                format!("version {} of the format is not known", version.value),
            )
            .labelled(version.span, format!("expected {VERSION}"))
            .help("write `version: 1`, or use a newer wsgen"),
        );
    }
}

fn route_names(routes: &[crate::site::Route], diagnostics: &mut Diagnostics) {
    let mut names: HashMap<&Name, Span> = HashMap::new();
    for name in routes.iter().filter_map(|route| route.name.as_ref()) {
        if let Some(first) = names.get(&name.value) {
            duplicate_name("route", name, *first, diagnostics);
        } else {
            names.insert(&name.value, name.span);
        }
    }
}
