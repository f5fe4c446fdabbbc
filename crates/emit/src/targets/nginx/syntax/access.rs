//! Who may use a location: `allow`, `deny`, `satisfy`, `limit_except`, logins, zones of limits.

use super::value::Value;
use crate::syntax::{Parsed, Unread, Words};

/// `allow` or `deny` (`ngx_http_access_module`); the first that fits decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Whether clients of these addresses are let in.
    pub allow: bool,
    /// The addresses; nothing is `all`.
    pub from: Option<String>,
}

impl Access {
    /// Parses the word behind `allow` or `deny`.
    ///
    /// # Errors
    /// There is not one word.
    pub fn parse(allow: bool, words: &mut Words<'_>) -> Parsed<Self> {
        let from = words.expect("an address")?;
        words.end()?;
        let from = (from.as_str() != "all").then(|| from.text.clone());
        Ok(Self { allow, from })
    }
}

/// `satisfy`: whether each guard has to let a request in, or one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Satisfy {
    /// Addresses, users and the asked service have to let it in.
    All,
    /// One of them is enough.
    Any,
}

impl Satisfy {
    /// Parses the word behind `satisfy`.
    ///
    /// # Errors
    /// It is neither `all` nor `any`.
    pub fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let satisfy = words.read("`all` or `any`", |text| match text {
            "all" => Some(Self::All),
            "any" => Some(Self::Any),
            _ => None,
        })?;
        words.end()?;
        Ok(satisfy)
    }
}

/// `limit_except method…`: the block holds for all other methods.
///
/// # Errors
/// There is no method.
pub(super) fn methods(words: &mut Words<'_>) -> Parsed<Vec<String>> {
    let list: Vec<String> = words.rest().iter().map(|word| word.text.clone()).collect();
    if list.is_empty() {
        return Err(Unread::new(words.place(), "a method is missing"));
    }
    Ok(list)
}

/// `limit_req_zone` and `limit_conn_zone`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// What is counted by.
    pub key: Value,
    /// The zone's name.
    pub name: String,
    /// `rate=10r/s`, of `limit_req_zone`.
    pub rate: Option<String>,
}

impl Zone {
    /// Parses the words behind `limit_req_zone` or `limit_conn_zone`.
    ///
    /// # Errors
    /// An option is none of nginx's, or the zone is missing.
    pub fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let key = Value::parse(words.expect("a key")?)?;
        let (mut name, mut rate) = (None, None);
        while let Some(word) = words.take() {
            match word.text.split_once('=') {
                Some(("zone", zone)) => {
                    name = Some(zone.split(':').next().unwrap_or(zone).to_owned());
                }
                Some(("rate", text)) => rate = Some(text.to_owned()),
                _ if word.text == "sync" => {}
                _ => return Err(Unread::word(word)),
            }
        }
        let name = name.ok_or_else(|| Unread::new(words.place(), "`zone=` is missing"))?;
        Ok(Self { key, name, rate })
    }
}
