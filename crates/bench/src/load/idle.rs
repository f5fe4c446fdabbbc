//! Tunnels that were used once and are silent since.

use std::io;
use std::time::{Duration, Instant};

use super::{Clients, Load};

/// Tunnels that are held open.
pub(crate) struct Idle {
    clients: Clients,
}

/// Opens all tunnels of a load and sends one message through each.
pub(crate) fn hold(load: &Load) -> io::Result<Idle> {
    let mut idle = Idle { clients: Clients::open(load)? };
    let dead = idle.dead()?;
    if dead > 0 {
        return Err(io::Error::other(format!("{dead} tunnels carry nothing")));
    }
    Ok(idle)
}

impl Idle {
    /// How many tunnels carry no message any more.
    pub(crate) fn dead(&mut self) -> io::Result<usize> {
        let clients = &mut self.clients;
        let mut dead = 0;
        // A few at a time, so that nobody's queue is long.
        for first in (0..clients.all.len()).step_by(64) {
            let some = first..(first + 64).min(clients.all.len());
            for number in some.clone() {
                clients.begin(number, Instant::now())?;
            }
            let deadline = Instant::now() + super::PATIENCE;
            let mut broken = vec![false; some.len()];
            while some.clone().any(|at| clients.all[at].is_busy() && !broken[at - first]) {
                if Instant::now() > deadline {
                    break;
                }
                clients.wait(Duration::from_millis(50))?;
                for number in std::mem::take(&mut clients.ready) {
                    if clients.turn(number).is_err() && some.contains(&number) {
                        broken[number - first] = true;
                    }
                }
            }
            dead += some.filter(|at| clients.all[*at].is_busy()).count();
        }
        Ok(dead)
    }
}
