//! Tests of the path, as the client sent it or as rules ahead have changed it.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::Pattern;

use super::differs::Differs;
use super::request::{distinct, truth};
use super::scope::Importer;
use super::state::{Cell, Mark, State, Value};
use crate::import::condition::{Clause, Condition};
use crate::import::matcher::{PathMatcher, is_below};
use crate::import::pattern::{any_case, of_text};
use crate::targets::haproxy::syntax::{Call, Matcher, Test};

impl Importer<'_> {
    /// A test of the path as the client sent it, or as rules have changed it.
    pub(super) fn path(
        &mut self,
        test: &Test,
        converters: &[Call],
        state: &State,
        mark: Mark,
    ) -> Condition {
        let lower = converters == [Call::new("lower", &[])];
        if !converters.is_empty() && !lower {
            return self.unread(test.sample.span, "the model compares a path as it is");
        }
        if test.matcher == Matcher::Found {
            return Condition::always();
        }
        let mut all = Vec::new();
        for pattern in &test.patterns {
            if lower && !test.ignore_case && pattern.text.chars().any(|c| c.is_ascii_uppercase()) {
                continue;
            }
            match path(test.matcher, &pattern.text, test.ignore_case || lower) {
                Some(matchers) => all.extend(matchers),
                None => return self.unread(pattern.span, "the model cannot compare a path so"),
            }
        }
        let all = distinct(all);
        self.path_is(&all, test, state, mark)
    }

    /// The requests whose path one of the matchers fits, as rules up to a mark have changed it.
    fn path_is(
        &mut self,
        matchers: &[PathMatcher],
        test: &Test,
        state: &State,
        mark: Mark,
    ) -> Condition {
        let of = |paths: Vec<PathMatcher>| {
            if paths.is_empty() {
                Condition::never()
            } else {
                Condition::of(Clause { paths: distinct(paths), ..Clause::default() })
            }
        };
        let base = of(matchers.to_vec());
        let (mut unknown, mut within) = (false, None);
        let all = state.fold(
            &Cell::Path,
            mark,
            || base,
            |change| match &change.value {
                Value::Text(text) => truth(matchers.iter().any(|matcher| fits(matcher, text))),
                Value::Moved(moved) => {
                    if let Some(span) = moved.within {
                        within = Some(span);
                    }
                    let before: Option<Vec<Vec<PathMatcher>>> = matchers
                        .iter()
                        .map(|matcher| super::path_change::before(matcher, moved))
                        .collect();
                    match before {
                        Some(before)
                            if state.is_untouched(&Cell::Path, change.mark, &change.condition) =>
                        {
                            of(before.concat())
                        }
                        _ => {
                            unknown = true;
                            Condition::unread()
                        }
                    }
                }
                Value::Absent | Value::Sample(..) | Value::Unknown => {
                    unknown = true;
                    Condition::unread()
                }
            },
        );
        if let Some(span) = within {
            self.differs(span, Differs::PathWithin);
        }
        if unknown {
            self.why(
                test.span,
                "rules ahead have changed the path, and which paths become this one cannot be told",
            );
        }
        all
    }

    /// A test of the whole target, which is the path and the query but over HTTP/2.
    pub(super) fn target(
        &mut self,
        test: &Test,
        converters: &[Call],
        state: &State,
        mark: Mark,
    ) -> Condition {
        let anchored = |text: &str| text.starts_with("^/") && !text.contains(['$', '?', '|', '\\']);
        let begins = |text: &str| text.starts_with('/') && !text.contains('?');
        let fits = test.matcher == Matcher::Beg && test.texts().all(begins)
            || test.matcher == Matcher::Reg && test.texts().all(anchored);
        if !fits || test.patterns.is_empty() {
            return self.unread(
                test.span,
                "the model compares the path and parameters of the query, each by itself",
            );
        }
        if test.sample.fetch.name == "url" {
            self.differs(test.span, Differs::WholeTarget);
        }
        self.path(test, converters, state, mark)
    }
}

/// Whether a matcher fits a path.
fn fits(matcher: &PathMatcher, path: &str) -> bool {
    match matcher {
        PathMatcher::Exact(text) => text == path,
        PathMatcher::Prefix(text) => is_below(path, text),
        PathMatcher::StartsWith(text) => path.starts_with(text.as_str()),
        PathMatcher::Regex(pattern) => {
            Pattern::parse(pattern).is_ok_and(|pattern| pattern.is_match(path))
        }
    }
}

/// A pattern of a path in the model's words: one matcher, or no matcher where no path fits it. Nothing where the model has no
/// word.
fn path(how: Matcher, value: &str, any: bool) -> Option<Vec<PathMatcher>> {
    let any = any && value.contains(|c: char| c.is_ascii_alphabetic());
    let literal = |text: &str| if any { any_case(&of_text(text)) } else { of_text(text) };
    let regex = |text: String| PathMatcher::regex(&text).map(|matcher| vec![matcher]);
    // A path begins with a slash.
    let starts = value.starts_with('/');
    match how {
        Matcher::Str | Matcher::Beg if !starts && !value.is_empty() => Some(Vec::new()),
        Matcher::Str if any => regex(format!("^{}$", literal(value))),
        Matcher::Str => PathMatcher::exact(value).map(|matcher| vec![matcher]),
        Matcher::Beg if any => regex(format!("^{}", literal(value))),
        Matcher::Beg => PathMatcher::starts_with(value).map(|matcher| vec![matcher]),
        Matcher::End => regex(format!("{}$", literal(value))),
        Matcher::Sub => regex(literal(value)),
        Matcher::Dir => regex(format!("/{}(/|$)", literal(value.trim_matches('/')))),
        Matcher::Dom => {
            let bare = value.trim_matches(['/', '.', ':']);
            regex(format!("[/.:]{}([/.:]|$)", literal(bare)))
        }
        Matcher::Reg => {
            let inner = value.trim_start_matches("(?i)");
            if any || inner.len() != value.len() {
                return regex(any_case(inner));
            }
            if let Some(prefix) = prefixed(value) {
                return PathMatcher::prefix(&prefix).map(|matcher| vec![matcher]);
            }
            regex(value.to_owned())
        }
        Matcher::Found
        | Matcher::Bool
        | Matcher::Int
        | Matcher::Ip
        | Matcher::Bin
        | Matcher::Len => None,
    }
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
    (path.len() > 1 && !path.ends_with('/')).then_some(path)
}
