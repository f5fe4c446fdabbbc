//! Upstreams at run time: which server is next, how busy each is, which ones are left alone for a while.

mod choice;
mod connect;
mod pool;

pub(crate) use choice::Choice;
pub(crate) use choice::random;
pub(crate) use connect::Target;
pub(crate) use pool::Pool;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use wsgen_model::site::{Site, Upstream, UpstreamId};

use crate::snapshot::StartError;

/// How long a server is left alone after it could not be reached.
const REST: Duration = Duration::from_secs(10);

/// An upstream.
#[derive(Debug)]
pub(crate) struct Pooled {
    /// Its servers, in the order of the model.
    pub(crate) servers: Vec<Arc<Server>>,
    /// A turn through the servers in which each stands as often as its weight, spread evenly.
    turn: Vec<usize>,
    next: AtomicUsize,
    began: Instant,
}

/// A server.
#[derive(Debug)]
pub(crate) struct Server {
    /// How it is reached.
    pub(crate) target: Target,
    /// What stands in the cookie of a sticky upstream.
    pub(crate) mark: String,
    weight: u64,
    backup: bool,
    open: AtomicUsize,
    /// What its checks say; there may be none.
    well: AtomicBool,
    /// Milliseconds since the upstream began until which it is left alone.
    rests_until: AtomicU64,
}

/// A place at a server; it counts as long as it lives.
#[derive(Debug)]
pub(crate) struct Place(Arc<Server>);

impl Pooled {
    /// Makes an upstream ready; names are resolved now (`balance/resolve`).
    pub(crate) fn new(site: &Site, id: UpstreamId) -> Result<Self, StartError> {
        let upstream = site.upstream(id);
        let mut servers = Vec::new();
        for server in &upstream.servers {
            servers.push(Arc::new(Server {
                target: Target::new(upstream, server)?,
                mark: mark(&server.address.value.to_string()),
                weight: server.weight.get(),
                backup: *server.backup,
                open: AtomicUsize::new(0),
                well: AtomicBool::new(true),
                rests_until: AtomicU64::new(0),
            }));
        }
        let turn = turn(upstream);
        Ok(Self { servers, turn, next: AtomicUsize::new(0), began: Instant::now() })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Leaves a server alone for a while; the only one is never left alone.
    pub(crate) fn rest(&self, server: &Server) {
        if self.servers.len() > 1 {
            let rest = u64::try_from(REST.as_millis()).unwrap_or(0);
            server.rests_until.store(self.now() + rest, Ordering::Relaxed);
        }
    }
}

impl Server {
    /// Whether its checks are good.
    pub(crate) fn is_well(&self) -> bool {
        self.well.load(Ordering::Relaxed)
    }

    /// What its checks say.
    pub(crate) fn set_well(&self, well: bool) {
        self.well.store(well, Ordering::Relaxed);
    }

    /// Takes a place.
    pub(crate) fn place(self: &Arc<Self>) -> Place {
        self.open.fetch_add(1, Ordering::Relaxed);
        Place(self.clone())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A short name of a server that says nothing about where it is (FNV-1a).
fn mark(address: &str) -> String {
    let hash = address.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// Smooth weighted round robin, one round of it (nginx, "upstream: smooth weighted round-robin balancing").
fn turn(upstream: &Upstream) -> Vec<usize> {
    let weights: Vec<i64> =
        upstream.servers.iter().map(|s| i64::try_from(s.weight.get()).unwrap_or(1)).collect();
    let total: i64 = weights.iter().sum();
    let mut current = vec![0; weights.len()];
    let mut turn = Vec::new();
    for _ in 0..total {
        for (value, weight) in current.iter_mut().zip(&weights) {
            *value += weight;
        }
        let best = (0..current.len()).max_by_key(|at| (current[*at], std::cmp::Reverse(*at)));
        let best = best.unwrap_or(0);
        current[best] -= total;
        turn.push(best);
    }
    turn
}
