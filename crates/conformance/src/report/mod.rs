//! Results in the forms that people and programs read.

mod terminal;

pub use terminal::{line, matrix, surprises};

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
