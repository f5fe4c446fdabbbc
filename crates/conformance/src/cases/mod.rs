//! The cases, one file for each family.

mod handshake;

use crate::case::Case;

/// The families, in the order of reports.
pub(crate) const FAMILIES: &[&[Case]] = &[handshake::CASES];
