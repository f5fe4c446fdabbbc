//! From rules to routes: what holds for a request of each, and the sections that it goes through.

use wsgen_model::code::Code;
use wsgen_model::decode::Scalar;
use wsgen_model::scalar::FilePath;

use super::passes::ways;
use super::rewrite::{Act, Rule};
use super::scope::{Chain, Importer};
use super::target::Destination;
use super::vhost::Vhost;
use crate::import::choices::below;
use crate::import::draft::Draft;
use crate::import::ledger::Id;
use crate::import::measure;

/// Directives that make a part of a route one of its own.
const SHAPES: [&str; 7] =
    ["requestheader", "header", "authtype", "require", "deny", "requireall", "requireany"];

impl Importer<'_> {
    /// Sections of a path narrower than a rule's get a rule of their own ahead of it.
    pub(super) fn parts(&mut self, vhost: &Vhost, rules: &mut Vec<Rule>) {
        for section in self.places(vhost) {
            let inner = self.block(section);
            let shapes = |id: &Id| {
                let all = self.word(*id, 0).eq_ignore_ascii_case("all")
                    && self.word(*id, 1).eq_ignore_ascii_case("granted");
                SHAPES.contains(&self.all[*id].name.as_str()) && !all
            };
            let Some((pattern, regex)) = self.place(section) else { continue };
            let Some(own) = ways(&pattern, regex) else { continue };
            let Some(path) = own.first().and_then(|way| way.paths.first()).cloned() else {
                continue;
            };
            if !inner.iter().any(shapes) {
                continue;
            }
            let same = |rule: &Rule| rule.ways.iter().any(|way| way.paths.contains(&path));
            let holds = |rule: &Rule| {
                matches!(rule.act, Act::Forward(..))
                    && rule.ways.iter().any(|way| {
                        way.paths.is_empty() || way.paths.iter().any(|wide| within(&path, wide))
                    })
            };
            let mut at = 0;
            while at < rules.len() {
                if same(&rules[at]) {
                    break;
                }
                if holds(&rules[at]) {
                    let mut part = rules[at].clone();
                    part.ways.retain(|way| {
                        way.paths.is_empty() || way.paths.iter().any(|wide| within(&path, wide))
                    });
                    part.ways.iter_mut().for_each(|way| way.paths = vec![path.clone()]);
                    part.id = section;
                    rules.insert(at, part);
                    self.ledger.taken(section, "match.path");
                    at += 1;
                }
                at += 1;
            }
        }
    }

    /// `<Location>` sections that hold in a virtual host, in the order in which they are merged.
    fn places(&self, vhost: &Vhost) -> Vec<Id> {
        let chain = vhost.chain(&self.around);
        let is_place =
            |id: &Id| ["location", "locationmatch"].contains(&self.all[*id].name.as_str());
        chain.iter().flatten().copied().filter(is_place).collect()
    }

    /// The lists of directives that hold for a rule, the outermost first.
    pub(super) fn around(&mut self, vhost: &Vhost, rule: &Rule) -> Chain {
        let mut chain = vhost.chain(&self.around);
        for section in self.places(vhost) {
            let Some((pattern, regex)) = self.place(section) else { continue };
            let Some(own) = ways(&pattern, regex) else { continue };
            let wide = own.first().and_then(|way| way.paths.first());
            let covers = rule.ways.iter().all(|way| {
                wide.is_none_or(|wide| {
                    !way.paths.is_empty()
                        && way.paths.iter().all(|path| path == wide || within(path, wide))
                })
            });
            if covers {
                self.ledger.taken(section, "match.path");
                self.reached.insert(section);
                chain.push(self.block(section));
            }
        }
        for scope in &rule.scopes {
            if !chain.contains(scope) {
                chain.push(scope.clone());
            }
        }
        for list in vhost.chain(&self.around) {
            for id in self.named(&list, "if") {
                let asked = self.asks_for(id);
                if asked.is_some_and(|asked| rule.variables.contains(&asked)) {
                    self.ledger.taken(id, "match");
                    chain.push(self.block(id));
                }
            }
        }
        chain
    }

    /// `<If "reqenv('name') == 'value'">`
    pub(super) fn asks_for(&self, id: Id) -> Option<(String, String)> {
        let text = self.texts(id).join(" ");
        let (name, value) = text.strip_prefix("reqenv('")?.split_once("') == '")?;
        Some((name.to_owned(), value.strip_suffix('\'')?.to_owned()))
    }

    /// The fields of a route.
    pub(super) fn fields(&mut self, vhost: &Vhost, rule: &Rule) -> Draft {
        let chain = self.around(vhost, rule);
        let (to, change) = match &rule.act {
            Act::Answer(draft) => {
                let mut draft = draft.clone();
                self.answered(&chain, vhost, &mut draft);
                return draft;
            }
            Act::Forward(to, change) => (to, change),
        };
        let Some(mut route) = self.forward(to, change.as_ref(), rule, vhost, &chain) else {
            self.ledger.lost(rule.id, "its upstream has no server that could be read");
            // Its requests must not fall to another route.
            return Draft::of("respond", Draft::of("status", 502_u64));
        };
        if self.guards(&chain, &mut route) {
            return Draft::of("respond", Draft::of("status", 403_u64));
        }
        route
    }

    /// Fields of an answer that the server makes itself.
    fn answered(&mut self, chain: &Chain, vhost: &Vhost, draft: &mut Draft) {
        if draft.get(&["respond"]).is_none() {
            return;
        }
        let mut fields = Draft::map();
        self.responses(chain, vhost.tls, &mut fields);
        for kind in ["set", "add"] {
            let Some(Draft::Map(added)) = fields.get(&["response_headers", kind]) else { continue };
            for (name, value) in added {
                draft.set(&["respond", "headers", name], value.clone());
            }
        }
    }

    fn forward(
        &mut self,
        to: &Destination,
        change: Option<&Draft>,
        rule: &Rule,
        vhost: &Vhost,
        chain: &Chain,
    ) -> Option<Draft> {
        self.reached.extend(chain.iter().flatten());
        let reached = self.upstream(to, rule.id, &rule.parameters, chain)?;
        let mut route = Draft::of("upstream", reached.name.as_str());
        if let Some(change) = change {
            route.set(&["rewrite"], change.clone());
        }
        let asks = rule.ways.iter().all(|way| way.upgrade == Some(true));
        if !reached.upgrades {
            route.set(&["websocket", "mode"], "deny");
            if asks {
                let help = "it did not work before; take `mode: deny` away to let WebSockets pass";
                let what = "the server of this rule is reached by `http:` without `upgrade=websocket`: no WebSocket gets through";
                self.ledger.say(Code::IMPORT_BROKEN, self.span(rule.id), what, help);
            }
        }
        let general = self.time(chain, "timeout", "timeouts").unwrap_or(60_000);
        let answer =
            reached.timeout.or_else(|| self.proxy_timeout(chain)).unwrap_or(general).max(1);
        route.set(&["timeouts", "response_header"], measure::duration(answer));
        if reached.upgrades {
            // The longer of the two ends a tunnel.
            let idle = answer.max(general);
            let none = idle >= 365 * 86_400_000;
            let idle = if none { "unlimited".to_owned() } else { measure::duration(idle) };
            route.set(&["timeouts", "tunnel_idle"], idle);
        }
        if reached.attempts > 1 {
            route.set(&["retries", "attempts"], reached.attempts.min(10));
        }
        self.requests(chain, vhost.tls, rule.id, &mut route);
        self.responses(chain, vhost.tls, &mut route);
        self.bodies(chain, &mut route);
        self.pages(chain, &mut route);
        self.reverses(chain, &route);
        self.under_policies(&rule.variables, &mut route);
        Some(route)
    }

    fn bodies(&mut self, chain: &Chain, route: &mut Draft) {
        for id in self.settings(chain, "limitrequestbody") {
            // Seen on 2.4.71, by `ProxyPass` and by `[P]`: longer bodies pass.
            self.ledger.dropped(id, "Apache does not apply it to requests that are passed on");
        }
        for id in self.settings(chain, "allowencodedslashes") {
            self.ledger.taken(id, "as it came");
            if self.word(id, 0).eq_ignore_ascii_case("on") {
                self.differs(id, "`%2F` passes as it came, where it was made a slash");
            }
        }
        let by_type = self.settings(chain, "addoutputfilterbytype");
        let mut types: Vec<String> = Vec::new();
        for id in by_type {
            if !self.word(id, 0).to_uppercase().contains("DEFLATE") {
                self.ledger.lost(id, "the model compresses, and filters nothing else");
                continue;
            }
            self.ledger.taken(id, "compression.types");
            for kind in self.texts(id).iter().skip(1) {
                if wsgen_model::config::MediaType::parse(kind).is_ok() && !types.contains(kind) {
                    types.push(kind.clone());
                }
            }
        }
        if !types.is_empty() {
            route.set(&["compression", "types"], types);
        }
    }

    /// `ErrorDocument`: files for the statuses that Apache itself answers with.
    fn pages(&mut self, chain: &Chain, route: &mut Draft) {
        for id in self.settings(chain, "errordocument") {
            let (code, page) = (self.word(id, 0).parse::<u16>(), self.word(id, 1).to_owned());
            let (Ok(code @ 400..=599), true) = (code, page.starts_with('/')) else {
                self.ledger.lost(id, "pages for errors are files, under their own status");
                continue;
            };
            let alias = self
                .settings(chain, "alias")
                .into_iter()
                .find(|id| below(&page, self.word(*id, 0)));
            let root = self.setting(chain, "documentroot");
            let file = match (alias, root) {
                (Some(alias), _) => {
                    let rest =
                        page.strip_prefix(self.word(alias, 0)).unwrap_or_default().to_owned();
                    format!("{}{rest}", self.word(alias, 1))
                }
                (None, Some(root)) => format!("{}{page}", self.word(root, 0).trim_end_matches('/')),
                (None, None) => format!("htdocs{page}"),
            };
            if FilePath::parse(&file).is_err() {
                self.ledger.lost(id, "the model has no such file");
                continue;
            }
            self.ledger.taken(id, "error_pages");
            route.set(&["error_pages", &code.to_string()], file);
        }
        if let Some(id) = self.setting(chain, "proxyerroroverride") {
            if self.word(id, 0).eq_ignore_ascii_case("on") {
                self.ledger.lost(id, "the errors of an upstream pass as they come");
            } else {
                self.ledger.taken(id, "error_pages");
            }
        }
    }

    /// `ProxyPassReverse`: a Location that names the upstream becomes one that names this server.
    fn reverses(&mut self, chain: &Chain, route: &Draft) {
        let preserved =
            route.text(&["host"]) == Some("preserve") && route.get(&["rewrite"]).is_none();
        for name in ["proxypassreverse", "proxypassreversematch"] {
            for id in self.settings(chain, name) {
                if preserved {
                    self.ledger.dropped(
                        id,
                        "upstreams that see the name of this server say it themselves",
                    );
                    continue;
                }
                self.ledger.dropped(id, "the Location of an answer passes as it comes");
                self.differs(id, "a Location that names the upstream reaches the client as it is: let it see the name of this server (`host: preserve`), or its own paths");
            }
        }
        for name in ["proxypassreversecookiedomain", "proxypassreversecookiepath"] {
            for id in self.settings(chain, name) {
                self.ledger.lost(id, "cookies pass as they come");
            }
        }
    }
}

/// Whether what fits the first path fits the second too.
fn within(path: &Draft, wide: &Draft) -> bool {
    let Some(wide) = wide.text(&["prefix"]) else { return false };
    match (path.text(&["prefix"]).or(path.text(&["exact"])), path.text(&["regex"])) {
        (Some(path), _) => below(path, wide),
        (None, Some(pattern)) => {
            let literal = pattern.strip_prefix('^').unwrap_or_default();
            literal.starts_with(&format!("{}/", wide.trim_end_matches('/')))
        }
        _ => false,
    }
}
