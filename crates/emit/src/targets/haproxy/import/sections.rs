//! Sections and their statements; what a section does not say, the `defaults` ahead of it do.

use std::collections::BTreeMap;
use std::rc::Rc;

use compact_str::{CompactString, format_compact};
use wsgen_model::code::Code;
use wsgen_model::source::{SourceId, Sources, Span};

use crate::import::ledger::{Id, Ledger};
use crate::import::{Files, told};
use crate::syntax::{Parsed, Word};
use crate::targets::haproxy::lex::lex;
use crate::targets::haproxy::syntax::Statement;

/// A line of the configuration: the beginning of a section, or a statement.
#[derive(Debug)]
pub(super) struct Directive {
    /// The words, for names and for configurations that are moved.
    pub(super) words: Vec<Word>,
    pub(super) span: Span,
    /// The statement, or the first word of it that was not understood; nothing for the beginning of a section.
    pub(super) statement: Option<Parsed<Rc<Statement>>>,
}

/// A section with the statements in it.
#[derive(Debug)]
pub(super) struct Section {
    /// `frontend`, `backend`, …
    pub(super) kind: String,
    pub(super) name: String,
    /// Its own line.
    pub(super) id: Id,
    pub(super) list: Vec<Id>,
    /// Its statements by their first word, and by their first two.
    pub(super) index: BTreeMap<CompactString, Vec<Id>>,
    /// `http-response` rules of the section.
    pub(super) responses: Vec<Id>,
    /// Its `defaults`, by their place among the sections.
    pub(super) defaults: Option<usize>,
}

impl Section {
    fn note(&mut self, words: &[Word], id: Id) {
        let Some(first) = words.first().map(Word::as_str) else { return };
        if let Some(second) = words.get(1).map(Word::as_str) {
            self.index.entry(format_compact!("{first} {second}")).or_default().push(id);
        }
        self.index.entry(first.into()).or_default().push(id);
    }
}

/// How sections begin.
const KINDS: [&str; 19] = [
    "global",
    "defaults",
    "frontend",
    "backend",
    "listen",
    "resolvers",
    "userlist",
    "peers",
    "mailers",
    "cache",
    "program",
    "http-errors",
    "ring",
    "fcgi-app",
    "log-forward",
    "crt-store",
    "traces",
    "log-profile",
    "acme",
];

/// Most `defaults` that a section inherits from.
const DEPTH: usize = 64;

/// Reads files, one behind the other, as the server does.
pub(super) fn read(
    sources: &Sources,
    ids: &[SourceId],
    files: &dyn Files,
    ledger: &mut Ledger,
) -> (Vec<Directive>, Vec<Section>) {
    let (mut all, mut sections): (Vec<Directive>, Vec<Section>) = (Vec::new(), Vec::new());
    let mut defaults = None;
    // Of each section, how many `defaults` it inherits from, and those that have a name.
    let mut depths: Vec<usize> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for id in ids {
        let Some(source) = sources.get(*id) else { continue };
        for line in lex(source.text(), *id) {
            let mut line = line;
            let span = Span::new(*id, line.range.clone());
            for word in &mut line.words {
                if word.text.contains("${") {
                    word.text = told(&word.text, files);
                }
                ledger.clean(all.len(), std::slice::from_mut(&mut word.text));
            }
            let here = all.len();
            if line.torn {
                let help = "HAProxy itself refuses it; what stands around it is read all the same";
                ledger.say(Code::IMPORT_SYNTAX, span, "nothing closes this quote", help);
            }
            let kind = line.words[0].text.clone();
            let begins = KINDS.contains(&kind.as_str())
                // Statements of that name stand in sections too.
                && !(kind == "cache" && sections.last().is_some_and(|s| s.kind == "backend"));
            if begins {
                let name = line.words.get(1).map(|word| word.text.clone()).unwrap_or_default();
                let from = line.words.iter().position(|word| word.text == "from");
                let wanted = from.and_then(|at| line.words.get(at + 1));
                let named = wanted.and_then(|wanted| known.get(&wanted.text)).copied();
                if kind == "defaults" {
                    defaults = Some(sections.len());
                    known.entry(name.clone()).or_insert(sections.len());
                }
                let mut own = if kind == "defaults" { named } else { named.or(defaults) };
                let depth = own.map_or(0, |at| depths[at] + 1);
                if depth > DEPTH {
                    let help = "name a `defaults` that inherits from fewer";
                    let message = format!("more than {DEPTH} `defaults` inherit from each other");
                    ledger.say(Code::IMPORT_LIMIT, span, &message, help);
                    own = None;
                }
                depths.push(if own.is_some() { depth } else { 0 });
                sections.push(Section {
                    kind,
                    name,
                    id: here,
                    list: Vec::new(),
                    index: BTreeMap::new(),
                    responses: Vec::new(),
                    defaults: own,
                });
            } else if let Some(section) = sections.last_mut() {
                section.list.push(here);
                section.note(&line.words, here);
            } else {
                let help = "it belongs into a section";
                ledger.say(Code::IMPORT_SYNTAX, span, "no section has begun", help);
            }
            let statement = (!begins).then(|| Statement::parse(&line.words, span).map(Rc::new));
            let is_response = matches!(
                statement.as_ref().map(|read| read.as_deref()),
                Some(Ok(Statement::HttpResponse(_)))
            );
            if let Some(section) = sections.last_mut().filter(|_| is_response) {
                section.responses.push(here);
            }
            all.push(Directive { words: line.words, span, statement });
        }
    }
    (all, sections)
}

/// Returns the places of the sections that matter to a rule: its own, the backend that it leads to, and the `defaults` of
/// both.
pub(super) fn around(
    sections: &[Section],
    backends: &BTreeMap<String, usize>,
    all: &[Directive],
    id: Id,
) -> Vec<Span> {
    let own = sections.partition_point(|section| section.id <= id).checked_sub(1);
    let leads = match all[id].statement.as_ref().map(|read| read.as_deref()) {
        Some(Ok(Statement::UseBackend { backend, .. })) => backend.literal().map(str::to_owned),
        Some(Ok(Statement::DefaultBackend(name))) => Some(name.clone()),
        _ => None,
    };
    let back = leads.and_then(|name| backends.get(&name).copied());
    let mut spans = Vec::new();
    for first in own.into_iter().chain(back) {
        let mut next = Some(first);
        while let Some(section) = next.map(|at| &sections[at]) {
            let last = section.list.last().copied().unwrap_or(section.id);
            spans.push(Span { end: all[last].span.end, ..all[section.id].span });
            // It stands ahead of the section, so that this ends.
            next = section.defaults;
        }
    }
    spans
}
