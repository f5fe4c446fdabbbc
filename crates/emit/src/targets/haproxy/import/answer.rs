//! Rules that answer by themselves: redirects, refusals, fixed answers.

use wsgen_model::check::is_proxys_own;
use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{HeaderName, HeaderValue, PathLiteral};

use super::scope::Importer;
use crate::import::choices::Bound;
use crate::import::draft::Draft;
use crate::import::hostnames::is_one;
use crate::import::ledger::Id;

impl Importer<'_> {
    /// What a rule answers with on these listeners. Who leads to the scheme and the host that were asked for leaves the
    /// port as it is, which a scheme that is written would not.
    pub(super) fn answer_on(&mut self, section: usize, id: Id, bounds: &[Bound]) -> Option<Draft> {
        let mut fields = self.answer(section, id)?;
        let secure = fields.text(&["redirect", "scheme"]).map(|scheme| scheme == "https");
        let own = secure.is_some_and(|secure| bounds.iter().all(|bound| bound.tls == secure));
        let port = self.all[id].words.iter().any(|word| word.contains("://%[req.hdr(host)]"));
        if own && port {
            fields.remove(&["redirect", "scheme"]);
        }
        Some(fields)
    }

    /// What a rule answers with, if it answers.
    fn answer(&mut self, section: usize, id: Id) -> Option<Draft> {
        if self.settled.contains(&id) || self.policy(section, id).is_some() {
            return None;
        }
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
                if let Some(kind) = behind("content-type") {
                    respond.set(&["headers", "Content-Type"], kind);
                }
                for (at, _) in words.iter().enumerate().filter(|(_, word)| **word == "hdr") {
                    let (Some(name), Some(value)) = (words.get(at + 1), words.get(at + 2)) else {
                        continue;
                    };
                    let text = value.replace("%%", "\u{0}");
                    let value = text.replace('\u{0}', "%");
                    if is_proxys_own(name, false) {
                        // It is written for each connection anyway.
                    } else if text.contains('%')
                        || HeaderName::parse(name).is_err()
                        || HeaderValue::parse(&value).is_err()
                    {
                        self.differs(
                            id,
                            "a field of the answer is left out: its value is computed",
                        );
                    } else {
                        respond.set(&["headers", name], value);
                    }
                }
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

/// The host that was asked for, or a variable of it.
fn is_host(text: &str) -> bool {
    let inner = text.to_lowercase();
    inner.contains("hdr(host") || inner == "%[var(txn.host)"
}

/// `%[url,regsub(^/a,/b)]`: one prefix for another.
fn prefix_of(path: &str) -> Option<(String, String)> {
    let inner =
        ["%[url,regsub(^", "%[path,regsub(^"].iter().find_map(|head| path.strip_prefix(head))?;
    let (from, to) = inner.strip_suffix(")]")?.split_once(',')?;
    let from = from.strip_suffix("/?").unwrap_or(from).replace('\\', "");
    let from = if from.is_empty() { "/".to_owned() } else { from };
    let fits = PathLiteral::parse(&from).is_ok() && PathLiteral::parse(to).is_ok();
    fits.then(|| (from, to.to_owned()))
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
            Some((host, path)) if is_host(host) => ("", path),
            _ => return false,
        },
        other => (other.0, path),
    };
    if !authority.is_empty() {
        let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
        if !is_one(host) {
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
    if let Some((from, to)) = prefix_of(path) {
        redirect.set(&["prefix", "from"], from);
        redirect.set(&["prefix", "to"], to);
        return true;
    }
    if prefix || (path.contains('%')) {
        return false;
    }
    let path = if path.is_empty() { "/" } else { path };
    redirect.set(&["path"], path);
    PathLiteral::parse(path).is_ok()
}
