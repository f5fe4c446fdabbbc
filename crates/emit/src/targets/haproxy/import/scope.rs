//! What holds in a section.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::format_compact;
use wsgen_model::source::{Sources, Span};

use super::sections::{Directive, Section};
use super::variables::Assumed;
use crate::import::draft;
use crate::import::ledger::{Id, Ledger};
use crate::import::way::Ways;
use crate::import::{measure, origin};

/// Everything that reading a configuration needs.
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
    /// Names of conditions that rules ask for.
    pub(super) asked: BTreeSet<String>,
    /// Backends by their names.
    pub(super) backends: BTreeMap<String, usize>,
    /// What is known of variables while rules are read.
    pub(super) assumed: Vec<Assumed>,
    /// What asking for a variable has come to.
    pub(super) variables: BTreeMap<(usize, String, String, Vec<String>), Option<Ways>>,
    /// How often conditions have asked for a variable.
    pub(super) followed: usize,
    /// Rules that say what every model says anyway.
    pub(super) settled: BTreeSet<Id>,
}

/// A time in milliseconds: a number is milliseconds (configuration manual, section 2.5).
pub(super) fn time(text: &str) -> Option<u64> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number: u64 = text[..digits].parse().ok()?;
    let factor = match &text[digits..] {
        "" | "ms" => 1,
        "us" => return Some(number.div_ceil(1000)),
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// Old names of timers (HAProxy 1.x).
fn old(words: &[&str]) -> Option<&'static str> {
    Some(match words {
        ["timeout", "client"] => "clitimeout",
        ["timeout", "server"] => "srvtimeout",
        ["timeout", "connect"] => "contimeout",
        _ => return None,
    })
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

    pub(super) fn begins(&self, id: Id, words: &[&str]) -> bool {
        let own = &self.all[id].words;
        own.len() >= words.len() && own.iter().zip(words).all(|(own, word)| own == word)
    }

    /// Whether an option is on: `no option` turns off what the defaults turn on.
    pub(super) fn option(&self, section: usize, name: &str) -> Option<Id> {
        let on = self.setting(section, &["option", name]);
        let off = self.own(section, &["no", "option", name]);
        on.filter(|_| off.is_empty())
    }

    /// A word of a statement, or nothing.
    pub(super) fn word(&self, id: Id, number: usize) -> &str {
        self.all[id].words.get(number).map_or("", String::as_str)
    }

    /// A timer, in milliseconds.
    pub(super) fn timer(&mut self, section: usize, name: &str, field: &'static str) -> Option<u64> {
        let words = ["timeout", name];
        let (id, at) = match self.setting(section, &words) {
            Some(id) => (id, 2),
            None => (self.setting(section, &[old(&words)?])?, 1),
        };
        match time(self.word(id, at)) {
            // None at all.
            Some(0) => {
                self.ledger.taken(id, field);
                None
            }
            Some(millis) => {
                self.ledger.taken(id, field);
                Some(millis)
            }
            None => {
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

    pub(super) fn span(&self, id: Id) -> Span {
        self.all[id].span
    }

    /// Where a statement stands: `haproxy.cfg:14`.
    pub(super) fn origin(&self, id: Id) -> String {
        origin(self.sources, self.span(id))
    }

    /// Something is taken, and means a little less or more in the model.
    pub(super) fn differs(&mut self, id: Id, how: &str) {
        self.ledger.differs(self.span(id), how);
    }
}
