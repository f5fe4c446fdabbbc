//! `wsgen completions`.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Args;
use crate::output::{self, Exit, Failure};

pub(super) fn run(shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "wsgen", &mut script);
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Success)
}
