//! What a target is: data, and three functions.

use wsgen_model::decode::Decoder;
use wsgen_model::diagnostic::Diagnostics;
use wsgen_model::field::Section;
use wsgen_model::site::Site;
use wsgen_model::tree::Entry;

use crate::selection::Problem;

/// A server that models are rendered for.
#[derive(Debug)]
pub struct Target {
    /// Its name on the command line and in models.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// The description of its own settings below `targets`.
    pub settings: fn() -> Section,
    /// Judges its own settings.
    pub check_settings: fn(&[Entry], &mut Decoder<'_>),
    /// Writes its configuration; `None` where it cannot be written yet.
    pub render: Option<Render>,
}

/// Writes a configuration, or refuses with findings.
pub(crate) type Render = fn(&Site, &mut Diagnostics) -> Result<Option<Rendered>, Problem>;

/// What was written for a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The main configuration.
    pub main: String,
}
