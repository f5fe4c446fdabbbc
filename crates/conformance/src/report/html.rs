//! For people: one file without any other, with everything that was sent and seen.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::json::{Moment, moment, reason};
use super::{cell, families, is_good, now};
use crate::run::{CaseResult, TargetResult};

/// The page; results take the place of the mark in it.
const PAGE: &str = include_str!("page.html");
const MARK: &str = "/*RESULTS*/null";
/// The most of a configuration and of a log that is shown.
const SHOWN: usize = 20_000;

#[derive(Debug, Serialize)]
struct Data {
    date: String,
    good: bool,
    targets: Vec<Column>,
    families: Vec<Family>,
    cases: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Column {
    title: String,
    dishonest: Option<String>,
    totals: String,
}

#[derive(Debug, Serialize)]
struct Family {
    name: &'static str,
    cells: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Row {
    id: String,
    family: &'static str,
    clause: &'static str,
    page: &'static str,
    /// Result by result, in the order of the targets; none where it was not run.
    results: Vec<Option<Cell>>,
}

#[derive(Debug, Serialize)]
struct Cell {
    outcome: &'static str,
    expected: bool,
    seconds: f64,
    reason: Option<String>,
    events: Vec<Moment>,
    files: BTreeMap<String, String>,
}

/// The page of results.
pub fn text(results: &[TargetResult]) -> String {
    let mut rows: Vec<Row> = Vec::new();
    for (at, result) in results.iter().enumerate() {
        for case in &result.cases {
            let id = case.case.id();
            let row = match rows.iter_mut().position(|row| row.id == id) {
                Some(row) => &mut rows[row],
                None => {
                    let (family, clause) = (case.case.family, case.case.clause.as_str());
                    let results = results.iter().map(|_| None).collect();
                    rows.push(Row { id, family, clause, page: case.case.page, results });
                    let last = rows.len() - 1;
                    &mut rows[last]
                }
            };
            row.results[at] = Some(shown(case));
        }
    }
    let families = families(results).into_iter().map(|name| Family {
        name,
        cells: results.iter().map(|result| cell(result, Some(name))).collect(),
    });
    let data = Data {
        date: now(),
        good: is_good(results),
        targets: results
            .iter()
            .map(|result| Column {
                title: result.target.title(),
                dishonest: result.dishonest.clone(),
                totals: cell(result, None),
            })
            .collect(),
        families: families.collect(),
        cases: rows,
    };
    // `</` would end the script that holds it.
    let data = serde_json::to_string(&data).unwrap_or_default().replace("</", "<\\/");
    PAGE.replace(MARK, &data)
}

fn shown(case: &CaseResult) -> Cell {
    let mut files = BTreeMap::new();
    for server in std::fs::read_dir(&case.folder).into_iter().flatten().flatten() {
        if !server.path().is_dir() {
            continue;
        }
        for file in std::fs::read_dir(server.path()).into_iter().flatten().flatten() {
            if let Some(text) = readable(&file.path()) {
                let name =
                    format!("{}/{}", server.file_name().display(), file.file_name().display());
                files.insert(name, text);
            }
        }
    }
    Cell {
        outcome: case.name(),
        expected: case.surprise().is_none(),
        seconds: (case.time.as_secs_f64() * 1000.0).round() / 1000.0,
        reason: reason(case),
        events: case.events.iter().map(moment).collect(),
        files,
    }
}

/// The text of a file that people would look at.
fn readable(path: &Path) -> Option<String> {
    let known = ["yaml", "conf", "cfg", "log"];
    let kind = path.extension()?.to_str()?;
    if !known.contains(&kind) {
        return None;
    }
    let text = String::from_utf8_lossy(&std::fs::read(path).ok()?).into_owned();
    if text.trim().is_empty() {
        return None;
    }
    let cut = text.char_indices().nth(SHOWN).map_or(text.len(), |(at, _)| at);
    Some(text[..cut].to_owned())
}
