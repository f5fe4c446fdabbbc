//! `wsgen tunnels`.

use http::Method;
use serde_json::Value;

use crate::args::AdminArguments;
use crate::output::{self, Exit, Failure};
use crate::status_page;

/// What is shown of a tunnel: the column, and the field of the status page.
const COLUMNS: [(&str, &str); 8] = [
    ("CLIENT", "client"),
    ("ROUTE", "route"),
    ("UPSTREAM", "upstream"),
    ("SECONDS", "seconds"),
    ("SILENT", "silent"),
    ("RECEIVED", "received"),
    ("SENT", "sent"),
    ("URI", "uri"),
];

pub(super) fn run(admin: &AdminArguments, json: bool) -> Result<Exit, Failure> {
    let (status, body) = status_page::ask(admin, Method::GET, "/tunnels")?;
    let strange =
        || Failure::new(format!("the proxy answered {status}"), "ask a proxy of this version");
    if status != 200 {
        return Err(strange());
    }
    if json {
        output::print(&body)?;
        return Ok(Exit::Success);
    }
    let tunnels: Vec<Value> = serde_json::from_str(&body).map_err(|_| strange())?;
    output::print(&table(&tunnels))?;
    Ok(Exit::Success)
}

/// Columns as wide as their widest cell; the last is left as it is.
fn table(tunnels: &[Value]) -> String {
    let cell = |tunnel: &Value, field: &str| match &tunnel[field] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut rows = vec![COLUMNS.map(|(title, _)| title.to_owned())];
    rows.extend(tunnels.iter().map(|tunnel| COLUMNS.map(|(_, field)| cell(tunnel, field))));
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..COLUMNS.len()).map(width).collect();
    let line = |row: &[String; COLUMNS.len()]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}
