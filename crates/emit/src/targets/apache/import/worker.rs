//! Workers of single servers (`mod_proxy`, "Workers"). The parameters of a `ProxyPass` belong to a worker, and the worker of a
//! request is the one with the longest URL that its own URL begins with, whichever line has made it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound::{Included, Unbounded};

use super::rule::Rule;
use super::scope::Importer;
use super::target::destination;
use super::vhost::Vhost;
use crate::import::ledger::Id;
use crate::targets::apache::syntax::{Parameter, ProxyTarget, Statement};
use wsgen_model::code::Code;

/// A worker that a `ProxyPass` has made.
#[derive(Debug, Clone)]
pub(super) struct Worker {
    /// The line that made it.
    pub(super) id: Id,
    /// Scheme, address and path.
    url: String,
    /// Whether groups of a regex stand in its path.
    groups: bool,
    pub(super) parameters: Vec<Parameter>,
}

/// A URL as workers are compared by it: scheme, address with its port, and path.
pub(super) fn comparable(url: &str) -> Option<String> {
    let (to, path) = destination(url)?;
    if to.balanced || to.authority.starts_with("unix:") {
        return None;
    }
    let scheme = url.split("://").next()?.to_ascii_lowercase();
    Some(format!("{scheme}://{}{path}", to.authority.to_ascii_lowercase()))
}

/// The part of a URL that is the same for every request.
pub(super) fn literal(url: &str) -> &str {
    url.split(['$', '%']).next().unwrap_or_default()
}

/// The workers of a virtual host, in the order of the file, and where they stand by their URLs.
#[derive(Debug, Default)]
pub(super) struct Workers {
    all: Vec<Worker>,
    /// Workers of one fixed URL, by that URL.
    plain: BTreeMap<String, Vec<usize>>,
    /// Workers whose URL has groups of a regex, by that URL.
    grouped: BTreeMap<String, Vec<usize>>,
    /// All workers, by the part of their URL that is the same for every request.
    literals: BTreeMap<String, Vec<usize>>,
    by_line: HashMap<Id, usize>,
}

impl Workers {
    fn push(&mut self, worker: Worker) {
        let at = self.all.len();
        let list = if worker.groups { &mut self.grouped } else { &mut self.plain };
        list.entry(worker.url.clone()).or_default().push(at);
        self.literals.entry(literal(&worker.url).to_owned()).or_default().push(at);
        self.by_line.entry(worker.id).or_insert(at);
        self.all.push(worker);
    }

    /// Returns the worker of the longest URL that a URL begins with, of those behind a place.
    fn longest(&self, url: &str, from: usize) -> Option<&Worker> {
        let at = beginnings(url)
            .rev()
            .find_map(|begin| self.plain.get(begin)?.last().copied().filter(|at| *at >= from))?;
        self.all.get(at)
    }

    /// Returns the worker of a URL in which groups stand, of those behind a place.
    fn of_groups(&self, url: &str, from: usize) -> Option<&Worker> {
        let at = self.grouped.get(url)?.last().copied().filter(|at| *at >= from)?;
        self.all.get(at)
    }

    /// Returns the workers whose URL begins with a text, and those with groups that may come to it, in their order.
    fn near(&self, start: &str) -> impl Iterator<Item = &Worker> {
        let below = self.literals.range::<str, _>((Included(start), Unbounded));
        let below = below.take_while(|(text, _)| text.starts_with(start));
        let mut found: BTreeSet<usize> = below.flat_map(|(_, list)| list).copied().collect();
        for begin in beginnings(start) {
            let own = self.literals.get(begin).into_iter().flatten().copied();
            found.extend(own.filter(|at| self.all[*at].groups));
        }
        found.into_iter().filter_map(|at| self.all.get(at))
    }
}

/// The beginnings of a text, the shortest first, and the whole text.
fn beginnings(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    (0..=text.len()).filter(|at| text.is_char_boundary(*at)).map(|at| &text[..at])
}

impl Importer<'_> {
    /// The workers of a virtual host: those outside of all come first. A line whose URL begins with that of a worker ahead
    /// makes none of its own, and its parameters are passed over.
    pub(super) fn workers(&mut self, vhost: &Vhost) {
        self.workers = Workers::default();
        self.workers_of(&self.around.clone(), 0);
        if vhost.id.is_some() {
            let own = self.workers.all.len();
            self.workers_of(&vhost.list.clone(), own);
        }
    }

    fn workers_of(&mut self, list: &[Id], from: usize) {
        for id in list.iter().copied() {
            if let Ok(Statement::ProxyPass(pass)) = self.all[id].statement.clone() {
                let ProxyTarget::Url(url) = &pass.to else { continue };
                let Some(url) = comparable(url) else { continue };
                let groups = pass.regex && url.contains('$');
                let ahead = if groups {
                    self.workers.of_groups(&url, from)
                } else {
                    self.workers.longest(&url, from)
                };
                match ahead.map(|worker| worker.id) {
                    None => {
                        let parameters = pass.parameters;
                        self.workers.push(Worker { id, url, groups, parameters });
                    }
                    Some(other) => self.shares_worker(id, other, &pass.parameters),
                }
            }
            self.workers_of(&self.block(id), from);
        }
    }

    fn shares_worker(&mut self, id: Id, other: Id, parameters: &[Parameter]) {
        // These belong to the line, and to no worker.
        let of_line = ["nocanon", "interpolate", "noquery", "mapping"];
        if parameters.iter().all(|parameter| of_line.contains(&parameter.key.as_str())) {
            return;
        }
        let what = format!(
            "Apache passes over the parameters of this line: its URL begins with that of {}, whose worker it shares",
            self.origin(other)
        );
        let help = "write the parameters there, or put the longer URL first";
        self.ledger.say(Code::IMPORT_BROKEN, self.span(id), &what, help);
    }

    /// The parameters that hold for what a rule passes on to one server. Where they are others for some of its requests, that
    /// is said at both lines.
    pub(super) fn of_worker(&mut self, rule: &Rule) -> Vec<Parameter> {
        let Some(url) = comparable(&rule.url) else { return rule.parameters.clone() };
        let start = literal(&url);
        // A section that makes a route of its own stands ahead of the line.
        let passes = |id: &&Id| self.all[**id].name.starts_with("proxypass");
        let line = rule.with.iter().find(passes).copied().unwrap_or(rule.id);
        let worker = self.workers.longest(start, 0);
        let found = worker.map_or_else(Vec::new, |worker| worker.parameters.clone());
        let length = worker.map_or(0, |worker| worker.url.len());
        let mine = worker.map(|worker| worker.id);
        // The worker of the rule's own line, where groups stand in its URL.
        let own = self.workers.by_line.get(&line).and_then(|at| self.workers.all.get(*at));
        let own = own.filter(|worker| worker.groups);
        let found = own.map_or(found, |own| own.parameters.clone());
        let relevant = |list: &[Parameter]| -> Vec<(String, String)> {
            let told = list.iter().filter(|p| p.key == "upgrade" || p.key == "timeout");
            told.map(|p| (p.key.clone(), p.value.to_ascii_lowercase())).collect()
        };
        let may_fit = |worker: &&Worker| {
            let begin = literal(&worker.url);
            worker.url.len() > length
                && (begin.starts_with(start) || worker.groups && start.starts_with(begin))
                && worker.id != line
                && Some(worker.id) != mine
                && relevant(&worker.parameters) != relevant(&found)
        };
        let others: Vec<Id> =
            self.workers.near(start).filter(may_fit).map(|worker| worker.id).collect();
        for other in others {
            let what = "some requests of one of these lines go through the worker of the other, which has other parameters";
            self.differs(line, what);
            self.differs(other, what);
        }
        found
    }
}
