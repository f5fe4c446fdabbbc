//! Limits for each client address (`limit/connections`, `limit/connects`) and each listener (`limit/listener`).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use wsgen_model::scalar::ListenAddress;
use wsgen_model::site::{PerIp, RouteId};

/// How many counts are kept before those that say nothing are forgotten.
const MANY: usize = 100_000;

/// What clients hold and have asked for, by route.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    counts: Mutex<HashMap<(RouteId, IpAddr), Count>>,
    listeners: Mutex<HashMap<ListenAddress, Arc<AtomicU64>>>,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    open: u64,
    /// Handshakes that are still allowed, and when that was.
    left: f64,
    since: Instant,
}

/// A client's place at a route; it counts as long as it lives.
#[derive(Debug)]
pub(crate) struct ClientPlace {
    clients: Arc<Clients>,
    key: (RouteId, IpAddr),
}

/// The client has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany;

impl Clients {
    /// The connections that a listener holds, of all threads.
    pub(crate) fn listener(&self, address: &ListenAddress) -> Arc<AtomicU64> {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.entry(address.clone()).or_default().clone()
    }

    /// Takes a place, if the route counts any; an error where the client has as many as it may, or asks too often.
    pub(crate) fn enter(
        self: &Arc<Self>,
        route: RouteId,
        client: IpAddr,
        per_ip: &PerIp,
        handshake: bool,
    ) -> Result<Option<ClientPlace>, TooMany> {
        let rate = per_ip.connects_per_minute.map(|rate| rate.get());
        let most = per_ip.connections.map(|most| most.get());
        if rate.is_none() && most.is_none() {
            return Ok(None);
        }
        let key = (route, client);
        let now = Instant::now();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() > MANY {
            counts.retain(|_, count| count.open > 0 || count.since.elapsed().as_secs() < 60);
        }
        #[allow(clippy::cast_precision_loss, reason = "rates are at most a million")]
        let full = rate.unwrap_or(0) as f64;
        let count = counts.entry(key).or_insert(Count { open: 0, left: full, since: now });
        let counted = handshake && rate.is_some();
        if counted {
            // A bucket that fills evenly over a minute.
            let filled = count.left + full * now.duration_since(count.since).as_secs_f64() / 60.0;
            count.left = filled.min(full);
            count.since = now;
            if count.left < 1.0 {
                return Err(TooMany);
            }
        }
        if most.is_some_and(|most| count.open >= most) {
            return Err(TooMany);
        }
        if counted {
            count.left -= 1.0;
        }
        count.open += 1;
        Ok(Some(ClientPlace { clients: self.clone(), key }))
    }
}

impl Drop for ClientPlace {
    fn drop(&mut self) {
        let mut counts = self.clients.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.key) {
            count.open = count.open.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use wsgen_model::source::Sources;

    use super::*;

    const MODEL: &str = "
version: 1
listeners: [{name: web, address: \"127.0.0.1:80\"}]
upstreams: {app: {servers: [\"127.0.0.1:81\"]}}
routes: [{upstream: app, limits: {per_ip: {connections: 100, connects_per_minute: 2}}}]
";

    #[test]
    fn plain_requests_spend_no_handshakes() {
        let site = wsgen_model::read(&Sources::single("model.yaml", MODEL)).0.unwrap();
        let per_ip = site.routes[0].forward().unwrap().per_ip;
        let clients = Arc::new(Clients::default());
        let client = IpAddr::from([127, 0, 0, 1]);
        let enter = |handshake| clients.enter(RouteId(0), client, &per_ip, handshake).is_ok();
        let asked = [false, false, true, false, true, true, false].map(enter);
        assert_eq!(asked, [true, true, true, true, true, false, true]);
    }
}
