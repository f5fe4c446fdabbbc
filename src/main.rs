//! The `wsgen` command: arguments in, one library call, an exit code out.

use std::process::ExitCode;

mod args;
mod commands;
mod input;
mod output;
mod report;
mod status_page;
mod today;

use clap::Parser;

/// A proxy allocates for each handshake and request, and frees in another order: measured in docs/decisions/bench.md.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let args = args::Args::parse();
    let result = commands::run(args);
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => {
            report::failure(&failure);
            output::Exit::Failed.into()
        }
    }
}
