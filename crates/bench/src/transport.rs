//! A connection of the load: TCP, or TLS over it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, Error};
use wsgen_conformance::wire::Anybody;

/// A connection that does not block.
#[derive(Debug)]
pub(crate) struct Transport {
    stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
}

/// How TLS is spoken; the certificate is one that was made for the run, and believed.
pub(crate) fn client() -> Result<Arc<ClientConfig>, Error> {
    let config = ClientConfig::builder_with_provider(default_provider().into())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

impl Transport {
    pub(crate) fn connect(
        address: SocketAddr,
        tls: Option<&Arc<ClientConfig>>,
    ) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let tls = match tls {
            None => None,
            Some(config) => {
                let name = ServerName::from(address.ip());
                let made = ClientConnection::new(config.clone(), name);
                Some(Box::new(made.map_err(io::Error::other)?))
            }
        };
        let mut made = Self { stream, tls };
        made.flush()?;
        Ok(made)
    }

    /// Reads what is there; `WouldBlock` where nothing is.
    pub(crate) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.stream.read(into) };
        loop {
            match tls.reader().read(into) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
            if tls.read_tls(&mut self.stream)? == 0 {
                return Ok(0);
            }
            tls.process_new_packets().map_err(io::Error::other)?;
            // What the handshake has to say.
            while tls.wants_write() {
                tls.write_tls(&mut self.stream)?;
            }
        }
    }

    /// Writes some of it; `WouldBlock` where there is no place.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.stream.write(bytes) };
        while tls.wants_write() {
            tls.write_tls(&mut self.stream)?;
        }
        let taken = tls.writer().write(bytes)?;
        match self.flush() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ if taken == 0 => Err(io::ErrorKind::WouldBlock.into()),
            _ => Ok(taken),
        }
    }

    /// Writes what TLS holds back.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            while tls.wants_write() {
                tls.write_tls(&mut self.stream)?;
            }
        }
        Ok(())
    }

    /// Whether something waits to be written beneath.
    pub(crate) fn holds(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }
}

impl AsFd for Transport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
