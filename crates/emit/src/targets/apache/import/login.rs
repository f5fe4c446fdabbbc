//! Logins by a file of users (`mod_auth_basic`, `mod_authn_file`).

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{FilePath, Line};

use super::access::{Guard, LOGINS};
use super::scope::{Chain, Importer};
use crate::import::draft::Draft;
use crate::import::ledger::Id;
use crate::quoted::unescaped;
use crate::targets::apache::syntax::Statement;
use crate::targets::apache::syntax::access::Access;

impl Importer<'_> {
    /// A login.
    pub(super) fn login(&mut self, chain: &Chain) -> Guard {
        let valid = self.settings(chain, "require");
        let kind = self.setting(chain, "authtype");
        let kind_is = kind.and_then(|id| match &self.all[id].statement {
            Ok(Statement::Access(Access::AuthType(kind))) => Some(kind.clone()),
            _ => None,
        });
        let users = self.setting(chain, "authuserfile");
        let realm = self.setting(chain, "authname");
        let provider = self.setting(chain, "authbasicprovider");
        let by_file = provider
            .is_none_or(|id| self.texts(id).iter().all(|word| word.eq_ignore_ascii_case("file")));
        let name = realm.map_or_else(|| "Restricted".to_owned(), |id| unescaped(self.word(id, 0)));
        let file = users
            .map(|id| self.word(id, 0).to_owned())
            .filter(|file| FilePath::parse(file).is_ok());
        let basic = kind_is.as_deref() == Some("basic");
        let lists: Vec<Id> = chain.iter().flatten().copied().collect();
        let foreign = lists.iter().copied().find(|id| {
            let name = self.all[*id].name.as_str();
            let known = [
                "authtype",
                "authname",
                "authuserfile",
                "authbasicprovider",
                "authgroupfile",
                "authbasicauthoritative",
                "authmerging",
                "authzsendforbiddenonfailure",
                "authbasicusedigestalgorithm",
            ];
            LOGINS.iter().any(|word| name.starts_with(word)) && !known.contains(&name)
        });
        match file {
            Some(file) if basic && by_file && foreign.is_none() && Line::parse(&name).is_ok() => {
                for id in [kind, users, realm, provider].into_iter().flatten().chain(valid) {
                    self.ledger.taken(id, "auth.basic");
                }
                let mut auth = Draft::of("users_file", file);
                auth.set(&["realm"], name);
                Guard::Login(Draft::of("basic", auth))
            }
            _ => {
                for id in lists {
                    let name = self.all[id].name.as_str();
                    if LOGINS.iter().any(|word| name.starts_with(word)) || name == "require" {
                        self.ledger.opens(id, "the model has no such login");
                    }
                }
                Guard::Unknown
            }
        }
    }
}
