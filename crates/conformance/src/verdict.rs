//! What comes of a case.

use std::fmt;
use std::time::Duration;

/// Something was seen that should not be, or the other way round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// What the clause promises.
    pub expected: String,
    /// What was seen in its place.
    pub observed: String,
}

/// Why a case did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The target does not keep the clause.
    Failed(Failed),
    /// The harness could not find out.
    Broken(String),
}

impl Trouble {
    /// A failure.
    pub fn failed(expected: impl Into<String>, observed: impl fmt::Display) -> Self {
        Self::Failed(Failed { expected: expected.into(), observed: observed.to_string() })
    }

    /// A fault of the harness, or of the machine.
    pub fn broken(what: impl fmt::Display) -> Self {
        Self::Broken(what.to_string())
    }
}

/// What a case, or a step of it, gives.
pub type Verdict<T = ()> = Result<T, Trouble>;

/// Fails unless something holds; `observed` is what was seen.
pub fn check(holds: bool, expected: impl Into<String>, observed: impl fmt::Display) -> Verdict {
    if holds { Ok(()) } else { Err(Trouble::failed(expected, observed)) }
}

/// Fails unless a time lies between two numbers of milliseconds.
pub fn within(what: &str, time: Duration, from: u64, to: u64) -> Verdict {
    let window = Duration::from_millis(from)..Duration::from_millis(to);
    check(window.contains(&time), format!("{what} after {from} to {to} ms"), format!("{time:?}"))
}

/// Fails unless two things are equal.
#[allow(clippy::needless_pass_by_value, reason = "cases hand over what they have just made")]
pub fn equal<T: PartialEq + fmt::Debug>(what: &str, observed: T, expected: T) -> Verdict {
    if observed == expected {
        return Ok(());
    }
    Err(Trouble::failed(format!("{what}: {expected:?}"), format!("{observed:?}")))
}

/// How a case ended on a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The clause is kept.
    Pass,
    /// It is not.
    Fail(Failed),
    /// The target said before the run that it does not keep it, for this reason.
    Unsupported(String),
    /// The harness could not find out, for this reason.
    Broken(String),
}

impl Outcome {
    /// Its name in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail(_) => "fail",
            Self::Unsupported(_) => "unsupported",
            Self::Broken(_) => "broken",
        }
    }
}

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Ok(()) => Self::Pass,
            Err(Trouble::Failed(failed)) => Self::Fail(failed),
            Err(Trouble::Broken(why)) => Self::Broken(why),
        }
    }
}
