//! For programs: one JSON document.

use serde_json::{Value, json};
use wsgen_model::diagnostic::{Diagnostics, Label, Severity};
use wsgen_model::source::Sources;

/// `{diagnostics: […], summary: {…}}`; lines and columns from 1, columns in characters.
pub(super) fn render(diagnostics: &Diagnostics, sources: &Sources) -> String {
    let list: Vec<Value> = diagnostics
        .iter()
        .map(|d| {
            json!({
                "code": d.code.as_str(),
                "severity": d.severity.as_str(),
                "message": d.message,
                "primary": d.primary.as_ref().map(|label| place(label, sources)),
                "secondary": d.secondary.iter().map(|label| place(label, sources)).collect::<Vec<_>>(),
                "help": d.help,
                "clause": d.clause.map(wsgen_model::clause::Clause::as_str),
            })
        })
        .collect();
    let document = json!({
        "diagnostics": list,
        "summary": {
            "errors": diagnostics.count(Severity::Error),
            "warnings": diagnostics.count(Severity::Warning),
            "notes": diagnostics.count(Severity::Note),
        },
    });
    format!("{document:#}\n")
}

fn place(label: &Label, sources: &Sources) -> Value {
    let Some(source) = sources.get(label.span.source) else {
        return Value::Null;
    };
    let range = label.span.range();
    let (start, end) = (source.position(range.start), source.position(range.end));
    json!({
        "file": source.name(),
        "line": start.line,
        "column": start.column,
        "end_line": end.line,
        "end_column": end.column,
        "text": label.text,
    })
}
