//! `wsgen conformance`.

mod selection;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use wsgen_conformance::report;
use wsgen_conformance::run::{self, Plan, Step, TargetResult};

use super::kept::Run;
use crate::args::{ConformanceArguments, ReportArgument, ReportForm};
use crate::output::{self, Exit, Failure, Readers};

pub(super) fn run(arguments: &ConformanceArguments) -> Result<Exit, Failure> {
    let cases = match selection::own(arguments)? {
        Some(cases) => cases,
        None => selection::cases(arguments.case.as_deref(), arguments.url.as_deref())?,
    };
    if arguments.list {
        let lines = cases.iter().map(|case| format!("{:44} {}\n", case.id(), case.title()));
        output::print(&lines.collect::<String>())?;
        return Ok(Exit::Success);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::new(format!("cannot start: {error}"), "report this"))?;
    // Containers are removed by the runtime that started them.
    let _entered = runtime.enter();
    let mut kept = Run::begin()?;
    let folder = folder(arguments.artifacts.as_deref(), &mut kept)?;
    let results = runtime.block_on(async {
        let targets = selection::targets(arguments, &folder).await?;
        let jobs = arguments.jobs.map_or_else(jobs, std::num::NonZero::get);
        let plan = Plan { targets, cases, jobs, folder, fault: None };
        let live = std::io::stderr().is_terminal();
        let results = run::run(&plan, |step| tell(live, &step)).await;
        if live {
            output::eprint("\r\x1b[K");
        }
        results.map_err(|why| Failure::new(why, "report this"))
    });
    let results = results?;
    // Reports read the folders of the cases, so `kept` takes them away only at the end.
    for report in &arguments.report {
        write(report, &results)?;
    }
    output::print(&report::matrix(&results))?;
    output::print(&report::surprises(&results))?;
    Ok(if report::is_good(&results) { Exit::Success } else { Exit::Findings })
}

/// On a terminal one line that changes; elsewhere what is not expected, and a line now and then.
fn tell(live: bool, step: &Step<'_>) {
    if live {
        output::eprint(&format!("\r\x1b[K{}", report::line(step).trim_end()));
    } else if step.result.surprise().is_some()
        || step.done.is_multiple_of(100)
        || step.done == step.all
    {
        output::eprint(&report::line(step));
    }
}

fn write(report: &ReportArgument, results: &[TargetResult]) -> Result<(), Failure> {
    let text = match report.form {
        ReportForm::Json => report::json::text(results),
        ReportForm::Html => report::html::text(results),
        ReportForm::Markdown => report::markdown::text(results),
        ReportForm::Junit => report::junit::text(results).map_err(|error| {
            Failure::new(format!("cannot write the report: {error}"), "report this")
        })?,
    };
    output::write_file(&report.file, text.as_bytes(), Readers::All)
}

/// Waiting is most of what cases do.
fn jobs() -> usize {
    std::thread::available_parallelism().map_or(4, |cores| cores.get() * 3)
}

/// Where cases have their folders: kept where that is asked for.
fn folder(artifacts: Option<&Path>, kept: &mut Run) -> Result<PathBuf, Failure> {
    let made = match artifacts {
        Some(folder) => std::fs::create_dir_all(folder).and_then(|()| folder.canonicalize()),
        None => kept.folder().map(Path::to_owned),
    };
    made.map_err(|error| {
        Failure::new(
            format!("cannot make a folder for the cases: {error}"),
            "name one with --artifacts",
        )
    })
}
