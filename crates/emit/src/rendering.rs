//! What every target needs while it turns a site into its own terms.

use wsgen_model::code::Code;
use wsgen_model::config::SnippetPlace;
use wsgen_model::diagnostic::{Diagnostic, Diagnostics, Severity};
use wsgen_model::feature::Feature;
use wsgen_model::scalar::TargetVersion;
use wsgen_model::site::{Ask, ListenerId, RouteId, Site, Upstream};
use wsgen_model::source::Span;

use crate::Options;
use crate::annotate::{FOREIGN, Scope};
use crate::engine::{Raw, Templates};
use crate::layout::{Layout, Place};
use crate::support;
use crate::target::Target;

/// A rendering on its way.
pub(crate) struct Rendering<'a> {
    pub(crate) site: &'a Site,
    pub(crate) version: Option<TargetVersion>,
    target: &'static Target,
    options: &'a Options,
    diagnostics: &'a mut Diagnostics,
    /// Routes with snippets, mostly none: asked for by every route and upstream.
    with_snippets: Vec<RouteId>,
}

/// Reviewed text for one place of one target.
pub(crate) struct Snippet<'a> {
    reason: &'a str,
    text: &'a str,
}

impl Snippet<'_> {
    /// The text as it stands below its reason, each of its lines behind `indent`.
    pub(crate) fn lines(&self, indent: &str) -> Raw {
        let text = self.text.trim_end().replace('\n', &format!("\n{indent}"));
        let (begin, end) = FOREIGN;
        Raw(format!("# {}{begin}\n{indent}{text}{end}", self.reason))
    }
}

impl<'a> Rendering<'a> {
    pub(crate) fn new(
        target: &'static Target,
        site: &'a Site,
        version: Option<TargetVersion>,
        options: &'a Options,
        diagnostics: &'a mut Diagnostics,
    ) -> Self {
        let routes = site.routes_with_ids().filter(|(_, route)| !route.snippets.is_empty());
        let with_snippets = routes.map(|(id, _)| id).collect();
        Self { site, version, target, options, diagnostics, with_snippets }
    }

    /// Whether the version is known to be this one or a later one.
    pub(crate) fn since(&self, first: TargetVersion) -> bool {
        self.version.is_some_and(|version| version >= first)
    }

    /// Whether the version is known to be an earlier one.
    pub(crate) fn before(&self, first: TargetVersion) -> bool {
        self.version.is_some_and(|version| version < first)
    }

    /// The tree that is written.
    pub(crate) fn layout(&self) -> Layout {
        self.options.layout
    }

    /// Where the target's files lie in it.
    pub(crate) fn place(&self) -> Place {
        (self.target.place)(self.options.layout)
    }

    /// The bytes of a file that the target said it needs.
    pub(crate) fn handed(&self, path: &str) -> &'a [u8] {
        self.options.handed.get(path).map_or(&[], Vec::as_slice)
    }

    /// A value that the target cannot be given, with what to write instead.
    pub(crate) fn refuse(&mut self, span: Span, what: &str, help: &str) {
        let message = format!("{} cannot be given {what}", self.target.title);
        let finding = Diagnostic::new(Code::NOT_RENDERED, message).at(span).help(help);
        // Plain requests and tunnels of one route meet the same value.
        if !self.diagnostics.iter().any(|known| *known == finding) {
            self.diagnostics.push(finding);
        }
    }

    /// A value that the target keeps only in part, though it keeps its feature.
    pub(crate) fn approximate(&mut self, feature: Feature, span: Span, route: RouteId, why: &str) {
        let ask = Ask { feature, span: Some(span), route: Some(route) };
        if support::accepted(self.site, self.target, &ask, self.options.policy.today) {
            return;
        }
        let entry = feature.entry();
        let message = format!("{} keeps only in part `{}`", self.target.title, entry.field);
        let finding = Diagnostic::new(entry.code, message).labelled(span, why).clause(entry.clause);
        let mut finding =
            finding.help(format!(
            "write a value that it keeps, or accept it: `targets: {{{}: {{accept: [{{code: {}, reason: …}}]}}}}`",
            self.target.name, entry.code
        ));
        finding.severity = Severity::Warning;
        if !self.diagnostics.iter().any(|known| *known == finding) {
            self.diagnostics.push(finding);
        }
    }

    /// The templates to render with.
    pub(crate) fn templates(&self) -> Templates<'a> {
        &self.options.templates
    }

    /// The name of the site for a comment.
    pub(crate) fn title(&self) -> String {
        self.site.name.as_ref().map_or("a model", |name| name.as_str()).to_owned()
    }

    /// A route's name, or its number: names never begin with an underscore.
    pub(crate) fn route_name(&self, id: RouteId) -> String {
        match &self.site.routes[id.0].name {
            Some(name) => name.value.to_string(),
            None => format!("_{}", id.0 + 1),
        }
    }

    /// What a block belongs to, for annotations.
    pub(crate) fn scope(
        &self,
        listener: Option<ListenerId>,
        upstream: Option<&Upstream>,
        route: Option<RouteId>,
    ) -> Scope {
        let site = self.site;
        let forward = route.and_then(|id| site.routes[id.0].forward());
        let upstream = upstream.or(forward.map(|forward| site.upstream(forward.upstream)));
        Scope {
            listener: listener.map(|id| format!("listeners.{}", site.listener(id).name.value)),
            upstream: upstream.map(|upstream| format!("upstreams.{}", upstream.name.value)),
            route: route.map(|id| match &site.routes[id.0].name {
                Some(name) => format!("routes.{}", name.value),
                None => format!("routes[{}]", id.0),
            }),
            tunnel: false,
        }
    }

    /// The snippets of a place, of the routes that are wanted.
    pub(crate) fn snippets(
        &self,
        place: SnippetPlace,
        wanted: impl Fn(RouteId) -> bool,
    ) -> Vec<Snippet<'a>> {
        let site = self.site;
        let routes = self.with_snippets.iter().filter(|id| wanted(**id));
        let all = routes.flat_map(|id| &site.routes[id.0].snippets);
        all.filter_map(|snippet| {
            let snippet = &snippet.value;
            let here = snippet.target.as_ref()?.as_str() == self.target.name
                && snippet.at.as_ref()?.value == place;
            let (reason, text) = (snippet.reason.as_ref()?, snippet.text.as_ref()?);
            here.then(|| Snippet { reason: reason.as_str(), text: text.as_str() })
        })
        .collect()
    }
}
