//! The command line: types only.

mod bench;
mod conformance;
mod import;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args as Arguments, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use wsgen_model::decode::Scalar;
use wsgen_model::scalar::ListenAddress;
use wsgen_proxy::{Filter, Relay};

pub(crate) use self::bench::BenchArguments;
pub(crate) use self::conformance::{
    ConformanceArguments, Launch, ProbeArguments, ReportArgument, ReportForm,
};

pub(crate) use self::import::{ImportArguments, MigrateArguments, ProveArgument, ReadArguments};

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
    /// SARIF 2.1.0 for code scanning, on standard output.
    Sarif,
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
    Render(RenderArguments),
    /// Read a server's own configuration back into a model.
    #[command(after_help = include_str!("help/import.txt"))]
    Import(ImportArguments),
    /// Move a server's own configuration to another server.
    #[command(after_help = include_str!("help/migrate.txt"))]
    Migrate(MigrateArguments),
    /// What changes between two models in meaning, and what a reload does to open tunnels.
    #[command(after_help = include_str!("help/diff.txt"))]
    Diff {
        /// The model of before; `-` is standard input.
        old: PathBuf,
        /// The model of after.
        new: PathBuf,
        /// The server whose answers are compared: NAME or NAME@VERSION.
        #[arg(long, value_name = "TARGET")]
        target: Option<String>,
    },
    /// Run a model: the reference proxy.
    #[command(after_help = include_str!("help/serve.txt"))]
    Serve(ServeArguments),
    /// Have a running proxy read its model anew, and wait for the verdict.
    #[command(after_help = include_str!("help/reload.txt"))]
    Reload(AdminArguments),
    /// List the open tunnels of a running proxy.
    #[command(after_help = include_str!("help/tunnels.txt"))]
    Tunnels {
        #[command(flatten)]
        admin: AdminArguments,
        /// The status page as it is: an array of JSON.
        #[arg(long)]
        json: bool,
    },
    /// End what the process at the other end of standard input has left behind. Started by other verbs.
    #[command(hide = true)]
    Keep,
    /// Drive real traffic through servers, and prove that they behave as the model says.
    #[command(after_help = include_str!("help/conformance.txt"))]
    Conformance(ConformanceArguments),
    /// Measure what a tunnel costs on each server: CPU per message, latency, memory.
    #[command(after_help = include_str!("help/bench.txt"))]
    Bench(BenchArguments),
    /// Answer WebSockets with what they say: an upstream to try things with.
    #[command(after_help = include_str!("help/echo.txt"))]
    Echo {
        /// Where it waits.
        #[arg(default_value = "127.0.0.1:3000")]
        address: SocketAddr,
    },
    /// Try a WebSocket by hand.
    #[command(after_help = include_str!("help/probe.txt"))]
    Probe(ProbeArguments),
    /// Print the manual page, or write those of all verbs into a folder.
    #[command(after_help = include_str!("help/man.txt"))]
    Man {
        /// The folder.
        folder: Option<PathBuf>,
    },
    /// Print the completions of a shell.
    #[command(after_help = include_str!("help/completions.txt"))]
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// What is rendered, and for whom.
#[derive(Debug, Arguments)]
pub(crate) struct RenderArguments {
    /// Model files or folders; `-` is standard input [default: wsgen.yaml].
    pub(crate) files: Vec<PathBuf>,
    /// The server, with a version if it is known: NAME or NAME@VERSION.
    #[arg(long, value_name = "TARGET", required = true)]
    pub(crate) target: Vec<String>,
    /// The folder that the configurations are written to, one file for each target.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Where the files lie: one folder that the server is started in, or the tree of a distribution.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) layout: LayoutArgument,
    /// Say at each directive which field of the model it comes from, or which clause demands it; `full` adds what it is
    /// for and who says so.
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "fields")]
    pub(crate) annotate: Option<AnnotateArgument>,
    /// What becomes of a setting that the target loses.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) loss: LossArgument,
    /// Refuse warnings too.
    #[arg(long)]
    pub(crate) strict: bool,
    /// The form of the findings; one that goes to standard output needs a folder for the configuration.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// Run the server's own checker over what was rendered, for the version that is installed.
    #[arg(long)]
    pub(crate) validate: bool,
    /// Templates of your own, by the names of those that they replace, such as nginx/nginx.conf.j2.
    #[arg(long, value_name = "DIR")]
    pub(crate) templates: Option<PathBuf>,
}

/// How the reference proxy runs.
#[derive(Debug, Arguments)]
pub(crate) struct ServeArguments {
    /// Model files or folders; `-` is standard input [default: wsgen.yaml].
    pub(crate) files: Vec<PathBuf>,
    /// How many threads serve [default: one for each core].
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Where the status pages are served, in place of the model's `admin.address`: loopback or `unix:/PATH`.
    #[arg(long, value_name = "ADDR", value_parser = listen_address)]
    pub(crate) admin: Option<ListenAddress>,
    /// Reload when a file of the model has changed.
    #[arg(long)]
    pub(crate) watch: bool,
    /// The form of both logs, in place of the model's: `text` is `combined` for requests.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
    /// Level of the error log: off, error, warn, info, debug or trace; or a level for each target, such as
    /// `warn,wsgen::health=debug` [default: info].
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log_level: Option<Filter>,
    /// Engine that carries settled tunnels. It is a choice for measurements; `auto` is right otherwise.
    #[arg(long, value_name = "ENGINE", default_value = "auto", env = "WSGEN_RELAY")]
    pub(crate) relay: RelayEngine,
    /// Needs no model: starts an echo and a proxy in front of it, and says how to try them.
    #[arg(long, conflicts_with = "files")]
    pub(crate) demo: bool,
}

/// Who carries settled tunnels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RelayEngine {
    /// epoll(7), once a tunnel is a second old or has carried some messages.
    Auto,
    /// The runtime, as for tunnels by TLS, HTTP/2 and Unix sockets.
    Runtime,
    /// epoll(7), for each tunnel as soon as it is quiet.
    Epoll,
    /// Rings of the kernel, likewise; epoll where the kernel does not allow it.
    #[cfg(feature = "io-uring")]
    IoUring,
}

impl From<RelayEngine> for Relay {
    fn from(engine: RelayEngine) -> Self {
        match engine {
            RelayEngine::Auto => Self::Auto,
            RelayEngine::Runtime => Self::Runtime,
            RelayEngine::Epoll => Self::Epoll,
            #[cfg(feature = "io-uring")]
            RelayEngine::IoUring => Self::IoUring,
        }
    }
}

/// The form of logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// An object of JSON a line.
    Json,
}

/// Which running proxy is meant.
#[derive(Debug, Arguments)]
pub(crate) struct AdminArguments {
    /// The model of the proxy, which says where its status pages are [default: wsgen.yaml].
    pub(crate) files: Vec<PathBuf>,
    /// Where its status pages are: an address and a port, or `unix:/PATH`.
    #[arg(long, value_name = "ADDR", value_parser = listen_address, conflicts_with = "files")]
    pub(crate) admin: Option<ListenAddress>,
}

fn listen_address(text: &str) -> Result<ListenAddress, String> {
    ListenAddress::parse(text).map_err(|problem| problem.message)
}

/// How much a rendering says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AnnotateArgument {
    /// The field or the clause.
    Fields,
    /// A sentence and a source for each kind of directive, too.
    Full,
}

/// Where the files of a rendering lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
pub(crate) enum LayoutArgument {
    /// One folder; the server is started with it as it is.
    #[default]
    Standalone,
    /// Debian and Ubuntu: the tree below /etc, and INSTALL.md.
    Debian,
    /// RHEL and its kin: the tree below /etc, and INSTALL.md.
    Rhel,
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
    /// Home Assistant.
    #[value(name = "home-assistant")]
    HomeAssistant,
    /// Phoenix with `LiveView`.
    #[value(name = "phoenix")]
    Phoenix,
    /// Rails with Action Cable.
    #[value(name = "actioncable")]
    ActionCable,
    /// Django with Channels.
    #[value(name = "django-channels")]
    DjangoChannels,
    /// Vite's development server.
    #[value(name = "vite")]
    Vite,
    /// noVNC with websockify.
    #[value(name = "novnc")]
    NoVnc,
    /// code-server.
    #[value(name = "code-server")]
    CodeServer,
    /// n8n.
    #[value(name = "n8n")]
    N8n,
    /// `SignalR` and Blazor Server.
    #[value(name = "signalr")]
    SignalR,
}
