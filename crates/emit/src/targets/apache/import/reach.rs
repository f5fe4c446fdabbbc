//! What may hold for every route of a virtual host: of very many rules of single paths nothing is asked for each route.

use super::scope::{Chain, Importer};
use super::vhost::Vhost;
use crate::import::ledger::Id;

/// Directives that say what is done with requests of one path, and nothing of other ones.
const OF_PATHS: [&str; 12] = [
    "location",
    "locationmatch",
    "proxypass",
    "proxypassmatch",
    "proxypassreverse",
    "proxypassreversematch",
    "proxypassreversecookiedomain",
    "proxypassreversecookiepath",
    "redirect",
    "redirectmatch",
    "rewritecond",
    "rewriterule",
];

impl Importer<'_> {
    /// The directives of a list that may hold for a route, whatever its path.
    pub(super) fn settings_of(&self, list: &[Id]) -> Vec<Id> {
        let of_paths = |id: &Id| OF_PATHS.contains(&self.all[*id].name.as_str());
        list.iter().copied().filter(|id| !of_paths(id)).collect()
    }

    /// Returns the directives around the routes of a virtual host, without the rules of single paths.
    pub(super) fn chain_of_settings(&self, vhost: &Vhost) -> Chain {
        let around = self.settings_around.clone();
        if vhost.id.is_some() { vec![around, vhost.settings.clone()] } else { vec![around] }
    }

    /// Notes that the directives around a route which passes requests on have an effect.
    pub(super) fn reach(&mut self, vhost: &Vhost, chain: &Chain) {
        self.reached.extend(chain.iter().skip(self.outer(chain)).flatten());
        if self.reaching.insert(vhost.id) {
            self.reached.extend(vhost.chain(&self.around).iter().flatten());
        }
    }
}
