//! For people: the lines that a finding is about, underlined.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use wsgen_model::diagnostic::{Diagnostic, Diagnostics, Severity};
use wsgen_model::secret;
use wsgen_model::source::{SourceId, Sources};

use super::visible::visible;

/// Longest line that is shown whole; a longer one would bury the finding.
const MAX_LINE: usize = 400;

/// The findings one after the other, then their number.
pub(super) fn render(diagnostics: &Diagnostics, sources: &Sources, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut text = String::new();
    for diagnostic in diagnostics {
        text.push_str(&renderer.render(&[group(diagnostic, sources)]));
        text.push_str("\n\n");
    }
    if let Some(summary) = super::summary(diagnostics) {
        text.push_str(&summary);
        text.push('\n');
    }
    text
}

/// Returns the printed form of one finding.
pub(super) fn group<'a>(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(visible(&diagnostic.message)).id(diagnostic.code.as_str());
    let mut group = Group::with_title(title);
    let labels = diagnostic
        .primary
        .iter()
        .map(|label| (AnnotationKind::Primary, label))
        .chain(diagnostic.secondary.iter().map(|label| (AnnotationKind::Context, label)));
    let mut shown: Vec<(SourceId, Vec<_>)> = Vec::new();
    for (kind, label) in labels {
        match shown.iter_mut().find(|(source, _)| *source == label.span.source) {
            Some((_, list)) => list.push((kind, label)),
            None => shown.push((label.span.source, vec![(kind, label)])),
        }
    }
    for (id, labels) in shown {
        let Some(source) = sources.get(id) else {
            continue;
        };
        // Only the lines around the labels are handed over: a large file stays out of the renderer.
        let first = labels.iter().map(|(_, l)| l.span.range().start).min().unwrap_or(0);
        let last = labels.iter().map(|(_, l)| l.span.range().end).max().unwrap_or(0);
        let window = window(source.text(), first, last);
        let line = source.position(first).line;
        let text = masked(source.text(), &window);
        let snippet = Snippet::source(visible(&text).into_owned()).line_start(line);
        let mut snippet = snippet.path(visible(source.name()));
        for (kind, label) in labels {
            let range = label.span.range();
            // Of what is shown: characters that are written out are longer there.
            let clamp = |at: usize| {
                let at =
                    text.floor_char_boundary(at.clamp(window.start, window.end) - window.start);
                visible(&text[..at]).len()
            };
            let mut annotation = kind.span(clamp(range.start)..clamp(range.end));
            if !label.text.is_empty() {
                annotation = annotation.label(visible(&label.text));
            }
            snippet = snippet.annotation(annotation);
        }
        group = group.element(snippet);
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(visible(help)));
    }
    if let Some(clause) = diagnostic.clause {
        group = group
            .element(Level::NOTE.message(format!("the rule is {clause} in docs/semantics.md")));
    }
    group
}

/// Lines ahead of a window that decide whether its lines go on with a secret.
const AHEAD: usize = 20;
/// Bytes ahead of a window that are searched for the beginning of its line.
const MOST_AHEAD: usize = 64 * 1024;

/// A window of a text with its secrets masked. Places in it stay where they are.
fn masked(text: &str, window: &std::ops::Range<usize>) -> String {
    let least = text.ceil_char_boundary(window.start.saturating_sub(MOST_AHEAD));
    let ahead = &text[least..window.start];
    let begin = ahead.rmatch_indices('\n').nth(AHEAD).map_or(least, |(at, _)| least + at + 1);
    secret::mask(&text[begin..window.end]).split_off(window.start - begin)
}

/// The lines from the first to the last byte. Of a very long line only the part around the byte is taken.
fn window(text: &str, first: usize, last: usize) -> std::ops::Range<usize> {
    let first = text.floor_char_boundary(first);
    let last = text.ceil_char_boundary(last.max(first).min(text.len()));
    // No further than what is shown: a file of one line would be read whole for each finding.
    let earliest = text.floor_char_boundary(first.saturating_sub(MAX_LINE));
    let latest = text.ceil_char_boundary(text.len().min(last + MAX_LINE));
    let start = text[earliest..first].rfind('\n').map_or(earliest, |at| earliest + at + 1);
    let end = text[last..latest].find('\n').map_or(latest, |at| last + at);
    start..end
}
