//! Events that an operator has to know of. Each function counts one event in the metrics and says it in the error log.
//! A kind of event that comes again and again has at most one line a second (`repeat`).
//!
//! Events name servers, listeners, addresses and causes. They never name header values, bodies, passwords, or the query of
//! a request's target.

mod error_log;
mod form;
mod repeat;
mod stage;

use std::fmt::Display;
use std::io;
use std::net::IpAddr;

pub use self::error_log::{ErrorLog, Filter, Style};
use self::repeat::{Subject, say, say_many};
pub(crate) use self::stage::Stage;
use crate::metrics::labels::{Change, Failure, Limited, Listener, LogName, Part, Resolved, Rule};
use crate::metrics::metrics;

/// A limit that can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Limit {
    /// `limits.max_connections` of a listener.
    MaxConnections,
    /// `limits.per_ip` of a route.
    PerIp,
    /// Passwords that wait to be verified.
    Passwords,
    /// Connections of one client that have not asked anything yet.
    Newcomers,
    /// TLS handshakes in flight; further ones wait.
    Handshakes,
    /// Frames of HTTP/2 that ask for nothing.
    Flood,
    /// Descriptors of the process or of the machine (`ulimit -n`).
    Descriptors,
}

impl Limit {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::MaxConnections => "max_connections",
            Self::PerIp => "per_ip",
            Self::Passwords => "passwords",
            Self::Newcomers => "newcomers",
            Self::Handshakes => "tls_handshakes",
            Self::Flood => "http2_flood",
            Self::Descriptors => "descriptors",
        }
    }
}

/// A server could not be reached, or did not answer as HTTP wants it.
pub(crate) fn upstream_failed(upstream: &str, server: &str, stage: Stage, cause: &dyn Display) {
    let (upstream, server) = (upstream.to_owned(), server.to_owned());
    let labels = Failure { upstream, server, stage };
    metrics().upstream_failures.get_or_create(&labels).inc();
    let Failure { upstream, server, stage } = labels;
    say(Subject::Upstream { upstream, server, stage, cause: cause.to_string() }, None);
}

/// Reports a failure by the step that its error was marked with (`Stage::of`); `otherwise` stands for errors without one.
pub(crate) fn upstream_error(upstream: &str, server: &str, error: &io::Error, otherwise: Stage) {
    upstream_failed(upstream, server, Stage::find(error).unwrap_or(otherwise), error);
}

/// A request was refused for what it is: its head, its body, its origin.
pub(crate) fn refused(listener: &dyn Display, peer: IpAddr, status: u16, rule: &'static str) {
    metrics().refusals.get_or_create(&Rule { rule }).inc();
    say(Subject::Refused { listener: listener.to_string(), status, rule }, Some(peer));
}

/// A TLS handshake of a client failed.
pub(crate) fn tls_failed(listener: &dyn Display, peer: IpAddr, cause: &dyn Display) {
    let listener = listener.to_string();
    metrics().tls_failures.get_or_create(&Listener { listener: listener.clone() }).inc();
    say(Subject::Tls { listener, cause: cause.to_string() }, Some(peer));
}

/// A connection began with no good PROXY header.
pub(crate) fn proxy_header_failed(listener: &dyn Display, peer: IpAddr, cause: &dyn Display) {
    let listener = listener.to_string();
    metrics().proxy_header_failures.get_or_create(&Listener { listener: listener.clone() }).inc();
    say(Subject::ProxyHeader { listener, cause: cause.to_string() }, Some(peer));
}

/// A server's checks found it well or sick.
pub(crate) fn health_changed(upstream: &str, server: &str, up: bool, reason: &dyn Display) {
    let to = if up { "up" } else { "down" };
    let labels = Change { upstream: upstream.to_owned(), server: server.to_owned(), to };
    metrics().health_changes.get_or_create(&labels).inc();
    if up {
        tracing::info!(target: "wsgen::health", upstream, server, %reason, "server is up");
    } else {
        tracing::warn!(target: "wsgen::health", upstream, server, %reason, "server is down");
    }
}

/// A limit was reached: `of` is the listener or the route that has it.
pub(crate) fn limit_reached(limit: Limit, of: &dyn Display, peer: Option<IpAddr>) {
    metrics().limits.get_or_create(&Limited { limit: limit.as_str() }).inc();
    say(Subject::Limit { limit, of: of.to_string() }, peer);
}

/// No name server had an answer for a name.
pub(crate) fn dns_failed(name: &str, cause: &dyn Display) {
    let name = name.to_owned();
    metrics().dns_failures.get_or_create(&Resolved { name: name.clone() }).inc();
    say(Subject::Dns { name, cause: cause.to_string() }, None);
}

/// A part of the process panicked and was ended; the others go on.
pub(crate) fn panicked(part: &'static str, message: &str) {
    metrics().panics.get_or_create(&Part { part }).inc();
    say(Subject::Panic { part, message: message.to_owned() }, None);
}

/// Lines of a log were lost: their reader was too slow, or could not be written to.
pub(crate) fn lines_lost(log: &'static str, lines: u64, cause: &dyn Display) {
    metrics().lost_lines.get_or_create(&LogName { log }).inc_by(lines);
    // Losses of the error log itself are said by its own thread, when it can write again.
    if log != error_log::NAME {
        say_many(Subject::LostLines { log, cause: cause.to_string() }, None, lines);
    }
}

/// Descriptors that a process should have at least.
const FEW: u64 = 1024;

/// The process starts with this limit of descriptors.
pub(crate) fn descriptors(limit: u64) {
    if limit < FEW {
        tracing::warn!(target: "wsgen::limit", descriptors = limit, "few descriptors: a tunnel takes two; raise `ulimit -Hn`");
    }
}

/// A configuration took another's place.
pub(crate) fn configuration_changed(generation: u64) {
    tracing::info!(target: "wsgen::reload", generation, "configuration in force");
}

/// A new process took the listeners over, or could not.
pub(crate) fn handed_over(result: Result<(), &dyn Display>) {
    match result {
        Ok(()) => tracing::info!(target: "wsgen::process", "handed over to a new process"),
        Err(cause) => tracing::error!(target: "wsgen::process", %cause, "not handed over"),
    }
}

/// A thread of the process lost something that it cannot serve without.
pub(crate) fn thread_failed(part: &'static str, cause: &dyn Display) {
    tracing::error!(target: "wsgen::process", part, %cause, "a thread cannot go on");
}
