//! Establishing connections to servers (`timer/connect`, `timer/keepalive`, `tls/upstream`).

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use wsgen_model::config::{Resolve, SendProxyProtocol, UpstreamProtocol};
use wsgen_model::located::Located;
use wsgen_model::scalar::UpstreamAddress;
use wsgen_model::site::{Server, Upstream, UpstreamTls};

use super::Moving;
use crate::events::Stage;
use crate::snapshot::StartError;
use crate::stream::{Stream, Wire};
use crate::tls;

/// How a server is reached.
pub(crate) struct Target {
    /// As the model writes it.
    name: String,
    place: Place,
    tls: Option<Secure>,
    /// Whether its requests travel in streams of HTTP/2.
    http2: bool,
    timeout: Duration,
    keepalive: Option<Duration>,
    /// The PROXY header that each connection begins with.
    pub(crate) header: Option<SendProxyProtocol>,
}

/// What a connection is to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    Http1,
    Http2,
}

/// TLS to a server.
struct Secure {
    http1: TlsConnector,
    http2: TlsConnector,
    name: ServerName<'static>,
}

#[derive(Debug)]
enum Place {
    /// What its name meant when the proxy began.
    Addresses(Vec<SocketAddr>),
    /// What it means now.
    Moving(Moving),
    Unix(String),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Target {
    /// Its address, as the model has it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.name).finish()
    }
}

impl Target {
    /// A server of an upstream.
    pub(crate) fn new(upstream: &Upstream, server: &Server) -> Result<Self, StartError> {
        let time = (*upstream.connect).into();
        let target = Self::reach(&server.address, upstream.tls.as_ref(), time, *server.resolve)?;
        Ok(Self {
            http2: matches!(*upstream.protocol, UpstreamProtocol::H2 | UpstreamProtocol::H2c),
            keepalive: upstream.tcp_keepalive.map(|keepalive| keepalive.value.into()),
            header: upstream.proxy_protocol.as_ref().map(|send| send.value),
            ..target
        })
    }

    /// Keeps what a target of before has found.
    pub(crate) fn remember(&mut self, before: &Self) {
        if let (Place::Moving(new), Place::Moving(old)) = (&mut self.place, &before.place)
            && new.is(old)
        {
            new.clone_from(old);
        }
    }

    /// Its name, if it is to be followed.
    pub(crate) fn moving(&self) -> Option<&Moving> {
        match &self.place {
            Place::Moving(moving) => Some(moving),
            _ => None,
        }
    }

    /// How often the addresses of its name have changed.
    pub(crate) fn changes(&self) -> u64 {
        self.moving().map_or(0, Moving::changes)
    }

    /// Whether its requests travel in streams of HTTP/2.
    pub(crate) fn speaks_http2(&self) -> bool {
        self.http2
    }

    /// Whether it is reached by TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// The time that a connection may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Resolves a name and reads the authorities.
    pub(crate) fn reach(
        address: &Located<UpstreamAddress>,
        tls: Option<&UpstreamTls>,
        timeout: Duration,
        resolve: Resolve,
    ) -> Result<Self, StartError> {
        let fail = |message: String, help: &str| StartError::at(address.span, message, help);
        let place = match &address.value {
            UpstreamAddress::Socket(socket) => Place::Addresses(vec![*socket]),
            UpstreamAddress::Unix(path) => Place::Unix(path.clone()),
            UpstreamAddress::Name(name, port) if resolve == Resolve::Runtime => {
                Place::Moving(Moving::new(name.name().to_owned(), *port))
            }
            UpstreamAddress::Name(name, port) => {
                let found = (name.name(), *port).to_socket_addrs();
                let found: Vec<_> = found.map_or_else(|_| Vec::new(), Iterator::collect);
                if found.is_empty() {
                    return Err(fail(
                        format!("`{name}` does not resolve"),
                        "check the name, or write an address",
                    ));
                }
                Place::Addresses(found)
            }
        };
        let tls = match tls {
            None => None,
            Some(settings) => {
                let http1 = tls::client(settings)?;
                let mut http2 = http1.clone();
                http2.alpn_protocols = vec![b"h2".to_vec()];
                let [http1, http2] =
                    [http1, http2].map(|config| TlsConnector::from(Arc::new(config)));
                let host = settings.server_name.as_ref().map(|name| name.value.to_string());
                let host = host.or_else(|| address.value.host()).unwrap_or_default();
                let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned());
                let name = name.map_err(|_| {
                    fail(format!("`{host}` is no name for TLS"), "write `tls.server_name`")
                })?;
                Some(Secure { http1, http2, name })
            }
        };
        Ok(Self {
            name: address.value.to_string(),
            place,
            tls,
            http2: false,
            timeout,
            keepalive: None,
            header: None,
        })
    }

    /// Establishes a connection, TLS included, with a PROXY header ahead of it if there is one.
    pub(crate) async fn connect(&self, header: &[u8], speaks: Speaks) -> io::Result<Stream> {
        let mut stage = Stage::Connect;
        let established = self.establish(header, speaks, &mut stage);
        let connected = tokio::time::timeout(self.timeout, established).await;
        let connected = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        connected.map_err(|error| stage.of(error))
    }

    /// Establishes a connection without a bound of time; `stage` says how far it has come.
    async fn establish(
        &self,
        header: &[u8],
        speaks: Speaks,
        stage: &mut Stage,
    ) -> io::Result<Stream> {
        let mut wire = match &self.place {
            Place::Unix(path) => Wire::Unix(UnixStream::connect(path).await?),
            Place::Addresses(addresses) => self.tcp(addresses).await?,
            Place::Moving(name) => {
                *stage = Stage::Resolve;
                let addresses = name.addresses().await;
                if addresses.is_empty() {
                    return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
                }
                *stage = Stage::Connect;
                self.tcp(&addresses).await?
            }
        };
        *stage = Stage::ProxyHeader;
        wire.write_all(header).await?;
        *stage = Stage::Tls;
        match &self.tls {
            None => Ok(Stream::Plain(wire)),
            Some(Secure { http1, http2, name }) => {
                let connector = if speaks == Speaks::Http2 { http2 } else { http1 };
                let tls = connector.connect(name.clone(), wire).await?;
                if speaks == Speaks::Http2 && tls.get_ref().1.alpn_protocol() != Some(b"h2") {
                    return Err(io::Error::other("the server does not speak HTTP/2"));
                }
                Ok(Stream::ToServer(Box::new(tls)))
            }
        }
    }

    async fn tcp(&self, addresses: &[SocketAddr]) -> io::Result<Wire> {
        let tcp = TcpStream::connect(addresses).await?;
        tcp.set_nodelay(true)?;
        if let Some(time) = self.keepalive {
            SockRef::from(&tcp).set_tcp_keepalive(&TcpKeepalive::new().with_time(time))?;
        }
        Ok(Wire::Tcp(tcp))
    }
}
