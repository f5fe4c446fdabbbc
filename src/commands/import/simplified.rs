//! `wsgen import --simplify`: what it changes, told by the model itself.

use wsgen_emit::{Change, Model, Simplified};
use wsgen_model::config::ValueMatch;
use wsgen_model::routing::{Outcome, Request, Version};
use wsgen_model::site::{Entry, PathRule, Route, Site};
use wsgen_model::source::{Source, Sources};

/// Most changes that are printed.
const SHOWN: usize = 200;

/// Simplifies a model, and returns the lines that say what is different.
pub(super) fn simplify(model: &mut Model) -> String {
    let changes = model.simplify();
    let mut sources = Sources::default();
    for (number, text) in model.iter().enumerate() {
        sources.add(Source::new(format!("{number:03}.yaml"), text.clone()));
    }
    let (site, _) = wsgen_model::read(&sources);
    let mut lines = String::new();
    for change in changes.iter().take(SHOWN) {
        lines.push_str(&line(change, site.as_ref()));
    }
    if changes.len() > SHOWN {
        lines.push_str(&format!("and {} more\n", changes.len() - SHOWN));
    }
    match changes.len() {
        0 => "nothing to simplify: no route takes a text that ends with a whole word\n".to_owned(),
        1 => format!("simplified 1 path to a prefix of whole segments:\n{lines}"),
        number => format!("simplified {number} paths to prefixes of whole segments:\n{lines}"),
    }
}

fn line(change: &Simplified, site: Option<&Site>) -> String {
    let Simplified { route, origin, prefix, change } = change;
    let what = match change {
        Change::NoRedirect => {
            format!("`{prefix}` is taken too, in place of a redirect to `{prefix}/`")
        }
        Change::WithinSegment => {
            let path = format!("{prefix}x");
            let taker = site.and_then(|site| taker(site, route, prefix, &path));
            let taker = taker.unwrap_or_else(|| "go elsewhere".to_owned());
            format!("paths that go on within the segment, as `{path}`, {taker} now")
        }
    };
    format!("  {origin}: route `{route}`, `{prefix}`: {what}\n")
}

/// Returns what takes a path that a route no longer takes; nothing where the route still does.
fn taker(site: &Site, name: &str, prefix: &str, path: &str) -> Option<String> {
    let (id, route) = site
        .routes_with_ids()
        .find(|(_, route)| route.name.as_ref().is_some_and(|known| known.value.as_str() == name))?;
    let entry = route
        .entries
        .iter()
        .find(|entry| matches!(&entry.path, PathRule::Prefix(known) if known.as_str() == prefix))?;
    match asked(site, route, entry, path)? {
        Outcome::Route { route, .. } if route == id => Some("match another entry of it".to_owned()),
        Outcome::Route { route, .. } => {
            Some(format!("go to {}", site.routes[route.0].title(route)))
        }
        Outcome::NotFound => Some("get 404".to_owned()),
        Outcome::BadRequest(_) => None,
    }
}

/// Asks for a path with all that an entry wants beside it.
fn asked(site: &Site, route: &Route, entry: &Entry, path: &str) -> Option<Outcome> {
    let value = |value: &ValueMatch| match value {
        ValueMatch::Present => "x".to_owned(),
        ValueMatch::Equals(value) => value.as_str().to_owned(),
    };
    let host = route.hostnames.first().map(|name| name.value.to_string().replace('*', "x"));
    let query: Vec<String> = entry
        .query
        .iter()
        .map(|(name, wanted)| format!("{}={}", name.as_str(), value(wanted)))
        .collect();
    let target =
        if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) };
    let fields: Vec<(String, String)> =
        entry.headers.iter().map(|(name, wanted)| (name.to_string(), value(wanted))).collect();
    let mut headers: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    if entry.upgrade {
        headers.extend([("upgrade", "websocket"), ("connection", "upgrade")]);
    }
    Some(site.route(&Request {
        listener: *route.listeners.first()?,
        version: Version::Http11,
        host: Some(host.as_deref().unwrap_or("wsgen.test")),
        method: entry.methods.first().map_or("GET", |method| method.as_str()),
        target: &target,
        headers: &headers,
        upgrade: None,
    }))
}
