//! Names that are resolved while the proxy runs (`balance/resolve`): the name servers of the model are asked again
//! and again, and an answer holds until there is a better one.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::watch;
use wsgen_model::site::Resolver;

use super::random;

/// How long a name server may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// The largest answer by UDP that is asked for (RFC 1035 section 4.2.1; no EDNS).
const DATAGRAM: usize = 512;

/// A name whose addresses may change. A reload keeps what was found.
#[derive(Clone)]
pub(crate) struct Moving {
    name: String,
    port: u16,
    found: Arc<watch::Sender<Option<Arc<[SocketAddr]>>>>,
    changes: Arc<AtomicU64>,
}

impl fmt::Debug for Moving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.port)
    }
}

impl Moving {
    /// A name that was not asked for yet.
    pub(crate) fn new(name: String, port: u16) -> Self {
        Self { name, port, found: Arc::new(watch::Sender::new(None)), changes: Arc::default() }
    }

    /// Whether both are the same name and port.
    pub(crate) fn is(&self, other: &Self) -> bool {
        (&self.name, self.port) == (&other.name, other.port)
    }

    /// The addresses of now; the first answer is waited for.
    pub(crate) async fn addresses(&self) -> Arc<[SocketAddr]> {
        let mut found = self.found.subscribe();
        let known = found.wait_for(Option::is_some).await;
        known.ok().and_then(|known| known.clone()).unwrap_or_default()
    }

    /// How often its addresses have changed.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// Asks as long as its configuration holds.
    pub(crate) async fn follow(self, resolver: Resolver) {
        let servers: Vec<SocketAddr> = resolver.nameservers.iter().map(|s| s.value.0).collect();
        loop {
            // Where nobody answers, what was known is better than nothing.
            if let Some(addresses) = ask(&servers, &self.name).await {
                let all = addresses.into_iter().map(|ip| SocketAddr::new(ip, self.port)).collect();
                self.found.send_if_modified(|known| {
                    let changed = known.as_ref() != Some(&all);
                    *known = Some(all);
                    self.changes.fetch_add(u64::from(changed), Ordering::Relaxed);
                    changed
                });
            } else {
                self.found.send_if_modified(|known| {
                    let first = known.is_none();
                    known.get_or_insert_default();
                    first
                });
            }
            tokio::time::sleep((*resolver.valid).into()).await;
        }
    }
}

/// The addresses of a name, from the first name server that knows; an empty list says that there is none.
async fn ask(servers: &[SocketAddr], name: &str) -> Option<Vec<IpAddr>> {
    for server in servers {
        let both = tokio::join!(one(*server, name, TYPE::A), one(*server, name, TYPE::AAAA));
        if let (Some(four), six) | (six, Some(four)) = both {
            return Some(four.into_iter().chain(six.unwrap_or_default()).collect());
        }
    }
    None
}

/// One question to one server.
async fn one(server: SocketAddr, name: &str, kind: TYPE) -> Option<Vec<IpAddr>> {
    #[allow(clippy::cast_possible_truncation, reason = "sixteen random bits")]
    let id = random() as u16;
    let question = question(id, name, kind)?;
    let asked = async {
        let answer = by_datagram(server, id, &question).await?;
        let cut = Packet::parse(&answer).is_ok_and(|p| p.has_flags(PacketFlag::TRUNCATION));
        if cut { by_stream(server, &question).await } else { Ok(answer) }
    };
    let answer = tokio::time::timeout(PATIENCE, asked).await.ok()?.ok()?;
    addresses(&answer, id)
}

fn question(id: u16, name: &str, kind: TYPE) -> Option<Vec<u8>> {
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let (kind, class) = (QTYPE::TYPE(kind), QCLASS::CLASS(CLASS::IN));
    packet.questions.push(Question::new(Name::new(name).ok()?, kind, class, false));
    packet.build_bytes_vec().ok()
}

/// The addresses in an answer, behind whatever aliases the name server followed; `None` where it knows nothing.
pub(crate) fn addresses(answer: &[u8], id: u16) -> Option<Vec<IpAddr>> {
    let packet = Packet::parse(answer).ok()?;
    let known = matches!(packet.rcode(), RCODE::NoError | RCODE::NameError);
    if packet.id() != id || !packet.has_flags(PacketFlag::RESPONSE) || !known {
        return None;
    }
    let address = |data: &RData<'_>| match data {
        RData::A(a) => Some(IpAddr::from(a.address.to_be_bytes())),
        RData::AAAA(aaaa) => Some(IpAddr::from(aaaa.address.to_be_bytes())),
        _ => None,
    };
    Some(packet.answers.iter().filter_map(|record| address(&record.rdata)).collect())
}

async fn by_datagram(server: SocketAddr, id: u16, question: &[u8]) -> io::Result<Vec<u8>> {
    let any: IpAddr = if server.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
    // A port of its own for each question: a forger has to guess it beside the number.
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut answer = vec![0; DATAGRAM];
    loop {
        let length = socket.recv(&mut answer).await?;
        if answer[..length].starts_with(&id.to_be_bytes()) {
            answer.truncate(length);
            return Ok(answer);
        }
    }
}

/// Again by TCP, where an answer did not fit (RFC 1035 section 4.2.2).
async fn by_stream(server: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(question.len()).unwrap_or(u16::MAX);
    stream.write_all(&[&length.to_be_bytes(), question].concat()).await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; length.into()];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_taken_only_for_the_question_that_was_asked() {
        let mut answer = question(7, "app.internal", TYPE::A).unwrap();
        answer[2..8].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 2]);
        // An alias, then its address.
        answer.extend([0xc0, 0x0c, 0, 5, 0, 1, 0, 0, 0, 1, 0, 4, 1, b'b', 0xc0, 0x10]);
        answer.extend([0xc0, 0x2a, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 10, 1, 2, 3]);
        assert_eq!(addresses(&answer, 7), Some(vec![[10, 1, 2, 3].into()]));
        assert_eq!(addresses(&answer, 8), None, "of another question");
        answer[3] = 0x82;
        assert_eq!(addresses(&answer, 7), None, "a server that failed");
        assert_eq!(addresses(b"\x00\x07", 7), None);
    }
}
