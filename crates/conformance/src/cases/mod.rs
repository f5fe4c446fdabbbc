//! The cases, one file for each family.

mod access;
mod answer;
mod close;
mod data;
mod failure;
mod handshake;
mod headers;
mod pressure;
mod rewriting;
mod routing;
mod smuggling;
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
    routing::CASES,
    rewriting::CASES,
    headers::CASES,
    access::CASES,
    smuggling::CASES,
];
