//! A location that sends each request to the location that a map names: `error_page 418 = @$route; return 418;`, where
//! the map looks at method, upgrade, fields, query and path, a line each.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{HeaderValue, Method, PathLiteral, Pattern, Token};

use super::location::Location;
use super::maps::Map;
use super::scope::Importer;
use super::server::Server;
use crate::import::choices::{Choice, priorities};
use crate::import::draft::{Draft, Item};
use crate::import::ledger::Id;

/// What stands for any line.
const ANY: &str = "[^\n]*";

impl Importer<'_> {
    /// The routes of a location that a map is asked in.
    pub(super) fn dispatched(
        &mut self,
        location: &Location,
        own: &[Id],
        server: &Server,
    ) -> Option<Vec<Item>> {
        let answer = self.tree.first(own, "return")?;
        let status = self.tree.argument(answer, 0).to_owned();
        let page = self.tree.named(own, "error_page").find(|id| {
            let words = &self.tree.all[*id].arguments;
            words.first() == Some(&status) && words.last().is_some_and(|w| w.starts_with("@$"))
        })?;
        let variable = self.tree.all[page].arguments.last()?.trim_start_matches('@').to_owned();
        let map = self.map(&variable)?;
        let mut choices: Vec<Choice> = Vec::new();
        for (pattern, name) in &map.lines {
            let entry = self.entry(&map, pattern)?;
            let fields = self
                .jump(name, location, server, &mut Vec::new())
                // Its requests must not fall to another route.
                .unwrap_or_else(|| Draft::of("respond", Draft::of("status", 502_u64)));
            choices.push(Choice::of(location.id, self.origin(location.id), entry, fields));
        }
        for id in [answer, page, location.id] {
            self.ledger.taken(id, "match");
        }
        self.map_taken(map.id, "match");
        Some(priorities(choices))
    }

    /// What a line of the map asks of a request.
    fn entry(&mut self, map: &Map, pattern: &str) -> Option<Draft> {
        let mut entry = Draft::map();
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
                    let methods: Vec<_> = methods.split('|').collect();
                    if methods.iter().any(|method| Method::parse(method).is_err()) {
                        return None;
                    }
                    entry.set(&["methods"], methods);
                    rest = behind;
                }
                "$args" => {
                    while let Some(behind) = rest.strip_prefix("(?=([^\n]*&)?") {
                        let (name, value, behind) = parameter(behind)?;
                        let text = value.as_deref().unwrap_or("x");
                        if Token::parse(&name).is_err() || HeaderValue::parse(text).is_err() {
                            return None;
                        }
                        entry.set(
                            &["query", &name],
                            value.map_or_else(|| Draft::Plain("null".into()), Draft::from),
                        );
                        rest = behind;
                    }
                    rest = rest.strip_prefix(ANY)?;
                }
                "$uri" => {
                    let path = path(rest)?;
                    if path != Draft::of("prefix", "/") {
                        entry.set(&["path"], path);
                    }
                    rest = "";
                }
                part if self.asking.contains(part.trim_start_matches('$')) => {
                    rest = rest.strip_prefix("websocket")?;
                    entry.set(&["upgrade"], "websocket");
                }
                part if part.starts_with("$http_") => {
                    let name = part.trim_start_matches("$http_").replace('_', "-");
                    if let Some(behind) = rest.strip_prefix("[^\n]+") {
                        entry.set(&["headers", &name], Draft::Plain("null".into()));
                        rest = behind;
                    } else {
                        let (text, behind) = text(rest, "\n");
                        let text = text.filter(|text| HeaderValue::parse(text).is_ok())?;
                        entry.set(&["headers", &name], text);
                        rest = behind;
                    }
                }
                part => {
                    // Whether a regex is found in the path.
                    let regex = self.map(part).filter(|map| map.source == "$uri")?;
                    let [(pattern, _)] = regex.lines.as_slice() else { return None };
                    let pattern = pattern.strip_prefix('~')?;
                    Pattern::parse(pattern).ok()?;
                    entry.set(&["path"], Draft::of("regex", pattern));
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
fn path(pattern: &str) -> Option<Draft> {
    if pattern.is_empty() || pattern == "(/|$)" {
        return Some(Draft::of("prefix", "/"));
    }
    let (literal, rest) = text(pattern, "($");
    let literal = literal.filter(|text| PathLiteral::parse(text).is_ok())?;
    match rest {
        "$" => Some(Draft::of("exact", literal)),
        "(/|$)" => Some(Draft::of("prefix", literal)),
        "" => Some(Draft::of("starts_with", literal)),
        _ => None,
    }
}
