//! The form of error log lines: text for people, or JSON. Control characters (C0, DEL, C1) never reach the output as they
//! are: they would move a terminal's cursor or forge lines.

use std::fmt::Debug;
use std::io::Write as _;

use serde::{Serialize, Serializer};
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

use crate::json;

/// The form of the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    /// Whether each line is an object of JSON.
    pub(super) json: bool,
    /// Whether the journal reads the lines: it wants a priority ahead of each (sd-daemon(3)), and has the time.
    pub(super) journal: bool,
}

impl Form {
    /// Adds the line of an event to a text.
    pub(super) fn line(self, event: &Event<'_>, time: &str, out: &mut Vec<u8>) {
        let (level, target) = (*event.metadata().level(), event.metadata().target());
        let mut fields = Fields::default();
        event.record(&mut fields);
        if self.journal {
            let _ = write!(out, "<{}>", priority(level));
        }
        if self.json {
            let mut pairs = vec![
                ("time", Value::Text(time.to_owned())),
                ("level", Value::Text(level.as_str().to_ascii_lowercase())),
                ("target", Value::Text(target.to_owned())),
                ("message", Value::Text(fields.message)),
            ];
            pairs.append(&mut fields.others);
            json::write(&Object(&pairs), out);
        } else {
            if !self.journal {
                let _ = write!(out, "{time} {level} ");
            }
            let _ = write!(out, "{target}: ");
            for c in fields.message.chars() {
                let _ = match c {
                    c if c.is_control() => write!(out, "{}", c.escape_default()),
                    c => write!(out, "{c}"),
                };
            }
            for (name, value) in &fields.others {
                // The debug form of a text has no character that is not printable.
                let _ = match value {
                    Value::Text(text) => write!(out, " {name}={text:?}"),
                    Value::Number(number) => write!(out, " {name}={number}"),
                    Value::Truth(truth) => write!(out, " {name}={truth}"),
                };
            }
        }
        out.push(b'\n');
    }
}

/// The priority of a level in syslog(3).
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
enum Value {
    Text(String),
    Number(i128),
    Truth(bool),
}

/// The fields of an event.
#[derive(Debug, Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, Value)>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        self.others.push((field.name(), value));
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        } else {
            self.put(field, Value::Text(format!("{value:?}")));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::Text(value.to_owned()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::Number(value.into()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::Number(value.into()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::Truth(value));
    }
}

/// An object of JSON, in the order of its pairs.
struct Object<'a>(&'a [(&'static str, Value)]);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::Subscriber;
    use tracing_subscriber::Layer;
    use tracing_subscriber::layer::{Context, SubscriberExt};

    use super::*;

    struct Kept(Form, Arc<Mutex<Vec<u8>>>);

    impl<S: Subscriber> Layer<S> for Kept {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            self.0.line(event, "2026-11-26T12:30:34.000Z", &mut self.1.lock().unwrap());
        }
    }

    fn line(json: bool, journal: bool, cause: &str) -> String {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let layer = Kept(Form { json, journal }, kept.clone());
        let all = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(all, || {
            let left_out = Some(7_u64);
            let nothing: Option<u64> = None;
            tracing::warn!(target: "wsgen::upstream", cause, left_out, nothing, "server failed");
        });
        String::from_utf8(kept.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn lines_are_text_json_and_the_journals() {
        assert_eq!(
            line(false, false, "refused"),
            "2026-11-26T12:30:34.000Z WARN wsgen::upstream: server failed cause=\"refused\" left_out=7\n"
        );
        assert_eq!(
            line(false, true, "refused"),
            "<4>wsgen::upstream: server failed cause=\"refused\" left_out=7\n"
        );
        assert_eq!(
            line(true, false, "a \"b\""),
            "{\"time\":\"2026-11-26T12:30:34.000Z\",\"level\":\"warn\",\"target\":\"wsgen::upstream\",\
             \"message\":\"server failed\",\"cause\":\"a \\\"b\\\"\",\"left_out\":7}\n"
        );
    }

    #[test]
    fn no_control_character_reaches_a_line() {
        let hostile: String = (0..=0x9f_u8).map(char::from).chain(['ä', '\u{202e}']).collect();
        for json in [false, true] {
            let line = line(json, false, &hostile);
            let body = line.strip_suffix('\n').unwrap();
            assert!(!body.contains(char::is_control), "{body:?}");
            assert!(body.contains('ä'));
        }
        let value: serde_json::Value = serde_json::from_str(&line(true, false, &hostile)).unwrap();
        assert_eq!(value["cause"], hostile.as_str());
    }
}
