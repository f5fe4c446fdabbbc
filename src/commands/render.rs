//! `wsgen render`.

use std::path::PathBuf;

use wsgen_emit::Selection;

use crate::args::Format;
use crate::output::{self, Exit, Failure};
use crate::{input, report};

pub(super) fn run(files: &[PathBuf], target: &str) -> Result<Exit, Failure> {
    let selection =
        Selection::parse(target).map_err(|problem| Failure::new(problem.message, problem.help))?;
    let input = input::read(files)?;
    let (site, mut diagnostics) = super::check::judge(&input);
    let Some(site) = site else {
        report::print(Format::Human, &diagnostics, &input.sources)?;
        return Ok(Exit::Findings);
    };
    let rendered = wsgen_emit::render(&site, &selection, &mut diagnostics);
    diagnostics.sort();
    report::print(Format::Human, &diagnostics, &input.sources)?;
    match rendered {
        Ok(Some(rendered)) => {
            output::print(&rendered.main)?;
            Ok(Exit::Success)
        }
        Ok(None) => Ok(Exit::Loss),
        Err(problem) => Err(Failure::new(problem.message, problem.help)),
    }
}
