//! A location that sends each request to the location that a map names: `error_page 418 = @$route; return 418;`, where
//! the map looks at method, upgrade, fields, query and path, a line each.

use std::rc::Rc;

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{HeaderValue, Method, Token};

use super::location::Location;
use super::maps::Map;
use super::scope::Importer;
use super::state::State;
use crate::import::condition::{Clause, Condition};
use crate::import::matcher::PathMatcher;

/// What stands for any line.
const ANY: &str = "[^\n]*";

impl Importer<'_> {
    /// The rules of a location that a map is asked in; whether that is how the map is written.
    pub(super) fn dispatched(
        &mut self,
        state: &State,
        variable: &str,
        location: &Rc<Location>,
    ) -> bool {
        let Some(map) = self.map(&format!("${variable}")) else { return false };
        let mut entries = Vec::new();
        for (pattern, name) in &map.lines {
            let Some(clause) = self.entry(&map, pattern) else { return false };
            entries.push((clause, name.clone()));
        }
        for (clause, name) in entries {
            let mut state = state.clone();
            state.condition = state.condition.and(&Condition::of(clause));
            if !self.jump(&state, &name, location) {
                // Its requests must not fall to another route.
                self.rule(&state, location.id, super::content::status(502), &location.path);
            }
        }
        self.map_taken(map.id, "match");
        true
    }

    /// What a line of the map asks of a request.
    fn entry(&mut self, map: &Map, pattern: &str) -> Option<Clause> {
        let mut entry = Clause::default();
        let mut rest = pattern.strip_prefix("~^")?;
        let parts: Vec<&str> = map.source.split('\n').collect();
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                rest = rest.strip_prefix('\n')?;
            }
            if let Some(behind) = rest.strip_prefix(ANY).filter(|_| *part != "$uri") {
                rest = behind;
                continue;
            }
            match *part {
                "$request_method" => {
                    let (methods, behind) = rest.strip_prefix('(')?.split_once(')')?;
                    let methods: Vec<String> = methods.split('|').map(str::to_owned).collect();
                    if methods.iter().any(|method| Method::parse(method).is_err()) {
                        return None;
                    }
                    entry.methods = methods;
                    rest = behind;
                }
                "$args" => {
                    while let Some(behind) = rest.strip_prefix("(?=([^\n]*&)?") {
                        let (name, value, behind) = parameter(behind)?;
                        let text = value.as_deref().unwrap_or("x");
                        if Token::parse(&name).is_err() || HeaderValue::parse(text).is_err() {
                            return None;
                        }
                        entry.query.push((name, value));
                        rest = behind;
                    }
                    rest = rest.strip_prefix(ANY)?;
                }
                "$uri" => {
                    let path = path(rest)?;
                    if !path.is_root() {
                        entry.paths = vec![path];
                    }
                    rest = "";
                }
                part if self.asking.contains(part.trim_start_matches('$')) => {
                    rest = rest.strip_prefix("websocket")?;
                    entry.websocket = Some(true);
                }
                part if part.starts_with("$http_") => {
                    let name = part.trim_start_matches("$http_").replace('_', "-");
                    if let Some(behind) = rest.strip_prefix("[^\n]+") {
                        entry.headers.push((name, None));
                        rest = behind;
                    } else {
                        let (text, behind) = text(rest, "\n");
                        let text = text.filter(|text| HeaderValue::parse(text).is_ok())?;
                        entry.headers.push((name, Some(text)));
                        rest = behind;
                    }
                }
                part => {
                    // Whether a regex is found in the path.
                    let regex = self.map(part).filter(|map| map.source == "$uri")?;
                    let [(pattern, _)] = regex.lines.as_slice() else { return None };
                    let pattern = pattern.strip_prefix('~')?;
                    entry.paths = vec![PathMatcher::regex(pattern)?];
                    self.map_taken(regex.id, "match.path");
                    rest = rest.strip_prefix('1')?;
                }
            }
        }
        rest.is_empty().then_some(entry)
    }
}

/// A text of a regex that fits it alone, up to where one of these letters stands by itself.
fn text<'p>(pattern: &'p str, ends: &str) -> (Option<String>, &'p str) {
    let mut out = String::new();
    let mut chars = pattern.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some((_, next)) if !next.is_ascii_alphanumeric() => out.push(next),
                _ => return (None, ""),
            },
            c if ends.contains(c) => return (Some(out), &pattern[at..]),
            c if ".+*?()[]{}|^$".contains(c) => return (None, ""),
            c => out.push(c),
        }
    }
    (Some(out), "")
}

/// `name=value(&|\n))` or `name(=|&|\n))`.
fn parameter(pattern: &str) -> Option<(String, Option<String>, &str)> {
    let (name, rest) = text(pattern, "=(");
    if let Some(behind) = rest.strip_prefix("(=|&|\n))") {
        return Some((name?, None, behind));
    }
    let (value, rest) = text(rest.strip_prefix('=')?, "(");
    Some((name?, Some(value?), rest.strip_prefix("(&|\n))")?))
}

/// The path of a pattern; every path is below `/`.
fn path(pattern: &str) -> Option<PathMatcher> {
    if pattern.is_empty() || pattern == "(/|$)" {
        return Some(PathMatcher::root());
    }
    let (literal, rest) = text(pattern, "($");
    let literal = literal?;
    match rest {
        "$" => PathMatcher::exact(&literal),
        "(/|$)" => PathMatcher::prefix(&literal),
        "" => PathMatcher::starts_with(&literal),
        _ => None,
    }
}
