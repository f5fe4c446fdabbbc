//! `listeners`.

use crate::config::{ListenerLimits, ListenerTimeouts, ListenerTls};
use crate::field::{choice, section};
use crate::located::Located;
use crate::scalar::{Cidr, ListenAddress, Name};

choice! {
    /// A protocol by its ALPN id.
    enum Protocol {
        /// HTTP/2.
        H2 = "h2",
        /// HTTP/1.1.
        Http11 = "http/1.1",
    }
}

choice! {
    /// Whether something that depends on the target is used.
    enum OnOff {
        /// Where it can be.
        Auto = "auto",
        /// Never.
        Off = "off",
    }
}

choice! {
    /// Versions of the PROXY protocol that are accepted.
    enum AcceptProxyProtocol {
        /// Both.
        Any = "any",
        /// The text form.
        V1 = "v1",
        /// The binary form.
        V2 = "v2",
    }
}

section! {
    /// A socket that clients connect to.
    whole struct Listener: Body @ Listener {
        /// The name that routes call it by.
        required name: Name = "", VALUE_NAMES;
        /// Where it waits.
        required address: ListenAddress = "", ROUTE_LISTENER;
        /// TLS on this listener.
        optional tls: ListenerTls = "", TLS_CERTIFICATE;
        /// Whether connections begin with a PROXY header.
        optional proxy_protocol: ProxyProtocolIn = "", PROXY_PROTOCOL;
    }
    + settings: ListenerSettings
}

section! {
    /// What a listener may take from `defaults`.
    merged struct ListenerSettings: Own @ Listener {
        /// Protocols in the order of preference.
        optional protocols: Vec<Located<Protocol>> = "[h2, http/1.1] with tls, else [http/1.1]", LISTENER_PROTOCOLS;
        /// Whether RFC 8441 is announced to HTTP/2 clients.
        optional h2_websockets: OnOff = "auto", HANDSHAKE_EXTENDED_CONNECT;
        /// Peers whose forwarded fields are believed.
        optional trusted_proxies: Vec<Located<Cidr>> = "", FORWARDED_APPEND;
        /// Timers.
        optional timeouts: ListenerTimeouts = "", SCOPE_FIELDS;
        /// Limits.
        optional limits: ListenerLimits = "", LIMIT_HEAD;
    }
}

section! {
    /// PROXY protocol from the hop before.
    whole struct ProxyProtocolIn: ProxyProtocol @ Listener {
        /// Which versions.
        required accept: AcceptProxyProtocol = "", PROXY_PROTOCOL;
        /// From whom; others are refused. Everybody where left out.
        optional from: Vec<Located<Cidr>> = "", PROXY_PROTOCOL;
    }
}
