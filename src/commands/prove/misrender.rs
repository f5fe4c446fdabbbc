//! A faulty renderer on demand, for tests of what proves a migration. Builds without debug assertions, and so all releases,
//! have none of this.
//!
//! `WSGEN_MISRENDER` names a file of two lines: a text of the new configuration, and what stands in its place. Where there is
//! no second line, the lines with the text are gone.

use wsgen_conformance::stage::Fault;

/// Returns the fault that was asked for.
#[cfg(debug_assertions)]
pub(super) fn fault() -> Option<Fault> {
    let file = std::env::var_os("WSGEN_MISRENDER")?;
    let asked = std::fs::read_to_string(file).ok()?;
    let mut lines = asked.lines().map(str::to_owned);
    Some(Fault { text: lines.next()?, instead: lines.next() })
}

/// Returns `None`: a release plays no faults.
#[cfg(not(debug_assertions))]
pub(super) const fn fault() -> Option<Fault> {
    None
}
