//! Limits for each client address (`limit/connections`, `limit/connects`, `limit/ipv6`) and each listener
//! (`limit/listener`), and for TLS handshakes in flight (`handshakes`).
//!
//! A request costs the same however many clients there are. Counts are spread over shards by a keyed hash, and each
//! shard has a lock of its own. Places live as long as their requests. Allowances are forgotten a generation at a time.

mod handshakes;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::mem;
use std::net::IpAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use wsgen_model::scalar::{Ipv6Prefix, ListenAddress};
use wsgen_model::site::{PerIp, RouteId};

use self::handshakes::Handshakes;

/// The number of shards.
const SHARDS: usize = 64;
/// The allowances of one generation in one shard: as many as a table of 8,192 slots takes.
const GENERATION: usize = 7_168;
/// A minute in nanoseconds: the time in which a spent allowance is whole again.
const MINUTE: u64 = 60_000_000_000;

/// The requests, tunnels and handshakes of every client, by route.
#[derive(Debug)]
pub(crate) struct Clients {
    /// TLS handshakes in flight.
    pub(crate) handshakes: Handshakes,
    shards: Vec<Mutex<Shard>>,
    keys: RandomState,
    /// The most newcomers of one client.
    newcomers: u32,
    /// Moments are counted from here, in nanoseconds.
    began: Instant,
    listeners: Mutex<HashMap<ListenAddress, Arc<AtomicU64>>>,
}

/// Key of a client at a route: an IPv4 address or the network of an IPv6 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    route: u32,
    network: [u8; 16],
}

/// The counts of some clients.
#[derive(Debug, Default)]
struct Shard {
    /// Open tunnels and requests in flight. A client without any has no entry.
    open: HashMap<Key, u32>,
    /// When the allowance of each client will be whole again, of clients that asked since `turned`.
    young: HashMap<Key, u64>,
    /// Allowances of the generation before. A client that asks again moves to the young ones.
    old: HashMap<Key, u64>,
    turned: u64,
}

/// A client's place at a route; it counts as long as it lives.
#[derive(Debug)]
pub(crate) struct ClientPlace {
    clients: Arc<Clients>,
    key: Key,
}

/// The client has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany;

/// The route of places that newcomers hold: a connection has no route before its first head.
const NO_ROUTE: u32 = u32::MAX;

impl Default for Clients {
    fn default() -> Self {
        Self::new(u64::MAX)
    }
}

impl Clients {
    /// Counts clients in a process that may have this many descriptors. One client may hold a quarter of them with
    /// connections that have not asked anything yet, so that there are some left for the others.
    pub(crate) fn new(descriptors: u64) -> Self {
        Self {
            handshakes: Handshakes::new(descriptors),
            newcomers: u32::try_from(descriptors / 4).unwrap_or(u32::MAX).max(16),
            shards: std::iter::repeat_with(Mutex::default).take(SHARDS).collect(),
            keys: RandomState::new(),
            began: Instant::now(),
            listeners: Mutex::default(),
        }
    }

    /// Takes a place for a connection that owes its first head, and its handshake before it.
    ///
    /// # Errors
    ///
    /// `TooMany` where the client has as many of them as it may.
    pub(crate) fn arrive(self: &Arc<Self>, client: IpAddr) -> Result<ClientPlace, TooMany> {
        let key = Key { route: NO_ROUTE, network: network(client, Ipv6Prefix::LINE) };
        let mut shard = self.shard(&key);
        let open = shard.open.entry(key).or_default();
        if *open >= self.newcomers {
            return Err(TooMany);
        }
        *open += 1;
        Ok(ClientPlace { clients: self.clone(), key })
    }

    /// Returns the number of connections that a listener holds, of all threads.
    pub(crate) fn listener(&self, address: &ListenAddress) -> Arc<AtomicU64> {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.entry(address.clone()).or_default().clone()
    }

    /// Takes a place, if the route counts any.
    ///
    /// # Errors
    ///
    /// `TooMany` where the client has as many places as it may, or shakes hands too often.
    pub(crate) fn enter(
        self: &Arc<Self>,
        route: RouteId,
        client: IpAddr,
        per_ip: &PerIp,
        handshake: bool,
    ) -> Result<Option<ClientPlace>, TooMany> {
        let rate = per_ip.connects_per_minute.filter(|_| handshake).map(|rate| rate.get());
        let most = per_ip.connections.map(|most| most.get());
        if rate.is_none() && most.is_none() {
            return Ok(None);
        }
        let route = u32::try_from(route.0).unwrap_or(u32::MAX);
        let key = Key { route, network: network(client, *per_ip.ipv6_prefix) };
        let now = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX / 2);
        let mut shard = self.shard(&key);
        let whole = match rate {
            Some(rate) => Some(shard.spent(&key, rate, now).ok_or(TooMany)?),
            None => None,
        };
        let open = shard.open.get(&key).copied().unwrap_or(0);
        if most.is_some_and(|most| u64::from(open) >= most) {
            return Err(TooMany);
        }
        if let Some(whole) = whole {
            shard.young.insert(key, whole);
        }
        if most.is_none() {
            return Ok(None);
        }
        shard.open.insert(key, open + 1);
        Ok(Some(ClientPlace { clients: self.clone(), key }))
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, Shard> {
        #[allow(clippy::cast_possible_truncation, reason = "a shard needs few of the bits")]
        let at = self.keys.hash_one(key) as usize % SHARDS;
        self.shards[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    /// Returns when the allowance of a client will be whole again after one more handshake; `None` where it is spent.
    ///
    /// An allowance is a bucket of `rate` handshakes that fills evenly over a minute. One number says how full it is:
    /// each handshake moves the moment at which it is full again by the time that one handshake takes to fill.
    fn spent(&mut self, key: &Key, rate: u64, now: u64) -> Option<u64> {
        // Whoever did not ask for a minute has a whole allowance, as if it had never asked. A generation that is
        // full ends early: the clients that asked longest ago are forgotten, and nobody is refused for it.
        if now.saturating_sub(self.turned) >= MINUTE || self.young.len() >= GENERATION {
            self.old = mem::take(&mut self.young);
            self.turned = now;
        }
        let whole = self.young.get(key).or_else(|| self.old.get(key)).copied().unwrap_or(0);
        let next = whole.max(now) + MINUTE / rate.max(1);
        (next - now <= MINUTE).then_some(next)
    }
}

/// Returns what stands for a client: its address, or as much of an IPv6 address as the model says.
pub(crate) fn network(client: IpAddr, prefix: Ipv6Prefix) -> [u8; 16] {
    match client.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => {
            let mut network = address.octets();
            network[usize::from(prefix.bytes())..].fill(0);
            network
        }
    }
}

impl Drop for ClientPlace {
    fn drop(&mut self) {
        let mut shard = self.clients.shard(&self.key);
        match shard.open.get_mut(&self.key) {
            Some(open) if *open > 1 => *open -= 1,
            _ => {
                shard.open.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wsgen_model::source::Sources;

    use super::*;

    fn per_ip(limits: &str) -> PerIp {
        let model = format!(
            "version: 1\nlisteners: [{{name: web, address: \"127.0.0.1:80\"}}]\n\
             upstreams: {{app: {{servers: [\"127.0.0.1:81\"]}}}}\nroutes: [{{upstream: app, limits: {{per_ip: {{{limits}}}}}}}]\n"
        );
        let site = wsgen_model::read(&Sources::single("model.yaml", &model)).0.unwrap();
        site.routes[0].forward().unwrap().per_ip
    }

    #[test]
    fn plain_requests_spend_no_handshakes() {
        let per_ip = per_ip("connections: 100, connects_per_minute: 2");
        let clients = Arc::new(Clients::default());
        let client = IpAddr::from([127, 0, 0, 1]);
        let enter = |handshake| clients.enter(RouteId(0), client, &per_ip, handshake).is_ok();
        let asked = [false, false, true, false, true, true, false].map(enter);
        assert_eq!(asked, [true, true, true, true, true, false, true]);
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let enters = |limits: &str, address: &str| {
            let (per_ip, clients) = (per_ip(limits), Arc::new(Clients::default()));
            let enter = |client: &str| {
                let place =
                    clients.enter(RouteId(0), client.parse().unwrap(), &per_ip, false).ok()?;
                place.map(std::mem::forget)
            };
            enter("2001:db8::1").unwrap();
            enter(address).is_some()
        };
        assert!(!enters("connections: 1", "2001:db8::ffff:1:2:3"));
        assert!(enters("connections: 1", "2001:db8:0:1::1"));
        assert!(!enters("connections: 1, ipv6_prefix: 56", "2001:db8:0:1::1"));
        assert!(enters("connections: 1, ipv6_prefix: 128", "2001:db8::2"));
        // IPv4 addresses stay apart in whatever form they come.
        let all = ["192.0.2.1", "192.0.2.2", "::ffff:192.0.2.1"];
        let all = all.map(|a| network(a.parse().unwrap(), Ipv6Prefix::LINE));
        assert!(all[0] != all[1] && all[0] == all[2]);
    }

    /// Before shards and generations each request beyond 100,000 addresses looked at all of them.
    #[test]
    fn a_request_costs_the_same_however_many_addresses_came() {
        let per_ip = per_ip("connections: 5, connects_per_minute: 60");
        let clients = Arc::new(Clients::default());
        let ask = |number: u32| {
            let client =
                IpAddr::from((0x2001_0db8_u128 << 96 | u128::from(number) << 64).to_be_bytes());
            assert!(clients.enter(RouteId(0), client, &per_ip, true).is_ok());
        };
        let timed = |numbers: std::ops::Range<u32>| {
            let began = Instant::now();
            numbers.for_each(ask);
            began.elapsed()
        };
        let few = timed(0..5_000);
        timed(5_000..120_000);
        let many = timed(120_000..125_000);
        eprintln!("5,000 requests: {few:?} at first, {many:?} behind 120,000 addresses");
        assert!(many < few * 20 + Duration::from_millis(200), "{few:?}, then {many:?}");
    }

    #[test]
    fn what_is_remembered_is_bounded_and_comes_back_after_a_minute() {
        let mut shard = Shard::default();
        let key = |number: u32| Key { route: 0, network: u128::from(number).to_be_bytes() };
        let ask = |shard: &mut Shard, number: u32, now: u64| {
            shard
                .spent(&key(number), 1, now)
                .map(|whole| shard.young.insert(key(number), whole))
                .is_some()
        };
        assert!(ask(&mut shard, 1, 5));
        assert!(!ask(&mut shard, 1, MINUTE / 2), "one a minute");
        assert!(!ask(&mut shard, 1, MINUTE + 4), "the generation before is asked too");
        assert!(ask(&mut shard, 1, MINUTE + 5), "a minute is over");
        for number in 0..100_000 {
            ask(&mut shard, number, 2 * MINUTE);
            assert!(shard.young.len() + shard.old.len() <= 2 * GENERATION);
        }
    }

    #[test]
    fn nobody_is_remembered_who_holds_nothing() {
        let per_ip = per_ip("connections: 2");
        let clients = Arc::new(Clients::default());
        let enter = || clients.enter(RouteId(0), IpAddr::from([127, 0, 0, 1]), &per_ip, false);
        let (first, second) = (enter().unwrap(), enter().unwrap());
        assert!(enter().is_err());
        drop((first, second));
        assert!(enter().is_ok());
        assert!(clients.shards.iter().all(|shard| shard.lock().unwrap().open.is_empty()));
    }
}
