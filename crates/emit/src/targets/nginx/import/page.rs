//! `error_page`: files for the statuses that nginx itself answers with.

use std::rc::Rc;

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::FilePath;

use super::location::{Location, Matching};
use super::scope::{Chain, Importer};
use super::search::find;
use super::server::Server;
use crate::import::draft::Draft;
use crate::import::ledger::Id;

impl Importer<'_> {
    /// Pages for errors, where they are files.
    pub(super) fn pages(&mut self, chain: &Chain, server: &Server, route: &mut Draft) {
        let mut locations = None;
        for id in self.settings(chain, "error_page") {
            let mut words = self.tree.all[id].arguments.clone();
            let Some(page) = words.pop() else { continue };
            if page.starts_with('@') && !self.ledger.is_open(id) {
                // Where requests are sent on is a route of its own.
                continue;
            }
            let codes: Vec<u16> = words.iter().filter_map(|word| word.parse().ok()).collect();
            let plain = codes.len() == words.len() && page.starts_with('/') && !page.contains('$');
            if !plain {
                self.ledger.lost(id, "pages for errors are files, under their own status");
                continue;
            }
            let known =
                locations.take().unwrap_or_else(|| self.locations(&server.list, &server.chain));
            let file = self.file(&page, &known, server);
            locations = Some(known);
            if FilePath::parse(&file).is_err() {
                self.ledger.lost(id, "the model has no such file");
                continue;
            }
            self.ledger.taken(id, "error_pages");
            for code in codes.into_iter().filter(|code| (400..600).contains(code)) {
                route.set(&["error_pages", &code.to_string()], file.as_str());
            }
        }
        let (intercepts, written) = self.switch(chain, "proxy_intercept_errors", false);
        if let Some(id) = written {
            if intercepts {
                self.ledger.lost(id, "the errors of an upstream pass as they come");
            } else {
                self.ledger.taken(id, "error_pages");
            }
        }
    }

    /// The file behind a path: below the root of its location, or of the server.
    fn file(&mut self, page: &str, locations: &[Rc<Location>], server: &Server) -> String {
        let location = find(locations, page).ok().flatten();
        let exact = location.as_ref().filter(|location| location.matching == Matching::Exact);
        let location = location.as_ref();
        let chain = location.map_or(&server.chain, |location| &location.chain);
        let root = self.setting(chain, "root");
        let mut seen: Vec<Id> = root.into_iter().collect();
        if let Some(exact) = exact {
            seen.push(exact.id);
            seen.extend(self.tree.block(exact.id));
        }
        for id in seen {
            self.ledger.taken(id, "error_pages");
        }
        // nginx's own root is the folder `html` of its prefix.
        let root = root.map_or_else(|| "html".to_owned(), |id| self.text(id, 0));
        format!("{}{page}", root.trim_end_matches('/'))
    }
}
