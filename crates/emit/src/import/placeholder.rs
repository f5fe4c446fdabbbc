//! Placeholders: a rule that was not read in full refuses its requests until somebody has settled the question.

use super::draft::Draft;

/// Why a rule is lost whose place a placeholder takes, where nothing was said at its own words.
pub(crate) const UNTOLD: &str = "the model cannot tell some requests of this rule, or of a rule ahead of it, apart from others: a placeholder answers them with 502";

/// What takes the place of a rule that was not read in full: its requests fall to no other route.
pub(crate) fn placeholder() -> Draft {
    Draft::of("respond", Draft::of("status", 502_u64))
}
