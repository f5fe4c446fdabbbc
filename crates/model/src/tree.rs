//! The located tree: the values of one file, each with its place.

use std::collections::HashMap;

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::located::Located;
use crate::source::{SourceId, Span};
use crate::yaml::{self, Event, EventKind, MAX_ALIASES, MAX_BYTES, MAX_DEPTH, MAX_NODES};

/// A value and its place. The span of a collection on several lines is its first key or item, so
/// that an underline stays on one line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Node {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub value: Value,
}

/// The three kinds of YAML values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// One text; what it means is for the reader of the field to say.
    Scalar(Scalar),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values in the order of the file; no key twice.
    Mapping(Vec<Entry>),
    /// Something that could not be read and was reported; nothing more is said about it.
    Unreadable,
}

/// A text and whether it was written without quotes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scalar {
    /// The text, escapes resolved.
    pub text: String,
    /// Whether it stood there without quotes.
    pub plain: bool,
}

/// One key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Located<String>,
    /// The value.
    pub value: Node,
}

/// What a file was read into.
#[derive(Debug)]
pub struct Tree {
    /// The top value; an empty mapping where there was nothing to read.
    pub root: Node,
    /// Whether the file was read to its end. Where not, what is missing may stand in the part that
    /// could not be read.
    pub complete: bool,
}

impl Default for Value {
    fn default() -> Self {
        Self::Mapping(Vec::new())
    }
}

// === impl Node ===

impl Node {
    /// The scalar, if it is one.
    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// Whether it is YAML's nothing: `null`, `~` or no value at all.
    pub fn is_null(&self) -> bool {
        self.scalar().is_some_and(|s| s.plain && matches!(s.text.as_str(), "" | "~" | "null"))
    }

    /// What it is, in words for a message.
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Sequence(_) => "a list".into(),
            Value::Mapping(_) => "a mapping".into(),
            Value::Unreadable => "something unreadable".into(),
            Value::Scalar(_) if self.is_null() => "nothing".into(),
            Value::Scalar(Scalar { text, plain: true })
                if matches!(text.as_str(), "true" | "false") =>
            {
                format!("`{text}`")
            }
            Value::Scalar(Scalar { text, plain: true }) if text.parse::<f64>().is_ok() => {
                format!("the number `{text}`")
            }
            Value::Scalar(_) => "text".into(),
        }
    }

    /// The value of a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Mapping(entries) => {
                entries.iter().find(|entry| entry.key.value == key).map(|entry| &entry.value)
            }
            _ => None,
        }
    }
}

/// Reads one text. Findings are pushed; what could be read is returned.
pub fn read(source: SourceId, text: &str, diagnostics: &mut Diagnostics) -> Tree {
    let start = Span::new(source, 0..0);
    if text.len() > MAX_BYTES {
        diagnostics.push(
            Diagnostic::new(Code::FILE_SIZE, format!("the file has {} bytes", text.len()))
                .labelled(start, format!("expected at most {MAX_BYTES} bytes"))
                .help("split the model into several files in one folder"),
        );
        return Tree { root: Node { span: start, value: Value::default() }, complete: false };
    }
    let yaml::Events { events, error } = yaml::events(source, text, false);
    let mut builder = Builder {
        source,
        text,
        events: events.into_iter(),
        anchors: HashMap::new(),
        nodes: 0,
        aliases: 0,
        stopped: false,
        diagnostics,
    };
    let root = builder.document();
    let mut complete = error.is_none() && !builder.stopped;
    if let Some(error) = error {
        diagnostics.push(error);
    } else if root.is_none() && complete {
        diagnostics.push(
            Diagnostic::new(Code::EMPTY_FILE, "the file holds no value")
                .labelled(start, "expected a model")
                .help("`wsgen init` writes a first model"),
        );
        complete = false;
    }
    Tree { root: root.unwrap_or(Node { span: start, value: Value::default() }), complete }
}

/// A node with what its expansion costs.
struct Grown {
    node: Node,
    weight: usize,
    depth: usize,
}

struct Builder<'a, 'd> {
    source: SourceId,
    text: &'a str,
    events: std::vec::IntoIter<Event<'a>>,
    anchors: HashMap<usize, Grown>,
    nodes: usize,
    aliases: usize,
    /// A bound was passed: what follows is not read.
    stopped: bool,
    diagnostics: &'d mut Diagnostics,
}

impl<'a> Builder<'a, '_> {
    fn document(&mut self) -> Option<Node> {
        let mut root = None;
        while let Some(event) = self.events.next() {
            match event.kind {
                EventKind::DocumentStart { .. } if root.is_some() => {
                    self.unsupported(event.range, "a second document", "write one model per file");
                    break;
                }
                EventKind::DocumentStart { .. } => {}
                _ => root = self.node(event, 1).map(|grown| grown.node).or(root),
            }
        }
        // A file of comments alone reads as one empty value without a place.
        root.filter(|node| !(node.is_null() && node.span.start == node.span.end))
    }

    fn next_node(&mut self, depth: usize) -> Option<Grown> {
        let event = self.events.next()?;
        self.node(event, depth)
    }

    fn node(&mut self, event: Event<'a>, depth: usize) -> Option<Grown> {
        if self.stopped {
            return None;
        }
        let range = event.range;
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            self.stopped = true;
            self.diagnostics.push(yaml::too_many_nodes(Span::new(self.source, range)));
            return None;
        }
        let (value, end, weight, inner, anchor) = match event.kind {
            EventKind::Scalar { text, plain, anchor, .. } => {
                let scalar = Scalar { text: text.into_owned(), plain };
                (Value::Scalar(scalar), range.end, 1, 0, anchor)
            }
            EventKind::SequenceStart { anchor, .. } => {
                let (items, end, weight, inner) = self.sequence(depth);
                (Value::Sequence(items), end, weight, inner, anchor)
            }
            EventKind::MappingStart { anchor, .. } => {
                let (entries, end, weight, inner) = self.mapping(depth);
                (Value::Mapping(entries), end, weight, inner, anchor)
            }
            EventKind::Alias(anchor) => return self.alias(anchor, range, depth),
            EventKind::UnknownAlias => {
                let span = Span::new(self.source, range);
                self.diagnostics.push(
                    Diagnostic::new(Code::UNKNOWN_ALIAS, "an alias to an anchor that is not defined before it")
                        .labelled(span, "expected the name of an anchor above")
                        .help("write `&name` before the value that is meant, or quote text that begins with `*`"),
                );
                return Some(Grown {
                    node: Node { span, value: Value::Unreadable },
                    weight: 1,
                    depth: 1,
                });
            }
            EventKind::Tag => {
                self.unsupported(range, "a tag", "remove it: every field knows its own type");
                return self.next_node(depth);
            }
            _ => return None,
        };
        let span = self.span(range.start..end.max(range.end), &value);
        let grown = Grown { node: Node { span, value }, weight, depth: inner + 1 };
        if anchor != 0 {
            let copy = Grown { node: grown.node.clone(), weight, depth: grown.depth };
            self.anchors.insert(anchor, copy);
        }
        Some(grown)
    }

    fn sequence(&mut self, depth: usize) -> (Vec<Node>, usize, usize, usize) {
        let (mut items, mut end, mut weight, mut inner) = (Vec::new(), 0, 1, 0);
        while let Some(event) = self.events.next() {
            if event.kind == EventKind::SequenceEnd {
                end = event.range.end;
                break;
            }
            let Some(item) = self.node(event, depth + 1) else {
                break;
            };
            weight += item.weight;
            inner = inner.max(item.depth);
            items.push(item.node);
        }
        (items, end, weight, inner)
    }

    fn mapping(&mut self, depth: usize) -> (Vec<Entry>, usize, usize, usize) {
        let (mut entries, mut end, mut weight, mut inner) = (Vec::<Entry>::new(), 0, 1, 0);
        // Small mappings are searched, large ones (10,000 upstreams) are indexed.
        let mut index: HashMap<String, usize> = HashMap::new();
        while let Some(event) = self.events.next() {
            if event.kind == EventKind::MappingEnd {
                end = event.range.end;
                break;
            }
            let Some(key) = self.node(event, depth + 1) else {
                break;
            };
            let Some(value) = self.next_node(depth + 1) else {
                break;
            };
            weight += 1 + value.weight;
            inner = inner.max(value.depth);
            let Some(key) = self.key(key.node) else {
                continue;
            };
            if let Some(first) = index.get(&key.value) {
                self.duplicate(&key, &entries[*first]);
                continue;
            }
            index.insert(key.value.clone(), entries.len());
            entries.push(Entry { key, value: value.node });
        }
        (entries, end, weight, inner)
    }

    fn key(&mut self, node: Node) -> Option<Located<String>> {
        let range = node.span.range();
        match node.value {
            Value::Scalar(scalar) if scalar.plain && scalar.text == "<<" => {
                self.unsupported(range, "a merge key", "write the fields out, or use `defaults`");
                None
            }
            Value::Scalar(scalar) => Some(Located::new(scalar.text, node.span)),
            _ => {
                self.unsupported(range, "a key that is a collection", "keys are plain text");
                None
            }
        }
    }

    fn alias(
        &mut self,
        anchor: usize,
        range: std::ops::Range<usize>,
        depth: usize,
    ) -> Option<Grown> {
        let span = Span::new(self.source, range);
        self.aliases += 1;
        let Some(target) = self.anchors.get(&anchor) else {
            // An alias inside of its own anchor: the value would contain itself.
            self.stopped = true;
            self.diagnostics.push(
                Diagnostic::new(Code::UNKNOWN_ALIAS, "an alias inside of the value that it names")
                    .labelled(span, "expected an anchor that is complete")
                    .help("move the anchored value above its first use"),
            );
            return None;
        };
        let problem = if self.aliases > MAX_ALIASES {
            Some((Code::ALIAS_LIMIT, format!("more than {MAX_ALIASES} aliases in one file")))
        } else if depth + target.depth > MAX_DEPTH {
            Some((Code::NESTING_LIMIT, format!("nested deeper than {MAX_DEPTH} levels by aliases")))
        } else if self.nodes + target.weight > MAX_NODES {
            Some((Code::NODE_LIMIT, format!("more than {MAX_NODES} values by aliases")))
        } else {
            None
        };
        if let Some((code, message)) = problem {
            self.stopped = true;
            self.diagnostics.push(
                Diagnostic::new(code, message)
                    .labelled(span, "expected fewer repetitions")
                    .help("use `defaults` for values that many things share"),
            );
            return None;
        }
        self.nodes += target.weight;
        Some(Grown { node: target.node.clone(), weight: target.weight, depth: target.depth })
    }

    fn duplicate(&mut self, key: &Located<String>, first: &Entry) {
        self.diagnostics.push(
            Diagnostic::new(
                Code::DUPLICATE_KEY,
                format!("`{}` stands twice in one mapping", key.value),
            )
            .labelled(key.span, "second time")
            .also(first.key.span, "first time")
            .help("keep one of them"),
        );
    }

    fn unsupported(&mut self, range: std::ops::Range<usize>, what: &str, help: &str) {
        self.diagnostics.push(
            Diagnostic::new(Code::UNSUPPORTED_YAML, format!("{what} has no place in a model"))
                .labelled(Span::new(self.source, range), "expected plain YAML")
                .help(help),
        );
    }

    /// The whole where it is on one line, else its first key or item.
    fn span(&self, range: std::ops::Range<usize>, value: &Value) -> Span {
        let whole = Span::new(self.source, range.clone());
        let one_line = self.text.get(range).is_some_and(|text| !text.contains('\n'));
        match value {
            Value::Sequence(items) if !one_line => items.first().map_or(whole, |item| item.span),
            Value::Mapping(entries) if !one_line => {
                entries.first().map_or(whole, |entry| entry.key.span)
            }
            // Of a text over several lines, the first.
            _ if !one_line => {
                let text = self.text.get(whole.range()).unwrap_or_default();
                whole.part(0..text.find(['\r', '\n']).unwrap_or(text.len()))
            }
            _ => whole,
        }
    }
}
