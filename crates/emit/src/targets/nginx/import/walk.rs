//! The directives of ngx_http_rewrite_module in the order in which nginx runs them, request by request: those of a server,
//! the search for a location, those of the location. Each way through them ends in a rule.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::location::{Location, Matching};
use super::scope::{Chain, Importer};
use super::search::{Found, find, find_below, search};
use super::server::Server;
use super::test::fits;
use crate::import::condition::Condition;
use crate::import::draft::{Draft, words};
use crate::import::ledger::Id;
use crate::import::rules::{Bound, Rule, placeholder};
use crate::targets::nginx::syntax::{Return, Rewrite, RewriteFlag, Statement};

/// The most ways through the conditions of one server that are told apart.
const MOST: usize = 512;

/// The most searches for a location of one request (nginx, "rewrite").
const SEARCHES: u8 = 10;

/// The path of a request on its way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Path {
    /// The one that was asked for.
    #[default]
    Asked,
    /// Another, the same for all requests.
    Known(String),
    /// The one that was asked for, with what a pattern fits replaced.
    Changed {
        /// The pattern.
        pattern: String,
        /// The replacement.
        to: String,
    },
}

/// Requests on their way.
#[derive(Debug, Clone)]
pub(super) struct State {
    /// Which requests these are.
    pub(super) condition: Condition,
    /// What is known of variables.
    pub(super) variables: Rc<BTreeMap<String, String>>,
    /// The blocks that they are in, the outermost first.
    pub(super) chain: Chain,
    /// The number of blocks around the location.
    pub(super) base: usize,
    /// Their path.
    pub(super) path: Path,
    /// Whether a rewrite has made another path since the last search.
    pub(super) moved: bool,
    /// Whether a `break` has ended the rewrites: the path of a URL gives way to that of the request then.
    pub(super) broken: bool,
    /// The searches for a location so far, after the first.
    pub(super) searches: u8,
    /// Whether the server itself leads here.
    pub(super) inside: bool,
    /// Whether an `error_page` leads here.
    pub(super) erred: bool,
    /// The directives that a rule is made of; the first says where it stands.
    pub(super) ids: Vec<Id>,
    /// The `if` that they are in.
    pub(super) within: Option<Id>,
}

impl Default for State {
    /// Every request, as it comes.
    fn default() -> Self {
        Self {
            condition: Condition::always(),
            variables: Rc::default(),
            chain: Chain::new(),
            base: 0,
            path: Path::Asked,
            moved: false,
            broken: false,
            searches: 0,
            inside: false,
            erred: false,
            ids: Vec::new(),
            within: None,
        }
    }
}

/// The server whose requests are looked at.
#[derive(Debug, Clone)]
pub(super) struct Current {
    pub(super) server: Rc<Server>,
    pub(super) bounds: Rc<[Bound]>,
    pub(super) locations: Rc<[Rc<Location>]>,
    /// The ways so far.
    pub(super) ways: usize,
}

/// What comes behind the directives of a block.
#[derive(Debug, Clone)]
pub(super) enum End {
    /// The search for a location.
    Search,
    /// The content of a location; a named one has the path of another.
    Content(Rc<Location>),
}

impl Importer<'_> {
    /// Adds a rule for requests. The draft says what becomes of them.
    pub(super) fn rule(&mut self, state: &State, id: Id, fields: Draft, path: &str) {
        let Some(current) = &self.current else { return };
        if state.condition.is_never() {
            return;
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
                    let holds = self.holds(&condition, &state);
                    match self.branch(&mut state, id, &condition, holds) {
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
                    let path = self.place(end);
                    self.refuse(&state, id, &path);
                }
            }
        }
        self.constants = state.variables.clone();
        self.finish(state, end);
    }

    /// What comes behind the directives of a block.
    fn finish(&mut self, mut state: State, end: &End) {
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
        (state.moved, state.broken) = (false, false);
        state.chain.clone_from(&server.chain);
        if state.searches > SEARCHES {
            let id = state.ids.last().copied().or(server.id).unwrap_or_default();
            return self.rule(&state, id, Draft::of("respond", Draft::of("status", 500_u64)), "");
        }
        match state.path.clone() {
            Path::Asked => {
                for Found { location, condition, to_folder } in search(&locations) {
                    let mut state = state.clone();
                    state.condition = state.condition.and(&condition);
                    if state.condition.is_never() {
                        continue;
                    }
                    if to_folder {
                        self.to_folder(&state, &location);
                    } else {
                        self.enter_location(state, &location);
                    }
                }
            }
            Path::Known(path) => match find(&locations, &path) {
                Ok(Some(location)) => self.enter_location(state, &location),
                Ok(None) => {
                    let id = state.ids.last().copied().or(server.id).unwrap_or_default();
                    let nothing = Draft::of("respond", Draft::of("status", 404_u64));
                    self.rule(&state, id, nothing, &path);
                }
                Err(unsaid) => {
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
    fn to_folder(&mut self, state: &State, location: &Location) {
        let mut redirect = Draft::of("path", location.path.as_str());
        redirect.set(&["status"], 301_u64);
        let mut state = state.clone();
        state.ids = vec![location.id];
        self.rule(&state, location.id, Draft::of("redirect", redirect), &location.path);
        let how = "nginx's own redirect to the path with a last slash keeps the query; the model's has none";
        self.announce(location.id, super::differs::Differs::Location, how);
    }

    fn enter_location(&mut self, mut state: State, location: &Rc<Location>) {
        if !location.is_said() {
            let why = match location.matching {
                Matching::Regex => "the regex is none that PCRE and RE2 read alike",
                _ => "the model has no such path",
            };
            if self.refuses(&location.list) {
                self.ledger.opens(location.id, why);
            } else {
                self.ledger.lost(location.id, why);
            }
        } else {
            self.ledger.taken(location.id, "match.path");
        }
        state.chain.clone_from(&location.chain);
        state.base = location.chain.len().saturating_sub(1);
        if state.ids.is_empty() || state.path == Path::Asked {
            state.ids = vec![location.id];
        } else {
            state.ids.push(location.id);
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
    fn set(
        &mut self,
        state: &mut State,
        id: Id,
        name: &str,
        value: &crate::targets::nginx::syntax::Value,
    ) {
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
        let Some(value) = crate::targets::nginx::syntax::Value::of(text) else { return false };
        let own = |name: &str| self.maps.contains_key(name) || !self.computed.contains(name);
        !value.has_captures() && value.variables().all(own)
    }

    /// A `rewrite`, for the requests that its pattern fits.
    fn rewritten(
        &mut self,
        state: &State,
        id: Id,
        rewrite: &Rewrite,
        (last, end): (bool, &End),
    ) -> Step {
        let (pattern, _) = super::location::numbered(&rewrite.pattern);
        let mut holds = fits(&pattern, &state.path);
        // The model's own rewrite leaves other paths alone too.
        let alone = last && rewrite.flag == RewriteFlag::Break && state.path == Path::Asked;
        if alone && matches!(end, End::Content(location) if !self.changes_path(location)) {
            holds = Condition::always();
        }
        if holds.is_never() {
            self.ledger.taken(id, "where no path fits it");
            return Step::Next(Box::new(state.clone()));
        }
        let mut inside = state.clone();
        inside.condition = inside.condition.and(&holds);
        let whole = holds.is_always();
        let place = self.place(end);
        if matches!(rewrite.flag, RewriteFlag::Redirect | RewriteFlag::Permanent) {
            let status = if rewrite.flag == RewriteFlag::Permanent { 301 } else { 302 };
            if state.ids.is_empty() {
                inside.ids = vec![id];
            }
            match self.redirect_by_pattern(id, &pattern, rewrite, status) {
                Some(fields) if holds.is_read() => self.rule(&inside, id, fields, &place),
                _ => {
                    if !holds.is_read() {
                        self.ledger.opens(id, "the pattern is none that the model can say");
                    }
                    self.refuse(&inside, id, &place);
                }
            }
            return if whole { Step::Ends } else { Step::Next(Box::new(state.clone())) };
        }
        if !holds.is_read() {
            self.ledger.lost(id, "its pattern is none that the model can say");
            self.refuse(&inside, id, &place);
            return Step::Next(Box::new(state.clone()));
        }
        match self.changed(id, &pattern, rewrite, &state.path) {
            Some(path) => inside.path = path,
            None => {
                self.refuse(&inside, id, &place);
                return if whole { Step::Ends } else { Step::Next(Box::new(state.clone())) };
            }
        }
        inside.ids.push(id);
        inside.moved = rewrite.flag != RewriteFlag::Break;
        let other = Box::new(state.clone());
        match rewrite.flag {
            RewriteFlag::Next if whole => return Step::Next(Box::new(inside)),
            RewriteFlag::Next => return Step::Both { fits: Box::new(inside), other },
            RewriteFlag::Break => inside.broken = true,
            RewriteFlag::Last | RewriteFlag::Redirect | RewriteFlag::Permanent => {}
        }
        if whole {
            return Step::Leaves(Box::new(inside));
        }
        self.constants = inside.variables.clone();
        self.finish(inside, end);
        Step::Next(other)
    }

    /// Which requests go into the block of an `if`, and which pass it.
    fn branch(
        &mut self,
        state: &mut State,
        id: Id,
        condition: &crate::targets::nginx::syntax::If,
        holds: Condition,
    ) -> Branch {
        use crate::targets::nginx::syntax::Test;
        if let Test::File { .. } = condition.test {
            if self.refuses(self.tree.block(id).to_vec().as_slice()) && holds.is_never() {
                self.ledger.opens(id, "it refuses requests while a file is there");
            } else {
                self.ledger.taken(id, "as if no file were there");
                self.beside(id, "files that are there were served first");
            }
        }
        if holds.is_never() {
            self.ledger.taken(id, "where it never holds");
            return Branch::Skip;
        }
        let mut inside = state.clone();
        inside.within = Some(id);
        if inside.ids.is_empty() {
            inside.ids = vec![id];
        }
        inside.chain.push(self.tree.around(self.tree.block(id)));
        if holds.is_always() {
            self.ledger.taken(id, "match");
            return Branch::Enter(Box::new(inside));
        }
        let decides = self.decides(id);
        if !holds.is_read() && !holds.not().is_read() {
            let why = format!("the model cannot say `{}`", self.condition_text(id));
            if !decides {
                // What it sets is one of two values from here on.
                self.unset_inside(state, id);
                self.ledger.lost(id, &why);
                return Branch::Skip;
            }
            if self.refuses(self.tree.block(id).to_vec().as_slice()) {
                self.ledger.opens(id, &format!("{why}, and it refused some requests"));
            } else {
                self.ledger.lost(id, &why);
            }
            self.lost_inside(id, "the model cannot say the condition around it");
            self.refuse(&inside_condition(&inside, &holds), id, "");
            return Branch::Skip;
        }
        let current = self.current.as_mut();
        let ways = current.map_or(0, |current| {
            current.ways += 1;
            current.ways
        });
        if ways > MOST {
            self.ledger.opens(id, "there are too many ways through the conditions of this server");
            self.lost_inside(id, "there are too many ways through the conditions of this server");
            self.refuse(&inside_condition(&inside, &holds), id, "");
            return Branch::Skip;
        }
        self.ledger.taken(id, "match");
        let mut outside = state.clone();
        let outside_first = !holds.is_read();
        if outside_first {
            outside.condition = outside.condition.and(&holds.not());
        } else {
            inside.condition = inside.condition.and(&holds);
        }
        Branch::Both { inside: Box::new(inside), outside: Box::new(outside), outside_first }
    }

    /// Whether the block of an `if` decides what becomes of a request.
    fn decides(&self, id: Id) -> bool {
        self.tree.block(id).iter().any(|inner| {
            let name = self.tree.all[*inner].name.as_str();
            ["return", "rewrite", "break", "if", "try_files"].contains(&name)
                || name.ends_with("_pass")
                || name.contains("_by_lua")
        })
    }

    /// The variables that are set in the block of an `if` that may hold or not.
    fn unset_inside(&mut self, state: &mut State, id: Id) {
        for inner in self.tree.block(id).to_vec() {
            let why = "the model cannot say the condition around it";
            self.ledger.lost(inner, why);
            if let Ok(Statement::Set(set)) = &self.tree.all[inner].value {
                Rc::make_mut(&mut state.variables).remove(&set.variable);
            }
        }
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

    /// What a person would call the place.
    fn place(&self, end: &End) -> String {
        match end {
            End::Search => String::new(),
            End::Content(location) => location.path.clone(),
        }
    }

    fn condition_text(&self, id: Id) -> String {
        self.tree.all[id].arguments.join(" ").trim_matches(['(', ')', ' ']).to_owned()
    }
}

fn inside_condition(state: &State, holds: &Condition) -> State {
    State { condition: state.condition.and(holds), ..state.clone() }
}

/// What comes of a `rewrite`.
enum Step {
    /// No request goes on.
    Ends,
    /// All go on with the next directive.
    Next(Box<State>),
    /// Some go on with another path.
    Both { fits: Box<State>, other: Box<State> },
    /// All go on behind the block.
    Leaves(Box<State>),
}

/// What comes of an `if`.
enum Branch {
    /// No request goes in.
    Skip,
    /// All of them go in.
    Enter(Box<State>),
    /// Some go in; those that pass may come first, where they alone can be said.
    Both { inside: Box<State>, outside: Box<State>, outside_first: bool },
}
