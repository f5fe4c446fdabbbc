//! A request that is made up for a route.

use std::fmt::Write;

use wsgen_model::config::ValueMatch;
use wsgen_model::routing::{Outcome, Request, Version};
use wsgen_model::scalar::{Hostname, Origin};
use wsgen_model::site::{Entry, PathRule, RouteId, Site};

use crate::peer::handshake;

/// What is sent, without what makes it a handshake.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    method: String,
    target: String,
    host: String,
    fields: Vec<(String, String)>,
    origin: Option<String>,
}

impl Asked {
    /// Makes one up; an error says why that cannot be done.
    pub(super) fn of(site: &Site, id: RouteId) -> Result<Self, String> {
        let route = &site.routes[id.0];
        let host =
            route.hostnames.first().map_or_else(|| "wsgen.test".to_owned(), |h| host(&h.value));
        let origin = route.forward().and_then(|forward| {
            let first = forward.websocket.origins.as_ref()?.value.first()?;
            let tls = site.listener(route.listeners[0]).tls.is_some();
            Some(self::origin(&first.value, &host, tls))
        });
        let made =
            route.entries.iter().find_map(|entry| Self::for_entry(entry, &host, origin.clone()));
        let made = made.ok_or("its paths are regexes; give it an `expect`")?;
        let fields: Vec<(&str, &str)> =
            made.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let upgrade = [("upgrade", "websocket"), ("connection", "upgrade")];
        let both = [fields.as_slice(), upgrade.as_slice()].concat();
        for headers in [fields.as_slice(), both.as_slice()] {
            let outcome = site.route(&Request {
                listener: route.listeners[0],
                version: Version::Http11,
                host: Some(&made.host),
                method: &made.method,
                target: &made.target,
                headers,
                upgrade: None,
            });
            if !matches!(outcome, Outcome::Route { route, .. } if route == id) {
                return Err(
                    "another route takes what is made up for it; give it an `expect`".into()
                );
            }
        }
        Ok(made)
    }

    fn for_entry(entry: &Entry, host: &str, origin: Option<String>) -> Option<Self> {
        let path = match &entry.path {
            PathRule::Exact(path) | PathRule::Prefix(path) | PathRule::StartsWith(path) => {
                path.as_str()
            }
            PathRule::Regex(_) => return None,
        };
        if entry.upgrade {
            return None;
        }
        let value = |value: &ValueMatch| match value {
            ValueMatch::Present => "x".to_owned(),
            ValueMatch::Equals(value) => value.as_str().to_owned(),
        };
        let query: Vec<_> = entry
            .query
            .iter()
            .map(|(name, wanted)| format!("{}={}", name.as_str(), value(wanted)))
            .collect();
        let target =
            if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) };
        let fields = entry.headers.iter().map(|(name, wanted)| (name.to_string(), value(wanted)));
        Some(Self {
            method: entry
                .methods
                .first()
                .map_or_else(|| "GET".to_owned(), |m| m.as_str().to_owned()),
            target,
            host: host.to_owned(),
            fields: fields.collect(),
            origin,
        })
    }

    fn lines(&self) -> String {
        let mut lines = format!("Host: {}\r\n", self.host);
        for (name, value) in &self.fields {
            let _ = write!(lines, "{name}: {value}\r\n");
        }
        lines
    }

    /// As a plain request.
    pub(super) fn plain(&self) -> Sent {
        let length = if self.method == "GET" || self.method == "HEAD" {
            ""
        } else {
            "Content-Length: 0\r\n"
        };
        let text = format!(
            "{} {} HTTP/1.1\r\n{}{length}Connection: close\r\n\r\n",
            self.method,
            self.target,
            self.lines()
        );
        Sent { host: self.host.clone(), text }
    }

    /// As a handshake.
    pub(super) fn handshake(&self) -> Sent {
        let origin = self.origin.as_ref().map_or_else(String::new, |o| format!("Origin: {o}\r\n"));
        let text = handshake::request(&self.target, &format!("{}{origin}", self.lines()));
        Sent { host: self.host.clone(), text }
    }
}

/// What is sent, and to which name.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// The name for TLS.
    pub(crate) host: String,
    /// The bytes.
    pub(crate) text: String,
}

/// A host that a name claims.
pub(crate) fn host(name: &Hostname) -> String {
    let text = name.to_string();
    text.strip_prefix("*.").map_or(text.clone(), |rest| format!("wsgen.{rest}"))
}

fn origin(origin: &Origin, host: &str, tls: bool) -> String {
    match origin {
        Origin::Same => format!("{}://{host}", if tls { "https" } else { "http" }),
        other => other.to_string().replace("*.", "wsgen."),
    }
}
