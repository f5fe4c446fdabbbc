//! The targets. Adding one is a folder here, a folder of templates, and a line in this list.

mod apache;
mod haproxy;
mod nginx;

use crate::target::Target;

/// Every target, in the order of the documentation.
pub(crate) const ALL: &[&Target] = &[&nginx::TARGET, &apache::TARGET, &haproxy::TARGET];

/// The directives of each target as types.
pub(crate) mod languages {
    pub use super::apache::syntax as apache;
    pub use super::haproxy::syntax as haproxy;
    pub use super::nginx::syntax as nginx;
}
