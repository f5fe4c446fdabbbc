//! The harness that proves that every target behaves as the model says.

pub mod peer;
