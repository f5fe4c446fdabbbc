//! The forms of an access log line: Common and Combined Log Format, byte for byte as Apache writes them
//! (`mod_log_config`, `%h %l %u %t "%r" %>s %b`), and JSON with what tunnels have beside that.

use std::borrow::Cow;
use std::cell::RefCell;
use std::io::Write as _;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, SecondsFormat};
use serde::Serialize;
use wsgen_model::config::AccessLogFormat;

use crate::entry::{Carried, Entry, Field};
use crate::json;

/// A second and how it is written; lines of the same second share it.
type Second = RefCell<(u64, String)>;

thread_local! {
    static CLF_SECOND: Second = const { RefCell::new((u64::MAX, String::new())) };
    static ISO_SECOND: Second = const { RefCell::new((u64::MAX, String::new())) };
}

/// The fields of a line in JSON.
#[derive(Serialize)]
struct Line<'a> {
    time: &'a str,
    client: IpAddr,
    user: Cow<'a, str>,
    host: Cow<'a, str>,
    method: Cow<'a, str>,
    uri: Cow<'a, str>,
    protocol: &'static str,
    status: u16,
    bytes: u64,
    received: u64,
    seconds: f64,
    route: Cow<'a, str>,
    upstream: Cow<'a, str>,
    end: &'static str,
    refused: Cow<'a, str>,
    referer: Cow<'a, str>,
    user_agent: Cow<'a, str>,
}

impl Entry {
    /// Adds the request's line to others.
    pub(crate) fn line(&self, carried: Carried, format: AccessLogFormat, out: &mut Vec<u8>) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.line_at(now, self.began.elapsed(), carried, format, out);
    }

    fn line_at(
        &self,
        now: Duration,
        elapsed: Duration,
        carried: Carried,
        format: AccessLogFormat,
        out: &mut Vec<u8>,
    ) {
        // Apache's `%t` is the time when the request came, and not that of the line.
        let came = now.saturating_sub(elapsed).as_secs();
        match format {
            AccessLogFormat::Json => ISO_SECOND.with_borrow_mut(|second| {
                let time = written(second, now.as_secs(), iso);
                json::write(&self.json(time, elapsed, carried), out);
            }),
            AccessLogFormat::Common => self.common(came, carried.sent, out),
            AccessLogFormat::Combined => {
                self.common(came, carried.sent, out);
                for field in [Field::Referer, Field::Agent] {
                    out.extend_from_slice(b" \"");
                    logged(self.bytes(field).unwrap_or(b"-"), out);
                    out.push(b'"');
                }
            }
        }
        out.push(b'\n');
    }

    fn json<'a>(&'a self, time: &'a str, elapsed: Duration, carried: Carried) -> Line<'a> {
        let text = |field| String::from_utf8_lossy(self.bytes(field).unwrap_or_default());
        Line {
            time,
            client: self.client,
            user: text(Field::User),
            host: text(Field::Host),
            method: text(Field::Method),
            uri: text(Field::Target),
            protocol: self.protocol.as_str(),
            status: self.status,
            bytes: carried.sent,
            received: carried.received,
            seconds: (elapsed.as_secs_f64() * 1000.0).round() / 1000.0,
            route: text(Field::Route),
            upstream: text(Field::Server),
            end: carried.end,
            refused: text(Field::Refused),
            referer: text(Field::Referer),
            user_agent: text(Field::Agent),
        }
    }

    fn common(&self, came: u64, sent: u64, out: &mut Vec<u8>) {
        // Writing to memory cannot fail.
        let _ = write!(out, "{} - ", self.client);
        match self.bytes(Field::User) {
            None => out.push(b'-'),
            Some([]) => out.extend_from_slice(b"\"\""),
            Some(user) => logged(user, out),
        }
        CLF_SECOND.with_borrow_mut(|second| {
            let _ = write!(out, " [{}] \"", written(second, came, clf));
        });
        match (self.bytes(Field::Method), self.bytes(Field::Target)) {
            (Some(method), Some(target)) => {
                logged(method, out);
                out.push(b' ');
                logged(target, out);
                let _ = write!(out, " {}", self.protocol.as_str());
            }
            // No request line was read.
            _ => out.push(b'-'),
        }
        let _ = write!(out, "\" {} ", self.status);
        match sent {
            0 => out.push(b'-'),
            sent => {
                let _ = write!(out, "{sent}");
            }
        }
    }
}

/// Adds a text as Apache writes foreign text into its log: quotes and backslashes behind a backslash, some controls by
/// their letter, every other byte that is not printable ASCII as `\xhh`.
fn logged(text: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            b' '..=b'~' => out.push(*byte),
            0x08 => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            0x0b => out.extend_from_slice(b"\\v"),
            b'\r' => out.extend_from_slice(b"\\r"),
            _ => {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
}

/// A second as a form writes it.
fn written(known: &mut (u64, String), second: u64, form: fn(u64) -> String) -> &str {
    if known.0 != second {
        *known = (second, form(second));
    }
    &known.1
}

fn date(seconds: u64) -> DateTime<chrono::Utc> {
    let time = i64::try_from(seconds).ok().and_then(|at| DateTime::from_timestamp(at, 0));
    time.unwrap_or_default()
}

/// A time in UTC (RFC 3339).
fn iso(seconds: u64) -> String {
    date(seconds).to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A time as Common Log Format has it, in UTC.
fn clf(seconds: u64) -> String {
    date(seconds).format("%d/%b/%Y:%H:%M:%S +0000").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Protocol;

    /// 21 November 2026, 16:14:06.
    const NOW: Duration = Duration::from_secs(1_795_277_646);

    fn line(entry: &Entry, sent: u64, format: AccessLogFormat) -> String {
        let mut out = Vec::new();
        let carried = Carried { sent, ..Carried::default() };
        entry.line_at(NOW, Duration::from_millis(2_500), carried, format, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn entry() -> Entry {
        let mut entry = Entry::new(IpAddr::from([192, 0, 2, 7]));
        entry.status = 200;
        entry.set(Field::Method, b"GET");
        entry.set(Field::Target, b"/chat?a=%22\"");
        entry
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(iso(0), "1970-01-01T00:00:00Z");
        assert_eq!(iso(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(clf(1_795_277_646), "21/Nov/2026:16:14:06 +0000");
    }

    #[test]
    fn common_and_combined_are_apaches() {
        let mut entry = entry();
        let common =
            "192.0.2.7 - - [21/Nov/2026:16:14:03 +0000] \"GET /chat?a=%22\\\" HTTP/1.1\" 200 -\n";
        assert_eq!(line(&entry, 0, AccessLogFormat::Common), common);
        let combined = format!("{} \"-\" \"-\"\n", common.trim_end().replace(" 200 -", " 200 12"));
        assert_eq!(line(&entry, 12, AccessLogFormat::Combined), combined);
        entry.protocol = Protocol::Http2;
        entry.set(Field::User, "Zoë \"x\"".as_bytes());
        entry.set(Field::Referer, b"");
        entry.set(Field::Agent, b"a\\b\x08\t\n\x0b\r\0\x1b\x7f\xff");
        assert_eq!(
            line(&entry, 12, AccessLogFormat::Combined),
            "192.0.2.7 - Zo\\xc3\\xab \\\"x\\\" [21/Nov/2026:16:14:03 +0000] \"GET /chat?a=%22\\\" HTTP/2.0\" 200 12 \
             \"\" \"a\\\\b\\b\\t\\n\\v\\r\\x00\\x1b\\x7f\\xff\"\n"
        );
        let refused = Entry::refused(entry.client, b"\x16\x03\x01", 400, "rule");
        assert!(line(&refused, 7, AccessLogFormat::Common).ends_with("] \"-\" 400 7\n"));
    }

    #[test]
    fn json_has_what_tunnels_have() {
        let mut entry = entry();
        entry.set(Field::Agent, b"a\"\\\n\xff\xc2\x9b");
        let line = line(&entry, 12, AccessLogFormat::Json);
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["user_agent"], "a\"\\\n\u{fffd}\u{9b}");
        assert_eq!((&value["bytes"], &value["seconds"]), (&12.into(), &2.5.into()));
        assert_eq!(
            (&value["time"], &value["uri"]),
            (&"2026-11-21T16:14:06Z".into(), &"/chat?a=%22\"".into())
        );
        assert!(!line.trim_end().contains(char::is_control));
    }
}
