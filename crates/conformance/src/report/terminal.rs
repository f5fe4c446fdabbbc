//! For a terminal: a matrix of families and targets, then everything that was not expected.

use std::fmt::Write;

use super::{cell, families};
use crate::run::{Step, TargetResult};

/// A line for each result, for logs.
pub fn line(step: &Step<'_>) -> String {
    let Step { done, all, target, result } = step;
    let mark = if result.surprise().is_some() { "UNEXPECTED " } else { "" };
    format!(
        "{done:>4}/{all} {mark}{} {} on {} ({:.2} s)\n",
        result.name(),
        result.case.id(),
        target.title(),
        result.time.as_secs_f64()
    )
}

/// Families by targets: passes of those that were run, `~` deviations that are known, `x` what is not supported.
pub fn matrix(results: &[TargetResult]) -> String {
    let mut out = String::new();
    let titles: Vec<String> = results.iter().map(|result| result.target.title()).collect();
    let widths: Vec<usize> = titles.iter().map(|title| title.len().max(14)).collect();
    let first = families(results).iter().map(|family| family.len()).max().unwrap_or(0).max(8);
    let _ = write!(out, "{:first$}", "");
    for (title, width) in titles.iter().zip(&widths) {
        let _ = write!(out, "  {title:>width$}");
    }
    out.push('\n');
    for family in families(results).into_iter().map(Some).chain([None]) {
        let _ = write!(out, "{:first$}", family.unwrap_or("all"));
        for (result, width) in results.iter().zip(&widths) {
            let cell = cell(result, family);
            let _ = write!(out, "  {cell:>width$}");
        }
        out.push('\n');
    }
    out.push_str("passed/run, ~ known deviations, x not supported by the target's own answer\n");
    out
}

/// What was not expected, with what explains it.
pub fn surprises(results: &[TargetResult]) -> String {
    let mut out = String::new();
    for result in results {
        if let Some(why) = &result.dishonest {
            let _ =
                writeln!(out, "\n{}: the harness cannot be believed: {why}", result.target.title());
        }
        for case in &result.cases {
            let Some(why) = case.surprise() else { continue };
            let _ = writeln!(
                out,
                "\n{} on {} (clause {})\n  {}\n  see {}",
                case.case.id(),
                result.target.title(),
                case.case.clause.as_str(),
                why.replace('\n', "\n  "),
                case.folder.display()
            );
        }
    }
    out
}
