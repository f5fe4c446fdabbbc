//! How findings look: one file for each form.

mod folded;
mod github;
mod human;
mod json;
mod sarif;
mod visible;

use std::io::IsTerminal;

use wsgen_emit::Folded;
use wsgen_model::diagnostic::{Diagnostics, Severity};
use wsgen_model::source::Sources;

use crate::args::Format;
use crate::output::{self, Failure};

/// Prints findings: for people on standard error, for programs on standard output.
pub(crate) fn print(
    format: Format,
    diagnostics: &Diagnostics,
    sources: &Sources,
) -> Result<(), Failure> {
    match format {
        Format::Human => {
            output::eprint(&human::render(diagnostics, sources, colour()));
            Ok(())
        }
        Format::Json => output::print(&json::render(diagnostics, sources)),
        Format::Github => output::print(&github::render(diagnostics, sources)),
        Format::Sarif => output::print(&sarif::render(diagnostics, sources)),
    }
}

/// Findings of an import as people read them: those of one reason as one.
pub(crate) fn folded(list: &[Folded], sources: &Sources) -> String {
    folded::render(list, sources, colour())
}

/// Prints findings for people, those of one message as one.
pub(crate) fn print_folded(diagnostics: &Diagnostics, sources: &Sources) {
    let mut text = folded(&folded::fold(diagnostics), sources);
    text.extend(summary(diagnostics).map(|summary| summary + "\n"));
    output::eprint(&text);
}

/// Findings as people read them.
pub(crate) fn human(diagnostics: &Diagnostics, sources: &Sources) -> String {
    human::render(diagnostics, sources, colour())
}

/// Says that a command could not be done.
pub(crate) fn failure(failure: &Failure) {
    let text = format!("error: {}\n  = help: {}\n", failure.message, failure.help);
    output::eprint(&visible::visible(&text));
}

/// Whether standard error takes colour: a terminal, and nobody said no (`NO_COLOR`, no-color.org).
fn colour() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    std::io::stderr().is_terminal() && !refused && !dumb
}

/// How many findings of each weight there are, in words; `None` where there are none.
pub(crate) fn summary(diagnostics: &Diagnostics) -> Option<String> {
    let words: Vec<_> = [Severity::Error, Severity::Warning, Severity::Note]
        .into_iter()
        .map(|severity| (severity, diagnostics.count(severity)))
        .filter(|(_, count)| *count > 0)
        .map(|(severity, count)| {
            format!("{count} {}{}", severity.as_str(), if count == 1 { "" } else { "s" })
        })
        .collect();
    (!words.is_empty()).then(|| words.join(", "))
}
