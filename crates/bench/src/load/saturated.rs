//! Every connection sends its next message, or request, as soon as the last came back.

use std::io;
use std::time::{Duration, Instant};

use super::{Clients, Seen};

/// Runs for so long.
pub(crate) fn saturated(clients: &mut Clients, time: Duration) -> io::Result<Seen> {
    let mut seen = Seen::new();
    let deadline = Instant::now() + time;
    let mut renewed = false;
    for number in 0..clients.all.len() {
        // A run before may have left a message on its way.
        if !clients.all[number].is_busy() {
            clients.begin(number, Instant::now())?;
        }
    }
    loop {
        clients.wait(Duration::from_millis(50))?;
        let now = Instant::now();
        if now >= deadline {
            return Ok(seen);
        }
        for number in std::mem::take(&mut clients.ready) {
            match clients.turn(number) {
                Ok(false) => {}
                // A handshake of a connection that was renewed is no message.
                Ok(true) if !clients.all[number].spoke => clients.begin(number, Instant::now())?,
                Ok(true) => {
                    let now = Instant::now();
                    seen.note(now - clients.all[number].began);
                    if clients.all[number].ends {
                        clients.renew(number)?;
                    }
                    clients.begin(number, now)?;
                }
                Err(_) => {
                    seen.errors += 1;
                    clients.renew(number)?;
                    renewed = true;
                }
            }
        }
        if renewed {
            renewed = reopened(clients)?;
        }
    }
}

/// Connections that were renewed go on once they are open; whether some are not yet.
fn reopened(clients: &mut Clients) -> io::Result<bool> {
    let mut waits = false;
    for number in 0..clients.all.len() {
        if !clients.all[number].is_open() {
            waits = true;
        } else if !clients.all[number].is_busy() {
            clients.begin(number, Instant::now())?;
        }
    }
    Ok(waits)
}
