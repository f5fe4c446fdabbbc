//! `RewriteCond` lines: what they ask of a request, in the model's words.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::Method;

use super::policies::in_normal_form;
use super::scope::Importer;
use crate::import::draft::Draft;
use crate::import::ledger::Id;
use crate::import::pattern::{any_case, path};
use crate::import::way::{Way, Ways, both, header, negation};

/// What a list of conditions comes to.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    /// The ways in which they hold.
    pub(super) ways: Ways,
    /// Variables of rules ahead that must have these values; `!` stands before one that they must not have.
    pub(super) variables: Vec<(String, String)>,
    /// The pattern of the last one on the path: what `%1` stands for.
    pub(super) pattern: Option<String>,
    /// Whether one looks at the first line of the request, to find the path as it came.
    pub(super) first_line: bool,
}

impl Asked {
    pub(super) fn of(ways: Ways) -> Self {
        Self { ways, ..Self::default() }
    }

    fn and(self, more: Self) -> Option<Self> {
        Some(Self {
            ways: both(&self.ways, &more.ways)?,
            variables: [self.variables, more.variables].concat(),
            pattern: more.pattern.or(self.pattern),
            first_line: self.first_line || more.first_line,
        })
    }

    fn is_plain(&self) -> bool {
        self.variables.is_empty()
    }
}

impl Importer<'_> {
    /// All conditions of a rule: each must hold, those with `[OR]` or the next.
    pub(super) fn asked(&mut self, conditions: &[Id]) -> Option<Asked> {
        let mut all = Asked::of(vec![Way::default()]);
        let mut group: Vec<Asked> = Vec::new();
        for id in conditions {
            group.push(self.condition(*id)?);
            let flags = flags(self.word(*id, 2));
            if flags.iter().any(|flag| flag == "OR" || flag == "ORNEXT") {
                continue;
            }
            let own = if group.len() == 1 {
                group.pop()?
            } else {
                if !group.iter().all(Asked::is_plain) {
                    return None;
                }
                let open = group.iter().any(|asked| asked.ways == [Way::default()]);
                let ways = group.drain(..).flat_map(|asked| asked.ways).collect();
                Asked::of(if open { vec![Way::default()] } else { ways })
            };
            group.clear();
            all = all.and(own)?;
        }
        all.ways.iter().all(Way::is_said).then_some(all)
    }

    fn condition(&mut self, id: Id) -> Option<Asked> {
        let (test, pattern) = (self.word(id, 0).to_owned(), self.word(id, 1).to_owned());
        let any = flags(self.word(id, 2)).iter().any(|flag| flag == "NC" || flag == "NOCASE");
        let (not, pattern) = match pattern.strip_prefix('!') {
            Some(rest) => (true, rest.to_owned()),
            None => (false, pattern),
        };
        let always = || Some(Asked::of(vec![Way::default()]));
        if pattern.starts_with('-') && pattern.len() == 2 {
            if !not {
                return None;
            }
            self.beside(id, "files that are there were served first");
            return always();
        }
        let variable = test.strip_prefix("%{")?.strip_suffix('}')?;
        let (kind, name) = variable.split_once(':').unwrap_or((variable, ""));
        let plain = pattern.trim_start_matches(['=', '^']).trim_end_matches('$').to_owned();
        match (kind.to_ascii_uppercase().as_str(), name.to_lowercase().as_str()) {
            ("HTTP", "upgrade" | "connection") => {
                let word =
                    if name.eq_ignore_ascii_case("upgrade") { "websocket" } else { "upgrade" };
                if !pattern.to_lowercase().contains(word) {
                    return None;
                }
                Some(Asked::of(vec![Way { upgrade: Some(!not), ..Way::default() }]))
            }
            ("REQUEST_URI" | "PATH", _) => Self::path(&pattern, any, not),
            ("HTTPS", _) => {
                let on = plain.eq_ignore_ascii_case("on") != not;
                Some(Asked::of(vec![Way { tls: Some(on), ..Way::default() }]))
            }
            ("REQUEST_SCHEME", _) => {
                let on = plain.eq_ignore_ascii_case("https") != not;
                Some(Asked::of(vec![Way { tls: Some(on), ..Way::default() }]))
            }
            ("SERVER_PORT", _) if plain == "443" || plain == "80" => {
                let on = (plain == "443") != not;
                Some(Asked::of(vec![Way { tls: Some(on), ..Way::default() }]))
            }
            ("SERVER_PROTOCOL", _) => always(),
            ("THE_REQUEST", _) => {
                let first_line = Asked { first_line: true, ..Asked::of(vec![Way::default()]) };
                pattern.contains("(/[^? ]*)").then_some(first_line)
            }
            ("HTTP_HOST" | "SERVER_NAME", _) | ("HTTP", "host") => {
                let how = if pattern.starts_with('=') { "str" } else { "reg" };
                // Whoever names a host means the whole of it.
                let value = match how {
                    "str" => plain,
                    _ => format!("^{}$", pattern.trim_start_matches('^').trim_end_matches('$')),
                };
                let ways = header("host", how, &[value])?;
                Some(Asked::of(if not { negation(&ways)? } else { ways }))
            }
            ("REQUEST_METHOD", _) => {
                let bare = plain.trim_start_matches('(').trim_end_matches(')');
                let methods: Vec<String> = bare.split('|').map(str::to_owned).collect();
                let fits = methods.iter().all(|method| Method::parse(method).is_ok());
                (fits && !not).then(|| Asked::of(vec![Way { methods, ..Way::default() }]))
            }
            ("QUERY_STRING", _) if !not => {
                let inner = pattern.strip_prefix("(^|&)")?.strip_suffix("(&|$)");
                let (name, value) = match inner {
                    Some(inner) => match inner.split_once('=') {
                        Some((name, value)) => (name, Some(value.replace('\\', ""))),
                        None => (inner, None),
                    },
                    None => (pattern.strip_prefix("(^|&)")?.strip_suffix("(=|&|$)")?, None),
                };
                let query = vec![(name.replace('\\', ""), value)];
                Some(Asked::of(vec![Way { query, ..Way::default() }]))
            }
            ("ENV" | "REQENV", _) => {
                let name = variable.split_once(':').map_or("", |(_, name)| name);
                if pattern == "^$" && !not {
                    // The first rule that sets it wins: so does the first route.
                    return always();
                }
                let value = pattern.strip_prefix('=').unwrap_or(&plain).to_owned();
                let value = if not { format!("!{value}") } else { value };
                let variables = vec![(name.to_owned(), value)];
                Some(Asked { variables, ..Asked::of(vec![Way::default()]) })
            }
            ("HTTP", field) => one_field(field, &pattern, not),
            ("HTTP_USER_AGENT", _) => one_field("user-agent", &pattern, not),
            ("HTTP_COOKIE", _) => one_field("cookie", &pattern, not),
            ("HTTP_REFERER", _) => one_field("referer", &pattern, not),
            _ => None,
        }
    }

    fn path(pattern: &str, any: bool, not: bool) -> Option<Asked> {
        let (bare, normal) = in_normal_form(pattern);
        if normal && !not {
            // Every path of the model is in normal form; what is left says how it is changed.
            let pattern = (bare != "^").then_some(bare);
            return Some(Asked { pattern, ..Asked::of(vec![Way::default()]) });
        }
        let (wanted, exact) = match pattern.strip_prefix('=') {
            Some(text) => (Draft::of("exact", text), true),
            None => (path(&if any { any_case(pattern) } else { pattern.to_owned() })?, false),
        };
        if not {
            let ways = vec![Way { paths: vec![wanted], ..Way::default() }];
            return Some(Asked::of(negation(&ways)?));
        }
        let everything = wanted == Draft::of("prefix", "/");
        let paths = if everything { Vec::new() } else { vec![wanted] };
        let pattern = (!exact).then(|| pattern.to_owned());
        Some(Asked { pattern, ..Asked::of(vec![Way { paths, ..Way::default() }]) })
    }
}

/// A field with a value, or one that is there.
fn one_field(field: &str, pattern: &str, not: bool) -> Option<Asked> {
    let value = pattern.strip_prefix('=').map(str::to_owned).or_else(|| {
        let inner = pattern.strip_prefix('^')?.strip_suffix('$')?;
        let inner = inner.replace("\\x20", " ").replace("\\x09", "\t");
        let bare = inner.replace('\\', "");
        (!bare.contains(|c: char| "()[]{}|*+?.".contains(c))
            || bare.replace('.', "") == inner.replace("\\.", ""))
        .then_some(bare)
    });
    let way =
        |value: Option<String>| Way { headers: vec![(field.to_owned(), value)], ..Way::default() };
    match (pattern, value) {
        ("." | ".+" | "^.+$" | ".*", _) if !not => Some(Asked::of(vec![way(None)])),
        ("^$", _) if not => Some(Asked::of(vec![way(None)])),
        (_, Some(value)) if !not && !value.is_empty() => Some(Asked::of(vec![way(Some(value))])),
        _ => None,
    }
}

/// `[R=301,L]` as its parts.
pub(super) fn flags(word: &str) -> Vec<String> {
    let inner = word.trim_start_matches('[').trim_end_matches(']');
    let all = inner.split(',').map(str::trim).filter(|flag| !flag.is_empty());
    // The names of flags are read in either case, their values as they stand.
    all.map(|flag| match flag.split_once('=') {
        Some((name, value)) => format!("{}={value}", name.to_uppercase()),
        None => flag.to_uppercase(),
    })
    .collect()
}
