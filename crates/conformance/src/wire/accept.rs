//! An upstream that does what a case tells it, connection by connection.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use super::{PATIENCE, Wire};
use crate::transcript::Transcript;
use crate::verdict::{Trouble, Verdict};

/// Accepts for a case.
#[derive(Debug)]
pub struct Upstream {
    listener: TcpListener,
    name: String,
    transcript: Transcript,
}

impl Upstream {
    /// Waits on a port of its own.
    pub async fn bind(name: &str, transcript: &Transcript) -> Verdict<Self> {
        Self::bind_to((Ipv4Addr::LOCALHOST, 0).into(), name, transcript).await
    }

    /// Waits at an address.
    pub async fn bind_to(at: SocketAddr, name: &str, transcript: &Transcript) -> Verdict<Self> {
        let listener = TcpListener::bind(at).await.map_err(Trouble::broken)?;
        Ok(Self { listener, name: name.to_owned(), transcript: transcript.clone() })
    }

    /// Where it waits.
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0))
    }

    /// The next connection.
    pub async fn accept(&self) -> Verdict<Wire> {
        Ok(Wire::new(self.tcp().await?, &self.name, &self.transcript))
    }

    /// The next connection, bare.
    pub async fn tcp(&self) -> Verdict<TcpStream> {
        match tokio::time::timeout(PATIENCE, self.listener.accept()).await {
            Ok(Ok((stream, _))) => Ok(stream),
            Ok(Err(error)) => Err(Trouble::broken(error)),
            Err(_) => Err(Trouble::failed("the upstream is asked", "nobody came")),
        }
    }

    /// The next connection that says something: those of checks that only look whether it is there are left out.
    pub async fn request(&self) -> Verdict<(Wire, super::Head)> {
        let mut wire = self.accept().await?;
        let head = wire.head().await?;
        Ok((wire, head))
    }

    /// Whether nobody connects for a while.
    pub async fn is_left_alone(&self, time: Duration) -> bool {
        tokio::time::timeout(time, self.listener.accept()).await.is_err()
    }
}
