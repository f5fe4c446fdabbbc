//! So many messages a second, whatever the server does; each counts from the moment when it was due.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use super::{Clients, Seen};

/// Runs for so long.
pub(crate) fn rate(clients: &mut Clients, time: Duration, per_second: u32) -> io::Result<Seen> {
    let mut seen = Seen::new();
    let begin = Instant::now();
    let deadline = begin + time;
    let mut waiting: Vec<VecDeque<Instant>> = vec![VecDeque::new(); clients.all.len()];
    let mut next: u64 = 0;
    loop {
        let due = |number: u64| {
            begin
                + Duration::from_nanos(number.saturating_mul(1_000_000_000) / u64::from(per_second))
        };
        let now = Instant::now();
        if now >= deadline {
            return Ok(seen);
        }
        while due(next) <= now {
            let number = usize::try_from(next).unwrap_or(0) % clients.all.len();
            if clients.all[number].is_busy() {
                waiting[number].push_back(due(next));
            } else {
                clients.begin(number, due(next))?;
            }
            next += 1;
        }
        clients.wait(due(next).saturating_duration_since(Instant::now()))?;
        for number in std::mem::take(&mut clients.ready) {
            if clients.turn(number)? {
                seen.note(clients.all[number].began.elapsed());
                if let Some(at) = waiting[number].pop_front() {
                    clients.begin(number, at)?;
                }
            }
        }
    }
}
