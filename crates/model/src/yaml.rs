//! The only file that names the YAML crate: text becomes our own events, within fixed bounds.

use std::borrow::Cow;
use std::ops::Range;

use granit_parser::{ErrorKind, Parser, ScalarStyle, StructureStyle, options};

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::source::{SourceId, Span};

/// Largest file in bytes.
pub(crate) const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Deepest nesting.
pub(crate) const MAX_DEPTH: usize = 64;
/// Most uses of aliases in one file.
pub(crate) const MAX_ALIASES: usize = 64;
/// Most values in one file, aliases expanded. A model of 10,000 routes has about 200,000.
pub(crate) const MAX_NODES: usize = 2_000_000;

/// One step through the text.
#[derive(Debug, Clone)]
pub(crate) struct Event<'a> {
    pub(crate) kind: EventKind<'a>,
    /// Bytes of the token; of a collection's start only its first byte.
    pub(crate) range: Range<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum EventKind<'a> {
    Scalar {
        text: Cow<'a, str>,
        plain: bool,
        block: bool,
        anchor: usize,
    },
    SequenceStart {
        flow: bool,
        anchor: usize,
    },
    SequenceEnd,
    MappingStart {
        flow: bool,
        anchor: usize,
    },
    MappingEnd,
    /// A use of the anchor with this number.
    Alias(usize),
    UnknownAlias,
    /// The `&name` of the node before this event.
    Anchor,
    /// The `!tag` of the node after this event.
    Tag,
    Comment,
    DocumentStart {
        explicit: bool,
    },
}

/// The events of a text, up to the first thing that is not YAML.
pub(crate) struct Events<'a> {
    pub(crate) events: Vec<Event<'a>>,
    pub(crate) error: Option<Diagnostic>,
}

/// Reads a text into events. `comments` asks for comments too.
pub(crate) fn events(source: SourceId, text: &str, comments: bool) -> Events<'_> {
    let mut options = options! {
        emit_unresolved_aliases: true,
        emit_anchor_events: comments,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    options.set_emit_comments(comments);
    options.max_buffered_comment_events = usize::MAX;

    let mut events = Vec::new();
    let mut error = None;
    for step in Parser::new_from_str_with_options(text, options) {
        match step {
            Ok((event, span)) => {
                let range = span.byte_range().unwrap_or(0..0);
                if event.tag().is_some() {
                    let tag = span.tag_span().and_then(|tag| tag.byte_range());
                    events.push(Event {
                        kind: EventKind::Tag,
                        range: tag.unwrap_or_else(|| range.clone()),
                    });
                }
                if let Some(kind) = kind(event) {
                    events.push(Event { kind, range });
                }
            }
            Err(scan) => {
                let at = scan.marker().byte_offset().unwrap_or(text.len()).min(text.len());
                error = Some(diagnose(source, text, scan.kind(), at));
                break;
            }
        }
        if events.len() > 2 * MAX_NODES {
            // Starts and ends of collections count apart, hence the factor.
            error = Some(too_many_nodes(Span::new(source, text.len()..text.len())));
            break;
        }
    }
    Events { events, error }
}

/// More values than the reader takes.
pub(crate) fn too_many_nodes(span: Span) -> Diagnostic {
    Diagnostic::new(Code::NODE_LIMIT, format!("more than {MAX_NODES} values in one file"))
        .at(span)
        .help("split the model into several files, or remove aliases that repeat large parts")
}

fn kind(event: granit_parser::Event<'_>) -> Option<EventKind<'_>> {
    use granit_parser::Event as Yaml;
    Some(match event {
        Yaml::Scalar(text, style, anchor, _) => EventKind::Scalar {
            text,
            plain: style == ScalarStyle::Plain,
            block: matches!(style, ScalarStyle::Literal | ScalarStyle::Folded),
            anchor,
        },
        Yaml::SequenceStart(style, anchor, _) => {
            EventKind::SequenceStart { flow: style == StructureStyle::Flow, anchor }
        }
        Yaml::SequenceEnd => EventKind::SequenceEnd,
        Yaml::MappingStart(style, anchor, _) => {
            EventKind::MappingStart { flow: style == StructureStyle::Flow, anchor }
        }
        Yaml::MappingEnd => EventKind::MappingEnd,
        Yaml::Alias(anchor) => EventKind::Alias(anchor),
        Yaml::UnresolvedAlias(_) => EventKind::UnknownAlias,
        Yaml::Anchor(..) => EventKind::Anchor,
        Yaml::Comment(..) => EventKind::Comment,
        Yaml::DocumentStart(explicit, _) => EventKind::DocumentStart { explicit },
        _ => return None,
    })
}

fn diagnose(source: SourceId, text: &str, kind: &ErrorKind, at: usize) -> Diagnostic {
    let at = text.floor_char_boundary(at);
    let width = text[at..].chars().next().filter(|c| *c != '\n').map_or(0, char::len_utf8);
    let span = Span::new(source, at..at + width);
    match kind {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar => {
            Diagnostic::new(Code::TAB_INDENTATION, "a tab where YAML allows only spaces")
                .labelled(span, "expected spaces")
                .help("indent with spaces; `expand -t 2 FILE` replaces the tabs of a file")
        }
        ErrorKind::RecursionLimitExceeded => {
            Diagnostic::new(Code::NESTING_LIMIT, format!("nested deeper than {MAX_DEPTH} levels"))
                .labelled(span, format!("expected at most {MAX_DEPTH} levels"))
                .help("the model itself needs fewer than ten levels; look for brackets left open")
        }
        other => {
            let (expected, help) = advice(other);
            Diagnostic::new(Code::SYNTAX, format!("not YAML: {other}"))
                .labelled(span, expected)
                .help(help)
        }
    }
}

/// What the reader expected there, and what to do, for the mistakes that people make.
fn advice(kind: &ErrorKind) -> (&'static str, &'static str) {
    match kind {
        ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::ExpectedFlowMappingSeparator
        | ErrorKind::ExpectedFlowSequenceSeparator
        | ErrorKind::MismatchedFlowCollectionEnd { .. } => (
            "expected `,` or the closing bracket",
            "close every `[` with `]` and every `{` with `}`; separate items with commas",
        ),
        ErrorKind::UnclosedQuotedScalar | ErrorKind::UnknownQuotedScalarEscape => (
            "expected the closing quote",
            "close the quote; between double quotes a backslash begins an escape, between single quotes it does not",
        ),
        ErrorKind::MappingValueNotAllowed
        | ErrorKind::InvalidColonPlacement
        | ErrorKind::SimpleKeyExpected
        | ErrorKind::InvalidSimpleKey => (
            "expected one `key: value` on a line",
            "quote text that contains `: `, and give every key its own line",
        ),
        ErrorKind::UnexpectedCharacter { .. } => {
            ("expected a value", "quote text that begins with one of @ ` % & * ! | > { } [ ]")
        }
        _ => (
            "expected YAML",
            "compare the indentation with the lines around it: keys of one mapping begin in one column",
        ),
    }
}
