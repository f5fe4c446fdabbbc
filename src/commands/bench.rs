//! `wsgen bench`.

use std::io::IsTerminal;
use std::time::Duration;

use wsgen_bench::plan::Plan;
use wsgen_bench::report;
use wsgen_bench::run::{self, Step};
use wsgen_conformance::launch::{REFERENCE, Target};
use wsgen_emit::TARGETS;

use super::kept::Run;
use crate::args::{BenchArguments, ReportForm};
use crate::output::{self, Exit, Failure, Readers};

pub(super) fn run(arguments: &BenchArguments) -> Result<Exit, Failure> {
    let workloads = arguments.workloads().map_err(|name| {
        Failure::new(
            format!("there is no workload named `{name}`"),
            "use echo, echo:SIZE, rate, churn, http or idle",
        )
    })?;
    let plan = Plan {
        targets: targets(&arguments.target)?,
        workloads,
        connections: arguments.conns.get(),
        time: Duration::from_secs_f64(arguments.secs),
        rounds: arguments.rounds.get(),
        threads: arguments.threads.get(),
        routes: arguments.routes.get(),
        tls: arguments.tls,
    };
    let fail = |error: std::io::Error| {
        Failure::new(format!("cannot start: {error}"), "check the temporary folder (TMPDIR)")
    };
    let mut kept = Run::begin()?;
    let folder = kept.folder().map_err(fail)?.to_owned();
    // Of one thread: what it starts is pinned as it is.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(fail)?;
    let live = std::io::stderr().is_terminal();
    let tell = |step: &Step<'_>| {
        let words = format!("{}, round {}: {}", step.workload, step.round, step.target);
        if live {
            output::eprint(&format!("\r\x1b[K{words}"));
        } else if step.round == 1 {
            output::eprint(&format!("{words}\n"));
        }
    };
    let results = runtime.block_on(run::run(&plan, &folder, tell));
    if live {
        output::eprint("\r\x1b[K");
    }
    drop(kept);
    let results = results.map_err(|why| {
        Failure::new(why, "the servers' own words are above; raise `ulimit -n` for more tunnels")
    })?;
    for report_wanted in &arguments.report {
        let text = match report_wanted.form {
            ReportForm::Json => report::json(&results),
            ReportForm::Html => report::html(&results),
            ReportForm::Markdown => report::markdown(&results),
            ReportForm::Junit => {
                return Err(Failure::new("a measurement is no test", "use json, html or markdown"));
            }
        };
        output::write_file(&report_wanted.file, text.as_bytes(), Readers::All)?;
    }
    output::print(&report::table(&results))?;
    let errors: u64 = results.rows.iter().map(wsgen_bench::statistics::Row::errors).sum();
    Ok(if errors == 0 { Exit::Success } else { Exit::Findings })
}

/// The servers that are asked for, or all that are here.
fn targets(names: &[String]) -> Result<Vec<Target>, Failure> {
    let program = std::env::current_exe();
    let program = program
        .map_err(|error| Failure::new(format!("cannot find myself: {error}"), "report this"))?;
    if names.is_empty() {
        let others = TARGETS.iter().filter_map(|target| Target::installed(target.name));
        return Ok(std::iter::once(Target::reference(program)).chain(others).collect());
    }
    let wanted = |name: &String| {
        if name == REFERENCE {
            return Ok(Target::reference(program.clone()));
        }
        let known = TARGETS.iter().find(|target| target.name == *name).ok_or_else(|| {
            let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            Failure::new(
                format!("there is no target named `{name}`"),
                format!("use {REFERENCE}, {}", names.join(", ")),
            )
        })?;
        Target::installed(name).ok_or_else(|| {
            Failure::new(
                format!("{} is not installed", known.title),
                format!("apt-get install {}", known.recipe.package),
            )
        })
    };
    names.iter().map(wanted).collect()
}
