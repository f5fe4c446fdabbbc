//! Answers that nginx makes itself: redirects and fixed ones.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::PathLiteral;

use super::scope::Importer;
use crate::import::draft::Draft;
use crate::import::hostnames::is_one;
use crate::import::ledger::Id;

impl Importer<'_> {
    /// What a `return` is in the model.
    pub(super) fn answer(&mut self, id: Id) -> Option<Draft> {
        let first = self.text(id, 0);
        let second = self.tree.all[id].arguments.get(1).map(|_| self.text(id, 1));
        let (status, text) = match (first.parse::<u16>(), second) {
            (Ok(status), text) => (status, text),
            // A URL alone is a redirect by 302.
            (Err(_), _) => (302, Some(first)),
        };
        if (300..400).contains(&status) && status != 304 {
            let moved = text.as_deref().and_then(|url| self.moved(url));
            let change = moved.as_ref().map(|(_, change)| change.clone());
            let text = moved.map(|(url, _)| format!("{url}$request_uri")).or(text);
            if text.as_deref().is_some_and(|url| url.ends_with("$request_uri$is_args$args")) {
                self.differs(id, "the Location has the query once, where it was there twice");
            }
            let led = text.as_deref().and_then(|url| redirect(url, status, change.is_some()));
            let Some(mut redirect) = led else {
                self.ledger
                    .lost(id, "where it leads is computed in a way that the model does not know");
                return None;
            };
            if let Some(change) = change {
                let part =
                    |path: &[&str], other: &str| change.text(path).unwrap_or(other).to_owned();
                let stripped = part(&["strip_prefix"], "/");
                let from = part(&["replace_prefix", "from"], &stripped);
                redirect.set(&["prefix", "from"], from);
                redirect.set(&["prefix", "to"], part(&["replace_prefix", "to"], "/"));
            }
            self.ledger.taken(id, "redirect");
            return Some(Draft::of("redirect", redirect));
        }
        let mut answer = Draft::map();
        match status {
            444 => {
                self.ledger.taken(id, "respond");
                self.differs(
                    id,
                    "444 ends the connection without an answer; the model answers with 403",
                );
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
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            if text.contains('$') {
                self.differs(id, "the text was computed and is left out");
            } else {
                answer.set(&["body"], text);
            }
        }
        Some(Draft::of("respond", answer))
    }

    /// What a `rewrite … permanent` or `redirect` is in the model.
    pub(super) fn rewritten(&mut self, id: Id) -> Option<Draft> {
        let (pattern, to, flag) = (self.text(id, 0), self.text(id, 1), self.text(id, 2));
        let status = match flag.as_str() {
            "permanent" => 301,
            "redirect" => 302,
            _ if to.starts_with("http") || to.starts_with("$scheme") => 302,
            _ => return None,
        };
        let everything = ["^", "^(.*)$", "^(.*)", "^/(.*)$", "^/(.*)", ".*", "^.*$", "^/", "(.*)"];
        if !everything.contains(&pattern.as_str()) {
            self.ledger.lost(id, "a redirect by a pattern");
            return None;
        }
        // What the pattern caught is the path, and the query follows by itself.
        let slash = if pattern.starts_with("^/(") { "/$1" } else { "$1" };
        let to =
            to.trim_end_matches('?').replace(slash, "$request_uri").replace("$uri", "$request_uri");
        match redirect(&to, status, false) {
            Some(redirect) => {
                self.ledger.taken(id, "redirect");
                Some(Draft::of("redirect", redirect))
            }
            None => {
                self.ledger
                    .lost(id, "where it leads is computed in a way that the model does not know");
                None
            }
        }
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
        path if PathLiteral::parse(path).is_ok() => redirect.set(&["path"], path),
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
