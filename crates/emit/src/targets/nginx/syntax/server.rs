//! `listen` and `server_name` (`ngx_http_core_module`).

use crate::syntax::{Parsed, Unread, Word, Words};

/// `listen`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a word of the directive")]
pub struct Listen {
    /// The address as it is written: `80`, `[::]:443`, `unix:/run/a.sock`.
    pub address: String,
    /// `default_server`, or `default`.
    pub default_server: bool,
    /// `ssl`
    pub ssl: bool,
    /// `http2`, and `spdy` of old versions.
    pub http2: bool,
    /// `quic`
    pub quic: bool,
    /// `proxy_protocol`
    pub proxy_protocol: bool,
}

/// Options of a `listen` that say how its socket is made.
const OF_SOCKETS: [&str; 4] = ["bind", "reuseport", "deferred", "accept_filter"];

/// Options of a `listen` with a value, of its socket too.
const OF_SOCKETS_WITH_VALUE: [&str; 8] = [
    "backlog=",
    "rcvbuf=",
    "sndbuf=",
    "fastopen=",
    "setfib=",
    "ipv6only=",
    "so_keepalive=",
    "accept_filter=",
];

impl Listen {
    /// Parses the words behind `listen`.
    ///
    /// # Errors
    /// An option is none of nginx's.
    pub fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let address = words.expect("an address")?.text.clone();
        let mut listen = Self {
            address,
            default_server: false,
            ssl: false,
            http2: false,
            quic: false,
            proxy_protocol: false,
        };
        while let Some(word) = words.take() {
            match word.as_str() {
                "default_server" | "default" => listen.default_server = true,
                "ssl" => listen.ssl = true,
                "http2" | "spdy" => listen.http2 = true,
                "quic" => listen.quic = true,
                "proxy_protocol" => listen.proxy_protocol = true,
                text if OF_SOCKETS.contains(&text) => {}
                text if OF_SOCKETS_WITH_VALUE.iter().any(|start| text.starts_with(start)) => {}
                _ => return Err(Unread::word(word)),
            }
        }
        Ok(listen)
    }
}

/// One name of a `server_name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerName {
    /// A host's name.
    Exact(String),
    /// `*.example.test`: any host below the domain.
    LeadingWildcard(String),
    /// `.example.test`: the domain and any host below it.
    Domain(String),
    /// `www.example.*`: what begins so.
    TrailingWildcard(String),
    /// `~regex`
    Regex(String),
    /// A name that no request has: `_`, `""`, `$hostname`.
    Nothing,
}

impl ServerName {
    /// Parses one word behind `server_name`.
    ///
    /// # Errors
    /// An asterisk stands within the name: nginx refuses it.
    pub fn parse(word: &Word) -> Parsed<Self> {
        if let Some(pattern) = word.text.strip_prefix('~') {
            return Ok(Self::Regex(pattern.to_owned()));
        }
        let text = word.text.to_lowercase();
        Ok(match text.as_str() {
            // Nothing but an asterisk is no name of any host.
            "" | "_" | "__" | "--" | "$hostname" | "!_" | "*" => Self::Nothing,
            name => {
                if let Some(domain) = name.strip_prefix("*.").filter(|rest| !rest.contains('*')) {
                    Self::LeadingWildcard(domain.to_owned())
                } else if let Some(domain) = name.strip_prefix('.').filter(|r| !r.contains('*')) {
                    Self::Domain(domain.to_owned())
                } else if let Some(start) = name.strip_suffix(".*").filter(|r| !r.contains('*')) {
                    Self::TrailingWildcard(start.to_owned())
                } else if name.contains('*') {
                    let why = "an asterisk stands at the beginning or the end, next to a dot";
                    return Err(Unread::new(word.span, why));
                } else {
                    Self::Exact(name.to_owned())
                }
            }
        })
    }
}
