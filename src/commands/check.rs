//! `wsgen check`.

use std::path::PathBuf;

use wsgen_model::diagnostic::{Diagnostics, Severity};
use wsgen_model::site::Site;

use crate::args::Format;
use crate::input::Input;
use crate::output::{self, Exit, Failure};
use crate::{input, report};

pub(super) fn run(files: &[PathBuf], format: Format, strict: bool) -> Result<Exit, Failure> {
    let input = input::read(files)?;
    let (site, mut diagnostics) = judge(&input);
    if strict {
        diagnostics.escalate();
    }
    report::print(format, &diagnostics, &input.sources)?;
    if let (Some(site), Format::Human) = (&site, format) {
        output::print(&describe(site))?;
    }
    Ok(if diagnostics.has_errors() { Exit::Findings } else { Exit::Success })
}

/// Reads a model and lets every target judge its own keys. Where bytes could not be understood, nothing is
/// said of what lies behind them.
pub(crate) fn judge(input: &Input) -> (Option<Site>, Diagnostics) {
    if input.diagnostics.has_errors() {
        return (None, input.diagnostics.clone());
    }
    let (site, mut diagnostics) = wsgen_model::read(&input.sources);
    if let Some(site) = &site {
        wsgen_emit::check(site, &mut diagnostics);
        diagnostics.sort();
    }
    (site.filter(|_| diagnostics.count(Severity::Error) == 0), diagnostics)
}

fn describe(site: &Site) -> String {
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    format!(
        "understood: {}, {}, {}\n",
        count(site.listeners.len(), "listener"),
        count(site.upstreams.len(), "upstream"),
        count(site.routes.len(), "route")
    )
}
