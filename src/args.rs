//! The command line: types only.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// Routes and timeouts of WebSockets behind a proxy, written once.
///
/// A model in YAML says who listens, what lies behind and which requests go where, with one timer for each
/// phase of a tunnel. wsgen checks it and renders it for the servers that people run.
#[derive(Debug, Parser)]
#[command(name = "wsgen", version, after_help = include_str!("help/wsgen.txt"))]
pub(crate) struct Args {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The form of diagnostics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
pub(crate) enum Format {
    /// For people, with the lines that they are about.
    #[default]
    Human,
    /// One JSON document on standard output.
    Json,
    /// Annotations of GitHub workflows, on standard output.
    Github,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Judge a model: everything that is wrong with it, at once.
    #[command(after_help = include_str!("help/check.txt"))]
    Check {
        /// Model files or folders; `-` is standard input [default: wsgen.yaml].
        files: Vec<PathBuf>,
        /// The form of the findings.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
        /// Treat warnings as errors.
        #[arg(long)]
        strict: bool,
    },
    /// Lay a model out evenly; comments and meaning stay.
    #[command(after_help = include_str!("help/fmt.txt"))]
    Fmt {
        /// Model files or folders; `-` formats standard input to standard output [default: wsgen.yaml].
        files: Vec<PathBuf>,
        /// Change nothing; exit 1 if a file would change.
        #[arg(long)]
        check: bool,
    },
    /// Print the page of a diagnostic code, or list all codes.
    #[command(after_help = include_str!("help/explain.txt"))]
    Explain {
        /// A code such as WSG0204.
        code: Option<String>,
    },
    /// Print the JSON Schema of the model.
    #[command(after_help = include_str!("help/schema.txt"))]
    Schema,
    /// Write a first model, with comments.
    #[command(after_help = include_str!("help/init.txt"))]
    Init {
        /// Where to write; `-` is standard output.
        #[arg(default_value = "wsgen.yaml")]
        file: PathBuf,
        /// What to begin with.
        #[arg(long, value_enum, default_value_t)]
        preset: Preset,
        /// Replace a file that is there.
        #[arg(long)]
        force: bool,
    },
    /// Write the configuration of a server.
    #[command(after_help = include_str!("help/render.txt"))]
    Render {
        /// Model files or folders; `-` is standard input [default: wsgen.yaml].
        files: Vec<PathBuf>,
        /// The server, with a version if it is known: NAME or NAME@VERSION.
        #[arg(long, value_name = "TARGET", required = true)]
        target: Vec<String>,
        /// The folder that the configurations are written to, one file for each target.
        #[arg(short, long, value_name = "DIR")]
        output: Option<PathBuf>,
        /// What becomes of a setting that the target loses.
        #[arg(long, value_enum, default_value_t)]
        loss: LossArgument,
        /// Refuse warnings too.
        #[arg(long)]
        strict: bool,
        /// Templates of your own, by the names of those that they replace, such as nginx/nginx.conf.j2.
        #[arg(long, value_name = "DIR")]
        templates: Option<PathBuf>,
    },
    /// Run a model: the reference proxy.
    #[command(after_help = include_str!("help/serve.txt"))]
    Serve {
        /// Model files or folders; `-` is standard input [default: wsgen.yaml].
        files: Vec<PathBuf>,
        /// How many threads serve [default: one for each core].
        #[arg(long, value_name = "N")]
        threads: Option<NonZeroUsize>,
        /// Reload when a file of the model has changed.
        #[arg(long)]
        watch: bool,
        /// Needs no model: starts an echo and a proxy in front of it, and says how to try them.
        #[arg(long, conflicts_with = "files")]
        demo: bool,
    },
    /// Answer WebSockets with what they say: an upstream to try things with.
    #[command(after_help = include_str!("help/echo.txt"))]
    Echo {
        /// Where it waits.
        #[arg(default_value = "127.0.0.1:3000")]
        address: SocketAddr,
    },
    /// Print the completions of a shell.
    #[command(after_help = include_str!("help/completions.txt"))]
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// What becomes of a setting that somebody wrote and the target loses. A loss that opens something is refused
/// unless the model accepts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
pub(crate) enum LossArgument {
    /// An error.
    #[default]
    Deny,
    /// A warning.
    Warn,
    /// A note.
    Allow,
}

/// What `wsgen init` begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
pub(crate) enum Preset {
    /// One listener, one upstream, every path.
    #[default]
    Minimal,
    /// A chat over TLS, its site beside it.
    Chat,
    /// Socket.IO over several servers.
    Socketio,
    /// Jupyter or `JupyterHub`.
    Jupyter,
    /// Grafana with Live.
    Grafana,
}
