//! `server` of an `upstream`, and how a server is chosen (`ngx_http_upstream_module`).

use super::value::Value;
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
    /// Whether `service=` or `drain` is written.
    pub unsaid: bool,
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
            unsaid: false,
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
                // The value of a cookie that the proxy makes anew.
                ("route", text) if !text.is_empty() => {}
                ("service", text) if !text.is_empty() => server.unsaid = true,
                ("drain", "") => server.unsaid = true,
                _ => return Err(Unread::word(word)),
            }
        }
        Ok(server)
    }
}

/// How an `upstream` chooses a server for a request; by turns where nothing is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Balancing {
    /// `least_conn`
    LeastConnections,
    /// `ip_hash`
    AddressHash,
    /// `random`, with `two` and a method to choose between both, or without.
    Random,
    /// `hash KEY [consistent]`
    Hash(Value),
    /// `sticky cookie`
    Cookie(StickyCookie),
}

/// `sticky cookie NAME` with its attributes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StickyCookie {
    /// The cookie's name.
    pub name: String,
    /// `httponly`
    pub http_only: bool,
    /// `secure`
    pub secure: bool,
    /// `samesite=`, in small letters.
    pub same_site: Option<String>,
    /// `expires=`, `domain=` and `path=`, as they are written.
    pub attributes: Vec<String>,
}

impl Balancing {
    /// Parses the words behind a method's name.
    ///
    /// # Errors
    /// A word is none of the method's.
    pub fn parse(method: &str, words: &mut Words<'_>) -> Parsed<Self> {
        let balancing = match method {
            "least_conn" => Self::LeastConnections,
            "ip_hash" => Self::AddressHash,
            "random" => {
                if let Some(two) = words.take() {
                    if two.as_str() != "two" {
                        return Err(Unread::word(two));
                    }
                    let known =
                        |text: &str| text == "least_conn" || text.starts_with("least_time=");
                    match words.take() {
                        Some(word) if !known(word.as_str()) => return Err(Unread::word(word)),
                        Some(_) | None => {}
                    }
                }
                Self::Random
            }
            "hash" => {
                let key = Value::parse(words.expect("a key")?)?;
                match words.take() {
                    Some(word) if word.as_str() != "consistent" => return Err(Unread::word(word)),
                    Some(_) | None => Self::Hash(key),
                }
            }
            _ => Self::Cookie(StickyCookie::parse(words)?),
        };
        words.end()?;
        Ok(balancing)
    }
}

impl StickyCookie {
    fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let kind = words.expect("`cookie`")?;
        if kind.as_str() != "cookie" {
            let why = "the model sticks by a cookie of the proxy's own";
            return Err(Unread::new(kind.span, why));
        }
        let mut cookie = Self { name: words.expect("a name")?.text.clone(), ..Self::default() };
        while let Some(word) = words.take() {
            match word.text.split_once('=').unwrap_or((&word.text, "")) {
                ("httponly", "") => cookie.http_only = true,
                ("secure", "") => cookie.secure = true,
                ("samesite", site) => cookie.same_site = Some(site.to_lowercase()),
                ("expires" | "domain" | "path", text) if !text.is_empty() => {
                    cookie.attributes.push(word.text.clone());
                }
                _ => return Err(Unread::word(word)),
            }
        }
        Ok(cookie)
    }
}
