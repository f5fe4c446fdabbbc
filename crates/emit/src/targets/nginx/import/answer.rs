//! Answers that nginx makes itself: redirects and fixed ones.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::PathLiteral;

use super::differs::Differs;
use super::location::numbered;
use super::scope::{Chain, Importer};
use super::server::Server;
use super::state::Path;
use crate::import::draft::Draft;
use crate::import::hostnames::is_one;
use crate::import::ledger::Id;
use crate::import::pattern::{around, rewrites, whole};
use crate::targets::nginx::syntax::{Return, Rewrite, Value};

impl Importer<'_> {
    /// What a `return` is in the model.
    pub(super) fn answer(&mut self, id: Id, answer: &Return) -> Option<Draft> {
        let (status, text) = match answer {
            Return::Redirect(status, url) => return self.redirect(id, *status, url),
            Return::Status(status, text) => (*status, text),
        };
        let mut answer = Draft::map();
        match status {
            444 => {
                self.ledger.taken(id, "respond");
                let how = "444 ends the connection without an answer; the model answers with 403";
                self.announce(id, Differs::Answer, how);
                answer.set(&["status"], 403_u64);
            }
            200..=599 => {
                self.ledger.taken(id, "respond");
                answer.set(&["status"], u64::from(status));
            }
            _ => {
                self.ledger.lost(id, "this is no status of an answer");
                return None;
            }
        }
        let text = text.as_ref().map(|text| self.expanded(text)).filter(|text| !text.is_empty());
        if let Some(text) = text {
            if text.contains('$') {
                self.announce(id, Differs::Answer, "the text was computed and is left out");
            } else {
                answer.set(&["body"], text);
            }
        }
        Some(Draft::of("respond", answer))
    }

    fn redirect(&mut self, id: Id, status: u16, url: &Value) -> Option<Draft> {
        let text = self.expanded(url);
        let moved = self.moved(&text);
        let change = moved.as_ref().map(|(_, change)| change.clone());
        let text = moved.map_or(text, |(url, _)| format!("{url}$request_uri"));
        if text.ends_with("$request_uri$is_args$args") {
            let how = "the Location has the query once, where it was there twice";
            self.announce(id, Differs::Location, how);
        }
        if text.ends_with("$uri") || text.ends_with("$document_uri") {
            let how = "the Location keeps the query, which `$uri` has not: nginx leaves it out";
            self.announce(id, Differs::Location, how);
        }
        let Some(mut redirect) = redirect(&text, status, change.is_some()) else {
            let why = "where it leads is computed in a way that the model does not know";
            self.ledger.opens(id, why);
            return None;
        };
        if let Some(change) = change {
            let part = |path: &[&str], other: &str| change.text(path).unwrap_or(other).to_owned();
            let stripped = part(&["strip_prefix"], "/");
            let from = part(&["replace_prefix", "from"], &stripped);
            redirect.set(&["prefix", "from"], from);
            redirect.set(&["prefix", "to"], part(&["replace_prefix", "to"], "/"));
        }
        self.ledger.taken(id, "redirect");
        Some(Draft::of("redirect", redirect))
    }

    /// What a `rewrite … permanent` or `redirect` is in the model.
    pub(super) fn redirect_by_pattern(
        &mut self,
        id: Id,
        pattern: &str,
        rewrite: &Rewrite,
        status: u16,
    ) -> Option<Draft> {
        let to = self.expanded(&rewrite.replacement);
        let everything = ["^", "^(.*)$", "^(.*)", "^/(.*)$", "^/(.*)", ".*", "^.*$", "^/", "(.*)"];
        let computed = to.contains('$');
        let redirected = if everything.contains(&pattern) {
            // What the pattern caught is the path, and the query follows by itself.
            let slash = if pattern.starts_with("^/(") { "/$1" } else { "$1" };
            let to = to.trim_end_matches('?');
            let to = to.replace(slash, "$request_uri").replace("$uri", "$request_uri");
            redirect(&to, status, false)
        } else {
            let fixed = to.strip_suffix('?').unwrap_or(&to);
            let fits = !fixed.contains('?') && !computed
                || to.strip_prefix("$scheme://$host").is_some_and(|path| !path.contains('$'));
            let redirected = fits.then(|| redirect(fixed, status, false)).flatten();
            if redirected.is_some() && !to.ends_with('?') {
                let how = "nginx adds the query to the new path; the model's redirect has none";
                self.announce(id, Differs::Location, how);
            }
            redirected
        };
        match redirected {
            Some(redirect) => {
                self.ledger.taken(id, "redirect");
                Some(Draft::of("redirect", redirect))
            }
            None => {
                let why = "where it leads is computed in a way that the model does not know";
                self.ledger.opens(id, why);
                None
            }
        }
    }

    /// The path that a `rewrite` makes of the paths that its pattern fits.
    pub(super) fn changed(
        &mut self,
        id: Id,
        pattern: &str,
        rewrite: &Rewrite,
        now: &Path,
    ) -> Option<Path> {
        let (_, groups) = numbered(&rewrite.pattern);
        let mut to = rewrite.replacement.to_string();
        for (name, number) in groups {
            // The last group of a pattern that is one of the model's own.
            let digit = if number > 9 && name == "wsgen_after" { 9 } else { number };
            if digit > 9 {
                continue;
            }
            to = to.replace(&format!("${{{name}}}"), &format!("${digit}"));
            to = to.replace(&format!("${name}"), &format!("${digit}"));
        }
        let mut to = self.known(&to);
        if let Some(bare) = to.strip_suffix('?') {
            let how = "nginx sends no query behind a `?` at the end; the model keeps it";
            self.announce(id, Differs::Target, how);
            to.truncate(bare.len());
        }
        let value = Value::of(&to);
        let captures = value.as_ref().is_some_and(Value::has_captures);
        let variables = value.as_ref().is_none_or(|value| value.variables().next().is_some());
        let path = if to.contains('?') || !to.starts_with(['/', '$']) {
            None
        } else if !captures && !variables {
            Some(Path::Known(to))
        } else if *now != Path::Asked {
            None
        } else if !captures && to.matches('$').count() == 1 && to.ends_with("$uri") {
            let to = to.replace("$uri", "$1");
            Some(Path::Changed { pattern: "^(.*)$".to_owned(), to })
        } else if variables {
            None
        } else {
            let inner = around(pattern, &to);
            let fits = inner.is_some_and(|(pattern, to)| rewrites(&pattern, &to))
                || rewrites(&whole(pattern), &to);
            fits.then(|| Path::Changed { pattern: pattern.to_owned(), to })
        };
        match &path {
            Some(_) => self.ledger.taken(id, "rewrite.regex"),
            None => self.ledger.lost(id, "the model cannot say the path that it makes"),
        }
        path
    }

    /// Fields of an answer that the server makes itself.
    pub(super) fn fields_of_answer(
        &mut self,
        list: &[Id],
        chain: &Chain,
        server: &Server,
        route: &mut Draft,
    ) {
        if route.get(&["respond"]).is_none() {
            return;
        }
        let mut fields = Draft::map();
        self.responses(chain, server.scheme, &mut fields);
        for kind in ["add", "set"] {
            if let Some(Draft::Map(added)) = fields.get(&["response_headers", kind]) {
                for (name, value) in added {
                    route.set(&["respond", "headers", name], value.clone());
                }
            }
        }
        for id in list.iter().copied() {
            let (name, kind) = (self.tree.all[id].name.clone(), self.text(id, 0));
            if name == "default_type"
                || (name == "add_header" && kind.eq_ignore_ascii_case("content-type"))
            {
                self.ledger.taken(id, "respond.headers");
            }
            if name == "default_type" {
                route.set(&["respond", "headers", "Content-Type"], kind);
            }
        }
        // A length is the server's own to tell.
        route.remove(&["respond", "headers", "Content-Length"]);
    }
}

/// A redirect to a URL of nginx's making: `https://$host$request_uri` and its like.
fn redirect(url: &str, status: u16, moves: bool) -> Option<Draft> {
    let mut redirect = Draft::map();
    let path = match url.split_once("://") {
        Some((scheme, rest)) => {
            let at =
                rest.find("$request_uri").or_else(|| rest.find("$uri")).or_else(|| rest.find('/'));
            let (authority, path) = rest.split_at(at.unwrap_or(rest.len()));
            match scheme {
                "$scheme" => {}
                "http" | "https" => redirect.set(&["scheme"], scheme),
                _ => return None,
            }
            let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
            match host {
                "$host" | "$http_host" | "$server_name" | "$hostname" => {}
                host if is_one(host) => redirect.set(&["hostname"], host),
                _ => return None,
            }
            if !port.is_empty() {
                redirect
                    .set(&["port"], u64::from(port.parse::<u16>().ok().filter(|port| *port > 0)?));
            }
            path
        }
        None => url,
    };
    match path.trim_end_matches(['?', '$']) {
        // The query follows by itself.
        "$request_uri"
        | "$uri"
        | "$uri$is_args$args"
        | "$request_uri$is_args$args"
        | "$document_uri" => {}
        "" => redirect.set(&["path"], "/"),
        path if !path.contains('$') && PathLiteral::parse(path).is_ok() => {
            redirect.set(&["path"], path);
        }
        _ => return None,
    }
    // To where it came from is no redirect.
    if redirect == Draft::map() && !moves || !matches!(status, 301 | 302 | 303 | 307 | 308) {
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
        for (url, keys) in [
            ("https://$host$request_uri", vec![("scheme", "https")]),
            ("$scheme://www.a.test$request_uri", vec![("hostname", "www.a.test")]),
            (
                "https://$host:8443/login",
                vec![("scheme", "https"), ("port", "8443"), ("path", "/login")],
            ),
            ("/app/", vec![("path", "/app/")]),
        ] {
            let redirect = redirect(url, 301, false).unwrap_or_else(|| panic!("{url}"));
            for (key, value) in keys {
                assert_eq!(redirect.text(&[key]), Some(value), "{url}");
            }
        }
        assert_eq!(redirect("http://127.0.0.1/login?next=$http_host", 302, false), None);
        for nowhere in ["https://*.a.test$request_uri", "https://a.test:0$request_uri"] {
            assert_eq!(redirect(nowhere, 301, false), None, "{nowhere}");
        }
    }
}
