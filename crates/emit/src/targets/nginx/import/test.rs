//! The condition of an `if`, and the values of a `map`, as conditions of a model.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{Hostname, Method, Pattern};

use super::scope::Importer;
use super::walk::{Path, State};
use crate::import::condition::{Clause, Condition};
use crate::import::hostnames::written_out;
use crate::import::matcher::PathMatcher;
use crate::import::pattern::any_case;
use crate::targets::nginx::syntax::{If, MapLine, Statement, Test, Value};

/// The most values of a map that are told apart.
const MOST: usize = 64;

impl Importer<'_> {
    /// The requests for which a condition holds.
    pub(super) fn holds(&mut self, condition: &If, state: &State) -> Condition {
        let holds = match &condition.test {
            Test::Set(value) => self.is_set(value, state),
            Test::Equal(value, text) => {
                let text = self.expanded(text);
                match Value::of(&text).as_ref().and_then(Value::literal) {
                    Some(text) => self.compared(value, &Check::Equal(text.to_owned()), state),
                    None => Condition::unread(),
                }
            }
            Test::Matches { value, pattern, any_case: either } => {
                let pattern = if *either { any_case(pattern) } else { pattern.clone() };
                self.compared(value, &Check::Matches(pattern), state)
            }
            // Files of the old server are not there.
            Test::File { .. } => Condition::never(),
        };
        if condition.negated { holds.not() } else { holds }
    }

    /// Neither empty nor `0`.
    fn is_set(&mut self, value: &Value, state: &State) -> Condition {
        let empty = self.compared(value, &Check::Equal(String::new()), state);
        let zero = self.compared(value, &Check::Equal("0".to_owned()), state);
        // No request that matters says `0` here.
        let zero = if zero.is_read() { zero } else { Condition::never() };
        empty.or(&zero).not()
    }

    /// A text with the variables of a place put in.
    pub(super) fn expanded(&self, value: &Value) -> String {
        self.known(&value.to_string())
    }

    fn compared(&mut self, value: &Value, check: &Check, state: &State) -> Condition {
        let text = self.expanded(value);
        let Some(value) = Value::of(&text) else { return Condition::unread() };
        if let Some(text) = value.literal() {
            return match check.fits(text) {
                Some(true) => Condition::always(),
                Some(false) => Condition::never(),
                None => Condition::unread(),
            };
        }
        let Some(name) = value.variable() else { return Condition::unread() };
        if self.asking.contains(name) {
            let handshake = websocket(true);
            return match check {
                Check::Equal(text) if text.is_empty() => handshake.not(),
                Check::Equal(text) if text == "0" => Condition::never(),
                Check::Equal(_) | Check::Matches(_) => handshake,
            };
        }
        if let Some(values) = self.values_of(name, state) {
            let mut holds = Condition::never();
            for Chosen { alone: condition, value, .. } in values {
                let fits = match Value::of(&value).as_ref().and_then(Value::literal) {
                    Some(text) => check.fits(text),
                    None => None,
                };
                match fits {
                    Some(true) => holds = holds.or(&condition),
                    Some(false) => {}
                    None => holds = holds.or(&condition.and(&Condition::unread())),
                }
            }
            return holds;
        }
        of_variable(name, check, state)
    }

    /// The values of a map's variable, in the order in which the first that fits decides; the last is for all requests.
    pub(super) fn values_of(&mut self, name: &str, state: &State) -> Option<Vec<Chosen>> {
        let id = *self.maps.get(name)?;
        let Ok(Statement::Map(map)) = &self.tree.all[id].value else { return None };
        let source = map.source.clone();
        let lines = self.map_lines(id)?;
        // A map may look at another one; a circle is none.
        if self.depth >= 8 || lines.len() > MOST {
            return None;
        }
        self.depth += 1;
        let (mut rest, mut all) = (Condition::always(), Vec::new());
        let mut default = String::new();
        // Texts are compared ahead of regexes.
        let texts = lines.iter().filter(|line| matches!(line, MapLine::Text(..)));
        let regexes = lines.iter().filter(|line| matches!(line, MapLine::Regex { .. }));
        for line in texts.chain(regexes) {
            let (holds, value) = match line {
                MapLine::Text(text, value) => {
                    let holds = self.compared(&source, &Check::Equal(text.clone()), state);
                    let exact =
                        |clause: &Clause| clause.headers.is_empty() && clause.query.is_empty();
                    let letters = text.contains(|c: char| c.is_ascii_alphabetic());
                    if letters && !holds.clauses().iter().all(exact) {
                        let how = "a map takes letters of either case; the model compares each";
                        self.differs(id, how);
                    }
                    (holds, value)
                }
                MapLine::Regex { pattern, any_case: either, value } => {
                    let pattern = if *either { any_case(pattern) } else { pattern.clone() };
                    (self.compared(&source, &Check::Matches(pattern), state), value)
                }
                MapLine::Default(_) | MapLine::Hostnames | MapLine::Volatile => continue,
            };
            let alone = holds.and(&rest);
            rest = rest.and(&holds.not());
            all.push(Chosen { condition: holds, alone, value: self.expanded(value) });
        }
        for line in &lines {
            if let MapLine::Default(value) = line {
                default = self.expanded(value);
            }
        }
        self.depth -= 1;
        all.push(Chosen { condition: Condition::always(), alone: rest, value: default });
        all.retain(|chosen| !chosen.condition.is_never() && !chosen.alone.is_never());
        Some(all)
    }

    /// The lines of a map that were all read; nothing where wildcards of hosts are among them.
    fn map_lines(&self, id: usize) -> Option<Vec<MapLine>> {
        let mut lines = Vec::new();
        for line in self.tree.block(id) {
            match &self.tree.all[*line].value {
                Ok(Statement::MapLine(MapLine::Hostnames)) | Err(_) => return None,
                Ok(Statement::MapLine(line)) => lines.push(line.clone()),
                Ok(_) => return None,
            }
        }
        Some(lines)
    }

    /// What a value is for a handshake of a WebSocket, where that is known.
    pub(super) fn for_handshake(&mut self, text: &str) -> Option<String> {
        let text = self.known(text);
        let value = Value::of(&text)?;
        if let Some(literal) = value.literal() {
            return Some(literal.to_owned());
        }
        match value.variable()? {
            "http_upgrade" => Some("websocket".to_owned()),
            "http_connection" => Some("upgrade".to_owned()),
            name if self.asking.contains(name) => Some("websocket".to_owned()),
            name => {
                let values = self.values_of(name, &State::default())?;
                let mut known: Option<String> = None;
                for Chosen { alone: condition, value, .. } in values {
                    // Of a handshake.
                    if condition.and(&websocket(true)).is_never() {
                        continue;
                    }
                    if !condition.is_read() || known.as_ref().is_some_and(|known| *known != value) {
                        return None;
                    }
                    known = Some(value);
                }
                let value = known?;
                if value.contains('$') { self.for_handshake(&value) } else { Some(value) }
            }
        }
    }
}

/// A value of a map.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    /// The requests that it is for, where none of the values ahead of it is.
    pub(super) condition: Condition,
    /// The requests that it is for.
    pub(super) alone: Condition,
    /// The value, with its variables put in.
    pub(super) value: String,
}

/// What a text is held against.
#[derive(Debug, Clone)]
enum Check {
    /// A text, by every letter.
    Equal(String),
    /// A regex, looked for in it.
    Matches(String),
}

impl Check {
    /// Whether a text fits, where that is known.
    fn fits(&self, text: &str) -> Option<bool> {
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

fn tls(on: bool) -> Condition {
    Condition::of(Clause { tls: Some(on), ..Clause::default() })
}

/// A test of one of nginx's own variables.
fn of_variable(name: &str, check: &Check, state: &State) -> Condition {
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
            _ => Condition::unread(),
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
            Check::Matches(pattern)
                if !pattern.contains(['$', '?']) && pattern.starts_with("^/") =>
            {
                path(check)
            }
            _ => Condition::unread(),
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
