//! Conditions (configuration manual, section 7): terms of which all must hold, `or` between them, names that stand for
//! several lines of which one must.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{Method, PathLiteral, Pattern};

use super::scope::Importer;
use crate::import::draft::Draft;
use crate::import::ledger::Id;
use crate::import::pattern::{any_case, of_text};
use crate::import::way::{MOST, Way, Ways, both, header, negation};

impl Importer<'_> {
    /// The words behind `if` or `unless` as ways. Nothing where they ask for what the model does not know.
    pub(super) fn ways(&mut self, section: usize, id: Id) -> Option<Ways> {
        let words = self.all[id].words.clone();
        let at = words.iter().position(|word| word == "if" || word == "unless");
        let Some(at) = at else { return Some(vec![Way::default()]) };
        let negated = words[at] == "unless";
        // No request is of neither version.
        let all = ["!HTTP_1.0", "!HTTP_1.1"];
        if !negated && all.iter().all(|word| words[at..].iter().any(|own| own == word)) {
            return Some(Vec::new());
        }
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
                let term = rest[1..end].to_vec();
                rest = &rest[end + 1..];
                self.term(section, &term)
            } else {
                let word = word.to_owned();
                rest = &rest[1..];
                self.term(section, &[word])
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
        if all.iter().any(|way| !way.hosts.is_empty()) && self.asks_ports(section, &words[at..]) {
            self.differs(id, "hosts are matched without their ports");
        }
        let prefix = |path: &Draft| path.text(&["prefix"]).is_some_and(|path| path != "/");
        if all.iter().flat_map(|way| &way.paths).any(prefix) {
            self.differs(
                id,
                "whole segments are matched: what only begins alike belongs elsewhere",
            );
        }
        (all.len() <= MOST && all.iter().all(Way::is_said)).then_some(all)
    }

    /// Whether a condition, or a line that it names, has a host with a port.
    fn asks_ports(&self, section: usize, words: &[String]) -> bool {
        let port = |word: &String| {
            let pair = word.rsplit_once(':');
            pair.is_some_and(|(host, port)| host.contains('.') && port.parse::<u16>().is_ok())
        };
        let asked = |id: &Id| words.iter().any(|w| w.trim_start_matches('!') == self.word(*id, 1));
        let lines = self.own(section, &["acl"]).into_iter().filter(asked);
        words.iter().any(port) || lines.flat_map(|id| &self.all[id].words).any(port)
    }

    /// One term: a name, or a test of something.
    pub(super) fn term(&mut self, section: usize, words: &[String]) -> Option<Ways> {
        let variable =
            words[..].first().and_then(|word| word.strip_prefix("var(")?.strip_suffix(')'));
        match (variable, words) {
            (Some(name), [_, flag, how, values @ ..]) if flag == "-m" => {
                let values: Vec<_> = values.iter().filter(|word| *word != "--").cloned().collect();
                self.variable(section, name, how, &values)
            }
            (_, [name]) if !name.contains('(') && !FETCHES.contains(&name.as_str()) => {
                self.named(section, name)
            }
            _ => test(words),
        }
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

/// Tests that are one word; every other word is a name.
const FETCHES: [&str; 1] = ["ssl_fc"];

/// One test: what is looked at, flags, and the values of which one must fit.
pub(super) fn test(words: &[String]) -> Option<Ways> {
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
    match (fetch, values.as_slice()) {
        // No request of the model is of HTTP/1.0.
        ("ver", [version]) => {
            return Some(if version == "1.0" { Vec::new() } else { vec![Way::default()] });
        }
        ("query", [pattern]) if how == "reg" => return parameter(pattern),
        ("url_param" | "urlp", []) if how == "found" => {
            return Some(vec![Way { query: vec![(argument, None)], ..Way::default() }]);
        }
        ("url_param" | "urlp", values) if how.is_empty() || how == "str" => {
            let way = |value: &String| Way {
                query: vec![(argument.clone(), Some(value.clone()))],
                ..Way::default()
            };
            return Some(values.iter().map(way).collect());
        }
        // A handshake has one of each.
        ("fhdr_cnt", [how, one]) if how == "eq" && one == "1" => return Some(vec![Way::default()]),
        _ => {}
    }
    let (what, suffix) = match fetch {
        "path" | "hdr" | "fhdr" | "method" | "ssl_fc" | "req_ssl_sni" | "ssl_fc_sni" => (fetch, ""),
        "hdr_cnt" | "fhdr_cnt" => ("hdr", "found"),
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
        "beg" if !any && value.len() > 1 && PathLiteral::parse(value).is_ok() => {
            Some(Draft::of("starts_with", value))
        }
        "beg" | "dir" if value.starts_with('/') && !any => {
            let bare = value.trim_end_matches('/');
            let bare = if bare.is_empty() { "/" } else { bare };
            PathLiteral::parse(bare).is_ok().then(|| Draft::of("prefix", bare))
        }
        "beg" => regex(format!("^{}", literal(value))),
        "end" => regex(format!("{}$", literal(value))),
        "sub" => regex(literal(value)),
        "dir" => regex(format!("/{}(/|$)", literal(value.trim_matches('/')))),
        "reg" if !any && prefixed(value).is_some() => {
            prefixed(value).map(|prefix| Draft::of("prefix", prefix))
        }
        "reg" => {
            regex(if any { any_case(value.trim_start_matches("(?i)")) } else { value.to_owned() })
        }
        _ => None,
    }
}

/// `(^|&)name=value(&|$)` or `(^|&)name(=|&|$)`: a parameter of the query.
fn parameter(pattern: &str) -> Option<Ways> {
    let rest = pattern.strip_prefix("(^|&)")?;
    let plain = |text: &str| {
        let bare = text.replace("\\.", ".").replace("\\-", "-").replace('\\', "");
        (of_text(&bare).replace('\\', "") == text.replace('\\', "")).then_some(bare)
    };
    let (name, value) = match rest.strip_suffix("(=|&|$)") {
        Some(name) => (plain(name)?, None),
        None => {
            let (name, value) = rest.strip_suffix("(&|$)")?.split_once('=')?;
            (plain(name)?, Some(plain(value)?))
        }
    };
    Some(vec![Way { query: vec![(name, value)], ..Way::default() }])
}

/// The path of a regex that fits it and what lies below it.
fn prefixed(pattern: &str) -> Option<String> {
    let rest = pattern.strip_prefix('^')?.strip_suffix("(/|$)")?;
    let mut path = String::new();
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => path.extend(chars.next().filter(|c| !c.is_ascii_alphanumeric())),
            c if ".+*?()[]{}|^$".contains(c) => return None,
            c => path.push(c),
        }
    }
    (path.len() > 1 && PathLiteral::parse(&path).is_ok()).then_some(path)
}
