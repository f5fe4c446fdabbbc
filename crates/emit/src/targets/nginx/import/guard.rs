//! Who may come to a location: addresses, and guards of modules that the model has no word for.

use super::content::status;
use super::location::Location;
use super::scope::Importer;
use super::state::State;
use crate::import::ledger::Id;
use crate::targets::nginx::syntax::{Satisfy, Statement};

/// Whom a list of `allow` and `deny` lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// Every client.
    All,
    /// No client.
    Nobody,
    /// Clients of some addresses.
    Some,
}

/// Directives of modules that let only some requests in.
const GUARDS: [&str; 22] = [
    "auth_digest",
    "auth_digest_user_file",
    "auth_gss",
    "auth_jwt",
    "auth_jwt_key_file",
    "auth_ldap",
    "auth_ldap_servers",
    "auth_oidc",
    "auth_openidc",
    "auth_pam",
    "auth_pam_service_name",
    "auth_radius",
    "auth_spnego",
    "js_access",
    "modsecurity",
    "modsecurity_rules",
    "modsecurity_rules_file",
    "ModSecurityEnabled",
    "naxsi_rules",
    "SecRulesEnabled",
    "session_log",
    "vouch_auth",
];

/// Whether a directive of this name keeps requests out in a way that is not known.
pub(super) fn is_unknown_guard(name: &str) -> bool {
    GUARDS.contains(&name)
        || name.starts_with("access_by_lua")
        || name.starts_with("rewrite_by_lua")
}

impl Importer<'_> {
    /// Whom a list of directives lets in.
    pub(super) fn who(&self, list: &[Id]) -> Who {
        let mut some = false;
        for id in list {
            let Ok(Statement::Access(access)) = &self.tree.all[*id].value else { continue };
            match (&access.from, access.allow) {
                (None, true) if !some => return Who::All,
                (None, false) if !some => return Who::Nobody,
                (None, _) => return Who::Some,
                (Some(_), _) => some = true,
            }
        }
        if some { Who::Some } else { Who::All }
    }

    /// Guards of a location by address and of unknown modules; whether requests go on behind them. Where some do, all are
    /// refused by a rule of their own ahead of those that say what was meant for them.
    pub(super) fn clients_pass(&mut self, state: &State, location: &Location) -> bool {
        let is_access = |id: &Id| matches!(self.tree.all[*id].value, Ok(Statement::Access(_)));
        // The innermost block that has one of them replaces all further out.
        let list: Vec<Id> = state
            .chain
            .iter()
            .rev()
            .map(|list| list.iter().copied().filter(is_access).collect::<Vec<_>>())
            .find(|list| !list.is_empty())
            .unwrap_or_default();
        let satisfy = self.setting(&state.chain, "satisfy");
        let any = satisfy.is_some_and(|id| {
            matches!(self.tree.all[id].value, Ok(Statement::Satisfy(Satisfy::Any)))
        });
        let login = self.setting(&state.chain, "auth_basic").is_some()
            || self.setting(&state.chain, "auth_request").is_some();
        if let Some(id) = satisfy {
            if any && login {
                self.ledger.lost(id, "an address alone lets nobody in: everybody has to log in");
            } else {
                self.ledger.taken(id, "auth");
            }
        }
        match self.who(&list) {
            Who::All => {
                for id in list {
                    self.ledger.dropped(id, "everybody is allowed anyway");
                }
            }
            Who::Nobody if any && login => {
                for id in list {
                    self.ledger.taken(id, "auth");
                }
            }
            Who::Nobody => {
                for id in list {
                    self.ledger.taken(id, "respond");
                }
                self.rule(state, location.id, status(403), &location.path);
                return false;
            }
            // Closed further: whoever is let in by address has to log in too.
            Who::Some if any && login => {
                for id in list {
                    self.ledger
                        .lost(id, "an address alone lets nobody in: everybody has to log in");
                }
            }
            Who::Some => {
                let first = list.first().copied().unwrap_or(location.id);
                for id in list {
                    self.ledger.opens(id, "the model has no lists of client addresses");
                }
                self.refuse(state, first, &location.path);
            }
        }
        let unknown: Vec<Id> = state
            .chain
            .iter()
            .flatten()
            .chain(&location.list)
            .copied()
            .filter(|id| is_unknown_guard(&self.tree.all[*id].name))
            .filter(|id| self.tree.argument(*id, 0) != "off")
            .collect();
        for id in &unknown {
            let why = "it let only some requests in, and the model cannot say which";
            self.lost_inside(*id, why);
            self.ledger.opens(*id, why);
        }
        if let Some(first) = unknown.first() {
            self.refuse(state, *first, &location.path);
        }
        true
    }
}
