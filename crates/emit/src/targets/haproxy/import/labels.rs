//! Variables that tell the routes of a section apart: rules set one to a text, the first that fits, and other rules ask which
//! text it has. Each text is read as a route of its own, in the order in which the texts are set.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::scope::Importer;
use super::walk::Walk;
use crate::import::condition::Condition;
use crate::import::ledger::Id;
use crate::import::rules::Rule as Route;
use crate::targets::haproxy::syntax::{self, Action, Matcher, Rule, Statement, Term, TermTest};

/// A variable that tells routes apart.
#[derive(Debug)]
pub(super) struct Label {
    /// The name, with its scope.
    pub(super) name: String,
    /// The rules that set it, in order.
    sets: Vec<Id>,
}

/// Whether a term asks for a variable, and how.
fn asks(term: &Term, name: &str) -> Option<(bool, Matcher)> {
    match &term.test {
        TermTest::Test(test)
            if test.sample.variable() == Some(name) && test.sample.converters.is_empty() =>
        {
            Some((term.negated, test.matcher))
        }
        TermTest::Named(_) | TermTest::Test(_) => None,
    }
}

/// The condition of a statement that routes requests or changes them.
fn condition_of(statement: &Statement) -> Option<&syntax::Condition> {
    if let Statement::HttpRequest(rule) | Statement::HttpResponse(rule) | Statement::Block(rule) =
        statement
    {
        rule.condition.as_ref()
    } else if let Statement::Redirect(rule) = statement {
        rule.condition.as_ref()
    } else if let Statement::UseBackend { condition, .. } = statement {
        condition.as_ref()
    } else {
        None
    }
}

/// The texts of a variable of which a condition wants one: it holds for no other.
fn wanted<'c>(condition: &'c syntax::Condition, name: &str) -> Option<Vec<&'c str>> {
    let [branch] = condition.branches.as_slice() else { return None };
    if condition.unless {
        return None;
    }
    branch.iter().find_map(|term| match (&term.test, asks(term, name)) {
        (TermTest::Test(test), Some((false, Matcher::Str)))
            if !test.ignore_case && test.files.is_empty() =>
        {
            Some(test.texts().collect())
        }
        _ => None,
    })
}

/// Whether a rule sets a variable to a text where it has none yet.
pub(super) fn sets_once(rule: &Rule, name: &str) -> bool {
    let once = rule.condition.as_ref().is_some_and(|condition| {
        !condition.unless
            && condition.branches.len() == 1
            && condition.terms().any(|term| asks(term, name) == Some((true, Matcher::Found)))
    });
    matches!(&rule.action, Action::SetVar { name: own, sample } if own == name && sample.constant().is_some())
        && once
}

impl Importer<'_> {
    /// The variable by which a section tells its routes apart.
    pub(super) fn label(&self, section: usize) -> Option<Label> {
        let list = self.rules_of(section);
        let statements: Vec<(Id, Rc<Statement>)> =
            list.into_iter().filter_map(|id| Some((id, self.statement(id)?))).collect();
        let mut names: Vec<&str> = Vec::new();
        for (_, statement) in &statements {
            if let Statement::HttpRequest(rule) = &**statement
                && let Action::SetVar { name, .. } = &rule.action
                && sets_once(rule, name)
                && names.last() != Some(&name.as_str())
            {
                names.push(name);
            }
        }
        let leads = |statement: &Statement| {
            matches!(statement, Statement::UseBackend { .. })
                || matches!(
                    statement,
                    Statement::HttpRequest(Rule {
                        action: Action::Return(_) | Action::Redirect(_) | Action::Deny { .. },
                        ..
                    })
                )
        };
        let name = names.into_iter().find(|name| {
            statements.iter().any(|(_, statement)| {
                leads(statement)
                    && condition_of(statement)
                        .is_some_and(|condition| wanted(condition, name).is_some())
            })
        })?;
        // One behind the other, so that all of them see the same request.
        let sets = |statement: &Statement| matches!(statement, Statement::HttpRequest(Rule { action: Action::SetVar { name: own, .. }, .. }) if own == name);
        let first = statements.iter().position(|(_, statement)| sets(statement))?;
        let run = statements[first..].iter().take_while(|(_, statement)| sets(statement));
        let run: Vec<Id> = run.map(|(id, _)| *id).collect();
        let all = statements.iter().filter(|(_, statement)| sets(statement));
        let once = all.clone().all(|(_, statement)| matches!(&**statement, Statement::HttpRequest(rule) if sets_once(rule, name)));
        (once && all.count() == run.len()).then(|| Label { name: name.to_owned(), sets: run })
    }

    /// Whether a rule answers 404 to requests for which a variable was not set, as a model does where no route fits.
    pub(super) fn refuses_others(&self, section: usize, name: &str) -> bool {
        self.rules_of(section).into_iter().any(|id| match self.statement(id).as_deref() {
            Some(Statement::HttpRequest(Rule {
                action: Action::Deny { status: Some(404), .. },
                condition,
            })) => {
                let branches = condition
                    .as_ref()
                    .filter(|condition| !condition.unless)
                    .map(|c| c.branches.as_slice());
                matches!(branches, Some([branch]) if matches!(branch.as_slice(),
                    [term] if asks(term, name) == Some((true, Matcher::Found))))
            }
            _ => false,
        })
    }

    /// The routes of a section that tells them apart by a variable.
    pub(super) fn labelled(
        &mut self,
        section: usize,
        label: &Label,
        mut walk: Walk,
        routes: &mut Vec<Route>,
    ) {
        let list = self.rules_of(section);
        let (Some(first), Some(last)) = (label.sets.first(), label.sets.last()) else { return };
        let ahead: Vec<Id> = list.iter().copied().filter(|id| id < first).collect();
        if !self.run(&ahead, &mut walk, routes) {
            return;
        }
        let behind: Vec<Id> = list.iter().copied().filter(|id| id > last).collect();
        let (common, mut parts) = self.parts(&behind, &label.name);
        for id in &label.sets {
            let statement = self.statement(*id);
            let Some(Statement::HttpRequest(rule)) = statement.as_deref() else { continue };
            let Action::SetVar { sample, .. } = &rule.action else { continue };
            let text = sample.constant().unwrap_or_default().to_owned();
            let mut own = walk.clone();
            own.state.assumed = Some((label.name.clone(), None));
            let holds = self.asked(rule.condition.as_ref(), &own, false);
            self.judge(*id, &holds, true, "match");
            own.state.assumed = Some((label.name.clone(), Some(text.clone())));
            own.requests = walk.requests.and(&holds.condition);
            if !holds.condition.is_read() {
                own.requests = own.requests.and(&Condition::unread());
            }
            own.called = Some(text.clone());
            let before = routes.len();
            // Of the section, what is for this route and for all of them.
            let list = parts.entry(text).or_insert_with(|| common.clone()).clone();
            if self.run(&list, &mut own, routes) {
                self.backends_of(section, &list, &own, routes);
            }
            for route in &mut routes[before..] {
                route.origin = self.origin(*id);
            }
        }
        if self.refuses_others(section, &label.name) {
            return;
        }
        // A request without a text of its own.
        walk.state.assumed = Some((label.name.clone(), None));
        if self.run(&common, &mut walk, routes) {
            self.backends_of(section, &common, &walk, routes);
        }
    }

    /// The rules that are for every text of a variable, and those that matter to each, in order.
    fn parts(&self, list: &[Id], name: &str) -> (Vec<Id>, BTreeMap<String, Vec<Id>>) {
        let (mut common, mut parts): (Vec<Id>, BTreeMap<String, Vec<Id>>) =
            (Vec::new(), BTreeMap::new());
        for id in list {
            let statement = self.statement(*id);
            let texts = statement
                .as_deref()
                .and_then(condition_of)
                .and_then(|condition| wanted(condition, name));
            match texts {
                Some(texts) => {
                    for text in texts {
                        parts.entry(text.to_owned()).or_default().push(*id);
                    }
                }
                None => common.push(*id),
            }
        }
        for part in parts.values_mut() {
            part.extend(&common);
            part.sort_unstable();
            part.dedup();
        }
        (common, parts)
    }
}
