//! The repository itself: rules of the house, and pages that are printed from the code.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod docs;
mod tidy;
