//! Tests of nginx's own variables, as conditions of a model.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{Hostname, Method, Pattern};

use super::state::{Path, State};
use crate::import::condition::{Clause, Condition};
use crate::import::hostnames::written_out;
use crate::import::matcher::PathMatcher;

/// What a text is held against.
#[derive(Debug, Clone)]
pub(super) enum Check {
    /// A text, by every letter.
    Equal(String),
    /// A regex, looked for in it.
    Matches(String),
}

impl Check {
    /// Whether a text fits, where that is known.
    pub(super) fn fits(&self, text: &str) -> Option<bool> {
        match self {
            Self::Equal(other) => Some(other == text),
            Self::Matches(pattern) => Some(Pattern::parse(pattern).ok()?.is_match(text)),
        }
    }

    /// The texts that fit, where they can be written out.
    fn texts(&self) -> Option<Vec<String>> {
        match self {
            Self::Equal(text) => Some(vec![text.clone()]),
            Self::Matches(pattern) => {
                let bare = pattern.strip_prefix('^')?.strip_suffix('$')?;
                let bare =
                    bare.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(bare);
                let plain = |text: &str| {
                    !text.is_empty()
                        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_/ ".contains(c))
                };
                let all: Vec<String> = bare.split('|').map(str::to_owned).collect();
                all.iter().all(|text| plain(text)).then_some(all)
            }
        }
    }
}

/// Requests that ask for a WebSocket, or all others.
pub(super) fn websocket(asked: bool) -> Condition {
    Condition::of(Clause { websocket: Some(asked), ..Clause::default() })
}

/// Condition that holds for handshakes whose `Upgrade` field says `websocket` in small letters, as browsers write it.
pub(super) fn handshake_in_small_letters() -> Condition {
    let headers = vec![("upgrade".to_owned(), Some("websocket".to_owned()))];
    Condition::of(Clause { websocket: Some(true), headers, ..Clause::default() })
}

/// Whether a check of `$http_upgrade` holds for handshakes in small letters alone.
pub(super) fn minds_case(check: &Check) -> bool {
    check.fits("websocket") == Some(true) && check.fits("WebSocket") == Some(false)
}

fn tls(on: bool) -> Condition {
    Condition::of(Clause { tls: Some(on), ..Clause::default() })
}

/// A test of one of nginx's own variables.
pub(super) fn of_variable(name: &str, check: &Check, state: &State) -> Condition {
    let either =
        |value: &str, other: &str, holds: Condition| match (check.fits(value), check.fits(other)) {
            (Some(true), Some(true)) => Condition::always(),
            (Some(true), Some(false)) => holds,
            (Some(false), Some(true)) => holds.not(),
            (Some(false), Some(false)) => Condition::never(),
            _ => Condition::unread(),
        };
    match name {
        "scheme" => either("https", "http", tls(true)),
        "https" => either("on", "", tls(true)),
        "ssl_protocol" => match check {
            Check::Equal(text) if text.is_empty() => tls(false),
            Check::Equal(_) | Check::Matches(_) => Condition::unread(),
        },
        "request_method" => methods(check),
        "host" | "http_host" => hosts(check),
        "uri" | "document_uri" => match &state.path {
            Path::Asked => path(check),
            Path::Known(text) => match check.fits(text) {
                Some(true) => Condition::always(),
                Some(false) => Condition::never(),
                None => Condition::unread(),
            },
            Path::Changed { .. } => Condition::unread(),
        },
        "request_uri" => match check {
            // The query is a part of it.
            Check::Matches(pattern) if pattern.starts_with("^/") && ends_in_path(pattern) => {
                path(check)
            }
            Check::Equal(_) | Check::Matches(_) => Condition::unread(),
        },
        "http_upgrade" => upgrade(check),
        name => {
            let field = name.strip_prefix("http_").map(|name| name.replace('_', "-"));
            if let Some(field) = field {
                return named(check, |value| Clause {
                    headers: vec![(field.clone(), value)],
                    ..Clause::default()
                });
            }
            match name.strip_prefix("arg_") {
                Some(parameter) => named(check, |value| Clause {
                    query: vec![(parameter.to_owned(), value)],
                    ..Clause::default()
                }),
                None => Condition::unread(),
            }
        }
    }
}

/// Whether no text that a pattern matches can reach into the query.
fn ends_in_path(pattern: &str) -> bool {
    let mut before = ' ';
    pattern.chars().all(|c| {
        let escaped = before == '\\';
        let fits = match c {
            '.' => escaped,
            '^' => before != '[',
            c if escaped => !c.is_ascii_alphanumeric() && c != '?',
            c => c.is_ascii_alphanumeric() || "/-_~()|[]+*\\,".contains(c),
        };
        before = c;
        fits
    })
}

/// A test of a field or a parameter: with one of these values, with any, or with none.
fn named(check: &Check, clause: impl Fn(Option<String>) -> Clause) -> Condition {
    let of = |value: Option<String>| Condition::of(clause(value));
    match check.texts() {
        Some(texts) => texts.into_iter().fold(Condition::never(), |known, text| {
            known.or(&if text.is_empty() { of(None).not() } else { of(Some(text)) })
        }),
        None => Condition::unread(),
    }
}

fn upgrade(check: &Check) -> Condition {
    // A handshake says `websocket` in letters of any case.
    match check {
        Check::Equal(text) if text.is_empty() => websocket(false),
        Check::Equal(text) if text.eq_ignore_ascii_case("websocket") => websocket(true),
        Check::Equal(_) => Condition::never(),
        // Some letters alone are no spelling of all handshakes.
        Check::Matches(_)
            if check.fits("websocket") != check.fits("WebSocket") && !minds_case(check) =>
        {
            Condition::unread()
        }
        Check::Matches(_) => match (check.fits("websocket"), check.fits("")) {
            (Some(true), Some(true)) => Condition::always(),
            (Some(true), Some(false)) => websocket(true),
            (Some(false), Some(true)) => websocket(false),
            (Some(false), Some(false)) => Condition::never(),
            _ => Condition::unread(),
        },
    }
}

fn methods(check: &Check) -> Condition {
    let of = |methods: Vec<String>| Condition::of(Clause { methods, ..Clause::default() });
    if let Some(texts) = check.texts() {
        let fits = texts.iter().all(|method| Method::parse(method).is_ok());
        return if fits { of(texts) } else { Condition::never() };
    }
    // Without anchors a name fits within a longer one; nobody has such methods.
    let Check::Matches(pattern) = check else { return Condition::unread() };
    let known = [
        "GET",
        "HEAD",
        "POST",
        "PUT",
        "DELETE",
        "OPTIONS",
        "PATCH",
        "TRACE",
        "CONNECT",
        "PROPFIND",
        "PROPPATCH",
        "MKCOL",
        "COPY",
        "MOVE",
        "LOCK",
        "UNLOCK",
        "PURGE",
    ];
    let Ok(regex) = Pattern::parse(pattern) else { return Condition::unread() };
    let all: Vec<String> =
        known.iter().filter(|method| regex.is_match(method)).map(|m| (*m).to_owned()).collect();
    let plain = pattern.chars().all(|c| c.is_ascii_alphanumeric() || "|()^$[]-_".contains(c));
    if plain && !all.is_empty() && !regex.is_match("X") && !pattern.contains("[^") {
        of(all)
    } else {
        Condition::unread()
    }
}

fn hosts(check: &Check) -> Condition {
    let of = |hosts: Vec<String>| Condition::of(Clause { hosts, ..Clause::default() });
    match check {
        Check::Equal(text) if Hostname::parse(text).is_ok() && !text.contains('*') => {
            of(vec![text.to_lowercase()])
        }
        Check::Equal(_) => Condition::unread(),
        Check::Matches(pattern) => {
            // Of letters in both cases one is enough: names have small ones.
            let Some(lower) = lowered(pattern) else { return Condition::unread() };
            match written_out(&lower) {
                Some((names, false)) if names.iter().all(|name| Hostname::parse(name).is_ok()) => {
                    of(names)
                }
                _ => Condition::unread(),
            }
        }
    }
}

/// `[aA]` as `a`; a pattern without such classes as it stands.
fn lowered(pattern: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        let pair = rest.strip_prefix('[').and_then(|inner| inner.split_once(']'));
        match pair {
            Some((pair, behind)) if pair.len() == 2 && pair.is_ascii() => {
                let (first, second) = pair.split_at(1);
                if first.to_ascii_uppercase() == second {
                    out.push_str(first);
                    rest = behind;
                    continue;
                }
                return None;
            }
            _ => {
                out.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    Some(out)
}

fn path(check: &Check) -> Condition {
    let matcher = match check {
        Check::Equal(text) => PathMatcher::exact(text),
        Check::Matches(pattern) => match pattern.as_str() {
            "^" | "^/" | "/" | ".*" | "^.*$" | "^(.*)$" | "^/(.*)$" | "^(.*)" | "^/(.*)"
            | "(.*)" | "^.*" | "^/.*$" | "^/.*" => return Condition::always(),
            pattern => PathMatcher::regex(&super::location::numbered(pattern).0),
        },
    };
    match matcher {
        Some(path) => Condition::of(Clause { paths: vec![path], ..Clause::default() }),
        None => Condition::unread(),
    }
}

/// The requests whose paths a pattern of a `rewrite` fits.
pub(super) fn fits(pattern: &str, now: &Path) -> Condition {
    let check = Check::Matches(pattern.to_owned());
    match now {
        Path::Asked => path(&check),
        Path::Known(text) => match check.fits(text) {
            Some(true) => Condition::always(),
            Some(false) => Condition::never(),
            None => Condition::unread(),
        },
        Path::Changed { .. } => Condition::unread(),
    }
}
