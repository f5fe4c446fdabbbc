//! Answers that Apache makes itself: `Redirect` and its kin, and what rules redirect to.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::PathLiteral;

use super::condition::Asked;
use super::passes::ways;
use super::rewrite::{Act, Rule};
use super::scope::Importer;
use crate::import::draft::Draft;
use crate::import::hostnames::is_one;
use crate::import::ledger::Id;
use crate::import::pattern::prefix_change;

impl Importer<'_> {
    /// `Redirect`, `RedirectMatch` and the like in a list of directives; `place` is that of a section around them.
    pub(super) fn redirects(&mut self, list: &[Id], place: Option<(&str, bool)>) -> Vec<Rule> {
        let mut rules = Vec::new();
        for id in list.iter().copied() {
            let name = self.all[id].name.clone();
            if !["redirect", "redirectpermanent", "redirecttemp", "redirectmatch"]
                .contains(&name.as_str())
            {
                continue;
            }
            let words = self.texts(id);
            let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
            let mut status = if name == "redirectpermanent" { 301 } else { 302 };
            let told = words.first().copied().and_then(|word| match word {
                "permanent" => Some(301),
                "temp" => Some(302),
                "seeother" => Some(303),
                "gone" => Some(410),
                word => word.parse::<u16>().ok().filter(|code| (100..600).contains(code)),
            });
            if let Some(told) = told {
                status = told;
                words.remove(0);
            }
            let regex = name == "redirectmatch" || place.is_some_and(|(_, regex)| regex);
            let (from, to) = match (place, words.as_slice()) {
                (None, [from, rest @ ..]) => {
                    ((*from).to_owned(), rest.first().copied().unwrap_or_default())
                }
                (Some((path, _)), rest) => {
                    (path.to_owned(), rest.first().copied().unwrap_or_default())
                }
                _ => {
                    self.ledger.lost(id, "it says nothing");
                    continue;
                }
            };
            let act = if (300..400).contains(&status) {
                let redirect = if regex {
                    redirect_by_pattern(&from, to, &Asked::default(), status)
                } else {
                    redirect(to, &from, status)
                };
                redirect.map(|redirect| Draft::of("redirect", redirect))
            } else {
                Some(Draft::of("respond", Draft::of("status", u64::from(status.clamp(200, 599)))))
            };
            match (act, ways(&from, regex)) {
                (Some(act), Some(ways)) => {
                    let field =
                        if act.get(&["redirect"]).is_some() { "redirect" } else { "respond" };
                    self.ledger.taken(id, field);
                    if from.ends_with('/') && to.contains("://") && !to.ends_with('/') && !regex {
                        self.differs(
                            id,
                            "a slash stands between the host of the Location and the path, where there was none",
                        );
                    }
                    rules.push(Rule {
                        id,
                        ways,
                        act: Act::Answer(act),
                        scopes: Vec::new(),
                        parameters: Vec::new(),
                        variables: Vec::new(),
                    });
                }
                _ => self
                    .ledger
                    .lost(id, "where it leads is computed in a way that the model does not know"),
            }
        }
        rules
    }
}

/// `Redirect FROM TO`: what stands behind the path that was asked for is put behind the URL.
fn redirect(to: &str, from: &str, status: u16) -> Option<Draft> {
    let (mut redirect, path) = start(to)?;
    let bare = |path: &str| path.trim_end_matches('/').to_owned();
    if path.contains(['$', '%']) {
        return None;
    }
    // From the root to a root, what was asked for stays behind it.
    if bare(&path) != bare(from) {
        PathLiteral::parse(&path).ok()?;
        redirect.set(&["path"], path);
    }
    finish(redirect, status)
}

/// A redirect of a rule: to the same path elsewhere, or to a fixed one.
pub(super) fn redirect_by_pattern(
    pattern: &str,
    to: &str,
    asked: &Asked,
    status: u16,
) -> Option<Draft> {
    let (mut redirect, path) = start(to)?;
    if let Some(change) =
        asked.pattern.as_ref().and_then(|pattern| prefix_change(pattern, &path.replace("%1", "$1")))
    {
        let part = |path: &[&str], other: &str| change.text(path).unwrap_or(other).to_owned();
        let stripped = part(&["strip_prefix"], "/");
        let from = part(&["replace_prefix", "from"], &stripped);
        redirect.set(&["prefix", "from"], from);
        redirect.set(&["prefix", "to"], part(&["replace_prefix", "to"], "/"));
        return finish(redirect, status);
    }
    let path = path.trim_end_matches("?%{QUERY_STRING}").trim_end_matches('?').to_owned();
    let whole = [
        "(.*)", "^(.*)", "^(.*)$", "^(/.*)$", "^/?(.*)$", "^/?(.*)", "^/(.*)$", "^/(.*)", "^",
        ".*", "^/", "/(.*)",
    ];
    let as_asked = ["%{REQUEST_URI}", "/%{REQUEST_URI}"].contains(&path.as_str())
        || (["$1", "/$1", "$0"].contains(&path.as_str()) && whole.contains(&pattern))
        || path == super::rewrite::same(pattern) && path.contains('$');
    if !as_asked {
        let path = if path.is_empty() { "/".to_owned() } else { path };
        if path.contains(['$', '%']) {
            return None;
        }
        PathLiteral::parse(&path).ok()?;
        redirect.set(&["path"], path);
    }
    finish(redirect, status)
}

/// Scheme, host and port of a URL, and the path behind them.
fn start(to: &str) -> Option<(Draft, String)> {
    let mut redirect = Draft::map();
    let Some((scheme, rest)) = to.split_once("://") else {
        return (to.starts_with('/') || to.starts_with("%{REQUEST_URI}") || to.starts_with("$1"))
            .then(|| (redirect, to.to_owned()));
    };
    match scheme {
        "http" | "https" => redirect.set(&["scheme"], scheme),
        "%{REQUEST_SCHEME}" => {}
        _ => return None,
    }
    let own = ["%{HTTP_HOST}", "%{SERVER_NAME}", "%{HTTP:Host}"];
    let rest = match own.iter().find_map(|name| rest.strip_prefix(name)) {
        Some(rest) => {
            let (port, path) = match rest.strip_prefix(':') {
                Some(rest) => rest.split_at(rest.find(['/', '%', '$']).unwrap_or(rest.len())),
                None => ("", rest),
            };
            return port_of(port, &mut redirect).map(|()| (redirect, path.to_owned()));
        }
        None => rest,
    };
    let (authority, path) = rest.split_at(rest.find(['/', '%', '$']).unwrap_or(rest.len()));
    let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
    if !is_one(host) {
        return None;
    }
    redirect.set(&["hostname"], host);
    port_of(port, &mut redirect)?;
    Some((redirect, path.to_owned()))
}

fn port_of(port: &str, redirect: &mut Draft) -> Option<()> {
    if !port.is_empty() {
        redirect.set(&["port"], u64::from(port.parse::<u16>().ok().filter(|port| *port > 0)?));
    }
    Some(())
}

fn finish(mut redirect: Draft, status: u16) -> Option<Draft> {
    // To where it came from is no redirect.
    if redirect == Draft::map() || !matches!(status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    redirect.set(&["status"], u64::from(status));
    Some(redirect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_of_redirects_are_understood() {
        for (pattern, to, keys) in [
            ("(.*)", "https://%{HTTP_HOST}%{REQUEST_URI}", vec![("scheme", "https")]),
            ("^/?(.*)", "https://%{SERVER_NAME}/$1", vec![("scheme", "https")]),
            ("^/", "%{REQUEST_SCHEME}://%{SERVER_NAME}:8080%{REQUEST_URI}", vec![("port", "8080")]),
            ("^/a$", "/b", vec![("path", "/b")]),
        ] {
            let redirect = redirect_by_pattern(pattern, to, &Asked::default(), 301)
                .unwrap_or_else(|| panic!("{to}"));
            for (key, value) in keys {
                assert_eq!(redirect.text(&[key]), Some(value), "{to}");
            }
        }
        assert_eq!(redirect_by_pattern("^/a(.*)", "/b$1", &Asked::default(), 301), None);
        assert_eq!(redirect("https://a.test", "/", 301).unwrap().text(&["path"]), None);
        assert_eq!(redirect("https://a.test/x", "/", 301).unwrap().text(&["path"]), Some("/x"));
    }
}
