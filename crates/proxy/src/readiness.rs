//! A descriptor that stands for many: the runtime waits for it, and whoever owns it looks after what is behind it.
#![allow(unsafe_code, reason = "the runtime has no safe way to wait for a descriptor")]

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A descriptor that becomes readable.
pub(crate) struct Readiness(AsyncFd<OwnedFd>);

impl Readiness {
    /// Waits for a descriptor, with the runtime of this thread.
    pub(crate) fn new(descriptor: OwnedFd) -> io::Result<Self> {
        // SAFETY: an `OwnedFd` is open, and the same, for as long as it is owned; nobody takes it out.
        let registered = unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) };
        Ok(Self(registered?))
    }

    /// Ready when the descriptor has become readable since it was last asked. Whoever asks looks at everything then:
    /// what comes later is told of once more.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_read_ready(cx).map_ok(|mut guard| guard.clear_ready())
    }
}

impl AsFd for Readiness {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.get_ref().as_fd()
    }
}
