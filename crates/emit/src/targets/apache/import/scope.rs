//! What holds at a place: a directive of a section further in hides those of the same name further out, and header
//! fields add up.

use std::collections::{BTreeMap, BTreeSet};

use wsgen_model::source::{Sources, Span};

use super::policies::Policy;
use super::tree::Directive;
use super::worker::Workers;
use crate::import::draft;
use crate::import::ledger::{Id, Ledger};
use crate::import::origin;
use crate::syntax::Word;
use crate::targets::apache::syntax::{Setting, Statement};

/// The lists of directives around a place, the outermost first.
pub(super) type Chain = Vec<Vec<Id>>;

/// Everything that reading a configuration needs.
pub(super) struct Importer<'a> {
    pub(super) sources: &'a Sources,
    pub(super) all: Vec<Directive>,
    pub(super) ledger: Ledger,
    pub(super) site: draft::Site,
    /// What stands outside of every section.
    pub(super) top: Vec<Id>,
    /// What holds around every virtual host: the same without them.
    pub(super) around: Vec<Id>,
    /// Names of upstreams, by their servers and how they are reached.
    pub(super) upstreams: BTreeMap<String, String>,
    /// Lists within the reach of a route that passes requests on.
    pub(super) reached: BTreeSet<Id>,
    /// What rules of a virtual host say of its routes.
    pub(super) policies: Vec<Policy>,
    /// Variables that say whether a WebSocket is asked for.
    pub(super) handshakes: BTreeSet<String>,
    /// Variables of which the first rule that sets them wins.
    pub(super) tables: BTreeSet<String>,
    /// Whether the conditions that are read are those of a rule that refuses.
    pub(super) guarding: bool,
    /// The workers of the virtual host that is read.
    pub(super) workers: Workers,
    /// The lists of virtual hosts.
    pub(super) servers: BTreeSet<Vec<Id>>,
    /// Directives around every virtual host, without the rules of single paths.
    pub(super) settings_around: Vec<Id>,
    /// Virtual hosts that pass requests on.
    pub(super) reaching: BTreeSet<Option<Id>>,
    /// Virtual hosts whose `ProxyPassReverse` was judged, for routes that keep the Host or do not.
    pub(super) reversed: BTreeSet<(Option<Id>, bool)>,
    /// The sections of the virtual host that is read, by the beginnings of their paths.
    pub(super) beginnings: BTreeMap<String, Vec<usize>>,
    /// Sections of the virtual host that is read whose conditions test a variable of rewrite rules.
    pub(super) asking: Vec<usize>,
    /// Rules that pass requests on as plain HTTP, each with the consequence for handshakes.
    pub(super) plain: Vec<(Id, &'static str)>,
}

impl Importer<'_> {
    /// The directives of this name among these.
    pub(super) fn named(&self, list: &[Id], name: &str) -> Vec<Id> {
        list.iter().copied().filter(|id| self.all[*id].name == name).collect()
    }

    /// The one directive that holds.
    pub(super) fn setting(&self, chain: &Chain, name: &str) -> Option<Id> {
        chain.iter().rev().find_map(|list| self.named(list, name).last().copied())
    }

    /// All directives of this name, from the outermost in.
    pub(super) fn settings(&self, chain: &Chain, name: &str) -> Vec<Id> {
        chain.iter().flat_map(|list| self.named(list, name)).collect()
    }

    /// Whether a switch is on; it is taken for the field.
    pub(super) fn switch(
        &mut self,
        chain: &Chain,
        name: &str,
        default: bool,
        field: &'static str,
    ) -> bool {
        let Some(id) = self.setting(chain, name) else { return default };
        self.ledger.taken(id, field);
        self.is_on(id)
    }

    /// Whether a directive says `on`.
    pub(super) fn is_on(&self, id: Id) -> bool {
        match &self.all[id].statement {
            Ok(Statement::RewriteEngine(on) | Statement::Setting(Setting::Switch(on))) => *on,
            _ => false,
        }
    }

    /// A word behind a directive, or nothing.
    pub(super) fn word(&self, id: Id, number: usize) -> &str {
        self.all[id].words.get(number).map_or("", Word::as_str)
    }

    /// The words behind a directive's name.
    pub(super) fn texts(&self, id: Id) -> Vec<String> {
        self.all[id].words.iter().map(|word| word.text.clone()).collect()
    }

    /// What stands in a section.
    pub(super) fn block(&self, id: Id) -> Vec<Id> {
        self.all[id].block.clone().unwrap_or_default()
    }

    /// A time in milliseconds: a number is seconds.
    pub(super) fn time(&mut self, chain: &Chain, name: &str, field: &'static str) -> Option<u64> {
        let id = self.setting(chain, name)?;
        let time = match &self.all[id].statement {
            Ok(Statement::Setting(Setting::Time(time))) => Some(*time),
            _ => None,
        };
        match time {
            Some(_) => self.ledger.taken(id, field),
            None => self.ledger.lost(id, "this is no time"),
        }
        time
    }

    pub(super) fn span(&self, id: Id) -> Span {
        self.all[id].span
    }

    /// Where a directive stands: `httpd.conf:14`.
    pub(super) fn origin(&self, id: Id) -> String {
        origin(self.sources, self.span(id))
    }

    /// Reports a directive that the model applies to fewer requests: a loss that opens something where the directive guards.
    pub(super) fn narrowed(&mut self, id: Id, how: &str) {
        if self.guarding {
            self.ledger.opens(id, how);
        } else {
            self.differs(id, how);
        }
    }

    /// Something is taken, and means a little less or more in the model.
    pub(super) fn differs(&mut self, id: Id, how: &str) {
        self.ledger.differs(self.span(id), how);
    }
}
