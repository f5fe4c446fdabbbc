//! From sections to routes: rules answer first, then backends are chosen, in the order of the file.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::FilePath;

use super::fields::Told;
use super::scope::Importer;
use crate::import::choices::{Bound, Choice, choose};
use crate::import::draft::Draft;
use crate::import::implied;
use crate::import::ledger::Id;
use crate::import::measure;
use crate::import::pattern::{around, prefix_change, rewrites};
use crate::import::way::{Way, Ways};

impl Importer<'_> {
    /// The routes of a `frontend` or `listen`.
    pub(super) fn frontend(&mut self, section: usize) {
        let bounds = self.binds(section);
        if bounds.is_empty() {
            return;
        }
        let own = self.sections[section].id;
        self.ledger.taken(own, "listeners");
        self.reached.insert(section);
        let mut choices: Vec<Choice> = Vec::new();
        let label = self.label(section);
        self.anyway(section, &bounds, label.as_deref());
        self.answers(section, &bounds, &mut choices);
        if let Some(name) = &label {
            self.labelled(section, name, &bounds, &mut choices);
        }
        for id in self.own(section, &["use_backend"]) {
            if label.as_ref().is_some_and(|name| self.asks_for(id, name)) {
                continue;
            }
            let target = self.word(id, 1).to_owned();
            let Some(ways) = self.ways(section, id) else {
                self.ledger.lost(id, "its condition asks for what the model does not know");
                continue;
            };
            match self.backend(&target) {
                Some(back) => {
                    self.ledger.taken(id, "upstream");
                    self.forwards(section, back, id, &bounds, &ways, &mut choices);
                }
                None => self.missing(id, &bounds, &ways, &mut choices),
            }
        }
        let last = self.setting(section, &["default_backend"]);
        let always = vec![Way::default()];
        match last.map(|id| (id, self.backend(self.word(id, 1)))) {
            Some((id, Some(back))) => {
                self.ledger.taken(id, "upstream");
                self.forwards(section, back, id, &bounds, &always, &mut choices);
            }
            Some((id, None)) => self.missing(id, &bounds, &always, &mut choices),
            None if self.sections[section].kind == "listen" => {
                self.forwards(section, section, own, &bounds, &always, &mut choices);
            }
            None => {}
        }
        for id in self.site.settle(choices) {
            self.ledger.unreached(id);
        }
    }

    /// A backend that is not in the file answers 502; what a computed name leads to is anyone's.
    pub(super) fn missing(
        &mut self,
        id: Id,
        bounds: &[Bound],
        ways: &Ways,
        choices: &mut Vec<Choice>,
    ) {
        if self.word(id, 1).contains("%[") {
            return self.ledger.lost(id, "the name of its backend is made from the request");
        }
        self.ledger.lost(id, "there is no such backend");
        let refused = Draft::of("respond", Draft::of("status", 502_u64));
        choose((id, &self.origin(id)), "missing", bounds, ways, &refused, choices);
    }

    fn backend(&self, wanted: &str) -> Option<usize> {
        self.backends.get(wanted).copied()
    }

    /// Rules that answer: redirects, refusals, fixed answers.
    fn answers(&mut self, section: usize, bounds: &[Bound], choices: &mut Vec<Choice>) {
        let label = self.label(section);
        for id in self.sections[section].list.clone() {
            // Rules of one route are read with it.
            if label.as_ref().is_some_and(|name| self.asks_for(id, name)) {
                continue;
            }
            let Some(fields) = self.answer_on(section, id, bounds) else { continue };
            let Some(ways) = self.ways(section, id) else {
                let guards = fields.get(&["respond"]).is_some();
                let why = "its condition asks for what the model does not know";
                if guards {
                    self.ledger.opens(id, why);
                } else {
                    self.ledger.lost(id, why);
                }
                continue;
            };
            self.ledger.taken(
                id,
                if fields.get(&["redirect"]).is_some() { "redirect" } else { "respond" },
            );
            let kind = if fields.get(&["redirect"]).is_some() { "redirect" } else { "refuse" };
            choose((id, &self.origin(id)), kind, bounds, &ways, &fields, choices);
        }
    }

    /// Routes that pass requests on to a backend.
    pub(super) fn forwards(
        &mut self,
        front: usize,
        back: usize,
        id: Id,
        bounds: &[Bound],
        ways: &Ways,
        choices: &mut Vec<Choice>,
    ) {
        let called = self.sections[back].name.clone();
        let tcp = self.is_tcp(back);
        // What the backend answers itself comes first.
        let mut answered: Vec<Choice> = Vec::new();
        if back != front {
            self.answers(back, bounds, &mut answered);
        }
        let whole = |choice: &Choice| choice.hosts.is_empty() && choice.entries == [Draft::map()];
        for tls in [false, true] {
            let some: Vec<Bound> =
                bounds.iter().filter(|bound| bound.tls == tls).cloned().collect();
            if some.is_empty() {
                continue;
            }
            let first = some[0].name.clone();
            if let Some(answer) =
                answered.iter().find(|choice| whole(choice) && choice.listeners.contains(&first))
            {
                let fields = answer.fields.clone();
                choose((id, &self.origin(id)), &called, &some, ways, &fields, choices);
                continue;
            }
            let references: Vec<&Bound> = some.iter().collect();
            let fields = if tcp {
                self.ledger.lost(id, "the backend passes TCP");
                Draft::of("respond", Draft::of("status", 502_u64))
            } else {
                self.forward(front, back, &references)
            };
            choose((id, &self.origin(id)), &called, &some, ways, &fields, choices);
        }
        choices.extend(answered.into_iter().filter(|choice| !whole(choice)));
    }

    /// A route's fields: what both sections say.
    fn forward(&mut self, front: usize, back: usize, bounds: &[&Bound]) -> Draft {
        let Some(upstream) = self.upstream(back) else {
            // Its requests must not fall to another route.
            return Draft::of("respond", Draft::of("status", 503_u64));
        };
        let mut route = Draft::of("upstream", upstream);
        let mut told = Told::default();
        for section in if front == back { vec![front] } else { vec![front, back] } {
            self.fields(section, bounds, &mut route, &mut told);
            self.paths(section, bounds, &mut route);
        }
        if told.put(&mut route) {
            self.differs(self.sections[back].id, implied::TAKES_MORE);
        }
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
        route.set(
            &["timeouts", "response_header"],
            measure::duration(server.unwrap_or(86_400_000).max(1)),
        );
        match tunnel.filter(|millis| *millis > 0) {
            Some(millis) => route.set(&["timeouts", "tunnel_idle"], measure::duration(millis)),
            None => route.set(&["timeouts", "tunnel_idle"], "unlimited"),
        }
        let retries = self.setting(back, &["retries"]);
        if let Some(id) = retries {
            self.ledger.taken(id, "retries.attempts");
        }
        let count: u64 = retries.and_then(|id| self.word(id, 1).parse().ok()).unwrap_or(3);
        if count > 0 {
            route.set(&["retries", "attempts"], (count + 1).min(10));
        }
        for section in if front == back { vec![front] } else { vec![front, back] } {
            self.policies(section, &mut route);
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

    /// Rules that change the path.
    fn paths(&mut self, section: usize, bounds: &[&Bound], route: &mut Draft) {
        for id in self.own(section, &["http-request"]) {
            if !["replace-path", "replace-uri", "set-path"].contains(&self.word(id, 1)) {
                continue;
            }
            let (verb, pattern, to) = (
                self.word(id, 1).to_owned(),
                self.word(id, 2).to_owned(),
                self.word(id, 3).to_owned(),
            );
            let (pattern, to) = match (verb.as_str(), pattern.as_str()) {
                ("set-path", path) if path.starts_with("%[path,regsub(") => {
                    let inner = path
                        .trim_start_matches("%[path,regsub(")
                        .trim_end_matches(']')
                        .trim_end_matches(')');
                    match inner.split_once(',') {
                        Some((pattern, to)) => (pattern.to_owned(), to.to_owned()),
                        None => (String::new(), String::new()),
                    }
                }
                ("set-path", _) => (String::new(), String::new()),
                _ => (pattern, to),
            };
            let to = (1..=9)
                .fold(to, |to, number| to.replace(&format!("\\{number}"), &format!("${number}")));
            let to = if to.is_empty() { "/".to_owned() } else { to };
            if let Some(prefix) = prefix_change(&pattern, &to.replace("%%", "%")) {
                if self.always(section, id, bounds) == Some(true)
                    && route.get(&["rewrite"]).is_none()
                {
                    self.ledger.taken(id, "rewrite.prefix");
                    route.set(&["rewrite"], prefix);
                }
                continue;
            }
            let (pattern, to) = around(&pattern, &to.replace("%%", "%")).unwrap_or((pattern, to));
            let fits = !pattern.is_empty() && rewrites(&pattern, &to);
            if !fits
                || self.always(section, id, bounds) != Some(true)
                || route.get(&["rewrite"]).is_some()
            {
                self.ledger.lost(id, "one change of the path, for every request of a route, is what the model can say");
                continue;
            }
            self.ledger.taken(id, "rewrite.regex");
            let mut regex = Draft::of("pattern", pattern);
            regex.set(&["to"], to);
            route.set(&["rewrite", "regex"], regex);
        }
    }

    /// Pages of errors that the proxy itself answers with.
    fn pages(&mut self, back: usize, route: &mut Draft) {
        for id in self.own(back, &["http-error"]) {
            let words = &self.all[id].words;
            let behind = |word: &str| words.iter().skip_while(|w| *w != word).nth(1).cloned();
            let (status, file) = (behind("status"), behind("file"));
            match status.zip(file).filter(|(_, file)| FilePath::parse(file).is_ok()) {
                Some((status, file))
                    if matches!(status.as_str(), "500" | "502" | "503" | "504") =>
                {
                    self.ledger.taken(id, "error_pages");
                    route.set(&["error_pages", &status], file);
                }
                _ => self.ledger.lost(id, "the model has files as pages for failures of servers"),
            }
        }
    }

    fn compression(&mut self, front: usize, back: usize, route: &mut Draft) {
        for section in [back, front] {
            let algorithm = self.setting(section, &["compression", "algo"]);
            let types = self.setting(section, &["compression", "type"]);
            let (Some(algorithm), Some(types)) = (algorithm, types) else { continue };
            let list: Vec<String> = self.all[types].words[2..].to_vec();
            let known: Vec<String> = list
                .into_iter()
                .filter(|kind| wsgen_model::config::MediaType::parse(kind).is_ok())
                .collect();
            if !known.is_empty() {
                self.ledger.taken(algorithm, "compression");
                self.ledger.taken(types, "compression.types");
                route.set(&["compression", "types"], known);
                return;
            }
        }
    }
}
