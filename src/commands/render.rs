//! `wsgen render`.

use std::path::{Path, PathBuf};

use wsgen_emit::{Loss, LossPolicy, Problem, Rendered, Selection, TARGETS};
use wsgen_model::diagnostic::Severity;

use crate::args::{Format, LossArgument};
use crate::output::{self, Exit, Failure};
use crate::{input, report};

pub(super) fn run(
    files: &[PathBuf],
    targets: &[String],
    folder: Option<&Path>,
    loss: LossArgument,
    strict: bool,
) -> Result<Exit, Failure> {
    let selections = select(targets)?;
    if folder.is_none() && selections.len() > 1 {
        return Err(Failure::new(
            "several targets do not fit onto standard output",
            "name a folder with -o, or one target",
        ));
    }
    let input = input::read(files)?;
    let (site, mut diagnostics) = super::check::judge(&input);
    let Some(site) = site else {
        report::print(Format::Human, &diagnostics, &input.sources)?;
        return Ok(Exit::Findings);
    };
    let policy = LossPolicy { loss: loss.into(), today: crate::today::today() };
    let mut rendered: Vec<(Selection, Rendered)> = Vec::new();
    for selection in selections {
        let one =
            wsgen_emit::render(&site, &selection, policy, &mut diagnostics).map_err(failure)?;
        rendered.extend(one.map(|one| (selection, one)));
    }
    if strict {
        diagnostics.escalate();
    }
    diagnostics.sort();
    report::print(Format::Human, &diagnostics, &input.sources)?;
    if diagnostics.count(Severity::Error) > 0 {
        return Ok(Exit::Loss);
    }
    for (selection, one) in &rendered {
        match folder {
            None => output::print(&one.main)?,
            Some(folder) => {
                std::fs::create_dir_all(folder).map_err(|error| {
                    Failure::new(
                        format!("cannot make {}: {error}", folder.display()),
                        "name a folder that can be made",
                    )
                })?;
                let path = folder.join(selection.target.file);
                output::write_file(&path, &one.main)?;
                output::eprint(&format!("wrote {}\n", path.display()));
            }
        }
    }
    Ok(Exit::Success)
}

/// `all` is every target that can be rendered.
fn select(targets: &[String]) -> Result<Vec<Selection>, Failure> {
    if targets.iter().any(|target| target == "all") {
        let able = TARGETS.iter().filter(|target| target.render.is_some());
        return Ok(able.map(|target| Selection { target, version: None }).collect());
    }
    targets.iter().map(|target| Selection::parse(target).map_err(failure)).collect()
}

fn failure(problem: Problem) -> Failure {
    Failure::new(problem.message, problem.help)
}

impl From<LossArgument> for Loss {
    fn from(argument: LossArgument) -> Self {
        match argument {
            LossArgument::Deny => Self::Deny,
            LossArgument::Warn => Self::Warn,
            LossArgument::Allow => Self::Allow,
        }
    }
}
