//! Route choice: which route a request belongs to. The single authority that the reference proxy uses and
//! that every rendered configuration must reproduce.

mod beginnings;
mod conditions;
mod normal_path;
#[cfg(test)]
mod reference;
mod request;
mod router;

pub(crate) use conditions::tie_rank;
pub use normal_path::{NormalPath, PathProblem};
pub use request::{Outcome, Request, Version};
pub use router::Router;
