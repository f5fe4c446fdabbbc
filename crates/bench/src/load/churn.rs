//! Tunnels that open, carry one message and close, one behind the other.

use std::io;
use std::time::{Duration, Instant};

use super::{Clients, Load, Seen};

/// Runs for so long.
pub(crate) fn churn(load: &Load, time: Duration) -> io::Result<Seen> {
    let mut seen = Seen::new();
    let mut clients = Clients::open(load)?;
    let deadline = Instant::now() + time;
    for number in 0..clients.all.len() {
        clients.begin(number, Instant::now())?;
    }
    loop {
        clients.wait(Duration::from_millis(50))?;
        if Instant::now() >= deadline {
            return Ok(seen);
        }
        for number in std::mem::take(&mut clients.ready) {
            match clients.turn(number) {
                Ok(false) => {}
                // The handshake: one message follows.
                Ok(true) if !clients.all[number].spoke => {
                    let began = clients.all[number].began;
                    clients.begin(number, began)?;
                }
                Ok(true) => {
                    seen.note(clients.all[number].began.elapsed());
                    clients.renew(number)?;
                }
                Err(_) => {
                    seen.errors += 1;
                    clients.renew(number)?;
                }
            }
        }
    }
}
