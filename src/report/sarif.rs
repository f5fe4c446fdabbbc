//! For code scanning: SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format").

use std::collections::BTreeSet;

use serde_json::{Value, json};
use wsgen_model::code::CODES;
use wsgen_model::diagnostic::{Diagnostic, Diagnostics, Severity};
use wsgen_model::source::Sources;

/// One run with one result for each finding.
pub(super) fn render(diagnostics: &Diagnostics, sources: &Sources) -> String {
    let used: BTreeSet<&str> = diagnostics.iter().map(|finding| finding.code.as_str()).collect();
    let rules: Vec<Value> = CODES
        .iter()
        .filter(|entry| used.contains(entry.code.as_str()))
        .map(|entry| {
            json!({"id": entry.code.as_str(), "shortDescription": {"text": entry.title},
                   "help": {"text": format!("wsgen explain {}", entry.code)}})
        })
        .collect();
    let results: Vec<Value> = diagnostics.iter().map(|finding| result(finding, sources)).collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "wsgen", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "results": results
        }]
    });
    format!("{log:#}\n")
}

fn result(finding: &Diagnostic, sources: &Sources) -> Value {
    let level = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let help = finding.help.as_ref().map(|help| format!(" {help}.")).unwrap_or_default();
    let mut result = json!({
        "ruleId": finding.code.as_str(),
        "level": level,
        "message": {"text": format!("{}.{help}", finding.message)}
    });
    let place = finding.primary.as_ref().and_then(|label| {
        let source = sources.get(label.span.source)?;
        let range = label.span.range();
        let (start, end) = (source.position(range.start), source.position(range.end));
        Some(json!({"physicalLocation": {
            "artifactLocation": {"uri": source.name()},
            "region": {"startLine": start.line, "startColumn": start.column,
                       "endLine": end.line, "endColumn": end.column}
        }}))
    });
    if let Some(place) = place {
        result["locations"] = json!([place]);
    }
    result
}
