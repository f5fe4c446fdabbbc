//! Upstreams: workers, balancers and their members, and how they are reached.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{FilePath, Token};

use super::scope::{Chain, Importer, time};
use super::target::{Destination, destination};
use crate::import::draft::{Draft, Item, name, name_of_server};
use crate::import::ledger::Id;
use crate::import::ledger::STICKS_ANEW;
use crate::import::measure;

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
struct Member {
    id: Id,
    to: Destination,
    parameters: Vec<String>,
}

impl Importer<'_> {
    /// The upstream behind a destination; it is made where it is not there yet.
    pub(super) fn upstream(
        &mut self,
        to: &Destination,
        rule: Id,
        parameters: &[String],
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
        let value = |list: &[String], wanted: &str| {
            list.iter().find_map(|word| {
                let (key, value) = word.split_once('=')?;
                key.eq_ignore_ascii_case(wanted).then(|| value.to_owned())
            })
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
    fn balancer(&mut self, wanted: &str, chain: &Chain) -> (Vec<Member>, Vec<String>, Option<Id>) {
        let (mut members, mut settings, mut place) = (Vec::new(), Vec::new(), None);
        let is_it = |url: &str| {
            let url = url.trim_end_matches('/');
            url.get(..11).is_some_and(|start| start.eq_ignore_ascii_case("balancer://"))
                && url[11..].eq_ignore_ascii_case(wanted)
        };
        for section in self.settings(chain, "proxy") {
            if !is_it(self.word(section, 0)) {
                continue;
            }
            place = place.or(Some(section));
            self.ledger.taken(section, "upstreams");
            self.reached.insert(section);
            settings.extend(self.texts(section).into_iter().skip(1));
            for id in self.block(section) {
                let words = self.texts(id);
                match self.all[id].name.as_str() {
                    "balancermember" => {
                        let url = words.first().cloned().unwrap_or_default();
                        let Some((to, _)) = destination(&url).filter(|(to, _)| !to.balanced) else {
                            self.ledger.lost(id, "this is no address of a server of HTTP");
                            continue;
                        };
                        self.ledger.taken(id, "servers");
                        members.push(Member { id, to, parameters: words[1..].to_vec() });
                    }
                    "proxyset" => {
                        self.ledger.taken(id, "load_balancing");
                        settings.extend(words);
                    }
                    _ => {}
                }
            }
        }
        for id in self.settings(chain, "balancermember") {
            let words = self.texts(id);
            if let (true, Some((to, _))) =
                (is_it(self.word(id, 0)), words.get(1).and_then(|url| destination(url)))
            {
                self.ledger.taken(id, "servers");
                members.push(Member { id, to, parameters: words[2..].to_vec() });
            }
        }
        (members, settings, place)
    }

    /// `<Proxy http://…>` and `ProxySet` for one server.
    fn worker(&mut self, to: &Destination, chain: &Chain) -> Vec<String> {
        let mut settings = Vec::new();
        let same =
            |url: &str| destination(url).is_some_and(|(other, _)| other.authority == to.authority);
        for section in self.settings(chain, "proxy") {
            if same(self.word(section, 0)) {
                self.ledger.taken(section, "upstreams");
                for id in self.block(section) {
                    if self.all[id].name == "proxyset" {
                        self.ledger.taken(id, "timeouts");
                        settings.extend(self.texts(id));
                    }
                }
            }
        }
        for id in self.settings(chain, "proxyset") {
            if same(self.word(id, 0)) {
                self.ledger.taken(id, "timeouts");
                settings.extend(self.texts(id).into_iter().skip(1));
            }
        }
        settings
    }

    fn server(&mut self, member: &Member) -> Option<Draft> {
        let mut server = Draft::of("address", member.to.authority.as_str());
        let mut plain = true;
        for word in &member.parameters {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            match key.to_ascii_lowercase().as_str() {
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
                "ping" | "min" | "max" | "smax" | "ttl" | "acquire" | "retry" | "flushpackets"
                | "flushwait" | "disablereuse" | "enablereuse" | "iobuffersize"
                | "receivebuffersize" | "responsefieldsize" | "route" | "redirect" | "lbset"
                | "nocanon" | "interpolate" | "noquery" | "keepalive" | "upgrade" | "timeout"
                | "connectiontimeout" | "addressttl" | "failonstatus" | "failontimeout"
                | "forcerecovery" => {}
                key if key.starts_with("hc") => {}
                "secret" | "scolonpathdelim" | "nofailover" | "maxattempts" | "lbmethod"
                | "stickysession" | "stickysessionsep" | "growth" | "nonce" => {}
                _ => self.ledger.lost(member.id, "an option of this server is not known"),
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

    /// Checks by `mod_proxy_hcheck`.
    fn checks(&mut self, members: &[Member], fields: &mut Draft) {
        let Some(member) = members
            .iter()
            .find(|m| m.parameters.iter().any(|p| p.to_lowercase().starts_with("hcmethod=")))
        else {
            return;
        };
        let get = |key: &str| {
            member.parameters.iter().find_map(|word| {
                let (own, value) = word.split_once('=')?;
                own.eq_ignore_ascii_case(key).then(|| value.to_owned())
            })
        };
        let mut check = Draft::map();
        match get("hcmethod").unwrap_or_default().to_ascii_uppercase().as_str() {
            "TCP" => check.set(&["type"], "tcp"),
            "NONE" | "CPING" | "PROVIDER" => return,
            _ => {
                let path = get("hcuri").unwrap_or_else(|| "/".to_owned());
                check.set(&["type"], "http");
                check.set(&["path"], path);
            }
        }
        if let Some(millis) = get("hcinterval").and_then(|text| time(&text)) {
            check.set(&["interval"], measure::duration(millis.max(1000)));
        }
        for (key, field) in [("hcpasses", "healthy_threshold"), ("hcfails", "unhealthy_threshold")]
        {
            if let Some(number) = get(key).and_then(|text| text.parse::<u64>().ok()) {
                check.set(&[field], number.clamp(1, 100));
            }
        }
        let named = get("hcexpr").and_then(|name| {
            (0..self.all.len())
                .find(|id| self.all[*id].name == "proxyhcexpr" && self.word(*id, 0) == name)
        });
        if let Some(id) = named {
            let text = self.texts(id).get(1..).unwrap_or_default().join(" ");
            let list = text.split_once("=~ /^(").and_then(|(_, rest)| rest.split_once(")$/"));
            let list = list.map(|(list, _)| list.split('|').map(str::parse::<u64>));
            match list.and_then(|list| list.collect::<Result<Vec<_>, _>>().ok()) {
                Some(list) if text.contains("REQUEST_STATUS") => {
                    self.ledger.taken(id, "health_check.expect_status");
                    check.set(&["expect_status"], list);
                }
                _ => self.ledger.lost(id, "what an answer must be is told by its status"),
            }
        }
        fields.set(&["health_check"], check);
    }

    /// Apache verifies nothing unless it is told to, but names and dates once it is.
    fn upstream_tls(&mut self, chain: &Chain) -> Draft {
        let mut tls = Draft::map();
        for name in [
            "sslproxyengine",
            "sslproxycheckpeername",
            "sslproxycheckpeercn",
            "sslproxycheckpeerexpire",
            "sslproxyverifydepth",
        ] {
            if let Some(id) = self.setting(chain, name) {
                self.ledger.taken(id, "tls.verify");
            }
        }
        let verify = self.setting(chain, "sslproxyverify");
        let verifies = verify.is_some_and(|id| self.word(id, 0).eq_ignore_ascii_case("require"));
        if let Some(id) = verify {
            self.ledger.taken(id, "tls.verify");
        }
        tls.set(&["verify"], verifies);
        if let Some(id) = self.setting(chain, "sslproxycacertificatefile") {
            let text = self.word(id, 0).to_owned();
            if FilePath::parse(&text).is_ok() {
                self.ledger.taken(id, "tls.ca");
                if verifies {
                    tls.set(&["ca"], text);
                }
            }
        }
        tls
    }
}
