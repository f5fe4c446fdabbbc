//! `proxy_pass` and what holds around it.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{PathLiteral, Replacement};

use super::fields::Upgrades;
use super::location::{Location, Matching};
use super::scope::{Chain, Importer};
use super::server::Server;
use super::upstream::Destination;
use super::value;
use crate::import::draft::Draft;
use crate::import::ledger::{Id, STICKS_ANEW};
use crate::import::measure;
use crate::import::pattern::{around, of_text, rewrites, stripped, whole};

impl Importer<'_> {
    /// A route that passes requests on.
    pub(super) fn forward(
        &mut self,
        pass: Id,
        location: &Location,
        chain: &Chain,
        server: &Server,
    ) -> Draft {
        self.reached.extend(chain.iter().flatten());
        let url = self.text(pass, 0);
        let moved = self.moved(&url);
        let url = moved.as_ref().map_or(url, |(url, _)| url.clone());
        let stuck = self.stuck(&url, chain);
        let url = stuck.as_ref().map_or(url, |(url, _)| url.clone());
        let to = destination(&url, stuck.is_none() && self.tree.argument(pass, 0).contains('$'));
        if to.is_none() {
            self.ledger.lost(pass, "where it leads is computed for each request");
        }
        let found = to.and_then(|(to, path)| Some((self.upstream(&to, chain, pass)?, path)));
        let Some((upstream, path)) = found else {
            // Its requests must not fall to another route.
            return Draft::of("respond", Draft::of("status", 502_u64));
        };
        self.ledger.taken(pass, "upstream");
        if let Some(((_, cookie), item)) = stuck.zip(self.site.upstream(&upstream)) {
            item.fields.set(&["sticky", "cookie"], cookie);
            self.differs(pass, STICKS_ANEW);
        }
        let mut route = Draft::of("upstream", upstream.as_str());
        match moved {
            Some((_, change)) => route.set(&["rewrite"], change),
            None => self.rewrites(pass, chain, location, path.as_deref(), &mut route),
        }
        let own = chain.last().cloned().unwrap_or_default();
        self.guards(&own, &mut route);
        let copies = self.auth(chain, server, &mut route);
        let upgrades = self.requests(chain, server.scheme, pass, &mut route, &copies);
        self.responses(chain, server.scheme, &mut route);
        let tunnels = upgrades == Upgrades::Yes;
        if !tunnels {
            route.set(&["websocket", "mode"], "deny");
        }
        let field = if tunnels { "timeouts.tunnel_idle" } else { "timeouts.response_header" };
        let read = self.wait(chain, "proxy_read_timeout", 60_000, field);
        if let Some(id) = self.setting(chain, "proxy_send_timeout") {
            let same = value::time(&self.text(id, 0)).map(measure::duration) == Some(read.clone());
            self.ledger.taken(id, field);
            if !same {
                self.differs(
                    id,
                    "one time holds for both directions: that of `proxy_read_timeout`",
                );
            }
        }
        if tunnels {
            route.set(&["timeouts", "tunnel_idle"], read.clone());
        }
        route.set(&["timeouts", "response_header"], read);
        self.bodies(chain, &mut route);
        self.limits(chain, &mut route);
        self.tries(chain, &upstream, &mut route);
        self.answers(chain);
        self.pages(chain, server, &mut route);
        route
    }

    /// The path that the upstream sees.
    fn rewrites(
        &mut self,
        pass: Id,
        chain: &Chain,
        location: &Location,
        path: Option<&str>,
        route: &mut Draft,
    ) {
        let own = chain.last().cloned().unwrap_or_default();
        for id in self.tree.named(&own, "rewrite").collect::<Vec<_>>() {
            let (pattern, to) = (self.text(id, 0), self.text(id, 1));
            let bare = pattern.replace("?<wsgen_before>", "").replace("?<wsgen_after>", "");
            let plain = to.replace("${wsgen_before}", "$1").replace("${wsgen_after}", "$9");
            let inner = around(&bare, &plain);
            if let Some((pattern, to)) = inner.filter(|(pattern, to)| rewrites(pattern, to)) {
                self.ledger.taken(id, "rewrite.regex");
                let mut regex = Draft::of("pattern", pattern);
                regex.set(&["to"], to);
                route.set(&["rewrite", "regex"], regex);
                continue;
            }
            let flag = self.tree.argument(id, 2).to_owned();
            let fits = rewrites(&whole(&pattern), &to);
            if flag == "break" && path.is_none() && fits && route.get(&["rewrite"]).is_none() {
                self.ledger.taken(id, "rewrite.regex");
                let rewrite = match stripped(&pattern, &to) {
                    Some(prefix) => Draft::of("strip_prefix", prefix),
                    None => {
                        let mut regex = Draft::of("pattern", whole(&pattern));
                        regex.set(&["to"], to);
                        Draft::of("regex", regex)
                    }
                };
                route.set(&["rewrite"], rewrite);
            } else {
                self.ledger.lost(id, "one rewrite by `break` is what the model can say");
            }
        }
        let Some(path) = path else { return };
        let from = location.path.as_str();
        let computed = path.contains('$');
        let rewrite = match location.matching {
            Matching::Regex => {
                let mut regex = Draft::of("pattern", whole(from));
                regex.set(&["to"], path.split(['?']).next().unwrap_or(path));
                let fits = rewrites(&whole(from), path.split('?').next().unwrap_or(path));
                fits.then(|| Draft::of("regex", regex))
            }
            _ if computed => None,
            Matching::Exact if path == from => return,
            Matching::Exact => {
                let mut regex = Draft::of("pattern", format!("^{}$", of_text(from)));
                regex.set(&["to"], path);
                Replacement::parse(path).is_ok().then(|| Draft::of("regex", regex))
            }
            _ if path == from => return,
            _ if path == "/" && from.ends_with('/') => {
                Some(Draft::of("strip_prefix", from.trim_end_matches('/')))
            }
            _ if path.ends_with('/') == from.ends_with('/') => {
                let bare = |path: &str| {
                    if path == "/" { path } else { path.trim_end_matches('/') }.to_owned()
                };
                let mut change = Draft::of("from", bare(from));
                change.set(&["to"], bare(path));
                let fits = PathLiteral::parse(from).is_ok() && PathLiteral::parse(path).is_ok();
                fits.then(|| Draft::of("replace_prefix", change))
            }
            // One has a last slash and the other has none: the text is replaced as it stands.
            _ => {
                let mut regex = Draft::of("pattern", format!("^{}", of_text(from)));
                regex.set(&["to"], path);
                Replacement::parse(path).is_ok().then(|| Draft::of("regex", regex))
            }
        };
        match rewrite {
            Some(rewrite) => route.set(&["rewrite"], rewrite),
            None => self.ledger.lost(pass, "the path that it sends is computed"),
        }
    }

    /// Bodies: their size, and whether they are held back or compressed.
    fn bodies(&mut self, chain: &Chain, route: &mut Draft) {
        let size = match self.setting(chain, "client_max_body_size") {
            Some(id) => {
                let size = value::size(&self.text(id, 0));
                match size {
                    Some(_) => self.ledger.taken(id, "limits.max_body_bytes"),
                    None => self.ledger.opens(id, "this is no size"),
                }
                size.unwrap_or(0)
            }
            None => 1 << 20,
        };
        if size > 0 {
            route.set(&["limits", "max_body_bytes"], measure::size(size));
        }
        for (name, field) in
            [("proxy_request_buffering", "request"), ("proxy_buffering", "response")]
        {
            let (on, id) = self.switch(chain, name, true);
            if let Some(id) = id {
                self.ledger.taken(id, "buffering");
            }
            if on {
                route.set(&["buffering", field], true);
            }
        }
        let (gzip, written) = self.switch(chain, "gzip", false);
        let types = self.setting(chain, "gzip_types");
        if let Some(id) = written {
            self.ledger.taken(id, "compression");
        }
        if let Some(id) = types {
            self.ledger.taken(id, "compression.types");
        }
        if gzip {
            let named = types.map(|id| self.tree.all[id].arguments.clone()).unwrap_or_default();
            let mut all = vec!["text/html".to_owned()];
            for kind in named {
                let fits = wsgen_model::config::MediaType::parse(&kind).is_ok();
                if fits && !all.contains(&kind) {
                    all.push(kind);
                }
            }
            route.set(&["compression", "types"], all);
        }
    }

    /// Trying other servers; nginx tries each of them once, after errors and timeouts.
    fn tries(&mut self, chain: &Chain, upstream: &str, route: &mut Draft) {
        let servers =
            self.site.upstream(upstream).map_or(1, |item| match item.fields.get(&["servers"]) {
                Some(Draft::List(list)) => list.len(),
                _ => 1,
            });
        let mut attempts = servers.min(10);
        if let Some(id) = self.setting(chain, "proxy_next_upstream") {
            self.ledger.taken(id, "retries");
            let words = self.tree.all[id].arguments.clone();
            if words.iter().any(|word| word == "off") {
                attempts = 1;
            } else if words.iter().any(|word| {
                word.starts_with("http_") || word == "invalid_header" || word == "non_idempotent"
            }) {
                self.differs(
                    id,
                    "only a server that cannot be reached makes the model try another",
                );
            }
        }
        if let Some(id) = self.setting(chain, "proxy_next_upstream_tries") {
            self.ledger.taken(id, "retries.attempts");
            match self.text(id, 0).parse::<usize>() {
                Ok(0) | Err(_) => {}
                Ok(number) => attempts = attempts.min(number),
            }
        }
        if attempts > 1 {
            route.set(&["retries", "attempts"], attempts as u64);
        }
    }

    /// What changes the answers of upstreams.
    fn answers(&mut self, chain: &Chain) {
        for id in self.settings(chain, "proxy_redirect") {
            let argument = self.tree.argument(id, 0);
            if argument == "off" {
                self.ledger.taken(id, "as it comes");
            } else {
                self.ledger.lost(id, "the Location of an answer passes as it comes");
            }
        }
    }
}

/// What `proxy_pass` names, and the path in it. A path of `$request_uri` is the one that came.
pub(super) fn destination(url: &str, again: bool) -> Option<(Destination, Option<String>)> {
    let (scheme, rest) = url.split_once("://")?;
    let secure = match scheme {
        "http" => false,
        "https" => true,
        _ => return None,
    };
    let (authority, path) = if let Some(socket) = rest.strip_prefix("unix:") {
        match socket.split_once(':') {
            Some((socket, path)) => (format!("unix:{socket}"), path.to_owned()),
            None => (rest.to_owned(), String::new()),
        }
    } else {
        let at = rest.find('/').or_else(|| rest.find("$request_uri")).unwrap_or(rest.len());
        (rest[..at].to_owned(), rest[at..].to_owned())
    };
    if authority.is_empty() || authority.contains('$') {
        return None;
    }
    let as_asked =
        ["", "$request_uri", "/$request_uri", "$uri$is_args$args", "$uri"].contains(&path.as_str());
    let path = (!as_asked).then_some(path);
    Some((Destination { secure, authority, again }, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_taken_apart() {
        let read = |url| destination(url, false).map(|(to, path)| (to.authority, path));
        assert_eq!(read("http://app:3000"), Some(("app:3000".into(), None)));
        assert_eq!(read("http://app/"), Some(("app".into(), Some("/".into()))));
        assert_eq!(read("http://app$request_uri"), Some(("app".into(), None)));
        assert_eq!(
            read("http://unix:/run/a.sock:/x"),
            Some(("unix:/run/a.sock".into(), Some("/x".into())))
        );
        assert_eq!(read("http://$host/"), None);
    }
}
