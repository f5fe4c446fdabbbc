//! Overlapping rules for WebSockets and for the rest of the same requests.

use super::entry::Entry;
use super::rules::Route;
use super::twins::merged;

/// Returns the list in which two neighbours are one route if the first takes the WebSockets and the second the other
/// requests of the same entries, and both do the same with them.
pub(super) fn joined_pairs(list: Vec<Route>) -> Vec<Route> {
    let mut all: Vec<Route> = Vec::with_capacity(list.len());
    for route in list {
        match all.last().and_then(|handshakes| joined(handshakes, &route)) {
            Some(both) => {
                all.pop();
                all.push(both);
            }
            None => all.push(route),
        }
    }
    all
}

/// Returns one route for both.
fn joined(handshakes: &Route, rest: &Route) -> Option<Route> {
    let without = |entry: &Entry| Entry { websocket: false, ..entry.clone() };
    let entries: Vec<Entry> = handshakes.entries.iter().map(without).collect();
    let pair = handshakes.entries.iter().all(|entry| entry.websocket)
        && entries == rest.entries
        && handshakes.hosts == rest.hosts
        && handshakes.not_hosts == rest.not_hosts
        && handshakes.listeners == rest.listeners
        && !handshakes.placeholder
        && !rest.placeholder;
    let fields = pair.then(|| merged(&handshakes.fields, &rest.fields)).flatten()?;
    let mut ids = handshakes.ids.clone();
    ids.extend(rest.ids.iter().filter(|id| !handshakes.ids.contains(id)));
    Some(Route { ids, entries, fields, plain: false, ..handshakes.clone() })
}
