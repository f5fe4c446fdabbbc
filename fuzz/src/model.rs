//! Models: findings stay inside of the text, a text without errors is a site, and laying out is done once and for all.

use wsgen_model::format::format;
use wsgen_model::source::{SourceId, Sources};

/// Checks one text of a model.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let sources = Sources::single("fuzz.yaml", text);
    let (site, findings) = wsgen_model::read(&sources);
    assert_eq!(site.is_none(), findings.has_errors());
    for label in findings.iter().filter_map(|finding| finding.primary.as_ref()) {
        let range = label.span.range();
        assert!(range.start <= range.end && range.end <= text.len());
        assert!(text.is_char_boundary(range.start) && text.is_char_boundary(range.end));
    }
    let Ok(once) = format(SourceId(0), text) else { return };
    assert_eq!(format(SourceId(0), &once).ok().as_deref(), Some(once.as_str()));
    let (again, _) = wsgen_model::read(&Sources::single("fuzz.yaml", once));
    assert_eq!(site.is_some(), again.is_some());
}
