//! The access log (`log/access`): a line when a request or a tunnel has ended. Each thread collects its lines for a tick
//! of the wheel, and a thread of its own writes them: to wake that thread for each line costs more than the request.

use std::cell::RefCell;
use std::io::Write as _;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use wsgen_model::config::AccessLogFormat;
use wsgen_model::site::AccessLog;

use crate::entry::{Carried, Entry};
use crate::metrics::{Metrics, metrics};

/// Bundles of lines that may wait; a reader that is slower than that loses some.
const WAITING: usize = 256;

/// A bundle that is longer waits for no tick.
const BUNDLE: usize = 32 * 1024;

thread_local! {
    /// The lines of this thread that nobody has written yet.
    static LINES: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Where lines go, and what is counted with them.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    lines: SyncSender<String>,
    /// What is counted.
    pub(crate) metrics: &'static Metrics,
}

impl Log {
    /// Starts the thread that writes to standard output; it ends when nobody is left who has lines for it.
    pub(crate) fn start() -> (Self, JoinHandle<()>) {
        let (sender, receiver) = sync_channel(WAITING);
        let writer = std::thread::spawn(move || write(&receiver));
        (Self { lines: sender, metrics: metrics() }, writer)
    }

    /// A request that was answered; nobody waits for its line.
    pub(crate) fn answered(&self, entry: &Entry, sent: u64, format: AccessLogFormat) {
        self.metrics.answered(entry.status, entry.handshake, entry.began.elapsed());
        self.put(entry, Carried { sent, ..Carried::default() }, format);
    }

    /// A tunnel that opens; it has a line where the model asks for one.
    pub(crate) fn opened(&self, entry: &Entry, log: &AccessLog) {
        self.metrics.opened(entry.began.elapsed());
        if *log.tunnel_open {
            self.put(entry, Carried::default(), *log.format);
        }
    }

    /// A tunnel that has ended.
    pub(crate) fn ended(&self, entry: &Entry, carried: Carried, format: AccessLogFormat) {
        self.metrics.ended(carried.end, carried.received, carried.sent);
        self.put(entry, carried, format);
    }

    fn put(&self, entry: &Entry, carried: Carried, format: AccessLogFormat) {
        let full = LINES.with_borrow_mut(|lines| {
            entry.line(carried, format, lines);
            lines.len() >= BUNDLE
        });
        if full {
            self.hand_over();
        }
    }

    /// Hands the lines of this thread over to be written; called at every tick, and when the thread ends.
    pub(crate) fn hand_over(&self) {
        let lines = LINES.with_borrow_mut(std::mem::take);
        if !lines.is_empty() {
            let _ = self.lines.try_send(lines);
        }
    }
}

fn write(lines: &Receiver<String>) {
    let mut out = std::io::stdout().lock();
    while let Ok(lines) = lines.recv() {
        let _ = out.write_all(lines.as_bytes()).and_then(|()| out.flush());
    }
}
