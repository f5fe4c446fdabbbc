//! How a server stands: what is known of it beside the model. A reload keeps it.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

/// Moments are counted from here.
static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Milliseconds since the process first asked.
fn now() -> u64 {
    u64::try_from(BEGAN.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// What is known of a server.
#[derive(Debug)]
pub(crate) struct Standing {
    open: AtomicUsize,
    /// What its checks say; there may be none.
    well: AtomicBool,
    rests_until: AtomicU64,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            open: AtomicUsize::new(0),
            well: AtomicBool::new(true),
            rests_until: AtomicU64::new(0),
        }
    }
}

/// A place at a server; it counts as long as it lives.
#[derive(Debug)]
pub(crate) struct Place(Arc<Standing>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Standing {
    /// Takes a place.
    pub(crate) fn place(self: &Arc<Self>) -> Place {
        self.open.fetch_add(1, Ordering::Relaxed);
        Place(self.clone())
    }

    /// Requests and tunnels that it has now.
    pub(crate) fn open(&self) -> u64 {
        self.open.load(Ordering::Relaxed) as u64
    }

    /// Whether its checks are good.
    pub(crate) fn is_well(&self) -> bool {
        self.well.load(Ordering::Relaxed)
    }

    /// What its checks say.
    pub(crate) fn set_well(&self, well: bool) {
        self.well.store(well, Ordering::Relaxed);
    }

    /// Leaves it alone for a while.
    pub(super) fn rest(&self, time: Duration) {
        let time = u64::try_from(time.as_millis()).unwrap_or(0);
        self.rests_until.store(now() + time, Ordering::Relaxed);
    }

    /// Whether it is left alone. Most never were, and no clock is read for them.
    pub(super) fn rests(&self) -> bool {
        let until = self.rests_until.load(Ordering::Relaxed);
        until > 0 && until > now()
    }
}
