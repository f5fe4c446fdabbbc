//! `bind`, `server`, `default-server` and `server-template` with their options (configuration manual, section 5).

use super::sample::Sample;
use super::setting::time;
use crate::syntax::{Parsed, Unread, Word, Words};

/// One option of a `bind` or `server` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointOption {
    /// The name.
    pub name: Word,
    /// The value, for those that have one.
    pub value: Option<Word>,
}

/// A `bind` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// The addresses, each with its place.
    pub addresses: Vec<String>,
    /// The options, in order.
    pub options: Vec<EndpointOption>,
}

/// A `server` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// The name.
    pub name: String,
    /// The address, as it is written.
    pub address: String,
    /// How many servers a `server-template` stands for.
    pub count: Option<String>,
    /// The options, in order.
    pub options: Vec<EndpointOption>,
}

/// Options of `bind` without a value.
const BIND_FLAGS: [&str; 27] = [
    "ssl",
    "accept-proxy",
    "transparent",
    "v4v6",
    "v6only",
    "defer-accept",
    "no-tls-tickets",
    "no-sslv3",
    "no-tlsv10",
    "no-tlsv11",
    "no-tlsv12",
    "no-tlsv13",
    "force-sslv3",
    "force-tlsv10",
    "force-tlsv11",
    "force-tlsv12",
    "force-tlsv13",
    "strict-sni",
    "generate-certificates",
    "allow-0rtt",
    "prefer-client-ciphers",
    "tfo",
    "expose-fd",
    "ssl-skip-self-issued-ca",
    "no-ca-names",
    "no-alpn",
    "quic-force-retry",
];

/// Options of `bind` with a value.
const BIND_VALUES: [&str; 36] = [
    "crt",
    "crt-list",
    "ca-file",
    "ca-verify-file",
    "crl-file",
    "verify",
    "alpn",
    "npn",
    "ciphers",
    "ciphersuites",
    "curves",
    "ecdhe",
    "ssl-min-ver",
    "ssl-max-ver",
    "name",
    "id",
    "interface",
    "maxconn",
    "mss",
    "namespace",
    "nice",
    "process",
    "thread",
    "proto",
    "level",
    "mode",
    "user",
    "uid",
    "group",
    "gid",
    "backlog",
    "severity-output",
    "tcp-ut",
    "shards",
    "crt-ignore-err",
    "ca-ignore-err",
];

/// Options of `server` without a value.
const SERVER_FLAGS: [&str; 36] = [
    "ssl",
    "check",
    "no-check",
    "backup",
    "no-backup",
    "disabled",
    "enabled",
    "non-stick",
    "send-proxy",
    "send-proxy-v2",
    "no-send-proxy",
    "no-send-proxy-v2",
    "send-proxy-v2-ssl",
    "send-proxy-v2-ssl-cn",
    "check-send-proxy",
    "check-ssl",
    "no-check-ssl",
    "no-ssl",
    "no-verifyhost",
    "agent-check",
    "no-agent-check",
    "allow-0rtt",
    "check-via-socks4",
    "no-sslv3",
    "no-tlsv10",
    "no-tlsv11",
    "no-tlsv12",
    "no-tlsv13",
    "force-tlsv12",
    "force-tlsv13",
    "ssl-reuse",
    "no-ssl-reuse",
    "tfo",
    "tls-tickets",
    "no-tls-tickets",
    "stick",
];

/// Options of `server` with a value.
const SERVER_VALUES: [&str; 61] = [
    "weight",
    "inter",
    "fastinter",
    "downinter",
    "rise",
    "fall",
    "on-marked-down",
    "on-marked-up",
    "resolvers",
    "resolve-prefer",
    "resolve-opts",
    "resolve-net",
    "init-addr",
    "verify",
    "verifyhost",
    "ca-file",
    "crl-file",
    "sni",
    "crt",
    "proto",
    "alpn",
    "npn",
    "maxconn",
    "minconn",
    "maxqueue",
    "cookie",
    "id",
    "port",
    "addr",
    "slowstart",
    "track",
    "observe",
    "error-limit",
    "on-error",
    "ws",
    "ssl-min-ver",
    "ssl-max-ver",
    "check-sni",
    "check-alpn",
    "check-proto",
    "source",
    "usesrc",
    "interface",
    "pool-max-conn",
    "pool-low-conn",
    "pool-purge-delay",
    "ciphers",
    "ciphersuites",
    "log-proto",
    "agent-port",
    "agent-inter",
    "agent-addr",
    "agent-send",
    "namespace",
    "max-reuse",
    "log-bufsize",
    "socks4",
    "redir",
    "tcp-ut",
    "proxy-v2-options",
    "set-proxy-v2-tlv-fmt",
];

/// Reads options up to the end of the directive.
fn options(words: &mut Words<'_>, flags: &[&str], values: &[&str]) -> Parsed<Vec<EndpointOption>> {
    let mut all = Vec::new();
    while let Some(word) = words.take() {
        let value = if flags.contains(&word.as_str()) {
            None
        } else if values.contains(&word.as_str()) {
            Some(words.expect("the value of an option")?.clone())
        } else {
            return Err(Unread::word(word));
        };
        all.push(EndpointOption { name: word.clone(), value });
    }
    Ok(all)
}

impl EndpointOption {
    /// Returns the value; an empty text where there is none.
    pub fn text(&self) -> &str {
        self.value.as_ref().map_or("", Word::as_str)
    }
}

/// Returns the last option of a name.
pub fn option<'o>(options: &'o [EndpointOption], name: &str) -> Option<&'o EndpointOption> {
    options.iter().rfind(|option| option.name.text == name)
}

impl Bind {
    /// Reads the words behind `bind`.
    ///
    /// # Errors
    /// An option is not understood.
    pub fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let addresses = words.expect("an address")?.text.split(',').map(str::to_owned).collect();
        Ok(Self { addresses, options: options(words, &BIND_FLAGS, &BIND_VALUES)? })
    }
}

/// Reads the options of `default-server`, or those behind a server's address, and their values.
///
/// # Errors
/// An option is not understood, or its value is none of its kind.
pub fn server_options(words: &mut Words<'_>) -> Parsed<Vec<EndpointOption>> {
    let all = options(words, &SERVER_FLAGS, &SERVER_VALUES)?;
    for option in &all {
        let text = option.text();
        let fits = match option.name.as_str() {
            "weight" => text.parse::<u64>().is_ok_and(|weight| weight <= 256),
            "inter" | "fastinter" | "downinter" | "slowstart" => time(text).is_some(),
            "rise" | "fall" => text.parse::<u64>().is_ok_and(|count| count > 0),
            "verify" => ["none", "required"].contains(&text),
            "sni" => option.value.as_ref().is_some_and(|word| Sample::parse(word).is_ok()),
            _ => true,
        };
        if !fits {
            let word = option.value.as_ref().unwrap_or(&option.name);
            return Err(Unread::word(word));
        }
    }
    Ok(all)
}

impl Server {
    /// Reads the words behind `server`.
    ///
    /// # Errors
    /// An option is not understood.
    pub fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        Ok(Self {
            name: words.expect("a name")?.text.clone(),
            address: words.expect("an address")?.text.clone(),
            count: None,
            options: server_options(words)?,
        })
    }

    /// Reads the words behind `server-template`.
    ///
    /// # Errors
    /// An option is not understood.
    pub fn template(words: &mut Words<'_>) -> Parsed<Self> {
        Ok(Self {
            name: words.expect("a name")?.text.clone(),
            count: Some(words.expect("a number of servers")?.text.clone()),
            address: words.expect("an address")?.text.clone(),
            options: server_options(words)?,
        })
    }
}
