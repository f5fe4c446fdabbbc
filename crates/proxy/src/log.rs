//! The access log (`log/access`): a line when a request or a tunnel has ended. Each thread collects its lines for a tick
//! of the wheel, and a thread of its own writes them: to wake that thread for each line costs more than the request.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use wsgen_model::config::AccessLogFormat;
use wsgen_model::site::AccessLog;

use crate::metrics::Metrics;

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
    metrics: Arc<Metrics>,
}

/// What is known of a request.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// When it came.
    pub(crate) began: Instant,
    /// Whose it was.
    pub(crate) client: IpAddr,
    /// Whether it is a handshake.
    pub(crate) handshake: bool,
    /// Host as it was asked for.
    pub(crate) host: String,
    /// The method.
    pub(crate) method: String,
    /// The target.
    pub(crate) target: String,
    /// `Referer` and `User-Agent`.
    pub(crate) referer: String,
    /// See there.
    pub(crate) agent: String,
    /// The route's name or number; empty where none was found.
    pub(crate) route: String,
    /// The server's address; empty where none was asked.
    pub(crate) server: String,
    /// What it was answered with.
    pub(crate) status: u16,
    /// Bytes of the answer's body, or of a tunnel to the client.
    pub(crate) sent: u64,
    /// Bytes of a tunnel from the client.
    pub(crate) received: u64,
    /// Why a tunnel ended; empty for a request.
    pub(crate) end: &'static str,
}

impl Log {
    /// Starts the thread that writes to standard output; it ends when nobody is left who has lines for it.
    pub(crate) fn start(metrics: Arc<Metrics>) -> (Self, JoinHandle<()>) {
        let (sender, receiver) = sync_channel(WAITING);
        let writer = std::thread::spawn(move || write(&receiver));
        (Self { lines: sender, metrics }, writer)
    }

    /// A request that was answered; nobody waits for its line.
    pub(crate) fn answered(&self, entry: &Entry, format: AccessLogFormat) {
        self.metrics.answered(entry.status, entry.handshake, entry.began.elapsed());
        self.put(entry, format);
    }

    /// A tunnel that opens; it has a line where the model asks for one.
    pub(crate) fn opened(&self, entry: &Entry, log: &AccessLog) {
        self.metrics.opened(entry.began.elapsed());
        if *log.tunnel_open {
            self.put(entry, *log.format);
        }
    }

    /// A tunnel that has ended.
    pub(crate) fn ended(&self, entry: &Entry, format: AccessLogFormat) {
        self.metrics.ended(entry.end, entry.received, entry.sent);
        self.put(entry, format);
    }

    fn put(&self, entry: &Entry, format: AccessLogFormat) {
        let full = LINES.with_borrow_mut(|lines| {
            entry.line(format, lines);
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

impl Entry {
    /// Adds the line of this entry. Writing to a text fails never.
    fn line(&self, format: AccessLogFormat, out: &mut String) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        match format {
            AccessLogFormat::Json => {
                let _ = write!(
                    out,
                    "{{\"time\":\"{}\",\"client\":\"{}\",\"host\":\"{}\",\"method\":\"{}\",\"uri\":\"{}\",\"status\":{},\"bytes\":{},\"received\":{},\
                     \"seconds\":{:.3},\"route\":\"{}\",\"upstream\":\"{}\",\"end\":\"{}\",\"user_agent\":\"{}\"}}",
                    iso(now),
                    self.client,
                    json(&self.host),
                    json(&self.method),
                    json(&self.target),
                    self.status,
                    self.sent,
                    self.received,
                    self.began.elapsed().as_secs_f64(),
                    json(&self.route),
                    json(&self.server),
                    self.end,
                    json(&self.agent),
                );
            }
            AccessLogFormat::Common => self.common(now, out),
            AccessLogFormat::Combined => {
                self.common(now, out);
                for text in [&self.referer, &self.agent] {
                    out.push_str(" \"");
                    quoted(if text.is_empty() { "-" } else { text }, out);
                    out.push('"');
                }
            }
        }
        out.push('\n');
    }

    fn common(&self, now: u64, out: &mut String) {
        let _ = write!(out, "{} - - [{}] \"{} ", self.client, iso(now), self.method);
        quoted(&self.target, out);
        let _ = write!(out, " HTTP/1.1\" {} {}", self.status, self.sent);
    }
}

/// A text within quotes of a line that people read.
fn quoted(text: &str, out: &mut String) {
    if !text.contains(|c: char| c == '"' || c == '\\' || c.is_control()) {
        return out.push_str(text);
    }
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\x22"),
            '\\' => out.push_str("\\x5C"),
            c if c.is_control() => {
                let _ = write!(out, "\\x{:02X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
}

/// A text within quotes of JSON (RFC 8259 section 7).
pub(crate) fn json(text: &str) -> String {
    let escape = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        c if c.is_control() => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    };
    text.chars().map(escape).collect()
}

/// A time in UTC (RFC 3339), with the days of the civil calendar counted by hand: the eras of 400 years are alike.
fn iso(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(iso(0), "1970-01-01T00:00:00Z");
        assert_eq!(iso(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(iso(1_795_277_646), "2026-11-21T16:14:06Z");
    }

    #[test]
    fn a_quote_ends_no_text() {
        let mut out = String::new();
        quoted("a\"b\\\n", &mut out);
        assert_eq!(out, "a\\x22b\\x5C\\x0A");
        assert_eq!(json("a\"b\\\n"), "a\\\"b\\\\\\u000a");
    }
}
