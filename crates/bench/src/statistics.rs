//! What was measured, and how it compares: medians, and ratios of the same round.

use serde::Serialize;

use crate::baseline::BASELINES;
use crate::plan::{Plan, Workload};
use crate::run::DIRECT;

/// One measurement under load.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Sample {
    /// Messages, handshakes or requests a second.
    pub per_second: f64,
    /// Processor time of the server for each, in microseconds; none without a server.
    pub cpu: Option<f64>,
    /// Milliseconds.
    pub p50: f64,
    /// Milliseconds.
    pub p99: f64,
    /// Milliseconds.
    pub p999: f64,
    /// What broke or came back changed.
    pub errors: u64,
    /// Cores that others used meanwhile.
    pub others: f64,
}

/// What idle tunnels hold.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Held {
    /// How many were open.
    pub tunnels: usize,
    /// Bytes of the server's processes for each (proportional set size).
    pub bytes: f64,
    /// Bytes of the kernel's slabs for each, all four ends of both connections.
    pub kernel: f64,
    /// Bytes before.
    pub base: u64,
    /// Bytes after all have closed.
    pub after: u64,
    /// Tunnels that carried no message any more.
    pub dead: usize,
}

/// One or the other.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Figures {
    Busy(Sample),
    Idle(Held),
}

/// A server under a workload.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The workload.
    #[serde(serialize_with = "as_text")]
    pub workload: Workload,
    /// The server, with its version.
    pub target: String,
    /// A measurement for each round.
    pub samples: Vec<Sample>,
    /// What idle tunnels hold.
    pub held: Option<Held>,
}

fn as_text<S: serde::Serializer>(workload: &Workload, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(workload)
}

/// Everything that was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Results {
    /// What it was measured on.
    pub machine: String,
    /// The day.
    pub date: String,
    /// Whether servers and load had a core each.
    pub pinned: bool,
    /// Whether clients came by TLS.
    pub tls: bool,
    /// Routes of the model.
    pub routes: usize,
    /// Connections at a time.
    pub connections: usize,
    /// Seconds of a measurement.
    pub seconds: f64,
    /// Threads of each server.
    pub threads: usize,
    /// By workload, then by server.
    pub rows: Vec<Row>,
}

/// A median with its quartiles.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// A quarter is below.
    pub low: f64,
    /// The middle.
    pub median: f64,
    /// A quarter is above.
    pub high: f64,
}

/// A figure of a sample.
pub type Figure = fn(&Sample) -> Option<f64>;

/// Processor time for each.
pub const CPU: Figure = |sample| sample.cpu;
/// How many a second.
pub const PER_SECOND: Figure = |sample| Some(sample.per_second);
/// The slowest hundredth.
pub const P99: Figure = |sample| Some(sample.p99);

impl Results {
    pub(crate) fn new(plan: &Plan, names: &[String], machine: String, pinned: bool) -> Self {
        let rows = plan.workloads.iter().flat_map(|workload| {
            names.iter().map(|name| Row {
                workload: *workload,
                target: name.clone(),
                samples: Vec::new(),
                held: None,
            })
        });
        Self {
            machine,
            date: chrono::Local::now().format("%Y-%m-%d").to_string(),
            pinned,
            tls: plan.tls,
            routes: plan.routes,
            connections: plan.connections,
            seconds: plan.time.as_secs_f64(),
            threads: plan.threads,
            rows: rows.collect(),
        }
    }

    pub(crate) fn add(
        &mut self,
        workload: Workload,
        target: usize,
        _round: usize,
        figures: Figures,
    ) {
        let row = self.rows.iter_mut().filter(|row| row.workload == workload).nth(target);
        match (row, figures) {
            (Some(row), Figures::Busy(sample)) => row.samples.push(sample),
            (Some(row), Figures::Idle(held)) => row.held = Some(held),
            (None, _) => {}
        }
    }

    /// The workloads, in order.
    pub fn workloads(&self) -> Vec<Workload> {
        let mut all: Vec<Workload> = self.rows.iter().map(|row| row.workload).collect();
        all.dedup();
        all
    }

    /// The rows of a workload that have figures.
    pub fn of(&self, workload: Workload) -> impl Iterator<Item = &Row> {
        let rows = self.rows.iter().filter(move |row| row.workload == workload);
        rows.filter(|row| !row.samples.is_empty() || row.held.is_some())
    }

    /// Whom a row is compared with, by name: the usual servers that were measured, and nobody between.
    pub fn baselines(&self, workload: Workload) -> Vec<(&'static str, &Row)> {
        let names = BASELINES.iter().chain(std::iter::once(&DIRECT)).copied();
        let found = names.filter_map(|name| {
            let row = self.of(workload).find(|row| row.target.split(' ').next() == Some(name))?;
            Some((name, row))
        });
        found.collect()
    }

    /// Cores that others used while a workload was measured: the median.
    pub fn others(&self, workload: Workload) -> f64 {
        let all = self.of(workload).flat_map(|row| row.samples.iter().map(|sample| sample.others));
        spread(all.collect()).map_or(0.0, |spread| spread.median)
    }
}

impl Row {
    /// A figure over all rounds.
    pub fn figure(&self, figure: Figure) -> Option<Spread> {
        spread(self.samples.iter().filter_map(figure).collect())
    }

    /// The ratio to another row, round by round.
    pub fn ratio(&self, other: &Self, figure: Figure) -> Option<Spread> {
        let pairs = self.samples.iter().zip(&other.samples);
        spread(
            pairs
                .filter_map(|(own, other)| Some(figure(own)? / figure(other)?))
                .filter(|ratio| ratio.is_finite())
                .collect(),
        )
    }

    /// Everything that broke.
    pub fn errors(&self) -> u64 {
        self.samples.iter().map(|sample| sample.errors).sum()
    }
}

impl Spread {
    /// Whether less than half of all rounds say which of two is more.
    pub fn is_noise(self) -> bool {
        self.low < 1.0 && self.high > 1.0
    }
}

/// Median and quartiles, between neighbours where they fall between.
fn spread(mut all: Vec<f64>) -> Option<Spread> {
    all.sort_by(f64::total_cmp);
    let last = all.len().checked_sub(1)?;
    #[allow(clippy::cast_possible_truncation, reason = "a place in a list")]
    #[allow(clippy::cast_sign_loss, reason = "a share is not negative")]
    let at = |share: f64| {
        let place = share * last as f64;
        let (low, high) = (place.floor() as usize, place.ceil() as usize);
        all[low] + (all[high] - all[low]) * (place - place.floor())
    };
    Some(Spread { low: at(0.25), median: at(0.5), high: at(0.75) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_stand_between_their_neighbours() {
        let three = spread(vec![3.0, 1.0, 2.0]).unwrap();
        assert_eq!(three, Spread { low: 1.5, median: 2.0, high: 2.5 });
        assert_eq!(spread(vec![]), None);
        assert!(Spread { low: 0.9, median: 1.0, high: 1.1 }.is_noise());
        assert!(!three.is_noise());
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        let sample = |cpu| Sample {
            per_second: 1.0,
            cpu: Some(cpu),
            p50: 1.0,
            p99: 1.0,
            p999: 1.0,
            errors: 0,
            others: 0.0,
        };
        let row = |all: &[f64]| Row {
            workload: Workload::Http,
            target: "a 1".into(),
            samples: all.iter().copied().map(sample).collect(),
            held: None,
        };
        // A slow round is slow for both.
        let ratio = row(&[1.0, 10.0, 1.0]).ratio(&row(&[2.0, 20.0, 2.0]), CPU).unwrap();
        assert_eq!((ratio.low, ratio.median, ratio.high), (0.5, 0.5, 0.5));
    }
}
