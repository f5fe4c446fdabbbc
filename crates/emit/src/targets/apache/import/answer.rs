//! Answers that Apache makes itself: `Redirect` and its kin, and what rules redirect to.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::PathLiteral;

use super::regex;
use super::rule::{Act, Rule};
use super::scope::Importer;
use super::sections::of_path;
use crate::import::draft::Draft;
use crate::import::hostnames::is_one;
use crate::import::ledger::Id;
use crate::import::matcher::PathMatcher;
use crate::import::pattern::prefix_change;
use crate::targets::apache::syntax::Statement;
use crate::targets::apache::syntax::rewrite::RewriteRule;

/// Why a redirect cannot be told.
const COMPUTED: &str = "where it leads is computed in a way that the model does not know";

/// Note on a `Redirect` with a fixed path.
const QUERY: &str = "the query of the request does not go on with the new path";

/// The paths of `Redirect`, `Alias` and `ProxyPass`: by segments; behind a last slash, what begins with it (`alias_match`).
pub(super) fn alias(path: &str) -> Option<PathMatcher> {
    if path.ends_with('/') { regex::beginning(path) } else { PathMatcher::prefix(path) }
}

impl Importer<'_> {
    /// The one `Redirect` without a path that holds in a section: the last of its list.
    pub(super) fn redirect_of_section(&mut self, list: &[Id]) -> Option<(Id, Act)> {
        let mut holds = None;
        for id in list.iter().copied() {
            if let Ok(Statement::Redirect(redirect)) = &self.all[id].statement
                && redirect.from.is_none()
            {
                let before = holds.replace((id, redirect.clone()));
                if let Some((before, _)) = before {
                    self.ledger.dropped(before, "a later one of its section takes its place");
                }
            }
        }
        let (id, redirect) = holds?;
        let to = redirect.to.as_deref().unwrap_or_default();
        let act = match redirect.status {
            status @ 300..=399 => by_url(to, status).ok_or(COMPUTED),
            status => Ok(Draft::of("status", u64::from(status.clamp(200, 599)))),
        };
        if (300..400).contains(&redirect.status) && !to.contains('?') {
            self.differs(id, QUERY);
        }
        Some((id, self.acts(id, redirect.status, act)))
    }

    /// `Redirect`, `RedirectMatch` and the like with a path, in a list of directives.
    pub(super) fn redirects(&mut self, list: &[Id]) -> Vec<Rule> {
        let mut rules = Vec::new();
        for id in list.iter().copied() {
            let redirect = match self.all[id].statement.clone() {
                Ok(Statement::Redirect(redirect)) => redirect,
                Err(why) if self.all[id].name.starts_with("redirect") => {
                    self.ledger.opens(id, &why.why);
                    continue;
                }
                _ => continue,
            };
            // Within a section it is the whole place.
            let Some(from) = redirect.from.clone() else { continue };
            let by_regex = redirect.regex;
            let to = redirect.to.as_deref().unwrap_or_default();
            let path = if by_regex { regex::path(&from, false) } else { alias(&from) };
            let act = match redirect.status {
                status @ 300..=399 if by_regex => self.by_pattern(id, &from, to, None, status),
                status @ 300..=399 => self.by_prefix(id, &from, to, status),
                status => Ok(Draft::of("status", u64::from(status.clamp(200, 599)))),
            };
            let condition = of_path(path);
            if !condition.is_read() {
                self.ledger.opens(id, "the model has no such path");
            }
            let act = self.acts(id, redirect.status, act);
            rules.push(Rule::of(id, condition, act));
        }
        rules
    }

    /// An answer, or a placeholder for one that the model cannot say.
    fn acts(&mut self, id: Id, status: u16, answer: Result<Draft, &'static str>) -> Act {
        let field = if (300..400).contains(&status) { "redirect" } else { "respond" };
        match answer {
            Ok(draft) => {
                self.ledger.taken(id, field);
                Act::Answer(Draft::of(field, draft))
            }
            Err(why) => {
                self.ledger.opens(id, why);
                Act::Placeholder
            }
        }
    }

    /// `Redirect FROM TO`: what stands behind the path that was asked for is put behind the URL.
    fn by_prefix(
        &mut self,
        id: Id,
        from: &str,
        to: &str,
        status: u16,
    ) -> Result<Draft, &'static str> {
        let (mut redirect, path) = start(to).ok_or(COMPUTED)?;
        if path.contains(['$', '%', '?', '#']) {
            return Err(COMPUTED);
        }
        let bare = |path: &str| path.trim_end_matches('/').to_owned();
        let (old, new) = (bare(from), bare(&path));
        let slashes = (from.ends_with('/'), path.ends_with('/'));
        if slashes == (true, false) && path.is_empty() {
            self.differs(id, "a slash stands between the host of the Location and the path, where there was none");
        } else if slashes == (false, true) {
            self.differs(
                id,
                "Apache sends two slashes ahead of the rest of the path here; the model sends one",
            );
        } else if slashes.0 != slashes.1 {
            // `/s/` to `/n`: the text runs on.
            return Err(
                "the end of the path runs on behind the place that it leads to: write both with a last slash, or both without",
            );
        }
        if old != new {
            let or_root = |path: String| if path.is_empty() { "/".to_owned() } else { path };
            let (old, new) = (or_root(old), or_root(new));
            if PathLiteral::parse(&old).is_err() || PathLiteral::parse(&new).is_err() {
                return Err(COMPUTED);
            }
            redirect.set(&["prefix", "from"], old);
            redirect.set(&["prefix", "to"], new);
        }
        finish(redirect, status).ok_or(COMPUTED)
    }

    /// What a `RewriteRule` redirects to.
    pub(super) fn redirect_of(
        &mut self,
        id: Id,
        rule: &RewriteRule,
        to: &str,
        condition: Option<&str>,
        status: u16,
    ) -> Result<Draft, &'static str> {
        let made = self.by_pattern(id, &rule.pattern, to, condition, status)?;
        let fixed = made.get(&["path"]).is_some();
        if rule.flags.query_discard && !fixed {
            return Err("it takes the query away, which the model passes on as it came");
        }
        if fixed && !rule.flags.query_discard && !to.contains('?') {
            self.differs(id, QUERY);
        }
        Ok(made)
    }

    /// A redirect by a regex: to the same path elsewhere, to another prefix, or to a fixed path.
    fn by_pattern(
        &mut self,
        id: Id,
        pattern: &str,
        to: &str,
        condition: Option<&str>,
        status: u16,
    ) -> Result<Draft, &'static str> {
        let (mut redirect, path) = start(to).ok_or(COMPUTED)?;
        let change =
            condition.and_then(|pattern| prefix_change(pattern, &path.replace("%1", "$1")));
        let change = change.or_else(|| prefix_change(pattern, &path));
        // `^/old/(.*)$` to `/new/$1`.
        let below = pattern.strip_prefix('^').and_then(|rest| {
            let rest = rest.strip_suffix("/(.*)$").or_else(|| rest.strip_suffix("/(.*)"))?;
            regex::plain_text(rest).filter(|text| text.len() > 1)
        });
        if let (Some(from), Some(to)) = (below, path.strip_suffix("/$1")) {
            let to = if to.is_empty() { "/" } else { to };
            if from != to && PathLiteral::parse(&from).is_ok() && PathLiteral::parse(to).is_ok() {
                redirect.set(&["prefix", "from"], from);
                redirect.set(&["prefix", "to"], to);
                return finish(redirect, status).ok_or(COMPUTED);
            }
        }
        if let Some(change) = change {
            let part = |path: &[&str], other: &str| change.text(path).unwrap_or(other).to_owned();
            let stripped = part(&["strip_prefix"], "/");
            let from = part(&["replace_prefix", "from"], &stripped);
            redirect.set(&["prefix", "from"], from);
            redirect.set(&["prefix", "to"], part(&["replace_prefix", "to"], "/"));
            return finish(redirect, status).ok_or(COMPUTED);
        }
        let path = path.strip_suffix("?%{QUERY_STRING}").unwrap_or(&path);
        let (path, cut) = path.strip_suffix('?').map_or((path, false), |path| (path, true));
        if path.contains('?') {
            return Err("it changes the query, which the model passes on as it came");
        }
        let all = ["(.*)", "^(.*)", "^(.*)$", "(.*)$", "^(/.*)$", "^(/.*)", "(.+)", "^(.+)$"];
        let below_root = ["^/?(.*)$", "^/?(.*)", "^/(.*)$", "^/(.*)", "/(.*)", "/(.*)$", "/?(.*)"];
        let doubled =
            path == "/%{REQUEST_URI}" || path == "/$1" && all.contains(&pattern) || path == "/$0";
        let as_asked = path == "%{REQUEST_URI}"
            || path == "$0" && regex::is_every_path(pattern)
            || path == "$1" && all.contains(&pattern)
            || path == "/$1" && below_root.contains(&pattern)
            || path.contains('$') && regex::put_back(pattern).is_some_and(|same| same == path);
        if doubled {
            self.differs(
                id,
                "Apache sends two slashes ahead of the path here; the model sends one",
            );
        }
        if as_asked || doubled {
            if cut {
                return Err("it takes the query away, which the model passes on as it came");
            }
            return finish(redirect, status).ok_or(COMPUTED);
        }
        let path = if path.is_empty() { "/" } else { path };
        if path.contains(['$', '%']) || PathLiteral::parse(path).is_err() {
            return Err(COMPUTED);
        }
        redirect.set(&["path"], path);
        finish(redirect, status).ok_or(COMPUTED)
    }
}

/// A redirect to one URL.
fn by_url(to: &str, status: u16) -> Option<Draft> {
    let (mut redirect, path) = start(to)?;
    let path = if path.is_empty() { "/" } else { path.as_str() };
    if path.contains(['$', '%']) || PathLiteral::parse(path).is_err() {
        return None;
    }
    redirect.set(&["path"], path);
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
    if let Some(rest) = own.iter().find_map(|name| rest.strip_prefix(name)) {
        let (port, path) = match rest.strip_prefix(':') {
            Some(rest) => rest.split_at(rest.find(['/', '%', '$']).unwrap_or(rest.len())),
            None => ("", rest),
        };
        return port_of(port, &mut redirect).map(|()| (redirect, path.to_owned()));
    }
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
