//! Who may use a route: `Require` (`mod_authz_core`), its elder `Order`, `Allow` and `Deny` (`mod_access_compat`), logins, and
//! guards of other modules.

use super::scope::{Chain, Importer};
use crate::import::draft::Draft;
use crate::import::ledger::Id;
use crate::targets::apache::syntax::access::{Access, Clients, Order, Requirement, Satisfy};
use crate::targets::apache::syntax::{Section, Statement};

/// Who may use a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Guard {
    /// Everybody.
    Open,
    /// Nobody.
    Denied,
    /// Whoever logs in: the value of `auth`.
    Login(Draft),
    /// That depends on something that the model has no word for.
    Unknown,
}

/// What one part of the configuration asks of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Granted,
    Denied,
    User,
    Unknown,
}

/// How directives of other logins begin.
pub(super) const LOGINS: [&str; 8] =
    ["shib", "oidc", "addexternal", "setexternal", "ldap", "mellon", "cas", "auth"];

/// Why something that guards is lost.
const NO_LISTS: &str = "the model has no such lists of clients or users";

impl Importer<'_> {
    /// Whether a directive decides who may use its place.
    pub(super) fn guards_something(&self, id: Id) -> bool {
        let directive = &self.all[id];
        match &directive.statement {
            Ok(Statement::Access(Access::Require(require))) => {
                require.negated || require.requirement != Requirement::AllGranted
            }
            Ok(Statement::Access(
                Access::Allow(Clients::All) | Access::Order(_) | Access::Satisfy(_),
            )) => false,
            Ok(Statement::RewriteRule(rule)) => {
                rule.flags.forbidden
                    || rule.flags.gone
                    || rule.flags.redirect.is_some()
                    || rule.flags.proxy
            }
            Ok(Statement::Access(_) | Statement::Redirect(_)) => true,
            Ok(Statement::Section(
                Section::Limit(_)
                | Section::LimitExcept(_)
                | Section::RequireAll
                | Section::RequireAny
                | Section::RequireNone,
            )) => directive.block.iter().flatten().any(|id| self.guards_something(*id)),
            _ => {
                let name = directive.name.as_str();
                ["require", "allow", "deny", "authtype"].contains(&name)
                    || matches!(name, "sslrequire" | "sslrequiressl" | "sslverifyclient")
                    || LOGINS.iter().any(|word| name.starts_with(word))
            }
        }
    }

    /// Whether `Require`, or `Deny` without `Allow`, refuses everybody.
    pub(super) fn refuses_all(&self, chain: &Chain) -> bool {
        let required = ["require", "requireall", "requireany", "requirenone"];
        if self
            .innermost(chain, &required)
            .is_some_and(|list| self.any_of(&list) == Verdict::Denied)
        {
            return true;
        }
        let denies = |id: &Id| {
            matches!(self.all[*id].statement, Ok(Statement::Access(Access::Deny(Clients::All))))
        };
        self.innermost(chain, &["allow", "deny"]).is_some_and(|list| {
            list.iter().any(denies) && list.iter().all(|id| self.all[*id].name != "allow")
        })
    }

    /// What guards the requests of a place.
    pub(super) fn guard(&mut self, chain: &Chain, tls: bool) -> Guard {
        let compat = self.by_address(chain);
        let required = self.required(chain);
        let others = self.other_guards(chain, tls);
        let satisfy = self.setting(chain, "satisfy");
        let any = satisfy.is_some_and(|id| {
            matches!(self.all[id].statement, Ok(Statement::Access(Access::Satisfy(Satisfy::Any))))
        });
        let denied = [compat, required, others].contains(&Verdict::Denied);
        let both = match (compat, required) {
            // Either will do.
            (Verdict::Granted, _) | (_, Verdict::Granted) if any && compat != required => {
                self.taken_access(chain, "everybody is allowed anyway");
                Verdict::Granted
            }
            _ if any && compat != required => Verdict::Unknown,
            (Verdict::Granted, other) | (other, Verdict::Granted) => other,
            (Verdict::Unknown, _) | (_, Verdict::Unknown) if !denied => Verdict::Unknown,
            _ if denied => Verdict::Denied,
            (one, _) => one,
        };
        match (both, others) {
            (Verdict::Denied, _) | (_, Verdict::Denied) => {
                self.without_login(chain, true);
                Guard::Denied
            }
            (_, Verdict::Unknown) | (Verdict::Unknown, _) => {
                self.without_login(chain, false);
                Guard::Unknown
            }
            (Verdict::User, _) => self.login(chain),
            (Verdict::Granted, _) => Guard::Open,
        }
    }

    /// Judges a login of a place that refuses everybody, or of which more is lost.
    fn without_login(&mut self, chain: &Chain, denied: bool) {
        for id in chain.iter().flatten().copied().collect::<Vec<Id>>() {
            let name = self.all[id].name.as_str();
            let login = LOGINS.iter().any(|word| name.starts_with(word)) || name == "require";
            if !login || !self.ledger.is_open(id) {
                continue;
            }
            if denied {
                self.ledger.dropped(id, "everybody is refused here");
            } else {
                self.ledger.opens(id, "the model has no such login");
            }
        }
    }

    fn taken_access(&mut self, chain: &Chain, why: &'static str) {
        for name in ["satisfy", "order", "allow", "deny", "require"] {
            for id in self.settings(chain, name) {
                self.ledger.dropped(id, why);
            }
        }
    }

    /// The innermost list that has one of these directives: it replaces what is around it.
    fn innermost(&self, chain: &Chain, names: &[&str]) -> Option<Vec<Id>> {
        let has =
            |list: &&Vec<Id>| list.iter().any(|id| names.contains(&self.all[*id].name.as_str()));
        chain.iter().rev().find(has).cloned()
    }

    /// `Order`, `Allow` and `Deny`.
    fn by_address(&mut self, chain: &Chain) -> Verdict {
        let Some(list) = self.innermost(chain, &["allow", "deny"]) else {
            // `Order allow,deny` alone allows nobody.
            let Some(id) = self.setting(chain, "order") else { return Verdict::Granted };
            let shut = matches!(
                self.all[id].statement,
                Ok(Statement::Access(Access::Order(Order::AllowDeny)))
            );
            if shut {
                self.ledger.taken(id, "respond");
                return Verdict::Denied;
            }
            self.ledger.dropped(id, "everybody is allowed anyway");
            return Verdict::Granted;
        };
        let order = self.setting(chain, "order");
        let mut order_is = Order::DenyAllow;
        if let Some(id) = order
            && let Ok(Statement::Access(Access::Order(own))) = self.all[id].statement
        {
            order_is = own;
        }
        let (mut allow_all, mut deny_all, mut some_allow, mut some_deny) =
            (false, false, false, false);
        let mut ids = Vec::new();
        for id in list {
            match &self.all[id].statement {
                Ok(Statement::Access(Access::Allow(clients))) => {
                    allow_all |= *clients == Clients::All;
                    some_allow |= *clients != Clients::All;
                    ids.push(id);
                }
                Ok(Statement::Access(Access::Deny(clients))) => {
                    deny_all |= *clients == Clients::All;
                    some_deny |= *clients != Clients::All;
                    ids.push(id);
                }
                Err(_) if ["allow", "deny"].contains(&self.all[id].name.as_str()) => {
                    some_allow = true;
                    some_deny = true;
                    ids.push(id);
                }
                _ => {}
            }
        }
        let verdict = match order_is {
            // Who is denied is let in if it is allowed too.
            Order::DenyAllow if allow_all || !deny_all && !some_deny => Verdict::Granted,
            Order::DenyAllow if deny_all && !some_allow => Verdict::Denied,
            // Who is not allowed is refused, and who is denied too.
            Order::AllowDeny if deny_all || !allow_all && !some_allow => Verdict::Denied,
            Order::AllowDeny if allow_all && !some_deny => Verdict::Granted,
            Order::AllowDeny | Order::DenyAllow => Verdict::Unknown,
        };
        for id in ids.into_iter().chain(order) {
            match verdict {
                Verdict::Denied => self.ledger.taken(id, "respond"),
                Verdict::Granted => self.ledger.dropped(id, "everybody is allowed anyway"),
                Verdict::User | Verdict::Unknown => {
                    self.ledger.opens(id, "the model has no lists of client addresses");
                }
            }
        }
        verdict
    }

    /// `Require` and its containers.
    fn required(&mut self, chain: &Chain) -> Verdict {
        let names = ["require", "requireall", "requireany", "requirenone"];
        let Some(list) = self.innermost(chain, &names) else { return Verdict::Granted };
        let merges = self.setting(chain, "authmerging");
        let merges = merges.filter(|id| !self.word(*id, 0).eq_ignore_ascii_case("off"));
        let verdict = if merges.is_some() { Verdict::Unknown } else { self.any_of(&list) };
        if let Some(id) = merges {
            self.ledger.opens(id, "what sections around say of it counts too, which is not read");
        }
        self.say_required(&list, verdict);
        verdict
    }

    /// One of a list must hold.
    fn any_of(&self, list: &[Id]) -> Verdict {
        let verdicts: Vec<Verdict> = list.iter().filter_map(|id| self.requirement(*id)).collect();
        let has = |verdict| verdicts.contains(&verdict);
        if has(Verdict::Granted) {
            Verdict::Granted
        } else if has(Verdict::Unknown) {
            Verdict::Unknown
        } else if has(Verdict::User) {
            Verdict::User
        } else {
            Verdict::Denied
        }
    }

    fn requirement(&self, id: Id) -> Option<Verdict> {
        let directive = &self.all[id];
        let block = directive.block.clone().unwrap_or_default();
        Some(match &directive.statement {
            Ok(Statement::Access(Access::Require(require))) => {
                match (&require.requirement, require.negated) {
                    (Requirement::AllGranted, false) | (Requirement::AllDenied, true) => {
                        Verdict::Granted
                    }
                    (Requirement::AllDenied, false) | (Requirement::AllGranted, true) => {
                        Verdict::Denied
                    }
                    (Requirement::ValidUser, false) => Verdict::User,
                    _ => Verdict::Unknown,
                }
            }
            Ok(Statement::Section(Section::RequireAny)) => self.any_of(&block),
            Ok(Statement::Section(Section::RequireAll)) => {
                let all: Vec<Verdict> =
                    block.iter().filter_map(|id| self.requirement(*id)).collect();
                let has = |verdict| all.contains(&verdict);
                if has(Verdict::Denied) {
                    Verdict::Denied
                } else if has(Verdict::Unknown) || all.is_empty() {
                    Verdict::Unknown
                } else if has(Verdict::User) {
                    Verdict::User
                } else {
                    Verdict::Granted
                }
            }
            Ok(Statement::Section(Section::RequireNone)) => Verdict::Unknown,
            Err(_) if directive.name == "require" => Verdict::Unknown,
            _ => return None,
        })
    }

    fn say_required(&mut self, list: &[Id], verdict: Verdict) {
        for id in list.iter().copied() {
            if self.requirement(id).is_none() {
                continue;
            }
            match verdict {
                Verdict::Granted => self.ledger.dropped(id, "everybody is allowed anyway"),
                Verdict::Denied => self.ledger.taken(id, "respond"),
                Verdict::User => {}
                Verdict::Unknown => self.ledger.opens(id, NO_LISTS),
            }
            let inner = self.block(id);
            self.say_required(&inner, verdict);
        }
    }

    /// Guards of methods, of TLS and of other modules.
    fn other_guards(&mut self, chain: &Chain, tls: bool) -> Verdict {
        let mut verdict = Verdict::Granted;
        for list in chain {
            for id in list.iter().copied() {
                let name = self.all[id].name.clone();
                match (name.as_str(), &self.all[id].statement) {
                    ("limit" | "limitexcept", _) => {
                        if self.guards_something(id) {
                            self.lost_guard(
                                id,
                                "the model guards every method of a route, or none",
                            );
                            verdict = Verdict::Unknown;
                        } else {
                            self.dropped_block(id, "everybody is allowed anyway");
                        }
                    }
                    ("sslrequiressl", _) if tls => self.ledger.taken(id, "listeners.tls"),
                    ("sslrequiressl", _) => {
                        self.ledger.taken(id, "respond");
                        return Verdict::Denied;
                    }
                    ("sslrequire", _) => {
                        self.ledger.opens(id, "the model has no such test");
                        verdict = Verdict::Unknown;
                    }
                    _ => {}
                }
            }
        }
        // A certificate that a section asks for; that of a virtual host belongs to its listener.
        for list in chain.iter().skip(self.outer(chain)) {
            for id in self.named(list, "sslverifyclient") {
                let none = self.word(id, 0).eq_ignore_ascii_case("none");
                if none {
                    self.ledger.dropped(id, "it asks for nothing");
                } else {
                    self.ledger
                        .opens(id, "the model asks all clients of a listener for certificates");
                    verdict = Verdict::Unknown;
                }
            }
        }
        verdict
    }

    /// How many lists of a chain are no sections.
    pub(super) fn outer(&self, chain: &Chain) -> usize {
        chain
            .iter()
            .take_while(|list| **list == self.settings_around || self.servers.contains(*list))
            .count()
    }

    pub(super) fn lost_guard(&mut self, id: Id, why: &str) {
        self.ledger.opens(id, why);
        for inner in self.block(id) {
            self.lost_guard(inner, why);
        }
    }
}
