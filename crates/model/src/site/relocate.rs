//! Moving a model onto loopback.

/// x
#[derive(Debug)]
pub struct Addresses;
