//! Floods of frames that ask for nothing: settings, pings, priorities, and data frames without data. Each costs the
//! proxy some work, and most of them an answer, but the client almost nothing (RFC 9113 section 10.5).

use super::frame::{
    CONTINUATION, DATA, END_STREAM, HEADERS, PUSH_PROMISE, RST_STREAM, WINDOW_UPDATE,
};
use crate::wheel::Tick;

/// Frames that ask for nothing which a connection may send at once.
const BURST: u32 = 256;
/// Further frames that are allowed for each tick that goes by: 50 a second.
const EACH_TICK: u32 = 1;
/// Bytes of bodies, in either direction, that allow one more: clients measure their line by pings between data.
const EACH_BYTES: usize = 4096;

/// The allowance of a connection.
#[derive(Debug)]
pub(super) struct Allowance {
    /// Frames that are left.
    left: u32,
    /// Bytes of bodies that have not become a frame yet.
    bytes: usize,
    /// The tick up to which the allowance has grown.
    since: Tick,
}

impl Allowance {
    /// Returns a whole allowance.
    pub(super) fn new(now: Tick) -> Self {
        Self { left: BURST, bytes: 0, since: now }
    }

    /// Counts a frame that has come. Returns whether it was allowed.
    pub(super) fn take(&mut self, kind: u8, flags: u8, length: usize, now: Tick) -> bool {
        match kind {
            // The library bounds how many streams are begun, reset and allowed to send.
            HEADERS | CONTINUATION | RST_STREAM | PUSH_PROMISE | WINDOW_UPDATE => return true,
            DATA if length > 0 || flags & END_STREAM != 0 => {
                self.passed(length);
                return true;
            }
            _ => {}
        }
        let ticks = u32::try_from(now.saturating_sub(self.since)).unwrap_or(u32::MAX);
        self.since = now;
        self.left = self.left.saturating_add(ticks.saturating_mul(EACH_TICK)).min(BURST);
        let left = self.left.checked_sub(1);
        self.left = left.unwrap_or(0);
        left.is_some()
    }

    /// Counts bytes that went by in either direction.
    pub(super) fn passed(&mut self, bytes: usize) {
        self.bytes += bytes;
        let more = u32::try_from(self.bytes / EACH_BYTES).unwrap_or(u32::MAX);
        self.left = self.left.saturating_add(more).min(BURST);
        self.bytes %= EACH_BYTES;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: u8 = 4;
    const PING: u8 = 6;

    #[test]
    fn a_flood_ends_and_traffic_does_not() {
        let mut allowance = Allowance::new(0);
        for _ in 0..BURST {
            assert!(allowance.take(PING, 0, 8, 0));
        }
        assert!(!allowance.take(SETTINGS, 0, 6, 0));
        assert!(!allowance.take(DATA, 0, 0, 0), "data without data");
        for kind in [HEADERS, WINDOW_UPDATE, RST_STREAM] {
            assert!(allowance.take(kind, 0, 4, 0));
        }
        assert!(allowance.take(DATA, END_STREAM, 0, 0), "the end of a body");
        // A ping for each piece of a body, for ever.
        for _ in 0..10 * BURST {
            assert!(allowance.take(DATA, 0, EACH_BYTES, 0));
            assert!(allowance.take(PING, 0, 8, 0));
        }
        // Time gives it back, and no more than a whole one.
        assert!(allowance.take(PING, 0, 8, 1));
        assert!(allowance.take(PING, 0, 8, 1_000_000));
        assert_eq!(allowance.left, BURST - 1);
    }
}
