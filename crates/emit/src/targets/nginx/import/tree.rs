//! Statements and their blocks, over all files: what is included stands where it is included.

use wsgen_model::code::Code;
use wsgen_model::source::{Source, SourceId, Sources, Span};

use super::dump::Dump;
use crate::import::budget::{Budget, too_many_bytes};
use crate::import::ledger::{Id, Ledger};
use crate::import::{Files, Unreadable, told};
use crate::syntax::{Parsed, Word};
use crate::targets::nginx::lex::{Kind, Token, lex};
use crate::targets::nginx::syntax::{Block, Statement, parse};

/// A directive.
#[derive(Debug)]
pub(super) struct Directive {
    pub(super) name: String,
    pub(super) arguments: Vec<String>,
    /// Its meaning, or the first word that was not understood.
    pub(super) value: Parsed<Statement>,
    /// From its name to its `;`, or to the `{` of its block.
    pub(super) span: Span,
    /// What stands in its block.
    pub(super) block: Option<Vec<Id>>,
}

/// All directives of a configuration.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) all: Vec<Directive>,
    pub(super) top: Vec<Id>,
}

/// Includes within includes go no deeper.
const DEPTH: usize = 16;

/// Files that are read in all: two files that include a third twice would double it again and again.
const MOST: usize = 4096;

/// Reads files and what they include.
pub(super) struct Reading<'a> {
    pub(super) sources: &'a mut Sources,
    pub(super) files: &'a mut dyn Files,
    pub(super) ledger: &'a mut Ledger,
    pub(super) tree: Tree,
    /// The output of `nginx -T` that is being read: its files take the place of all others.
    dump: Option<Dump>,
    open: Vec<String>,
    /// The block that is being read.
    context: Vec<Block>,
    included: usize,
    budget: Budget,
}

impl<'a> Reading<'a> {
    pub(super) fn new(
        sources: &'a mut Sources,
        files: &'a mut dyn Files,
        ledger: &'a mut Ledger,
    ) -> Self {
        Self {
            sources,
            files,
            ledger,
            tree: Tree::default(),
            dump: None,
            open: Vec::new(),
            context: Vec::new(),
            included: 0,
            budget: Budget::default(),
        }
    }

    /// Reads a file that was named, or the main file of an output of `nginx -T`, with what it includes.
    pub(super) fn named(&mut self, id: SourceId) {
        self.dump = self.sources.get(id).and_then(|source| Dump::of(source.text()));
        let main = self.dump.as_ref().map(Dump::main);
        let id = main.map_or(id, |(name, text)| self.sources.add(Source::new(name, text)));
        let list = self.file(id);
        self.tree.top.extend(list);
    }

    /// The statements of a file.
    fn file(&mut self, id: SourceId) -> Vec<Id> {
        let Some(source) = self.sources.get(id) else { return Vec::new() };
        let (name, text) = (source.name().to_owned(), source.text().to_owned());
        let tokens: Vec<Token> = lex(&text)
            .into_iter()
            .filter(|token| !matches!(token.kind, Kind::Blank | Kind::Comment))
            .collect();
        self.open.push(name);
        let mut at = 0;
        let mut list = Vec::new();
        while at < tokens.len() {
            list.extend(self.block(id, &tokens, &mut at, 0));
            if at < tokens.len() {
                let span = Span::new(id, tokens[at].range.clone());
                self.wrong(span, "this closes nothing");
                at += 1;
            }
        }
        self.open.pop();
        list
    }

    /// Statements up to a `}` or the end.
    fn block(&mut self, file: SourceId, tokens: &[Token], at: &mut usize, depth: usize) -> Vec<Id> {
        let mut list = Vec::new();
        while let Some(first) = tokens.get(*at) {
            let begin = first.range.start;
            let mut words: Vec<Word> = Vec::new();
            let mut end = first.range.end;
            loop {
                let Some(token) = tokens.get(*at) else {
                    self.wrong(Span::new(file, begin..end), "the file ends before the `;`");
                    self.add(file, &words, begin..end, None, &mut list);
                    return list;
                };
                let span = Span::new(file, token.range.clone());
                match &token.kind {
                    Kind::Close if words.is_empty() => return list,
                    Kind::Close => {
                        self.wrong(Span::new(file, begin..end), "a `;` is missing behind this");
                        self.add(file, &words, begin..end, None, &mut list);
                        return list;
                    }
                    Kind::Word(word) => {
                        let quoted = self
                            .sources
                            .slice(Span::new(file, token.range.start..token.range.start + 1))
                            .starts_with(['"', '\'']);
                        words.push(Word { text: word.clone(), span, quoted });
                    }
                    Kind::End => {
                        end = token.range.end;
                        *at += 1;
                        self.add(file, &words, begin..end, None, &mut list);
                        break;
                    }
                    Kind::Lua => {
                        end = token.range.end;
                        *at += 1;
                        self.add(file, &words, begin..end, Some(Vec::new()), &mut list);
                        break;
                    }
                    Kind::Open if depth >= 64 => {
                        self.wrong(span, "blocks are nested too deep");
                        *at = tokens.len();
                        return list;
                    }
                    Kind::Open => {
                        let head = begin..token.range.end;
                        *at += 1;
                        let id = self.reserve(file, &words, head);
                        let name = words.first().map_or("", Word::as_str);
                        self.context.push(Block::of(name));
                        let inner = self.block(file, tokens, at, depth + 1);
                        self.context.pop();
                        match tokens.get(*at) {
                            Some(_) => *at += 1,
                            None => self.wrong(span, "nothing closes this block"),
                        }
                        self.tree.all[id].block = Some(inner);
                        list.push(id);
                        break;
                    }
                    Kind::Unclosed => {
                        self.wrong(span, "nothing closes this quote");
                        words.push(Word::new("", span));
                    }
                    Kind::Blank | Kind::Comment => {}
                }
                end = token.range.end;
                *at += 1;
            }
        }
        list
    }

    fn wrong(&mut self, span: Span, what: &str) {
        let help = "nginx itself refuses it; what stands around it is read all the same";
        self.ledger.say(Code::IMPORT_SYNTAX, span, what, help);
    }

    fn reserve(&mut self, file: SourceId, words: &[Word], range: std::ops::Range<usize>) -> Id {
        let mut words: Vec<Word> = words
            .iter()
            .map(|word| Word { text: told(&word.text, self.files), ..word.clone() })
            .collect();
        let texts = words.iter_mut().map(|word| &mut word.text);
        self.ledger.clean_all(self.tree.all.len(), texts);
        let span = Span::new(file, range);
        let context = self.context.last().copied().unwrap_or_default();
        let value = match words.split_first() {
            Some((name, arguments)) => parse(context, name, arguments, span),
            None => Err(crate::syntax::Unread::new(span, "a name is missing")),
        };
        let mut words = words.into_iter().map(|word| word.text);
        let directive = Directive {
            name: words.next().unwrap_or_default(),
            arguments: words.collect(),
            value,
            span,
            block: None,
        };
        self.tree.all.push(directive);
        self.tree.all.len() - 1
    }

    fn add(
        &mut self,
        file: SourceId,
        words: &[Word],
        range: std::ops::Range<usize>,
        block: Option<Vec<Id>>,
        list: &mut Vec<Id>,
    ) {
        if words.is_empty() {
            return;
        }
        let id = self.reserve(file, words, range);
        self.tree.all[id].block = block;
        list.push(id);
        if self.tree.all[id].name == "include" {
            list.extend(self.include(id));
        }
    }

    fn include(&mut self, id: Id) -> Vec<Id> {
        let span = self.tree.all[id].span;
        let Some(pattern) = self.tree.all[id].arguments.first().cloned() else { return Vec::new() };
        if HARMLESS.iter().any(|name| pattern.ends_with(name)) {
            self.ledger.dropped(id, "media types and parameters of other protocols");
            return Vec::new();
        }
        // Relative names are below the folder of the main file (nginx, "include").
        let from = self.open.first().cloned().unwrap_or_default();
        let glob = pattern.contains(['*', '?', '[']);
        let names = match &self.dump {
            _ if !glob => vec![pattern],
            Some(dump) => dump.list(&pattern),
            None => self.files.list(&pattern, &from),
        };
        let mut list = Vec::new();
        for name in names {
            if self.open.len() > DEPTH || self.included > MOST {
                self.wrong(span, "this includes itself, or very many files");
                break;
            }
            if self.budget.is_read_up() {
                too_many_bytes(self.ledger, span);
                break;
            }
            let (name, text) = match self.included_file(&name, &from) {
                Ok(found) => found,
                Err(why) => {
                    self.ledger.unread(id, span, &name, why, false);
                    continue;
                }
            };
            self.included += 1;
            if self.open.contains(&name) {
                let help = "nginx would not start either";
                self.ledger.say(Code::IMPORT_SYNTAX, span, "this includes itself", help);
                continue;
            }
            if !self.budget.file(&name, text.len()) {
                too_many_bytes(self.ledger, span);
                break;
            }
            let source = self.sources.add(Source::new(name, text));
            list.extend(self.file(source));
        }
        self.ledger.taken(id, "what it includes");
        list
    }

    fn included_file(&mut self, name: &str, from: &str) -> Result<(String, String), Unreadable> {
        match &self.dump {
            Some(dump) => dump.read(name),
            None => self.files.read(name, from),
        }
    }
}

/// Files of the packages that say nothing of what is proxied.
const HARMLESS: [&str; 6] = [
    "mime.types",
    "fastcgi_params",
    "fastcgi.conf",
    "uwsgi_params",
    "scgi_params",
    "modules-enabled/*.conf",
];

impl Tree {
    /// The directives of this name among these.
    pub(super) fn named<'t>(
        &'t self,
        list: &'t [Id],
        name: &'t str,
    ) -> impl Iterator<Item = Id> + 't {
        list.iter().copied().filter(move |id| self.all[*id].name == name)
    }

    /// Directives without those that have blocks of their own, but for conditions: what holds around a place.
    pub(super) fn around(&self, list: &[Id]) -> Vec<Id> {
        let holds = |id: &&Id| {
            let directive = &self.all[**id];
            directive.block.is_none() || ["if", "limit_except"].contains(&directive.name.as_str())
        };
        list.iter().filter(holds).copied().collect()
    }

    /// The first directive of this name among these.
    pub(super) fn first(&self, list: &[Id], name: &str) -> Option<Id> {
        self.named(list, name).next()
    }

    /// The directive of this name that holds in a chain of blocks.
    pub(super) fn first_in(&self, chain: &[Vec<Id>], name: &str) -> Option<Id> {
        chain.iter().rev().find_map(|list| self.named(list, name).last())
    }

    /// An argument, or nothing.
    pub(super) fn argument(&self, id: Id, number: usize) -> &str {
        self.all[id].arguments.get(number).map_or("", String::as_str)
    }

    /// The block of a directive.
    pub(super) fn block(&self, id: Id) -> &[Id] {
        self.all[id].block.as_deref().unwrap_or_default()
    }
}
