//! Which route a request belongs to: rules of `mod_rewrite` in the order of the model.

use wsgen_model::config::ValueMatch;
use wsgen_model::scalar::{Method, PathLiteral};
use wsgen_model::site::{Entry, PathRule};

use super::Rule;
use crate::targets::apache::quote::{bytes_in_pattern, in_pattern, line, pattern};

/// Whether a request is a WebSocket request; decided once, ahead of everything else.
pub(super) const WEBSOCKET: &str = "RewriteCond %{ENV:wsgen_websocket} =1";
/// No route was chosen so far.
const UNDECIDED: &str = "RewriteCond %{ENV:wsgen_route} ^$";

/// The rule that chooses a route for the requests of one entry.
pub(super) fn choice(name: &str, entry: &Entry, first: bool) -> Rule {
    let mut conditions = Vec::new();
    if !first {
        conditions.push(line(UNDECIDED));
    }
    if entry.upgrade {
        conditions.push(line(WEBSOCKET));
    }
    if !entry.methods.is_empty() {
        let methods: Vec<_> = entry.methods.iter().map(Method::as_str).collect();
        conditions.push(line(format!("RewriteCond %{{REQUEST_METHOD}} ^({})$", methods.join("|"))));
    }
    for (name, wanted) in &entry.headers {
        let test = match wanted {
            ValueMatch::Present => ".".to_owned(),
            ValueMatch::Equals(text) => format!("^{}$", in_pattern(text.as_str())),
        };
        conditions.push(line(format!("RewriteCond %{{HTTP:{name}}} {test}")));
    }
    for (name, wanted) in &entry.query {
        let name = in_pattern(name.as_str());
        let test = match wanted {
            ValueMatch::Present => format!("(^|&){name}(=|&|$)"),
            ValueMatch::Equals(text) => format!("(^|&){name}={}(&|$)", in_pattern(text.as_str())),
        };
        conditions.push(line(format!("RewriteCond %{{QUERY_STRING}} {test}")));
    }
    Rule {
        conditions,
        rule: line(format!("RewriteRule {} - [E=wsgen_route:{name}]", path(&entry.path))),
    }
}

/// What answers the requests that no route wants.
pub(super) fn nowhere(none_before: bool) -> Rule {
    let conditions = if none_before { Vec::new() } else { vec![line(UNDECIDED)] };
    Rule { conditions, rule: line("RewriteRule ^ - [R=404,L]") }
}

/// A pattern over the decoded path, which is what rules are matched against.
fn path(path: &PathRule) -> String {
    match path {
        PathRule::Exact(path) => format!("^{}$", decoded(path.as_str())),
        PathRule::Prefix(path) if path.prefix().is_empty() => "^/".to_owned(),
        PathRule::Prefix(path) => format!("^{}(/|$)", decoded(path.prefix())),
        PathRule::StartsWith(path) => format!("^{}", decoded(path.as_str())),
        PathRule::Regex(regex) => {
            let pattern = pattern(regex.as_str());
            // A leading `!` would negate.
            if pattern.starts_with('!') { format!("(?:{pattern})") } else { pattern }
        }
    }
}

/// The pattern of a path: escapes are decoded, but for the slash (`AllowEncodedSlashes NoDecode`).
fn decoded(path: &str) -> String {
    let mut written = String::new();
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        written.push_str(&in_pattern(&rest[..at]));
        let digits = rest.get(at + 1..at + 3).unwrap_or("");
        match u8::from_str_radix(digits, 16) {
            Ok(b'/') => written.push_str("%2[Ff]"),
            Ok(byte) => written.push_str(&bytes_in_pattern(&[byte])),
            Err(_) => {}
        }
        rest = rest.get(at + 3..).unwrap_or("");
    }
    written.push_str(&in_pattern(rest));
    written
}

/// A raw path in normal form (no doubled slash, no dot segment, encoded or not) below a prefix, its rest captured.
pub(super) fn below(from: &PathLiteral, capture: &str) -> String {
    format!("RewriteCond %{{ENV:wsgen_path}} {NORMAL}{}{capture}$", in_pattern(from.prefix()))
}

/// The beginning of patterns over raw paths. What would be left of a path in another spelling behind its prefix
/// could climb out of where it belongs.
pub(super) const NORMAL: &str = "^(?!.*(?://|/(?:\\.|%2[eE]){1,2}(?:/|$)))";
