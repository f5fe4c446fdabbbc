//! What is counted, in the form that Prometheus reads (its text format). Counters are touched when a request or a
//! tunnel begins or ends, never when a message passes.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::snapshot::Snapshot;

/// Why tunnels end, in the words of the log.
const ENDS: [&str; 8] =
    ["client", "upstream", "tunnel_idle", "tunnel_max", "half_closed", "drain", "reset", "error"];
/// Classes of statuses.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Counters of all threads.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    requests: [AtomicU64; 5],
    handshakes: [AtomicU64; 5],
    opened: AtomicU64,
    ends: [AtomicU64; 8],
    received: AtomicU64,
    sent: AtomicU64,
}

fn add(counter: &AtomicU64, number: u64) {
    counter.fetch_add(number, Ordering::Relaxed);
}

impl Metrics {
    /// An answer to a plain request, or to a handshake.
    pub(crate) fn answered(&self, status: u16, handshake: bool) {
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        add(if handshake { &self.handshakes[class] } else { &self.requests[class] }, 1);
    }

    /// A tunnel that opens.
    pub(crate) fn opened(&self) {
        add(&self.opened, 1);
        self.answered(101, true);
    }

    /// A tunnel that has ended.
    pub(crate) fn ended(&self, end: &str, received: u64, sent: u64) {
        if let Some(at) = ENDS.iter().position(|known| *known == end) {
            add(&self.ends[at], 1);
        }
        add(&self.received, received);
        add(&self.sent, sent);
    }

    /// Everything, with the health of the servers of a configuration.
    pub(crate) fn page(&self, snapshot: &Snapshot) -> String {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut page = String::new();
        let mut family = |name: &str, kind: &str, help: &str, lines: Vec<(String, u64)>| {
            let _ = write!(page, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
            for (labels, value) in lines {
                let _ = writeln!(page, "{name}{labels} {value}");
            }
        };
        let by = |label: &str, words: &[&str], counters: &[AtomicU64]| {
            let pairs = words.iter().zip(counters);
            pairs.map(|(word, c)| (format!("{{{label}=\"{word}\"}}"), read(c))).collect::<Vec<_>>()
        };
        let ended: u64 = self.ends.iter().map(read).sum();
        let open = read(&self.opened).saturating_sub(ended);
        family("wsgen_tunnels", "gauge", "Tunnels that are open.", vec![(String::new(), open)]);
        family(
            "wsgen_tunnel_ends_total",
            "counter",
            "Tunnels that have ended, by reason.",
            by("reason", &ENDS, &self.ends),
        );
        family(
            "wsgen_handshakes_total",
            "counter",
            "Handshakes, by the class of their answer.",
            by("class", &CLASSES, &self.handshakes),
        );
        family(
            "wsgen_requests_total",
            "counter",
            "Plain requests, by the class of their answer.",
            by("class", &CLASSES, &self.requests),
        );
        let bytes = [("client", &self.received), ("upstream", &self.sent)];
        let bytes = bytes.map(|(from, counter)| (format!("{{from=\"{from}\"}}"), read(counter)));
        family(
            "wsgen_tunnel_bytes_total",
            "counter",
            "Bytes of tunnels that have ended, by who sent them.",
            bytes.into(),
        );
        let mut servers = Vec::new();
        for (upstream, pooled) in snapshot.site.upstreams.iter().zip(&snapshot.upstreams) {
            for server in &pooled.servers {
                // Names and addresses of a model hold no quote.
                let labels = format!(
                    "{{upstream=\"{}\",server=\"{}\"}}",
                    upstream.name.value, server.target
                );
                servers.push((labels, u64::from(server.standing.is_well())));
            }
        }
        family("wsgen_server_up", "gauge", "Whether a server's checks are good.", servers);
        let generation = vec![(String::new(), snapshot.generation)];
        let help = "Which of the configurations of this process holds.";
        family("wsgen_configuration", "gauge", help, generation);
        page
    }
}
