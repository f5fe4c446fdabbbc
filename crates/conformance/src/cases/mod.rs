//! The cases, one file for each family.

mod answer;
mod close;
mod data;
mod failure;
mod handshake;
mod pressure;
mod timers;

use crate::case::Case;

/// The families, in the order of reports.
pub(crate) const FAMILIES: &[&[Case]] = &[
    handshake::CASES,
    answer::CASES,
    data::CASES,
    close::CASES,
    timers::CASES,
    pressure::CASES,
    failure::CASES,
];
