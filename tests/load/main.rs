//! Tests that need much of the machine, or all descriptors of their process. They run one at a time.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attack;
mod bench;
mod isolation;
mod many;
mod passwords;
#[path = "../real_server/mod.rs"]
mod real_server;
mod soak;

use tokio::sync::Mutex;

/// Held by a test of this file's modules while it runs, because the harness runs tests of one binary side by side.
static MACHINE: Mutex<()> = Mutex::const_new(());
