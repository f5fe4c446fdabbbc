//! Directives that are settings: timers, options, balancing, cookies, pages of errors (configuration manual, section 4.2).

use super::sample::Call;
use crate::syntax::{Parsed, Unread, Word, Words};

/// Reads a time in milliseconds: a number without a unit is milliseconds (configuration manual, section 2.5).
pub fn time(text: &str) -> Option<u64> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number: u64 = text[..digits].parse().ok()?;
    let factor = match &text[digits..] {
        "" | "ms" => 1,
        "us" => return Some(number.div_ceil(1000)),
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// `timeout`, or its old name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeout {
    /// The name: `client`, `tunnel`.
    pub name: String,
    /// The time in milliseconds.
    pub millis: u64,
}

/// `option`, or `no option`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// The name.
    pub name: String,
    /// Whether it is turned on.
    pub on: bool,
    /// The words behind the name.
    pub args: Vec<Word>,
}

/// `option forwardfor`: the client's address in a field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ForwardFor {
    /// The network whose clients are not told of.
    pub except: Option<Word>,
    /// The field, where it is another than `X-Forwarded-For`.
    pub header: Option<Word>,
    /// Whether nothing is told where the field is there already.
    pub if_none: bool,
}

/// `cookie`: how clients stick to a server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cookie {
    /// The name.
    pub name: String,
    /// Flags and attributes, in order, with their values: `insert`, `attr SameSite=Lax`.
    pub options: Vec<(String, Option<String>)>,
}

/// `balance`: how a server is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// The algorithm: `roundrobin`, `hdr(name)`.
    pub algorithm: Call,
    /// The words behind it.
    pub args: Vec<Word>,
}

/// `compression`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compression {
    /// The algorithms.
    Algorithms(Vec<String>),
    /// The media types.
    Types(Vec<String>),
    /// Servers are asked for no compression.
    Offload,
}

impl Timeout {
    /// Reads the words behind `timeout`.
    ///
    /// # Errors
    /// The time is none.
    pub fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let name = words.expect("the timer's name")?.text.clone();
        Self::named(&name, words)
    }

    /// Reads the time of a timer.
    ///
    /// # Errors
    /// The time is none.
    pub fn named(name: &str, words: &mut Words<'_>) -> Parsed<Self> {
        let millis = words.read("a time", time)?;
        words.end()?;
        Ok(Self { name: name.to_owned(), millis })
    }
}

impl Switch {
    /// Reads the words behind `option`.
    ///
    /// # Errors
    /// The name is missing.
    pub fn parse(on: bool, words: &mut Words<'_>) -> Parsed<Self> {
        let name = words.expect("the option's name")?.text.clone();
        Ok(Self { name, on, args: words.rest().to_vec() })
    }
}

impl ForwardFor {
    /// Reads the words behind `option forwardfor`.
    ///
    /// # Errors
    /// A word is not understood.
    pub fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let mut read = Self::default();
        while let Some(word) = words.take() {
            match word.as_str() {
                "except" => read.except = Some(words.expect("a network")?.clone()),
                "header" => read.header = Some(words.expect("the name of a field")?.clone()),
                "if-none" => read.if_none = true,
                _ => return Err(Unread::word(word)),
            }
        }
        Ok(read)
    }
}

impl Cookie {
    /// Reads the words behind `cookie`.
    ///
    /// # Errors
    /// An option is not understood.
    pub fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        const FLAGS: [&str; 10] = [
            "rewrite", "insert", "prefix", "indirect", "nocache", "postonly", "preserve",
            "httponly", "secure", "dynamic",
        ];
        let mut cookie = Self { name: words.expect("a name")?.text.clone(), options: Vec::new() };
        while let Some(word) = words.take() {
            let value = match word.as_str() {
                flag if FLAGS.contains(&flag) => None,
                "domain" | "maxidle" | "maxlife" | "attr" => {
                    Some(words.expect("a value")?.text.clone())
                }
                _ => return Err(Unread::word(word)),
            };
            cookie.options.push((word.text.clone(), value));
        }
        Ok(cookie)
    }

    /// Whether a flag is there.
    pub fn has(&self, flag: &str) -> bool {
        self.options.iter().any(|(name, _)| name == flag)
    }
}

impl Balance {
    /// Reads the words behind `balance`.
    ///
    /// # Errors
    /// The algorithm is none.
    pub fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let word = words.expect("an algorithm")?;
        let (name, args) = match word.text.split_once('(') {
            Some((name, rest)) => {
                let inner = rest.strip_suffix(')').ok_or_else(|| Unread::word(word))?;
                (name, inner.split(',').map(str::to_owned).collect())
            }
            None => (word.text.as_str(), Vec::new()),
        };
        let algorithm = Call { name: name.to_owned(), args };
        Ok(Self { algorithm, args: words.rest().to_vec() })
    }
}

impl Compression {
    /// Reads the words behind `compression`.
    ///
    /// # Errors
    /// The kind is not understood.
    pub fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let kind = words.expect("a kind")?;
        let texts = |list: &[Word]| list.iter().map(|word| word.text.clone()).collect();
        Ok(match kind.as_str() {
            "algo" => Self::Algorithms(texts(words.rest())),
            "type" => Self::Types(texts(words.rest())),
            "offload" => {
                words.end()?;
                Self::Offload
            }
            _ => return Err(Unread::word(kind)),
        })
    }
}
