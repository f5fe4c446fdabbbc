//! `wsgen render`.

use std::path::{Path, PathBuf};

use wsgen_emit::{Loss, LossPolicy, Options, Problem, Rendered, Selection, TARGETS};
use wsgen_model::diagnostic::Severity;

use crate::args::{Format, LossArgument};
use crate::output::{self, Exit, Failure, Readers};
use crate::{input, report};

pub(super) fn run(
    files: &[PathBuf],
    targets: &[String],
    folder: Option<&Path>,
    loss: LossArgument,
    strict: bool,
    templates: Option<&Path>,
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
    let templates = templates.map(input::templates).transpose()?.unwrap_or_default();
    let mut options = Options { policy, templates, ..Options::default() };
    let mut rendered: Vec<(Selection, Rendered)> = Vec::new();
    for selection in selections {
        let needs = wsgen_emit::needs(&site, &selection);
        options.handed = input::hand(&needs, &input.sources)?;
        let one =
            wsgen_emit::render(&site, &selection, &options, &mut diagnostics).map_err(failure)?;
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
            None if one.files.is_empty() => output::print(&one.main)?,
            None => {
                let names: Vec<_> = one.files.iter().map(|file| file.name.as_str()).collect();
                return Err(Failure::new(
                    format!(
                        "{} wants files beside its own: {}",
                        selection.target.title,
                        names.join(", ")
                    ),
                    "name a folder with -o",
                ));
            }
            Some(folder) => write(folder, selection.target.file, one)?,
        }
    }
    Ok(Exit::Success)
}

/// Writes a rendering; its main file comes last, so that it never names a file that is not there.
fn write(folder: &Path, main: &str, rendered: &Rendered) -> Result<(), Failure> {
    let files = rendered.files.iter().map(|file| {
        let readers = if file.private { Readers::Owner } else { Readers::All };
        (file.name.as_str(), file.bytes.as_slice(), readers)
    });
    for (name, bytes, readers) in files.chain([(main, rendered.main.as_bytes(), Readers::All)]) {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(|error| {
            Failure::new(
                format!("cannot make {}: {error}", parent.display()),
                "name a folder that can be made",
            )
        })?;
        output::write_file(&path, bytes, readers)?;
        output::eprint(&format!("wrote {}\n", path.display()));
    }
    Ok(())
}

/// `all` is every target.
fn select(targets: &[String]) -> Result<Vec<Selection>, Failure> {
    if targets.iter().any(|target| target == "all") {
        return Ok(TARGETS.iter().map(|target| Selection { target, version: None }).collect());
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
