//! Rules that answer by themselves: redirects, refusals, fixed answers.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{Hostname, PathLiteral};

use super::scope::Importer;
use crate::import::draft::Draft;
use crate::import::ledger::Id;

impl Importer<'_> {
    /// What a rule answers with, if it answers.
    pub(super) fn answer(&mut self, id: Id) -> Option<Draft> {
        let words = self.all[id].words.clone();
        let end =
            words.iter().position(|word| word == "if" || word == "unless").unwrap_or(words.len());
        let words: Vec<&str> = words[..end].iter().map(String::as_str).collect();
        let behind = |word: &str| {
            let at = words.iter().position(|known| *known == word)?;
            words.get(at + 1).copied()
        };
        match words.as_slice() {
            ["redirect" | "http-request", ..] if words.contains(&"redirect") => {
                let status: u64 = behind("code").and_then(|code| code.parse().ok()).unwrap_or(302);
                let mut redirect = Draft::map();
                let fits = if let Some(scheme) = behind("scheme") {
                    redirect.set(&["scheme"], scheme);
                    ["http", "https"].contains(&scheme)
                } else if let Some(to) = behind("location").or(behind("prefix")) {
                    target(to, words.contains(&"prefix"), &mut redirect)
                } else {
                    false
                };
                if !fits || !matches!(status, 301 | 302 | 303 | 307 | 308) {
                    self.ledger.lost(
                        id,
                        "where it leads is computed in a way that the model does not know",
                    );
                    return None;
                }
                let to = behind("location").unwrap_or_default();
                if to.split_once("://").is_some_and(|(_, rest)| !rest.contains(['/', '%'])) {
                    self.differs(id, "the Location has a path, a slash, where it had none");
                }
                redirect.set(&["status"], status);
                Some(Draft::of("redirect", redirect))
            }
            ["http-request", "deny" | "tarpit" | "reject" | "silent-drop", ..] | ["block", ..] => {
                let status: u64 = behind("deny_status")
                    .or(behind("status"))
                    .and_then(|s| s.parse().ok())
                    .unwrap_or(403);
                Some(Draft::of("respond", Draft::of("status", status.clamp(400, 599))))
            }
            ["http-request", "return", ..] => {
                let mut respond = Draft::of(
                    "status",
                    behind("status")
                        .and_then(|s| s.parse::<u64>().ok())
                        .unwrap_or(200)
                        .clamp(200, 599),
                );
                if let Some(text) = behind("string").filter(|text| !text.is_empty()) {
                    respond.set(&["body"], text);
                }
                if behind("file").is_some() || behind("lf-string").is_some() {
                    self.differs(id, "the body is left out");
                }
                Some(Draft::of("respond", respond))
            }
            _ => None,
        }
    }
}

/// Where a `location` or `prefix` leads.
fn target(to: &str, prefix: bool, redirect: &mut Draft) -> bool {
    if to.contains('%') && !to.contains("%[") {
        return false;
    }
    let (rest, scheme) = match to.split_once("://") {
        Some((scheme, rest)) => (rest, Some(scheme)),
        None => (to, None),
    };
    if let Some(scheme) = scheme {
        if !["http", "https"].contains(&scheme) {
            return false;
        }
        redirect.set(&["scheme"], scheme);
    }
    let (authority, path) = if scheme.is_some() {
        rest.split_at(rest.find(['/', '%']).unwrap_or(rest.len()))
    } else {
        ("", rest)
    };
    let (authority, path) = match (authority, rest) {
        // `https://%[hdr(host)]%[capture.req.uri]`
        ("", rest) if scheme.is_some() => match rest.split_once(']') {
            Some((host, path)) if host.to_lowercase().contains("hdr(host") => ("", path),
            _ => return false,
        },
        other => (other.0, path),
    };
    if !authority.is_empty() {
        let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
        if Hostname::parse(host).is_err() {
            return false;
        }
        redirect.set(&["hostname"], host);
        if let Ok(port @ 1..) = port.parse::<u16>() {
            redirect.set(&["port"], u64::from(port));
        }
    }
    let as_asked =
        ["%[path]", "%[capture.req.uri]", "%[url]", "%[pathq]", "%[path]%[query]"].contains(&path);
    if as_asked || (prefix && path.is_empty()) {
        return *redirect != Draft::map();
    }
    if prefix || (path.contains('%')) {
        return false;
    }
    let path = if path.is_empty() { "/" } else { path };
    redirect.set(&["path"], path);
    PathLiteral::parse(path).is_ok()
}
