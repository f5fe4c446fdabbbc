//! `server` of an `upstream` (`ngx_http_upstream_module`).

use crate::syntax::{Parsed, Unread, Words};

/// One server of an `upstream`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a word of the directive")]
pub struct UpstreamServer {
    /// The address as it is written.
    pub address: String,
    /// `weight=`; 1 where it is not written.
    pub weight: u64,
    /// `backup`
    pub backup: bool,
    /// `down`
    pub down: bool,
    /// `resolve`
    pub resolve: bool,
    /// `max_conns=`; 0 is no bound.
    pub max_conns: u64,
    /// Whether `max_fails=`, `fail_timeout=` or `slow_start=` is written.
    pub failures: bool,
    /// Whether `route=`, `service=` or `drain` of the commercial version is written.
    pub commercial: bool,
}

impl UpstreamServer {
    /// Parses the words behind `server`.
    ///
    /// # Errors
    /// An option is none of nginx's.
    pub fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let address = words.expect("an address")?.text.clone();
        let mut server = Self {
            address,
            weight: 1,
            backup: false,
            down: false,
            resolve: false,
            max_conns: 0,
            failures: false,
            commercial: false,
        };
        while let Some(word) = words.take() {
            let number = |text: &str| {
                text.parse::<u64>().map_err(|_| Unread::new(word.span, "this is no number"))
            };
            match word.text.split_once('=').unwrap_or((&word.text, "")) {
                ("weight", text) => server.weight = number(text)?,
                ("max_conns", text) => server.max_conns = number(text)?,
                ("backup", "") => server.backup = true,
                ("down", "") => server.down = true,
                ("resolve", "") => server.resolve = true,
                ("max_fails" | "fail_timeout" | "slow_start", text) if !text.is_empty() => {
                    server.failures = true;
                }
                ("route" | "service", text) if !text.is_empty() => server.commercial = true,
                ("drain", "") => server.commercial = true,
                _ => return Err(Unread::word(word)),
            }
        }
        Ok(server)
    }
}
