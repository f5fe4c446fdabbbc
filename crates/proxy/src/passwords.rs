//! The verification of passwords (`auth/basic`). Hashes are slow on purpose, so they are computed on threads of their
//! own, few at a time, and what they said is remembered for a while.
//!
//! - At most a quarter of the cores compute hashes, one at least, and they give way to the threads that carry tunnels.
//! - At most `QUEUE` passwords wait, and `SHARE` of one client. Clients take turns, so that one who tries many passwords
//!   does not hold up the others. Beyond that the answer is 503 or 429.
//! - A password that nobody waits for any more is not verified.
//! - The same password of the same user is verified once, however many requests bring it at a time.
//! - Verdicts are kept by keyed hashes of the password and the hash that it was held against. Such a verdict never
//!   changes: it outlives a reload, and a user with another password has another hash.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{mem, thread};

use rustix::process::setpriority_process;
use tokio::sync::oneshot;
use wsgen_model::scalar::Ipv6Prefix;

use crate::isolation::{self, Part};
use crate::limits::network;

/// Most passwords that may wait.
const QUEUE: usize = 128;
/// Most waiting passwords of one client.
const SHARE: usize = 32;
/// Most verdicts of each kind in a generation.
const GENERATION: usize = 10_000;
/// Shortest time for which a verdict is kept; it is forgotten within twice that.
const REMEMBERED: Duration = Duration::from_mins(1);
/// Time for which a thread waits for the next password.
const IDLE: Duration = Duration::from_secs(10);
/// Nice value of the verifying threads; those that carry tunnels have 0 (setpriority(2)).
const GIVES_WAY: i32 = 10;

/// Verdict on a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The password fits the hash.
    Good,
    /// The password does not fit the hash.
    Bad,
    /// The client has too many passwords that wait.
    TooMany,
    /// Too many passwords wait.
    Busy,
}

/// A password and the hash that it is held against, by two keyed hashes.
type Key = (u64, u64);

/// A password that waits.
struct Job {
    key: Key,
    hash: String,
    password: String,
}

/// The verdicts of the last minutes.
#[derive(Default)]
struct Kept {
    young: HashSet<Key>,
    old: HashSet<Key>,
}

/// State that the verifying threads share.
#[derive(Default)]
struct State {
    good: Kept,
    bad: Kept,
    turned: Option<Instant>,
    /// Clients whose passwords wait, in their turn.
    turns: VecDeque<[u8; 16]>,
    jobs: HashMap<[u8; 16], VecDeque<Job>>,
    /// Number of passwords that wait.
    waiting: usize,
    /// Requests that wait for a verdict, on waiting passwords and on those that are being verified.
    asked: HashMap<Key, Vec<oneshot::Sender<bool>>>,
    threads: usize,
    idle: usize,
}

/// Verifies passwords, of all configurations of a process.
struct Verifier {
    keys: (RandomState, RandomState),
    state: Mutex<State>,
    work: Condvar,
    /// Computes a hash; a test has its own.
    fits: fn(&str, &str) -> bool,
    /// Time for which a thread waits for the next password.
    idle: Duration,
}

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| Verifier::new(fits));

/// Says whether a password fits a hash of a users file.
pub(crate) async fn verify(password: String, hash: String, client: IpAddr) -> Verdict {
    VERIFIER.ask(password, hash, client).await
}

/// Whether a hash has a form that is known.
pub(crate) fn is_known(hash: &str) -> bool {
    ["$2a$", "$2b$", "$2y$", "$5$", "$6$"].iter().any(|form| hash.starts_with(form))
        || crate::md5_crypt::is_known(hash)
}

fn fits(password: &str, hash: &str) -> bool {
    if hash.starts_with("$5$") {
        sha_crypt::sha256_check(password, hash).is_ok()
    } else if hash.starts_with("$6$") {
        sha_crypt::sha512_check(password, hash).is_ok()
    } else if hash.starts_with("$2") {
        // It looks at 72 bytes of a password, as every bcrypt does.
        bcrypt::verify(password, hash).unwrap_or(false)
    } else {
        crate::md5_crypt::fits(password, hash)
    }
}

impl Verifier {
    fn new(fits: fn(&str, &str) -> bool) -> Self {
        let keys = (RandomState::new(), RandomState::new());
        Self { keys, state: Mutex::default(), work: Condvar::new(), fits, idle: IDLE }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(&'static self, password: String, hash: String, client: IpAddr) -> Verdict {
        let both = (&hash, &password);
        let key = (self.keys.0.hash_one(both), self.keys.1.hash_one(both));
        let verdict = {
            let mut state = self.state();
            if let Some(verdict) = state.known(&key) {
                return verdict;
            }
            let (sender, verdict) = oneshot::channel();
            if let Some(others) = state.asked.get_mut(&key) {
                others.push(sender);
            } else {
                let client = network(client, Ipv6Prefix::LINE);
                if state.jobs.get(&client).is_some_and(|jobs| jobs.len() >= SHARE) {
                    return Verdict::TooMany;
                }
                if state.waiting >= QUEUE || !self.staffed(&mut state) {
                    return Verdict::Busy;
                }
                state.asked.insert(key, vec![sender]);
                state.wait(client, Job { key, hash, password });
                self.work.notify_one();
            }
            verdict
        };
        match verdict.await {
            Ok(true) => Verdict::Good,
            Ok(false) => Verdict::Bad,
            // The thread has panicked over it.
            Err(_) => Verdict::Busy,
        }
    }

    /// Has a thread for one more password, if there may be one more; whether there is any.
    fn staffed(&'static self, state: &mut State) -> bool {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        if state.idle == 0
            && state.threads < (cores / 4).max(1)
            && isolation::thread("passwords", Part::Password, || self.work()).is_ok()
        {
            state.threads += 1;
        }
        state.threads > 0
    }

    fn work(&self) {
        // Of this thread alone (setpriority(2), "C library/kernel differences"); it works without it.
        let _ = setpriority_process(None, GIVES_WAY);
        // A hash that panics costs its own verdict, not the thread: who asks next may count on it already.
        while catch_unwind(AssertUnwindSafe(|| self.work_off())).is_err() {}
    }

    /// Verifies passwords until none comes for a while.
    fn work_off(&self) {
        while let Some(job) = self.next() {
            let _asked = Asked(self, job.key);
            let good = (self.fits)(&job.password, &job.hash);
            let mut state = self.state();
            state.keep(job.key, good);
            for asked in state.asked.remove(&job.key).unwrap_or_default() {
                let _ = asked.send(good);
            }
        }
    }

    /// The next password that somebody waits for; `None` where none comes for a while. The thread is not counted any more
    /// then: that is said under the lock under which it was found idle, or a password could wait for it in vain.
    fn next(&self) -> Option<Job> {
        let until = Instant::now() + self.idle;
        let mut state = self.state();
        loop {
            while let Some(job) = state.next() {
                let asked = state.asked.get(&job.key);
                if asked.is_some_and(|asked| asked.iter().any(|asked| !asked.is_closed())) {
                    return Some(job);
                }
                state.asked.remove(&job.key);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.threads -= 1;
                return None;
            }
            state.idle += 1;
            state = self.work.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            state.idle -= 1;
        }
    }
}

/// Lets go of those who wait for a verdict that does not come.
struct Asked<'a>(&'a Verifier, Key);

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.state().asked.remove(&self.1);
        }
    }
}

impl State {
    /// Puts a password behind the others of its client.
    fn wait(&mut self, client: [u8; 16], job: Job) {
        let jobs = self.jobs.entry(client).or_default();
        if jobs.is_empty() {
            self.turns.push_back(client);
        }
        jobs.push_back(job);
        self.waiting += 1;
    }

    /// The next password of the client whose turn it is.
    fn next(&mut self) -> Option<Job> {
        let client = self.turns.pop_front()?;
        let jobs = self.jobs.get_mut(&client)?;
        let job = jobs.pop_front();
        if jobs.is_empty() {
            self.jobs.remove(&client);
        } else {
            self.turns.push_back(client);
        }
        self.waiting -= 1;
        job
    }

    fn known(&mut self, key: &Key) -> Option<Verdict> {
        let now = Instant::now();
        if now.duration_since(*self.turned.get_or_insert(now)) >= REMEMBERED {
            self.good.turn();
            self.bad.turn();
            self.turned = Some(now);
        }
        let good = self.good.has(key).then_some(Verdict::Good);
        good.or_else(|| self.bad.has(key).then_some(Verdict::Bad))
    }

    fn keep(&mut self, key: Key, good: bool) {
        let kept = if good { &mut self.good } else { &mut self.bad };
        // Wrong passwords are as many as somebody tries: they make room among themselves.
        if kept.young.len() >= GENERATION {
            kept.turn();
        }
        kept.young.insert(key);
    }
}

impl Kept {
    fn has(&self, key: &Key) -> bool {
        self.young.contains(key) || self.old.contains(key)
    }

    fn turn(&mut self) {
        self.old = mem::take(&mut self.young);
    }
}

#[cfg(test)]
mod tests;
