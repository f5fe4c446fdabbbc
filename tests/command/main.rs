//! The commands that read and write text: no server runs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod annotate;
mod bad_input;
mod cli;
mod codes;
mod corpus;
mod diff;
mod every_field;
mod import;
mod import_bounds;
mod import_dump;
mod import_said;
mod oracle;
mod round_trip;
mod several_files;
mod syntax_of_apache;
mod syntax_of_nginx;
mod terminal;
mod versions;
