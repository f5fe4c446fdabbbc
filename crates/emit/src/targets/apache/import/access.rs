//! Who may use a route: `Require`, its elder `Order`, `Allow` and `Deny`, and logins.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{FilePath, Line};

use super::scope::{Chain, Importer};
use crate::import::draft::Draft;
use crate::import::ledger::Id;
use crate::quoted::unescaped;

impl Importer<'_> {
    /// What guards a route; `true` where nobody may use it.
    pub(super) fn guards(&mut self, chain: &Chain, route: &mut Draft) -> bool {
        // What stands further in replaces what is around it (`AuthMerging Off`).
        let lists: Vec<&Vec<Id>> = chain.iter().collect();
        let names = [
            "require",
            "order",
            "allow",
            "deny",
            "authtype",
            "satisfy",
            "requireall",
            "requireany",
            "requirenone",
        ];
        let own = lists
            .iter()
            .rev()
            .find(|list| list.iter().any(|id| names.contains(&self.all[*id].name.as_str())));
        let Some(list) = own.map(|list| (*list).clone()) else { return false };
        let mut denied = false;
        let mut valid = None;
        for id in self.named(&list, "require") {
            let words: Vec<String> =
                self.all[id].words.iter().map(|w| w.text.to_lowercase()).collect();
            match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
                ["all", "granted"] => self.ledger.dropped(id, "everybody is allowed anyway"),
                ["all", "denied"] => {
                    self.ledger.taken(id, "respond");
                    denied = true;
                }
                ["valid-user"] => valid = Some(id),
                _ => self.ledger.opens(id, "the model has no such lists of clients or users"),
            }
        }
        for name in ["requireall", "requireany", "requirenone"] {
            for id in self.named(&list, name) {
                self.lost_guard(id, "the model has no such lists of clients or users");
            }
        }
        denied |= self.old_lists(&list);
        self.login(chain, &list, valid, route);
        denied
    }

    /// `Order`, `Allow` and `Deny` (Apache 2.2, `mod_access_compat`).
    fn old_lists(&mut self, list: &[Id]) -> bool {
        let text = |importer: &Self, id: Id| importer.texts(id).join(" ").to_lowercase();
        let all = |importer: &Self, name: &str| {
            importer.named(list, name).iter().any(|id| text(importer, *id) == "from all")
        };
        let (allow, deny) = (self.named(list, "allow"), self.named(list, "deny"));
        let open = all(self, "allow");
        let shut = all(self, "deny") && allow.is_empty();
        let partly = (!deny.is_empty() && !shut) || (!open && !allow.is_empty());
        for id in [allow, deny, self.named(list, "order"), self.named(list, "satisfy")].concat() {
            if shut {
                self.ledger.taken(id, "respond");
            } else if partly {
                self.ledger.opens(id, "the model has no lists of client addresses");
            } else {
                self.ledger.dropped(id, "everybody is allowed anyway");
            }
        }
        shut
    }

    fn login(&mut self, chain: &Chain, list: &[Id], valid: Option<Id>, route: &mut Draft) {
        let Some(kind) = self.named(list, "authtype").last().copied() else {
            if let Some(id) = valid {
                self.ledger.opens(id, "the file of its users is not named");
            }
            return;
        };
        let users = self.setting(chain, "authuserfile");
        let realm = self.setting(chain, "authname");
        let name = realm.map_or_else(|| "Restricted".to_owned(), |id| unescaped(self.word(id, 0)));
        let file = users
            .map(|id| self.word(id, 0).to_owned())
            .filter(|file| FilePath::parse(file).is_ok());
        let basic = self.word(kind, 0).eq_ignore_ascii_case("basic");
        match (basic, file, valid) {
            (true, Some(file), Some(valid)) if Line::parse(&name).is_ok() => {
                for id in [Some(kind), Some(valid), users, realm].into_iter().flatten() {
                    self.ledger.taken(id, "auth.basic");
                }
                for id in self.settings(chain, "authbasicprovider") {
                    self.ledger.taken(id, "auth.basic");
                }
                route.set(&["auth", "basic", "users_file"], file);
                route.set(&["auth", "basic", "realm"], name);
            }
            _ => {
                for id in list.iter().copied().chain(valid) {
                    if self.all[id].name.starts_with("auth") || Some(id) == valid {
                        self.ledger.opens(id, "the model has no such login");
                    }
                }
            }
        }
    }

    pub(super) fn lost_guard(&mut self, id: Id, why: &str) {
        self.ledger.opens(id, why);
        for inner in self.block(id) {
            self.lost_guard(inner, why);
        }
    }
}
