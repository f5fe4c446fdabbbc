//! For tools that read `JUnit`: a suite for each target, a test for each case.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::json::reason;
use crate::run::TargetResult;
use crate::verdict::Outcome;

/// The report as XML; an error is a fault of the writer.
pub fn text(results: &[TargetResult]) -> Result<String, String> {
    let mut report = Report::new("wsgen conformance");
    for result in results {
        let mut suite = TestSuite::new(result.target.title());
        if let Some(why) = &result.dishonest {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(why.clone());
            suite.add_test_case(TestCase::new("honesty", status));
        }
        for case in &result.cases {
            let why = reason(case).unwrap_or_default();
            let mut status = match (&case.outcome, case.surprise()) {
                (Outcome::Broken(_), _) => TestCaseStatus::non_success(NonSuccessKind::Error),
                (_, Some(_)) => TestCaseStatus::non_success(NonSuccessKind::Failure),
                (Outcome::Pass, None) => TestCaseStatus::success(),
                // What is known not to be kept was not tried, or failed as is known.
                (_, None) => TestCaseStatus::skipped(),
            };
            if case.outcome != Outcome::Pass {
                status.set_message(why);
            }
            let mut test = TestCase::new(case.case.id(), status);
            test.set_classname(case.case.clause.as_str()).set_time(case.time);
            suite.add_test_case(test);
        }
        report.add_test_suite(suite);
    }
    report.to_string().map_err(|error| error.to_string())
}
