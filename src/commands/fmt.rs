//! `wsgen fmt`.

use std::path::{Path, PathBuf};

use wsgen_model::diagnostic::Diagnostics;
use wsgen_model::format::format;

use crate::args::Format;
use crate::output::{self, Exit, Failure};
use crate::{input, report};

pub(super) fn run(files: &[PathBuf], check: bool) -> Result<Exit, Failure> {
    let input = input::read(files)?;
    let mut diagnostics = Diagnostics::default();
    diagnostics.extend(input.diagnostics);
    let mut changed = Vec::new();
    for (id, source) in input.sources.iter() {
        if diagnostics.iter().any(|d| d.primary.as_ref().is_some_and(|l| l.span.source == id)) {
            continue;
        }
        match format(id, source.text()) {
            Ok(text) if source.name() == "<stdin>" && !check => output::print(&text)?,
            Ok(text) if text != source.text() => changed.push((source.name(), text)),
            Ok(_) => {}
            Err(diagnostic) => diagnostics.push(*diagnostic),
        }
    }
    report::print(Format::Human, &diagnostics, &input.sources)?;
    for (name, text) in &changed {
        if check {
            output::eprint(&format!("{name} is not formatted; run `wsgen fmt {name}`\n"));
        } else {
            output::write_file(Path::new(name), text.as_bytes(), output::Readers::All)?;
        }
    }
    let clean = !diagnostics.has_errors() && (changed.is_empty() || !check);
    Ok(if clean { Exit::Success } else { Exit::Findings })
}
