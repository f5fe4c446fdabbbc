//! The rules of a section, in the order in which HAProxy runs them: `tcp-request`, `monitor-uri`, `block`, `http-request`,
//! `redirect`, then `use_backend` and `default_backend`; a backend's rules run behind those of its frontend.

use super::differs::{Asking, Differs};
use super::edits::{Change, Edit};
use super::holds::Holds;
use super::policies::Policy;
use super::scope::Importer;
use super::state::State;
use super::subjects::of_rule;
use crate::import::condition::{Clause, Condition};
use crate::import::draft::Draft;
use crate::import::ledger::Id;
use crate::import::placeholder::UNTOLD;
use crate::import::rules::{Bound, Rule as Route};
use crate::targets::haproxy::syntax::{self, Action, Redirect, Rule, Statement};

/// Requests on their way through the rules.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    /// What rules have changed so far.
    pub(super) state: State,
    /// The requests that come this far, as far as they are told apart.
    pub(super) requests: Condition,
    /// The requests for which the rules of this section have ended.
    pub(super) ended: Condition,
    /// What is changed on the way to a server and back.
    pub(super) edits: Vec<Edit>,
    /// What a person would call the routes.
    pub(super) called: Option<String>,
}

impl Walk {
    /// Every request of some listeners, ahead of all rules of a section.
    pub(super) fn new(section: usize, bounds: &[Bound]) -> Self {
        Self {
            state: State::new(section, bounds),
            requests: Condition::always(),
            ended: Condition::never(),
            edits: Vec::new(),
            called: None,
        }
    }

    /// Whether the clients of all these requests come by TLS, or none does.
    pub(super) fn tls(&self, condition: &Condition) -> Option<bool> {
        tls_of(condition, &self.state.bounds)
    }
}

/// Whether the clients of all requests of a condition come by TLS, or none does.
pub(super) fn tls_of(condition: &Condition, bounds: &[Bound]) -> Option<bool> {
    let one = |clause: &Clause| {
        clause.tls.or_else(|| {
            let first = bounds.first()?.tls;
            bounds.iter().all(|bound| bound.tls == first).then_some(first)
        })
    };
    let first = one(condition.clauses().first()?)?;
    condition.clauses().iter().all(|clause| one(clause) == Some(first)).then_some(first)
}

/// What a rule answers.
pub(super) struct Answer {
    pub(super) fields: Draft,
    pub(super) called: &'static str,
    /// Whether it refuses or asks for something, so that its loss opens what was guarded.
    pub(super) guards: bool,
}

impl Importer<'_> {
    /// The routes of a `frontend` or `listen`.
    pub(super) fn frontend(&mut self, section: usize) {
        let bounds = self.binds(section);
        if bounds.is_empty() {
            return;
        }
        let own = self.sections[section].id;
        self.ledger.taken(own, "listeners");
        self.reached.insert(section);
        let mut walk = Walk::new(section, &bounds);
        let mut routes: Vec<Route> = Vec::new();
        let label = self.label(section);
        self.anyway(section, &bounds, label.as_ref().map(|label| label.name.as_str()));
        self.tcp_rules(section, &mut walk, &mut routes);
        self.monitor(section, &mut walk, &mut routes);
        match &label {
            Some(label) => self.labelled(section, label, walk, &mut routes),
            None => {
                let list = self.rules_of(section);
                if self.run(&list, &mut walk, &mut routes) {
                    self.backends_of(section, &list, &walk, &mut routes);
                }
            }
        }
        let refused = label.as_ref().is_some_and(|label| self.refuses_others(section, &label.name));
        let status: u64 = if refused { 404 } else { 503 };
        let unmatched = Draft::of("respond", Draft::of("status", status));
        let settled = self.site.settle_rules(&routes, &unmatched);
        for id in settled.placeholders.into_iter().flatten() {
            // A section's own line stands for the requests that no rule takes.
            if !self.ledger.is_lost(id) && self.all[id].statement.is_some() {
                self.lose(id, None, UNTOLD, self.guards.contains(&id));
            }
        }
    }

    /// Runs rules. Returns whether any request comes behind them.
    pub(super) fn run(&mut self, list: &[Id], walk: &mut Walk, routes: &mut Vec<Route>) -> bool {
        let before = std::mem::replace(&mut self.running, list.into());
        let goes_on = self.run_all(list, walk, routes);
        self.running = before;
        goes_on
    }

    fn run_all(&mut self, list: &[Id], walk: &mut Walk, routes: &mut Vec<Route>) -> bool {
        let first = |statement: &Statement| matches!(statement, Statement::Block(_));
        let second = |statement: &Statement| matches!(statement, Statement::HttpRequest(_));
        let third = |statement: &Statement| matches!(statement, Statement::Redirect(_));
        let phases: [&dyn Fn(&Statement) -> bool; 3] = [&first, &second, &third];
        for (number, phase) in phases.into_iter().enumerate() {
            for id in list {
                if self.settled.contains(id) {
                    continue;
                }
                let goes_on = match self.all[*id].statement.clone() {
                    Some(Ok(statement)) if phase(&statement) => {
                        self.rule(*id, &statement, walk, routes)
                    }
                    Some(Err(_)) if number == 1 => self.unread_rule(*id, walk, routes),
                    _ => true,
                };
                if !goes_on {
                    return false;
                }
            }
            walk.ended = Condition::never();
        }
        true
    }

    /// Runs one rule. Returns whether any request comes behind it.
    fn rule(
        &mut self,
        id: Id,
        statement: &Statement,
        walk: &mut Walk,
        routes: &mut Vec<Route>,
    ) -> bool {
        // Names of conditions are those of the section that the rule stands in, which may be one of `defaults`.
        let section = std::mem::replace(&mut walk.state.section, self.section_of(id));
        let (guards, subjects) =
            if let Statement::Block(rule) | Statement::HttpRequest(rule) = statement {
                (rule.action.refuses(), of_rule(&rule.action, true))
            } else {
                (false, Vec::new())
            };
        let before = self.asking.replace(Asking { id, guards, subjects });
        let goes_on = if let Statement::Block(rule) | Statement::HttpRequest(rule) = statement {
            self.http_request(id, rule, walk, routes)
        } else if let Statement::Redirect(rule) = statement {
            let holds = self.asked(rule.condition.as_ref(), walk, true);
            self.redirects(id, &rule.redirect, &holds, walk, routes)
        } else {
            true
        };
        walk.state.section = section;
        self.asking = before;
        goes_on
    }

    /// For which of the requests that come this far a rule holds.
    pub(super) fn asked(
        &mut self,
        condition: Option<&syntax::Condition>,
        walk: &Walk,
        guards: bool,
    ) -> Holds {
        self.assumes_agents = guards;
        let mut holds = self.holds(condition, &walk.state);
        self.assumes_agents = false;
        if !walk.ended.is_never() {
            holds.condition = holds.condition.and(&walk.ended.complement());
        }
        holds
    }

    fn http_request(
        &mut self,
        id: Id,
        rule: &Rule,
        walk: &mut Walk,
        routes: &mut Vec<Route>,
    ) -> bool {
        if let Some(said) = self.policy(rule, &walk.state) {
            let mut condition = said.condition;
            if !walk.ended.is_never() {
                condition = condition.and(&walk.ended.complement());
            }
            if condition.is_never() {
                self.ledger.dropped(id, "it never holds here");
                return true;
            }
            for other in said.others {
                self.ledger.taken(other, "what another rule looks at");
                self.used.insert(other);
            }
            if matches!(said.policy, Policy::Deny) {
                self.ledger.taken(id, "websocket.mode");
            }
            walk.edits.push(Edit { id, condition, change: Change::Policy(said.policy) });
            return true;
        }
        let answers = matches!(rule.action, Action::Redirect(_) | Action::Return(_));
        let holds = self.asked(rule.condition.as_ref(), walk, answers || rule.action.refuses());
        let span = self.span(id);
        let status = |status: Option<u64>, usual: u64| {
            Draft::of("respond", Draft::of("status", status.unwrap_or(usual)))
        };
        let answer = match &rule.action {
            Action::Deny { status: written, has_body } => {
                if *has_body {
                    self.differs(span, Differs::AnswerParts);
                }
                status(*written, 403)
            }
            Action::Tarpit { status: written } => status(*written, 500),
            Action::Drop => {
                self.differs(span, Differs::NoAnswer);
                status(None, 403)
            }
            Action::Return(answer) => self.returned(span, answer),
            Action::Redirect(redirect) => {
                return self.redirects(id, redirect, &holds, walk, routes);
            }
            Action::Auth { .. } => {
                // Who may pass is not known: nobody does.
                let why = "the model asks for the users of one list, of every request of a route";
                self.lose(id, holds.why.as_ref().map(|why| why.span), why, true);
                let requests = holds.condition.and(&Condition::unread());
                return self.answers(id, Some(&requests), &holds, None, walk, routes);
            }
            Action::Allow => {
                self.judge(id, &holds, false, "match");
                walk.ended = walk.ended.or(&holds.condition);
                return true;
            }
            Action::Field { .. }
            | Action::DelHeader { .. }
            | Action::ReplaceField { .. }
            | Action::SetTarget { .. }
            | Action::ReplaceTarget { .. }
            | Action::NormalizeUri { .. }
            | Action::SetMethod(_)
            | Action::SetVar { .. }
            | Action::SetVarFmt { .. }
            | Action::UnsetVar { .. }
            | Action::SetSrc(_)
            | Action::SetTimeout { .. }
            | Action::Track { .. }
            | Action::Ask { .. }
            | Action::Aside { .. } => {
                self.changes(id, rule, &holds, walk);
                return true;
            }
        };
        let called = if matches!(rule.action, Action::Return(_)) { "respond" } else { "refuse" };
        let guards = rule.action.refuses();
        self.answers(
            id,
            None,
            &holds,
            Some(Answer { fields: answer, called, guards }),
            walk,
            routes,
        )
    }

    fn redirects(
        &mut self,
        id: Id,
        redirect: &Redirect,
        holds: &Holds,
        walk: &mut Walk,
        routes: &mut Vec<Route>,
    ) -> bool {
        let span = self.span(id);
        let requests = walk.requests.and(&holds.condition);
        if requests.is_never() {
            return self.answers(
                id,
                None,
                holds,
                Some(Answer { fields: Draft::map(), called: "redirect", guards: true }),
                walk,
                routes,
            );
        }
        let tls = walk.tls(&requests);
        match self.redirect(span, redirect, tls, &walk.state) {
            Some(fields) => {
                let answer = Answer { fields, called: "redirect", guards: false };
                self.answers(id, None, holds, Some(answer), walk, routes)
            }
            None => {
                self.lose(
                    id,
                    None,
                    "where it leads is computed in a way that the model does not know",
                    false,
                );
                let requests = holds.condition.and(&Condition::unread());
                self.answers(id, Some(&requests), holds, None, walk, routes)
            }
        }
    }

    /// Adds the route of a rule that answers, or the placeholder of one that is lost. Returns whether any request comes
    /// behind it.
    fn answers(
        &mut self,
        id: Id,
        requests: Option<&Condition>,
        holds: &Holds,
        answer: Option<Answer>,
        walk: &mut Walk,
        routes: &mut Vec<Route>,
    ) -> bool {
        let condition = requests.unwrap_or(&holds.condition);
        let guards = answer.as_ref().is_none_or(|answer| answer.guards);
        if guards {
            self.guards.insert(id);
        }
        if let Some(answer) = &answer {
            let redirects = answer.fields.get(&["redirect"]).is_some();
            let kind = if redirects { "redirect" } else { "respond" };
            self.judge(id, holds, guards, kind);
        }
        let (fields, called) =
            answer.map_or_else(|| (Draft::map(), "lost"), |answer| (answer.fields, answer.called));
        self.add(id, called, &walk.requests.and(condition), fields, walk, routes);
        !(holds.condition.is_always() && walk.ended.is_never())
    }

    /// Adds a route.
    pub(super) fn add(
        &mut self,
        id: Id,
        called: &str,
        requests: &Condition,
        fields: Draft,
        walk: &Walk,
        routes: &mut Vec<Route>,
    ) {
        if requests.is_never() {
            return;
        }
        routes.push(Route {
            ids: vec![id],
            origin: self.origin(id),
            called: walk.called.clone().unwrap_or_else(|| called.to_owned()),
            bounds: walk.state.bounds.clone(),
            condition: requests.clone(),
            fields,
        });
    }
}
