//! Health checks: `option httpchk` and `http-check` (configuration manual, section 4.2).

use super::log_format::LogFormat;
use crate::syntax::{Parsed, Unread, Word, Words};

/// The request of a check.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Probe {
    /// The method; OPTIONS where none is written.
    pub method: Option<String>,
    /// The path and query; `/` where none is written.
    pub uri: Option<String>,
    /// The version.
    pub version: Option<String>,
    /// The fields, in order.
    pub fields: Vec<(String, String)>,
    /// Whether it has a body, or a part that is a format string with variables.
    pub computed: bool,
}

/// `http-check`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpCheck {
    /// What is sent.
    Send(Probe),
    /// These statuses are healthy.
    ExpectStatus(Vec<(u64, u64)>),
    /// Something else is expected; the words.
    Expect(Vec<Word>),
    /// A server that answers 404 gets no new clients.
    DisableOn404,
    /// How the check connects; the words.
    Connect(Vec<Word>),
    /// Another step of a check: `comment`, `set-var`, `send-state`.
    Other(Vec<Word>),
}

impl Probe {
    /// Reads the words behind `option httpchk`: a path, or a method and a path, and a version with fields behind it.
    ///
    /// # Errors
    /// There are more words, or a field in the version's word is none.
    pub fn option(words: &[Word]) -> Parsed<Self> {
        let mut probe = Self::default();
        match words {
            [] => {}
            [uri] => probe.uri = Some(uri.text.clone()),
            [method, uri, rest @ ..] => {
                probe.method = Some(method.text.clone());
                probe.uri = Some(uri.text.clone());
                // Before 2.2 fields stood behind the version: `HTTP/1.1\r\nHost:\ x`.
                let mut text = rest.iter().map(Word::as_str).collect::<Vec<_>>().join(" ");
                text = text.replace("\\r", "\r").replace("\\n", "\n").replace("\\ ", " ");
                let mut lines =
                    text.split(['\r', '\n']).map(str::trim).filter(|line| !line.is_empty());
                probe.version = lines.next().map(str::to_owned);
                for line in lines {
                    let last = rest.last().unwrap_or(uri);
                    let (name, value) = line.split_once(':').ok_or_else(|| Unread::word(last))?;
                    probe.fields.push((name.to_owned(), value.trim().to_owned()));
                }
            }
        }
        Ok(probe)
    }

    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        let named = |(known, _): &&(String, String)| known.eq_ignore_ascii_case(name);
        self.fields.iter().find(named).map(|(_, value)| value.as_str())
    }
}

impl HttpCheck {
    /// Reads the words behind `http-check`.
    ///
    /// # Errors
    /// A word is not understood.
    pub fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let kind = words.expect("a kind")?;
        match kind.as_str() {
            "disable-on-404" => {
                words.end()?;
                Ok(Self::DisableOn404)
            }
            "send" => send(words).map(Self::Send),
            "expect" => Ok(expect(words.rest())),
            "connect" => Ok(Self::Connect(words.rest().to_vec())),
            "comment" | "send-state" | "set-var" | "set-var-fmt" | "unset-var" => {
                Ok(Self::Other(words.rest().to_vec()))
            }
            _ => Err(Unread::word(kind)),
        }
    }
}

/// Reads `status` with its list; everything else stays as it is written.
fn expect(words: &[Word]) -> HttpCheck {
    let statuses = |text: &str| {
        let one = |part: &str| {
            let (least, most) = part.split_once('-').unwrap_or((part, part));
            Some((least.parse().ok()?, most.parse().ok()?))
        };
        text.split(',').map(one).collect::<Option<Vec<_>>>()
    };
    match words {
        [kind, list] if kind.text == "status" => statuses(&list.text)
            .map_or_else(|| HttpCheck::Expect(words.to_vec()), HttpCheck::ExpectStatus),
        _ => HttpCheck::Expect(words.to_vec()),
    }
}

fn send(words: &mut Words<'_>) -> Parsed<Probe> {
    let mut probe = Probe::default();
    while let Some(word) = words.take() {
        match word.as_str() {
            "meth" => probe.method = Some(words.expect("a method")?.text.clone()),
            "uri" => probe.uri = Some(words.expect("a path")?.text.clone()),
            "ver" => probe.version = Some(words.expect("a version")?.text.clone()),
            "hdr" => {
                let name = words.expect("the name of a field")?.text.clone();
                let value = LogFormat::parse(words.expect("a value")?)?;
                match value.literal() {
                    Some(text) => probe.fields.push((name, text.to_owned())),
                    None => probe.computed = true,
                }
            }
            "uri-lf" | "body" | "body-lf" => {
                words.expect("a text")?;
                probe.computed = true;
            }
            "comment" => {
                words.expect("a comment")?;
            }
            _ => return Err(Unread::word(word)),
        }
    }
    Ok(probe)
}
