//! Overlapping rules for WebSockets and for the rest of the same requests.

use super::draft::Draft;
use super::entry::Entry;
use super::rules::Route;

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

/// The fields of one route for both of two that are alike but for WebSockets, of which the first is for these alone.
/// Servers that know one timer for a worker have that of the tunnel where the handshake is answered; the model has that
/// of answers. Handshakes are tried again by whoever sends them.
pub(crate) fn merged(first: &Draft, second: &Draft) -> Option<Draft> {
    const OF_TUNNELS: [&[&str]; 6] = [
        &["websocket"],
        &["timeouts", "tunnel_idle"],
        &["limits", "per_ip", "connects_per_minute"],
        &["limits", "per_ip", "ipv6_prefix"],
        &["timeouts", "response_header"],
        &["retries"],
    ];
    let bare = |fields: &Draft| {
        let mut bare = fields.clone();
        for path in OF_TUNNELS {
            bare.remove(path);
        }
        bare
    };
    if first == second {
        return Some(first.clone());
    }
    let forwards = first.get(&["upstream"]).is_some();
    if !forwards || bare(first) != bare(second) {
        return None;
    }
    let mut merged = second.clone();
    for path in &OF_TUNNELS[..4] {
        merged.remove(path);
        if let Some(value) = first.get(path) {
            merged.set(path, value.clone());
        }
    }
    Some(merged)
}
