//! What rules have changed of a request so far: its path, fields and variables, each with the requests that it was changed
//! for.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::path_change::Move;
use crate::import::condition::{Clause, Condition};
use crate::import::hostnames::covers_host;
use crate::import::rules::Bound;
use crate::targets::haproxy::syntax::{Matcher, Sample};

/// Something that rules set and tests look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cell {
    /// The path.
    Path,
    /// The query.
    Query,
    /// The lines of a request field, by its lower-case name.
    Field(String),
    /// A variable, by its name with its scope.
    Variable(String),
}

/// A value of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// Nothing: a variable that was not set, a field that was taken out.
    Absent,
    /// A text.
    Text(String),
    /// What an expression gave when it was looked at.
    Sample(Sample, Mark),
    /// The path with another beginning.
    Moved(Move),
    /// A value that is not known.
    Unknown,
}

/// How many changes a test sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Mark(usize);

/// One change of a cell.
#[derive(Debug, Clone)]
pub(super) struct Change {
    /// Its number among all changes.
    pub(super) mark: Mark,
    /// The requests that it is for.
    pub(super) condition: Condition,
    pub(super) value: Value,
    /// Whether it holds only where the cell had no value; the condition does not say that.
    pub(super) once: bool,
}

/// A pattern of names of fields.
#[derive(Debug, Clone)]
struct Pattern {
    matcher: Matcher,
    text: String,
}

impl Pattern {
    /// Whether a field of this lower-case name may be one of them. HAProxy compares regexes with names in lower case, and the
    /// rest in any case.
    fn may_fit(&self, name: &str) -> bool {
        let regex = self.matcher == Matcher::Reg;
        let text = if regex { self.text.clone() } else { self.text.to_lowercase() };
        self.matcher.fits(name, &text).unwrap_or(true)
    }
}

/// What rules have changed, and where they run.
#[derive(Debug, Clone)]
pub(super) struct State {
    /// The section in which names of conditions are looked up.
    pub(super) section: usize,
    /// The listeners.
    pub(super) bounds: Rc<[Bound]>,
    /// Shared by the states of all backends that a frontend leads to.
    cells: Rc<BTreeMap<Cell, Rc<Vec<Change>>>>,
    /// Fields that were taken out by a pattern of their names, in order.
    removals: Rc<Vec<(Pattern, Change)>>,
    count: usize,
    /// A variable whose value is assumed: nothing where it was not set yet.
    pub(super) assumed: Option<(String, Option<String>)>,
    /// Variables that are set only where they have no value, while their own rules are read.
    pub(super) unset: Option<String>,
}

impl State {
    /// Nothing is changed yet.
    pub(super) fn new(section: usize, bounds: &[Bound]) -> Self {
        Self {
            section,
            bounds: bounds.into(),
            cells: Rc::default(),
            removals: Rc::default(),
            count: 0,
            assumed: None,
            unset: None,
        }
    }

    /// The mark ahead of all changes.
    pub(super) fn came() -> Mark {
        Mark(0)
    }

    /// The mark of all changes so far.
    pub(super) fn now(&self) -> Mark {
        Mark(self.count)
    }

    /// Changes a cell for some requests.
    pub(super) fn set(&mut self, cell: Cell, condition: Condition, value: Value, once: bool) {
        if condition.is_never() {
            return;
        }
        let change = Change { mark: Mark(self.count), condition, value, once };
        self.count += 1;
        Rc::make_mut(Rc::make_mut(&mut self.cells).entry(cell).or_default()).push(change);
    }

    /// Takes fields out by a pattern of their names, for some requests.
    pub(super) fn remove(&mut self, matcher: Matcher, text: &str, condition: Condition) {
        let change = Change { mark: self.now(), condition, value: Value::Absent, once: false };
        self.count += 1;
        let pattern = Pattern { matcher, text: text.to_owned() };
        Rc::make_mut(&mut self.removals).push((pattern, change));
    }

    /// The changes of a field that a test of this mark sees, in order, with those that its name is one of many of.
    pub(super) fn changes_of_field(&self, name: &str, mark: Mark) -> Vec<Change> {
        let mut all = self.changes(&Cell::Field(name.to_owned()), mark).to_vec();
        let many = self.removals.iter().filter(|(pattern, _)| pattern.may_fit(name));
        all.extend(many.map(|(_, change)| change.clone()).filter(|change| change.mark < mark));
        all.sort_by_key(|change| change.mark);
        all
    }

    /// The changes of a cell that a test of this mark sees, in order.
    pub(super) fn changes(&self, cell: &Cell, mark: Mark) -> &[Change] {
        let all = self.cells.get(cell).map_or(&[][..], |changes| changes.as_slice());
        &all[..all.partition_point(|change| change.mark < mark)]
    }

    /// Whether no change ahead of a mark was made of some requests.
    pub(super) fn is_untouched(&self, cell: &Cell, mark: Mark, requests: &Condition) -> bool {
        self.changes(cell, mark).iter().all(|change| change.condition.and(requests).is_never())
    }

    /// The changes of a cell so far.
    pub(super) fn all_changes(&self, cell: &Cell) -> &[Change] {
        self.changes(cell, self.now())
    }

    /// The requests for which a cell's value has some property. `base` says whether the value that it began with has it;
    /// `asked` says it for a changed value.
    pub(super) fn fold(
        &self,
        cell: &Cell,
        mark: Mark,
        base: impl FnOnce() -> Condition,
        asked: impl FnMut(&Change) -> Condition,
    ) -> Condition {
        Self::folded(self.changes(cell, mark), base, asked)
    }

    /// Returns the requests for which a cell's value has some property, as [`State::fold`] does, for a given list of changes.
    pub(super) fn folded(
        changes: &[Change],
        base: impl FnOnce() -> Condition,
        mut asked: impl FnMut(&Change) -> Condition,
    ) -> Condition {
        // What is set by a list of hosts, the longest first, is what the model's own choice of a host says.
        if !changes.is_empty()
            && changes.iter().all(|change| change.once)
            && in_order_of_hosts(changes)
        {
            return by_hosts(changes, &base(), asked);
        }
        // A change for all requests makes what was ahead of it unimportant.
        let last = changes.iter().rposition(|change| change.condition.is_always() && !change.once);
        let (mut holds, mut unset) = match last {
            Some(at) => (asked(&changes[at]), Condition::never()),
            None => (base(), Condition::always()),
        };
        for change in &changes[last.map_or(0, |at| at + 1)..] {
            let condition =
                if change.once { change.condition.and(&unset) } else { change.condition.clone() };
            unset = unset.and(&change.condition.complement());
            let fits = asked(change);
            holds = if fits.is_always() {
                condition.or(&holds)
            } else if holds.is_never() {
                condition.and(&fits)
            } else {
                let kept = holds.and(&condition.complement());
                if fits.is_never() { kept } else { condition.and(&fits).or(&kept) }
            };
        }
        holds
    }
}

/// The requests for which a value has some property that is set for one host after the other, where it has none yet.
fn by_hosts(
    changes: &[Change],
    base: &Condition,
    mut asked: impl FnMut(&Change) -> Condition,
) -> Condition {
    let host = |change: &Change| {
        let clause = change.condition.clauses().first();
        clause.and_then(|clause| clause.hosts.first().cloned())
    };
    let of = |hosts: Vec<String>, not_hosts: Vec<String>| {
        Condition::of(Clause { hosts, not_hosts, ..Clause::default() })
    };
    let (mut fit, mut others): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let mut apart = Condition::never();
    for change in changes {
        let Some(host) = host(change) else { continue };
        if !asked(change).is_always() {
            others.push(host);
            continue;
        }
        // A host ahead that lies below this one is not of it.
        let below: Vec<String> =
            others.iter().filter(|other| covers_host(&host, other)).cloned().collect();
        if below.is_empty() {
            fit.push(host);
        } else {
            apart = apart.or(&of(vec![host], below));
        }
    }
    let all = if fit.is_empty() { apart } else { of(fit.clone(), Vec::new()).or(&apart) };
    if base.is_never() {
        return all;
    }
    let set = changes.iter().filter_map(host).collect();
    all.or(&base.and(&of(Vec::new(), set)))
}

/// Whether each change is for one host, and none stands behind a wider one.
fn in_order_of_hosts(changes: &[Change]) -> bool {
    let host = |change: &Change| match change.condition.clauses() {
        [clause] => match clause.hosts.as_slice() {
            [host] => {
                let mut rest = clause.clone();
                rest.hosts.clear();
                (rest == Clause::default()).then(|| host.clone())
            }
            _ => None,
        },
        _ => None,
    };
    let ranks: Option<Vec<_>> = changes
        .iter()
        .map(|change| {
            host(change).map(|host| (host.starts_with('*'), std::cmp::Reverse(host.len())))
        })
        .collect();
    ranks.is_some_and(|ranks| {
        ranks.is_sorted_by_key(|rank| (rank.0, if rank.0 { rank.1 } else { std::cmp::Reverse(0) }))
    })
}
