//! Conditions (configuration manual, section 7): terms of which all must hold, `or` between them, names that stand for
//! several lines of which one must.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{Hostname, Method, PathLiteral, Pattern};

use super::scope::Importer;
use crate::import::draft::Draft;
use crate::import::hostnames::written_out;
use crate::import::ledger::Id;
use crate::import::pattern::{any_case, of_text};

/// What a request must be, for one of several ways in which a condition holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Way {
    /// Hosts; any where empty.
    pub(super) hosts: Vec<String>,
    /// Paths, of which one must fit; any where empty.
    pub(super) paths: Vec<Draft>,
    /// Methods; any where empty.
    pub(super) methods: Vec<String>,
    /// Fields with their values.
    pub(super) headers: Vec<(String, Option<String>)>,
    /// Whether a WebSocket is asked for.
    pub(super) upgrade: bool,
    /// Whether the client came by TLS, where that is asked.
    pub(super) tls: Option<bool>,
}

/// A condition as the ways in which it holds; none is never.
pub(super) type Ways = Vec<Way>;

/// The most ways that are told apart.
const MOST: usize = 64;

impl Importer<'_> {
    /// The words behind `if` or `unless` as ways. Nothing where they ask for what the model does not know.
    pub(super) fn ways(&mut self, section: usize, id: Id) -> Option<Ways> {
        let words = self.all[id].words.clone();
        let at = words.iter().position(|word| word == "if" || word == "unless");
        let Some(at) = at else { return Some(vec![Way::default()]) };
        let negated = words[at] == "unless";
        let (mut all, mut branch): (Ways, Option<Ways>) = (Vec::new(), None);
        let mut rest = &words[at + 1..];
        while let Some(word) = rest.first() {
            if word == "or" || word == "||" {
                all.extend(branch.take().unwrap_or_default());
                rest = &rest[1..];
                continue;
            }
            let (not, word) = match word.strip_prefix('!') {
                Some("") => {
                    rest = &rest[1..];
                    (true, rest.first()?.as_str())
                }
                Some(word) => (true, word),
                None => (false, word.as_str()),
            };
            let term = if word == "{" {
                let end = rest.iter().position(|word| word == "}")?;
                let term = test(&rest[1..end]);
                rest = &rest[end + 1..];
                term
            } else {
                let word = word.to_owned();
                rest = &rest[1..];
                self.named(section, &word)
            };
            let term = if not { negation(&term?)? } else { term? };
            branch = Some(match branch {
                None => term,
                Some(known) => both(&known, &term)?,
            });
        }
        all.extend(branch.unwrap_or_default());
        if negated {
            all = negation(&all)?;
        }
        let prefix = |path: &Draft| path.text(&["prefix"]).is_some_and(|path| path != "/");
        if all.iter().flat_map(|way| &way.paths).any(prefix) {
            self.differs(
                id,
                "whole segments are matched: what only begins alike belongs elsewhere",
            );
        }
        (all.len() <= MOST).then_some(all)
    }

    /// A named condition: predefined, or the lines of its name.
    fn named(&mut self, section: usize, name: &str) -> Option<Ways> {
        let method = name.strip_prefix("METH_");
        match (name, method) {
            ("TRUE" | "HTTP" | "HTTP_1.1" | "WAIT_END", _) => return Some(vec![Way::default()]),
            ("FALSE", _) => return Some(Vec::new()),
            (_, Some(method)) => {
                return Some(vec![Way { methods: vec![method.to_owned()], ..Way::default() }]);
            }
            _ => {}
        }
        let lines = self.own(section, &["acl", name]);
        if lines.is_empty() {
            return None;
        }
        let mut all = Vec::new();
        for id in lines {
            let words = self.all[id].words[2..].to_vec();
            let ways = test(&words)?;
            self.ledger.taken(id, "match");
            all.extend(ways);
        }
        Some(all)
    }
}

/// One test: what is looked at, flags, and the values of which one must fit.
fn test(words: &[String]) -> Option<Ways> {
    let (first, rest) = words.split_first()?;
    let (mut any, mut how) = (false, String::new());
    let mut rest = rest.iter();
    let mut values: Vec<String> = Vec::new();
    while let Some(word) = rest.next() {
        match word.as_str() {
            "-i" => any = true,
            "-m" => how.clone_from(rest.next()?),
            "--" => values.extend(rest.by_ref().cloned()),
            "-f" | "-M" | "-n" | "-u" => return None,
            _ => values.push(word.clone()),
        }
    }
    let (fetch, argument) = match first.split_once('(') {
        Some((fetch, rest)) => (fetch, rest.strip_suffix(')')?.to_owned()),
        None => (first.as_str(), String::new()),
    };
    let fetch = fetch.strip_prefix("req.").unwrap_or(fetch);
    let (what, suffix) = match fetch {
        "path" | "hdr" | "fhdr" | "method" | "ssl_fc" | "req_ssl_sni" | "ssl_fc_sni" => (fetch, ""),
        "hdr_cnt" => ("hdr", "found"),
        _ => fetch.rsplit_once('_')?,
    };
    let how = if how.is_empty() { suffix } else { how.as_str() };
    match what {
        "ssl_fc" if fetch == "ssl_fc" => Some(vec![Way { tls: Some(true), ..Way::default() }]),
        "method" => {
            let fits = values.iter().all(|value| Method::parse(value).is_ok());
            (fits && !values.is_empty()).then(|| vec![Way { methods: values, ..Way::default() }])
        }
        "path" => {
            let paths: Option<Vec<Draft>> =
                values.iter().map(|value| path(how, value, any)).collect();
            let paths = paths.filter(|paths| !paths.is_empty())?;
            Some(vec![Way { paths, ..Way::default() }])
        }
        "hdr" | "fhdr" | "ssl_fc_sni" | "req_ssl_sni" => {
            let field = if what.ends_with("sni") {
                "host".to_owned()
            } else {
                argument.split(',').next()?.to_lowercase()
            };
            header(&field, how, &values)
        }
        _ => None,
    }
}

/// A path in the model's words.
fn path(how: &str, value: &str, any: bool) -> Option<Draft> {
    let regex = |text: String| Pattern::parse(&text).is_ok().then(|| Draft::of("regex", text));
    let literal = |text: &str| if any { any_case(&of_text(text)) } else { of_text(text) };
    match how {
        "" | "str" if any => regex(format!("^{}$", literal(value))),
        "" | "str" => PathLiteral::parse(value).is_ok().then(|| Draft::of("exact", value)),
        "beg" | "dir" if value.starts_with('/') && !any => {
            let bare = value.trim_end_matches('/');
            let bare = if bare.is_empty() { "/" } else { bare };
            PathLiteral::parse(bare).is_ok().then(|| Draft::of("prefix", bare))
        }
        "beg" => regex(format!("^{}", literal(value))),
        "end" => regex(format!("{}$", literal(value))),
        "sub" => regex(literal(value)),
        "dir" => regex(format!("/{}(/|$)", literal(value.trim_matches('/')))),
        "reg" => {
            regex(if any { any_case(value.trim_start_matches("(?i)")) } else { value.to_owned() })
        }
        _ => None,
    }
}

/// A field of requests: the host, the handshake's, or another.
fn header(field: &str, how: &str, values: &[String]) -> Option<Ways> {
    if field == "upgrade" || field == "connection" {
        let says = values.iter().any(|value| {
            value.to_lowercase().contains(if field == "upgrade" { "websocket" } else { "upgrade" })
        });
        return says.then(|| vec![Way { upgrade: true, ..Way::default() }]);
    }
    if field != "host" {
        return match how {
            "found" => {
                Some(vec![Way { headers: vec![(field.to_owned(), None)], ..Way::default() }])
            }
            "" | "str" => Some(
                values
                    .iter()
                    .map(|value| Way {
                        headers: vec![(field.to_owned(), Some(value.clone()))],
                        ..Way::default()
                    })
                    .collect(),
            ),
            _ => None,
        };
    }
    let mut hosts = Vec::new();
    for value in values {
        let bare = value.to_lowercase();
        let bare = bare
            .rsplit_once(':')
            .filter(|(_, port)| port.parse::<u16>().is_ok())
            .map_or(bare.clone(), |(host, _)| host.to_owned());
        match how {
            "" | "str" => hosts.push(bare),
            "end" | "dom" if bare.starts_with('.') => hosts.push(format!("*{bare}")),
            "dom" => hosts.extend([bare.clone(), format!("*.{bare}")]),
            "reg" => hosts.extend(written_out(&bare.replace("(?i)", ""))?.0),
            _ => return None,
        }
    }
    let fits = hosts.iter().all(|host| Hostname::parse(host).is_ok());
    (fits && !hosts.is_empty()).then(|| vec![Way { hosts, ..Way::default() }])
}

/// Both of two conditions.
fn both(one: &Ways, other: &Ways) -> Option<Ways> {
    let mut all = Vec::new();
    for a in one {
        for b in other {
            let mut way = a.clone();
            // Two lists of which each must fit are told only where one is open.
            for (own, more) in [(&mut way.hosts, &b.hosts), (&mut way.methods, &b.methods)] {
                if own.is_empty() {
                    own.clone_from(more);
                } else if !more.is_empty() {
                    own.retain(|value| more.contains(value));
                    if own.is_empty() {
                        return None;
                    }
                }
            }
            match (way.paths.is_empty(), b.paths.is_empty()) {
                (true, _) => way.paths.clone_from(&b.paths),
                (_, true) => {}
                _ if way.paths == b.paths => {}
                _ => return None,
            }
            way.headers.extend(b.headers.iter().cloned());
            way.upgrade |= b.upgrade;
            match (way.tls, b.tls) {
                (Some(a), Some(b)) if a != b => continue,
                (None, tls) => way.tls = tls,
                _ => {}
            }
            all.push(way);
        }
    }
    (all.len() <= MOST).then_some(all)
}

/// What a condition does not hold for, where the model can say that.
fn negation(ways: &Ways) -> Option<Ways> {
    match ways.as_slice() {
        [] => Some(vec![Way::default()]),
        [way] if *way == Way::default() => Some(Vec::new()),
        [way] if (Way { tls: None, ..way.clone() }) == Way::default() => {
            Some(vec![Way { tls: way.tls.map(|tls| !tls), ..Way::default() }])
        }
        _ => None,
    }
}
