//! One file for each verb.

mod bench;
pub(crate) mod check;
mod completions;
mod conformance;
mod diff;
mod echo;
mod explain;
mod fmt;
mod import;
mod init;
mod kept;
mod layout;
mod man;
mod migrate;
mod probe;
mod prove;
mod reload;
mod render;
mod schema;
mod serve;
mod tunnels;
mod validate;

use crate::args::{Args, Command};
use crate::output::{Exit, Failure};

/// Runs what the command line asks for.
pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    match args.command {
        Command::Check { files, format, strict } => check::run(&files, format, strict),
        Command::Fmt { files, check } => fmt::run(&files, check),
        Command::Explain { code } => explain::run(code.as_deref()),
        Command::Schema => schema::run(),
        Command::Init { file, preset, force } => init::run(&file, preset, force),
        Command::Import(arguments) => import::run(&arguments),
        Command::Migrate(arguments) => migrate::run(&arguments),
        Command::Render(arguments) => render::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Reload(admin) => reload::run(&admin),
        Command::Tunnels { admin, json } => tunnels::run(&admin, json),
        Command::Keep => kept::keep(),
        Command::Conformance(arguments) => conformance::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Echo { address } => echo::run(address),
        Command::Probe(arguments) => probe::run(&arguments),
        Command::Diff { old, new, target } => diff::run(&old, &new, target.as_deref()),
        Command::Man { folder } => man::run(folder.as_deref()),
        Command::Completions { shell } => completions::run(shell),
    }
}
