//! For the summary of a run in CI, and for `docs/matrix.md`.

use std::fmt::Write;

use super::json::reason;
use super::{cell, families, surprises};
use crate::run::TargetResult;
use crate::verdict::Outcome;

/// The matrix, then what was not expected, then known deviations.
pub fn text(results: &[TargetResult]) -> String {
    let mut out = "# Conformance\n\n".to_owned();
    let good = super::is_good(results);
    let _ = writeln!(
        out,
        "{}\n",
        if good { "Everything is as expected." } else { "**Not everything is as expected.**" }
    );
    out.push_str(&matrix(results));
    let unexpected = surprises(results);
    if !unexpected.is_empty() {
        let _ = write!(out, "\n## Unexpected\n\n```text{unexpected}```\n");
    }
    out.push_str(&deviations(results));
    out
}

/// Families by targets.
pub fn matrix(results: &[TargetResult]) -> String {
    let mut out = "| family |".to_owned();
    for result in results {
        let _ = write!(out, " {} |", result.target.title());
    }
    out.push_str("\n|---|");
    out.push_str(&"---|".repeat(results.len()));
    out.push('\n');
    for family in families(results).into_iter().map(Some).chain([None]) {
        let _ = write!(out, "| {} |", family.unwrap_or("**all**"));
        for result in results {
            let _ = write!(out, " {} |", cell(result, family));
        }
        out.push('\n');
    }
    out.push_str("\nPassed of those that were run; `~` deviations that are known, `x` not supported by the target's own answer.\n");
    out
}

fn deviations(results: &[TargetResult]) -> String {
    let mut out = String::new();
    for result in results {
        for case in result
            .cases
            .iter()
            .filter(|c| c.deviation.is_some() && matches!(c.outcome, Outcome::Fail(_)))
        {
            let why = reason(case).unwrap_or_default();
            let _ = writeln!(out, "- `{}` on {}: {why}", case.case.id(), result.target.title());
        }
    }
    if out.is_empty() { out } else { format!("\n## Known deviations\n\n{out}") }
}
