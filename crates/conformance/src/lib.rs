//! The harness that proves that every target behaves as the model says: a [catalogue] of [cases](case), each an
//! observation of one clause of `docs/semantics.md`, [run] with real traffic on real servers.

pub mod case;
mod cases;
pub mod catalogue;
pub mod coverage;
pub mod differential;
pub mod expectation;
mod folder;
mod honesty;
pub mod launch;
pub mod opened;
pub mod own;
pub mod peer;
pub mod prove;
pub mod report;
pub mod run;
pub mod stage;
pub mod transcript;
pub mod verdict;
pub mod wire;
