//! The place of a tunnel among those of its thread: what orders, reloads and status pages find it by.

use std::borrow::Cow;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use wsgen_model::config::AccessLogFormat;
use wsgen_model::site::AccessLog;

use super::Live;
use crate::entry::{Entry, Field};
use crate::json;
use crate::upstream::Server;
use crate::wheel::{TICK, Tick, Timed};
use crate::worker::Worker;

/// A tunnel as the thread knows it.
#[derive(Debug)]
pub(crate) struct Known {
    /// Its configuration.
    pub(crate) generation: u64,
    /// Its server.
    pub(crate) server: Arc<Server>,
    /// What wakes it, and what others see of it.
    pub(crate) live: Rc<Timed<Live>>,
    /// Its line of the log.
    pub(crate) entry: Entry,
}

/// The fields of a tunnel on the status page.
#[derive(Serialize)]
struct Told<'a> {
    client: IpAddr,
    host: Cow<'a, str>,
    uri: Cow<'a, str>,
    route: Cow<'a, str>,
    upstream: Cow<'a, str>,
    seconds: f64,
    silent: f64,
    received: u64,
    sent: u64,
    configuration: u64,
    ends: bool,
}

/// A tunnel as it is told of.
#[derive(Debug)]
pub(crate) struct Row {
    /// When its handshake came.
    pub(crate) began: Instant,
    text: String,
}

impl Row {
    /// Tells of one.
    pub(crate) fn new(known: &Known, now: Tick) -> Self {
        let Known { generation, live, entry, .. } = known;
        let ticks = u32::try_from(now.saturating_sub(live.last.get())).unwrap_or(u32::MAX);
        let silent = (TICK * ticks).as_secs_f64();
        let field = |field| String::from_utf8_lossy(entry.bytes(field).unwrap_or_default());
        let tenths = |seconds: f64| (seconds * 10.0).round() / 10.0;
        let text = json::text(&Told {
            client: entry.client,
            host: field(Field::Host),
            uri: field(Field::Target),
            route: field(Field::Route),
            upstream: field(Field::Server),
            seconds: tenths(entry.began.elapsed().as_secs_f64()),
            silent: tenths(silent),
            received: live.up.get(),
            sent: live.down.get(),
            configuration: *generation,
            ends: live.end_at.get().is_some(),
        });
        Self { began: entry.began, text }
    }

    /// An object of JSON.
    pub(crate) fn json(&self) -> String {
        self.text.clone()
    }
}

/// A tunnel's place; it is given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Registration {
    worker: Rc<Worker>,
    number: u32,
    format: AccessLogFormat,
}

impl Registration {
    /// The place of this number, and the form of its line of the log.
    pub(crate) fn new(worker: Rc<Worker>, number: usize, format: AccessLogFormat) -> Self {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        Self { worker, number, format }
    }

    /// Notes in the log that it is open.
    pub(crate) fn is_open(&self, log: &AccessLog) {
        if let Some(held) = self.worker.tunnels.borrow().get(self.number as usize) {
            self.worker.log.opened(&held.entry, log);
        }
    }

    /// The form of its line of the log.
    pub(crate) fn format(&self) -> AccessLogFormat {
        self.format
    }

    /// Gives the place back; what was known of the tunnel is left.
    pub(crate) fn end(mut self) -> Option<Entry> {
        let held = self.worker.tunnels.borrow_mut().try_remove(self.number as usize);
        // The place may be another's from now on.
        self.number = u32::MAX;
        Some(held?.entry)
    }

    /// The thread.
    pub(crate) fn worker(&self) -> &Rc<Worker> {
        &self.worker
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // Not where the table is in use below a panic: a second one would end the process.
        let tunnels = self.worker.tunnels.try_borrow_mut();
        let held = tunnels.ok().and_then(|mut all| all.try_remove(self.number as usize));
        drop(held);
    }
}
