//! `wsgen conformance` and the commands that are built on it, on every server that is installed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod catalogue;
mod cookbook;
mod differential;
mod faults;
mod interrupted;
mod migrate;
mod ordinary_user;
mod own;
#[path = "../real_server/mod.rs"]
mod real_server;
mod report;
