//! The directives of `ngx_http_rewrite_module` in the order in which nginx runs them, request by request: those of a server,
//! the search for a location, those of the location. Each way through them ends in a rule.

use std::rc::Rc;

use super::encoded::with_spellings;
use super::location::{Location, Matching};
use super::scope::Importer;
use super::search::{Found, find, find_below, folder_of, search};
use super::state::{Branch, End, Path, State, Step};
use crate::import::condition::Condition;
use crate::import::draft::{Draft, words};
use crate::import::ledger::Id;
use crate::import::placeholder::placeholder;
use crate::import::rules::Rule;
use crate::targets::nginx::syntax::{Return, RewriteFlag, Statement, Value};

/// The most searches for a location of one request (nginx, "rewrite").
const SEARCHES: u8 = 10;

impl Importer<'_> {
    /// Adds a rule for requests. The draft says what becomes of them.
    pub(super) fn rule(&mut self, state: &State, id: Id, fields: Draft, path: &str) {
        let Some(current) = &self.current else { return };
        if state.condition.is_never() {
            return;
        }
        let (current, own) = (current.clone(), fields.get(&["upstream"]).is_none());
        if own && fields != placeholder() {
            self.fields_of_answers(&state.chain);
        }
        let host = current.server.names.first().map_or("", String::as_str);
        let redirect = if fields.get(&["redirect"]).is_some() { "redirect " } else { "" };
        let called = format!("{host} {redirect}{}", words(path));
        let mut ids = state.ids.clone();
        if !ids.contains(&id) {
            ids.push(id);
        }
        let origin = self.origin(ids.first().copied().unwrap_or(id));
        let bounds = current.bounds.clone();
        let condition = state.condition.clone();
        self.rules.push(Rule { ids, origin, called, bounds, condition, fields });
    }

    /// Refuses requests for which a rule was not read in full, ahead of the rules behind it.
    pub(super) fn refuse(&mut self, state: &State, id: Id, path: &str) {
        let mut state = state.clone();
        state.condition = state.condition.and(&Condition::unread());
        self.rule(&state, id, placeholder(), path);
    }

    /// Runs the directives of a list, and then what comes behind them.
    pub(super) fn run(&mut self, mut state: State, mut list: Vec<Id>, end: &End) {
        // The next one stands last.
        while let Some(id) = list.pop() {
            self.constants = state.variables.clone();
            self.budget.at(self.span(id));
            let value = self.tree.all[id].value.clone();
            match value {
                Ok(Statement::Set(set)) => self.set(&mut state, id, &set.variable, &set.value),
                Ok(Statement::Break) => {
                    self.ledger.taken(id, "where rewrites end");
                    state.broken |= state.moved;
                    state.moved = false;
                    break;
                }
                Ok(Statement::Return(answer)) => {
                    return self.answered(&state, id, &answer, end);
                }
                Ok(Statement::Rewrite(rewrite)) => {
                    match self.rewritten(&state, id, &rewrite, (list.is_empty(), end)) {
                        Step::Ends => return,
                        Step::Next(next) => state = *next,
                        Step::Both { fits: changed, other } => {
                            self.run(*changed, list.clone(), end);
                            state = *other;
                        }
                        Step::Leaves(next) => {
                            state = *next;
                            break;
                        }
                    }
                }
                Ok(Statement::If(condition)) => {
                    if self.is_guard(id) {
                        continue;
                    }
                    let (holds, fails) = self.holds(id, &condition, &state);
                    match self.branch(&mut state, id, &condition, (&holds, &fails)) {
                        Branch::Skip => {}
                        Branch::Enter(inside) => {
                            let mut inner = self.rewrites_of(id);
                            inner.reverse();
                            state = *inside;
                            list.extend(inner);
                        }
                        Branch::Both { inside, outside, outside_first } => {
                            let mut inner = list.clone();
                            let mut own = self.rewrites_of(id);
                            own.reverse();
                            inner.extend(own);
                            if outside_first {
                                self.run(*outside, list, end);
                                (state, list) = (*inside, inner);
                            } else {
                                self.run(*inside, inner, end);
                                state = *outside;
                            }
                        }
                    }
                }
                Ok(_) => {}
                Err(unread) => {
                    // What it does is not known, so that none of these requests goes on.
                    self.ledger.opens(id, &unread.why);
                    self.lost_inside(id, "the condition around it is not understood");
                    let path = end.place();
                    self.refuse(&state, id, &path);
                }
            }
        }
        self.constants = state.variables.clone();
        self.finish(state, end);
    }

    /// What comes behind the directives of a block.
    pub(super) fn finish(&mut self, mut state: State, end: &End) {
        match end {
            End::Search => self.search(state),
            End::Content(_) if state.moved => {
                state.inside = true;
                state.searches += 1;
                self.search(state);
            }
            End::Content(location) => {
                let location = location.clone();
                self.content(state, &location);
            }
        }
    }

    /// The locations of requests.
    pub(super) fn search(&mut self, mut state: State) {
        let Some(current) = &self.current else { return };
        let (locations, server) = (current.locations.clone(), current.server.clone());
        state.moved = false;
        state.chain.clone_from(&server.chain);
        if state.searches > SEARCHES {
            let id = state.ids.last().copied().or(server.id).unwrap_or_default();
            return self.rule(&state, id, super::content::status(500), "");
        }
        match state.path.clone() {
            Path::Asked => {
                for Found { location, condition, to_folder } in search(&locations) {
                    let mut state = state.clone();
                    let condition = if to_folder {
                        condition
                    } else {
                        with_spellings(&condition, &self.spelled_otherwise(&location))
                    };
                    state.condition = state.condition.and(&condition);
                    if state.condition.is_never() {
                        continue;
                    }
                    if to_folder {
                        self.redirects_to_folder(&state, &location);
                    } else {
                        self.enter_location(state, &location);
                    }
                }
                let takes_all = |location: &Rc<Location>| {
                    location.matching != Matching::Exact
                        && location.prefix().is_some_and(|path| path.is_root())
                };
                if state.needs_rule && !locations.iter().any(takes_all) {
                    let id = state.ids.last().copied().or(server.id).unwrap_or_default();
                    self.rule(&state, id, super::content::status(404), "rest");
                }
            }
            Path::Known(path) => match (folder_of(&locations, &path), find(&locations, &path)) {
                (Some(folder), _) => self.redirects_to_folder(&state, &folder),
                (None, Ok(Some(location))) => self.enter_location(state, &location),
                (None, Ok(None)) => {
                    let id = state.ids.last().copied().or(server.id).unwrap_or_default();
                    self.rule(&state, id, super::content::status(404), &path);
                }
                (None, Err(unsaid)) => {
                    self.ledger.lost(unsaid.id, "its regex is none that PCRE and RE2 read alike");
                    self.refuse(&state, unsaid.id, &path);
                }
            },
            Path::Changed { to, .. } => {
                let start = to.split('$').next().unwrap_or_default();
                match find_below(&locations, start) {
                    Some(location) => self.enter_location(state, &location),
                    None => {
                        let id = state.ids.last().copied().or(server.id).unwrap_or_default();
                        let why = "which location takes the new path cannot be said ahead of requests; name it with a text";
                        self.ledger.lost(id, why);
                        self.refuse(&state, id, start);
                    }
                }
            }
        }
    }

    /// nginx's own redirect of `/path` to `/path/`.
    fn redirects_to_folder(&mut self, state: &State, location: &Location) {
        // Whether a location is open to clients is asked first (`ngx_http_core_find_config_phase`).
        if !state.inside && self.setting(&location.chain, "internal").is_some() {
            return self.rule(state, location.id, super::content::status(404), &location.path);
        }
        let mut redirect = Draft::of("path", location.path.as_str());
        redirect.set(&["status"], 301_u64);
        let mut state = state.clone();
        state.ids = vec![location.id];
        self.rule(&state, location.id, Draft::of("redirect", redirect), &location.path);
        let how = "nginx's own redirect to the path with a last slash keeps the query; the model's has none";
        self.announce(location.id, super::differs::Differs::Location, how);
    }

    fn enter_location(&mut self, mut state: State, location: &Rc<Location>) {
        if location.is_said() {
            self.ledger.taken(location.id, "match.path");
        } else {
            let why = match location.matching {
                Matching::Regex => "the regex is none that PCRE and RE2 read alike",
                _ if self.looks_like_regex(location.id) => {
                    "it looks like a regex, and without `~` nginx compares it as text: no path begins so; write `location ~ …`"
                }
                Matching::Exact | Matching::Prefix | Matching::Final => {
                    "the model has no such path"
                }
            };
            if self.refuses(&location.list) {
                self.ledger.opens(location.id, why);
            } else {
                self.ledger.lost(location.id, why);
            }
        }
        state.chain.clone_from(&location.chain);
        state.base = location.chain.len().saturating_sub(1);
        if state.ids.is_empty() || state.path == Path::Asked {
            state.ids = vec![location.id];
        } else {
            state.ids.push(location.id);
        }
        // nginx asks ahead of the location's own directives, and for nested locations too (`ngx_http_core_find_config_phase`).
        if let Some(internal) = self.setting(&state.chain, "internal") {
            if !state.inside {
                self.ledger.taken(internal, "respond");
                // A page or a service of a rendered configuration: nobody asks for such a path.
                if !location.path.starts_with("/.wsgen/") {
                    self.rule(&state, location.id, super::content::status(404), &location.path);
                }
                return;
            }
            self.led_to.insert(internal);
        }
        let mut variables = (*state.variables).clone();
        for (name, number) in &location.groups {
            variables.insert(name.clone(), format!("${number}"));
        }
        if !location.groups.is_empty() {
            state.variables = Rc::new(variables);
        }
        let mut list = self.rewrites_of(location.id);
        list.reverse();
        self.run(state, list, &End::Content(location.clone()));
    }

    /// The directives of the module in a block, in their order.
    pub(super) fn rewrites_of(&self, block: Id) -> Vec<Id> {
        self.rewrites_in(self.tree.block(block))
    }

    /// The directives of the module in a list, in their order.
    pub(super) fn rewrites_in(&self, list: &[Id]) -> Vec<Id> {
        let is = |id: &&Id| {
            ["if", "return", "rewrite", "set", "break"].contains(&self.tree.all[**id].name.as_str())
        };
        list.iter().filter(is).copied().collect()
    }

    /// A variable has a value from here on.
    fn set(&mut self, state: &mut State, id: Id, name: &str, value: &Value) {
        let value = self.expanded(value);
        let known = self.is_known(&value);
        let variables = Rc::make_mut(&mut state.variables);
        if known {
            self.ledger.taken(id, "where the variable stands");
            variables.insert(name.to_owned(), value);
        } else {
            variables.remove(name);
        }
    }

    /// Whether each variable in a text is nginx's own, or one of a map: their values are those of the request.
    fn is_known(&self, text: &str) -> bool {
        let Some(value) = Value::of(text) else { return false };
        let own = |name: &str| self.maps.contains_key(name) || !self.computed.contains(name);
        !value.has_captures() && value.variables().all(own)
    }

    pub(super) fn lost_inside(&mut self, id: Id, why: &str) {
        for inner in self.tree.block(id).to_vec() {
            self.lost_block(inner, why);
        }
    }

    /// Whether a block refuses requests.
    pub(super) fn refuses(&self, list: &[Id]) -> bool {
        list.iter().any(|id| match &self.tree.all[*id].value {
            Ok(Statement::Return(Return::Status(status, _))) => *status >= 300,
            Ok(Statement::Return(Return::Redirect(..)) | Statement::Internal) => true,
            Ok(Statement::Auth(value)) => value.literal() != Some("off"),
            Ok(Statement::Access(access)) => !access.allow,
            Ok(Statement::Rewrite(rewrite)) => {
                matches!(rewrite.flag, RewriteFlag::Redirect | RewriteFlag::Permanent)
            }
            _ => {
                let name = &self.tree.all[*id].name;
                super::guard::is_unknown_guard(name) || self.refuses(self.tree.block(*id))
            }
        })
    }
}
