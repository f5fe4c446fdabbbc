//! What a target is: data, and three functions.

use wsgen_model::decode::Decoder;
use wsgen_model::field::Section;
use wsgen_model::site::Site;
use wsgen_model::source::Span;
use wsgen_model::tree::Entry;

use wsgen_model::feature::Feature;
use wsgen_model::scalar::TargetVersion;

use crate::annotate::Annotations;
use crate::import::Import;
use crate::import::relocate::Relocate;
use crate::layout::{Installation, Layout, Place};
use crate::recipe::Recipe;
use crate::rendering::Rendering;
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
    /// Where its files lie.
    pub place: fn(Layout) -> Place,
    /// How well it keeps a feature, in a version or in all of them.
    pub support: fn(Feature, Option<TargetVersion>) -> Support,
    /// How it is run.
    pub recipe: Recipe,
    /// The files of a model whose bytes it must see.
    pub needs: fn(&Site) -> Vec<Need>,
    /// Reads its configuration.
    pub import: Import,
    /// Moves its configuration to another place.
    pub relocate: Relocate,
    /// What its checker does not know, in the words in which it says so.
    pub unknown: fn(&str) -> Option<String>,
    /// How much a text looks like its configuration.
    pub traits: fn(&str) -> usize,
    /// What its directives stand for.
    pub(crate) annotations: Annotations,
    /// Writes its configuration.
    pub(crate) render: Render,
}

/// Writes a configuration; what cannot be written is pushed as an error.
pub(crate) type Render = fn(Rendering<'_>) -> Result<Rendered, Problem>;

/// A file that a model names and whose bytes a target must see, because the server reads them in another form or
/// another place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Its name as the model has it, relative to the model's file.
    pub path: String,
    /// Where the model names it.
    pub span: Span,
}

/// What was written for a target.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rendered {
    /// The main configuration.
    pub main: String,
    /// Files beside it.
    pub files: Vec<RenderedFile>,
    /// How the tree of a distribution is put into place.
    pub installation: Option<Installation>,
    /// Directives that annotations say nothing of, because templates of one's own have put them there.
    pub unannotated: Vec<String>,
}

/// A file that the main configuration names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedFile {
    /// Its name, from the root of what is written.
    pub name: String,
    /// What it holds.
    pub bytes: Vec<u8>,
    /// Whether only its owner may read it.
    pub private: bool,
}
