//! `redirect` and `http-request redirect` (configuration manual, section 4.2).

use super::condition::Condition;
use super::log_format::LogFormat;
use crate::syntax::{Parsed, Unread, Words};

/// A redirect.
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the directive")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// Where it leads.
    pub to: To,
    /// The status, 302 where none is written.
    pub status: Option<u64>,
    /// `drop-query`: the query is left out behind a `prefix`.
    pub drop_query: bool,
    /// `append-slash`: a slash is put behind the path of a `prefix` with `drop-query`.
    pub append_slash: bool,
    /// `set-cookie` and `clear-cookie`: a cookie goes with the answer.
    pub cookie: bool,
    /// `ignore-empty`: an empty `location` is no redirect.
    pub ignore_empty: bool,
}

/// Where a redirect leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    /// This place.
    Location(LogFormat),
    /// The target of the request behind this text.
    Prefix(LogFormat),
    /// The same host and target by this scheme.
    Scheme(LogFormat),
}

/// A `redirect` with its condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectRule {
    /// The redirect.
    pub redirect: Redirect,
    /// When it holds; always where there is none.
    pub condition: Option<Condition>,
}

impl RedirectRule {
    /// Reads the words behind `redirect`.
    ///
    /// # Errors
    /// A word is not understood.
    pub fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let redirect = Redirect::parse(words)?;
        Ok(Self { redirect, condition: Condition::parse(words)? })
    }
}

impl Redirect {
    /// Reads the options of a redirect up to its condition.
    ///
    /// # Errors
    /// A word is not understood, or nothing says where it leads.
    pub fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let (mut to, mut status) = (None, None);
        let (mut drop_query, mut append_slash, mut cookie, mut ignore_empty) =
            (false, false, false, false);
        while let Some(word) = words.peek() {
            match word.as_str() {
                "if" | "unless" => break,
                "location" | "prefix" | "scheme" => {
                    words.take();
                    let format = LogFormat::parse(words.expect("where it leads")?)?;
                    to = Some(match word.as_str() {
                        "location" => To::Location(format),
                        "prefix" => To::Prefix(format),
                        _ => To::Scheme(format),
                    });
                }
                "code" => {
                    words.take();
                    let redirects = |text: &str| {
                        text.parse().ok().filter(|code| matches!(code, 301 | 302 | 303 | 307 | 308))
                    };
                    status = Some(words.read("a status of redirects", redirects)?);
                }
                "drop-query" => {
                    words.take();
                    drop_query = true;
                }
                "append-slash" => {
                    words.take();
                    append_slash = true;
                }
                "ignore-empty" => {
                    words.take();
                    ignore_empty = true;
                }
                "set-cookie" | "clear-cookie" => {
                    words.take();
                    words.expect("a cookie")?;
                    cookie = true;
                }
                _ => return Err(Unread::word(word)),
            }
        }
        let to = to.ok_or_else(|| Unread::new(words.place(), "where it leads is missing"))?;
        Ok(Self { to, status, drop_query, append_slash, cookie, ignore_empty })
    }
}
