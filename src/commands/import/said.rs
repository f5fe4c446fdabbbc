//! What `import` and `migrate` print of findings: each reason once, or with `--verbose` every finding.

use std::collections::BTreeMap;

use wsgen_emit::{Folded, Imported, Kind};
use wsgen_model::code::Code;
use wsgen_model::diagnostic::{Diagnostic, Diagnostics, Severity};
use wsgen_model::source::Sources;

use crate::args::{LossArgument, ReadArguments};
use crate::report;

/// Most findings that are printed: nobody reads more.
const SHOWN: usize = 1_000;

/// A finding as the command line weighs it: without a word, a loss that opens something is an error, and others are warnings.
pub(super) fn weighed(finding: &Diagnostic, loss: Option<LossArgument>) -> Diagnostic {
    let mut finding = finding.clone();
    let losses = [
        Code::IMPORT_LOST,
        Code::IMPORT_OPENS,
        Code::IMPORT_OUTSIDE,
        Code::IMPORT_LIMIT,
        Code::IMPORT_REFUSES,
    ];
    if losses.contains(&finding.code) {
        finding.severity = match loss {
            None => finding.severity,
            Some(LossArgument::Deny) => Severity::Error,
            Some(LossArgument::Warn) => Severity::Warning,
            Some(LossArgument::Allow) => Severity::Note,
        };
    }
    finding
}

/// The findings as text. `findings` are all of them, weighed, in the order of the files.
pub(super) fn said(
    imported: &Imported,
    findings: &Diagnostics,
    sources: &Sources,
    arguments: &ReadArguments,
) -> String {
    let (mut text, all) = if arguments.verbose {
        (report::human(&first(findings), sources), findings.len())
    } else {
        let weigh = |folded: &Folded| Folded {
            finding: weighed(&folded.finding, arguments.loss),
            ..folded.clone()
        };
        let shown: Vec<Folded> = imported.folded.iter().take(SHOWN).map(weigh).collect();
        (report::folded(&shown, sources), imported.folded.len())
    };
    if all > SHOWN {
        let left = all - SHOWN;
        text.push_str(&format!("{left} more findings; --report json=FILE has every directive\n"));
    }
    text
}

/// The first findings, in order, of which errors come first where there are very many.
fn first(all: &Diagnostics) -> Diagnostics {
    if all.len() <= SHOWN {
        return all.clone();
    }
    let is_error = |finding: &&Diagnostic| finding.severity == Severity::Error;
    let errors = all.iter().filter(is_error);
    let others = all.iter().filter(|finding| !is_error(finding));
    let mut shown = Diagnostics::default();
    for finding in errors.chain(others).take(SHOWN) {
        shown.push(finding.clone());
    }
    shown.sort();
    shown
}

/// The line that sums up: how many places there are of each kind.
pub(super) fn by_kind(imported: &Imported, verbose: bool) -> String {
    let mut counts: BTreeMap<Kind, usize> = BTreeMap::new();
    let mut hidden = false;
    for folded in &imported.folded {
        *counts.entry(folded.kind).or_default() += folded.places.len() + folded.within;
        hidden |= folded.places.len() > 1 || folded.within > 0;
    }
    if counts.is_empty() {
        return "nothing is lost, and there is nothing to say\n".to_owned();
    }
    let words: Vec<String> = counts.iter().map(|(kind, count)| counted(*kind, *count)).collect();
    let more = if hidden && !verbose { "; --verbose shows every place" } else { "" };
    format!("{}{more}\n", words.join(", "))
}

fn counted(kind: Kind, count: usize) -> String {
    let (one, several) = match kind {
        Kind::Site => ("site that answers nothing but 502", "sites that answer nothing but 502"),
        Kind::Guard => ("guard lost", "guards lost"),
        Kind::Placeholder => {
            ("directive with a placeholder (502)", "directives with a placeholder (502)")
        }
        Kind::Loss => ("directive lost", "directives lost"),
        Kind::Unread => ("place not read", "places not read"),
        Kind::Handshake => ("place that no WebSocket passes", "places that no WebSocket passes"),
        Kind::Dead => ("line without a request", "lines without a request"),
        Kind::Note => ("note", "notes"),
    };
    format!("{count} {}", if count == 1 { one } else { several })
}
