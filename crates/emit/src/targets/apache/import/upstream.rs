//! Upstreams: workers, balancers and their members, and how they are reached.

use wsgen_model::code::Code;
use wsgen_model::decode::Scalar;
use wsgen_model::scalar::Token;

use super::scope::{Chain, Importer};
use super::target::{Destination, destination};
use crate::import::draft::{Draft, Item, name, name_of_server};
use crate::import::ledger::Id;
use crate::import::ledger::STICKS_ANEW;
use crate::import::measure;
use crate::targets::apache::syntax::setting::time;
use crate::targets::apache::syntax::{Parameter, ProxyScope, Section, Statement};

/// What an upstream comes to for one route.
#[derive(Debug, Clone)]
pub(super) struct Reached {
    /// Its name in the model.
    pub(super) name: String,
    /// Whether a WebSocket gets through.
    pub(super) upgrades: bool,
    /// How long the worker waits, in milliseconds, where it says so.
    pub(super) timeout: Option<u64>,
    /// How many servers are tried in all.
    pub(super) attempts: u64,
}

/// A member of a balancer, or the one server.
pub(super) struct Member {
    pub(super) id: Id,
    pub(super) to: Destination,
    pub(super) parameters: Vec<Parameter>,
}

impl Importer<'_> {
    /// The upstream behind a destination; it is made where it is not there yet.
    pub(super) fn upstream(
        &mut self,
        to: &Destination,
        rule: Id,
        parameters: &[Parameter],
        chain: &Chain,
    ) -> Option<Reached> {
        let mut settings = parameters.to_vec();
        let mut members = Vec::new();
        let mut origin = self.origin(rule);
        let mut called = None;
        if to.balanced {
            let (found, own, section) = self.balancer(&to.authority, chain);
            members = found;
            settings.extend(own);
            called = Some(name(&to.authority));
            if let Some(section) = section {
                origin = self.origin(section);
            }
        } else {
            settings.extend(self.worker(to, chain));
            members.push(Member { id: rule, to: to.clone(), parameters: settings.clone() });
        }
        let value = |list: &[Parameter], wanted: &str| {
            list.iter().find(|parameter| parameter.key == wanted).map(|known| known.value.clone())
        };
        let timeout = members.iter().find_map(|m| time(&value(&m.parameters, "timeout")?));
        let upgrades = members.iter().any(|m| m.to.upgrades)
            || to.upgrades
            || members.iter().any(|m| {
                value(&m.parameters, "upgrade").is_some_and(|upgrade| {
                    upgrade.eq_ignore_ascii_case("websocket") || upgrade.eq_ignore_ascii_case("any")
                })
            });
        let secure = members.iter().any(|member| member.to.secure);
        let mut fields = Draft::map();
        let mut servers = Vec::new();
        for member in &members {
            servers.extend(self.server(member));
        }
        // Where all stand by, all of them work.
        if servers.iter().all(|server| server.get(&["backup"]).is_some()) {
            for server in &mut servers {
                server.remove(&["backup"]);
            }
        }
        let count = servers.len() as u64;
        let mut attempts = count.max(1);
        fields.set(&["servers"], Draft::List(servers));
        let connect = members
            .iter()
            .find_map(|m| time(&value(&m.parameters, "connectiontimeout")?))
            .or(timeout)
            .or_else(|| self.proxy_timeout(chain));
        fields.set(&["timeouts", "connect"], measure::duration(connect.unwrap_or(60_000).max(1)));
        if members.iter().any(|m| {
            value(&m.parameters, "keepalive").is_some_and(|v| v.eq_ignore_ascii_case("on"))
        }) {
            fields.set(&["tcp_keepalive"], "2h");
            self.differs(rule, "the system's own times are taken for two hours, as Linux has them");
        }
        if count > 1 {
            let method = value(&settings, "lbmethod").unwrap_or_default();
            let policy = if method == "bybusyness" { "least_conn" } else { "round_robin" };
            fields.set(&["load_balancing", "policy"], policy);
            if let Some(most) =
                value(&settings, "maxattempts").and_then(|text| text.parse::<u64>().ok())
            {
                attempts = attempts.min(most + 1);
            }
            if let Some(cookie) = value(&settings, "stickysession") {
                self.sticky(&cookie, rule, chain, &mut fields);
            }
        }
        if count == 0 {
            return None;
        }
        if secure {
            let engine = self.setting(chain, "sslproxyengine").is_some_and(|id| self.is_on(id));
            if !engine {
                let what =
                    "`SSLProxyEngine on` is missing: Apache answers 500 to each of these requests";
                let help = "write `SSLProxyEngine on` into the virtual host";
                self.ledger.say(Code::IMPORT_BROKEN, self.span(rule), what, help);
            }
            fields.set(&["protocol"], "https");
            let tls = self.upstream_tls(chain);
            fields.set(&["tls"], tls);
        }
        self.checks(&members, &mut fields);
        let key = format!("{:?}", {
            // Timers of their own do not make another upstream.
            let mut bare = fields.clone();
            bare.remove(&["timeouts"]);
            bare
        });
        let found = |name: String| Reached { name, upgrades, timeout, attempts };
        if let Some(known) = self.upstreams.get(&key) {
            return Some(found(known.clone()));
        }
        let wanted = called.unwrap_or_else(|| name_of_server(&to.authority));
        let known = self.site.add_upstream(&wanted, Item { origin, fields });
        self.upstreams.insert(key, known.clone());
        Some(found(known))
    }

    /// How long answers are waited for, where a worker says nothing: `ProxyTimeout`, else `Timeout`.
    pub(super) fn proxy_timeout(&mut self, chain: &Chain) -> Option<u64> {
        self.time(chain, "proxytimeout", "timeouts.response_header")
            .or_else(|| self.time(chain, "timeout", "timeouts.response_header"))
    }

    /// `<Proxy balancer://name>`: its members, what is set for it, and where it stands.
    fn balancer(
        &mut self,
        wanted: &str,
        chain: &Chain,
    ) -> (Vec<Member>, Vec<Parameter>, Option<Id>) {
        let (mut members, mut settings, mut place) = (Vec::new(), Vec::new(), None);
        let is_it = |url: &str| {
            let url = url.trim_end_matches('/');
            url.get(..11).is_some_and(|start| start.eq_ignore_ascii_case("balancer://"))
                && url[11..].eq_ignore_ascii_case(wanted)
        };
        for id in chain.iter().flatten().copied() {
            match self.all[id].statement.clone() {
                Ok(Statement::Section(Section::Proxy(ProxyScope::Url(url), own)))
                    if is_it(&url) =>
                {
                    place = place.or(Some(id));
                    self.ledger.taken(id, "upstreams");
                    self.reached.insert(id);
                    settings.extend(own);
                    for inner in self.block(id) {
                        self.member(inner, &mut members, &mut settings);
                    }
                }
                Ok(Statement::BalancerMember(member))
                    if member.balancer.as_deref().is_some_and(is_it) =>
                {
                    self.member(id, &mut members, &mut settings);
                }
                Ok(Statement::ProxySet(set)) if set.url.as_deref().is_some_and(is_it) => {
                    self.ledger.taken(id, "load_balancing");
                    settings.extend(set.parameters);
                }
                _ => {}
            }
        }
        (members, settings, place)
    }

    /// A directive of a balancer.
    fn member(&mut self, id: Id, members: &mut Vec<Member>, settings: &mut Vec<Parameter>) {
        match self.all[id].statement.clone() {
            Ok(Statement::BalancerMember(member)) => {
                let Some((to, path)) = destination(&member.url).filter(|(to, _)| !to.balanced)
                else {
                    return self.ledger.lost(id, "this is no address of a server of HTTP");
                };
                if !path.trim_end_matches('/').is_empty() {
                    return self
                        .ledger
                        .lost(id, "a path of its own for each server of an upstream");
                }
                self.ledger.taken(id, "servers");
                let known = |known: &Member| known.id == id;
                if !members.iter().any(known) {
                    members.push(Member { id, to, parameters: member.parameters });
                }
            }
            Ok(Statement::ProxySet(set)) => {
                self.ledger.taken(id, "load_balancing");
                settings.extend(set.parameters);
            }
            Err(why) if ["balancermember", "proxyset"].contains(&self.all[id].name.as_str()) => {
                self.ledger.lost(id, &why.why);
            }
            // Guards and fields of the section are judged with its routes.
            _ => {}
        }
    }

    /// `<Proxy http://…>` and `ProxySet` for one server.
    fn worker(&mut self, to: &Destination, chain: &Chain) -> Vec<Parameter> {
        let mut settings = Vec::new();
        let same =
            |url: &str| destination(url).is_some_and(|(other, _)| other.authority == to.authority);
        for id in chain.iter().flatten().copied() {
            match self.all[id].statement.clone() {
                Ok(Statement::Section(Section::Proxy(ProxyScope::Url(url), own))) if same(&url) => {
                    self.ledger.taken(id, "upstreams");
                    settings.extend(own);
                    for inner in self.block(id) {
                        if let Ok(Statement::ProxySet(set)) = self.all[inner].statement.clone() {
                            self.ledger.taken(inner, "timeouts");
                            settings.extend(set.parameters);
                        }
                    }
                }
                Ok(Statement::ProxySet(set)) if set.url.as_deref().is_some_and(same) => {
                    self.ledger.taken(id, "timeouts");
                    settings.extend(set.parameters);
                }
                _ => {}
            }
        }
        settings
    }

    fn server(&mut self, member: &Member) -> Option<Draft> {
        let mut server = Draft::of("address", member.to.authority.as_str());
        let mut plain = true;
        for Parameter { key, value, .. } in &member.parameters {
            match key.as_str() {
                "loadfactor" => {
                    // Its numbers may have a fraction; the shares are what counts.
                    let weight = value.parse::<f64>().unwrap_or(1.0).round().clamp(1.0, 256.0);
                    server.set(&["weight"], Draft::Plain(format!("{weight:.0}").into()));
                    plain = false;
                }
                "status" => {
                    let flags = value.to_ascii_uppercase();
                    let on = |flag| flags.contains(flag) && !flags.contains('-');
                    if on('D') || on('S') {
                        self.ledger.dropped(member.id, "it is marked as down");
                        return None;
                    }
                    if on('H') || on('R') {
                        server.set(&["backup"], true);
                        plain = false;
                    }
                }
                // What tunes connections, and what is read elsewhere: the syntax knows no other.
                _ => {}
            }
        }
        Some(if plain { member.to.authority.as_str().into() } else { server })
    }

    /// A cookie that sticks: the application's own, or one that `Header add Set-Cookie` makes.
    fn sticky(&mut self, session: &str, rule: Id, chain: &Chain, fields: &mut Draft) {
        let cookie = session.split('|').next().unwrap_or_default().to_owned();
        let makes = self.settings(chain, "header").into_iter().find(|id| {
            let text = self.texts(*id).join(" ");
            text.contains("BALANCER_WORKER_ROUTE") && text.contains(&format!("{cookie}="))
        });
        if Token::parse(&cookie).is_err() {
            return self.ledger.lost(rule, "the model sticks by a cookie of the proxy's own");
        }
        match makes {
            Some(id) => {
                self.ledger.taken(id, "sticky.cookie");
                self.differs(id, STICKS_ANEW);
                let text = self.texts(id).join(" ").to_lowercase();
                let mut own = Draft::of("name", cookie);
                own.set(&["http_only"], text.contains("httponly"));
                if text.contains("secure") {
                    own.set(&["secure"], true);
                }
                for site in ["strict", "lax", "none"] {
                    if text.contains(&format!("samesite={site}")) {
                        own.set(&["same_site"], site);
                    }
                }
                fields.set(&["sticky", "cookie"], own);
            }
            None => {
                self.differs(rule, "the proxy makes the cookie itself, where the application put its server's name into its own");
                fields.set(&["sticky", "cookie", "name"], cookie);
            }
        }
    }
}
