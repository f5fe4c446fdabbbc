//! Sections of paths and requests (`<Location>`, `<If>`), and which of them hold for the requests of a rule.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Bound::{Included, Unbounded};

use super::regex;
use super::rule::Rule;
use super::scope::Importer;
use super::vhost::Vhost;
use crate::import::condition::{Clause, Condition};
use crate::import::ledger::Id;
use crate::import::matcher::{PathMatcher, literal_start};
use crate::import::pattern::of_text;
use crate::targets::apache::syntax::expression::{Expression, Operand};
use crate::targets::apache::syntax::rewrite::Comparison;
use crate::targets::apache::syntax::{Place, Section, Statement};

/// A section with what stands in it.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    pub(super) id: Id,
    pub(super) list: Vec<Id>,
    /// The requests that it holds for.
    pub(super) condition: Condition,
    /// The variable that it asks for with its value, where it is one of rules.
    asks: Option<(String, String)>,
    /// Whether requests of a route of their own are needed for what stands in it.
    shapes: bool,
    /// Whether something in it guards.
    pub(super) guards: bool,
    /// The texts that its paths begin with.
    starts: Vec<String>,
}

/// Requests of a rule for which the same sections hold.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub(super) condition: Condition,
    /// Places in the list of sections.
    pub(super) scopes: Vec<usize>,
    starts: Vec<String>,
}

/// The most cells of one rule that are told apart.
const MOST: usize = 20_000;

/// The matcher of a `<Location>`.
pub(super) fn place(place: &Place) -> Option<PathMatcher> {
    match place {
        Place::Path(path) if path.ends_with('/') => regex::beginning(path),
        Place::Path(path) => PathMatcher::prefix(path),
        Place::Regex(pattern) => regex::path(pattern, false),
        Place::Wildcards(path) => {
            if path.contains('[') {
                return None;
            }
            let pattern = of_text(path).replace("\\*", "[^/]*").replace("\\?", "[^/]");
            PathMatcher::regex(&format!("^{pattern}$"))
        }
    }
}

/// A matcher as a condition.
pub(super) fn of_path(path: Option<PathMatcher>) -> Condition {
    match path {
        Some(path) if path.is_root() => Condition::always(),
        Some(path) => Condition::of(Clause { paths: vec![path], ..Clause::default() }),
        None => Condition::unread(),
    }
}

/// The text that every path of a condition begins with.
fn start(condition: &Condition) -> String {
    let [clause] = condition.clauses() else { return String::new() };
    match clause.paths.as_slice() {
        [PathMatcher::Exact(text) | PathMatcher::Prefix(text) | PathMatcher::StartsWith(text)] => {
            text.clone()
        }
        [PathMatcher::Regex(pattern)] => literal_start(pattern),
        _ => String::new(),
    }
}

/// The texts of which each path of a condition begins with one: more than one for `^/(css|js)/`.
fn starts(condition: &Condition) -> Vec<String> {
    let one = vec![start(condition)];
    let [clause] = condition.clauses() else { return one };
    let [PathMatcher::Regex(pattern)] = clause.paths.as_slice() else { return one };
    let Some((head, rest)) = pattern.strip_prefix('^').and_then(|body| body.split_once('(')) else {
        return one;
    };
    let Some((inner, behind)) = rest.split_once(')') else { return one };
    let inner = inner.strip_prefix("?:").unwrap_or(inner);
    let optional = behind.starts_with(['?', '*', '{'])
        || pattern.matches('|').count() != inner.matches('|').count();
    let all: Option<Vec<String>> = inner
        .split('|')
        .map(|branch| Some(format!("{}{}", regex::plain_text(head)?, regex::plain_text(branch)?)))
        .collect();
    all.filter(|_| !optional).unwrap_or(one)
}

fn apart(one: &[String], other: &[String]) -> bool {
    let meets = |one: &String, other: &String| one.starts_with(other) || other.starts_with(one);
    !one.iter().any(|one| other.iter().any(|other| meets(one, other)))
}

impl Importer<'_> {
    /// The sections that hold in a virtual host, in the order in which the server merges them: paths in the order of the
    /// files, then `<If>`.
    pub(super) fn sections(&mut self, vhost: &Vhost) -> Vec<Scope> {
        let (mut places, mut ifs) = (Vec::new(), Vec::new());
        for list in vhost.chain(&self.around) {
            for id in list.iter().copied() {
                if let Ok(Statement::Section(Section::Location(at))) =
                    self.all[id].statement.clone()
                {
                    let condition = of_path(place(&at));
                    let inner = self.block(id);
                    let scope = self.scope(id, condition.clone(), None);
                    places.push(scope);
                    self.conditions(&inner, &condition, vhost, &mut ifs);
                }
            }
            self.conditions(&list, &Condition::always(), vhost, &mut ifs);
        }
        places.append(&mut ifs);
        self.beginnings.clear();
        self.asking.clear();
        for (number, scope) in places.iter().enumerate() {
            for start in &scope.starts {
                self.beginnings.entry(start.clone()).or_default().push(number);
            }
            if scope.asks.is_some() {
                self.asking.push(number);
            }
        }
        places
    }

    /// The sections that may hold for some path that begins with one of these texts, in order.
    fn near(&self, starts: &[String]) -> BTreeSet<usize> {
        let mut all = BTreeSet::new();
        for start in starts {
            let below = self.beginnings.range::<str, _>((Included(start.as_str()), Unbounded));
            let below = below.take_while(|(text, _)| text.starts_with(start.as_str()));
            all.extend(below.flat_map(|(_, list)| list));
            for at in (0..start.len()).filter(|at| start.is_char_boundary(*at)) {
                all.extend(self.beginnings.get(&start[..at]).into_iter().flatten());
            }
        }
        all
    }

    /// `<If>`, `<ElseIf>` and `<Else>` of a list.
    fn conditions(&mut self, list: &[Id], around: &Condition, vhost: &Vhost, all: &mut Vec<Scope>) {
        let mut rest = around.clone();
        for id in list.iter().copied() {
            let Ok(Statement::Section(section)) = self.all[id].statement.clone() else {
                let lost_if = ["if", "elseif"].contains(&self.all[id].name.as_str());
                if lost_if && self.all[id].block.is_some() {
                    let scope = self.scope(id, around.and(&Condition::unread()), None);
                    all.push(scope);
                    rest = rest.and(&Condition::unread());
                }
                continue;
            };
            let (own, asks) = match &section {
                Section::If(expression) => {
                    rest = around.clone();
                    (self.expression(id, expression, vhost), asks_for(expression))
                }
                Section::ElseIf(expression) => (self.expression(id, expression, vhost), None),
                Section::Else => (Condition::always(), None),
                Section::VirtualHost(_)
                | Section::Location(_)
                | Section::Directory(_)
                | Section::Files(_)
                | Section::Proxy(..)
                | Section::Limit(_)
                | Section::LimitExcept(_)
                | Section::RequireAll
                | Section::RequireAny
                | Section::RequireNone
                | Section::Start(_) => continue,
            };
            let scope = self.scope(id, rest.and(&own), asks);
            all.push(scope);
            rest = rest.and(&own.not());
            let inner = self.block(id);
            self.conditions(&inner, &around.and(&own), vhost, all);
        }
    }

    fn scope(&self, id: Id, condition: Condition, asks: Option<(String, String)>) -> Scope {
        let list = self.block(id);
        let shapes = list.iter().any(|id| self.shapes(*id));
        let guards = list.iter().any(|id| self.guards_something(*id));
        let starts = starts(&condition);
        Scope { id, list, condition, asks, shapes, guards, starts }
    }

    /// Whether a directive makes another route of the requests of its section.
    fn shapes(&self, id: Id) -> bool {
        let name = self.all[id].name.as_str();
        match name {
            "proxypass"
            | "proxypassmatch"
            | "proxypassreverse"
            | "proxypassreversecookiepath"
            | "proxypassreversecookiedomain"
            | "sethandler"
            | "proxyset"
            | "balancermember"
            | "if"
            | "elseif"
            | "else" => false,
            "rewriterule" | "rewriteengine" | "rewritecond" => true,
            _ => super::out_of_scope::reason(name).is_none(),
        }
    }

    /// The cells of a rule: first those of more sections. Sections that only change fields, and of which the model cannot say
    /// for which of the rule's requests they hold, are lost and left out.
    pub(super) fn cells(&mut self, rule: &Rule, scopes: &[Scope]) -> Vec<Cell> {
        let first = Cell {
            condition: rule.condition.clone(),
            scopes: Vec::new(),
            starts: starts(&rule.condition),
        };
        let mut cells: VecDeque<Cell> = VecDeque::from([first]);
        let mut near = self.near(&starts(&rule.condition));
        near.extend(&self.asking);
        for (number, scope) in near.into_iter().filter_map(|at| Some((at, scopes.get(at)?))) {
            let holds = match &scope.asks {
                None => None,
                Some((name, value)) => {
                    let own = rule.variables.iter().find(|(own, _)| own == name);
                    match own {
                        Some((_, own)) => Some(own == value),
                        None if self.tables.contains(name) => Some(false),
                        None => None,
                    }
                }
            };
            match holds {
                Some(true) => {
                    for cell in &mut cells {
                        cell.scopes.push(number);
                    }
                    continue;
                }
                Some(false) => continue,
                None => {}
            }
            let mut ahead: Vec<Cell> = Vec::new();
            for cell in &mut cells {
                if apart(&cell.starts, &scope.starts) {
                    continue;
                }
                let both = cell.condition.and(&scope.condition);
                if both.is_never() {
                    continue;
                }
                if both == cell.condition && (both.is_read() || scope.condition.is_always()) {
                    cell.scopes.push(number);
                    continue;
                }
                // A placeholder stands for these already, and for the section's other requests there is a cell of their own.
                if !both.is_read() && !cell.condition.is_read() {
                    continue;
                }
                if !scope.shapes {
                    continue;
                }
                if !both.is_read() && cell.condition.is_read() && !scope.guards {
                    self.lost_section(
                        scope.id,
                        "for which requests it holds cannot be said by a path of the model",
                    );
                    continue;
                }
                let mut new =
                    Cell { starts: starts(&both), condition: both, scopes: cell.scopes.clone() };
                new.scopes.push(number);
                ahead.push(new);
            }
            if cells.len() + ahead.len() > MOST {
                self.lost_section(scope.id, "too many sections hold for the same requests");
                continue;
            }
            for cell in ahead.into_iter().rev() {
                cells.push_front(cell);
            }
        }
        cells.into()
    }

    /// A section whose directives are lost for some requests.
    fn lost_section(&mut self, id: Id, why: &str) {
        self.ledger.lost(id, why);
        for inner in self.block(id) {
            if self.shapes(inner) {
                self.ledger.lost(inner, why);
            }
        }
    }
}

/// `reqenv('name') == 'value'`
pub(super) fn asks_for(expression: &Expression) -> Option<(String, String)> {
    let Expression::Compare(
        Operand::Function(name, variable),
        Comparison::Equal,
        Operand::Text(value),
    ) = expression
    else {
        return None;
    };
    match (name.as_str(), variable.as_ref()) {
        ("reqenv" | "env", Operand::Text(variable)) => Some((variable.clone(), value.clone())),
        _ => None,
    }
}
