//! The fields of routes that pass requests on: what both sections say, and what their rules change.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::Hostname;

use super::differs::Differs;
use super::edits::{Change, Edit, PORT, Told, parts};
use super::path_change::PathChange;
use super::scope::Importer;
use super::walk::{Walk, tls_of};
use crate::import::condition::Condition;
use crate::import::draft::Draft;
use crate::import::ledger::Id;
use crate::import::matcher::PathMatcher;
use crate::import::rules::{Bound, Rule as Route};
use crate::import::{implied, measure};
use crate::targets::haproxy::syntax::Statement;

/// What is told of the client on a route.
#[derive(Debug, Default)]
struct Telling {
    headers: Vec<&'static str>,
    /// The rules that say so.
    by: Vec<Id>,
    append: bool,
    /// In a field of RFC 7239 each, or in one.
    apart: bool,
    joined: bool,
}

impl Telling {
    /// Puts it into a route. Returns whether the model lets less of the client's own word pass.
    fn put(mut self, route: &mut Draft) -> bool {
        let order = ["for", "proto", "host", "real_ip"];
        self.headers.sort_by_key(|word| order.iter().position(|known| known == word));
        self.headers.dedup();
        if self.headers.is_empty() {
            route.set(&["forwarded", "mode"], "off");
            return false;
        }
        route.set(&["forwarded", "mode"], if self.append { "append" } else { "replace" });
        if self.headers != ["for", "proto", "host"] {
            route.set(&["forwarded", "headers"], self.headers);
        }
        if self.joined {
            let style = if self.apart { "both" } else { "forwarded" };
            route.set(&["forwarded", "style"], style);
        }
        // With `append` the rules that were read let the rest of the family pass from trusted peers, as the model does.
        !self.append && implied::takes_more(route)
    }
}

impl Importer<'_> {
    /// Adds the routes to a backend's servers, one for each part that differs in what is changed.
    pub(super) fn passes_on(
        &mut self,
        front: usize,
        back: usize,
        id: Id,
        walk: &Walk,
        routes: &mut Vec<Route>,
    ) {
        let called = self.sections[back].name.clone();
        let Some(upstream) = self.upstream(back) else {
            // Its requests must not fall to another route.
            let fields = Draft::of("respond", Draft::of("status", 503_u64));
            return self.add(id, &called, &walk.requests, fields, walk, routes);
        };
        let mut walk = walk.clone();
        let sections = if front == back { vec![front] } else { vec![front, back] };
        for section in &sections {
            self.response_rules(*section, &mut walk);
        }
        let base = self.base(front, back, &upstream);
        let (parts, left_out) = parts(&walk.requests, &walk.edits);
        for at in left_out {
            let why = "the model changes fields of every request of a route, or of none";
            let edit = &walk.edits[at];
            let guards = matches!(edit.change, Change::Policy(_));
            self.lose(edit.id, None, why, guards);
        }
        let forwarded_for = self.forwarded_for(&sections);
        for part in parts {
            let edits: Vec<Edit> = part.edits.iter().map(|at| walk.edits[*at].clone()).collect();
            let tls = tls_of(&part.condition, &walk.state.bounds);
            let bounds: Vec<Bound> = walk
                .state
                .bounds
                .iter()
                .filter(|bound| tls.is_none_or(|tls| tls == bound.tls))
                .cloned()
                .collect();
            let mut fields = base.clone();
            let mut telling = Telling::default();
            telling.by.extend(&forwarded_for);
            if !forwarded_for.is_empty() {
                telling.headers.push("for");
                telling.apart = true;
            }
            for edit in edits {
                self.apply(&edit, &part.condition, &bounds, &mut fields, &mut telling);
            }
            let by = std::mem::take(&mut telling.by);
            if telling.put(&mut fields) {
                for id in by {
                    self.differs(self.span(id), Differs::ForwardedFamily);
                }
            }
            self.add(id, &called, &part.condition, fields, &walk, routes);
        }
    }

    /// What both sections say of a route, without their rules.
    fn base(&mut self, front: usize, back: usize, upstream: &str) -> Draft {
        let mut route = Draft::of("upstream", upstream);
        let server = self.timer(back, "server", "timeouts.response_header");
        let client = self.timer(front, "client", "timeouts.body_idle");
        let tunnel = match self.timer(back, "tunnel", "timeouts.tunnel_idle") {
            Some(millis) => Some(millis),
            // Without a timer of its own a tunnel has those of both sides.
            None => match (server, client) {
                (Some(server), Some(client)) => Some(server.min(client)),
                (one, other) => one.or(other),
            },
        };
        route.set(&["forwarded", "mode"], "off");
        route.set(
            &["timeouts", "response_header"],
            measure::duration(server.unwrap_or(86_400_000).max(1)),
        );
        match tunnel.filter(|millis| *millis > 0) {
            Some(millis) => route.set(&["timeouts", "tunnel_idle"], measure::duration(millis)),
            None => route.set(&["timeouts", "tunnel_idle"], "unlimited"),
        }
        let mut count = 3;
        if let Some(id) = self.setting(back, &["retries"])
            && let Some(Statement::Retries(own)) = self.statement(id).as_deref()
        {
            self.ledger.taken(id, "retries.attempts");
            count = *own;
        }
        if count > 0 {
            route.set(&["retries", "attempts"], (count + 1).min(10));
        }
        self.pages(back, &mut route);
        self.compression(front, back, &mut route);
        for id in self.own(back, &["errorfile"]).into_iter().chain(self.own(front, &["errorfile"]))
        {
            self.ledger
                .lost(id, "its file is an answer with its head; the model's pages are bodies");
        }
        route
    }

    /// Puts a change into a route.
    fn apply(
        &mut self,
        edit: &Edit,
        requests: &Condition,
        bounds: &[Bound],
        route: &mut Draft,
        telling: &mut Telling,
    ) {
        let id = edit.id;
        match &edit.change {
            Change::Host(name) => self.host_name(id, name, route),
            Change::Tell(told) => {
                self.ledger.taken(id, "forwarded");
                telling.by.push(id);
                match told {
                    Told::Apart(header) => {
                        telling.headers.push(header);
                        telling.apart |= *header != "real_ip";
                    }
                    Told::Joined(headers) => {
                        telling.headers.extend(headers);
                        telling.joined = true;
                    }
                    Told::Appended => telling.append = true,
                }
            }
            Change::Remove { request, name } => {
                let table = if *request { "request_headers" } else { "response_headers" };
                self.ledger.taken(id, "remove");
                for kind in ["set", "add"] {
                    remove_field(route, &[table, kind], name);
                }
                route.push(&[table, "remove"], name.as_str());
            }
            Change::Field { request, name, value, adds } => {
                self.field_of(id, (*request, name, value, *adds), bounds, route, telling);
            }
            Change::Path(change) => self.rewrite(id, change, requests, route),
            Change::Policy(policy) => self.apply_policy(id, policy, route),
        }
    }

    fn host_name(&mut self, id: Id, name: &str, route: &mut Draft) {
        let upstream = route.text(&["upstream"]).and_then(|name| self.site.upstream(name));
        if upstream.is_some_and(|item| item.first_server() == Some(name)) {
            self.ledger.taken(id, "host");
            route.set(&["host"], "upstream");
        } else if Hostname::parse(name).is_ok_and(|name| !name.is_wildcard()) {
            self.ledger.taken(id, "host");
            route.set(&["host"], name);
        } else {
            self.lose(
                id,
                None,
                "the model sends a name without a port, or the server's own",
                false,
            );
        }
    }

    fn field_of(
        &mut self,
        id: Id,
        (request, name, value, adds): (bool, &str, &str, bool),
        bounds: &[Bound],
        route: &mut Draft,
        telling: &mut Telling,
    ) {
        let table = if request { "request_headers" } else { "response_headers" };
        let mut ports: Vec<Option<u16>> =
            bounds.iter().map(|bound| self.port_of(&bound.name)).collect();
        ports.dedup();
        let value = match (value.contains(PORT), ports.as_slice()) {
            (false, _) => value.to_owned(),
            (true, [Some(port)]) => value.replace(PORT, &port.to_string()),
            (true, _) => {
                self.lose(
                    id,
                    None,
                    "its value is the port, of which this route has several",
                    !adds && request,
                );
                return route.push(&[table, "remove"], name);
            }
        };
        let secure =
            bounds.first().is_some_and(|first| bounds.iter().all(|bound| bound.tls == first.tls));
        let scheme =
            bounds.first().filter(|_| secure).map(|bound| if bound.tls { "https" } else { "http" });
        if request
            && name.eq_ignore_ascii_case("x-forwarded-proto")
            && scheme == Some(value.as_str())
        {
            self.ledger.taken(id, "forwarded");
            telling.by.push(id);
            telling.headers.push("proto");
            telling.apart = true;
            return;
        }
        let kind = if adds { "add" } else { "set" };
        if adds && has_field(route, &[table, kind], name) {
            return self.lose(id, None, "the same field a second time", false);
        }
        self.ledger.taken(id, kind);
        if !adds {
            remove_field(route, &[table, "set"], name);
            remove_field(route, &[table, "add"], name);
            remove_name(route, &[table, "remove"], name);
        }
        route.set(&[table, kind, name], value);
    }

    fn rewrite(&mut self, id: Id, change: &PathChange, requests: &Condition, route: &mut Draft) {
        if route.get(&["rewrite"]).is_some() {
            return self.lose(
                id,
                None,
                "one change of the path is what a route of the model can say",
                false,
            );
        }
        // Its paths lie below the prefix.
        let from = change.prefix.as_ref().and_then(|prefix| {
            prefix.text(&["strip_prefix"]).or_else(|| prefix.text(&["replace_prefix", "from"]))
        });
        let below = from.is_some_and(|from| {
            requests.clauses().iter().all(|clause| {
                from == "/"
                    || !clause.paths.is_empty()
                        && clause.paths.iter().all(|path| match path {
                            PathMatcher::Exact(text) | PathMatcher::Prefix(text) => {
                                crate::import::matcher::is_below(text, from)
                            }
                            PathMatcher::StartsWith(text) => {
                                let folder = text.rsplit_once('/').map(|(folder, _)| folder);
                                folder.is_some_and(|folder| {
                                    crate::import::matcher::is_below(folder, from)
                                })
                            }
                            PathMatcher::Regex(_) => false,
                        })
            })
        });
        match change.prefix.as_ref().filter(|_| below) {
            Some(prefix) => {
                self.ledger.taken(id, "rewrite.prefix");
                route.set(&["rewrite"], prefix.clone());
            }
            None => {
                self.ledger.taken(id, "rewrite.regex");
                let mut regex = Draft::of("pattern", change.pattern.as_str());
                regex.set(&["to"], change.to.as_str());
                route.set(&["rewrite", "regex"], regex);
            }
        }
    }
}

/// Whether a table of fields has a name, in any case.
fn has_field(route: &Draft, path: &[&str], name: &str) -> bool {
    matches!(route.get(path), Some(Draft::Map(map)) if map.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)))
}

/// Takes a name out of a table of fields.
fn remove_field(route: &mut Draft, path: &[&str], name: &str) {
    let Some(Draft::Map(map)) = route.get(path) else { return };
    let known: Vec<String> = map
        .iter()
        .filter(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(known, _)| known.to_string())
        .collect();
    for known in known {
        route.remove(&[path, &[known.as_str()]].concat());
    }
}

/// Takes a name out of a list of names.
fn remove_name(route: &mut Draft, path: &[&str], name: &str) {
    let Some(Draft::List(list)) = route.get(path).cloned() else { return };
    let kept: Vec<Draft> = list
        .into_iter()
        .filter(|known| known.text(&[]).is_none_or(|known| !known.eq_ignore_ascii_case(name)))
        .collect();
    if kept.is_empty() {
        route.remove(path);
    } else {
        route.set(path, Draft::List(kept));
    }
}
