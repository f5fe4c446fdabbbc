//! What is counted, in the form that Prometheus reads (its text format). Counters are touched when a request or a
//! tunnel begins or ends, never when a message passes.

use std::fmt::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

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
    reloads: [AtomicU64; 2],
    /// What carries settled tunnels.
    relay: OnceLock<&'static str>,
    request_seconds: Histogram,
    handshake_seconds: Histogram,
}

/// Bounds of the histograms, in milliseconds.
const BOUNDS: [u64; 12] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 5000, 30_000];

/// How long answers took.
#[derive(Debug, Default)]
struct Histogram {
    /// By bound; the last has none.
    counts: [AtomicU64; BOUNDS.len() + 1],
    microseconds: AtomicU64,
}

impl Histogram {
    fn add(&self, time: Duration) {
        let fits = |most: &u64| time <= Duration::from_millis(*most);
        let at = BOUNDS.iter().position(fits).unwrap_or(BOUNDS.len());
        add(&self.counts[at], 1);
        add(&self.microseconds, u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    /// What stands behind the name, and the value: each bucket counts those of the smaller ones too.
    fn lines(&self) -> Vec<(String, String)> {
        let mut sum = 0;
        let mut lines = Vec::new();
        let bounds =
            BOUNDS.iter().map(|most| Duration::from_millis(*most).as_secs_f64().to_string());
        for (bound, count) in bounds.chain(["+Inf".to_owned()]).zip(&self.counts) {
            sum += count.load(Ordering::Relaxed);
            lines.push((format!("_bucket{{le=\"{bound}\"}}"), sum.to_string()));
        }
        let total = Duration::from_micros(self.microseconds.load(Ordering::Relaxed));
        lines.push(("_sum".to_owned(), total.as_secs_f64().to_string()));
        lines.push(("_count".to_owned(), sum.to_string()));
        lines
    }
}

fn add(counter: &AtomicU64, number: u64) {
    counter.fetch_add(number, Ordering::Relaxed);
}

impl Metrics {
    /// What carries settled tunnels, by the word of `wsgen serve --relay`.
    pub(crate) fn relayed_by(&self, engine: &'static str) {
        let _ = self.relay.set(engine);
    }

    /// An answer to a plain request, or to a handshake, and how long it took.
    pub(crate) fn answered(&self, status: u16, handshake: bool, time: Duration) {
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        let (counters, histogram) = if handshake {
            (&self.handshakes, &self.handshake_seconds)
        } else {
            (&self.requests, &self.request_seconds)
        };
        add(&counters[class], 1);
        histogram.add(time);
    }

    /// A reload, and whether it succeeded.
    pub(crate) fn reloaded(&self, good: bool) {
        add(&self.reloads[usize::from(!good)], 1);
    }

    /// A tunnel that opens.
    pub(crate) fn opened(&self, time: Duration) {
        add(&self.opened, 1);
        self.answered(101, true, time);
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
        let mut family = |name: &str, kind: &str, help: &str, lines: Vec<(String, String)>| {
            let _ = write!(page, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
            for (labels, value) in lines {
                let _ = writeln!(page, "{name}{labels} {value}");
            }
        };
        let by = |label: &str, words: &[&str], counters: &[AtomicU64]| {
            let pairs = words.iter().zip(counters);
            pairs
                .map(|(word, c)| (format!("{{{label}=\"{word}\"}}"), read(c).to_string()))
                .collect::<Vec<_>>()
        };
        let ended: u64 = self.ends.iter().map(read).sum();
        let open = read(&self.opened).saturating_sub(ended);
        family(
            "wsgen_tunnels",
            "gauge",
            "Tunnels that are open.",
            vec![(String::new(), open.to_string())],
        );
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
        let timed = [
            (
                "wsgen_handshake_seconds",
                "Time to the answer of handshakes.",
                &self.handshake_seconds,
            ),
            (
                "wsgen_request_seconds",
                "Time to the whole answer of plain requests.",
                &self.request_seconds,
            ),
        ];
        for (name, help, histogram) in timed {
            family(name, "histogram", help, histogram.lines());
        }
        let reloads = by("result", &["good", "bad"], &self.reloads);
        family("wsgen_reloads_total", "counter", "Reloads that were asked for.", reloads);
        let bytes = [("client", &self.received), ("upstream", &self.sent)];
        let bytes = bytes
            .map(|(from, counter)| (format!("{{from=\"{from}\"}}"), read(counter).to_string()));
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
                servers.push((labels, u64::from(server.standing.is_well()).to_string()));
            }
        }
        family("wsgen_server_up", "gauge", "Whether a server's checks are good.", servers);
        // Nothing ahead of the first thread.
        let relay = self.relay.get();
        let relay = relay.map(|relay| (format!("{{engine=\"{relay}\"}}"), "1".to_owned()));
        let relay = relay.into_iter().collect();
        family("wsgen_relay_info", "gauge", "What carries tunnels that have settled.", relay);
        let generation = vec![(String::new(), snapshot.generation.to_string())];
        let help = "Which of the configurations of this process holds.";
        family("wsgen_configuration", "gauge", help, generation);
        page
    }
}
