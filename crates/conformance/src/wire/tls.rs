//! TLS of both ends: certificates made for a case, and a client that looks at what it is shown.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    self, ClientConfig, DigitallySignedStruct, ServerConfig, SignatureScheme,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::{PATIENCE, Wire, connection::second};
use crate::transcript::Transcript;
use crate::verdict::{Trouble, Verdict};

/// A certificate, its key, and the authority that signed it, as PEM.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate.
    pub chain: String,
    /// Its key.
    pub key: String,
    /// Who signed it.
    pub authority: String,
}

impl Certificate {
    /// Makes an authority, and a certificate of its for some names.
    pub fn new(names: &[&str]) -> Verdict<Self> {
        let made = || -> Result<Self, rcgen::Error> {
            let signer = authority("wsgen conformance")?;
            let issuer = CertifiedIssuer::self_signed(signer, KeyPair::generate()?)?;
            let (params, key) = (named(names)?, KeyPair::generate()?);
            let leaf = params.signed_by(&key, &issuer)?;
            Ok(Self { chain: leaf.pem(), key: key.serialize_pem(), authority: issuer.pem() })
        };
        made().map_err(Trouble::broken)
    }

    /// Makes a certificate that is its own authority, as `openssl req -x509` does.
    pub fn own_authority(names: &[&str]) -> Verdict<Self> {
        Self::signed_by_itself(names, |params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        })
    }

    /// Makes a certificate that signed itself and has been out of date for years.
    pub fn expired(names: &[&str]) -> Verdict<Self> {
        Self::signed_by_itself(names, |params| {
            params.not_before = rcgen::date_time_ymd(2001, 1, 1);
            params.not_after = rcgen::date_time_ymd(2002, 1, 1);
        })
    }

    /// Returns the settings of a server that shows this certificate.
    pub(crate) fn server_config(&self) -> Verdict<ServerConfig> {
        let (chain, key) = self.parts()?;
        ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(Trouble::broken)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(Trouble::broken)
    }

    fn signed_by_itself(
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Verdict<Self> {
        let made = || -> Result<Self, rcgen::Error> {
            let mut params = named(names)?;
            change(&mut params);
            let key = KeyPair::generate()?;
            let own = params.self_signed(&key)?.pem();
            Ok(Self { chain: own.clone(), key: key.serialize_pem(), authority: own })
        };
        made().map_err(Trouble::broken)
    }

    /// Makes a certificate with two authorities between it and the one that vouches, the farther of both first.
    pub fn unordered(names: &[&str]) -> Verdict<Self> {
        let made = || -> Result<Self, rcgen::Error> {
            let root = CertifiedIssuer::self_signed(authority("root")?, KeyPair::generate()?)?;
            let far = CertifiedIssuer::signed_by(authority("far")?, KeyPair::generate()?, &root)?;
            let near = CertifiedIssuer::signed_by(authority("near")?, KeyPair::generate()?, &far)?;
            let key = KeyPair::generate()?;
            let leaf = named(names)?.signed_by(&key, &near)?;
            let chain = [leaf.pem(), far.pem(), near.pem()].concat();
            Ok(Self { chain, key: key.serialize_pem(), authority: root.pem() })
        };
        made().map_err(Trouble::broken)
    }

    fn parts(&self) -> Verdict<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
        let chain = CertificateDer::pem_slice_iter(self.chain.as_bytes()).collect();
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).map_err(Trouble::broken)?;
        Ok((Result::map_err(chain, Trouble::broken)?, key))
    }
}

/// Contents of an authority's certificate.
fn authority(name: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    Ok(params)
}

/// Contents of a server's certificate.
fn named(names: &[&str]) -> Result<CertificateParams, rcgen::Error> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names.clone())?;
    if let Some(first) = names.first() {
        params.distinguished_name.push(rcgen::DnType::CommonName, first.as_str());
    }
    Ok(params)
}

/// The versions that a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    /// 1.2 and 1.3.
    Both,
    /// 1.2 alone.
    Only12,
}

/// TLS over a connection as a client, with a name in SNI and a protocol in ALPN; gives the certificate that is shown
/// and the protocol that was agreed on. Every certificate is believed: what is shown is looked at by the case.
pub async fn client_tls(
    stream: TcpStream,
    name: &str,
    protocol: &str,
    versions: Versions,
    own: Option<&Certificate>,
    transcript: &Transcript,
) -> Verdict<(Wire, Vec<u8>, Option<Vec<u8>>)> {
    let socket = second(&stream);
    let tls = connected(stream, name, protocol, versions, own).await?;
    let (_, session) = tls.get_ref();
    let shown = session.peer_certificates().and_then(|chain| chain.first());
    let shown = shown.map(|certificate| certificate.to_vec()).unwrap_or_default();
    let agreed = session.alpn_protocol().map(<[u8]>::to_vec);
    Ok((Wire::over(tls, socket, "client", transcript), shown, agreed))
}

/// TLS over a connection as a client, for those who speak something of their own over it.
pub async fn tls_stream(
    stream: TcpStream,
    name: &str,
    protocol: &str,
) -> Verdict<TlsStream<TcpStream>> {
    connected(stream, name, protocol, Versions::Both, None).await
}

async fn connected(
    stream: TcpStream,
    name: &str,
    protocol: &str,
    versions: Versions,
    own: Option<&Certificate>,
) -> Verdict<TlsStream<TcpStream>> {
    let versions: &[_] = match versions {
        Versions::Both => rustls::ALL_VERSIONS,
        Versions::Only12 => &[&rustls::version::TLS12],
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(versions)
        .map_err(Trouble::broken)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody));
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let (chain, key) = own.parts()?;
            builder.with_client_auth_cert(chain, key).map_err(Trouble::broken)?
        }
    };
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let name = ServerName::try_from(name.to_owned()).map_err(Trouble::broken)?;
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
    let tls = tokio::time::timeout(PATIENCE, connecting).await;
    let tls = tls.map_err(|_| Trouble::failed("a TLS handshake", "it does not end"))?;
    tls.map_err(|error| Trouble::failed("a TLS handshake", error))
}

/// TLS over an accepted connection as a server; gives the name in SNI.
pub async fn server_tls(
    stream: TcpStream,
    certificate: &Certificate,
    protocols: &[&str],
    transcript: &Transcript,
) -> Verdict<(Wire, Option<String>)> {
    let mut config = certificate.server_config()?;
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let socket = second(&stream);
    let accepting = TlsAcceptor::from(Arc::new(config)).accept(stream);
    let tls = tokio::time::timeout(PATIENCE, accepting).await;
    let tls = tls.map_err(|_| Trouble::failed("a TLS handshake", "it does not end"))?;
    let tls = tls.map_err(|error| Trouble::failed("a TLS handshake", error))?;
    let name = tls.get_ref().1.server_name().map(str::to_owned);
    Ok((Wire::over(tls, socket, "upstream", transcript), name))
}

/// Believes every certificate: those of a run are made for it.
#[derive(Debug)]
pub struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}
