//! What holds in a section.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use compact_str::format_compact;
use wsgen_model::source::{Sources, Span};

use super::differs::Asking;
use super::sections::{Directive, Section};
use crate::import::draft;
use crate::import::ledger::{Id, Ledger};
use crate::import::{measure, origin};
use crate::syntax::Unread;
use crate::targets::haproxy::syntax::{Action, Condition, Rule, Statement};

/// Everything that reading a configuration needs.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about what is being read"
)]
pub(super) struct Importer<'a> {
    pub(super) sources: &'a Sources,
    pub(super) all: Vec<Directive>,
    pub(super) sections: Vec<Section>,
    pub(super) ledger: Ledger,
    pub(super) site: draft::Site,
    /// Names of upstreams by their sections.
    pub(super) upstreams: BTreeMap<usize, String>,
    /// The section that listens on an address.
    pub(super) addresses: BTreeMap<String, usize>,
    /// Sections within the reach of a route.
    pub(super) reached: BTreeSet<usize>,
    /// Backends by their names.
    pub(super) backends: BTreeMap<String, usize>,
    /// Rules that say what every model says anyway.
    pub(super) settled: BTreeSet<Id>,
    /// Lines of names that rules ask for, and rules that others look at.
    pub(super) used: BTreeSet<Id>,
    /// Rules that refuse or ask for something.
    pub(super) guards: BTreeSet<Id>,
    /// Backends whose own rules answer every request.
    pub(super) rules_spoken: BTreeSet<usize>,
    /// Rules that set variables: the name, and why their condition is not read.
    pub(super) variables: BTreeMap<Id, (String, Option<Unread>)>,
    /// Names of variables that rules ask for.
    pub(super) asked_variables: BTreeSet<String>,
    /// The rule whose condition is being read.
    pub(super) asking: Option<Asking>,
    /// Tests of Upgrade and Connection in the branch that is being read: the field and the place.
    pub(super) handshakes: Vec<(String, Span)>,
    /// Why the condition that is being read is not read in full.
    pub(super) whys: Vec<Unread>,
    /// Whether that condition depends on counters, rates or servers.
    pub(super) stateful: bool,
    /// Whether what other programs decide is taken for what they usually decide.
    pub(super) assumes_agents: bool,
    /// Whether other programs set variables.
    pub(super) agents: bool,
    /// Variables that rules for connections set.
    pub(super) tcp_variables: BTreeSet<String>,
    /// The rules that are being run.
    pub(super) running: Rc<[Id]>,
    /// How often the value of a variable was another variable.
    pub(super) followed: usize,
    /// Whether variables that ask for each other were not followed.
    pub(super) too_deep: bool,
}

impl Importer<'_> {
    /// A section and its `defaults`, and theirs.
    pub(super) fn chain(&self, section: usize) -> Vec<usize> {
        let mut chain = vec![section];
        while let Some(next) = chain.last().and_then(|last| self.sections[*last].defaults) {
            // It stands ahead of the section, so that this ends.
            chain.push(next);
        }
        chain
    }

    /// The section that a line stands in.
    pub(super) fn section_of(&self, id: Id) -> usize {
        self.sections.partition_point(|section| section.id <= id).saturating_sub(1)
    }

    /// The statement that holds: the last one of the innermost section that begins with these words.
    pub(super) fn setting(&self, section: usize, words: &[&str]) -> Option<Id> {
        self.chain(section)
            .into_iter()
            .find_map(|section| self.likely(section, words).rfind(|id| self.begins(*id, words)))
    }

    /// The statements of a section itself that begin with these words.
    pub(super) fn own(&self, section: usize, words: &[&str]) -> Vec<Id> {
        self.likely(section, words).filter(|id| self.begins(*id, words)).collect()
    }

    /// The statements of a section that begin with the first two of these words.
    fn likely(&self, section: usize, words: &[&str]) -> impl DoubleEndedIterator<Item = Id> + '_ {
        let key = match words {
            [first, second, ..] => format_compact!("{first} {second}"),
            _ => words.iter().copied().collect(),
        };
        self.sections[section].index.get(&key).into_iter().flatten().copied()
    }

    fn begins(&self, id: Id, words: &[&str]) -> bool {
        let own = &self.all[id].words;
        own.len() >= words.len() && own.iter().zip(words).all(|(own, word)| own.text == **word)
    }

    /// The statement that a line is read as.
    pub(super) fn statement(&self, id: Id) -> Option<Rc<Statement>> {
        self.all[id].statement.as_ref()?.as_ref().ok().cloned()
    }

    /// The first word of a line that was not understood.
    pub(super) fn unread_of(&self, id: Id) -> Option<Unread> {
        self.all[id].statement.as_ref()?.as_ref().err().cloned()
    }

    /// The condition of a line that was not read.
    pub(super) fn condition_of(&self, id: Id) -> Option<Condition> {
        Statement::condition_of(&self.all[id].words, self.span(id))
    }

    /// A line that was not read is lost at the word that was not understood.
    pub(super) fn lose_unread(&mut self, id: Id, guards: bool) {
        if let Some(unread) = self.unread_of(id) {
            self.lose(id, Some(unread.span), &unread.why, guards);
        }
    }

    /// The rules of a section, behind those of its `defaults`, in order.
    pub(super) fn rules_of(&self, section: usize) -> Vec<Id> {
        let is_rule = |id: &Id| match self.all[*id].statement.as_ref() {
            Some(Ok(statement)) => matches!(
                **statement,
                Statement::HttpRequest(_)
                    | Statement::Block(_)
                    | Statement::Redirect(_)
                    | Statement::UseBackend { .. }
            ),
            Some(Err(_)) => true,
            None => false,
        };
        let mut chain = self.chain(section);
        chain.reverse();
        chain
            .into_iter()
            .flat_map(|section| self.sections[section].list.iter().copied().filter(is_rule))
            .collect()
    }

    /// The rules of a section for answers, behind those of its `defaults`, in order.
    pub(super) fn responses_of(&self, section: usize) -> Vec<Id> {
        let mut chain = self.chain(section);
        chain.reverse();
        let responses = |section: usize| self.sections[section].responses.iter().copied();
        chain.into_iter().flat_map(responses).collect()
    }

    /// Whether something sets a variable that no rule of a section does.
    pub(super) fn set_elsewhere(&self, name: &str) -> bool {
        self.agents || self.tcp_variables.contains(name)
    }

    /// Looks for what sets variables beside the rules for requests: Lua, what a filter asks, rules for connections.
    pub(super) fn look_for_setters(&mut self) {
        for line in &self.all {
            let Some(Ok(statement)) = &line.statement else { continue };
            if let Statement::Filter(name) = &**statement {
                self.agents |= name != "compression" && name != "trace";
            } else if let Statement::HttpRequest(Rule { action: Action::Ask { .. }, .. }) =
                &**statement
            {
                self.agents = true;
            } else if let Statement::Tcp(rule) = &**statement {
                let mut words = rule.action.iter();
                let name =
                    words.find_map(|word| word.text.strip_prefix("set-var(")?.strip_suffix(')'));
                self.tcp_variables.extend(name.map(str::to_owned));
            }
        }
    }

    /// Whether an option is on: `no option` turns off what the defaults turn on.
    pub(super) fn option(&self, section: usize, name: &str) -> Option<Id> {
        let on = self.setting(section, &["option", name]);
        let off = self.own(section, &["no", "option", name]);
        on.filter(|_| off.is_empty())
    }

    /// A word of a line, for its name in findings.
    pub(super) fn word(&self, id: Id, number: usize) -> &str {
        self.all[id].words.get(number).map_or("", |word| word.text.as_str())
    }

    /// A timer, in milliseconds.
    pub(super) fn timer(&mut self, section: usize, name: &str, field: &'static str) -> Option<u64> {
        // The names before 1.4.
        let old = match name {
            "client" => "clitimeout",
            "server" => "srvtimeout",
            "connect" => "contimeout",
            _ => "",
        };
        let id =
            self.setting(section, &["timeout", name]).or_else(|| self.setting(section, &[old]))?;
        let statement = self.statement(id);
        match statement.as_deref() {
            Some(Statement::Timeout(timeout)) => {
                self.ledger.taken(id, field);
                // None at all.
                Some(timeout.millis).filter(|millis| *millis > 0)
            }
            _ => {
                self.ledger.lost(id, "this is no time");
                None
            }
        }
    }

    /// A timer in the model's form, or what stands for its absence.
    pub(super) fn time_or(
        &mut self,
        section: usize,
        name: &str,
        field: &'static str,
        other: &str,
    ) -> String {
        self.timer(section, name, field).map_or_else(|| other.to_owned(), measure::duration)
    }

    /// The port of a listener of the model.
    pub(super) fn port_of(&self, listener: &str) -> Option<u16> {
        let named = |item: &&draft::Item| item.fields.text(&["name"]) == Some(listener);
        let address = self.site.listeners.iter().find(named)?.fields.text(&["address"])?;
        address.rsplit_once(':')?.1.parse().ok()
    }

    pub(super) fn span(&self, id: Id) -> Span {
        self.all[id].span
    }

    /// Where a statement stands: `haproxy.cfg:14`.
    pub(super) fn origin(&self, id: Id) -> String {
        origin(self.sources, self.span(id))
    }
}
