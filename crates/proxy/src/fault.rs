//! Panics on demand, for tests of what they leave standing. Builds without debug assertions, and so all releases, have
//! none of this.
//!
//! `WSGEN_FAULT` names a file. Whoever comes to the point that the file names removes the file, and panics: once, in one
//! thread. With a `!` behind the name the file stays, and everybody who comes there panics.

/// Panics if a fault was asked for here.
#[cfg(debug_assertions)]
pub(crate) fn point(here: &str) {
    use std::path::PathBuf;
    use std::sync::OnceLock;

    static FILE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let file = FILE.get_or_init(|| std::env::var_os("WSGEN_FAULT").map(PathBuf::from));
    let Some(file) = file else { return };
    let Ok(asked) = std::fs::read_to_string(file) else { return };
    // Of several threads that come here at once, one removes it.
    let is_due = match asked.strip_suffix('!') {
        Some(always) => always == here,
        None => asked == here && std::fs::remove_file(file).is_ok(),
    };
    assert!(!is_due, "a fault was asked for: {here}");
}

/// Nothing, in a release.
#[cfg(not(debug_assertions))]
pub(crate) fn point(_: &str) {}
