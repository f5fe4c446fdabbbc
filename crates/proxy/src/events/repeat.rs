//! Bounds the lines of events that come again and again: one line a second for each subject, with the number of events
//! that had no line. What is left out when the events stop is said by the log's own thread (`sweep`).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::{error, info, warn};

use super::{Limit, Stage};

/// Shortest time between two lines of a subject.
const PAUSE: Duration = Duration::from_secs(1);
/// Time after which a silent subject is forgotten.
const FORGOTTEN: Duration = Duration::from_mins(1);
/// Subjects that are known at a time. Events beyond them share one subject.
const MANY: usize = 1024;
/// Longest cause that a line shows, in bytes: it may come from outside.
const LONGEST: usize = 256;

/// Subject of an event: two events with equal subjects are the same to an operator.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    Upstream {
        upstream: String,
        server: String,
        stage: Stage,
        cause: String,
    },
    Refused {
        listener: String,
        status: u16,
        rule: &'static str,
    },
    Tls {
        listener: String,
        cause: String,
    },
    ProxyHeader {
        listener: String,
        cause: String,
    },
    Limit {
        limit: Limit,
        of: String,
    },
    Dns {
        name: String,
        cause: String,
    },
    Panic {
        part: &'static str,
        message: String,
    },
    LostLines {
        log: &'static str,
        cause: String,
    },
    /// Events of so many subjects that they are not told apart.
    Others,
}

#[derive(Debug)]
struct Last {
    at: Instant,
    left_out: u64,
}

type Known = HashMap<Subject, Last>;

static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);

/// Writes the line of an event, or counts it for a later line.
pub(super) fn say(subject: Subject, peer: Option<IpAddr>) {
    say_many(subject, peer, 1);
}

/// Decides in the same way on an event that stands for several things.
pub(super) fn say_many(subject: Subject, peer: Option<IpAddr>, weight: u64) {
    // Without a log nobody sweeps.
    if tracing::level_filters::LevelFilter::current() == tracing::level_filters::LevelFilter::OFF {
        return;
    }
    let turn = {
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        turn(&mut known, subject, weight, Instant::now())
    };
    if let Some((subject, left_out)) = turn {
        let more = if matches!(subject, Subject::LostLines { .. }) { weight } else { 0 };
        write(&subject, peer, left_out + more, false);
    }
}

/// The subject to write a line for now, with the number of its events that had none.
fn turn(
    known: &mut Known,
    mut subject: Subject,
    weight: u64,
    now: Instant,
) -> Option<(Subject, u64)> {
    if !known.contains_key(&subject) {
        if known.len() >= MANY {
            known.retain(|_, last| last.left_out > 0 || now.duration_since(last.at) < PAUSE);
        }
        if known.len() >= MANY {
            subject = Subject::Others;
        }
    }
    match known.get_mut(&subject) {
        Some(last) if now.duration_since(last.at) < PAUSE => {
            last.left_out += weight;
            None
        }
        Some(last) => {
            last.at = now;
            Some((subject, std::mem::take(&mut last.left_out)))
        }
        None => {
            known.insert(subject.clone(), Last { at: now, left_out: 0 });
            Some((subject, 0))
        }
    }
}

/// Writes the lines of subjects whose last events were left out.
pub(super) fn sweep(now: Instant) {
    let due = {
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        due(&mut known, now)
    };
    for (subject, left_out) in due {
        write(&subject, None, left_out, true);
    }
}

fn due(known: &mut Known, now: Instant) -> Vec<(Subject, u64)> {
    known.retain(|_, last| last.left_out > 0 || now.duration_since(last.at) < FORGOTTEN);
    let mut due = Vec::new();
    for (subject, last) in known.iter_mut() {
        if last.left_out > 0 && now.duration_since(last.at) >= PAUSE {
            last.at = now;
            due.push((subject.clone(), std::mem::take(&mut last.left_out)));
        }
    }
    due
}

/// A text from outside, cut to a bearable length.
fn short(text: &str) -> &str {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn write(subject: &Subject, peer: Option<IpAddr>, left_out: u64, swept: bool) {
    // Such a line is of no event of its own.
    let note = swept.then_some("more of the same");
    let left_out = (left_out > 0).then_some(left_out);
    let peer = peer.map(tracing::field::display);
    match subject {
        Subject::Upstream { upstream, server, stage, cause } => {
            let (stage, cause) = (stage.as_str(), short(cause));
            warn!(target: "wsgen::upstream", upstream, server, stage, cause, left_out, note, "server failed");
        }
        Subject::Refused { listener, status, rule } => {
            warn!(target: "wsgen::refused", listener, peer, status, rule, left_out, note, "request refused");
        }
        Subject::Tls { listener, cause } => {
            let cause = short(cause);
            info!(target: "wsgen::tls", listener, peer, cause, left_out, note, "TLS handshake failed");
        }
        Subject::ProxyHeader { listener, cause } => {
            let cause = short(cause);
            warn!(target: "wsgen::proxy_header", listener, peer, cause, left_out, note, "no good PROXY header");
        }
        Subject::Limit { limit, of } => {
            let limit = limit.as_str();
            warn!(target: "wsgen::limit", limit, of, peer, left_out, note, "limit reached");
        }
        Subject::Dns { name, cause } => {
            let cause = short(cause);
            warn!(target: "wsgen::dns", name, cause, left_out, note, "name not resolved");
        }
        Subject::Panic { part, message } => {
            let message = short(message);
            error!(target: "wsgen::panic", part, cause = message, left_out, note, "panic; the rest goes on");
        }
        Subject::LostLines { log, cause } => {
            warn!(target: "wsgen::log", log, lost = left_out, cause, note, "log lines lost");
        }
        Subject::Others => {
            warn!(target: "wsgen::log", left_out, note, "too many different events to tell them apart");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(rule: &'static str) -> Subject {
        Subject::Refused { listener: "127.0.0.1:80".to_owned(), status: 400, rule }
    }

    #[test]
    fn a_subject_has_a_line_a_second_and_the_number_of_the_rest() {
        let (mut known, began) = (Known::default(), Instant::now());
        let at = |milliseconds| began + Duration::from_millis(milliseconds);
        let mut left_out = |rule, milliseconds| {
            turn(&mut known, refused(rule), 1, at(milliseconds)).map(|(_, left_out)| left_out)
        };
        assert_eq!(left_out("a", 0), Some(0));
        assert_eq!(left_out("a", 10), None);
        assert_eq!(left_out("a", 999), None);
        assert_eq!(left_out("b", 999), Some(0), "another subject has its own line");
        assert_eq!(left_out("a", 1_000), Some(2));
        assert_eq!(left_out("a", 1_500), None);
        assert_eq!(due(&mut known, at(1_999)), [], "too early");
        assert_eq!(due(&mut known, at(2_000)), [(refused("a"), 1)]);
        assert_eq!(due(&mut known, at(3_000)), []);
        assert_eq!(known.len(), 2);
        assert_eq!(due(&mut known, at(70_000)), []);
        assert!(known.is_empty(), "silent subjects are forgotten");
    }

    #[test]
    fn many_subjects_take_bounded_memory() {
        let (mut known, began) = (Known::default(), Instant::now());
        for number in 0..MANY * 3 {
            let subject = Subject::Dns { name: number.to_string(), cause: String::new() };
            turn(&mut known, subject, 1, began);
        }
        assert!(known.len() <= MANY + 1);
        assert!(known[&Subject::Others].left_out > 0);
    }
}
