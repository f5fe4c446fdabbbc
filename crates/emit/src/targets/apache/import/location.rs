//! Rules of `mod_rewrite` in a `<Location>`: they run behind `ProxyPass`, and their patterns are looked for in what the
//! server has made of the request: `proxy:` and the URL that it goes to, or the name of a file (`mod_rewrite.c`,
//! `hook_fixup`).

use super::regex;
use super::substitution::{Groups, change};
use crate::import::condition::{Clause, Condition};
use crate::import::draft::Draft;
use crate::import::pattern::{of_text, rewrites};

/// The text that the patterns of such rules are looked for in: a constant beginning, and the rest of the path behind the
/// section's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    /// `proxy:http://host/base`; nothing where it is not known.
    pub(super) start: Option<String>,
    /// The part of the path that is left out behind it.
    pub(super) prefix: String,
}

/// Why a group cannot be told.
const WHY: &str = "a pattern in a section of a path is looked for in the URL or file that the request goes to, and its groups hold parts of that: write `%{REQUEST_URI}` in the substitution";

/// Patterns that fit whatever is there.
const EVERYTHING: [&str; 16] = [
    "", "^", ".", ".*", "^.*", "^.*$", ".*$", "(.*)", "^(.*)", "^(.*)$", "(.*)$", ".+", "^.+$",
    "(.+)", "^(.+)$", "^.",
];

impl Subject {
    /// The literal text that a pattern begins with, where the rest of it is `(.*)`; and where the rest of the path begins
    /// in what it fits.
    fn group(&self, pattern: &str) -> Option<(Option<String>, bool)> {
        let start = self.start.as_ref()?;
        let body = pattern.strip_suffix('$').unwrap_or(pattern);
        let literal = regex::plain_text(body.strip_suffix("(.*)")?)?;
        let slash = format!("{start}/");
        let end = |text: &str| text.find(&literal).map(|at| at + literal.len());
        if let Some(end) = end(start) {
            return Some((Some(start[end..].to_owned()), false));
        }
        let open = !start.ends_with('/') && end(&slash).is_some();
        open.then_some((None, true))
    }

    /// The requests that a pattern is found in.
    pub(super) fn found(&self, pattern: &str, _no_case: bool) -> Condition {
        if EVERYTHING.contains(&pattern) {
            return Condition::always();
        }
        match self.group(pattern) {
            Some((Some(_), _)) => Condition::always(),
            Some((None, _)) => {
                let path = regex::beginning(&format!("{}/", self.prefix.trim_end_matches('/')));
                match path {
                    Some(path) => Condition::of(Clause { paths: vec![path], ..Clause::default() }),
                    None => Condition::unread(),
                }
            }
            None => Condition::unread(),
        }
    }

    /// The change of the path.
    pub(super) fn change(
        &self,
        rest: &str,
        groups: Groups<'_>,
    ) -> Result<Option<Draft>, &'static str> {
        let of_rule =
            rest.as_bytes().windows(2).any(|pair| pair[0] == b'$' && pair[1].is_ascii_digit());
        if !of_rule {
            // The whole path is replaced, whatever the pattern fits.
            return change(rest, Groups { rule: "^.*$", no_case: false, ..groups });
        }
        let (kept, open) = self.group(groups.rule).ok_or(WHY)?;
        let prefix = self.prefix.trim_end_matches('/');
        let (pattern, put) = match (kept, open) {
            (_, true) => (format!("^{}/(.*)$", of_text(prefix)), "$1".to_owned()),
            (Some(kept), false) => {
                (format!("^{}(.*)$", of_text(&self.prefix)), format!("{kept}$1"))
            }
            (None, false) => return Err(WHY),
        };
        if rest.contains('?') || rest.contains("%{") || rest.contains("$0") || rest.contains("$2") {
            return Err(WHY);
        }
        let to = rest.replace("$1", &put);
        if !rewrites(&pattern, &to) {
            return Err(WHY);
        }
        if regex::put_back(&pattern).is_some_and(|same| same == to) {
            return Ok(None);
        }
        let mut regex = Draft::of("pattern", pattern);
        regex.set(&["to"], to);
        Ok(Some(Draft::of("regex", regex)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_hold_parts_of_the_url() {
        let subject = Subject {
            start: Some("proxy:http://127.0.0.1:1/api".to_owned()),
            prefix: "/api".to_owned(),
        };
        let told = |pattern: &str, rest: &str| {
            let groups = Groups { rule: pattern, no_case: false, condition: None };
            subject.change(rest, groups).map(|change| {
                change.map(|draft| {
                    format!(
                        "{} {}",
                        draft.text(&["regex", "pattern"]).unwrap_or_default(),
                        draft.text(&["regex", "to"]).unwrap_or_default()
                    )
                })
            })
        };
        assert_eq!(told(".*", "%{REQUEST_URI}"), Ok(None));
        assert_eq!(told("/api/(.*)", "/api/$1"), Ok(None));
        assert_eq!(told("/(.*)", "/$1"), Ok(Some("^/api(.*)$ //127.0.0.1:1/api$1".to_owned())));
        assert_eq!(told(".*", "/ws"), Ok(Some("^.*$ /ws".to_owned())));
        assert!(told("/(a|b)", "/$1").is_err());
        assert!(subject.found("x", false).is_never() || !subject.found("x", false).is_read());
    }
}
