//! TLS of both sides, with rustls.

use std::sync::Arc;

use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::ring::{default_provider, sign::any_supported_type};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::{
    ClientHello, NoClientAuth, ResolvesServerCert, WebPkiClientVerifier,
};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, InconsistentKeys, OtherError,
    ServerConfig, SignatureScheme, version,
};
use wsgen_model::config::{ClientAuthMode, TlsProfile};
use wsgen_model::decode::Scalar;
use wsgen_model::located::Located;
use wsgen_model::scalar::{FilePath, Hostname};
use wsgen_model::site::{Listener, Tls, UpstreamTls};

use crate::authorities::Authorities;
use crate::snapshot::StartError;

/// Where Debian keeps the machine's authorities.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// A listener's side (`tls/certificate`, `tls/profile`, `tls/client`).
pub(crate) fn server(listener: &Listener, tls: &Tls) -> Result<ServerConfig, StartError> {
    let provider = Arc::new(default_provider());
    let versions: &[_] = match *tls.profile {
        TlsProfile::Modern => &[&version::TLS13],
        // What is older than TLS 1.2 is not there to be spoken.
        TlsProfile::Intermediate | TlsProfile::Old => &[&version::TLS13, &version::TLS12],
    };
    let mut keys = Vec::new();
    for certificate in &tls.certificates {
        keys.push(Arc::new(certified(&certificate.certificate, &certificate.key)?));
    }
    let clients = match &tls.client_auth {
        None => Arc::new(NoClientAuth) as Arc<_>,
        Some(auth) => {
            let roots = authorities(&auth.ca)?.roots;
            let builder = WebPkiClientVerifier::builder_with_provider(roots, provider.clone());
            let builder = match auth.mode.value {
                ClientAuthMode::Optional => builder.allow_unauthenticated(),
                _ => builder,
            };
            builder.build().map_err(|error| {
                let message = format!("cannot verify clients: {error}");
                StartError::at(
                    auth.ca.span,
                    message,
                    "name a file with certificates of authorities",
                )
            })?
        }
    };
    let config = ServerConfig::builder_with_provider(provider).with_protocol_versions(versions);
    let config = config.map_err(|error| {
        let help = "this is a fault of wsgen; report it with the model";
        StartError::at(listener.address.span, format!("cannot speak TLS: {error}"), help)
    })?;
    let mut config = config
        .with_client_cert_verifier(clients)
        .with_cert_resolver(Arc::new(ByName { tls: tls.clone(), keys }));
    let protocols = listener.protocols.iter();
    config.alpn_protocols = protocols.map(|p| p.as_str().as_bytes().to_vec()).collect();
    Ok(config)
}

fn certified(
    chain: &Located<FilePath>,
    key: &Located<FilePath>,
) -> Result<CertifiedKey, StartError> {
    let bad = |file: &Located<FilePath>, why: String| {
        let message = format!("cannot use {}: {why}", file.as_str());
        StartError::at(file.span, message, "name a readable PEM file")
    };
    let certificates = CertificateDer::pem_file_iter(chain.as_str())
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| bad(chain, error.to_string()))?;
    if certificates.is_empty() {
        return Err(bad(chain, "it holds no certificate".into()));
    }
    let private =
        PrivateKeyDer::from_pem_file(key.as_str()).map_err(|e| bad(key, e.to_string()))?;
    let signing = any_supported_type(&private).map_err(|error| bad(key, error.to_string()))?;
    let certified = CertifiedKey::new(certificates, signing);
    let stranger =
        || bad(key, format!("it does not belong to the certificate in {}", chain.as_str()));
    match certified.keys_match() {
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(Error::InconsistentKeys(_)) => Err(stranger()),
        // Version 1 of X.509 is not read here, and shown to clients all the same: it is for them to take it.
        Err(error) if is_old(&error) => {
            if shows_key(&certified) {
                Ok(certified)
            } else {
                Err(stranger())
            }
        }
        Err(error) => Err(bad(chain, error.to_string())),
    }
}

/// Whether a certificate was not read because its form is older than version 3 of X.509.
fn is_old(error: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::Other(OtherError(why))) = error else {
        return false;
    };
    matches!(why.downcast_ref(), Some(webpki::Error::UnsupportedCertVersion))
}

/// Whether a certificate contains its key's public half, as it stands in DER (RFC 5280 section 4.1.2.7).
fn shows_key(certified: &CertifiedKey) -> bool {
    let public = certified.key.public_key();
    certified.cert.first().zip(public).is_some_and(|(certificate, public)| {
        certificate.windows(public.len()).any(|part| part == public.as_ref())
    })
}

/// The certificates of a listener, chosen by the name in SNI.
#[derive(Debug)]
struct ByName {
    tls: Tls,
    keys: Vec<Arc<CertifiedKey>>,
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().and_then(|name| Hostname::parse(name).ok());
        let at = name.map_or(0, |name| self.tls.certificate_for(&name));
        self.keys.get(at).cloned()
    }
}

fn authorities(file: &Located<FilePath>) -> Result<Authorities, StartError> {
    Authorities::read(file.as_str()).map_err(|why| {
        let message = format!("cannot use {}: {why}", file.as_str());
        StartError::at(file.span, message, "name a readable PEM file of authorities")
    })
}

/// The side toward a server (`tls/upstream`).
pub(crate) fn client(settings: &UpstreamTls) -> Result<ClientConfig, StartError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| StartError::new(format!("cannot speak TLS: {error}"), "report it"))?;
    if !*settings.verify {
        let anybody = builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody));
        return Ok(anybody.with_no_client_auth());
    }
    let unusable = |why: String| {
        let message = format!("cannot use the machine's authorities in {AUTHORITIES}: {why}");
        StartError::new(message, "install ca-certificates, or name `tls.ca`")
    };
    let authorities = match &settings.ca {
        Some(file) => authorities(file)?,
        None => Authorities::read(AUTHORITIES).map_err(unusable)?,
    };
    let verifier = authorities.verifier().map_err(unusable)?;
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

/// Believes every certificate: the model says `verify: false`.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}
