//! Directives whose arguments are switches, times, numbers or texts.

use crate::syntax::{Parsed, Word, Words};

/// The arguments of a directive that sets one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// `On` or `Off`.
    Switch(bool),
    /// A time in milliseconds.
    Time(u64),
    /// A number.
    Number(u64),
    /// Texts, each as the server sees it.
    Texts(Vec<Word>),
}

/// Directives that are on or off.
const SWITCHES: [&str; 17] = [
    "proxypreservehost",
    "proxyaddheaders",
    "proxyerroroverride",
    "proxyrequests",
    "keepalive",
    "sslproxyengine",
    "sslproxycheckpeername",
    "sslproxycheckpeercn",
    "sslproxycheckpeerexpire",
    "remoteipproxyprotocol",
    "mergeslashes",
    "sslhonorcipherorder",
    "sslusestapling",
    "sslcompression",
    "sslsessiontickets",
    "usecanonicalname",
    "usecanonicalphysicalport",
];

/// Directives with one time.
const TIMES: [&str; 3] = ["timeout", "proxytimeout", "keepalivetimeout"];

/// Directives with one number.
const NUMBERS: [&str; 6] = [
    "limitrequestbody",
    "limitrequestfieldsize",
    "limitrequestfields",
    "limitrequestline",
    "maxkeepaliverequests",
    "sslproxyverifydepth",
];

impl Setting {
    pub(super) fn parse(name: &str, words: &mut Words<'_>) -> Parsed<Self> {
        // Two of them have a third value.
        let switch = SWITCHES.contains(&name) && !words.peek_text().eq_ignore_ascii_case("dns");
        if switch && words.peek().is_some_and(|word| read_switch(&word.text).is_some()) {
            let on = self::switch(words)?;
            if words.is_empty() {
                return Ok(Self::Switch(on));
            }
            // `ProxyErrorOverride On 500 502`
            let rest = words.rest().to_vec();
            return Ok(Self::Texts(rest));
        }
        if switch {
            return self::switch(words).map(Self::Switch);
        }
        if TIMES.contains(&name) {
            return words.read("a time", time).map(Self::Time);
        }
        if NUMBERS.contains(&name) {
            return words.read("a number", |text| text.parse().ok()).map(Self::Number);
        }
        Ok(Self::Texts(words.rest().to_vec()))
    }

    /// Returns the first text, or nothing.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Texts(texts) => texts.first().map(Word::as_str),
            Self::Switch(_) | Self::Time(_) | Self::Number(_) => None,
        }
    }
}

fn read_switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

/// `On` or `Off`.
pub(super) fn switch(words: &mut Words<'_>) -> Parsed<bool> {
    words.read("`on` or `off`", read_switch)
}

/// A time in milliseconds: a number is seconds, units are `ms`, `s`, `mi`, `h` (`ap_timeout_parameter_parse`).
pub fn time(text: &str) -> Option<u64> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number: u64 = text[..digits].parse().ok()?;
    let factor = match text[digits..].to_ascii_lowercase().as_str() {
        "" | "s" => 1_000,
        "ms" => 1,
        "mi" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(factor)
}
