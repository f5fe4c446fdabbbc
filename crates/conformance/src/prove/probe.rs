//! What both servers are asked: made up from the routes of the model.

use wsgen_emit::Unusual;
use wsgen_model::config::ValueMatch;
use wsgen_model::routing::{Outcome, Request, Version};
use wsgen_model::site::{Auth, Entry, ListenerId, PathRule, RouteId, Site};

use super::sample::sample;
use crate::own::host;
use crate::peer::handshake;

/// The most that is asked of the model.
const OF_THE_MODEL: usize = 400;

/// One question.
#[derive(Debug, Clone)]
pub(super) struct Probe {
    pub(super) listener: ListenerId,
    /// Whether it is a handshake.
    pub(super) handshake: bool,
    pub(super) method: String,
    pub(super) target: String,
    pub(super) host: String,
    /// Fields that may decide about the route.
    pub(super) fields: Vec<(String, String)>,
    /// The request as bytes.
    pub(super) text: String,
    /// The question in one line, for reports.
    pub(super) title: String,
    /// Whether the model and the new server alone are asked, because the original says nothing about this question.
    pub(super) rendered: bool,
    /// Whether a refusal and a plain answer count as the same, so that only a tunnel makes a difference.
    pub(super) no_tunnel: bool,
}

impl Probe {
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

    /// Returns what is unusual about the request.
    pub(super) fn unusual(&self) -> Vec<Unusual> {
        let query = self.target.split_once('?').map(|(_, query)| query);
        let twice = |at: usize, name: &str| {
            self.fields[..at].iter().any(|(other, _)| other.eq_ignore_ascii_case(name))
        };
        let mut fields = self.fields.iter().enumerate();
        let lists = fields.any(|(at, (name, value))| value.contains(',') || twice(at, name));
        let bare = query.is_some_and(|q| q.split('&').any(|pair| !pair.contains('=')));
        let all = [
            (self.host.contains(':'), Unusual::HostPort),
            (self.host.contains(|c: char| c.is_ascii_uppercase()), Unusual::HostCase),
            (lists, Unusual::FieldList),
            (query.is_some(), Unusual::Query),
            (bare, Unusual::BareParameter),
            (self.target.to_ascii_lowercase().contains("%2f"), Unusual::EncodedSlash),
        ];
        all.into_iter().filter(|(is, _)| *is).map(|(_, what)| what).collect()
    }

    /// Whether two questions send the same bytes to the same listener.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.listener == other.listener && self.text == other.text
    }
}

/// The question in one line, for reports.
fn title(probe: &Probe, forged: &[String]) -> String {
    let what = if probe.handshake { "WebSocket" } else { probe.method.as_str() };
    let fields: Vec<String> =
        probe.fields.iter().map(|(name, value)| format!(", {name}: {value}")).collect();
    let forged = if forged.is_empty() { "" } else { ", with forged fields" };
    format!("{what} {} of {}{}{forged}", probe.target, probe.host, fields.concat())
}

/// The request as bytes.
fn text(probe: &Probe, forged: &[String]) -> String {
    let mut lines = format!("Host: {}\r\nX-Kept: as it is\r\n", probe.host);
    for name in forged {
        let value = match name.as_str() {
            "x-forwarded-for" | "x-real-ip" => "203.0.113.9",
            "x-forwarded-proto" => "gopher",
            "forwarded" => "for=203.0.113.9;proto=gopher",
            _ => "forged.test",
        };
        lines.push_str(&format!("{name}: {value}\r\n"));
    }
    for (name, value) in &probe.fields {
        lines.push_str(&format!("{name}: {value}\r\n"));
    }
    if probe.handshake {
        let origin = format!("{lines}Origin: http://{}\r\n", probe.host);
        return handshake::request(&probe.target, &origin);
    }
    let length =
        if ["GET", "HEAD"].contains(&probe.method.as_str()) { "" } else { "Content-Length: 0\r\n" };
    format!(
        "{} {} HTTP/1.1\r\n{lines}{length}Connection: close\r\n\r\n",
        probe.method, probe.target
    )
}

/// The word of the made-up user (RFC 7617 section 2: `wsgen:secret`).
const LOGIN: (&str, &str) = ("authorization", "Basic d3NnZW46c2VjcmV0");

/// Returns all questions for a model. `told` are request fields that the original tells its upstreams, beside those of the
/// model; `logins` says whether both know the made-up user.
pub(super) fn probes(site: &Site, told: &[String], logins: bool) -> Vec<Probe> {
    let mut probes: Vec<Probe> = Vec::new();
    let forged = forged(site, told);
    for (id, route) in site.routes_with_ids() {
        for listener in &route.listeners {
            for host in hosts(site, id) {
                for entry in &route.entries {
                    let basic = route.forward().and_then(|forward| forward.auth.as_ref());
                    let basic = basic.is_some_and(|auth| matches!(auth.value, Auth::Basic { .. }));
                    for target in targets(entry) {
                        let mut asked = Asked {
                            listener: *listener,
                            host: &host,
                            forged: &forged,
                            login: false,
                        };
                        asked.ask(entry, &target, &mut probes);
                        if basic && logins {
                            asked.login = true;
                            asked.ask(entry, &target, &mut probes);
                        }
                    }
                }
            }
        }
    }
    probes.truncate(OF_THE_MODEL);
    probes
}

/// The fields that a client may forge, in lower case.
fn forged(site: &Site, told: &[String]) -> Vec<String> {
    // Fields that say what a request is are none that anybody vouches for.
    const OWN: [&str; 8] = [
        "host",
        "connection",
        "upgrade",
        "content-length",
        "transfer-encoding",
        "origin",
        "te",
        "expect",
    ];
    let mut all: Vec<String> =
        ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-real-ip"]
            .map(str::to_owned)
            .into();
    let edits = site.routes.iter().filter_map(|route| route.forward()).map(|f| &f.request_headers);
    for edit in edits {
        let set = edit.set.iter().chain(&edit.add).map(|(name, _)| name.value.to_string());
        all.extend(set.chain(edit.remove.iter().map(|name| name.value.to_string())));
    }
    all.extend(told.iter().cloned());
    for name in &mut all {
        name.make_ascii_lowercase();
    }
    all.sort();
    all.dedup();
    all.retain(|name| !OWN.contains(&name.as_str()) && !name.starts_with("sec-websocket-"));
    all.truncate(24);
    all
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
fn targets(entry: &Entry) -> Vec<String> {
    match &entry.path {
        PathRule::Exact(path) => {
            let path = path.as_str();
            vec![path.to_owned(), format!("{path}/"), format!("{path}x")]
        }
        PathRule::Prefix(path) => {
            let bare = path.as_str().trim_end_matches('/');
            let mut all = vec![format!("{bare}/"), format!("{bare}/qed/a%20b?c=d%26e")];
            if !bare.is_empty() {
                all.extend([bare.to_owned(), format!("{bare}7")]);
            }
            all
        }
        PathRule::StartsWith(path) => {
            let text = path.as_str();
            let shorter = text[..text.len() - 1].to_owned();
            let below = format!("{}/qed/a%20b?c=d%26e", text.trim_end_matches('/'));
            let mut all = vec![text.to_owned(), format!("{text}7"), below];
            all.extend(Some(shorter).filter(|shorter| shorter.len() > 1));
            all
        }
        PathRule::Regex(pattern) => sample(pattern.as_str()).into_iter().collect(),
    }
}

/// What all questions for one entry have in common.
struct Asked<'a> {
    listener: ListenerId,
    host: &'a str,
    forged: &'a [String],
    login: bool,
}

impl Asked<'_> {
    /// Adds the questions for one target.
    fn ask(&self, entry: &Entry, target: &str, probes: &mut Vec<Probe>) {
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
        let mut fields: Vec<(String, String)> =
            entry.headers.iter().map(|(name, wanted)| (name.to_string(), value(wanted))).collect();
        if self.login {
            fields.push((LOGIN.0.to_owned(), LOGIN.1.to_owned()));
        }
        let method =
            entry.methods.first().map_or_else(|| "GET".to_owned(), |m| m.as_str().to_owned());
        // What the route itself asks for is said once.
        let asked = |name: &&String| !fields.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
        let forged: Vec<String> = self.forged.iter().filter(asked).cloned().collect();
        for (handshake, forges) in [(false, false), (false, true), (true, false), (true, true)] {
            if handshake && method != "GET" {
                continue;
            }
            let mut probe = Probe {
                listener: self.listener,
                handshake,
                method: method.clone(),
                target: target.clone(),
                host: self.host.to_owned(),
                fields: fields.clone(),
                text: String::new(),
                title: String::new(),
                rendered: false,
                no_tunnel: false,
            };
            let forged = if forges { &forged[..] } else { &[] };
            probe.text = text(&probe, forged);
            probe.title = title(&probe, forged);
            if !probes.iter().any(|known| known.is_same(&probe)) {
                probes.push(probe);
            }
        }
    }
}
