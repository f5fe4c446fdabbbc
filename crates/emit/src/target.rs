//! What a target is: data, and three functions.

use wsgen_model::decode::Decoder;
use wsgen_model::diagnostic::Diagnostics;
use wsgen_model::field::Section;
use wsgen_model::site::Site;
use wsgen_model::tree::Entry;

use wsgen_model::feature::Feature;
use wsgen_model::scalar::TargetVersion;

use crate::selection::Problem;
use crate::support::Support;

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
    /// The generations that it is tested with, oldest first.
    pub generations: &'static [TargetVersion],
    /// The name of its main configuration file.
    pub file: &'static str,
    /// How well it keeps a feature, in a version or in all of them.
    pub support: fn(Feature, Option<TargetVersion>) -> Support,
    /// Writes its configuration; `None` where it cannot be written yet.
    pub render: Option<Render>,
}

/// Writes a configuration; what cannot be written is pushed as an error.
pub(crate) type Render =
    fn(&Site, Option<TargetVersion>, &mut Diagnostics) -> Result<Rendered, Problem>;

/// What was written for a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The main configuration.
    pub main: String,
}
