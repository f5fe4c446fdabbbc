//! Answers of the proxy itself.

use http::StatusCode;
use wsgen_model::routing::NormalPath;
use wsgen_model::scalar::PathLiteral;
use wsgen_model::site::{Auth, Forward, Redirect, RedirectPath, Respond};

/// An answer.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// Its fields.
    pub(crate) fields: Vec<(String, String)>,
    /// Its body.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A status with its words as the body.
    pub(crate) fn status(status: u16) -> Self {
        let body = format!("{status} {}\n", reason(status)).into_bytes();
        let kind = ("Content-Type".to_owned(), "text/plain".to_owned());
        Self { status, fields: vec![kind], body }
    }

    /// An error's page (`error/page`).
    pub(crate) fn page(status: u16, page: &[u8]) -> Self {
        let kind = ("Content-Type".to_owned(), "text/html".to_owned());
        Self { status, fields: vec![kind], body: page.to_vec() }
    }

    /// What a plain request gets where only tunnels are served (`mode/require`).
    pub(crate) fn upgrade_required() -> Self {
        let mut answer = Self::status(426);
        answer.fields.push(("Upgrade".to_owned(), "websocket".to_owned()));
        answer
    }

    /// What somebody without a good name and password gets (`auth/basic`).
    pub(crate) fn unauthorized(forward: &Forward) -> Self {
        let mut answer = Self::status(401);
        if let Some(Auth::Basic { realm, .. }) = forward.auth.as_ref().map(|auth| &auth.value) {
            let realm = realm.as_str().replace('\\', "\\\\").replace('"', "\\\"");
            let ask = format!("Basic realm=\"{realm}\", charset=\"UTF-8\"");
            answer.fields.push(("WWW-Authenticate".to_owned(), ask));
        }
        answer
    }

    /// A fixed answer (`respond/fixed`).
    pub(crate) fn respond(respond: &Respond) -> Self {
        let fields = respond.headers.iter();
        let mut answer = Self {
            status: respond.status,
            fields: fields.map(|(n, v)| (n.value.to_string(), v.value.to_string())).collect(),
            body: respond.body.as_ref().map_or_else(Vec::new, |b| b.as_str().as_bytes().to_vec()),
        };
        let typed = respond.headers.iter().any(|(name, _)| name.value.is("content-type"));
        if !typed && !answer.body.is_empty() {
            answer.fields.push(("Content-Type".to_owned(), "text/plain".to_owned()));
        }
        answer
    }

    /// A redirect: what is not written stays as it was asked (`redirect/parts`).
    pub(crate) fn redirect(
        redirect: &Redirect,
        host: &str,
        path: &NormalPath<'_>,
        secure: bool,
    ) -> Self {
        let asked = if secure { "https" } else { "http" };
        let scheme = redirect.scheme.map_or(asked, |scheme| scheme.value.as_str());
        let bare = || {
            let end = if host.starts_with('[') {
                host.find(']').map(|at| at + 1)
            } else {
                host.find(':')
            };
            host[..end.unwrap_or(host.len())].to_owned()
        };
        let name = redirect.hostname.as_ref().map(|name| name.value.to_string());
        let authority = match (name, redirect.port, redirect.scheme) {
            (name, Some(port), _) => format!("{}:{}", name.unwrap_or_else(bare), port.value),
            (Some(name), None, _) => name,
            // A scheme that is written brings its own port.
            (None, None, Some(_)) => bare(),
            (None, None, None) => host.to_owned(),
        };
        let query = path.query().map_or_else(String::new, |query| format!("?{query}"));
        let place = match &redirect.path {
            RedirectPath::Keep => format!("{}{query}", path.path()),
            RedirectPath::Whole(whole) => whole.value.to_string(),
            RedirectPath::Prefix { from, to } => {
                format!("{}{query}", other_prefix(path.path(), from, to))
            }
        };
        let mut answer = Self::status(*redirect.status);
        answer.fields.push(("Location".to_owned(), format!("{scheme}://{authority}{place}")));
        answer
    }

    /// The answer as it is sent; `head_only` is that to a HEAD.
    pub(crate) fn bytes(&self, head_only: bool, keep_alive: bool) -> Vec<u8> {
        let mut out = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status)).into_bytes();
        for (name, value) in &self.fields {
            out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        if self.status != 204 {
            out.extend_from_slice(format!("Content-Length: {}\r\n", self.body.len()).as_bytes());
        }
        if !keep_alive {
            out.extend_from_slice(b"Connection: close\r\n");
        }
        out.extend_from_slice(b"\r\n");
        if !head_only && self.status != 204 {
            out.extend_from_slice(&self.body);
        }
        out
    }
}

/// Returns a path with another prefix (`rewrite/prefix`). A path that is not below the prefix, which only a regex lets in,
/// stays as it is.
pub(crate) fn other_prefix(path: &str, from: &PathLiteral, to: &PathLiteral) -> String {
    let Some(rest) = path.strip_prefix(from.prefix()).filter(|_| from.covers(path)) else {
        return path.to_owned();
    };
    let changed = format!("{}{rest}", to.prefix());
    if changed.is_empty() { "/".to_owned() } else { changed }
}

/// The words of a status (RFC 9110 section 15). Statuses that have none are answered too (`respond/fixed`).
fn reason(status: u16) -> &'static str {
    let known = StatusCode::from_u16(status).ok();
    known.and_then(|status| status.canonical_reason()).unwrap_or("Status")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_of_three_digits_has_words() {
        let line = |status| {
            let bytes = Answer { status, ..Answer::default() }.bytes(false, false);
            String::from_utf8(bytes).unwrap().lines().next().unwrap().to_owned()
        };
        assert_eq!(line(404), "HTTP/1.1 404 Not Found");
        assert_eq!(line(451), "HTTP/1.1 451 Unavailable For Legal Reasons");
        assert_eq!(line(299), "HTTP/1.1 299 Status");
        assert_eq!(line(599), "HTTP/1.1 599 Status");
    }
}
