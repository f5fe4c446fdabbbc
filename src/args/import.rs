//! What is read of servers' own configurations.

use std::path::PathBuf;

use clap::Args as Arguments;

use super::LossArgument;

/// What is read.
#[derive(Debug, Arguments)]
pub(crate) struct ReadArguments {
    /// The main file of a configuration, or the files of its sites.
    #[arg(required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Whose configuration it is [default: guessed, and said].
    #[arg(long, value_name = "TARGET")]
    pub(crate) from: Option<String>,
    /// The root that absolute names of the configuration are below.
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// A report of every directive: `json=FILE`.
    #[arg(long, value_name = "FORM=FILE", value_parser = import_report)]
    pub(crate) report: Vec<PathBuf>,
    /// What becomes of losses [default: an error where one opens something, else a warning].
    #[arg(long, value_enum)]
    pub(crate) loss: Option<LossArgument>,
}

fn import_report(text: &str) -> Result<PathBuf, String> {
    let file = text.strip_prefix("json=").filter(|file| !file.is_empty());
    file.map(PathBuf::from).ok_or_else(|| "expected json=FILE".to_owned())
}

/// Where the model goes.
#[derive(Debug, Arguments)]
pub(crate) struct ImportArguments {
    #[command(flatten)]
    pub(crate) read: ReadArguments,
    /// Where the model is written [default: standard output].
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// From one server to another.
#[derive(Debug, Arguments)]
pub(crate) struct MigrateArguments {
    #[command(flatten)]
    pub(crate) import: ReadArguments,
    /// The new server, with a version if it is known: NAME or NAME@VERSION.
    #[arg(long, value_name = "TARGET")]
    pub(crate) to: String,
    /// The folder of the model and of the new configuration.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// Run the new server's own checker over what was rendered, for the version that is installed.
    #[arg(long)]
    pub(crate) validate: bool,
}
