//! The error log: events of `tracing` on standard error. A thread of its own writes the lines; an event that finds the
//! queue full is lost and counted, so that a slow reader never holds up traffic.

use std::io::Write as _;
use std::os::unix::fs::MetadataExt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use chrono::{SecondsFormat, Utc};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use super::form::Form;
use super::{lines_lost, repeat};
use crate::isolation::{self, Part, catch};

/// The log's name in metrics.
pub(super) const NAME: &str = "error";
/// Why lines are lost.
const SLOW: &str = "the reader is too slow";
/// Lines that may wait to be written.
const WAITING: usize = 1024;
/// Time between two looks at what was left out.
const SWEEP: Duration = Duration::from_secs(1);
/// Longest time that the last lines may take.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The events that are logged.
#[derive(Debug, Clone)]
pub struct Filter(Targets);

impl Default for Filter {
    fn default() -> Self {
        Self(Targets::new().with_target(OWN, Level::INFO))
    }
}

/// The root of wsgen's own targets. A level without a target is for them alone: events of libraries may show what is
/// secret, such as fields of requests.
const OWN: &str = "wsgen";

impl FromStr for Filter {
    type Err = String;

    /// Reads a level (`off`, `error`, `warn`, `info`, `debug`, `trace`), or several `target=level` with commas between.
    fn from_str(text: &str) -> Result<Self, String> {
        let level = |word: &str| {
            let bad = format!("`{word}` is no level: off, error, warn, info, debug, trace");
            LevelFilter::from_str(word.trim()).map_err(|_| bad)
        };
        let mut targets = Self::default().0;
        for part in text.split(',') {
            targets = match part.split_once('=') {
                Some((target, word)) => targets.with_target(target.trim(), level(word)?),
                None => targets.with_target(OWN, level(part)?),
            };
        }
        Ok(Self(targets))
    }
}

/// The form of the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// Lines for people. The journal gets them with their priority, and without a time.
    #[default]
    Text,
    /// An object of JSON a line.
    Json,
}

/// The error log of this process. Dropping it waits for the last lines, for a second at most.
#[derive(Debug)]
pub struct ErrorLog {
    form: Form,
    lines: SyncSender<Message>,
}

#[derive(Debug)]
enum Message {
    Text(Vec<u8>),
    /// Everything ahead of this is to be written now.
    Flush(SyncSender<()>),
}

impl ErrorLog {
    /// Starts the log of this process. A second one writes nothing of its own.
    pub fn start(filter: Filter, style: Style) -> std::io::Result<Self> {
        let (lines, receiver) = sync_channel(WAITING);
        let form = Form { json: style == Style::Json, journal: is_journal() };
        let layer = Lines { form, lines: lines.clone() };
        isolation::thread("error-log", Part::Log, move || {
            while catch(Part::Log, || write(&receiver)).is_err() {}
        })?;
        let _ = tracing_subscriber::registry().with(filter.0).with(layer).try_init();
        Ok(Self { form, lines })
    }

    /// Whether people read the lines: no JSON is asked for, and standard error is not the journal.
    pub fn is_for_people(&self) -> bool {
        !self.form.json && !self.form.journal
    }

    /// Writes the findings about a model: the text itself for people, a line for programs.
    pub fn findings(&self, text: &str) {
        if self.is_for_people() {
            put(&self.lines, text.into());
        } else if !text.is_empty() {
            tracing::warn!(target: "wsgen::reload", findings = text.trim_end(), "findings about the model");
        }
    }

    /// Says that a listener accepts connections.
    pub fn listening(&self, name: &str, address: &str) {
        tracing::info!(target: "wsgen::process", "{name} on {address}");
    }

    /// Says what became of a reload.
    pub fn reloaded(&self, good: bool, words: &str) {
        if good {
            tracing::info!(target: "wsgen::reload", "{words}");
        } else {
            tracing::error!(target: "wsgen::reload", "{words}");
        }
    }

    /// Says why the process cannot go on.
    pub fn failed(&self, message: &str, help: &str) {
        tracing::error!(target: "wsgen::process", help, "{message}");
    }
}

impl Drop for ErrorLog {
    fn drop(&mut self) {
        let end = Instant::now() + LAST_LINES;
        let (sender, written) = sync_channel(1);
        let mut message = Message::Flush(sender);
        while let Err(TrySendError::Full(back)) = self.lines.try_send(message) {
            if Instant::now() > end {
                return;
            }
            message = back;
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = written.recv_timeout(end.saturating_duration_since(Instant::now()));
    }
}

/// Whether standard error goes to the journal (systemd.exec(5), `JOURNAL_STREAM`).
fn is_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    let Ok(open) = std::fs::metadata("/proc/self/fd/2") else { return false };
    stream == format!("{}:{}", open.dev(), open.ino())
}

/// Makes lines of events.
struct Lines {
    form: Form,
    lines: SyncSender<Message>,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let time = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
        let mut line = Vec::with_capacity(256);
        self.form.line(event, &time, &mut line);
        put(&self.lines, line);
    }
}

/// Lost lines that nobody has said yet.
static LOST: AtomicU64 = AtomicU64::new(0);

fn put(lines: &SyncSender<Message>, text: Vec<u8>) {
    if let Err(TrySendError::Full(_)) = lines.try_send(Message::Text(text)) {
        LOST.fetch_add(1, Ordering::Relaxed);
        lines_lost(NAME, 1, &SLOW);
    }
}

fn write(messages: &Receiver<Message>) {
    let mut swept = Instant::now();
    loop {
        match messages.recv_timeout(SWEEP) {
            Ok(Message::Text(text)) => print(&text),
            Ok(Message::Flush(written)) => {
                let _ = written.send(());
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let lost = LOST.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tracing::warn!(target: "wsgen::log", log = NAME, lost, cause = SLOW, "log lines lost");
        }
        if swept.elapsed() >= SWEEP {
            swept = Instant::now();
            repeat::sweep(swept);
        }
    }
}

/// Standard error itself is not locked: whoever else prints there must not wait for a slow reader.
fn print(text: &[u8]) {
    let _ = std::io::stderr().write_all(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_alone_is_for_wsgen() {
        let enabled = |text: &str, target: &str, level: Level| {
            text.parse::<Filter>().unwrap().0.would_enable(target, &level)
        };
        assert!(enabled("debug", "wsgen::upstream", Level::DEBUG));
        assert!(!enabled("debug", "h2", Level::ERROR));
        assert!(!enabled("off", "wsgen::upstream", Level::ERROR));
        assert!(enabled("warn,h2=info", "h2::codec", Level::INFO));
        assert!(!enabled("warn,h2=info", "wsgen", Level::INFO));
        assert!(enabled("wsgen::tls=trace", "wsgen::tls", Level::TRACE));
        assert!(enabled("wsgen::tls=trace", "wsgen::health", Level::INFO), "the default stays");
        assert!("loud".parse::<Filter>().is_err());
        assert!("wsgen::tls=loud".parse::<Filter>().is_err());
    }
}
