//! Round by round, in turns: so that what else the machine does falls on every server alike.

use std::io;
use std::path::Path;

use std::time::{Duration, Instant};

use wsgen_conformance::launch::Target;

use crate::echo::Echo;
use crate::load::{self, Clients, Load, Seen};
use crate::machine::{self, Core};
use crate::many::Many;
use crate::plan::{Plan, RATE, SMALL, Workload};
use crate::setup::{self, Running};
use crate::statistics::{Figures, Results, Sample};
use crate::transport;

/// Who is measured without a server between.
pub const DIRECT: &str = "direct";

/// What has been done so far, for whoever waits.
#[derive(Debug)]
pub struct Step<'a> {
    /// The workload.
    pub workload: Workload,
    /// The server.
    pub target: &'a str,
    /// The number of the round, from 1.
    pub round: usize,
}

/// Where the servers run, and where the load does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cores {
    pub(crate) server: Core,
    pub(crate) load: Core,
}

impl Cores {
    /// One core for a server of one thread and another for the load, where there are two.
    fn of(plan: &Plan) -> Self {
        match machine::cores().as_slice() {
            [first, .., last] if plan.threads == 1 && first != last => {
                Self { server: Core::Only(*first), load: Core::Only(*last) }
            }
            _ => Self { server: Core::Any, load: Core::Any },
        }
    }
}

/// Runs a plan in a folder. An error says what could not be started.
pub async fn run(
    plan: &Plan,
    folder: &Path,
    mut tell: impl FnMut(&Step<'_>),
) -> Result<Results, String> {
    let cores = Cores::of(plan);
    let fail = |error: io::Error| format!("the load cannot run: {error}");
    let echo = Echo::start(cores.load).map_err(fail)?;
    let tls = plan.tls.then(transport::client).transpose();
    let tls = tls.map_err(|error| format!("TLS cannot be spoken: {error}"))?;
    let names: Vec<String> =
        std::iter::once(DIRECT.to_owned()).chain(plan.targets.iter().map(Target::title)).collect();
    let mut results = Results::new(plan, &names, machine::describe(), cores.server != Core::Any);
    let busy: Vec<Workload> =
        plan.workloads.iter().copied().filter(|one| !one.is_of_many()).collect();
    if !busy.is_empty() {
        let mut servers = Vec::new();
        for target in &plan.targets {
            let started =
                setup::start(target, plan, echo.address, plan.connections, cores.server, folder);
            servers.push(started.await?);
        }
        for workload in busy {
            for round in 0..plan.rounds {
                for turn in 0..names.len() {
                    let at = (turn + round) % names.len();
                    tell(&Step { workload, target: &names[at], round: round + 1 });
                    let server = at.checked_sub(1).map(|at| &servers[at]);
                    let load = Load {
                        address: server.map_or(echo.address, |server| server.address),
                        tls: tls.clone().filter(|_| server.is_some()),
                        connections: plan.connections,
                        size: match workload {
                            Workload::Echo(size) => Some(size),
                            Workload::Http => None,
                            _ => Some(SMALL),
                        },
                    };
                    let sample = measured(workload, load, server, plan.time, cores.load);
                    let sample = sample
                        .map_err(|error| format!("{} under {workload}: {error}", names[at]))?;
                    results.add(workload, at, round, Figures::Busy(sample));
                }
            }
        }
    }
    for workload in plan.workloads.iter().copied().filter(|one| one.is_of_many()) {
        for (at, target) in plan.targets.iter().enumerate() {
            tell(&Step { workload, target: &names[at + 1], round: 1 });
            let many = Many { target, plan, echo: echo.address, cores, folder, tls: tls.clone() };
            let figures = match workload {
                Workload::Reload => many.reloaded().await?.into_iter().map(Figures::Busy).collect(),
                _ => vec![Figures::Idle(many.idle().await?)],
            };
            for (round, figures) in figures.into_iter().enumerate() {
                results.add(workload, at + 1, round, figures);
            }
        }
    }
    Ok(results)
}

/// One measurement, on a thread of its own that stays on a core.
fn measured(
    workload: Workload,
    load: Load,
    server: Option<&Running>,
    time: Duration,
    core: Core,
) -> io::Result<Sample> {
    let processes = server.map(Running::processes).unwrap_or_default();
    let own = std::process::id();
    let work = move || -> io::Result<Sample> {
        machine::pin(core);
        let mut clients = match workload {
            Workload::Churn => None,
            _ => Some(Clients::open(&load)?),
        };
        // What comes first costs more: memory, caches, connections to the upstream.
        let warm = time / 8;
        let mut once = |time: Duration| -> io::Result<Seen> {
            match (&mut clients, workload) {
                (Some(clients), Workload::Rate) => load::rate(clients, time, RATE),
                (Some(clients), _) => load::saturated(clients, time),
                (None, _) => load::churn(&load, time),
            }
        };
        once(warm)?;
        let (before, ours, busy) =
            (machine::used(&processes), machine::used(&[own]), machine::busy());
        let begin = Instant::now();
        let seen = once(time)?;
        let wall = begin.elapsed();
        let used = machine::used(&processes).saturating_sub(before);
        let ours = machine::used(&[own]).saturating_sub(ours);
        let others = machine::busy().saturating_sub(busy).saturating_sub(used + ours);
        let count = seen.count.max(1) as f64;
        let cpu = (!processes.is_empty()).then(|| used.as_secs_f64() * 1e6 / count);
        Ok(sample(&seen, wall, cpu, others))
    };
    let thread = std::thread::Builder::new().name("load".into()).spawn(work)?;
    thread.join().unwrap_or_else(|_| Err(io::Error::other("the load has panicked")))
}

/// What was seen, in figures.
pub(crate) fn sample(seen: &Seen, wall: Duration, cpu: Option<f64>, others: Duration) -> Sample {
    let quantile = |at: f64| seen.latency.value_at_quantile(at) as f64 / 1e6;
    Sample {
        per_second: seen.count as f64 / wall.as_secs_f64(),
        cpu,
        p50: quantile(0.5),
        p99: quantile(0.99),
        p999: quantile(0.999),
        errors: seen.errors,
        others: others.as_secs_f64() / wall.as_secs_f64(),
    }
}
