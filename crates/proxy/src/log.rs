//! The access log (`log/access`): a line when a request or a tunnel has ended. Each thread collects its lines for a tick
//! of the wheel, and a thread of its own writes them: to wake that thread for each line costs more than the request.

use std::cell::RefCell;
use std::io::{self, Write as _};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use wsgen_model::config::AccessLogFormat;
use wsgen_model::site::AccessLog;

use crate::answer::Answer;
use crate::connection::Arrival;
use crate::entry::{Carried, Entry, Field, Protocol};
use crate::events;
use crate::fault;
use crate::head::Refusal;
use crate::isolation::{self, Part, catch};
use crate::metrics::{Metrics, metrics};
use crate::snapshot::Snapshot;
use crate::stream::{Peer, Stream};

/// Bundles of lines that may wait; a reader that is slower than that loses some.
const WAITING: usize = 256;

/// A bundle that is longer waits for no tick.
const BUNDLE: usize = 32 * 1024;

thread_local! {
    /// The lines of this thread that nobody has written yet.
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The access log, as every thread has it.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    lines: SyncSender<Vec<u8>>,
    /// What is counted.
    pub(crate) metrics: &'static Metrics,
}

impl Log {
    /// Starts the thread that writes to standard output; it ends when nobody is left who has lines for it.
    pub(crate) fn start() -> io::Result<(Self, JoinHandle<()>)> {
        let (sender, receiver) = sync_channel(WAITING);
        let writer = isolation::thread("access-log", Part::Log, move || write(&receiver))?;
        Ok((Self { lines: sender, metrics: metrics() }, writer))
    }

    /// A request that was answered; nobody waits for its line.
    pub(crate) fn answered(&self, entry: &Entry, sent: u64, format: AccessLogFormat) {
        self.metrics.answered(entry.status, entry.handshake, entry.began.elapsed());
        self.put(entry, Carried { sent, ..Carried::default() }, format);
    }

    /// A request whose head was refused: it has a line with as much as is known of it.
    pub(crate) fn refused(
        &self,
        from: &Arrival,
        client: &Peer,
        refusal: &Refusal,
        format: AccessLogFormat,
    ) {
        let Refusal { status, why } = *refusal;
        events::refused(&from.at, from.peer.ip(), status, why);
        let mut entry = Entry::refused(from.peer.ip(), &client.buffer, status, why);
        if matches!(client.stream, Stream::Inner(_)) {
            entry.protocol = Protocol::Http2;
        }
        let sent = Answer::status(status).body.len() as u64;
        self.answered(&entry, sent, format);
    }

    /// A stream of HTTP/2 that is no request; the rest of what HTTP/2 forbids is reset below.
    pub(crate) fn refused_stream(
        &self,
        from: &Arrival,
        method: &str,
        target: &str,
        snapshot: &Snapshot,
    ) {
        const RULE: &str = "a CONNECT of another kind, or no path or host";
        events::refused(&from.at, from.peer.ip(), 400, RULE);
        let mut entry = Entry::refused(from.peer.ip(), b"", 400, RULE);
        entry.protocol = Protocol::Http2;
        entry.set(Field::Method, method);
        entry.set(Field::Target, target);
        self.answered(&entry, 0, *snapshot.site.access_log.format);
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
        if lines.is_empty() {
            return;
        }
        if let Err(TrySendError::Full(lost) | TrySendError::Disconnected(lost)) =
            self.lines.try_send(lines)
        {
            events::lines_lost("access", lines_in(&lost), &"the reader is too slow");
        }
    }
}

fn lines_in(bundle: &[u8]) -> u64 {
    bundle.split_inclusive(|byte| *byte == b'\n').count() as u64
}

fn write(bundles: &Receiver<Vec<u8>>) {
    let mut out = std::io::stdout().lock();
    while let Ok(lines) = bundles.recv() {
        let _ = catch(Part::Log, || {
            fault::point("log");
            if let Err(error) = out.write_all(&lines).and_then(|()| out.flush()) {
                events::lines_lost("access", lines_in(&lines), &error);
            }
        });
    }
}
