//! What is wrong with a model that reads well. One file for each check; CONTRIBUTING says how to add one.

mod accepted_route;
mod address_in_use;
mod append_without_trust;
mod capacity;
mod check_without_upgrade;
mod credentials_from_any_origin;
mod drain_too_long;
mod duplicate_route;
mod handshake_redirect;
mod heartbeat;
mod hop_by_hop;
mod hop_cuts_busy;
mod hop_cuts_idle;
mod idle_without_keepalive;
mod no_server;
mod policy_for_tunnels;
mod require_with_upgrade;
mod runtime_without_resolver;
mod shadowed_by_host;
mod socketio_without_sticky;
mod sticky_single_server;
mod tls_without_certificate;
mod unreachable_route;
mod unused;

pub use hop_by_hop::is_proxys_own;

use crate::diagnostic::Diagnostics;
use crate::site::Site;

/// A check: looks at a draft of a site and pushes what it finds.
type Check = fn(&Site, &mut Diagnostics);

const CHECKS: &[Check] = &[
    accepted_route::check,
    duplicate_route::check,
    unreachable_route::check,
    shadowed_by_host::check,
    handshake_redirect::check,
    require_with_upgrade::check,
    heartbeat::check,
    tls_without_certificate::check,
    sticky_single_server::check,
    socketio_without_sticky::check,
    append_without_trust::check,
    idle_without_keepalive::check,
    runtime_without_resolver::check,
    hop_by_hop::check,
    credentials_from_any_origin::check,
    hop_cuts_idle::check,
    hop_cuts_busy::check,
    drain_too_long::check,
    policy_for_tunnels::check,
    capacity::check,
    address_in_use::check,
    unused::check,
    no_server::check,
    check_without_upgrade::check,
];

/// Runs every check.
pub(crate) fn run(site: &Site, diagnostics: &mut Diagnostics) {
    for check in CHECKS {
        check(site, diagnostics);
    }
}
