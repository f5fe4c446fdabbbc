//! What is known of a request, for its line of the access log (`log/access`).

use std::cell::RefCell;
use std::fmt::{Display, Write as _};
use std::net::IpAddr;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, SecondsFormat};
use wsgen_model::config::AccessLogFormat;

thread_local! {
    /// The second of the last line, and how it is written.
    static SECOND: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
}

/// A text of an entry.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Field {
    /// Host as it was asked for.
    Host,
    /// The method.
    Method,
    /// The target.
    Target,
    /// `Referer`
    Referer,
    /// `User-Agent`
    Agent,
    /// The route's name or number; empty where none was found.
    Route,
    /// The server's address; empty where none was asked.
    Server,
}

/// How many they are.
const FIELDS: usize = 7;

/// What passed, once that is known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Carried {
    /// Bytes of the answer's body, or of a tunnel to the client.
    pub(crate) sent: u64,
    /// Bytes of a tunnel from the client.
    pub(crate) received: u64,
    /// Why a tunnel ended; empty for a request, and while it is open.
    pub(crate) end: &'static str,
}

/// What is known of a request. All its texts are one: a tunnel keeps them for as long as it is open.
#[derive(Debug)]
pub(crate) struct Entry {
    /// When it came.
    pub(crate) began: Instant,
    /// Whose it was.
    pub(crate) client: IpAddr,
    /// Whether it is a handshake.
    pub(crate) handshake: bool,
    /// What it was answered with.
    pub(crate) status: u16,
    text: String,
    /// Where each field begins and ends; what lies beyond 64 KiB of all together is not logged.
    places: [(u16, u16); FIELDS],
}

impl Entry {
    /// A request that came just now.
    pub(crate) fn new(client: IpAddr) -> Self {
        Self {
            began: Instant::now(),
            client,
            handshake: false,
            status: 0,
            text: String::with_capacity(256),
            places: [(0, 0); FIELDS],
        }
    }

    /// A text.
    pub(crate) fn get(&self, field: Field) -> &str {
        let (begin, end) = self.places[field as usize];
        self.text.get(usize::from(begin)..usize::from(end)).unwrap_or_default()
    }

    /// Sets a text.
    pub(crate) fn set(&mut self, field: Field, value: &str) {
        let begin = self.length();
        self.text.push_str(value);
        self.places[field as usize] = (begin, self.length());
    }

    /// Sets a text to what something is written as.
    pub(crate) fn write(&mut self, field: Field, value: &impl Display) {
        let begin = self.length();
        // Writing to a text fails never.
        let _ = write!(self.text, "{value}");
        self.places[field as usize] = (begin, self.length());
    }

    fn length(&self) -> u16 {
        place(&self.text)
    }

    /// Gives back what it does not need.
    pub(crate) fn shrink(&mut self) {
        let mut text = String::with_capacity(self.text.len());
        for at in &mut self.places {
            let begin = place(&text);
            text.push_str(self.text.get(usize::from(at.0)..usize::from(at.1)).unwrap_or_default());
            *at = (begin, place(&text));
        }
        text.shrink_to_fit();
        self.text = text;
    }

    /// Adds its line to others.
    pub(crate) fn line(&self, carried: Carried, format: AccessLogFormat, out: &mut String) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        SECOND.with_borrow_mut(|(second, text)| {
            if *second != now {
                (*second, *text) = (now, iso(now));
            }
            self.line_at(text, carried, format, out);
        });
    }

    fn line_at(&self, now: &str, carried: Carried, format: AccessLogFormat, out: &mut String) {
        match format {
            AccessLogFormat::Json => {
                let _ = write!(
                    out,
                    "{{\"time\":\"{}\",\"client\":\"{}\",\"host\":\"{}\",\"method\":\"{}\",\"uri\":\"{}\",\"status\":{},\"bytes\":{},\"received\":{},\
                     \"seconds\":{:.3},\"route\":\"{}\",\"upstream\":\"{}\",\"end\":\"{}\",\"user_agent\":\"{}\"}}",
                    now,
                    self.client,
                    json(self.get(Field::Host)),
                    json(self.get(Field::Method)),
                    json(self.get(Field::Target)),
                    self.status,
                    carried.sent,
                    carried.received,
                    self.began.elapsed().as_secs_f64(),
                    json(self.get(Field::Route)),
                    json(self.get(Field::Server)),
                    carried.end,
                    json(self.get(Field::Agent)),
                );
            }
            AccessLogFormat::Common => self.common(carried.sent, now, out),
            AccessLogFormat::Combined => {
                self.common(carried.sent, now, out);
                for field in [Field::Referer, Field::Agent] {
                    let text = self.get(field);
                    out.push_str(" \"");
                    quoted(if text.is_empty() { "-" } else { text }, out);
                    out.push('"');
                }
            }
        }
        out.push('\n');
    }

    fn common(&self, sent: u64, now: &str, out: &mut String) {
        let _ = write!(out, "{} - - [{}] \"", self.client, now);
        out.push_str(self.get(Field::Method));
        out.push(' ');
        quoted(self.get(Field::Target), out);
        let _ = write!(out, " HTTP/1.1\" {} {}", self.status, sent);
    }
}

/// Where a text ends.
fn place(text: &str) -> u16 {
    u16::try_from(text.len()).unwrap_or(u16::MAX)
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

/// A time in UTC (RFC 3339).
fn iso(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|at| DateTime::from_timestamp(at, 0));
    time.unwrap_or_default().to_rfc3339_opts(SecondsFormat::Secs, true)
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
    fn texts_are_what_they_were_set_to_last() {
        let mut entry = Entry::new(IpAddr::from([127, 0, 0, 1]));
        entry.set(Field::Host, "given.example:80");
        entry.set(Field::Target, "/chat?a=1");
        entry.set(Field::Host, "given.example");
        entry.write(Field::Route, &7);
        entry.shrink();
        let texts = [Field::Host, Field::Target, Field::Route, Field::Agent].map(|f| entry.get(f));
        assert_eq!(texts, ["given.example", "/chat?a=1", "7", ""]);
        assert_eq!(entry.text, "given.example/chat?a=17");
    }

    #[test]
    fn a_quote_ends_no_text() {
        let mut out = String::new();
        quoted("a\"b\\\n", &mut out);
        assert_eq!(out, "a\\x22b\\x5C\\x0A");
        assert_eq!(json("a\"b\\\n"), "a\\\"b\\\\\\u000a");
    }
}
