//! A table for each workload, in columns.

use super::{figure, how, ratio};
use crate::plan::Workload;
use crate::statistics::{CPU, P99, PER_SECOND, Results, Row};

/// The cells of a workload: the names of its columns, then a row for each server.
pub(super) fn cells(results: &Results, workload: Workload) -> Vec<Vec<String>> {
    if workload == Workload::Idle {
        return idle(results);
    }
    let baselines = results.baselines(workload);
    let mut first = vec!["server".to_owned(), format!("CPU us/{}", workload.unit())];
    first.extend(baselines.iter().map(|(name, _)| format!("x {name}")));
    first.retain(|name| name != "x direct");
    first.push(format!("{}s/s", workload.unit()));
    first.extend(baselines.iter().map(|(name, _)| format!("x {name}")));
    first.push("p50/p99/p999 ms".to_owned());
    first.extend(
        baselines
            .iter()
            .filter(|(name, _)| *name != crate::run::DIRECT)
            .map(|(name, _)| format!("p99 x {name}")),
    );
    first.push("errors".to_owned());
    let mut all = vec![first];
    for row in results.of(workload) {
        let compared =
            |figure| baselines.iter().map(move |(_, other)| ratio(row.ratio(other, figure)));
        let servers = baselines.iter().filter(|(name, _)| *name != crate::run::DIRECT).count();
        let mut cells = vec![row.target.clone(), median(row, CPU)];
        cells.extend(compared(CPU).take(servers));
        cells.push(median(row, PER_SECOND));
        cells.extend(compared(PER_SECOND));
        let times: [crate::statistics::Figure; 3] = [|s| Some(s.p50), P99, |s| Some(s.p999)];
        cells.push(times.map(|time| median(row, time)).join("/"));
        cells.extend(compared(P99).take(servers));
        cells.push(row.errors().to_string());
        all.push(cells);
    }
    all
}

fn median(row: &Row, of: crate::statistics::Figure) -> String {
    figure(row.figure(of).map(|spread| spread.median))
}

fn idle(results: &Results) -> Vec<Vec<String>> {
    let names = [
        "server",
        "tunnels",
        "bytes/tunnel",
        "kernel bytes/tunnel",
        "before MiB",
        "after MiB",
        "dead",
    ];
    let mut all = vec![names.map(str::to_owned).to_vec()];
    for row in results.of(Workload::Idle) {
        let Some(held) = &row.held else { continue };
        let mebibytes = |bytes: u64| format!("{:.1}", bytes as f64 / f64::from(1 << 20));
        all.push(vec![
            row.target.clone(),
            held.tunnels.to_string(),
            format!("{:.0}", held.bytes),
            format!("{:.0}", held.kernel),
            mebibytes(held.base),
            mebibytes(held.after),
            held.dead.to_string(),
        ]);
    }
    all
}

/// What is said above a table.
pub(super) fn heading(results: &Results, workload: Workload) -> String {
    if workload == Workload::Idle {
        return "idle tunnels, each used once".to_owned();
    }
    let rounds = results.of(workload).map(|row| row.samples.len()).max().unwrap_or(0);
    let others = results.others(workload);
    let noisy = if others > 0.5 { "; a noisy machine, do not trust small differences" } else { "" };
    format!("{workload} ({rounds} rounds; others used {others:.1} cores{noisy})")
}

/// For a terminal.
pub fn table(results: &Results) -> String {
    let mut page = format!("{}\n", how(results));
    for workload in results.workloads() {
        let cells = cells(results, workload);
        let count = cells.first().map_or(0, Vec::len);
        let width = |at: usize| {
            cells
                .iter()
                .filter_map(|row| row.get(at))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        page.push_str(&format!("\n{}\n", heading(results, workload)));
        for row in &cells {
            let line: Vec<String> = (0..count)
                .map(|at| format!("{:<1$}", row.get(at).map_or("", String::as_str), width(at)))
                .collect();
            page.push_str(&format!("  {}\n", line.join("  ").trim_end()));
        }
    }
    page.push_str(
        "\nRatios are medians over rounds, with quartiles; ~ marks what may be chance.\n",
    );
    page
}
