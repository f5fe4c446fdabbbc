//! A page with bars: what each server needs for a message, beside the numbers.

use super::how;
use super::table::{cells, heading};
use crate::plan::Workload;
use crate::statistics::{CPU, Results};

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#1c2733}\
table{border-collapse:collapse;margin:.6rem 0 1.6rem;font-variant-numeric:tabular-nums}\
td,th{padding:.2rem .7rem;text-align:right;border-bottom:1px solid #dde3e9;white-space:nowrap}\
td:first-child,th:first-child{text-align:left}th{font-weight:600}h2{font-size:1.1rem;margin-top:2rem}\
svg{display:block}.own{fill:#0b7a75}.other{fill:#9aa7b4}svg text{font:13px system-ui,sans-serif;fill:#1c2733}\
@media(prefers-color-scheme:dark){body{background:#12181f;color:#dbe3ea}td,th{border-color:#2b3641}svg text{fill:#dbe3ea}.own{fill:#35b5ae}.other{fill:#5d6b79}}";

/// For people who would rather look.
pub fn html(results: &Results) -> String {
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>wsgen bench</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style>\
         <h1>What a tunnel costs</h1><p>{}</p>\n",
        escaped(&how(results))
    );
    for workload in results.workloads() {
        page.push_str(&format!("<h2>{}</h2>\n", escaped(&heading(results, workload))));
        page.push_str(&bars(results, workload));
        let cells = cells(results, workload);
        page.push_str("<table>");
        for (number, row) in cells.iter().enumerate() {
            let tag = if number == 0 { "th" } else { "td" };
            let cells: String =
                row.iter().map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell))).collect();
            page.push_str(&format!("<tr>{cells}</tr>\n"));
        }
        page.push_str("</table>\n");
    }
    page.push_str("<p>Bars are medians; ratios are medians over rounds, with quartiles. ~ marks what may be chance.</p></html>\n");
    page
}

/// Processor time, or memory, of each server as a bar.
fn bars(results: &Results, workload: Workload) -> String {
    let all: Vec<(String, f64, String)> = results
        .of(workload)
        .filter_map(|row| {
            let (value, unit) = match &row.held {
                Some(held) => (held.bytes, "bytes a tunnel".to_owned()),
                None => (row.figure(CPU)?.median, format!("\u{b5}s of CPU a {}", workload.unit())),
            };
            Some((row.target.clone(), value, format!("{} {unit}", super::figure(Some(value)))))
        })
        .collect();
    let most = all.iter().map(|(_, value, _)| *value).fold(f64::MIN_POSITIVE, f64::max);
    let mut svg = format!("<svg width=\"760\" height=\"{}\" role=\"img\">", all.len() * 28 + 6);
    for (number, (name, value, text)) in all.iter().enumerate() {
        let (y, width) = (number * 28 + 4, value / most * 380.0);
        let own =
            if name.starts_with(wsgen_conformance::launch::REFERENCE) { "own" } else { "other" };
        svg.push_str(&format!(
            "<text x=\"0\" y=\"{0}\">{1}</text><rect class=\"{own}\" x=\"130\" y=\"{y}\" width=\"{width:.1}\" height=\"20\" rx=\"3\"/>\
             <text x=\"{2:.1}\" y=\"{0}\">{3}</text>",
            y + 15,
            escaped(name),
            width + 138.0,
            escaped(text)
        ));
    }
    svg.push_str("</svg>\n");
    svg
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
