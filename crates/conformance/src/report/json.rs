//! For programs: `docs/report.schema.json` describes it. Others may hand in theirs in the same form.

use serde::Serialize;

use super::{count, now};
use crate::launch::Place;
use crate::run::{CaseResult, TargetResult};
use crate::transcript::Event;
use crate::verdict::Outcome;

/// The form of the report; a change that breaks readers raises the number.
pub const FORM: &str = "wsgen-conformance/1";

/// A report.
#[derive(Debug, Serialize)]
pub struct Report {
    /// `wsgen-conformance/1`.
    pub report: &'static str,
    /// When it was made (RFC 3339).
    pub date: String,
    /// Server by server.
    pub implementations: Vec<Implementation>,
}

/// How one server did.
#[derive(Debug, Serialize)]
pub struct Implementation {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: String,
    /// `native`, or the image of its container.
    pub launch: String,
    /// Whether the harness was seen to fail on it ahead of the run.
    pub honest: bool,
    /// How many cases ended how.
    pub summary: Summary,
    /// Case by case.
    pub cases: Vec<Entry>,
}

/// How many cases ended how.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// The clause is kept.
    pub pass: usize,
    /// It is not, and nobody knew.
    pub fail: usize,
    /// It is not, as is known.
    pub deviation: usize,
    /// The target's own answers say that it is not.
    pub unsupported: usize,
    /// The harness could not find out.
    pub broken: usize,
}

/// How one case ended.
#[derive(Debug, Serialize)]
pub struct Entry {
    /// Its id.
    pub id: String,
    /// The clause of `docs/semantics.md` that it observes.
    pub clause: &'static str,
    /// `pass`, `fail`, `deviation`, `unsupported` or `broken`.
    pub outcome: &'static str,
    /// Whether that was expected.
    pub expected: bool,
    /// How long it took.
    pub seconds: f64,
    /// Why it did not pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What both sides sent and saw, where it did not pass.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Moment>,
}

/// One thing that happened.
#[derive(Debug, Serialize)]
pub struct Moment {
    /// Seconds since the case began.
    pub at: f64,
    /// Whose hand.
    pub who: String,
    /// `sent`, `got` or `noted`.
    pub what: &'static str,
    /// The bytes as text.
    pub text: String,
}

/// The report of results.
pub fn report(results: &[TargetResult]) -> Report {
    let implementations = results.iter().map(implementation).collect();
    Report { report: FORM, date: now(), implementations }
}

/// The same as text.
pub fn text(results: &[TargetResult]) -> String {
    serde_json::to_string_pretty(&report(results)).unwrap_or_default() + "\n"
}

fn implementation(result: &TargetResult) -> Implementation {
    let of = |name| count(result, None, name);
    Implementation {
        name: result.target.name,
        version: result.target.version.clone(),
        launch: match &result.target.place {
            Place::Here(_) => "native".to_owned(),
            Place::In(container) => container.image.clone(),
            Place::At(_) => "running".to_owned(),
        },
        honest: result.dishonest.is_none(),
        summary: Summary {
            pass: of("pass"),
            fail: of("fail"),
            deviation: of("deviation"),
            unsupported: of("unsupported"),
            broken: of("broken"),
        },
        cases: result.cases.iter().map(entry).collect(),
    }
}

fn entry(result: &CaseResult) -> Entry {
    let passed = result.outcome == Outcome::Pass;
    Entry {
        id: result.case.id(),
        clause: result.case.clause.as_str(),
        outcome: result.name(),
        expected: result.surprise().is_none(),
        seconds: (result.time.as_secs_f64() * 1000.0).round() / 1000.0,
        reason: reason(result),
        evidence: if passed { Vec::new() } else { result.events.iter().map(moment).collect() },
    }
}

/// Why a case did not pass, or passed where it should not.
pub(super) fn reason(result: &CaseResult) -> Option<String> {
    let known = result.deviation.as_ref().map(|d| format!("{} ({})", d.reason, d.source));
    match &result.outcome {
        Outcome::Pass => result.surprise(),
        Outcome::Unsupported(why) | Outcome::Broken(why) => Some(why.clone()),
        Outcome::Fail(failed) => Some(known.unwrap_or_else(|| {
            format!("expected: {}; observed: {}", failed.expected, failed.observed)
        })),
    }
}

pub(super) fn moment(event: &Event) -> Moment {
    Moment {
        at: (event.at.as_secs_f64() * 10_000.0).round() / 10_000.0,
        who: event.who.clone(),
        what: event.what,
        text: event.text.clone(),
    }
}
