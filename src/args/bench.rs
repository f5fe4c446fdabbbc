//! What is measured.

use std::num::NonZeroUsize;

use clap::Args as Arguments;
use wsgen_bench::plan::{Workload, bytes};

use super::ReportArgument;

/// What is measured, on which servers, and for how long.
#[derive(Debug, Arguments)]
pub(crate) struct BenchArguments {
    /// The servers: `serve` for the reference proxy, or a target of `render` [default: all that are here].
    #[arg(long, value_name = "TARGET")]
    pub(crate) target: Vec<String>,
    /// The workloads: `echo`, `echo:SIZE`, `rate`, `churn`, `http`, `idle`, `reload` [default: all].
    #[arg(long, value_name = "WORKLOAD")]
    pub(crate) workload: Vec<String>,
    /// Connections at a time.
    #[arg(long, value_name = "N", default_value = "64")]
    pub(crate) conns: NonZeroUsize,
    /// The size of the messages of `echo`, such as `125`, `4k` or `1m` [default: five sizes].
    #[arg(long, value_name = "BYTES", value_parser = |text: &str| bytes(text).ok_or("expected a size of 1 to 16m"))]
    pub(crate) size: Option<usize>,
    /// How long each measurement takes.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub(crate) secs: f64,
    /// How often each measurement is repeated, in turns.
    #[arg(long, value_name = "N", default_value = "5")]
    pub(crate) rounds: NonZeroUsize,
    /// Threads of each server. With one, servers and load get a core each where there are two.
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) threads: NonZeroUsize,
    /// Routes of the model; the last takes the load.
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) routes: NonZeroUsize,
    /// Let clients come by TLS.
    #[arg(long)]
    pub(crate) tls: bool,
    /// A report to write: `json=FILE`, `html=FILE` or `markdown=FILE`.
    #[arg(long, value_name = "FORM=FILE", value_parser = super::conformance::report_argument)]
    pub(crate) report: Vec<ReportArgument>,
}

impl BenchArguments {
    /// The workloads that are asked for; an error names the one that is none.
    pub(crate) fn workloads(&self) -> Result<Vec<Workload>, String> {
        if self.workload.is_empty() && self.size.is_none() {
            return Ok(Workload::ALL.to_vec());
        }
        let names =
            if self.workload.is_empty() { vec!["echo".to_owned()] } else { self.workload.clone() };
        let mut all = Vec::new();
        for name in names {
            for workload in Workload::named(&name, self.size).ok_or(name)? {
                if !all.contains(&workload) {
                    all.push(workload);
                }
            }
        }
        Ok(all)
    }
}

fn seconds(text: &str) -> Result<f64, &'static str> {
    let number = text.parse::<f64>().ok().filter(|number| (0.05..=600.0).contains(number));
    number.ok_or("expected a number from 0.05 to 600")
}
