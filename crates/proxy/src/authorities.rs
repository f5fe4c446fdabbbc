//! The authorities that vouch for servers, and how a server's certificate is verified with them (`tls/upstream`).

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};

/// The certificates of a file of authorities.
#[derive(Debug)]
pub(crate) struct Authorities {
    /// As the library reads them.
    pub(crate) roots: Arc<RootCertStore>,
    /// As they stand in the file.
    certificates: Vec<CertificateDer<'static>>,
}

impl Authorities {
    /// Reads a PEM file.
    pub(crate) fn read(file: impl AsRef<Path>) -> Result<Self, String> {
        let all = CertificateDer::pem_file_iter(file).map_err(|error| error.to_string())?;
        Self::of(all.collect::<Result<_, _>>().map_err(|error| error.to_string())?)
    }

    fn of(certificates: Vec<CertificateDer<'static>>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        // One strange certificate among many is no reason to trust none.
        let (read, _) = roots.add_parsable_certificates(certificates.iter().cloned());
        if read == 0 {
            Err("it holds no certificate".to_owned())
        } else {
            Ok(Self { roots: Arc::new(roots), certificates })
        }
    }

    /// Verifies servers with these authorities.
    pub(crate) fn verifier(self) -> Result<Arc<dyn ServerCertVerifier>, String> {
        let provider = Arc::new(default_provider());
        let chains = WebPkiServerVerifier::builder_with_provider(self.roots, provider).build();
        let chains = chains.map_err(|error| error.to_string())?;
        Ok(Arc::new(Verifier { chains, named: self.certificates }))
    }
}

/// Verifies chains as the library does, and takes a server's own certificate where it is among the authorities itself.
///
/// `openssl req -x509` makes a certificate that is its own authority, and the library takes no authority for a server
/// (RFC 5280 section 6.1 leaves that to policy). Where the model's file has that certificate, byte for byte, nobody
/// else needs to vouch for it. Its dates and its names hold all the same.
#[derive(Debug)]
struct Verifier {
    chains: Arc<WebPkiServerVerifier>,
    named: Vec<CertificateDer<'static>>,
}

/// Whether a chain was refused for the issuer of its first certificate. The library looks at that certificate's dates
/// before: where it gives one of these reasons, the dates are good.
fn lacks_an_issuer(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => true,
        Error::InvalidCertificate(CertificateError::Other(OtherError(why))) => {
            matches!(why.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
        }
        _ => false,
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.chains.verify_server_cert(own, between, name, ocsp, now) {
            Err(error)
                if lacks_an_issuer(&error) && self.named.iter().any(|known| known == own) =>
            {
                verify_server_name(&ParsedCertificate::try_from(own)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains.verify_tls12_signature(message, own, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains.verify_tls13_signature(message, own, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chains.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

    use super::*;

    /// A certificate that signed itself, for one name and one span of years.
    fn own(ca: bool, years: (i32, i32)) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec!["app.test".to_owned()]).unwrap();
        if ca {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    fn is_taken(
        named: &CertificateDer<'static>,
        shown: &CertificateDer<'static>,
        name: &str,
    ) -> bool {
        let verifier = Authorities::of(vec![named.clone()]).unwrap().verifier().unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        verifier.verify_server_cert(shown, &[], &name, &[], UnixTime::now()).is_ok()
    }

    #[test]
    fn a_certificate_that_is_named_needs_nobody_else_to_vouch_for_it() {
        for ca in [true, false] {
            let good = own(ca, (2020, 2100));
            assert!(is_taken(&good, &good, "app.test"), "an authority: {ca}");
            assert!(!is_taken(&good, &good, "other.test"), "another name, an authority: {ca}");
            assert!(!is_taken(&good, &own(ca, (2020, 2100)), "app.test"), "a stranger's");
            for years in [(2001, 2002), (2098, 2099)] {
                let late = own(ca, years);
                assert!(!is_taken(&late, &late, "app.test"), "{years:?}, an authority: {ca}");
            }
        }
    }
}
