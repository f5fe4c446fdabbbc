//! `wsgen conformance`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use wsgen_conformance::case::Case;
use wsgen_conformance::launch::{REFERENCE, Target};
use wsgen_conformance::run::{self, Plan};
use wsgen_conformance::{catalogue, report};
use wsgen_emit::TARGETS;

use crate::args::ConformanceArguments;
use crate::output::{self, Exit, Failure};

pub(super) fn run(arguments: &ConformanceArguments) -> Result<Exit, Failure> {
    let cases: Vec<&'static Case> = select(arguments.case.as_deref())?;
    if arguments.list {
        let lines = cases.iter().map(|case| format!("{:44} {}\n", case.id(), case.title()));
        output::print(&lines.collect::<String>())?;
        return Ok(Exit::Success);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(format!("cannot start: {error}"), "report this"))?;
    let (kept, _temporary) = folder(arguments.artifacts.as_deref())?;
    let targets = targets(&arguments.target)?;
    let plan = Plan {
        targets,
        cases,
        jobs: arguments.jobs.map_or_else(jobs, std::num::NonZero::get),
        folder: kept,
        fault: None,
    };
    let live = std::io::stderr().is_terminal();
    let results = runtime.block_on(run::run(&plan, |step| {
        if live {
            output::eprint(&format!("\r\x1b[K{}", report::line(&step).trim_end()));
        } else if step.result.surprise().is_some() || step.done % 50 == 0 {
            output::eprint(&report::line(&step));
        }
    }));
    if live {
        output::eprint("\r\x1b[K");
    }
    let results = results.map_err(|why| Failure::new(why, "report this"))?;
    output::print(&report::matrix(&results))?;
    output::print(&report::surprises(&results))?;
    Ok(if report::is_good(&results) { Exit::Success } else { Exit::Findings })
}

/// Waiting is most of what cases do.
fn jobs() -> usize {
    std::thread::available_parallelism().map_or(4, |cores| cores.get() * 3)
}

fn select(pattern: Option<&str>) -> Result<Vec<&'static Case>, Failure> {
    let wanted = |case: &&Case| pattern.is_none_or(|pattern| matches(pattern, &case.id()));
    let cases: Vec<_> = catalogue::all().filter(wanted).collect();
    if cases.is_empty() {
        return Err(Failure::new(
            format!("no case matches `{}`", pattern.unwrap_or_default()),
            "see the list with --list; `*` stands for any text",
        ));
    }
    Ok(cases)
}

/// Whether a text matches a pattern with `*`; without one it is looked for anywhere.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    if !pattern.contains('*') {
        return text.contains(pattern);
    }
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<_> = parts.collect();
    let (last, middle) = parts.split_last().unwrap_or((&"", &[]));
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

fn folder(artifacts: Option<&Path>) -> Result<(PathBuf, Option<tempfile::TempDir>), Failure> {
    let fail = |error: std::io::Error| {
        Failure::new(format!("cannot make a folder for the cases: {error}"), "name one with --artifacts")
    };
    if let Some(folder) = artifacts {
        std::fs::create_dir_all(folder).map_err(fail)?;
        return Ok((folder.canonicalize().map_err(fail)?, None));
    }
    let temporary = tempfile::tempdir().map_err(fail)?;
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(temporary.path(), open).map_err(fail)?;
    Ok((temporary.path().to_owned(), Some(temporary)))
}

fn targets(named: &[String]) -> Result<Vec<Target>, Failure> {
    let program = std::env::current_exe();
    let program = program.map_err(|error| Failure::new(format!("cannot find myself: {error}"), "report this"))?;
    let mut targets = Vec::new();
    if named.is_empty() {
        targets.push(Target::reference(program));
        for target in TARGETS {
            match Target::installed(target.name) {
                Some(found) => targets.push(found),
                None => output::eprint(&format!(
                    "not run: {} is not installed (`apt-get install {}`)\n",
                    target.name, target.recipe.package
                )),
            }
        }
        return Ok(targets);
    }
    for name in named {
        if name == REFERENCE {
            targets.push(Target::reference(program.clone()));
            continue;
        }
        let selection = wsgen_emit::Selection::parse(name);
        let selection = selection.map_err(|problem| Failure::new(problem.message, problem.help))?;
        let found = Target::installed(selection.target.name).ok_or_else(|| {
            let package = selection.target.recipe.package;
            Failure::new(format!("{name} is not installed"), format!("apt-get install {package}"))
        })?;
        targets.push(found);
    }
    Ok(targets)
}
