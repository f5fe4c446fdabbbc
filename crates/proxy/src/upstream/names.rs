//! Names that are resolved while the proxy runs (`balance/resolve`): the name servers of the model are asked again and
//! again, and an answer holds until there is a better one.
//!
//! `hickory-resolver` speaks DNS: it repeats questions, asks again by TCP, follows aliases and drops forged answers. What
//! is decided here is which server is asked next, when an answer has grown old, and what remains when there is none
//! (docs/decisions/names.md).

use std::collections::HashSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::{RuntimeProvider, TokioRuntimeProvider};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::rdata::CNAME;
use hickory_resolver::proto::rr::{DNSClass, Name, RData, Record, RecordType};
use tokio::sync::watch;
use wsgen_model::site::Resolver;

use crate::events;
use crate::fault;

/// Time for one name server to answer; a lost question is repeated twice within it.
const PATIENCE: Duration = Duration::from_secs(2);
/// The shortest time between two questions for the same addresses, however short their TTL is.
const SHORTEST: Duration = Duration::from_secs(1);
/// Time until the first repetition of a failed question for addresses that are not known yet; it doubles.
const AT_FIRST: Duration = Duration::from_millis(100);
/// Number of such repetitions before the name counts as one without these addresses.
const REPEATED_AT_FIRST: u32 = 3;
/// The most aliases that lead from a name to its addresses.
const ALIASES: usize = 8;

/// The addresses that were found for a name.
#[derive(Debug, Default)]
struct Found {
    /// IPv4 addresses; `None` until they were asked for.
    four: Option<Vec<IpAddr>>,
    six: Option<Vec<IpAddr>>,
    /// All addresses with the port.
    all: Arc<[SocketAddr]>,
}

/// A name whose addresses may change. A reload keeps what was found.
#[derive(Clone)]
pub(crate) struct Moving {
    name: String,
    port: u16,
    found: Arc<watch::Sender<Found>>,
    changes: Arc<AtomicU64>,
}

/// Answer of a name server about one kind of addresses; it is empty where the name has none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) addresses: Vec<IpAddr>,
    /// Time for which the answer holds, where the name server says so.
    pub(crate) ttl: Option<Duration>,
}

impl fmt::Debug for Moving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.port)
    }
}

impl Moving {
    /// A name that was not asked for yet.
    pub(crate) fn new(name: String, port: u16) -> Self {
        let found = Arc::new(watch::Sender::new(Found::default()));
        Self { name, port, found, changes: Arc::default() }
    }

    /// Whether both are the same name and port.
    pub(crate) fn is(&self, other: &Self) -> bool {
        (&self.name, self.port) == (&other.name, other.port)
    }

    /// The addresses of now. The first are waited for, until both kinds were asked for once.
    pub(crate) async fn addresses(&self) -> Arc<[SocketAddr]> {
        let mut found = self.found.subscribe();
        let known = found
            .wait_for(|found| !found.all.is_empty() || found.four.is_some() && found.six.is_some());
        known.await.map(|known| known.all.clone()).unwrap_or_default()
    }

    /// How often its addresses have changed.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// Asks as long as its configuration holds.
    pub(crate) async fn follow(self, resolver: Resolver) {
        let servers: Vec<SocketAddr> = resolver.nameservers.iter().map(|s| s.value.0).collect();
        let valid = (*resolver.valid).into();
        tokio::join!(
            self.follow_kind(&servers, RecordType::A, valid),
            self.follow_kind(&servers, RecordType::AAAA, valid)
        );
    }

    /// Asks for one kind of addresses. Neither kind waits for the other or is lost with it.
    async fn follow_kind(&self, servers: &[SocketAddr], kind: RecordType, valid: Duration) {
        let mut failures = 0;
        loop {
            fault::point("name");
            let answer = ask(&TokioRuntimeProvider::default(), servers, &self.name, kind).await;
            failures = if answer.is_ok() { 0 } else { failures + 1 };
            let wait = match &answer {
                Ok(Answer { ttl, .. }) => ttl.map_or(valid, |ttl| ttl.min(valid)),
                // Soon, and then less and less often.
                Err(_) => (SHORTEST * 2_u32.saturating_pow(failures - 1)).min(valid),
            };
            if let Err(error) = &answer {
                events::dns_failed(&self.name, &format_args!("{kind}: {error}"));
                // Requests wait for the first answer: one SERVFAIL is no reason for 502.
                if failures <= REPEATED_AT_FIRST && self.is_unknown(kind) {
                    tokio::time::sleep(AT_FIRST * 2_u32.pow(failures - 1)).await;
                    continue;
                }
            }
            self.learn(kind, answer.ok().map(|answer| answer.addresses));
            tokio::time::sleep(wait.max(SHORTEST)).await;
        }
    }

    /// Whether no question about one kind of addresses has been settled yet.
    fn is_unknown(&self, kind: RecordType) -> bool {
        let found = self.found.borrow();
        if kind == RecordType::A { found.four.is_none() } else { found.six.is_none() }
    }

    /// Takes the addresses of one kind over; where there is no answer, what was known is better than nothing.
    fn learn(&self, kind: RecordType, answer: Option<Vec<IpAddr>>) {
        self.found.send_if_modified(|found| {
            let first = found.four.is_none() || found.six.is_none();
            let known = if kind == RecordType::A { &mut found.four } else { &mut found.six };
            match answer {
                Some(addresses) => *known = Some(addresses),
                None => drop(known.get_or_insert_default()),
            }
            let all = found.four.iter().chain(&found.six).flatten();
            let all: Arc<[_]> = all.map(|ip| SocketAddr::new(*ip, self.port)).collect();
            // Name servers turn the order from answer to answer; that moves nobody.
            let moved = all.len() != found.all.len() || all.iter().any(|a| !found.all.contains(a));
            found.all = all;
            self.changes.fetch_add(u64::from(moved), Ordering::Relaxed);
            moved || first
        });
    }
}

/// Returns the answer of the first name server that knows the name, or knows that it has no addresses. Name servers are
/// reached through `network`.
pub(crate) async fn ask<P: RuntimeProvider>(
    network: &P,
    servers: &[SocketAddr],
    name: &str,
    kind: RecordType,
) -> Result<Answer, NetError> {
    // As it is written: a name of a model does not depend on the machine's search list.
    let mut name = Name::from_ascii(name)?;
    name.set_fqdn(true);
    let mut failed = NetError::NoConnections;
    for server in servers {
        match one(network, *server, &name, kind).await {
            Ok(answer) => return Ok(answer),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// Asks one name server. Each question has a resolver of its own: one that failed before would be asked less often.
async fn one<P: RuntimeProvider>(
    network: &P,
    server: SocketAddr,
    name: &Name,
    kind: RecordType,
) -> Result<Answer, NetError> {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = server.port();
        connection
    });
    let server = NameServerConfig::new(server.ip(), true, connections.to_vec());
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
    let mut options = ResolverOpts::default();
    (options.timeout, options.attempts) = (PATIENCE, 0);
    (options.cache_size, options.use_hosts_file) = (0, ResolveHosts::Never);
    // Addresses are held against the aliases that lead to them.
    options.preserve_intermediates = true;
    let resolver = hickory_resolver::Resolver::builder_with_config(config, network.clone());
    match resolver.with_options(options).build()?.lookup(name.clone(), kind).await {
        Ok(found) => {
            let ttl = found.valid_until().saturating_duration_since(Instant::now());
            Ok(Answer { addresses: addresses(found.answers(), name, kind), ttl: Some(ttl) })
        }
        // A referral to other name servers is no answer: this one does not look for it.
        Err(NetError::Dns(DnsError::NoRecordsFound(none)))
            if matches!(none.response_code, ResponseCode::NoError | ResponseCode::NXDomain)
                && (none.soa.is_some() || none.ns.is_none()) =>
        {
            let ttl = none.negative_ttl.map(|seconds| Duration::from_secs(seconds.into()));
            Ok(Answer { addresses: Vec::new(), ttl })
        }
        Err(error) => Err(error),
    }
}

/// Returns the addresses of one kind of a name, and of the names that its aliases lead to. The library gives the records
/// of other names and kinds too, where they stand beside these.
fn addresses(records: &[Record], name: &Name, kind: RecordType) -> Vec<IpAddr> {
    let records = || records.iter().filter(|record| record.dns_class == DNSClass::IN);
    let mut names = HashSet::from([name]);
    for _ in 0..ALIASES {
        let known = names.len();
        for record in records() {
            if let RData::CNAME(CNAME(target)) = &record.data
                && names.contains(&record.name)
            {
                names.insert(target);
            }
        }
        if names.len() == known {
            break;
        }
    }
    let own = records().filter(|r| r.record_type() == kind && names.contains(&r.name));
    own.filter_map(|record| record.data.ip_addr()).collect()
}

#[cfg(test)]
mod tests;
