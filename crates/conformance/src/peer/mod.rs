//! Well-behaved peers of a proxy.

mod echo;

pub use echo::Echo;
