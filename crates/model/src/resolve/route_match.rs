//! Which requests a route is for.

use super::Context;
use crate::config;
use crate::located::Located;
use crate::scalar::PathLiteral;
use crate::site::{Entry, PathRule};
use crate::source::Span;

pub(super) fn resolve(
    entries: Option<Located<Vec<Located<config::MatchEntry>>>>,
    route: Span,
    scope: &mut Context<'_>,
) -> Vec<Entry> {
    let written = entries.map(|e| e.value).unwrap_or_default();
    let everything = |span| Entry {
        span,
        path: root(),
        methods: Vec::new(),
        headers: Vec::new(),
        query: Vec::new(),
        upgrade: false,
    };
    if written.is_empty() {
        return vec![everything(route)];
    }
    written
        .into_iter()
        .map(|entry| {
            let config::MatchEntry { path, methods, headers, query, upgrade, broken: _ } =
                entry.value;
            let plain = |v: Located<config::ValueMatch>| v.value;
            Entry {
                path: path.map_or_else(root, |path| path_rule(path, scope)),
                methods: methods
                    .map(|m| m.value.into_iter().map(|m| m.value).collect())
                    .unwrap_or_default(),
                headers: headers
                    .map(|h| h.value.0.into_iter().map(|(k, v)| (k.value, plain(v))).collect())
                    .unwrap_or_default(),
                query: query
                    .map(|q| q.value.0.into_iter().map(|(k, v)| (k.value, plain(v))).collect())
                    .unwrap_or_default(),
                upgrade: upgrade.is_some(),
                span: entry.span,
            }
        })
        .collect()
}

fn root() -> PathRule {
    PathRule::Prefix(PathLiteral::root())
}

fn path_rule(path: Located<config::PathMatch>, scope: &mut Context<'_>) -> PathRule {
    let config::PathMatch { exact, prefix, starts_with, regex, broken } = path.value;
    scope.exactly_one(
        "the path",
        path.span,
        &broken,
        &[
            ("exact", exact.as_ref().map(|p| p.span)),
            ("prefix", prefix.as_ref().map(|p| p.span)),
            ("starts_with", starts_with.as_ref().map(|p| p.span)),
            ("regex", regex.as_ref().map(|p| p.span)),
        ],
    );
    match (exact, regex, prefix, starts_with) {
        (Some(exact), ..) => PathRule::Exact(exact.value),
        (_, Some(regex), ..) => PathRule::Regex(regex.value),
        (_, _, Some(prefix), _) => PathRule::Prefix(prefix.value),
        // Every path begins with a slash.
        (.., Some(start)) if start.value.prefix().is_empty() => root(),
        (.., Some(start)) => PathRule::StartsWith(start.value),
        _ => root(),
    }
}
