//! For GitHub workflows: annotations ("Workflow commands for GitHub Actions", error, warning, notice).

use wsgen_model::diagnostic::{Diagnostics, Severity};
use wsgen_model::source::Sources;

use super::visible::visible;

/// One command for each finding.
pub(super) fn render(diagnostics: &Diagnostics, sources: &Sources) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics {
        let command = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "notice",
        };
        let place = diagnostic.primary.as_ref().and_then(|label| {
            let source = sources.get(label.span.source)?;
            let range = label.span.range();
            let (start, end) = (source.position(range.start), source.position(range.end));
            Some(format!(
                "file={},line={},col={},endLine={},endColumn={},",
                property(source.name()),
                start.line,
                start.column,
                end.line,
                end.column
            ))
        });
        let help =
            diagnostic.help.as_ref().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
        text.push_str(&format!(
            "::{command} {}title={}::{}\n",
            place.unwrap_or_default(),
            diagnostic.code,
            data(&format!("{}{help}", diagnostic.message))
        ));
    }
    text
}

fn data(text: &str) -> String {
    visible(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
