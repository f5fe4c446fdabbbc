//! What is read of servers' own configurations.

use std::path::PathBuf;

use clap::Args as Arguments;

use super::LossArgument;

/// What is read.
#[derive(Debug, Arguments)]
pub(crate) struct ReadArguments {
    /// The main file of a configuration, the files of its sites, or the output of `nginx -T`; `-` is standard input.
    #[arg(required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Whose configuration it is, with the version of the server if it is known: NAME or NAME@VERSION [default: guessed,
    /// and said].
    #[arg(long, value_name = "TARGET")]
    pub(crate) from: Option<String>,
    /// The value of a name that the configuration takes from elsewhere: the environment, `envsubst`, the command line.
    #[arg(long, value_name = "NAME=VALUE", value_parser = definition)]
    pub(crate) define: Vec<(String, String)>,
    /// The folder below which included files are read; absolute names of the configuration lie below it [default: the
    /// folders of the files, and the server's own folder in /etc if they lie in it]. Other files are refused.
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// A report of every directive: `json=FILE`.
    #[arg(long, value_name = "FORM=FILE", value_parser = import_report)]
    pub(crate) report: Vec<PathBuf>,
    /// Print every finding at its own place, in the order of the files [default: each reason once for a file, with the number
    /// of its places, the heaviest first].
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// What becomes of losses [default: an error where one opens something, else a warning].
    #[arg(long, value_enum)]
    pub(crate) loss: Option<LossArgument>,
}

fn definition(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    pair.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "expected NAME=VALUE".to_owned())
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
    /// Match whole segments (`prefix: /api`) where the configuration compares texts that end with a whole word, and print what
    /// that changes.
    #[arg(long)]
    pub(crate) simplify: bool,
}

/// From one server to another.
#[derive(Debug, Arguments)]
pub(crate) struct MigrateArguments {
    #[command(flatten)]
    pub(crate) import: ReadArguments,
    /// The new server, with a version if it is known: NAME or NAME@VERSION.
    #[arg(long, value_name = "TARGET")]
    pub(crate) to: String,
    /// Match whole segments as `wsgen import --simplify` does, and print what that changes.
    #[arg(long)]
    pub(crate) simplify: bool,
    /// The folder of the model and of the new configuration.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// Run the new server's own checker over what was rendered, for the version that is installed.
    #[arg(long)]
    pub(crate) validate: bool,
    /// Run the original in its own server and the new configuration in the new one, ask both the same, and print what they
    /// do differently; `timers` leaves tunnels idle too.
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "requests")]
    pub(crate) prove: Option<ProveArgument>,
}

/// What is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ProveArgument {
    /// Requests and handshakes.
    Requests,
    /// These, and how long silent tunnels are kept.
    Timers,
}
