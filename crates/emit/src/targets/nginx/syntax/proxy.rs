//! `proxy_pass` and what is said of requests and answers around it (`ngx_http_proxy_module`, `ngx_http_headers_module`,
//! `error_page` and `try_files` of `ngx_http_core_module`).

use super::value::Value;
use crate::syntax::{Parsed, Unread, Word, Words};

/// `proxy_pass`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyPass {
    /// The URL, its variables included.
    pub url: Value,
}

impl ProxyPass {
    /// Parses the words behind `proxy_pass`.
    ///
    /// # Errors
    /// The URL has another scheme than `http` and `https`: nginx says `invalid URL prefix`.
    pub fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let word = words.expect("a URL")?;
        words.end()?;
        let lower = word.text.to_ascii_lowercase();
        let known = ["http://", "https://"].iter().any(|scheme| lower.starts_with(scheme));
        if !known && !word.text.contains('$') {
            let why = match lower.split_once("://") {
                Some(("wss", _)) => {
                    "nginx refuses `wss://`: write `https://`, a WebSocket begins as a request"
                }
                Some(("ws", _)) => {
                    "nginx refuses `ws://`: write `http://`, a WebSocket begins as a request"
                }
                _ => "nginx knows `http://` and `https://` here",
            };
            return Err(Unread::new(word.span, why));
        }
        Ok(Self { url: Value::parse(word)? })
    }
}

/// A header field with its value: `proxy_set_header`, `add_header`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The field's name.
    pub name: String,
    /// Its value.
    pub value: Value,
    /// Whether answers of every status get it (`add_header … always`).
    pub always: bool,
}

impl Field {
    /// Parses the words behind `proxy_set_header`.
    ///
    /// # Errors
    /// There are not two words.
    pub fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let name = words.expect("a field's name")?.text.clone();
        let value = Value::parse(words.expect("a value")?)?;
        words.end()?;
        Ok(Self { name, value, always: true })
    }

    /// Parses the words behind `add_header` and `add_trailer`.
    ///
    /// # Errors
    /// The third word is another than `always`.
    pub fn parse_added(words: &mut Words<'_>) -> Parsed<Self> {
        let name = words.expect("a field's name")?.text.clone();
        let value = Value::parse(words.expect("a value")?)?;
        let always = words.take_if("always");
        words.end()?;
        Ok(Self { name, value, always })
    }
}

/// What an `error_page` leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageTarget {
    /// `@name`, or a variable behind the `@`.
    Named(Value),
    /// A path on this server, or a URL.
    Uri(Value),
}

/// `error_page code… [=[response]] uri`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorPage {
    /// The statuses.
    pub codes: Vec<u16>,
    /// `=` and the status of the answer: `Some(None)` is a bare `=`, with which the page's own status is the answer's.
    pub response: Option<Option<u16>>,
    /// Where the request goes.
    pub target: PageTarget,
}

impl ErrorPage {
    /// Parses the words behind `error_page`.
    ///
    /// # Errors
    /// A status is none, or the page is missing.
    pub fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let place = words.place();
        let list = words.rest();
        let Some((target, codes)) = list.split_last() else {
            return Err(Unread::new(place, "a page is missing"));
        };
        let mut page = Self {
            codes: Vec::new(),
            response: None,
            target: match target.text.strip_prefix('@') {
                Some(name) => PageTarget::Named(name_value(target, name)?),
                None => PageTarget::Uri(Value::parse(target)?),
            },
        };
        for word in codes {
            if let Some(response) = word.text.strip_prefix('=') {
                let status = (!response.is_empty()).then(|| response.parse::<u16>()).transpose();
                page.response = Some(status.map_err(|_| Unread::word(word))?);
                continue;
            }
            let code = word.text.parse::<u16>().ok().filter(|code| (300..=599).contains(code));
            page.codes.push(code.ok_or_else(|| Unread::word(word))?);
        }
        if page.codes.is_empty() {
            return Err(Unread::new(target.span, "a status is missing"));
        }
        Ok(page)
    }
}

fn name_value(word: &Word, name: &str) -> Parsed<Value> {
    Value::parse(&Word::new(name, word.span))
}

/// `try_files file… uri`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TryFiles {
    /// The files that are tried.
    pub files: Vec<Value>,
    /// What becomes of the request where none of them is there.
    pub otherwise: Otherwise,
}

/// The last word of a `try_files`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Otherwise {
    /// `@name`
    Named(String),
    /// `=404`
    Status(u16),
    /// A path, with which a location is searched anew.
    Uri(Value),
}

impl TryFiles {
    /// Parses the words behind `try_files`.
    ///
    /// # Errors
    /// There are fewer than two words.
    pub fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let place = words.place();
        let list = words.rest();
        let Some((end, files)) = list.split_last().filter(|(_, files)| !files.is_empty()) else {
            return Err(Unread::new(place, "a file and what comes behind it are missing"));
        };
        let otherwise = if let Some(name) = end.text.strip_prefix('@') {
            Otherwise::Named(name.to_owned())
        } else if let Some(status) = end.text.strip_prefix('=') {
            Otherwise::Status(status.parse().map_err(|_| Unread::word(end))?)
        } else {
            Otherwise::Uri(Value::parse(end)?)
        };
        let files = files.iter().map(Value::parse).collect::<Parsed<_>>()?;
        Ok(Self { files, otherwise })
    }
}
