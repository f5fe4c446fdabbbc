//! Tables of Markdown.

use super::how;
use super::table::{cells, heading};
use crate::statistics::Results;

/// For a page.
pub fn markdown(results: &Results) -> String {
    let mut page = format!("{}\n", how(results));
    for workload in results.workloads() {
        let cells = cells(results, workload);
        let Some((first, rest)) = cells.split_first() else { continue };
        page.push_str(&format!("\n### {}\n\n", heading(results, workload)));
        page.push_str(&format!(
            "| {} |\n|---|{}\n",
            first.join(" | "),
            "--:|".repeat(first.len() - 1)
        ));
        for row in rest {
            page.push_str(&format!("| {} |\n", row.join(" | ")));
        }
    }
    page
}
