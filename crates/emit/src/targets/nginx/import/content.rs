//! What a location does with requests once its rewrites are done: who may pass, then the upstream, the files or the answer.

use std::rc::Rc;

use super::location::Location;
use super::scope::{Chain, Importer};
use super::search::find;
use super::state::{Current, End, Path, State};
use crate::import::condition::{Clause, Condition};
use crate::import::draft::Draft;
use crate::import::ledger::Id;
use crate::targets::nginx::syntax::{Otherwise, PageTarget, Return, Statement};

/// Directives that pass requests on by other protocols than HTTP.
const OTHER_PROTOCOLS: [(&str, &str); 5] = [
    ("fastcgi_pass", "FastCGI"),
    ("uwsgi_pass", "uwsgi"),
    ("scgi_pass", "SCGI"),
    ("memcached_pass", "memcached"),
    ("grpc_pass", "gRPC"),
];

pub(super) fn status(status: u64) -> Draft {
    Draft::of("respond", Draft::of("status", status))
}

impl Importer<'_> {
    /// The last directive of a name in a location and in the `if` blocks that its requests are in.
    fn own(&self, state: &State, name: &str) -> Option<Id> {
        let lists = state.chain.get(state.base..).unwrap_or_default();
        lists.iter().rev().find_map(|list| self.tree.named(list, name).last())
    }

    /// Whether the `proxy_pass` of a location changes paths.
    pub(super) fn changes_path(&self, location: &Location) -> bool {
        let passes = self.tree.named(&location.list, "proxy_pass");
        passes.into_iter().any(|id| {
            let text = self.text(id, 0);
            super::forward::destination(&text, false).is_none_or(|(_, path)| path.is_some())
        })
    }

    /// What becomes of requests in a location.
    pub(super) fn content(&mut self, mut state: State, location: &Rc<Location>) {
        let id = location.id;
        let path = location.path.clone();
        if !self.methods_pass(&mut state, location) || !self.clients_pass(&state, location) {
            return;
        }
        if let Some(tried) = self.own(&state, "try_files")
            && self.tried(&state, tried, location)
        {
            return;
        }
        if let Some(pass) = self.own(&state, "proxy_pass") {
            return self.passed(&state, pass, location);
        }
        for (name, what) in OTHER_PROTOCOLS {
            if let Some(pass) = self.own(&state, name) {
                self.beside(pass, &format!("{what} is served beside the proxy"));
                self.ledger.dropped(id, "applications of other protocols, beside the proxy");
                return self.rule(&state, id, status(502), &path);
            }
        }
        if let Some((page, name)) = self.page_of_files(&state)
            && self.jump(&state, &name, location)
        {
            self.ledger.taken(page, "routes");
            self.beside(page, "files that are there were served first");
            return;
        }
        self.beside(id, "files are served beside the proxy");
        self.ledger.dropped(id, "files that the server makes or serves itself");
        self.rule(&state, id, status(404), &path);
    }

    /// A `return`.
    pub(super) fn answered(&mut self, state: &State, id: Id, answer: &Return, end: &End) {
        let mut state = state.clone();
        if state.ids.is_empty() {
            state.ids = vec![id];
        }
        let here = match end {
            End::Content(location) => Some(location.clone()),
            End::Search => None,
        };
        let path = here.as_ref().map_or(String::new(), |location| location.path.clone());
        let code = match answer {
            Return::Redirect(code, _) | Return::Status(code, _) => *code,
        };
        if !state.erred
            && let Some((page, PageTarget::Named(name), own_status)) = self.page(&state.chain, code)
        {
            let from = here.clone().unwrap_or_else(|| anywhere(&state));
            let literal = name.literal().map(str::to_owned);
            let leads = match (literal, name.variable()) {
                (Some(name), _) => self.jump(&state, &name, &from),
                (None, Some(variable)) => self.dispatched(&state, variable, &from),
                (None, None) => false,
            };
            if leads {
                self.ledger.taken(id, "match");
                self.ledger.taken(page, "match");
                if !own_status {
                    let how = "the answer has the status of the upstream; without `=` nginx keeps that of `return`";
                    self.announce(page, super::differs::Differs::Answer, how);
                }
                return;
            }
        }
        let chain = state.chain.clone();
        let server = self.current.as_ref().map(|current| current.server.clone());
        let list = state.within.or(here.map(|location| location.id));
        let list = list.map(|id| self.tree.block(id).to_vec()).unwrap_or_default();
        match (self.answer(id, answer), server) {
            (Some(mut fields), Some(server)) => {
                self.reached.extend(chain.iter().flatten());
                self.fields_of_answer(&list, &chain, &server, &mut fields);
                self.rule(&state, id, fields, &path);
            }
            // Its requests must not fall to another route.
            _ => self.refuse(&state, id, &path),
        }
    }

    /// The `error_page` of a status, where it leads to a place, and whether the place's own status is the answer's.
    fn page(&self, chain: &Chain, code: u16) -> Option<(Id, PageTarget, bool)> {
        self.settings(chain, "error_page").into_iter().find_map(|id| {
            match &self.tree.all[id].value {
                Ok(Statement::ErrorPage(page)) if page.codes.contains(&code) => {
                    Some((id, page.target.clone(), page.response.is_some()))
                }
                _ => None,
            }
        })
    }

    /// Where requests go whose files are not there: `error_page 404 = @name`.
    fn page_of_files(&self, state: &State) -> Option<(Id, String)> {
        let lists = state.chain.get(state.base..).unwrap_or_default();
        let all: Vec<Id> = lists.iter().flatten().copied().collect();
        all.into_iter().find_map(|id| match &self.tree.all[id].value {
            Ok(Statement::ErrorPage(page))
                if page.codes.contains(&404) || page.codes.contains(&403) =>
            {
                match &page.target {
                    PageTarget::Named(name) => Some((id, name.literal()?.to_owned())),
                    PageTarget::Uri(_) => None,
                }
            }
            _ => None,
        })
    }

    /// `try_files`, as if no file were there; whether the requests go on from it.
    fn tried(&mut self, state: &State, id: Id, location: &Rc<Location>) -> bool {
        let Ok(Statement::TryFiles(tried)) = self.tree.all[id].value.clone() else { return false };
        match tried.otherwise {
            Otherwise::Named(name) => {
                let leads = self.jump(state, &name, location);
                if leads {
                    self.beside(id, "files that are there were served first");
                }
                leads
            }
            Otherwise::Status(code) => {
                self.beside(id, "files are served beside the proxy");
                self.ledger.dropped(location.id, "files that the server makes or serves itself");
                self.rule(state, location.id, status(u64::from(code)), &location.path);
                true
            }
            Otherwise::Uri(uri) => {
                let text = self.expanded(&uri);
                let path = text.split(['?', '$']).next().unwrap_or_default().to_owned();
                let Some(Current { locations, .. }) = self.current.clone() else { return false };
                let leads = match find(&locations, &path) {
                    Ok(Some(next)) if next.id != location.id && path.starts_with('/') => {
                        self.beside(id, "files that are there were served first");
                        let mut state = state.clone();
                        state.path = Path::Known(path);
                        state.inside = true;
                        state.broken = false;
                        state.searches += 1;
                        self.search(state);
                        true
                    }
                    _ => false,
                };
                if !leads {
                    self.beside(id, "files are served beside the proxy");
                    self.ledger
                        .dropped(location.id, "files that the server makes or serves itself");
                    self.rule(state, location.id, status(404), &location.path);
                }
                true
            }
        }
    }

    /// What a named location does with requests; whether there is one.
    pub(super) fn jump(&mut self, state: &State, name: &str, from: &Rc<Location>) -> bool {
        let Some(Current { server, .. }) = self.current.clone() else { return false };
        let Some(named) = self.named(&server.list, name) else { return false };
        if state.searches > 8 {
            return false;
        }
        self.ledger.taken(named, "routes");
        let list = self.tree.block(named).to_vec();
        let mut chain = server.chain.clone();
        chain.push(self.tree.around(&list));
        let inner = Location { list: list.clone(), chain: chain.clone(), ..(**from).clone() };
        let mut state = state.clone();
        state.base = chain.len() - 1;
        state.chain = chain;
        state.inside = true;
        state.erred = true;
        state.moved = false;
        state.within = Some(named);
        state.searches += 1;
        let mut rewrites = self.rewrites_in(&list);
        rewrites.reverse();
        self.run(state, rewrites, &End::Content(Rc::new(inner)));
        true
    }

    /// `limit_except`: other methods are refused, or restricted in a way that the model cannot say.
    fn methods_pass(&mut self, state: &mut State, location: &Location) -> bool {
        for id in location.list.clone() {
            let Ok(Statement::LimitExcept(methods)) = self.tree.all[id].value.clone() else {
                continue;
            };
            let mut methods = methods;
            // `GET` is `HEAD` too (`ngx_http_core_module`, "`limit_except`").
            if methods.iter().any(|method| method == "GET") {
                methods.push("HEAD".to_owned());
            }
            let inner = self.tree.block(id).to_vec();
            let others = match self.who(&inner) {
                super::guard::Who::All => continue,
                super::guard::Who::Nobody => Some(403),
                super::guard::Who::Some => None,
            };
            let named = Condition::of(Clause { methods, ..Clause::default() });
            let mut pass = state.clone();
            pass.condition = pass.condition.and(&named);
            let mut inner_location = location.clone();
            inner_location.list.retain(|own| *own != id);
            self.content(pass, &Rc::new(inner_location));
            match others {
                Some(code) => {
                    self.ledger.taken(id, "match.methods");
                    for inner in inner {
                        self.ledger.taken(inner, "respond");
                    }
                    self.rule(state, location.id, status(code), &location.path);
                }
                None => {
                    self.ledger.opens(id, "the model cannot say who may use other methods");
                    self.lost_inside(id, "the model cannot say who may use other methods");
                    self.refuse(state, id, &location.path);
                }
            }
            return false;
        }
        true
    }
}

/// A location for requests that are in none.
fn anywhere(state: &State) -> Rc<Location> {
    let id = state.ids.first().copied().unwrap_or_default();
    Rc::new(Location {
        id,
        matching: super::location::Matching::Prefix,
        path: "/".to_owned(),
        groups: Vec::new(),
        chain: state.chain.clone(),
        list: Vec::new(),
        nested: Vec::new(),
        passes: false,
    })
}
