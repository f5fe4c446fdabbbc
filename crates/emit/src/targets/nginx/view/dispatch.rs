//! Hosts whose routes ask for more than a path, or have priorities of their own: one map chooses the route, its
//! lines in the order of the model, and a single location sends the request there.

use std::collections::BTreeSet;

use wsgen_model::config::ValueMatch;
use wsgen_model::scalar::Method;
use wsgen_model::site::{Entry, ListenerId, PathRule, RouteId, Site};

use super::location::{self, NamedLocations};
use super::maps::MapBlock;
use super::{Context, headers};
use crate::engine::Raw;
use crate::targets::nginx::quote::{in_pattern, literal};

/// Whether nginx's own order of locations cannot say what these routes mean.
pub(super) fn is_needed(routes: &[RouteId], site: &Site) -> bool {
    routes.iter().map(|id| &site.routes[id.0]).any(|route| {
        *route.priority != 0
            || route.entries.iter().any(|entry| {
                !entry.methods.is_empty() || !entry.headers.is_empty() || !entry.query.is_empty()
            })
    })
}

/// The variable that holds the name of the location for a request.
pub(super) fn variable(
    routes: &[RouteId],
    listener: ListenerId,
    jumps: &mut NamedLocations,
    context: &mut Context<'_>,
) -> Raw {
    let site = context.base.site;
    let entries = site.ranked_entries(routes);
    // What the map looks at, a line each: the fields that any entry asks for stand between method and query.
    let mut fields = BTreeSet::new();
    for (id, entry) in &entries {
        for (name, _) in &entry.headers {
            match headers::variable(name.as_str()) {
                Some(variable) => {
                    fields.insert(variable);
                }
                None => context.refuse(site.routes[id.0].span, "a match on a header of this name"),
            }
        }
        if let PathRule::Exact(path) | PathRule::Prefix(path) | PathRule::StartsWith(path) =
            &entry.path
            && path.as_str().contains('%')
        {
            context.refuse(entry.span, "a path with an escape: it compares decoded paths");
        }
        if let PathRule::Regex(pattern) = &entry.path {
            let number = site
                .routes
                .iter()
                .flat_map(|route| &route.entries)
                .position(|known| known.path == entry.path)
                .unwrap_or(0);
            let map = MapBlock {
                comment: "Whether a regex is found in the path.",
                source: Raw("$uri".into()),
                variable: format!("wsgen_regex_{number}"),
                default: Raw("\"\"".into()),
                lines: vec![(literal(&format!("~{}", pattern.as_str())), Raw("1".into()))],
            };
            fields.insert(context.map(map));
        }
    }
    let fields: Vec<String> = fields.into_iter().collect();
    let mut source = String::from("$request_method\n$wsgen_upgrade\n");
    for field in &fields {
        source.push_str(&format!("{field}\n"));
    }
    source.push_str("$args\n$uri");
    let mut lines = Vec::new();
    for (id, entry) in &entries {
        for websocket in [true, false] {
            if entry.upgrade && !websocket {
                continue;
            }
            let pattern = pattern(entry, websocket, &fields, context);
            let name = location::named(*id, websocket, listener, jumps, context);
            lines.push((literal(&pattern), Raw(name)));
        }
    }
    let nowhere = location::nowhere(jumps);
    let number = context.maps.len();
    Raw(context.map(MapBlock {
        comment: "Which route a request belongs to: method, upgrade, fields, query and path, a line each; the first that fits.",
        source: literal(&source),
        variable: format!("wsgen_route_{number}"),
        default: Raw(nowhere),
        lines,
    }))
}

fn pattern(entry: &Entry, websocket: bool, fields: &[String], context: &Context<'_>) -> String {
    const ANY: &str = "[^\n]*";
    let mut pattern = String::from("~^");
    if entry.methods.is_empty() {
        pattern.push_str(ANY);
    } else {
        let methods: Vec<_> = entry.methods.iter().map(Method::as_str).collect();
        pattern.push_str(&format!("({})", methods.join("|")));
    }
    pattern.push_str(if websocket { "\nwebsocket\n" } else { "\n[^\n]*\n" });
    for field in fields {
        let wanted = entry
            .headers
            .iter()
            .find(|(name, _)| headers::variable(name.as_str()).as_ref() == Some(field));
        match wanted {
            Some((_, ValueMatch::Equals(text))) => pattern.push_str(&in_pattern(text.as_str())),
            Some((_, ValueMatch::Present)) => pattern.push_str("[^\n]+"),
            None if is_regex(entry, field, context) => pattern.push('1'),
            None => pattern.push_str(ANY),
        }
        pattern.push('\n');
    }
    for (name, wanted) in &entry.query {
        let name = in_pattern(name.as_str());
        let value = match wanted {
            ValueMatch::Present => "(=|&|\n)".to_owned(),
            ValueMatch::Equals(text) => format!("={}(&|\n)", in_pattern(text.as_str())),
        };
        pattern.push_str(&format!("(?=([^\n]*&)?{name}{value})"));
    }
    pattern.push_str("[^\n]*\n");
    match &entry.path {
        PathRule::Exact(path) => pattern.push_str(&format!("{}$", in_pattern(path.as_str()))),
        PathRule::Prefix(path) => pattern.push_str(&format!("{}(/|$)", in_pattern(path.prefix()))),
        PathRule::StartsWith(path) => pattern.push_str(&in_pattern(path.as_str())),
        PathRule::Regex(_) => {}
    }
    pattern
}

fn is_regex(entry: &Entry, field: &str, context: &Context<'_>) -> bool {
    let PathRule::Regex(_) = &entry.path else { return false };
    let known = context
        .base
        .site
        .routes
        .iter()
        .flat_map(|route| &route.entries)
        .position(|e| e.path == entry.path);
    known.is_some_and(|number| field == format!("$wsgen_regex_{number}"))
}
