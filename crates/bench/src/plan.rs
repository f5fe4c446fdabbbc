//! What is measured, and how.

use std::fmt;
use std::time::Duration;

use wsgen_conformance::launch::Target;

/// What a load does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    /// Messages of a size, as fast as they come back.
    Echo(usize),
    /// Messages of 125 bytes at a fixed rate.
    Rate,
    /// Tunnels that open, carry one message and close.
    Churn,
    /// Tunnels that are open and silent.
    Idle,
    /// Plain requests on connections that stay.
    Http,
    /// [`Workload::Rate`] while the server reads its configuration anew and holds thousands of silent tunnels.
    Reload,
}

/// Messages of this size are what chats send; the length fits into one byte (RFC 6455, section 5.2).
pub const SMALL: usize = 125;

/// Messages a second of [`Workload::Rate`].
pub const RATE: u32 = 8_000;

impl Workload {
    /// Whether it has a server of its own, which holds as many tunnels as there are descriptors for.
    pub(crate) fn is_of_many(self) -> bool {
        matches!(self, Self::Idle | Self::Reload)
    }

    /// Those that are measured where none is named.
    pub const ALL: [Self; 10] = [
        Self::Echo(SMALL),
        Self::Rate,
        Self::Echo(4 << 10),
        Self::Echo(16 << 10),
        Self::Echo(64 << 10),
        Self::Echo(1 << 20),
        Self::Churn,
        Self::Http,
        Self::Idle,
        Self::Reload,
    ];

    /// The workload of a name: `echo` (of a size), `rate`, `churn`, `idle`, `http`, `reload`.
    pub fn named(name: &str, size: Option<usize>) -> Option<Vec<Self>> {
        let (name, own) = name.split_once(':').unwrap_or((name, ""));
        let own = if own.is_empty() { None } else { Some(bytes(own)?) };
        Some(match (name, own.or(size)) {
            ("echo", Some(size)) => vec![Self::Echo(size)],
            ("echo", None) => {
                Self::ALL.into_iter().filter(|one| matches!(one, Self::Echo(_))).collect()
            }
            ("rate", _) => vec![Self::Rate],
            ("churn", _) => vec![Self::Churn],
            ("idle", _) => vec![Self::Idle],
            ("http", _) => vec![Self::Http],
            ("reload", _) => vec![Self::Reload],
            _ => return None,
        })
    }

    /// What is counted.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Echo(_) | Self::Rate | Self::Reload => "message",
            Self::Churn => "handshake",
            Self::Http => "request",
            Self::Idle => "tunnel",
        }
    }
}

/// A size such as `125`, `4k` or `1m`.
pub fn bytes(text: &str) -> Option<usize> {
    let digits = text.trim_end_matches(['k', 'K', 'm', 'M']);
    let number: usize = digits.parse().ok()?;
    let factor = match &text[digits.len()..] {
        "" => 1,
        "k" | "K" => 1 << 10,
        "m" | "M" => 1 << 20,
        _ => return None,
    };
    // What a client holds for each connection must fit into memory.
    number.checked_mul(factor).filter(|size| (1..=16 << 20).contains(size))
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Echo(size) if *size >= 1 << 20 && size.is_multiple_of(1 << 20) => {
                write!(f, "echo of {} MiB", size >> 20)
            }
            Self::Echo(size) if *size >= 1 << 10 && size.is_multiple_of(1 << 10) => {
                write!(f, "echo of {} KiB", size >> 10)
            }
            Self::Echo(size) => write!(f, "echo of {size} B"),
            Self::Rate => write!(f, "{RATE} messages a second"),
            Self::Churn => f.write_str("churn"),
            Self::Idle => f.write_str("idle"),
            Self::Http => f.write_str("http"),
            Self::Reload => write!(f, "{RATE} messages a second over a reload"),
        }
    }
}

/// A run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The servers; the load without any is measured too.
    pub targets: Vec<Target>,
    /// What is measured, in this order.
    pub workloads: Vec<Workload>,
    /// Connections at a time.
    pub connections: usize,
    /// How long each measurement takes.
    pub time: Duration,
    /// How often each is repeated.
    pub rounds: usize,
    /// Threads of each server.
    pub threads: usize,
    /// Routes of the model, of which the last is the one that is used.
    pub routes: usize,
    /// Whether clients come by TLS.
    pub tls: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workloads_have_names_and_sizes() {
        assert_eq!(Workload::named("echo:4k", None), Some(vec![Workload::Echo(4096)]));
        assert_eq!(Workload::named("echo", Some(7)), Some(vec![Workload::Echo(7)]));
        assert_eq!(Workload::named("echo", None).map(|all| all.len()), Some(5));
        assert_eq!(Workload::named("echo:x", None), None);
        assert_eq!(bytes("1m"), Some(1 << 20));
        assert_eq!(bytes("17m"), None);
        assert_eq!(Workload::Echo(64 << 10).to_string(), "echo of 64 KiB");
    }
}
