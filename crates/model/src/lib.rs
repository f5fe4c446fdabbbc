//! What a wsgen site is: the YAML, its meaning, its diagnostics.
//!
//! Reading order: [`source`] and [`tree`] hold the text, [`config`] the model as written, [`site`] the model
//! as meant, [`routing`] which route a request belongs to, [`check`] what will surprise somebody. The crate
//! knows no server, no file system, no environment and no clock.

pub mod check;
pub mod clause;
pub mod code;
pub mod config;
pub mod decode;
pub mod diagnostic;
pub mod feature;
pub mod field;
pub mod format;
pub mod located;
mod merge;
mod read;
mod resolve;
pub mod routing;
pub mod scalar;
pub mod schema;
pub mod secret;
pub mod site;
pub mod source;
pub mod spelling;
pub mod tree;
mod yaml;

pub use read::read;
