//! The load: connections that one thread drives, and what was seen of them.

mod churn;
mod client;
mod idle;
mod rate;
mod saturated;

pub(crate) use churn::churn;
pub(crate) use idle::hold;
pub(crate) use rate::rate;
pub(crate) use saturated::saturated;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio_rustls::rustls::ClientConfig;

use self::client::{Client, Kind};
use crate::poll::Poll;

/// What is driven, and where.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) connections: usize,
    /// Bytes of a message; nothing for plain requests.
    pub(crate) size: Option<usize>,
}

/// What was seen of a load.
pub(crate) struct Seen {
    /// Messages, requests or handshakes that came to their end, each compared byte by byte.
    pub(crate) count: u64,
    /// Connections that broke, or said something else.
    pub(crate) errors: u64,
    /// In nanoseconds.
    pub(crate) latency: Histogram<u64>,
}

impl Seen {
    fn new() -> Self {
        // Three digits, up to a minute.
        let latency = Histogram::new_with_bounds(1, 60_000_000_000, 3)
            .unwrap_or_else(|_| unreachable!("these bounds are allowed"));
        Self { count: 0, errors: 0, latency }
    }

    fn note(&mut self, time: Duration) {
        self.count += 1;
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.latency.saturating_record(nanos);
    }
}

/// How long a handshake or a message may take before the run is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// Connections, open.
pub(crate) struct Clients {
    load: Load,
    poll: Poll,
    all: Vec<Client>,
    ready: Vec<usize>,
    scratch: Vec<u8>,
}

impl Clients {
    /// Opens all connections of a load, with a tunnel in each where there are messages.
    pub(crate) fn open(load: &Load) -> io::Result<Self> {
        let mut clients = Self {
            load: load.clone(),
            poll: Poll::new()?,
            all: Vec::with_capacity(load.connections),
            ready: Vec::new(),
            scratch: vec![0; 256 * 1024],
        };
        // A few at a time: backlogs are short.
        while clients.all.len() < load.connections {
            let first = clients.all.len();
            for _ in 0..64.min(load.connections - first) {
                clients.add()?;
            }
            let deadline = Instant::now() + PATIENCE;
            while clients.all[first..].iter().any(|client| !client.is_open()) {
                if Instant::now() > deadline {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "a tunnel does not open"));
                }
                clients.wait(Duration::from_millis(50))?;
                for number in std::mem::take(&mut clients.ready) {
                    clients.turn(number)?;
                }
            }
        }
        Ok(clients)
    }

    fn kind(&self, number: usize) -> Kind {
        self.load.size.map_or(Kind::Http, |size| Kind::tunnel(number, size))
    }

    fn add(&mut self) -> io::Result<()> {
        let number = self.all.len();
        let client = Client::connect(&self.load, self.kind(number))?;
        self.poll.add(&client, number)?;
        self.all.push(client);
        self.all[number].send()?;
        self.watch(number)
    }

    /// Replaces a connection by a new one.
    fn renew(&mut self, number: usize) -> io::Result<()> {
        let client = Client::connect(&self.load, self.kind(number))?;
        self.poll.add(&client, number)?;
        self.all[number] = client;
        self.all[number].send()?;
        self.watch(number)
    }

    fn wait(&mut self, time: Duration) -> io::Result<()> {
        self.poll.wait(time, &mut self.ready)
    }

    /// Lets a connection write and read; whether a message, an answer or a handshake came to its end.
    fn turn(&mut self, number: usize) -> io::Result<bool> {
        let done = self.all[number].turn(&mut self.scratch);
        self.watch(number)?;
        done
    }

    fn watch(&mut self, number: usize) -> io::Result<()> {
        let client = &mut self.all[number];
        let writes = client.writes();
        if writes != client.watched {
            client.watched = writes;
            self.poll.writes(&self.all[number], number, writes)?;
        }
        Ok(())
    }

    /// Begins the next message or request.
    fn begin(&mut self, number: usize, at: Instant) -> io::Result<()> {
        // The answer, however soon it comes, is for the next look.
        self.all[number].begin(at);
        self.all[number].send()?;
        self.watch(number)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;
    use crate::echo::Echo;
    use crate::machine::Core;

    fn load(address: SocketAddr, size: Option<usize>) -> Load {
        Load { address, tls: None, connections: 3, size }
    }

    #[test]
    fn messages_and_answers_come_back() {
        let echo = Echo::start(Core::Any).unwrap();
        for size in [Some(1), Some(125), Some(200), Some(70_000), Some(600_000), None] {
            let load = load(echo.address, size);
            let mut clients = Clients::open(&load).unwrap();
            let seen = saturated(&mut clients, Duration::from_millis(60)).unwrap();
            assert!(seen.count > 0 && seen.errors == 0, "{size:?}: {} {}", seen.count, seen.errors);
        }
        let seen = churn(&load(echo.address, Some(125)), Duration::from_millis(60)).unwrap();
        assert!(seen.count > 0 && seen.errors == 0, "{} {}", seen.count, seen.errors);
        let mut idle = hold(&load(echo.address, Some(125))).unwrap();
        drop(echo);
        assert_eq!(idle.dead().unwrap_or(3), 3, "nobody answers any more");
    }

    /// An application that changes one byte of what it says back must be seen.
    #[test]
    fn an_echo_that_lies_is_an_error() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                std::thread::spawn(move || {
                    let mut piece = [0; 4096];
                    let _ = stream.read(&mut piece);
                    let accept = crate::frame::ACCEPT;
                    let head = format!("HTTP/1.1 101 x\r\nSec-WebSocket-Accept: {accept}\r\n\r\n");
                    let _ = stream.write_all(head.as_bytes());
                    while let Ok(1..) = stream.read(&mut piece) {
                        let mut message = client::Kind::tunnel(0, 10);
                        let client::Kind::Tunnel { message, .. } = &mut message else { return };
                        message.back[5] ^= 1;
                        let _ = stream.write_all(&message.back);
                    }
                });
            }
        });
        let mut clients = Clients::open(&load(address, Some(10))).unwrap();
        let seen = saturated(&mut clients, Duration::from_millis(60)).unwrap();
        assert!(seen.count == 0 && seen.errors > 0, "{} {}", seen.count, seen.errors);
    }
}
