//! What both sides of a proxy sent and saw, on one time line.

use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The most of one piece that is kept as text.
const SHOWN: usize = 600;
/// The most events of a case; the rest is counted.
const EVENTS: usize = 400;

/// A time line that is written by several hands.
#[derive(Debug, Clone)]
pub struct Transcript(Arc<Mutex<Line>>);

#[derive(Debug)]
struct Line {
    began: Instant,
    events: Vec<Event>,
    left_out: usize,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Since the case began.
    pub at: Duration,
    /// Whose hand: `client`, `upstream`, `harness`.
    pub who: String,
    /// What: `sent`, `got`, `closed`, `noted`.
    pub what: &'static str,
    /// The bytes as text, escaped where they are none.
    pub text: String,
}

impl Default for Transcript {
    fn default() -> Self {
        let line = Line { began: Instant::now(), events: Vec::new(), left_out: 0 };
        Self(Arc::new(Mutex::new(line)))
    }
}

impl Transcript {
    /// Adds bytes.
    pub fn bytes(&self, who: &str, what: &'static str, bytes: &[u8]) {
        let shown = bytes[..bytes.len().min(SHOWN)].escape_ascii().to_string();
        let mut text = shown.replace("\\r\\n", "\n");
        if bytes.len() > SHOWN {
            let _ = write!(text, "… ({} bytes)", bytes.len());
        }
        self.add(who, what, text);
    }

    /// Adds a remark.
    pub fn note(&self, who: &str, text: impl Into<String>) {
        self.add(who, "noted", text.into());
    }

    fn add(&self, who: &str, what: &'static str, text: String) {
        let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if line.events.len() == EVENTS {
            line.left_out += 1;
            return;
        }
        let at = line.began.elapsed();
        line.events.push(Event { at, who: who.to_owned(), what, text });
    }

    /// Everything so far.
    pub fn events(&self) -> Vec<Event> {
        let line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut events = line.events.clone();
        if line.left_out > 0 {
            let text = format!("and {} more", line.left_out);
            events.push(Event {
                at: line.began.elapsed(),
                who: "harness".into(),
                what: "noted",
                text,
            });
        }
        events
    }
}
