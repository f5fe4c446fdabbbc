//! Any text: reading it never panics, findings stay inside of it, and what can be laid out is laid out once
//! and for all.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsgen_model::format::format;
use wsgen_model::source::{SourceId, Sources};

fuzz_target!(|text: &str| {
    let sources = Sources::single("fuzz.yaml", text);
    let (site, findings) = wsgen_model::read(&sources);
    assert_eq!(site.is_none(), findings.has_errors());
    for label in findings.iter().filter_map(|finding| finding.primary.as_ref()) {
        let range = label.span.range();
        assert!(range.start <= range.end && range.end <= text.len());
    }
    if let Ok(once) = format(SourceId(0), text) {
        let again = format(SourceId(0), &once);
        assert_eq!(again.ok().as_deref(), Some(once.as_str()));
    }
});
