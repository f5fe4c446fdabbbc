//! Which routes of a listener belong to which host.

use std::collections::BTreeMap;

use crate::routing::tie_rank;
use crate::scalar::Hostname;
use crate::site::{Entry, ListenerId, PathRule, RouteId, Site};

/// The routes of one listener by the host that they claim (`route/host`), each list in file order.
#[derive(Debug, Clone, Default)]
pub struct Claims<'a> {
    /// Routes by the hostname that they name.
    pub named: BTreeMap<&'a Hostname, Vec<RouteId>>,
    /// Routes without hostnames: for the hosts that no name claims.
    pub rest: Vec<RouteId>,
}

impl Site {
    /// The routes of a listener by host.
    pub fn claims(&self, listener: ListenerId) -> Claims<'_> {
        let mut claims = Claims::default();
        for (number, route) in self.routes.iter().enumerate() {
            if route.listeners.binary_search(&listener).is_err() {
                continue;
            }
            if route.hostnames.is_empty() {
                claims.rest.push(RouteId(number));
            }
            for hostname in &route.hostnames {
                let routes = claims.named.entry(&hostname.value).or_default();
                if routes.last() != Some(&RouteId(number)) {
                    routes.push(RouteId(number));
                }
            }
        }
        claims
    }

    /// The entries of some routes in the order in which they are tried (`route/precedence`, `route/ties`).
    pub fn ranked_entries(&self, routes: &[RouteId]) -> Vec<(RouteId, &Entry)> {
        let mut entries: Vec<(RouteId, &Entry)> = routes
            .iter()
            .flat_map(|id| self.routes[id.0].entries.iter().map(|entry| (*id, entry)))
            .collect();
        // Stable, so that regexes and equals stay in file order.
        entries.sort_by_key(|(id, entry)| {
            let path = match &entry.path {
                PathRule::Exact(_) => (0, 0, 0),
                PathRule::Regex(_) => (1, 0, 0),
                PathRule::Prefix(path) => (2, usize::MAX - path.prefix().len(), 0),
                PathRule::StartsWith(path) => (2, usize::MAX - path.as_str().len(), 1),
            };
            // Regexes go by file order alone.
            let ties = (path.0 != 1).then(|| tie_rank(entry));
            (std::cmp::Reverse(*self.routes[id.0].priority), path, ties)
        });
        entries
    }

    /// Every listener.
    pub fn listener_ids(&self) -> impl Iterator<Item = ListenerId> + use<> {
        (0..self.listeners.len()).map(ListenerId)
    }

    /// Every route with its id.
    pub fn routes_with_ids(&self) -> impl Iterator<Item = (RouteId, &crate::site::Route)> {
        self.routes.iter().enumerate().map(|(number, route)| (RouteId(number), route))
    }
}

impl<'a> Claims<'a> {
    /// All tables: of each name, then the rest.
    pub fn tables(&self) -> impl Iterator<Item = (Option<&'a Hostname>, &[RouteId])> {
        let named = self.named.iter().map(|(name, routes)| (Some(*name), routes.as_slice()));
        named.chain(std::iter::once((None, self.rest.as_slice())))
    }
}
