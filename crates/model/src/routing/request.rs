//! What route choice looks at, and what it answers.

use crate::routing::PathProblem;
use crate::site::{ListenerId, RouteId};

/// The version of HTTP that a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
    /// HTTP/2.
    Http2,
}

/// A request head.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The listener that received it.
    pub listener: ListenerId,
    /// Its version.
    pub version: Version,
    /// Host or `:authority` as received; `None` where there was none.
    pub host: Option<&'a str>,
    /// Its method.
    pub method: &'a str,
    /// Its target as received, in origin or absolute form (RFC 9112 section 3.2).
    pub target: &'a str,
    /// Its field lines in order, names in any case.
    pub headers: &'a [(&'a str, &'a str)],
    /// `:protocol` of an extended CONNECT (RFC 8441); `None` on HTTP/1, where `Upgrade` says it.
    pub upgrade: Option<&'a str>,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It belongs to a route.
    Route {
        /// The route.
        route: RouteId,
        /// Whether it is a WebSocket request (`handshake/strict-token`).
        websocket: bool,
    },
    /// No route matches: 404 (`route/none`).
    NotFound,
    /// Its path has no normal form: 400 (`route/bad-path`).
    BadRequest(PathProblem),
}

impl<'a> Request<'a> {
    /// The values of a field, one for each line.
    pub fn field(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| *v)
    }

    /// Whether it is a WebSocket request (`handshake/strict-token`, `handshake/extended-connect`).
    pub fn is_websocket(&self) -> bool {
        let token = |text: &str| text.trim().eq_ignore_ascii_case("websocket");
        match self.version {
            Version::Http10 => false,
            Version::Http2 => self.method == "CONNECT" && self.upgrade.is_some_and(token),
            Version::Http11 => {
                let mut upgrade = self.field("upgrade");
                let one = upgrade.next().is_some_and(token) && upgrade.next().is_none();
                one && self
                    .field("connection")
                    .flat_map(|value| value.split(','))
                    .any(|option| option.trim().eq_ignore_ascii_case("upgrade"))
            }
        }
    }

    /// The method for matching: an extended CONNECT counts as a GET (`handshake/extended-connect`).
    pub fn effective_method(&self) -> &'a str {
        if self.version == Version::Http2 && self.upgrade.is_some() { "GET" } else { self.method }
    }

    /// Host and path: an absolute target beats the Host field (RFC 9112 section 3.2.2).
    pub fn host_and_path(&self) -> (Option<&'a str>, &'a str) {
        let absolute = ["http://", "https://", "ws://", "wss://"].into_iter().find_map(|scheme| {
            let head = self.target.get(..scheme.len())?;
            head.eq_ignore_ascii_case(scheme).then(|| &self.target[scheme.len()..])
        });
        match absolute {
            Some(rest) => match rest.find(['/', '?']) {
                Some(at) if rest.as_bytes()[at] == b'/' => (Some(&rest[..at]), &rest[at..]),
                Some(at) => (Some(&rest[..at]), "/"),
                None => (Some(rest), "/"),
            },
            None => (self.host, self.target),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn websocket(version: Version, headers: &[(&str, &str)]) -> bool {
        let request = Request {
            listener: ListenerId(0),
            version,
            host: Some("a"),
            method: "GET",
            target: "/",
            headers,
            upgrade: None,
        };
        request.is_websocket()
    }

    #[test]
    fn the_token_is_strict() {
        let yes: &[&[(&str, &str)]] = &[
            &[("Upgrade", "websocket"), ("Connection", "Upgrade")],
            &[("upgrade", " WebSocket "), ("connection", "keep-alive, upgrade")],
            &[("Upgrade", "websocket"), ("Connection", "close"), ("Connection", "UPGRADE")],
        ];
        let no: &[&[(&str, &str)]] = &[
            &[],
            &[("Upgrade", "websocket")],
            &[("Connection", "upgrade")],
            &[("Upgrade", "h2c"), ("Connection", "upgrade")],
            &[("Upgrade", "websocket, foo"), ("Connection", "upgrade")],
            &[("Upgrade", "websocket"), ("Upgrade", "websocket"), ("Connection", "upgrade")],
            &[("Upgrade", "websocket"), ("Connection", "upgraded")],
        ];
        assert!(yes.iter().all(|headers| websocket(Version::Http11, headers)));
        assert!(!no.iter().any(|headers| websocket(Version::Http11, headers)));
        assert!(!websocket(Version::Http10, yes[0]));
    }

    #[test]
    fn an_absolute_target_beats_host() {
        let request = |target| Request {
            listener: ListenerId(0),
            version: Version::Http11,
            host: Some("a"),
            method: "GET",
            target,
            headers: &[],
            upgrade: None,
        };
        assert_eq!(request("http://b:80/x?y").host_and_path(), (Some("b:80"), "/x?y"));
        assert_eq!(request("HTTP://b").host_and_path(), (Some("b"), "/"));
        assert_eq!(request("/x").host_and_path(), (Some("a"), "/x"));
    }
}
