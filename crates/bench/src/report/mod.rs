//! What was measured, as text for people and as data.

mod html;
mod markdown;
mod table;

pub use html::html;
pub use markdown::markdown;
pub use table::table;

use crate::statistics::{Results, Spread};

/// All of it, for other programs.
pub fn json(results: &Results) -> String {
    serde_json::to_string_pretty(results).unwrap_or_default() + "\n"
}

/// `0.93 (0.90-0.97)`; a `~` where it may be chance.
fn ratio(spread: Option<Spread>) -> String {
    spread.map_or_else(
        || "-".to_owned(),
        |spread| {
            let sign = if spread.is_noise() { "~" } else { "" };
            format!("{sign}{:.2} ({:.2}-{:.2})", spread.median, spread.low, spread.high)
        },
    )
}

/// Three digits that matter.
fn figure(number: Option<f64>) -> String {
    match number {
        None => "-".to_owned(),
        Some(number) if number >= 1_000.0 => format!("{number:.0}"),
        Some(number) if number >= 100.0 => format!("{number:.0}"),
        Some(number) if number >= 10.0 => format!("{number:.1}"),
        Some(number) => format!("{number:.2}"),
    }
}

/// How it was measured, in one line.
fn how(results: &Results) -> String {
    let place = if results.pinned {
        "each server on one core, the load and the echo on another"
    } else {
        "nothing pinned"
    };
    let routes = match results.routes {
        1 => String::new(),
        many => format!("; {many} routes"),
    };
    format!(
        "{}; {} thread{} for each server, {place}{routes}; {} connections{}; {} s a measurement; {}",
        results.machine,
        results.threads,
        if results.threads == 1 { "" } else { "s" },
        results.connections,
        if results.tls { " by TLS" } else { "" },
        results.seconds,
        results.date
    )
}
