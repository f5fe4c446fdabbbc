//! Whether the paths of a route have the prefix that the route changes (`rewrite/prefix`).

use super::draft::Draft;
use super::matcher::is_below;

/// Whether every entry of a `match` is for paths below a prefix.
pub(super) fn all_below(entries: Option<&Draft>, prefix: &str) -> bool {
    let Some(Draft::List(entries)) = entries else { return prefix == "/" };
    entries.iter().all(|entry| {
        let text = |kind: &str| entry.text(&["path", kind]);
        // What begins with a text may go on within its last segment.
        let folder = || Some(text("starts_with")?.rsplit_once('/')?.0);
        let path = text("prefix").or(text("exact")).or_else(folder);
        prefix == "/" || path.is_some_and(|path| is_below(path, prefix))
    })
}
