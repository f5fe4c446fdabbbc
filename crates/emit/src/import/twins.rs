//! Rules that differ in what they ask of a WebSocket.

use super::draft::Draft;

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
