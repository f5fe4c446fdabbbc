//! What both servers are asked: made up from the routes of the model.

use wsgen_model::config::ValueMatch;
use wsgen_model::routing::{Outcome, Request, Version};
use wsgen_model::site::{Entry, ListenerId, PathRule, RouteId, Site};

use super::sample::sample;
use crate::own::host;
use crate::peer::handshake;

/// The most that is asked in all.
const MOST: usize = 400;

/// One question.
#[derive(Debug, Clone)]
pub(super) struct Probe {
    pub(super) listener: ListenerId,
    /// Whether it is a handshake.
    pub(super) handshake: bool,
    /// Whether the path is one beside that of a route.
    pub(super) variant: bool,
    pub(super) method: String,
    pub(super) target: String,
    pub(super) host: String,
    fields: Vec<(String, String)>,
}

impl Probe {
    /// In a line.
    pub(super) fn title(&self) -> String {
        let what = if self.handshake { "WebSocket" } else { self.method.as_str() };
        let fields: Vec<String> =
            self.fields.iter().map(|(name, value)| format!(", {name}: {value}")).collect();
        format!("{what} {} of {}{}", self.target, self.host, fields.concat())
    }

    /// The route that it belongs to.
    pub(super) fn route(&self, site: &Site) -> Option<RouteId> {
        let mut headers: Vec<(&str, &str)> =
            self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        if self.handshake {
            headers.extend([("upgrade", "websocket"), ("connection", "upgrade")]);
        }
        let outcome = site.route(&Request {
            listener: self.listener,
            version: Version::Http11,
            host: Some(&self.host),
            method: &self.method,
            target: &self.target,
            headers: &headers,
            upgrade: None,
        });
        match outcome {
            Outcome::Route { route, .. } => Some(route),
            _ => None,
        }
    }

    /// As bytes. Clients lie: what they say of themselves goes with every request.
    pub(super) fn text(&self) -> String {
        let mut lines = format!(
            "Host: {}\r\nX-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: gopher\r\n\
             X-Forwarded-Host: liar.test\r\nX-Real-IP: 203.0.113.9\r\nX-Kept: as it is\r\n",
            self.host
        );
        for (name, value) in &self.fields {
            lines.push_str(&format!("{name}: {value}\r\n"));
        }
        if self.handshake {
            return handshake::request(
                &self.target,
                &format!("{lines}Origin: http://{}\r\n", self.host),
            );
        }
        let length = if ["GET", "HEAD"].contains(&self.method.as_str()) {
            ""
        } else {
            "Content-Length: 0\r\n"
        };
        format!(
            "{} {} HTTP/1.1\r\n{lines}{length}Connection: close\r\n\r\n",
            self.method, self.target
        )
    }
}

/// All questions for a model.
pub(super) fn probes(site: &Site) -> Vec<Probe> {
    let mut probes: Vec<Probe> = Vec::new();
    for (id, route) in site.routes_with_ids() {
        for listener in &route.listeners {
            for host in hosts(site, id) {
                for entry in &route.entries {
                    for (variant, target) in targets(entry) {
                        ask(*listener, &host, entry, variant, &target, &mut probes);
                    }
                }
            }
        }
    }
    probes.truncate(MOST);
    probes
}

/// A name of the route; one that nobody claims where it has none.
fn hosts(site: &Site, id: RouteId) -> Vec<String> {
    let route = &site.routes[id.0];
    match route.hostnames.first() {
        Some(name) => vec![host(&name.value)],
        None => vec!["wsgen.test".to_owned()],
    }
}

/// Paths of an entry, and those beside it.
fn targets(entry: &Entry) -> Vec<(bool, String)> {
    match &entry.path {
        PathRule::Exact(path) => {
            let path = path.as_str();
            vec![(false, path.to_owned()), (true, format!("{path}/")), (true, format!("{path}x"))]
        }
        PathRule::Prefix(path) => {
            let bare = path.as_str().trim_end_matches('/');
            let mut all =
                vec![(false, format!("{bare}/")), (false, format!("{bare}/qed/a%20b?c=d%26e"))];
            if !bare.is_empty() {
                all.extend([(true, bare.to_owned()), (true, format!("{bare}7"))]);
            }
            all
        }
        PathRule::StartsWith(path) => {
            let text = path.as_str();
            let shorter = text[..text.len() - 1].to_owned();
            let mut all = vec![
                (false, text.to_owned()),
                (false, format!("{text}7")),
                (false, format!("{}/qed/a%20b?c=d%26e", text.trim_end_matches('/'))),
            ];
            if shorter.len() > 1 {
                all.push((true, shorter));
            }
            all
        }
        PathRule::Regex(pattern) => {
            sample(pattern.as_str()).into_iter().map(|path| (false, path)).collect()
        }
    }
}

fn ask(
    listener: ListenerId,
    host: &str,
    entry: &Entry,
    variant: bool,
    target: &str,
    probes: &mut Vec<Probe>,
) {
    let value = |value: &ValueMatch| match value {
        ValueMatch::Present => "x".to_owned(),
        ValueMatch::Equals(value) => value.as_str().to_owned(),
    };
    let query: Vec<String> = entry
        .query
        .iter()
        .map(|(name, wanted)| format!("{}={}", name.as_str(), value(wanted)))
        .collect();
    let target = match (query.is_empty(), target.contains('?')) {
        (true, _) => target.to_owned(),
        (false, true) => format!("{target}&{}", query.join("&")),
        (false, false) => format!("{target}?{}", query.join("&")),
    };
    let fields: Vec<(String, String)> =
        entry.headers.iter().map(|(name, wanted)| (name.to_string(), value(wanted))).collect();
    let method = entry.methods.first().map_or_else(|| "GET".to_owned(), |m| m.as_str().to_owned());
    for handshake in [false, true] {
        if handshake && method != "GET" {
            continue;
        }
        let probe = Probe {
            listener,
            handshake,
            variant,
            method: method.clone(),
            target: target.clone(),
            host: host.to_owned(),
            fields: fields.clone(),
        };
        let same = |known: &Probe| known.listener == probe.listener && known.text() == probe.text();
        if !probes.iter().any(same) {
            probes.push(probe);
        }
    }
}
