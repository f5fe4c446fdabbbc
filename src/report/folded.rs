//! For people: what an import says, each reason once, with the number of its places and the first of them.

use std::collections::HashMap;

use annotate_snippets::{Level, Renderer};
use wsgen_emit::{Folded, Kind};
use wsgen_model::diagnostic::{Diagnostic, Diagnostics, Severity};
use wsgen_model::source::{Sources, Span};

use super::human;
use super::visible::visible;

/// Most places that a finding names.
const PLACES: usize = 3;

/// The findings one after the other; notes without the lines that they are about.
pub(super) fn render(list: &[Folded], sources: &Sources, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut text = String::new();
    for folded in list {
        let finding = counted(folded);
        if folded.kind == Kind::Note {
            text.push_str(&note(&finding, folded, sources));
            continue;
        }
        let mut group = human::group(&finding, sources);
        if let Some(others) =
            places(folded.places.get(1..).unwrap_or_default(), PLACES - 1, sources)
        {
            group = group.element(Level::NOTE.message(format!("also at {others}")));
        }
        text.push_str(&renderer.render(&[group]));
        text.push_str("\n\n");
    }
    text
}

/// Folds findings of one message, the heaviest first.
pub(super) fn fold(diagnostics: &Diagnostics) -> Vec<Folded> {
    let mut all: Vec<Folded> = Vec::new();
    let mut known: HashMap<_, usize> = HashMap::new();
    for finding in diagnostics {
        let primary = finding.primary.as_ref();
        let text = primary.map(|label| label.text.as_str());
        let reason = (finding.code, finding.severity, finding.message.as_str(), text);
        let at = *known.entry(reason).or_insert(all.len());
        let place = primary.map(|label| label.span);
        match all.get_mut(at) {
            Some(folded) => folded.places.extend(place),
            None => all.push(Folded {
                kind: if finding.severity == Severity::Note { Kind::Note } else { Kind::Loss },
                finding: finding.clone(),
                places: place.into_iter().collect(),
                within: 0,
            }),
        }
    }
    all.sort_by_key(|folded| std::cmp::Reverse(folded.finding.severity));
    all
}

/// The first finding, with the number of all.
fn counted(folded: &Folded) -> Diagnostic {
    let mut finding = folded.finding.clone();
    // A site is counted by its hosts.
    if folded.places.len() > 1 && folded.kind != Kind::Site {
        finding.message.push_str(&format!(" ({} places)", folded.places.len()));
    }
    if let Some(label) = finding.primary.as_mut().filter(|_| folded.within > 0) {
        let directives = if folded.within == 1 { "directive" } else { "directives" };
        label.text.push_str(&format!(" (with the {} {directives} in it)", folded.within));
    }
    finding
}

/// A note on few lines.
fn note(finding: &Diagnostic, folded: &Folded, sources: &Sources) -> String {
    let mut text = format!("{}[{}]: {}", finding.severity.as_str(), finding.code, finding.message);
    if let Some(label) = finding.primary.as_ref().filter(|label| !label.text.is_empty()) {
        text.push_str(&format!(": {}", label.text));
    }
    if let Some(places) = places(&folded.places, PLACES, sources) {
        text.push_str(&format!("\n  --> {places}"));
    }
    if let Some(help) = &finding.help {
        text.push_str(&format!("\n  = help: {help}"));
    }
    format!("{}\n\n", visible(&text))
}

/// The first of some places, and how many more there are.
fn places(all: &[Span], most: usize, sources: &Sources) -> Option<String> {
    let named = all.iter().take(most).filter_map(|span| {
        let source = sources.get(span.source)?;
        let at = source.position(span.range().start);
        Some(format!("{}:{}:{}", source.name(), at.line, at.column))
    });
    let mut list = named.collect::<Vec<_>>().join(", ");
    if list.is_empty() {
        return None;
    }
    match all.len().saturating_sub(most) {
        0 => {}
        1 => list.push_str(" and 1 more place"),
        more => list.push_str(&format!(" and {more} more places")),
    }
    Some(list)
}
