//! A listener as meant.

use crate::config::{AcceptProxyProtocol, ClientAuthMode, OnOff, Protocol, TlsProfile};
use crate::located::Located;
use crate::scalar::{Bytes, Cidr, Duration, FilePath, Hostname, ListenAddress, Name, Whole};
use crate::site::Setting;

/// The place of a listener in its site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenerId(pub usize);

/// A socket that clients connect to.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Its name.
    pub name: Located<Name>,
    /// Where it waits.
    pub address: Located<ListenAddress>,
    /// Protocols in the order of preference, never empty.
    pub protocols: Setting<Vec<Protocol>>,
    /// Whether RFC 8441 is announced to HTTP/2 clients.
    pub h2_websockets: Setting<OnOff>,
    /// TLS, with at least one certificate.
    pub tls: Option<Tls>,
    /// PROXY protocol from the hop before.
    pub proxy_protocol: Option<TrustedProxyProtocol>,
    /// Peers whose forwarded fields are believed.
    pub trusted_proxies: Setting<Vec<Cidr>>,
    /// Timers.
    pub timeouts: ListenerTimeouts,
    /// Limits.
    pub limits: ListenerLimits,
}

/// TLS of a listener.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Protocol versions and ciphers.
    pub profile: Setting<TlsProfile>,
    /// At least one; the first where no hostname matches.
    pub certificates: Vec<Certificate>,
    /// Whether clients show a certificate.
    pub client_auth: Option<ClientAuth>,
}

/// A certificate with its key.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The hostnames that it is shown for.
    pub hostnames: Vec<Located<Hostname>>,
    /// The chain.
    pub certificate: Located<FilePath>,
    /// The key.
    pub key: Located<FilePath>,
}

/// Whether clients show a certificate.
#[derive(Debug, Clone)]
pub struct ClientAuth {
    /// `Optional` or `Require`.
    pub mode: Located<ClientAuthMode>,
    /// Who must have signed it.
    pub ca: Located<FilePath>,
}

/// PROXY protocol from the hop before.
#[derive(Debug, Clone)]
pub struct TrustedProxyProtocol {
    /// Which versions.
    pub accept: Located<AcceptProxyProtocol>,
    /// From whom; everybody where empty.
    pub from: Vec<Located<Cidr>>,
}

/// Timers of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenerTimeouts {
    /// First byte to end of the request head.
    pub request_header: Setting<Duration>,
    /// Longest pause between two requests.
    pub idle: Setting<Duration>,
    /// Longest silence within a body.
    pub body_idle: Setting<Duration>,
    /// Longest life of a half-closed tunnel.
    pub half_closed: Setting<Duration>,
}

/// Limits of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenerLimits {
    /// Connections open at once.
    pub max_connections: Option<Located<Whole<1, 10_000_000>>>,
    /// All fields of a request head together.
    pub max_header_bytes: Setting<Bytes>,
    /// Fields of a request head.
    pub max_headers: Setting<Whole<1, 10_000>>,
    /// The request target.
    pub max_url_bytes: Setting<Bytes>,
    /// A request body, where the route sets none.
    pub max_body_bytes: Option<Located<Bytes>>,
}

// === impl Tls ===

impl Tls {
    /// The place of the certificate for a name: exact before the longest wildcard before the first
    /// (`tls/certificate`).
    pub fn certificate_for(&self, name: &Hostname) -> usize {
        let fits = |known: &Hostname| {
            known == name
                || known.is_wildcard()
                    && (known.matches(name.name())
                        || name.is_wildcard() && known.name() == name.name())
        };
        let ranked = self.certificates.iter().enumerate().flat_map(|(number, certificate)| {
            let fitting = certificate.hostnames.iter().filter(|known| fits(known));
            fitting.map(move |known| {
                ((!known.is_wildcard(), known.name().len()), std::cmp::Reverse(number))
            })
        });
        ranked.max().map_or(0, |(_, number)| number.0)
    }
}
