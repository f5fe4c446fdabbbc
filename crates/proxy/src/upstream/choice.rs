//! Which server gets a request (`balance/policy`, `balance/backup`, `sticky/rebalance`).

use std::cell::Cell;
use std::hash::Hasher;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use fnv::FnvHasher;
use wsgen_model::config::Policy;
use wsgen_model::site::Upstream;

use super::{Pooled, Server};

/// What a choice looks at beside the servers.
#[derive(Debug, Default)]
pub(crate) struct Choice<'a> {
    /// The mark in the client's cookie.
    pub(crate) sticky: Option<&'a str>,
    /// What `ip_hash` and `hash` look at.
    pub(crate) key: &'a [u8],
    /// Servers that were tried already.
    pub(crate) tried: &'a [Arc<Server>],
}

impl Pooled {
    /// The server for a request; `None` when all were tried or are sick.
    pub(crate) fn choose(&self, upstream: &Upstream, choice: &Choice<'_>) -> Option<Arc<Server>> {
        let untried = |server: &Arc<Server>| !choice.tried.iter().any(|t| Arc::ptr_eq(t, server));
        let up = |server: &Arc<Server>| server.standing.is_well() && !server.standing.rests();
        if let Some(mark) = choice.sticky {
            let kept = self.servers.iter().find(|server| server.mark == mark);
            if let Some(server) = kept.filter(|server| up(server) && untried(server)) {
                return Some(server.clone());
            }
        }
        let pick = |wanted: &dyn Fn(&Arc<Server>) -> bool| {
            let fits = |at: usize| untried(&self.servers[at]) && wanted(&self.servers[at]);
            self.pick(upstream, choice.key, &fits)
        };
        pick(&|server| !server.backup && up(server))
            .or_else(|| pick(&|server| server.backup && up(server)))
            // All of them rest: better a try than a refusal. One that its checks found sick is not tried.
            .or_else(|| pick(&|server| server.standing.is_well()))
    }

    fn pick(
        &self,
        upstream: &Upstream,
        key: &[u8],
        fits: &dyn Fn(usize) -> bool,
    ) -> Option<Arc<Server>> {
        let all = (0..self.servers.len()).filter(|at| fits(*at));
        let weight = |at: usize| self.servers[at].weight;
        let at = match upstream.load_balancing.policy {
            Policy::RoundRobin => self.next_in_turn(fits),
            Policy::LeastConn => {
                let busy = |at: usize| self.servers[at].standing.open();
                // Open places for each unit of weight, compared without a division.
                let least = all
                    .clone()
                    .min_by(|a, b| (busy(*a) * weight(*b)).cmp(&(busy(*b) * weight(*a))))?;
                let equal = |at| fits(at) && busy(at) * weight(least) == busy(least) * weight(at);
                // They may have become busier in between.
                self.next_in_turn(&equal).or(Some(least))
            }
            Policy::Random => all.max_by_key(|at| score(random(), weight(*at))),
            // Rendezvous hashing: a server that leaves moves its own clients only.
            Policy::IpHash | Policy::Hash => all
                .max_by_key(|at| score(hash(key, self.servers[*at].mark.as_bytes()), weight(*at))),
        };
        at.map(|at| self.servers[at].clone())
    }

    fn next_in_turn(&self, fits: &dyn Fn(usize) -> bool) -> Option<usize> {
        // Other threads take their turns meanwhile: they must not make this one miss a server.
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let length = self.turn.len();
        let passed = (0..length).find(|passed| fits(self.turn[(first + passed) % length]))?;
        self.next.fetch_add(passed, Ordering::Relaxed);
        Some(self.turn[(first + passed) % length])
    }
}

/// A random or hashed number, weighed so that the largest of several falls on each as often as its weight says.
fn score(number: u64, weight: u64) -> u64 {
    #[allow(clippy::cast_precision_loss, reason = "53 bits are plenty for a comparison")]
    let unit = ((number >> 11) as f64 + 1.0) / (1_u64 << 53) as f64;
    #[allow(clippy::cast_precision_loss, reason = "a weight is at most 256")]
    let value = -(weight as f64) / unit.ln();
    value.to_bits()
}

/// Hashes a key for a server. Every process computes the same, so that several proxies choose the same server.
fn hash(key: &[u8], mark: &[u8]) -> u64 {
    let mut hasher = FnvHasher::default();
    for part in [key, b"|", mark] {
        hasher.write(part);
    }
    mix(hasher.finish())
}

/// The finish of `SplitMix64`: every bit of the result depends on every bit.
fn mix(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// A random number that nobody's safety rests on.
pub(crate) fn random() -> u64 {
    thread_local! {
        static STATE: Cell<u64> = Cell::new({
            use std::hash::BuildHasher;
            std::collections::hash_map::RandomState::new().build_hasher().finish()
        });
    }
    STATE.with(|state| {
        state.set(state.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
        mix(state.get())
    })
}
