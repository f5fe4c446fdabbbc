//! A host that drops what it gets.

use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tokio::net::TcpStream;

use crate::verdict::{Trouble, Verdict};

/// A listening socket that nobody accepts from, with its backlog full: what comes gets no answer (listen(2)).
#[derive(Debug)]
pub struct Hole {
    _socket: Socket,
    _backlog: Vec<TcpStream>,
    address: SocketAddr,
}

impl Hole {
    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Makes one.
pub async fn hole() -> Verdict<Hole> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).map_err(Trouble::broken)?;
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&any.into()).and_then(|()| socket.listen(0)).map_err(Trouble::broken)?;
    let address = socket.local_addr().map_err(Trouble::broken)?.as_socket().unwrap_or(any);
    let mut backlog = Vec::new();
    while backlog.len() < 64 {
        let connecting = TcpStream::connect(address);
        match tokio::time::timeout(Duration::from_millis(300), connecting).await {
            Ok(connected) => backlog.push(connected.map_err(Trouble::broken)?),
            Err(_) => return Ok(Hole { _socket: socket, _backlog: backlog, address }),
        }
    }
    Err(Trouble::broken("the backlog does not fill"))
}
