//! What is asked of clients in TLS (`ngx_http_ssl_module`).

use crate::syntax::{Parsed, Words};

/// `ssl_verify_client`: whether clients show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VerifyClient {
    /// `off`: nginx asks no client for a certificate.
    #[default]
    Off,
    /// `on`: every client has to show a certificate of a named authority; others get 400.
    On,
    /// `optional`: a client that shows a certificate has to show one of a named authority.
    Optional,
    /// `optional_no_ca`: a client may show any certificate; the application checks it.
    OptionalNoCa,
}

impl VerifyClient {
    /// Parses the word behind `ssl_verify_client`.
    ///
    /// # Errors
    /// The word is none of nginx's.
    pub fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let verify =
            words.read("`on`, `off`, `optional` or `optional_no_ca`", |text| match text {
                "on" => Some(Self::On),
                "off" => Some(Self::Off),
                "optional" => Some(Self::Optional),
                "optional_no_ca" => Some(Self::OptionalNoCa),
                _ => None,
            })?;
        words.end()?;
        Ok(verify)
    }
}

/// A version of `ssl_protocols`, the oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// `SSLv2`
    Ssl2,
    /// `SSLv3`
    Ssl3,
    /// `TLSv1`
    Tls10,
    /// `TLSv1.1`
    Tls11,
    /// `TLSv1.2`
    Tls12,
    /// `TLSv1.3`
    Tls13,
}

/// Parses the words behind `ssl_protocols`.
///
/// # Errors
/// A word is none of nginx's, or there is none.
pub(super) fn protocols(words: &mut Words<'_>) -> Parsed<Vec<Protocol>> {
    let mut all = Vec::new();
    loop {
        all.push(words.read("a version of TLS", |text| match text {
            "SSLv2" => Some(Protocol::Ssl2),
            "SSLv3" => Some(Protocol::Ssl3),
            "TLSv1" => Some(Protocol::Tls10),
            "TLSv1.1" => Some(Protocol::Tls11),
            "TLSv1.2" => Some(Protocol::Tls12),
            "TLSv1.3" => Some(Protocol::Tls13),
            _ => None,
        })?);
        if words.is_empty() {
            return Ok(all);
        }
    }
}
