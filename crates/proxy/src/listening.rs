//! Listening sockets: opened by address, or handed over by systemd or by the process before (`drain/reload`).

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};

use listenfd::ListenFd;
use socket2::{Domain, Protocol, SockAddr, Socket as Raw, Type};
use wsgen_model::located::Located;
use wsgen_model::scalar::ListenAddress;

use crate::snapshot::StartError;
use crate::stream::Wire;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;

/// A listening socket.
#[derive(Debug)]
pub(crate) enum Socket {
    /// TCP.
    Tcp(TcpListener),
    /// A Unix socket.
    Unix(UnixListener),
}

impl Socket {
    /// Another descriptor of the same socket.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(socket) => Self::Tcp(socket.try_clone()?),
            Self::Unix(socket) => Self::Unix(socket.try_clone()?),
        })
    }

    fn address(&self) -> Option<ListenAddress> {
        Some(match self {
            Self::Tcp(socket) => ListenAddress::Socket(socket.local_addr().ok()?),
            Self::Unix(socket) => {
                ListenAddress::Unix(socket.local_addr().ok()?.as_pathname()?.to_str()?.to_owned())
            }
        })
    }

    fn descriptor(&self) -> io::Result<OwnedFd> {
        match self {
            Self::Tcp(socket) => socket.as_fd().try_clone_to_owned(),
            Self::Unix(socket) => socket.as_fd().try_clone_to_owned(),
        }
    }

    /// For the runtime of this thread.
    pub(crate) fn listen(self) -> io::Result<Listening> {
        Ok(match self {
            Self::Tcp(socket) => Listening::Tcp(tokio::net::TcpListener::from_std(socket)?),
            Self::Unix(socket) => Listening::Unix(tokio::net::UnixListener::from_std(socket)?),
        })
    }
}

/// A socket that accepts.
#[derive(Debug)]
pub(crate) enum Listening {
    /// TCP.
    Tcp(tokio::net::TcpListener),
    /// A Unix socket.
    Unix(tokio::net::UnixListener),
}

impl Listening {
    /// The next connection, who connected, and where to. Whoever comes by a Unix socket is on this machine: its
    /// address is that of loopback.
    pub(crate) async fn accept(&self) -> io::Result<(Wire, SocketAddr, SocketAddr)> {
        match self {
            Self::Tcp(socket) => {
                let (stream, peer) = socket.accept().await?;
                let local = stream.local_addr()?;
                stream.set_nodelay(true)?;
                Ok((Wire::Tcp(stream), peer, local))
            }
            Self::Unix(socket) => {
                let (stream, _) = socket.accept().await?;
                let here = SocketAddr::from(([127, 0, 0, 1], 0));
                Ok((Wire::Unix(stream), here, here))
            }
        }
    }
}

/// Sockets by their addresses; an address has several where each thread has its own.
#[derive(Debug, Default)]
pub(crate) struct Sockets(HashMap<ListenAddress, Vec<Socket>>);

impl Sockets {
    /// What systemd or the process before left open (`sd_listen_fds(3)`).
    pub(crate) fn handed() -> Self {
        let mut all = Self::default();
        let mut handed = ListenFd::from_env();
        for at in 0..handed.len() {
            let tcp = handed.take_tcp_listener(at).ok().flatten().map(Socket::Tcp);
            let unix = || handed.take_unix_listener(at).ok().flatten().map(Socket::Unix);
            let Some(socket) = tcp.or_else(unix) else { continue };
            let ready = match &socket {
                Socket::Tcp(socket) => socket.set_nonblocking(true),
                Socket::Unix(socket) => socket.set_nonblocking(true),
            };
            if let (Ok(()), Some(address)) = (ready, socket.address()) {
                all.0.entry(address).or_default().push(socket);
            }
        }
        all
    }

    /// The addresses.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = &ListenAddress> {
        self.0.keys()
    }

    /// Takes the sockets of an address that is among these, or opens as many as there are threads.
    pub(crate) fn open(
        &mut self,
        address: &Located<ListenAddress>,
        threads: usize,
    ) -> Result<Self, StartError> {
        let fail = |error: io::Error| {
            let message = format!("cannot listen on {}: {error}", address.value);
            let help = "choose another address or port, or end what holds it";
            StartError::at(address.span, message, help)
        };
        let sockets = match (self.0.remove(&address.value), &address.value) {
            (Some(sockets), _) => sockets,
            (None, ListenAddress::Socket(tcp)) => several(*tcp, threads).map_err(fail)?,
            (None, ListenAddress::Unix(path)) => vec![unix(path).map_err(fail)?],
        };
        Ok(Self(HashMap::from([(address.value.clone(), sockets)])))
    }

    /// Adds others.
    pub(crate) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Closes those whose address is not among these.
    pub(crate) fn retain(&mut self, wanted: &HashSet<&ListenAddress>) {
        self.0.retain(|address, _| wanted.contains(address));
    }

    /// Descriptors for each thread: one socket each, or the same for several.
    pub(crate) fn spread(&self, threads: usize) -> io::Result<Vec<Vec<(ListenAddress, Socket)>>> {
        let mut all: Vec<Vec<_>> = (0..threads).map(|_| Vec::new()).collect();
        for (address, sockets) in &self.0 {
            for number in 0..threads.max(sockets.len()) {
                let socket = sockets[number % sockets.len()].try_clone()?;
                all[number % threads].push((address.clone(), socket));
            }
        }
        Ok(all)
    }

    /// Descriptors to hand over.
    pub(crate) fn descriptors(&self) -> io::Result<Vec<OwnedFd>> {
        self.0.values().flatten().map(Socket::descriptor).collect()
    }

    /// Takes the names of Unix sockets away: nobody listens there any more.
    pub(crate) fn forget_names(&self) {
        for address in self.addresses() {
            if let ListenAddress::Unix(path) = address {
                let _ = std::fs::remove_file(path);
            }
        }
    }
}

/// One socket for each thread: the kernel spreads connections over them.
fn several(address: SocketAddr, threads: usize) -> io::Result<Vec<Socket>> {
    // Whoever shares a port must say so; a socket that does not finds out whether somebody else listens there. It does
    // not listen itself: who connected to it would be reset when it closes.
    drop(bound(address, false)?);
    (0..threads).map(|_| tcp(address).map(Socket::Tcp)).collect()
}

fn tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = bound(address, true)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn bound(address: SocketAddr, shared: bool) -> io::Result<Raw> {
    let socket = Raw::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(address.ip().is_unspecified())?;
    }
    socket.bind(&SockAddr::from(address))?;
    Ok(socket)
}

fn unix(path: &str) -> io::Result<Socket> {
    // A name that nobody listens on is what a process left that could not take it away.
    let left = std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    if left
        && UnixStream::connect(path).is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused)
    {
        std::fs::remove_file(path)?;
    }
    let socket = UnixListener::bind(path)?;
    socket.set_nonblocking(true)?;
    Ok(Socket::Unix(socket))
}

/// Whether an error is that of one connection, which has gone.
pub(crate) fn is_of_one(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, NotConnected};
    let kinds = [ConnectionAborted, ConnectionRefused, ConnectionReset, NotConnected];
    kinds.contains(&error.kind())
}

/// A socket of both families gives IPv4 clients in the form of IPv6.
pub(crate) fn plain(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, |v4| (v4, address.port()).into()),
        IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_at_an_address_lets_nobody_in() {
        let looked = bound(SocketAddr::from(([127, 0, 0, 1], 0)), false).unwrap();
        let address = looked.local_addr().unwrap().as_socket().unwrap();
        let error = std::net::TcpStream::connect(address).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn an_address_that_somebody_listens_on_is_not_shared() {
        let other = tcp(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let error = several(other.local_addr().unwrap(), 2).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
