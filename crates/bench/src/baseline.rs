//! Whom everybody is compared with.

/// The servers that people would run otherwise, by the names of their targets.
pub(crate) const BASELINES: [&str; 2] = ["nginx", "haproxy"];
