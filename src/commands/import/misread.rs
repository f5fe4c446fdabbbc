//! A faulty importer on demand, for tests of what proves an import. Builds without debug assertions, and so all releases, have
//! none of this.
//!
//! `WSGEN_MISREAD` names a file: what an importer with a fault would have read in the place of the one that is imported. The
//! original is run as it stands.

use wsgen_model::source::{Source, Sources};

/// Returns what is read in the place of these sources, if a fault was asked for.
pub(super) fn instead(sources: &Sources) -> Option<Sources> {
    let file = std::env::var_os("WSGEN_MISREAD")?;
    let text = std::fs::read_to_string(file).ok()?;
    let (_, original) = sources.iter().next()?;
    let mut all = Sources::default();
    all.add(Source::new(original.name().to_owned(), text));
    Some(all)
}
