//! Results in the forms that people and programs read.

pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
mod terminal;

pub use terminal::{line, matrix, surprises};

use std::fmt::Write;

use crate::run::TargetResult;

/// Whether everything went as expected.
pub fn is_good(results: &[TargetResult]) -> bool {
    results.iter().all(|result| {
        result.dishonest.is_none() && result.cases.iter().all(|case| case.surprise().is_none())
    })
}

/// How often a name occurs among the results of a target, in a family or in all of them.
fn count(result: &TargetResult, family: Option<&str>, name: &str) -> usize {
    let cases = result.cases.iter().filter(|case| family.is_none_or(|f| case.case.family == f));
    cases.filter(|case| case.name() == name).count()
}

/// A cell of the matrix: passed of those that were run, with what is known not to be kept.
fn cell(result: &TargetResult, family: Option<&str>) -> String {
    let cases = result.cases.iter().filter(|case| family.is_none_or(|f| case.case.family == f));
    let (passed, known) = (count(result, family, "pass"), count(result, family, "deviation"));
    let left = count(result, family, "unsupported");
    let mut cell = format!("{passed}/{}", cases.count() - left);
    if known > 0 {
        let _ = write!(cell, " ~{known}");
    }
    if left > 0 {
        let _ = write!(cell, " x{left}");
    }
    cell
}

/// The families among the results, in their order.
fn families(results: &[TargetResult]) -> Vec<&'static str> {
    let mut families = Vec::new();
    for case in results.iter().flat_map(|result| &result.cases) {
        if !families.contains(&case.case.family) {
            families.push(case.case.family);
        }
    }
    families
}

/// This moment (RFC 3339).
fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
