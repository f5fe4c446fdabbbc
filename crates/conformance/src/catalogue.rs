//! Every case, family by family.

use crate::case::Case;
use crate::cases;

/// The families, in the order of reports.
pub const CASES: &[&[Case]] = cases::FAMILIES;

/// Every case.
pub fn all() -> impl Iterator<Item = &'static Case> {
    CASES.iter().copied().flatten()
}
