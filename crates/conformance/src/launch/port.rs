//! A port that is held until its server has it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

/// A socket that is bound and does not listen: nobody else is given its port, and a server that sets `SO_REUSEADDR`,
/// as all of them do, may still bind it (socket(7)).
#[derive(Debug)]
pub struct Port {
    _held: Socket,
    address: SocketAddr,
}

impl Port {
    /// Reserves a port of the loopback address.
    pub fn reserve() -> io::Result<Self> {
        Self::reserve_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    /// Reserves a port of an address; port 0 is one that nobody has.
    ///
    /// # Errors
    ///
    /// Somebody else listens there.
    pub fn reserve_at(at: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&at.into())?;
        let address = socket.local_addr()?.as_socket();
        let address = address.ok_or_else(|| io::Error::other("a socket without an address"))?;
        Ok(Self { _held: socket, address })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_port_can_be_listened_on() {
        let port = Port::reserve().unwrap();
        // The standard library sets SO_REUSEADDR, as servers do.
        let listener = std::net::TcpListener::bind(port.address()).unwrap();
        std::net::TcpStream::connect(port.address()).unwrap();
        drop(listener);
    }
}
