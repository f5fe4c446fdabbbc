//! The shape of a text: its nodes with the bytes that they were written in, and its comments.

use std::ops::Range;

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::source::{SourceId, Span};
use crate::yaml::{self, Event, EventKind};

/// A node as written.
#[derive(Debug)]
pub(super) struct Node {
    /// First byte to one past the last.
    pub(super) range: Range<usize>,
    /// `&name`, if it has one.
    pub(super) anchor: Option<Range<usize>>,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// A scalar or an alias, as it stands.
    Plain,
    /// A scalar that begins with `|` or `>`.
    Block,
    /// A list; `flow` where it was written in brackets.
    Sequence { flow: bool, items: Vec<Node> },
    /// A mapping; `flow` where it was written in braces.
    Mapping { flow: bool, entries: Vec<(Node, Node)> },
}

/// A whole text.
#[derive(Debug)]
pub(super) struct Outline {
    pub(super) root: Option<Node>,
    /// Place of the document's `---`, if there is one.
    pub(super) explicit_start: Option<usize>,
    /// The comments in order, `#` included.
    pub(super) comments: Vec<Range<usize>>,
}

/// Reads the shape of a text, or says what cannot be laid out.
pub(super) fn outline(source: SourceId, text: &str) -> Result<Outline, Box<Diagnostic>> {
    let yaml::Events { events, error } = yaml::events(source, text, true);
    if let Some(error) = error {
        return Err(Box::new(error));
    }
    let mut builder = Builder {
        source,
        text,
        events: events.into_iter().peekable(),
        comments: Vec::new(),
        last_end: 0,
    };
    let mut root = None;
    let mut explicit_start = None;
    while let Some(event) = builder.next() {
        match event.kind {
            EventKind::DocumentStart { explicit } => {
                if root.is_some() {
                    return Err(builder.refuse(event.range, "a second document"));
                }
                if text[..event.range.start].lines().any(|line| line.starts_with('%')) {
                    return Err(builder.refuse(event.range, "a directive"));
                }
                explicit_start = explicit.then_some(event.range.start);
            }
            _ => root = Some(builder.node(event)?),
        }
    }
    let mut comments = builder.comments;
    comments.sort_by_key(|range| range.start);
    Ok(Outline { root, explicit_start, comments })
}

struct Builder<'a> {
    source: SourceId,
    text: &'a str,
    events: std::iter::Peekable<std::vec::IntoIter<Event<'a>>>,
    comments: Vec<Range<usize>>,
    /// One past the last token that was taken.
    last_end: usize,
}

impl<'a> Builder<'a> {
    /// The next event that is not a comment.
    fn next(&mut self) -> Option<Event<'a>> {
        loop {
            let event = self.events.next()?;
            if event.kind != EventKind::Comment {
                return Some(event);
            }
            self.comments.push(event.range);
        }
    }

    fn node(&mut self, event: Event<'a>) -> Result<Node, Box<Diagnostic>> {
        let mut range = event.range;
        if matches!(event.kind, EventKind::Scalar { block: true, .. }) {
            // The parser gives the text alone; the mark before it is part of the scalar.
            let between = self.text.get(self.last_end..range.start).unwrap_or_default();
            if let Some(mark) = between.find(['|', '>']) {
                range.start = self.last_end + mark;
            }
        }
        self.last_end = self.last_end.max(range.end);
        let anchor = match self.events.peek() {
            Some(Event { kind: EventKind::Anchor, range }) => {
                let range = range.clone();
                self.events.next();
                Some(range)
            }
            _ => None,
        };
        let (kind, end) = match event.kind {
            EventKind::Scalar { block: true, .. } => (Kind::Block, range.end),
            EventKind::Scalar { .. } | EventKind::Alias(_) | EventKind::UnknownAlias => {
                (Kind::Plain, range.end)
            }
            EventKind::SequenceStart { flow, .. } => {
                let mut items = Vec::new();
                let end = loop {
                    match self.next() {
                        Some(event) if event.kind == EventKind::SequenceEnd => {
                            break event.range.end;
                        }
                        Some(event) => items.push(self.node(event)?),
                        None => break self.text.len(),
                    }
                };
                (Kind::Sequence { flow, items }, end)
            }
            EventKind::MappingStart { flow, .. } => {
                let mut entries = Vec::new();
                let end = loop {
                    match self.next() {
                        Some(event) if event.kind == EventKind::MappingEnd => {
                            break event.range.end;
                        }
                        Some(event) => entries.push(self.entry(event)?),
                        None => break self.text.len(),
                    }
                };
                (Kind::Mapping { flow, entries }, end)
            }
            EventKind::Tag => return Err(self.refuse(range, "a tag")),
            _ => return Err(self.refuse(range, "this")),
        };
        Ok(Node { range: range.start..end.max(range.end), anchor, kind })
    }

    fn entry(&mut self, event: Event<'a>) -> Result<(Node, Node), Box<Diagnostic>> {
        let key = self.node(event)?;
        let one_line = !self.text[key.range.clone()].contains('\n');
        if !matches!(key.kind, Kind::Plain) || key.anchor.is_some() || !one_line {
            return Err(self.refuse(key.range, "a key that is not plain text on one line"));
        }
        let Some(event) = self.next() else {
            return Err(self.refuse(key.range, "a key without an end"));
        };
        Ok((key, self.node(event)?))
    }

    fn refuse(&self, range: Range<usize>, what: &str) -> Box<Diagnostic> {
        Box::new(
            Diagnostic::new(Code::UNSUPPORTED_YAML, format!("{what} cannot be laid out"))
                .labelled(Span::new(self.source, range), "expected plain YAML")
                .help("a model does not need it; `wsgen check` says what to write instead"),
        )
    }
}
