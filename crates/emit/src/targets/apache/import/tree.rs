//! Directives and sections, over all files: what is included stands where it is included, and sections that ask for the
//! server itself (`<IfModule>` and the like) are settled here.

use std::collections::BTreeMap;

use wsgen_model::code::Code;
use wsgen_model::source::{Source, SourceId, Sources, Span};

use super::version::version_is;
use crate::import::Files;
use crate::import::budget::{Budget, too_many_bytes};
use crate::import::ledger::{Id, Ledger};
use crate::syntax::{Parsed, Unread, Word};
use crate::targets::apache::lex::{Kind, Line, lex};
use crate::targets::apache::syntax::{self, Statement};

/// A directive or a section.
#[derive(Debug, Clone)]
pub(super) struct Directive {
    /// In small letters: the server does not tell them apart.
    pub(super) name: String,
    pub(super) words: Vec<Word>,
    pub(super) span: Span,
    /// What it means, or the first word that was not understood.
    pub(super) statement: Parsed<Statement>,
    /// What stands in it, of a section.
    pub(super) block: Option<Vec<Id>>,
}

/// Includes within includes, and sections within sections, go no deeper.
const DEPTH: usize = 32;

/// Files that are read and directives that macros make, in all.
const MOST: usize = 4096;

struct Macro {
    parameters: Vec<String>,
    body: Vec<Id>,
}

/// Reads files and what they include.
pub(super) struct Reading<'a> {
    sources: &'a mut Sources,
    files: &'a mut dyn Files,
    ledger: &'a mut Ledger,
    pub(super) all: Vec<Directive>,
    defined: BTreeMap<String, String>,
    macros: BTreeMap<String, Macro>,
    open: Vec<String>,
    /// `ServerRoot`
    root: Option<String>,
    spent: usize,
    pub(super) budget: Budget,
}

impl<'a> Reading<'a> {
    pub(super) fn new(
        sources: &'a mut Sources,
        files: &'a mut dyn Files,
        ledger: &'a mut Ledger,
    ) -> Self {
        let (defined, macros) = (BTreeMap::new(), BTreeMap::new());
        Self {
            sources,
            files,
            ledger,
            all: Vec::new(),
            defined,
            macros,
            open: Vec::new(),
            root: None,
            spent: 0,
            budget: Budget::default(),
        }
    }

    /// Reads what each directive means, once all of them are there.
    pub(super) fn finish(self) -> (Vec<Directive>, Budget) {
        let mut all = self.all;
        for directive in &mut all {
            let section = directive.block.is_some();
            let read = syntax::parse(&directive.name, section, &directive.words, directive.span);
            directive.statement = read;
        }
        (all, self.budget)
    }

    /// The directives of a file.
    pub(super) fn file(&mut self, id: SourceId) -> Vec<Id> {
        let Some(source) = self.sources.get(id) else { return Vec::new() };
        let (name, text) = (source.name().to_owned(), source.text().to_owned());
        self.open.push(name);
        let lines = lex(&text);
        let (mut at, mut list) = (0, Vec::new());
        while at < lines.len() {
            list.extend(self.block(id, &lines, &mut at, None, 0).0);
        }
        self.open.pop();
        list
    }

    /// Directives up to the end of the section of this name, or of the file; and whether the former was there.
    fn block(
        &mut self,
        file: SourceId,
        lines: &[Line],
        at: &mut usize,
        section: Option<&str>,
        depth: usize,
    ) -> (Vec<Id>, bool) {
        let mut list = Vec::new();
        while let Some(line) = lines.get(*at) {
            let span = Span::new(file, line.range.clone());
            *at += 1;
            if line.torn {
                self.wrong(span, "a quote or a bracket is not closed");
            }
            let name = line.words[0].seen.to_lowercase();
            match line.kind {
                Kind::Close if section == Some(name.as_str()) => return (list, true),
                Kind::Close => self.wrong(span, "this closes nothing"),
                Kind::Directive => self.directive(name, line, span, &mut list),
                Kind::Open if depth >= DEPTH => {
                    self.wrong(span, "sections are nested too deep");
                    *at = lines.len();
                }
                Kind::Open => {
                    let id = self.add(name.clone(), line, span);
                    let (inner, closed) = self.block(file, lines, at, Some(&name), depth + 1);
                    if !closed {
                        self.wrong(span, "nothing closes this section");
                    }
                    self.section(id, inner, &mut list);
                }
            }
        }
        (list, false)
    }

    fn add(&mut self, name: String, line: &Line, span: Span) -> Id {
        // The body of a macro keeps its `${…}` until it is used; nothing there is defined by the macro itself.
        self.budget.at(span);
        let mut words: Vec<Word> = line.words[1..]
            .iter()
            .map(|word| Word {
                text: self.put_in(&word.seen),
                span: Span::new(span.source, word.range.clone()),
                quoted: word.quoted,
            })
            .collect();
        let texts = words.iter_mut().map(|word| &mut word.text);
        self.ledger.clean_all(self.all.len(), texts);
        let statement = Err(Unread::new(span, "it was not read yet"));
        self.all.push(Directive { name, words, span, statement, block: None });
        self.all.len() - 1
    }

    /// `${NAME}` as what is known of it.
    fn put_in(&self, word: &str) -> String {
        self.budget.put_in(word, |rest| {
            let at = rest.find("${")?;
            let (name, _) = rest[at + 2..].split_once('}')?;
            let value = self.defined.get(name).cloned().or_else(|| self.files.defined(name));
            Some((at..at + name.len() + 3, value))
        })
    }

    /// A word of a macro with the values of its parameters, unless it would grow too long.
    fn with_parameters(&self, word: &str, pairs: &[(String, String)]) -> String {
        let mut made = word.to_owned();
        for (name, value) in pairs.iter().filter(|(name, _)| !name.is_empty()) {
            let count = made.matches(name.as_str()).count();
            let length = made.len() - count * name.len() + count.saturating_mul(value.len());
            if !self.budget.value(if count == 0 { 0 } else { length }) {
                return word.to_owned();
            }
            if count > 0 {
                made = made.replace(name, value);
            }
        }
        made
    }

    /// The words behind a directive's name.
    fn texts(&self, id: Id) -> Vec<String> {
        self.all[id].words.iter().map(|word| word.text.clone()).collect()
    }

    fn directive(&mut self, name: String, line: &Line, span: Span, list: &mut Vec<Id>) {
        let id = self.add(name, line, span);
        let words = self.texts(id);
        let first = words.first().cloned().unwrap_or_default();
        list.push(id);
        match self.all[id].name.as_str() {
            "define" => {
                self.ledger.taken(id, "where it is used");
                self.defined.insert(first, words.get(1).cloned().unwrap_or_default());
            }
            "undefine" => {
                self.ledger.taken(id, "where it is used");
                self.defined.remove(&first);
            }
            "include" | "includeoptional" => self.include(id, &first, list),
            "serverroot" => self.root = Some(first),
            "use" => self.used(id, list),
            _ => {}
        }
    }

    /// A section: one that asks for the server itself is what stands in it, or nothing.
    fn section(&mut self, id: Id, inner: Vec<Id>, list: &mut Vec<Id>) {
        let words = self.texts(id);
        let first = words.first().cloned().unwrap_or_default();
        let (not, bare) = match first.strip_prefix('!') {
            Some(bare) => (true, bare),
            None => (false, first.as_str()),
        };
        let holds = match self.all[id].name.as_str() {
            // What a configuration needs, its server has.
            "ifmodule" | "ifdirective" | "ifsection" => !not,
            "ifdefine" => {
                not != (self.defined.contains_key(bare) || self.files.defined(bare).is_some())
            }
            "ifversion" => {
                let (operator, version) = match words.as_slice() {
                    [version] => ("=", version.as_str()),
                    [operator, version, ..] => (operator.as_str(), version.as_str()),
                    [] => ("", ""),
                };
                version_is(operator, version)
            }
            "iffile" => {
                let from = self.open.last().cloned().unwrap_or_default();
                not != self.files.read(bare, &from).is_ok()
            }
            "macro" => {
                let (name, parameters) =
                    words.split_first().map_or((String::new(), Vec::new()), |(name, rest)| {
                        (name.to_lowercase(), rest.to_vec())
                    });
                for inner in self.below(&inner) {
                    self.ledger
                        .dropped(inner, "a macro: what it stands for is read where it is used");
                }
                self.ledger.dropped(id, "a macro: what it stands for is read where it is used");
                self.macros.insert(name, Macro { parameters, body: inner });
                return;
            }
            _ => {
                self.all[id].block = Some(inner);
                list.push(id);
                return;
            }
        };
        if holds {
            self.ledger.taken(id, "what stands in it");
            list.extend(inner);
        } else {
            self.ledger.dropped(id, "it does not hold for the server that is taken");
            for inner in self.below(&inner) {
                self.ledger
                    .dropped(inner, "its section does not hold for the server that is taken");
            }
        }
    }

    /// Directives and those in their sections.
    fn below(&self, list: &[Id]) -> Vec<Id> {
        let mut all = Vec::new();
        for id in list {
            all.push(*id);
            all.extend(self.below(self.all[*id].block.as_deref().unwrap_or_default()));
        }
        all
    }

    /// `Use NAME VALUE…` (Apache, `mod_macro`).
    fn used(&mut self, id: Id, list: &mut Vec<Id>) {
        let words = self.texts(id);
        let Some((name, values)) = words.split_first() else { return };
        let Some(known) = self.macros.get(&name.to_lowercase()) else {
            let help = "name the file that has it too";
            let what = format!("there is no macro named `{name}`");
            self.ledger.lost(id, "there is no such macro");
            return self.ledger.say(Code::IMPORT_MISSING, self.all[id].span, &what, help);
        };
        let mut pairs: Vec<(String, String)> =
            known.parameters.iter().cloned().zip(values.iter().cloned()).collect();
        // The longest names first: `$a` is the beginning of `$ab`.
        pairs.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        self.ledger.taken(id, "what the macro stands for");
        let body = known.body.clone();
        list.extend(self.copies(&body, &pairs));
    }

    fn copies(&mut self, body: &[Id], pairs: &[(String, String)]) -> Vec<Id> {
        let mut made = Vec::new();
        for id in body {
            self.spent += 1;
            if self.spent > MOST {
                let span = self.all[*id].span;
                let message =
                    format!("macros come to more than {MOST} directives; the rest is not read");
                let help = "read the configuration in parts";
                self.ledger.say(Code::IMPORT_LIMIT, span, &message, help);
                return made;
            }
            self.budget.at(self.all[*id].span);
            let mut copy = self.all[*id].clone();
            for word in &mut copy.words {
                word.text = self.with_parameters(&word.text, pairs);
                word.text = self.put_in(&word.text);
            }
            let block = copy.block.take();
            self.all.push(copy);
            let own = self.all.len() - 1;
            if let Some(block) = block {
                let inner = self.copies(&block, pairs);
                self.all[own].block = Some(inner);
            }
            made.push(own);
        }
        made
    }

    fn include(&mut self, id: Id, pattern: &str, list: &mut Vec<Id>) {
        let span = self.all[id].span;
        // Relative names are below the server's root, which is the folder of the main file or the one above it.
        let from = self.open.first().cloned().unwrap_or_default();
        let below = |root: &String| format!("{}/{pattern}", root.trim_end_matches('/'));
        let rooted = self.root.as_ref().filter(|_| !pattern.starts_with('/')).map(below);
        let names = if pattern.contains(['*', '?', '[']) {
            let names = rooted.map(|name| self.files.list(&name, &from)).unwrap_or_default();
            if names.is_empty() { self.files.list(pattern, &from) } else { names }
        } else {
            let there = rooted.filter(|name| self.files.read(name, &from).is_ok());
            vec![there.unwrap_or_else(|| pattern.to_owned())]
        };
        self.ledger.taken(id, "what it includes");
        for name in names {
            if self.open.len() > DEPTH || self.spent > MOST {
                self.wrong(span, "this includes itself, or very many files");
                break;
            }
            if self.budget.is_read_up() {
                too_many_bytes(self.ledger, span);
                break;
            }
            let (name, text) = match self.files.read(&name, &from) {
                Ok(found) => found,
                Err(why) => {
                    let optional = self.all[id].name == "includeoptional";
                    self.ledger.unread(id, span, &name, why, optional);
                    continue;
                }
            };
            self.spent += 1;
            if self.open.contains(&name) {
                self.wrong(span, "this includes itself");
                continue;
            }
            if !self.budget.file(&name, text.len()) {
                too_many_bytes(self.ledger, span);
                break;
            }
            let source = self.sources.add(Source::new(name, text));
            list.extend(self.file(source));
        }
    }

    fn wrong(&mut self, span: Span, what: &str) {
        let help = "Apache itself refuses it; what stands around it is read all the same";
        self.ledger.say(Code::IMPORT_SYNTAX, span, what, help);
    }
}
