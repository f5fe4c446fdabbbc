//! A server's own configuration at another place: one file, on other addresses, with other certificates, for whoever runs
//! it beside what it was migrated to.

use wsgen_model::source::{SourceId, Sources, Span};

use super::Files;

/// Where things lie at the new place. Addresses come in the model's form.
pub trait Elsewhere {
    /// The address to listen on in place of another.
    fn listener(&mut self, address: &str) -> String;

    /// The address of the server that stands for another.
    fn server(&mut self, address: &str) -> String;

    /// A certificate's file; the key's is beside it.
    fn certificate(&mut self) -> Pair;

    /// A file of another kind: users, authorities.
    fn file(&mut self, name: &str) -> String;
}

/// The files of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The certificate alone.
    pub certificate: String,
    /// Its key alone.
    pub key: String,
    /// Both in one.
    pub both: String,
}

/// A configuration that was moved.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Relocated {
    /// Its one file.
    pub text: String,
    /// What had to be changed beyond addresses and files.
    pub changes: Vec<String>,
    /// The places of directives that the server does not know, and that were left out for it.
    pub left_out: Vec<Span>,
}

/// Moves a configuration; directives of these names are left out, because the server that runs it does not know them.
pub type Relocate =
    fn(&mut Sources, &[SourceId], &mut dyn Files, &mut dyn Elsewhere, &[String]) -> Relocated;
