//! From rules to routes: what holds for a request of each, and the sections that it goes through.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::FilePath;

use super::parts::Part;
use super::rule::{Act, Rule};
use super::scope::{Chain, Importer};
use super::target::Destination;
use super::vhost::Vhost;
use crate::import::condition::Clause;
use crate::import::draft::Draft;
use crate::import::matcher::is_below;
use crate::import::measure;
use crate::import::placeholder::placeholder;

impl Importer<'_> {
    /// The fields of a route.
    pub(super) fn fields(&mut self, vhost: &Vhost, part: &Part) -> Draft {
        let Part { rule, chain, auth } = part;
        let (to, change) = match &rule.act {
            Act::Answer(draft) => {
                let mut draft = draft.clone();
                self.fields_of_answer(chain, vhost, &mut draft);
                return draft;
            }
            Act::Placeholder | Act::Resume | Act::Files | Act::Rest => return placeholder(),
            Act::Forward(to, change) => (to, change),
        };
        let Some(mut route) = self.forward(to, change.as_ref(), rule, vhost, chain) else {
            self.ledger.lost(rule.id, "its upstream has no server that could be read");
            // Its requests must not fall to another route.
            return placeholder();
        };
        if let Some(auth) = auth {
            route.set(&["auth"], auth.clone());
        }
        route
    }

    fn forward(
        &mut self,
        to: &Destination,
        change: Option<&Draft>,
        rule: &Rule,
        vhost: &Vhost,
        chain: &Chain,
    ) -> Option<Draft> {
        self.reach(vhost, chain);
        let parameters = if to.balanced { rule.parameters.clone() } else { self.of_worker(rule) };
        let reached = self.upstream(to, rule.id, &parameters, chain)?;
        let mut route = Draft::of("upstream", reached.name.as_str());
        if let Some(change) = change {
            route.set(&["rewrite"], change.clone());
        }
        if !reached.upgrades {
            route.set(&["websocket", "mode"], "deny");
            let asks = |clause: &Clause| clause.websocket == Some(true);
            let plain = |clause: &Clause| clause.websocket == Some(false);
            let clauses = rule.condition.clauses();
            if !clauses.iter().all(plain) && !to.balanced {
                let what = if clauses.iter().all(asks) {
                    "the server of this rule is reached by `http:` without `upgrade=websocket`: no WebSocket gets through"
                } else {
                    "no WebSocket gets through here: Apache passes handshakes on as plain HTTP"
                };
                self.plain.push((rule.id, what));
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
        self.requests(chain, vhost, rule.id, &mut route);
        self.responses(chain, vhost, &mut route);
        self.bodies(chain, &mut route);
        self.pages(chain, &mut route);
        self.reverses(vhost, chain, &route);
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
                .find(|id| is_below(&page, self.word(*id, 0)));
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
    fn reverses(&mut self, vhost: &Vhost, chain: &Chain, route: &Draft) {
        let preserved =
            route.text(&["host"]) == Some("preserve") && route.get(&["rewrite"]).is_none();
        // What stands in no section is the same for all of these routes.
        let mut all: Chain = chain.iter().skip(self.outer(chain)).cloned().collect();
        if self.reversed.insert((vhost.id, preserved)) {
            all.splice(0..0, vhost.chain(&self.around));
        }
        for name in ["proxypassreverse", "proxypassreversematch"] {
            for id in self.settings(&all, name) {
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
            for id in self.settings(&all, name) {
                self.ledger.lost(id, "cookies pass as they come");
            }
        }
    }
}
