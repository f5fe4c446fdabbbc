//! Upstreams at run time: which server is next, how busy each is, which ones are left alone for a while.

mod choice;
mod connect;
pub(crate) mod names;
mod pool;
mod standing;

pub(crate) use choice::Choice;
pub(crate) use choice::random;
pub(crate) use connect::{Speaks, Target};
pub(crate) use names::Moving;
pub(crate) use pool::Pool;
pub(crate) use standing::{Place, Standing};

use std::hash::Hasher;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use fnv::FnvHasher;
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
    /// What is known of it.
    pub(crate) standing: Arc<Standing>,
}

impl Pooled {
    /// Makes an upstream ready; names are resolved now (`balance/resolve`). What was known of its servers stays known.
    pub(crate) fn new(
        site: &Site,
        id: UpstreamId,
        before: Option<&Self>,
    ) -> Result<Self, StartError> {
        let upstream = site.upstream(id);
        let known = |target: &Target| {
            let servers = before.into_iter().flat_map(|before| &before.servers);
            servers.into_iter().find(|server| server.target.to_string() == target.to_string())
        };
        let mut servers = Vec::new();
        for server in &upstream.servers {
            let mut target = Target::new(upstream, server)?;
            let known = known(&target);
            if let Some(known) = known {
                target.remember(&known.target);
            }
            servers.push(Arc::new(Server {
                target,
                mark: mark(&server.address.value.to_string()),
                weight: server.weight.get(),
                backup: *server.backup,
                standing: known.map(|known| known.standing.clone()).unwrap_or_default(),
            }));
        }
        let turn = turn(upstream);
        Ok(Self { servers, turn, next: AtomicUsize::new(0) })
    }

    /// Leaves a server alone for a while; the only one is never left alone.
    pub(crate) fn rest(&self, server: &Server) {
        if self.servers.len() > 1 {
            server.standing.rest(REST);
        }
    }
}

/// A short name of a server that says nothing about where it is. Cookies hold it, so that it must be the same in every
/// process and version.
fn mark(address: &str) -> String {
    let mut hasher = FnvHasher::default();
    hasher.write(address.as_bytes());
    format!("{:016x}", hasher.finish())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_those_of_cookies_that_were_given() {
        assert_eq!(mark("127.0.0.1:9000"), "d1ffc6b745d306d5");
    }
}
