//! `tls` of listeners and upstreams.

use crate::field::{choice, section};
use crate::located::Located;
use crate::scalar::{FilePath, Hostname};

choice! {
    /// Protocol versions and ciphers, by Mozilla's levels.
    enum TlsProfile {
        /// TLS 1.3 only.
        Modern = "modern",
        /// TLS 1.2 and 1.3.
        Intermediate = "intermediate",
        /// TLS 1.0 and later, for clients of another age.
        Old = "old",
    }
}

choice! {
    /// Whether clients show a certificate.
    enum ClientAuthMode {
        /// They are not asked.
        Off = "off",
        /// They are asked, and a certificate that they show must be good.
        Optional = "optional",
        /// They must show a good one.
        Require = "require",
    }
}

section! {
    /// TLS of a listener.
    whole struct ListenerTls: Tls @ Listener {
        /// Protocol versions and ciphers: a level of Mozilla's Server Side TLS, guideline 5.7, without DHE.
        optional profile: TlsProfile = "intermediate", TLS_PROFILE;
        /// Certificates, chosen by SNI; the first one where no hostname matches.
        optional certificates: Vec<Located<Certificate>> = "", TLS_CERTIFICATE;
        /// Whether clients show a certificate.
        optional client_auth: ClientAuth = "mode: \"off\"", TLS_CLIENT;
    }
}

section! {
    /// A certificate with its key.
    whole struct Certificate: Own @ Listener {
        /// The hostnames that it is shown for; all that match no other where left out.
        optional hostnames: Vec<Located<Hostname>> = "", TLS_CERTIFICATE;
        /// The chain in PEM, the server's own certificate first.
        required certificate: FilePath = "", TLS_CERTIFICATE;
        /// The private key in PEM.
        required key: FilePath = "", TLS_CERTIFICATE;
    }
}

section! {
    /// Whether clients show a certificate, and who must have signed it.
    whole struct ClientAuth: Own @ Listener {
        /// Whether they are asked.
        required mode: ClientAuthMode = "", TLS_CLIENT;
        /// The authorities in PEM; needed unless the mode is `off`.
        optional ca: FilePath = "", TLS_CLIENT;
    }
}

section! {
    /// TLS to the servers of an upstream.
    whole struct UpstreamTls: Tls @ Upstream {
        /// The name for SNI and verification; the server's own host where left out.
        optional server_name: Hostname = "the server's host", TLS_UPSTREAM;
        /// The authorities in PEM; the machine's own where left out.
        optional ca: FilePath = "the machine's", TLS_UPSTREAM;
        /// Whether the server's certificate must be good.
        optional verify: bool = "true", TLS_UPSTREAM;
    }
}
