//! `proxy_pass` and what holds around it.

use wsgen_model::decode::Scalar;

use super::differs::Differs;
use super::location::Location;
use super::scope::{Chain, Importer};
use super::server::Server;
use super::state::State;
use super::upgrades::Upgrades;
use super::upstream::Destination;
use super::value;
use crate::import::draft::Draft;
use crate::import::ledger::{Id, STICKS_ANEW};
use crate::import::measure;

impl Importer<'_> {
    /// A route that passes requests on.
    pub(super) fn forward(
        &mut self,
        pass: Id,
        location: &Location,
        state: &State,
        server: &Server,
    ) -> Draft {
        let chain = &state.chain;
        let url = self.text(pass, 0);
        let moved = self.moved(&url);
        let url = moved.as_ref().map_or(url, |(url, _)| url.clone());
        let stuck = self.stuck(&url, chain);
        let url = stuck.as_ref().map_or(url, |(url, _)| url.clone());
        let computed = self.tree.argument(pass, 0).contains('$');
        let to = destination(&url, stuck.is_none() && computed);
        if to.is_none() {
            self.ledger.lost(pass, "where it leads is computed for each request");
        }
        let found = to.and_then(|(to, path)| Some((self.upstream(&to, chain, pass)?, path)));
        let Some((upstream, path)) = found else {
            // Its requests must not fall to another route.
            return Self::nowhere();
        };
        self.ledger.taken(pass, "upstream");
        if let Some(((_, cookie), item)) = stuck.zip(self.site.upstream(&upstream)) {
            item.fields.set(&["sticky", "cookie"], cookie);
            self.announce(pass, Differs::Balancing, STICKS_ANEW);
        }
        let mut route = Draft::of("upstream", upstream.as_str());
        let sent = match moved {
            Some((_, change)) => {
                route.set(&["rewrite"], change);
                true
            }
            None => self.sent_path(pass, computed, location, path.as_deref(), state, &mut route),
        };
        if !sent {
            // Another path than the one that was meant reaches nobody.
            return Self::nowhere();
        }
        self.guards(&location.list, &mut route);
        let Some(copies) = self.auth(chain, server, &mut route) else { return Self::nowhere() };
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
        let variables = || ["$request_uri", "$uri", "$document_uri"];
        let begins = variables().into_iter().filter_map(|name| rest.find(name)).min();
        let at = match (rest.find('/'), begins) {
            (Some(slash), Some(variable)) => slash.min(variable),
            (slash, variable) => slash.or(variable).unwrap_or(rest.len()),
        };
        (rest[..at].to_owned(), rest[at..].to_owned())
    };
    if authority.is_empty() || authority.contains('$') {
        return None;
    }
    let path = Some(path).filter(|path| !["", "$uri$is_args$args"].contains(&path.as_str()));
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
        let asked = Some("$request_uri".into());
        assert_eq!(read("http://app$request_uri"), Some(("app".into(), asked)));
        assert_eq!(
            read("http://unix:/run/a.sock:/x"),
            Some(("unix:/run/a.sock".into(), Some("/x".into())))
        );
        assert_eq!(read("http://$host/"), None);
    }
}
