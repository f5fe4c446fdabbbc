//! What is proven and probed.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args as Arguments, ValueEnum};

/// What is proven, and on what.
#[derive(Debug, Arguments)]
pub(crate) struct ConformanceArguments {
    /// Models of your own: their routes are probed and their `expect` is tried, in place of the catalogue.
    pub(crate) files: Vec<PathBuf>,
    /// A proxy that runs already: what can be seen of it without control, such as `ws://HOST:PORT/ws`.
    #[arg(long, conflicts_with_all = ["files", "target"])]
    pub(crate) url: Option<String>,
    /// Keep the timers of a model as they are written, however long its idle steps take.
    #[arg(long, requires = "files")]
    pub(crate) slow: bool,
    /// The servers: NAME or NAME@VERSION, `serve` for the reference proxy [default: all that are here].
    #[arg(long, value_name = "TARGET")]
    pub(crate) target: Vec<String>,
    /// The cases: a part of an id, or a pattern with `*`.
    #[arg(long, value_name = "PATTERN")]
    pub(crate) case: Option<String>,
    /// How many cases run at a time [default: three for each core].
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// A report to write: `json=FILE`, `junit=FILE`, `html=FILE` or `markdown=FILE`.
    #[arg(long, value_name = "FORM=FILE", value_parser = report_argument)]
    pub(crate) report: Vec<ReportArgument>,
    /// How servers are started: `native` is what is installed, `docker` what is in containers.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) launch: Launch,
    /// The image of a target's containers, in place of the official one: TARGET=IMAGE.
    #[arg(long, value_name = "TARGET=IMAGE")]
    pub(crate) image: Vec<String>,
    /// Keep configurations and logs of every case in a folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) artifacts: Option<PathBuf>,
    /// List the cases and run nothing.
    #[arg(long)]
    pub(crate) list: bool,
}

/// Which WebSocket is tried, and how.
#[derive(Debug, Arguments)]
pub(crate) struct ProbeArguments {
    /// `ws://HOST:PORT/PATH`, or `wss://`.
    pub(crate) url: String,
    /// The Origin.
    #[arg(long)]
    pub(crate) origin: Option<String>,
    /// More fields: `NAME: VALUE`.
    #[arg(long, value_name = "FIELD", value_parser = field)]
    pub(crate) header: Vec<String>,
    /// The text that is sent.
    #[arg(long, default_value = "hello")]
    pub(crate) message: String,
}

/// A field line without anything that would end it.
fn field(text: &str) -> Result<String, String> {
    let (name, value) = text.split_once(':').ok_or("expected NAME: VALUE")?;
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(token) || value.chars().any(char::is_control) {
        return Err("expected NAME: VALUE without control characters".to_owned());
    }
    Ok(text.to_owned())
}

/// How servers are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
pub(crate) enum Launch {
    /// What is installed here.
    #[default]
    Native,
    /// Containers.
    Docker,
}

/// A report that was asked for.
#[derive(Debug, Clone)]
pub(crate) struct ReportArgument {
    /// Its form.
    pub(crate) form: ReportForm,
    /// Where it goes.
    pub(crate) file: PathBuf,
}

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportForm {
    /// For programs.
    Json,
    /// For tools that read `JUnit`.
    Junit,
    /// For people: one file.
    Html,
    /// For summaries.
    Markdown,
}

pub(super) fn report_argument(text: &str) -> Result<ReportArgument, String> {
    let (form, file) =
        text.split_once('=').ok_or("expected FORM=FILE, such as html=report.html")?;
    let form =
        ReportForm::from_str(form, false).map_err(|_| "expected json, junit, html or markdown")?;
    Ok(ReportArgument { form, file: file.into() })
}
