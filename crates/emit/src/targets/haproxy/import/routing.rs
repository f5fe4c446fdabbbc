//! Where requests go: `use_backend`, `default_backend`, what is answered ahead of all rules, and the rules of a backend.

use super::differs::Differs;
use super::scope::Importer;
use super::state::{Cell, Value};
use super::walk::Walk;
use crate::import::condition::Condition;
use crate::import::draft::Draft;
use crate::import::ledger::Id;
use crate::import::matcher::PathMatcher;
use crate::import::rules::Rule as Route;
use crate::targets::haproxy::syntax::{LogFormat, Statement};

/// What stands in the place of a backend that is not there.
fn bad_gateway() -> Draft {
    Draft::of("respond", Draft::of("status", 502_u64))
}

impl Importer<'_> {
    /// `use_backend` in order, then `default_backend` or the section itself.
    pub(super) fn backends_of(
        &mut self,
        section: usize,
        list: &[Id],
        walk: &Walk,
        routes: &mut Vec<Route>,
    ) {
        for id in list {
            match self.all[*id].statement.clone() {
                Some(Ok(statement)) => {
                    if let Statement::UseBackend { backend, condition } = &*statement {
                        let mut walk = walk.clone();
                        let holds = self.asked(condition.as_ref(), &walk, false);
                        self.judge(*id, &holds, false, "upstream");
                        walk.requests = walk.requests.and(&holds.condition);
                        self.used_backend(*id, backend, walk, routes);
                        if holds.condition.is_always() {
                            return;
                        }
                    }
                }
                Some(Err(_)) if self.word(*id, 0) == "use_backend" => {
                    self.lose_unread(*id, false);
                    let condition = self.condition_of(*id);
                    let holds = self.asked(condition.as_ref(), walk, false);
                    let requests = walk.requests.and(&holds.condition).and(&Condition::unread());
                    self.add(*id, "lost", &requests, bad_gateway(), walk, routes);
                }
                _ => {}
            }
        }
        let last = self.setting(section, &["default_backend"]);
        let target = last.and_then(|id| match self.statement(id).as_deref() {
            Some(Statement::DefaultBackend(name)) => Some((id, name.clone())),
            _ => None,
        });
        let own = self.sections[section].id;
        match target {
            Some((id, name)) => match self.backends.get(&name).copied() {
                Some(back) => {
                    self.ledger.taken(id, "upstream");
                    self.forwards(back, id, walk.clone(), routes);
                }
                None => self.missing(id, walk, routes),
            },
            None if self.sections[section].kind == "listen" => {
                self.forwards(section, own, walk.clone(), routes);
            }
            // HAProxy answers 503 where no backend takes a request.
            None => {
                let fields = Draft::of("respond", Draft::of("status", 503_u64));
                self.add(own, "no-backend", &walk.requests, fields, walk, routes);
            }
        }
    }

    /// A backend by its name, which may be made of what rules have set.
    fn used_backend(&mut self, id: Id, name: &LogFormat, walk: Walk, routes: &mut Vec<Route>) {
        let known = match name.literal() {
            Some(name) => Some(name.to_owned()),
            None => name.sample().and_then(|sample| {
                let name = sample.variable().filter(|_| sample.converters.is_empty())?;
                match walk.state.all_changes(&Cell::Variable(name.to_owned())) {
                    [change] if change.condition.is_always() => match &change.value {
                        Value::Text(text) => Some(text.clone()),
                        Value::Absent | Value::Sample(..) | Value::Moved(_) | Value::Unknown => {
                            None
                        }
                    },
                    _ => None,
                }
            }),
        };
        let Some(known) = known else {
            let why = "the name of its backend is made from the request";
            self.lose(id, Some(name.span), why, false);
            let requests = walk.requests.and(&Condition::unread());
            return self.add(id, "lost", &requests, bad_gateway(), &walk, routes);
        };
        match self.backends.get(&known).copied() {
            Some(back) => self.forwards(back, id, walk, routes),
            None => self.missing(id, &walk, routes),
        }
    }

    /// A backend that is not in the file: HAProxy refuses to start, the model answers 502.
    fn missing(&mut self, id: Id, walk: &Walk, routes: &mut Vec<Route>) {
        self.lose(id, None, "there is no such backend", false);
        self.add(id, "missing", &walk.requests, bad_gateway(), walk, routes);
    }

    /// The rules of a backend, and the routes to its servers. In a `listen` section they have run already.
    fn forwards(&mut self, back: usize, id: Id, mut walk: Walk, routes: &mut Vec<Route>) {
        if walk.requests.is_never() {
            return;
        }
        let front = walk.state.section;
        if self.is_disabled(back) {
            // HAProxy answers 503 where a backend is not run.
            let fields = Draft::of("respond", Draft::of("status", 503_u64));
            return self.add(id, "disabled", &walk.requests, fields, &walk, routes);
        }
        self.reached.insert(back);
        if back != front {
            let called = walk.called.take();
            if self.is_tcp(back) {
                self.lose(id, None, "the backend passes TCP", false);
                return self.add(id, "tcp", &walk.requests, bad_gateway(), &walk, routes);
            }
            walk.state.section = back;
            walk.ended = Condition::never();
            let list = self.rules_of(back);
            let goes_on = self.run(&list, &mut walk, routes);
            walk.called = called;
            if !goes_on {
                self.rules_spoken.insert(back);
                return;
            }
        }
        self.passes_on(front, back, id, &walk, routes);
    }

    /// `monitor-uri`: answered ahead of all rules.
    pub(super) fn monitor(&mut self, section: usize, walk: &mut Walk, routes: &mut Vec<Route>) {
        let Some(id) = self.setting(section, &["monitor-uri"]) else { return };
        let statement = self.statement(id);
        let Some(Statement::MonitorUri(path)) = statement.as_deref() else { return };
        let Some(matcher) = PathMatcher::exact(path) else {
            return self.lose(id, None, "this is no path of the model", false);
        };
        let clause =
            crate::import::condition::Clause { paths: vec![matcher], ..Default::default() };
        let requests = walk.requests.and(&Condition::of(clause));
        for fail in self.own(section, &["monitor", "fail"]) {
            let statement = self.statement(fail);
            let Some(Statement::MonitorFail(condition)) = statement.as_deref() else { continue };
            let holds = self.asked(condition.as_ref(), walk, false);
            self.judge(fail, &holds, false, "respond");
            let fields = Draft::of("respond", Draft::of("status", 503_u64));
            self.add(fail, "monitor", &requests.and(&holds.condition), fields, walk, routes);
        }
        self.ledger.taken(id, "respond");
        let span = self.span(id);
        self.differs(span, Differs::MonitorQuery);
        let fields = Draft::of("respond", Draft::of("status", 200_u64));
        self.add(id, "monitor", &requests, fields, walk, routes);
    }

    /// `tcp-request`: what refuses a connection refuses its requests.
    pub(super) fn tcp_rules(&mut self, section: usize, walk: &mut Walk, routes: &mut Vec<Route>) {
        for id in self.own(section, &["tcp-request"]) {
            if self.settled.contains(&id) {
                continue;
            }
            let statement = self.statement(id);
            let Some(Statement::Tcp(rule)) = statement.as_deref() else { continue };
            let action: Vec<&str> = rule.action.iter().map(|word| word.text.as_str()).collect();
            match (rule.level.as_str(), action.as_slice()) {
                ("inspect-delay", _) => {
                    self.ledger
                        .dropped(id, "how long rules wait for the beginning of a connection");
                }
                (_, ["accept"]) => {
                    let holds = self.asked(rule.condition.as_ref(), walk, false);
                    self.judge(id, &holds, false, "match");
                    walk.ended = walk.ended.or(&holds.condition);
                }
                (_, ["reject" | "silent-drop"]) => {
                    let holds = self.asked(rule.condition.as_ref(), walk, true);
                    self.guards.insert(id);
                    self.judge(id, &holds, true, "respond");
                    let span = self.span(id);
                    if !holds.condition.is_never() {
                        self.differs(span, Differs::NoAnswer);
                    }
                    let fields = Draft::of("respond", Draft::of("status", 403_u64));
                    self.add(
                        id,
                        "refuse",
                        &walk.requests.and(&holds.condition),
                        fields,
                        walk,
                        routes,
                    );
                }
                _ => {
                    let why = "the model limits open tunnels and handshakes of an address";
                    self.lose(id, None, why, true);
                }
            }
        }
        walk.ended = Condition::never();
    }
}
