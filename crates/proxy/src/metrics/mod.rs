//! Metrics of the process, for Prometheus. Counters are touched when a request or a tunnel begins or ends, never when a
//! message passes. What every request touches is looked up once, at the start.

mod histogram;
pub(crate) mod labels;

use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Metric, Registry};
use tokio::runtime::Handle;

use self::histogram::Histogram;
use self::labels::{
    Change, Class, Engine, Failure, Limited, Listener, LogName, Outcome, Part, Reason, Resolved,
    Rule, Sender, Server, Thread,
};
use crate::snapshot::Snapshot;

/// Why tunnels end, in the words of the access log.
const ENDS: [&str; 8] =
    ["client", "upstream", "tunnel_idle", "tunnel_max", "half_closed", "drain", "reset", "error"];
/// Classes of response statuses.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// All metrics of the process, in one registry.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: [Counter; 5],
    handshakes: [Counter; 5],
    request_seconds: Histogram,
    handshake_seconds: Histogram,
    /// Tunnels that have opened; the page shows how many of them are still open.
    opened: Counter,
    open: Gauge,
    ends: [Counter; 8],
    received: Counter,
    sent: Counter,
    reloads: [Counter; 2],
    servers: Family<Server, Gauge>,
    configuration: Gauge,
    engine: Family<Engine, Gauge>,
    engine_name: OnceLock<&'static str>,
    tasks: Family<Thread, Gauge>,
    /// Entries of each thread's timer wheel; the thread sets its own.
    entries: Family<Thread, Gauge>,
    /// The runtimes of the threads.
    runtimes: Mutex<Vec<(Thread, Handle)>>,
    /// Failed exchanges with servers.
    pub(crate) upstream_failures: Family<Failure, Counter>,
    /// Changes of a server's health.
    pub(crate) health_changes: Family<Change, Counter>,
    /// Number of refused requests.
    pub(crate) refusals: Family<Rule, Counter>,
    /// TLS handshakes of clients that are in flight.
    pub(crate) tls_handshakes: Gauge,
    /// TLS handshakes of clients that failed.
    pub(crate) tls_failures: Family<Listener, Counter>,
    /// Connections that began with no good PROXY header.
    pub(crate) proxy_header_failures: Family<Listener, Counter>,
    /// Number of times that a limit was reached.
    pub(crate) limits: Family<Limited, Counter>,
    /// Names that no name server could resolve.
    pub(crate) dns_failures: Family<Resolved, Counter>,
    /// Log lines that were lost because their reader was too slow.
    pub(crate) lost_lines: Family<LogName, Counter>,
    /// Panics that ended a part of the process.
    pub(crate) panics: Family<Part, Counter>,
}

/// The metrics of this process.
pub(crate) fn metrics() -> &'static Metrics {
    static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);
    &METRICS
}

/// Registers a metric and gives a handle to it.
fn register<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

/// A counter for each word of a label; all of them are shown from the start.
fn counters<S, const N: usize>(
    registry: &mut Registry,
    (name, help): (&str, &str),
    words: [&'static str; N],
    label: impl Fn(&'static str) -> S,
) -> [Counter; N]
where
    S: Clone + std::hash::Hash + Eq,
    Family<S, Counter>: Metric,
{
    let family = Family::<S, Counter>::default();
    registry.register(name, help, family.clone());
    words.map(|word| family.get_or_create_owned(&label(word)))
}

impl Metrics {
    fn new() -> Self {
        let mut all = Registry::default();
        let class = |class| Class { class };
        let bytes = ("wsgen_tunnel_bytes", "Bytes of tunnels that have ended, by who sent them");
        let bytes = counters(&mut all, bytes, ["client", "upstream"], |from| Sender { from });
        let [received, sent] = bytes;
        Self {
            open: register(&mut all, "wsgen_tunnels", "Tunnels that are open"),
            ends: counters(
                &mut all,
                ("wsgen_tunnel_ends", "Tunnels that have ended, by reason"),
                ENDS,
                |reason| Reason { reason },
            ),
            handshakes: counters(
                &mut all,
                ("wsgen_handshakes", "Handshakes, by the class of their answer"),
                CLASSES,
                class,
            ),
            requests: counters(
                &mut all,
                ("wsgen_requests", "Plain requests, by the class of their answer"),
                CLASSES,
                class,
            ),
            handshake_seconds: register(
                &mut all,
                "wsgen_handshake_seconds",
                "Time to the answer of handshakes",
            ),
            request_seconds: register(
                &mut all,
                "wsgen_request_seconds",
                "Time to the whole answer of plain requests",
            ),
            reloads: counters(
                &mut all,
                ("wsgen_reloads", "Reloads that were asked for"),
                ["good", "bad"],
                |result| Outcome { result },
            ),
            servers: register(&mut all, "wsgen_server_up", "Whether a server's checks are good"),
            configuration: register(
                &mut all,
                "wsgen_configuration",
                "Which of the configurations of this process holds",
            ),
            engine: register(
                &mut all,
                "wsgen_relay_info",
                "What carries tunnels that have settled",
            ),
            tasks: register(&mut all, "wsgen_tasks", "Tasks of a thread's runtime"),
            entries: register(
                &mut all,
                "wsgen_timer_entries",
                "Entries of a thread's timer wheel; those of what has ended leave within 41 s",
            ),
            runtimes: Mutex::default(),
            upstream_failures: register(
                &mut all,
                "wsgen_upstream_failures",
                "Exchanges with servers that failed, by server and step",
            ),
            health_changes: register(
                &mut all,
                "wsgen_server_health_changes",
                "Changes of a server's health",
            ),
            refusals: register(
                &mut all,
                "wsgen_refusals",
                "Requests that were refused, by the rule that they broke",
            ),
            tls_handshakes: register(
                &mut all,
                "wsgen_tls_handshakes",
                "TLS handshakes of clients that are in flight",
            ),
            tls_failures: register(
                &mut all,
                "wsgen_tls_failures",
                "TLS handshakes of clients that failed",
            ),
            proxy_header_failures: register(
                &mut all,
                "wsgen_proxy_header_failures",
                "Connections that began with no good PROXY header",
            ),
            limits: register(&mut all, "wsgen_limits_reached", "How often a limit was reached"),
            dns_failures: register(
                &mut all,
                "wsgen_dns_failures",
                "Questions about a name that no name server answered",
            ),
            lost_lines: register(
                &mut all,
                "wsgen_log_lines_lost",
                "Log lines that were lost because their reader was too slow",
            ),
            panics: register(&mut all, "wsgen_panics", "Panics that ended a part of the process"),
            opened: Counter::default(),
            engine_name: OnceLock::new(),
            received,
            sent,
            registry: all,
        }
    }

    /// Notes what carries settled tunnels, by the word of `wsgen serve --relay`.
    pub(crate) fn relayed_by(&self, engine: &'static str) {
        let engine = *self.engine_name.get_or_init(|| engine);
        self.engine.get_or_create(&Engine { engine }).set(1);
    }

    /// Notes the runtime of this thread, whose tasks the page counts. Returns the number of entries of its timer wheel.
    pub(crate) fn runs(&self, runtime: &Handle) -> Gauge {
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        let thread = Thread { thread: name };
        let entries = self.entries.get_or_create_owned(&thread);
        let mut runtimes = self.runtimes.lock().unwrap_or_else(PoisonError::into_inner);
        runtimes.push((thread, runtime.clone()));
        entries
    }

    /// Counts an answer to a plain request, or to a handshake, and how long it took.
    pub(crate) fn answered(&self, status: u16, handshake: bool, time: Duration) {
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        let (counters, histogram) = if handshake {
            (&self.handshakes, &self.handshake_seconds)
        } else {
            (&self.requests, &self.request_seconds)
        };
        counters[class].inc();
        histogram.observe(time);
    }

    /// Counts one reload by its result.
    pub(crate) fn reloaded(&self, good: bool) {
        self.reloads[usize::from(!good)].inc();
    }

    /// Counts a tunnel that opens, and how long its handshake took.
    pub(crate) fn opened(&self, time: Duration) {
        self.opened.inc();
        self.answered(101, true, time);
    }

    /// Counts a tunnel that has ended, and the bytes from the client and to it.
    pub(crate) fn ended(&self, end: &str, received: u64, sent: u64) {
        if let Some(at) = ENDS.iter().position(|known| *known == end) {
            self.ends[at].inc();
        }
        self.received.inc_by(received);
        self.sent.inc_by(sent);
    }

    /// Prints the page, with the health of a configuration's servers.
    pub(crate) fn page(&self, snapshot: &Snapshot) -> String {
        let ended: u64 = self.ends.iter().map(Counter::get).sum();
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.open.set(number(self.opened.get().saturating_sub(ended)));
        self.configuration.set(number(snapshot.generation));
        for (thread, runtime) in &*self.runtimes.lock().unwrap_or_else(PoisonError::into_inner) {
            let tasks = number(runtime.metrics().num_alive_tasks() as u64);
            self.tasks.get_or_create(thread).set(tasks);
        }
        self.servers.clear();
        for (upstream, pooled) in snapshot.site.upstreams.iter().zip(&snapshot.upstreams) {
            for server in &pooled.servers {
                let labels = Server {
                    upstream: upstream.name.value.to_string(),
                    server: server.target.to_string(),
                };
                let up = i64::from(server.standing.is_well());
                self.servers.get_or_create(&labels).set(up);
            }
        }
        let mut page = String::new();
        // Writing to a string cannot fail.
        let _ = prometheus_text::encode(&mut page, &self.registry);
        page
    }
}
