//! Two sites that must do the same with every request, whatever their parts are called.

use std::collections::{BTreeMap, BTreeSet};

use wsgen_model::routing::{Outcome, Request, Version};
use wsgen_model::site::{Action, ListenerId, Meaning, PathRule, Site};

/// A request that is asked of both sites.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Asked {
    host: String,
    target: String,
    method: String,
    fields: Vec<(String, String)>,
    websocket: bool,
}

/// Requests by which the routes of both sites can be told apart.
fn requests(sites: [&Site; 2]) -> Vec<Asked> {
    let mut hosts = BTreeSet::from(["other.invalid".to_owned()]);
    let mut paths = BTreeSet::from(["/", "/x", "/elsewhere/x"].map(str::to_owned));
    let mut methods = BTreeSet::from(["GET".to_owned()]);
    let mut fields = BTreeSet::from([Vec::new()]);
    let mut queries = BTreeSet::from([String::new()]);
    for route in sites.iter().flat_map(|site| &site.routes) {
        hosts.extend(route.hostnames.iter().map(|name| name.value.to_string().replace('*', "a.b")));
        for entry in &route.entries {
            match &entry.path {
                PathRule::Exact(path) | PathRule::Prefix(path) | PathRule::StartsWith(path) => {
                    let path = path.to_string();
                    let path = path.trim_end_matches('/');
                    paths.extend(
                        ["", "/", "/more", "more", "-more"]
                            .map(|end| format!("/{path}{end}").replacen("//", "/", 1)),
                    );
                }
                PathRule::Regex(_) => {
                    let some = ["/a/17", "/v1/users", "/v1/x", "/b/x", "/u/7", "/v2/x/y"];
                    paths.extend(some.map(str::to_owned));
                }
            }
            methods.extend(entry.methods.iter().map(|method| method.as_str().to_owned()));
            let text = |value: &wsgen_model::config::ValueMatch| match value {
                wsgen_model::config::ValueMatch::Present => "any".to_owned(),
                wsgen_model::config::ValueMatch::Equals(text) => text.as_str().to_owned(),
            };
            for (name, value) in &entry.headers {
                fields.insert(vec![(name.to_string(), text(value))]);
            }
            for (name, value) in &entry.query {
                queries.insert(format!("?{}={}", name.as_str(), text(value)));
            }
        }
    }
    let mut all = Vec::new();
    for host in &hosts {
        for path in &paths {
            for query in &queries {
                for method in &methods {
                    for fields in &fields {
                        for websocket in [false, true] {
                            all.push(Asked {
                                host: host.clone(),
                                target: format!("{path}{query}"),
                                method: method.clone(),
                                fields: fields.clone(),
                                websocket,
                            });
                        }
                    }
                }
            }
        }
    }
    all
}

/// What a site does with a request that comes to a listener: fields and values, without the names of things. What does
/// not matter to such a request is left out.
fn done(
    site: &Site,
    meaning: &Meaning,
    listener: usize,
    asked: &Asked,
) -> BTreeMap<String, String> {
    let mut headers: Vec<_> = asked.fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    if asked.websocket {
        headers.extend([("Upgrade", "websocket"), ("Connection", "upgrade")]);
    }
    let outcome = site.route(&Request {
        listener: ListenerId(listener),
        version: Version::Http11,
        host: Some(&asked.host),
        method: &asked.method,
        target: &asked.target,
        headers: &headers,
        upgrade: None,
    });
    let mut lines = BTreeMap::new();
    let Outcome::Route { route, .. } = outcome else {
        // What nothing matches is answered so.
        if outcome == Outcome::NotFound {
            lines.insert("respond.status".into(), "404".into());
        }
        return lines;
    };
    let under = |head: String| {
        meaning.iter().filter_map(move |(name, value)| Some((name.strip_prefix(&head)?, value)))
    };
    let of_requests = ["buffering", "compression", "limits.max_body", "timeouts.response_header"];
    let of_tunnels = ["websocket.", "timeouts.tunnel", "limits.per_ip.connects"];
    let title = format!("routes.{}.", site.route_title(route));
    // A handshake that is denied goes on as a plain request.
    let denied = meaning.get(&format!("{title}websocket.mode")).is_some_and(|mode| mode == "deny");
    for (name, value) in under(title) {
        let beside = if asked.websocket && !denied { &of_requests[..] } else { &of_tunnels[..] };
        let named = ["listeners", "hostnames", "match", "priority", "upstream"].contains(&name);
        let absent = asked.websocket && name == "websocket.mode" && value != "deny";
        if !named && !absent && !beside.iter().any(|head| name.starts_with(head)) {
            lines.insert(name.to_owned(), value.to_lowercase());
        }
    }
    if !asked.websocket
        && meaning
            .get(&format!("routes.{}.websocket.mode", site.route_title(route)))
            .is_some_and(|mode| mode == "require")
    {
        lines.clear();
        lines.insert("respond.status".into(), "426".into());
        return lines;
    }
    match &site.routes[route.0].action {
        Action::Forward(forward) => {
            let upstream = &site.upstream(forward.upstream).name.value;
            for (name, value) in under(format!("upstreams.{upstream}.")) {
                lines.insert(format!("upstream.{name}"), value.clone());
            }
            // A route without a limit has that of its listener.
            let most =
                format!("listeners.{}.limits.max_body_bytes", site.listeners[listener].name.value);
            if let (Some(most), false) = (meaning.get(&most), asked.websocket) {
                lines.entry("limits.max_body_bytes".into()).or_insert_with(|| most.to_lowercase());
            }
        }
        Action::Redirect(_) => {
            let own = if site.listeners[listener].tls.is_some() { "https" } else { "http" };
            let named = lines.contains_key("redirect.hostname");
            if named {
                lines.entry("redirect.scheme".into()).or_insert_with(|| own.to_owned());
            }
        }
        Action::Respond(_) => {
            // A body is a text unless somebody says otherwise.
            if lines.get("respond.headers.Content-Type").is_some_and(|kind| kind == "text/plain") {
                lines.remove("respond.headers.Content-Type");
            }
        }
    }
    lines
}

/// A listener's own fields.
fn listener(site: &Site, meaning: &Meaning, number: usize) -> BTreeMap<String, String> {
    let head = format!("listeners.{}.", site.listeners[number].name.value);
    let own = meaning.iter().filter_map(|(name, value)| Some((name.strip_prefix(&head)?, value)));
    own.filter(|(name, _)| *name != "limits.max_body_bytes")
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .collect()
}

/// What differs, by field: both values, and the request that shows it.
pub(crate) fn differences(before: &Site, after: &Site) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let addresses = |site: &Site| -> Vec<String> {
        site.listeners.iter().map(|listener| listener.address.value.to_string()).collect()
    };
    if addresses(before) != addresses(after) {
        all.insert("listeners".into(), format!("{:?}, {:?}", addresses(before), addresses(after)));
        return all;
    }
    let (first, second) = (before.meaning(), after.meaning());
    let mut compare =
        |a: &BTreeMap<String, String>, b: &BTreeMap<String, String>, head: &str, shows: &str| {
            for name in a.keys().chain(b.keys()).filter(|name| a.get(*name) != b.get(*name)) {
                all.entry(format!("{head}{name}")).or_insert_with(|| {
                    format!("{:?} became {:?} ({shows})", a.get(name), b.get(name))
                });
            }
        };
    let asked = requests([before, after]);
    for number in 0..before.listeners.len() {
        let (a, b) = (listener(before, &first, number), listener(after, &second, number));
        compare(&a, &b, "listener.", "");
        for asked in &asked {
            let a = done(before, &first, number, asked);
            let b = done(after, &second, number, asked);
            if a != b {
                compare(&a, &b, "", &format!("{asked:?}"));
            }
        }
    }
    all
}
