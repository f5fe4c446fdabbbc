//! What this target can do. Nothing is rendered yet, so nothing is claimed.

use wsgen_model::feature::Feature;
use wsgen_model::scalar::TargetVersion;

use crate::support::Support;

/// How well a feature is kept.
pub(super) fn support(_feature: Feature, _version: Option<TargetVersion>) -> Support {
    Support::NotYet
}
