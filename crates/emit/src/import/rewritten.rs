//! Whether the paths of a route have the prefix that the route changes (`rewrite/prefix`).

use super::draft::{Draft, Site};
use super::ledger::Id;
use super::matcher::is_below;

/// Why the requests of such a route are refused.
pub(crate) const NO_SUCH_PREFIX: &str = "the prefix that is changed is not one of every path that comes here, which the model cannot say: a placeholder answers them with 502";

impl Site {
    /// Refuses the requests of routes that change a prefix which some of their paths do not have, so that they fall to no other
    /// route. Returns the directives of these routes.
    pub(super) fn refuse_prefixes(&mut self) -> Vec<Id> {
        let mut refused = Vec::new();
        for item in &mut self.routes {
            let places: [&[&str]; 3] = [
                &["rewrite", "strip_prefix"],
                &["rewrite", "replace_prefix", "from"],
                &["redirect", "prefix", "from"],
            ];
            let from = places.iter().find_map(|path| item.fields.text(path));
            if from.is_none_or(|from| all_below(item.fields.get(&["match"]), from)) {
                continue;
            }
            let kept = ["name", "listeners", "hostnames", "match", "priority"];
            if let Draft::Map(entries) = &mut item.fields {
                entries.retain(|(key, _)| kept.contains(&key.as_str()));
            }
            item.fields.set(&["respond", "status"], 502_u64);
            let name = item.fields.text(&["name"]);
            let own = self.made_of.iter().filter(|(known, _)| Some(known.as_str()) == name);
            refused.extend(own.filter_map(|(_, ids)| ids.last().copied()));
        }
        refused
    }
}

/// Whether every entry of a `match` is for paths below a prefix.
fn all_below(entries: Option<&Draft>, prefix: &str) -> bool {
    let Some(Draft::List(entries)) = entries else { return prefix == "/" };
    entries.iter().all(|entry| {
        let text = |kind: &str| entry.text(&["path", kind]);
        // What begins with a text may go on within its last segment.
        let folder = || Some(text("starts_with")?.rsplit_once('/')?.0);
        let path = text("prefix").or(text("exact")).or_else(folder);
        prefix == "/" || path.is_some_and(|path| is_below(path, prefix))
    })
}
