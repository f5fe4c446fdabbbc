//! Rules that refuse or change some of a route's requests: what the model has a field of the route for.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{Ipv6Prefix, Origin, Token};

use super::scope::Importer;
use super::state::State;
use crate::import::condition::{Clause, Condition};
use crate::import::ledger::Id;
use crate::quoted::unescaped;
use crate::targets::haproxy::syntax::{
    self, Action, Matcher, Range, Rule, Sample, Statement, TermTest, Test,
};

/// What a rule says of a route, beyond where it leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Policy {
    /// Bodies are this long at most.
    Body(u64),
    /// A client has so many connections at most; how its IPv6 address is cut.
    Connections(u64, Ipv6Prefix),
    /// And opens so many tunnels in a minute.
    Connects(u64, Ipv6Prefix),
    /// Only these origins open tunnels; whether one has to be there.
    Origins(Vec<String>, bool),
    /// Only WebSockets are served.
    Require,
    /// No WebSocket is.
    Deny,
    /// Extensions are not agreed upon.
    Strip,
    /// Only these subprotocols are.
    Subprotocols(Vec<String>),
    /// Only the users of a list are served, in this realm.
    Users(String, String),
    /// The timer of this name is another, in milliseconds.
    Timer(&'static str, u64),
}

/// A condition of one branch: what the model says of it, and the tests that it does not.
#[derive(Debug)]
pub(super) struct Residual {
    /// The requests, as far as the model says which.
    pub(super) condition: Condition,
    /// The other tests, each with whether it is negated.
    pub(super) tests: Vec<(bool, Test)>,
}

impl Residual {
    /// The condition without its test for a WebSocket; nothing where there is none.
    pub(super) fn without_websocket(&self, wanted: bool) -> Option<Condition> {
        let [clause] = self.condition.clauses() else { return None };
        (clause.websocket == Some(wanted))
            .then(|| Condition::of(Clause { websocket: None, ..clause.clone() }))
    }
}

/// A policy with the requests that it is for, and the other rules that say it.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) condition: Condition,
    pub(super) policy: Policy,
    pub(super) others: Vec<Id>,
}

impl Importer<'_> {
    /// Tells the tests of a condition apart. Nothing where it has several branches.
    pub(super) fn residual(
        &mut self,
        condition: Option<&syntax::Condition>,
        state: &State,
    ) -> Option<Residual> {
        let mut residual = Residual { condition: Condition::always(), tests: Vec::new() };
        let Some(condition) = condition else { return Some(residual) };
        let [branch] = condition.branches.as_slice() else { return None };
        if condition.unless && branch.len() > 1 {
            return None;
        }
        let (whys, stateful) = (std::mem::take(&mut self.whys), self.stateful);
        self.handshakes.clear();
        for term in branch {
            let mut term = term.clone();
            term.negated ^= condition.unless;
            self.stateful = false;
            let holds = self.term(&term, state);
            // That a field is absent is what some policies are known by.
            let read = holds.is_read() && !holds.excludes_entries() && !self.stateful;
            match term.test {
                _ if read => residual.condition = residual.condition.and(&holds),
                TermTest::Test(test) => residual.tests.push((term.negated, test)),
                TermTest::Named(name) => {
                    let lines = self.own(state.section, &["acl", &name]);
                    let test = match lines.as_slice() {
                        [id] => self.statement(*id),
                        _ => None,
                    };
                    match test.as_deref() {
                        Some(Statement::Acl { test, .. }) => {
                            residual.tests.push((term.negated, test.clone()));
                        }
                        _ => residual.condition = residual.condition.and(&Condition::unread()),
                    }
                }
            }
        }
        (self.whys, self.stateful) = (whys, stateful);
        self.tell_connection_alone();
        residual.condition.is_read().then_some(residual)
    }

    /// What a rule says of the routes behind it.
    pub(super) fn policy(&mut self, rule: &Rule, state: &State) -> Option<Said> {
        let status = if let Action::Deny { status, .. } = &rule.action {
            status.unwrap_or(403)
        } else if let Action::Return(answer) = &rule.action {
            answer.status.unwrap_or(200)
        } else if let Action::DelHeader { matcher: None, .. }
        | Action::Auth { .. }
        | Action::SetTimeout { .. } = &rule.action
        {
            0
        } else {
            return None;
        };
        let residual = self.residual(rule.condition.as_ref(), state)?;
        let said = |condition: &Condition, policy| {
            Some(Said { condition: condition.clone(), policy, others: Vec::new() })
        };
        let all = &residual.condition;
        match (&rule.action, residual.tests.as_slice()) {
            (Action::Deny { .. }, [(false, test)]) if status == 413 => {
                let body = test.sample.fetch.is("req.hdr_val", &["content-length"])
                    || test.sample.fetch.is("req.body_size", &[]);
                let most = over(test).filter(|_| body && test.sample.converters.is_empty())?;
                said(all, Policy::Body(most))
            }
            (Action::Deny { .. }, [(false, test)]) if status == 429 => {
                let most =
                    over(test).filter(|most| *most > 0 && test.sample.converters.is_empty())?;
                if test.sample.fetch.is("sc_conn_cur", &["0"]) {
                    let (prefix, others) = self.counted(state, "0", "conn_cur", all)?;
                    return Some(Said {
                        condition: all.clone(),
                        policy: Policy::Connections(most, prefix),
                        others,
                    });
                }
                let condition = residual.without_websocket(true)?;
                let fits = test.sample.fetch.is("sc_http_req_rate", &["1"]);
                let (prefix, others) =
                    fits.then(|| self.counted(state, "1", "http_req_rate(1m)", all))??;
                Some(Said { condition, policy: Policy::Connects(most, prefix), others })
            }
            (Action::Deny { .. }, [(true, test)])
                if status == 403 && test.matcher == Matcher::Found =>
            {
                let condition = residual.without_websocket(true)?;
                let name = test.sample.variable()?;
                let (origins, missing, others) = self.origins(state, name)?;
                Some(Said { condition, policy: Policy::Origins(origins, missing), others })
            }
            (Action::Deny { .. } | Action::Return(_), []) if status == 426 => {
                said(&residual.without_websocket(false)?, Policy::Require)
            }
            (Action::Auth { realm }, [(true, test)]) if test.sample.fetch.name == "http_auth" => {
                let list = test.sample.fetch.arg(0).to_owned();
                let realm = realm.clone().map_or_else(|| list.clone(), |realm| unescaped(&realm));
                said(all, Policy::Users(list, realm))
            }
            (Action::DelHeader { name, .. }, tests) => {
                let name = name.to_lowercase();
                let socket = residual.without_websocket(true).unwrap_or_else(|| all.clone());
                match (name.as_str(), tests) {
                    ("upgrade", []) if residual.without_websocket(false).is_none() => {
                        said(&socket, Policy::Deny)
                    }
                    ("sec-websocket-extensions", []) => said(&socket, Policy::Strip),
                    ("sec-websocket-protocol", [(true, test)])
                        if test.matcher == Matcher::Str && !test.ignore_case =>
                    {
                        let field = test.sample.fetch.name == "req.hdr"
                            && test.sample.fetch.arg(0).eq_ignore_ascii_case(&name);
                        let names: Vec<String> = test.texts().map(str::to_owned).collect();
                        let fits = names.iter().all(|name| Token::parse(name).is_ok());
                        if !fits || names.is_empty() || !field {
                            return None;
                        }
                        // That the field is there says nothing more.
                        let mut clause = socket.clauses().first()?.clone();
                        clause.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
                        said(&Condition::of(clause), Policy::Subprotocols(names))
                    }
                    _ => None,
                }
            }
            (Action::SetTimeout { which, millis }, []) => {
                let field = match which.as_str() {
                    "server" => "response_header",
                    "tunnel" => "tunnel_idle",
                    _ => return None,
                };
                said(all, Policy::Timer(field, (*millis)?))
            }
            _ => None,
        }
    }

    /// The counter that a limit looks at: what it counts of a client's address, and the rules and the table that say it.
    fn counted(
        &mut self,
        state: &State,
        counter: &str,
        stored: &str,
        condition: &Condition,
    ) -> Option<(Ipv6Prefix, Vec<Id>)> {
        for id in self.running.clone().iter().copied() {
            let Some(statement) = self.statement(id) else { continue };
            let Statement::HttpRequest(Rule {
                action: Action::Track { counter: own, key, table },
                condition: when,
            }) = &*statement
            else {
                continue;
            };
            if own != counter {
                continue;
            }
            let Some(residual) = self.residual(when.as_ref(), state) else { continue };
            // Another route has a counter of this number.
            if residual.condition.and(condition).is_never() {
                continue;
            }
            // It counts the same requests that it refuses.
            let same = residual.tests.is_empty() && residual.condition.and(condition) == *condition;
            let prefix = network(key).filter(|_| same)?;
            let place = table.as_ref().and_then(|table| self.backends.get(table).copied());
            let place = place.unwrap_or(state.section);
            let mut others = vec![id];
            let mut stores = false;
            for id in self.own(place, &["stick-table"]) {
                others.push(id);
                let text = self.all[id].words.iter().any(|word| {
                    word.text
                        .split(',')
                        .any(|part| part == stored || part == stored.replace("1m", "60s"))
                });
                stores |= text;
            }
            if !stores {
                return None;
            }
            if table.is_some() {
                self.reached.insert(place);
                others.push(self.sections[place].id);
            }
            return Some((prefix, others));
        }
        None
    }

    /// The origins for which a variable is set, whether one may be missing, and the rules that set it.
    fn origins(&mut self, state: &State, name: &str) -> Option<(Vec<String>, bool, Vec<Id>)> {
        let (mut all, mut missing, mut taken): (Vec<String>, bool, Vec<Id>) =
            (Vec::new(), false, Vec::new());
        for id in self.running.clone().iter().copied() {
            let Some(statement) = self.statement(id) else { continue };
            let Statement::HttpRequest(Rule {
                action: Action::SetVar { name: own, .. },
                condition,
            }) = &*statement
            else {
                continue;
            };
            if own != name {
                continue;
            }
            let residual = self.residual(condition.as_ref(), state)?;
            if residual.condition.is_never() {
                continue;
            }
            let [(negated, test)] = residual.tests.as_slice() else { return None };
            let field = ["req.fhdr", "req.hdr"].contains(&test.sample.fetch.name.as_str())
                && test.sample.fetch.arg(0).eq_ignore_ascii_case("origin");
            match (negated, test.matcher) {
                (true, Matcher::Found) if field => missing = true,
                (false, Matcher::Reg) if field && test.sample.converters.is_empty() => {
                    for pattern in test.texts() {
                        all.push(origin(pattern)?);
                    }
                }
                (false, Matcher::Int) if test.ranges().ok()? == [Range { least: 0, most: 0 }] => {
                    let [compared] = test.sample.converters.as_slice() else { return None };
                    let first = test.sample.variable().filter(|_| compared.name == "strcmp")?;
                    for part in [first, compared.arg(0)] {
                        taken.extend(
                            self.own(state.section, &["http-request", &format!("set-var({part})")]),
                        );
                    }
                    all.insert(0, "same_origin".to_owned());
                }
                _ => return None,
            }
            taken.push(id);
        }
        (!all.is_empty()).then_some((all, missing, taken))
    }
}

/// The number that a test wants more of than this.
fn over(test: &Test) -> Option<u64> {
    match test.ranges().ok()?.as_slice() {
        [Range { least, most: i64::MAX }] if test.matcher == Matcher::Int => {
            u64::try_from(least.checked_sub(1)?).ok()
        }
        _ => None,
    }
}

/// The bits of an IPv6 address that a counter's key keeps, if the key is the client's address.
fn network(key: &Sample) -> Option<Ipv6Prefix> {
    if !key.fetch.is("src", &[]) {
        return None;
    }
    match key.converters.as_slice() {
        [] => Some(Ipv6Prefix::ADDRESS),
        [mask] if mask.name == "ipmask" && mask.arg(0) == "32" => {
            Ipv6Prefix::parse(mask.arg(1).trim_start_matches('/')).ok()
        }
        _ => None,
    }
}

/// An origin by the regex that fits it alone.
fn origin(pattern: &str) -> Option<String> {
    let inner = pattern.strip_prefix('^')?.strip_suffix('$')?;
    let Some((scheme, rest)) = inner.split_once("://") else {
        return (inner == "null").then(|| inner.to_owned());
    };
    let wildcard = "([^./:]+\\.)+";
    let (star, rest) = match rest.strip_prefix(wildcard) {
        Some(rest) => ("*.", rest),
        None => ("", rest),
    };
    // The scheme's own port may be left out.
    let rest = match rest.strip_suffix(")?") {
        Some(rest) => rest.rsplit_once("(:")?.0,
        None => rest,
    };
    let text = format!("{scheme}://{star}{}", rest.replace('\\', ""));
    Origin::parse(&text).is_ok().then_some(text)
}
