//! What an importer has said, by the lines that it is about, and which differences that can excuse.

use wsgen_emit::{Imported, Subject};
use wsgen_model::code::Code;
use wsgen_model::source::{Sources, Span};

use super::compare::{Difference, Kind};

/// The findings that tell of a difference.
const TELLING: [Code; 6] = [
    Code::IMPORT_LOST,
    Code::IMPORT_OPENS,
    Code::IMPORT_KEPT,
    Code::IMPORT_BROKEN,
    Code::IMPORT_DIFFERS,
    Code::IMPORT_BESIDE,
];

/// A finding at one line.
#[derive(Debug, Clone)]
pub struct Said {
    /// The line, from 0.
    pub line: usize,
    /// Its code.
    pub code: Code,
    /// Code and message.
    pub title: String,
    /// What it is about, where the importer has said that.
    pub subjects: Option<Vec<Subject>>,
}

impl Said {
    /// Whether the finding could excuse a difference, if it stands at the directive that causes it.
    pub fn is_about(&self, difference: &Difference) -> bool {
        let kind = match difference.kind {
            // A request that the original refuses is refused, unless that was said to be opened.
            Kind::Opened => self.code == Code::IMPORT_OPENS,
            // A WebSocket keeps its destination.
            Kind::OtherTunnel => false,
            // Every loss promises it.
            Kind::Placeholder => {
                return [Code::IMPORT_LOST, Code::IMPORT_OPENS].contains(&self.code);
            }
            Kind::Plain => true,
        };
        let subject = match &self.subjects {
            None => true,
            Some(subjects) => subjects.iter().any(|subject| subject.covers(&difference.subject)),
        };
        kind && subject
    }
}

/// Everything that was said, once for each line. What was announced with its subjects excuses these alone.
pub(super) fn said(imported: &Imported, sources: &Sources) -> Vec<Said> {
    let line = |span: Span| {
        let source = sources.get(span.source)?;
        Some(source.position(span.range().start).line - 1)
    };
    let code = |title: &str| TELLING.into_iter().find(|c| title.starts_with(&c.to_string()));
    let mut all = Vec::new();
    for announced in &imported.announced {
        let Some(code) = code(&announced.title) else { continue };
        let lines = announced.spans.iter().filter_map(|span| line(*span));
        all.extend(lines.map(|line| Said {
            line,
            code,
            title: announced.title.clone(),
            subjects: Some(announced.subjects.clone()),
        }));
    }
    let typed = all.len();
    for finding in imported.findings.iter().filter(|finding| TELLING.contains(&finding.code)) {
        let title = format!("{}: {}", finding.code, finding.message);
        let places = finding.primary.iter().chain(&finding.secondary);
        for line in places.filter_map(|label| line(label.span)) {
            let known = |said: &Said| said.line == line && said.title.starts_with(&title);
            if !all[..typed].iter().any(known) {
                all.push(Said { line, code: finding.code, title: title.clone(), subjects: None });
            }
        }
    }
    all
}
