//! What a route does beside passing on, and what it changes on the way.

use super::Context;
use crate::clause::Clause;
use crate::code::Code;
use crate::config::{self, RouteSettings};
use crate::diagnostic::Diagnostic;
use crate::located::Located;
use crate::scalar::PathLiteral;
use crate::site::{Entry, PathRule, Redirect, RedirectPath, Rewrite, Setting};
use crate::source::Span;

pub(super) fn rewrite(
    rewrite: Located<config::Rewrite>,
    entries: &[Entry],
    scope: &mut Context<'_>,
) -> Option<Located<Rewrite>> {
    let config::Rewrite { strip_prefix, replace_prefix, regex, broken } = rewrite.value;
    scope.exactly_one(
        "the rewrite",
        rewrite.span,
        &broken,
        &[
            ("strip_prefix", strip_prefix.as_ref().map(|p| p.span)),
            ("replace_prefix", replace_prefix.as_ref().map(|p| p.span)),
            ("regex", regex.as_ref().map(|p| p.span)),
        ],
    );
    let prefix = strip_prefix.map(|from| Some((from, PathLiteral::root()))).or_else(|| {
        replace_prefix.map(|change| Some((change.value.from?, change.value.to?.value)))
    });
    if let Some(prefix) = prefix {
        let (from, to) = prefix?;
        prefix_covers(&from, entries, Clause::REWRITE_PREFIX, scope);
        return Some(Located::new(Rewrite::Prefix { from: from.value, to }, rewrite.span));
    }
    let regex = regex?.value;
    let (pattern, to) = (regex.pattern?, regex.to?);
    if to.highest_group() > pattern.groups() {
        scope.push(
            Diagnostic::new(
                Code::OUT_OF_RANGE,
                format!(
                    "`${}` is used, but the pattern has {} groups",
                    to.highest_group(),
                    pattern.groups()
                ),
            )
            .labelled(to.span, "expected groups of the pattern")
            .also(pattern.span, "the pattern")
            .help("put what is meant into parentheses")
            .clause(Clause::REWRITE_REGEX),
        );
    }
    let rewrite_value = Rewrite::Regex { pattern: pattern.value, to: to.value };
    Some(Located::new(rewrite_value, rewrite.span))
}

/// A prefix that a request does not have can be neither stripped nor replaced.
fn prefix_covers(
    from: &Located<PathLiteral>,
    entries: &[Entry],
    clause: Clause,
    scope: &mut Context<'_>,
) {
    let outside = entries.iter().find(|entry| match &entry.path {
        PathRule::Exact(path) | PathRule::Prefix(path) => !from.covers(path.as_str()),
        // The text may go on within its last segment.
        PathRule::StartsWith(path) => {
            !path.as_str().rsplit_once('/').is_some_and(|(folder, _)| from.covers(folder))
        }
        PathRule::Regex(_) => false,
    });
    if let Some(entry) = outside {
        let help = match &entry.path {
            // The only change of a text within a segment.
            PathRule::StartsWith(path)
                if clause == Clause::REWRITE_PREFIX && from.value == *path =>
            {
                let pattern = regex::escape(path.as_str());
                format!(
                    "prefixes are whole segments; write `rewrite: {{regex: {{pattern: '^{pattern}', to: /}}}}`"
                )
            }
            _ => "match the prefix too, or give the other paths a route of their own".to_owned(),
        };
        scope.push(
            Diagnostic::new(
                Code::NO_EFFECT,
                format!("requests that this route matches need not begin with `{}`", from.value),
            )
            .labelled(from.span, "expected a prefix of every path that the route matches")
            .also(entry.span, "this entry lets other paths in")
            .help(help)
            .clause(clause),
        );
    }
}

pub(super) fn redirect(
    redirect: Located<config::Redirect>,
    entries: &[Entry],
    scope: &mut Context<'_>,
) -> Redirect {
    let span = redirect.span;
    let config::Redirect { scheme, hostname, port, path, prefix, status, broken: _ } =
        redirect.value;
    if let (Some(path), Some(prefix)) = (&path, &prefix) {
        let fields = [("path", Some(path.span)), ("prefix", Some(prefix.span))];
        scope.exactly_one("the redirect", span, &[], &fields);
    }
    let changes = scheme.is_some()
        || hostname.is_some()
        || port.is_some()
        || path.is_some()
        || prefix.is_some();
    if !changes {
        scope.no_effect(
            span,
            "the redirect changes nothing: clients would come back for ever",
            "write `scheme`, `hostname`, `port`, `path` or `prefix`",
        );
    }
    if let Some(hostname) = hostname.as_ref().filter(|h| h.is_wildcard()) {
        scope.push(
            Diagnostic::new(Code::BAD_HOSTNAME, "a redirect needs one host, not a wildcard")
                .labelled(hostname.span, "expected a hostname such as `chat.example.com`")
                .help("write the host that clients should ask"),
        );
    }
    let prefix = prefix.and_then(|p| Some((p.value.from?, p.value.to?.value)));
    if let Some((from, _)) = &prefix {
        prefix_covers(from, entries, Clause::REDIRECT_PARTS, scope);
    }
    Redirect {
        span,
        scheme,
        hostname,
        port: port.and_then(|p| Some(Located::new(u16::try_from(p.get()).ok()?, p.span))),
        path: match (path, prefix) {
            (Some(path), _) => RedirectPath::Whole(path),
            (None, Some((from, to))) => RedirectPath::Prefix { from: from.value, to },
            (None, None) => RedirectPath::Keep,
        },
        status: Setting::of(status.map(|s| s.map(config::RedirectStatus::code)).as_ref(), 302),
    }
}

/// Redirects and fixed answers come before all of this (`judgement/order`).
pub(super) fn only_for_upstreams(
    settings: &RouteSettings,
    rewrite: Option<Span>,
    action: &str,
    scope: &mut Context<'_>,
) {
    let RouteSettings {
        websocket,
        host,
        forwarded,
        request_headers,
        response_headers,
        timeouts,
        limits,
        auth,
        retries,
        buffering,
        compression,
        error_pages,
        broken: _,
    } = settings;
    let written = [
        ("rewrite", rewrite),
        ("websocket", websocket.as_ref().map(|f| f.span)),
        ("host", host.as_ref().map(|f| f.span)),
        ("forwarded", forwarded.as_ref().map(|f| f.span)),
        ("request_headers", request_headers.as_ref().map(|f| f.span)),
        ("response_headers", response_headers.as_ref().map(|f| f.span)),
        ("timeouts", timeouts.as_ref().map(|f| f.span)),
        ("limits", limits.as_ref().map(|f| f.span)),
        ("auth", auth.as_ref().map(|f| f.span)),
        ("retries", retries.as_ref().map(|f| f.span)),
        ("buffering", buffering.as_ref().map(|f| f.span)),
        ("compression", compression.as_ref().map(|f| f.span)),
        ("error_pages", error_pages.as_ref().map(|f| f.span)),
    ];
    for (name, span) in written.into_iter().filter_map(|(name, span)| Some((name, span?))) {
        scope.push(
            Diagnostic::new(
                Code::NO_EFFECT,
                format!("`{name}` has no effect on a route with `{action}`"),
            )
            .at(span)
            .help(format!("remove it: `{action}` answers before anything is judged or passed on"))
            .clause(Clause::JUDGEMENT_ORDER),
        );
    }
}
