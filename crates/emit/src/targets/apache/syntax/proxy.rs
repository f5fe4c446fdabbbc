//! `ProxyPass`, `ProxyPassMatch`, `BalancerMember` and `ProxySet` with their parameters (`mod_proxy`).

use crate::syntax::{Parsed, Unread, Word, Words};
use wsgen_model::source::Span;

/// `ProxyPass [PATH] !|URL [KEY=VALUE…] [nocanon] [interpolate] [noquery]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyPass {
    /// The path or regex; nothing within a section of a path.
    pub from: Option<String>,
    /// Whether `from`, or the path of the section, is a regex.
    pub regex: bool,
    /// Where the requests go.
    pub to: ProxyTarget,
    /// The parameters of the worker.
    pub parameters: Vec<Parameter>,
}

/// Where requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyTarget {
    /// `!`: they are not passed on.
    Exclude,
    /// A URL, as it is written.
    Url(String),
}

/// A parameter of a worker or balancer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// The name, in small letters.
    pub key: String,
    /// The value; empty for a word alone.
    pub value: String,
    /// Its place.
    pub span: Span,
}

/// `BalancerMember [BALANCER] URL [KEY=VALUE…]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BalancerMember {
    /// The balancer, outside of its section.
    pub balancer: Option<String>,
    /// The member's URL.
    pub url: String,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
}

/// `ProxySet [URL] KEY=VALUE…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxySet {
    /// The worker or balancer, outside of its section.
    pub url: Option<String>,
    /// What is set.
    pub parameters: Vec<Parameter>,
}

/// The parameters of workers and balancers.
const KEYS: [&str; 53] = [
    "acquire",
    "addressttl",
    "connectiontimeout",
    "disablereuse",
    "enablereuse",
    "failonstatus",
    "failontimeout",
    "flusher",
    "flushpackets",
    "flushwait",
    "forcerecovery",
    "growth",
    "hcexpr",
    "hcfails",
    "hcinterval",
    "hcmethod",
    "hcpasses",
    "hctemplate",
    "hcuri",
    "interpolate",
    "iobuffersize",
    "keepalive",
    "lbmethod",
    "lbset",
    "loadfactor",
    "mapping",
    "max",
    "maxattempts",
    "min",
    "nocanon",
    "nofailover",
    "nonce",
    "noquery",
    "ping",
    "receivebuffersize",
    "redirect",
    "responsefieldsize",
    "retry",
    "route",
    "scolonpathdelim",
    "secret",
    "smax",
    "spare",
    "status",
    "stickysession",
    "stickysessionsep",
    "timeout",
    "ttl",
    "upgrade",
    "addressttl",
    "bgrowth",
    "enablereuseproxy",
    "hcheck",
];

impl Parameter {
    pub(super) fn parse(word: &Word) -> Parsed<Self> {
        let (key, value) = word.text.split_once('=').unwrap_or((&word.text, ""));
        let key = key.to_ascii_lowercase();
        if !KEYS.contains(&key.as_str()) {
            let why = format!("`{key}` is no parameter of a worker that wsgen knows");
            return Err(Unread::new(word.span, why));
        }
        Ok(Self { key, value: value.to_owned(), span: word.span })
    }

    /// The words of a directive's end, read as parameters.
    fn rest(words: &mut Words<'_>) -> Parsed<Vec<Self>> {
        words.rest().iter().map(Self::parse).collect()
    }
}

/// Whether a word names a URL and no path.
fn is_url(text: &str) -> bool {
    text == "!" || text.contains("://") || text.starts_with("unix:")
}

impl ProxyPass {
    pub(super) fn parse(regex: bool, words: &mut Words<'_>) -> Parsed<Self> {
        let first = words.expect("a path or a URL")?.text.clone();
        let (from, to) = if is_url(&first) {
            (None, first)
        } else {
            (Some(first), words.expect("a URL")?.text.clone())
        };
        let to = if to == "!" { ProxyTarget::Exclude } else { ProxyTarget::Url(to) };
        Ok(Self { from, regex, to, parameters: Parameter::rest(words)? })
    }
}

impl BalancerMember {
    pub(super) fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let first = words.expect("a URL")?.text.clone();
        let balancer = first.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("balancer:"));
        let (balancer, url) = if balancer {
            (Some(first), words.expect("a URL")?.text.clone())
        } else {
            (None, first)
        };
        Ok(Self { balancer, url, parameters: Parameter::rest(words)? })
    }
}

impl ProxySet {
    pub(super) fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let url = words.peek().filter(|word| is_url(&word.text)).map(|word| word.text.clone());
        if url.is_some() {
            words.take();
        }
        Ok(Self { url, parameters: Parameter::rest(words)? })
    }
}
