//! Path matchers of the model, and what two of them have in common.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{PathLiteral, Pattern};

use super::draft::Draft;

/// One path matcher, as the model has it (`route/paths`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum PathMatcher {
    /// The whole path.
    Exact(String),
    /// A path and what lies below it, by segments. The root is every path.
    Prefix(String),
    /// The beginning of the path's text.
    StartsWith(String),
    /// A regex that is looked for in the path.
    Regex(String),
}

/// What two matchers, or two entries of a `match`, have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Common<T = PathMatcher> {
    /// No request.
    Nothing,
    /// The requests of this one.
    Both(T),
    /// Some requests that the model has no single word for.
    Unsaid,
}

use PathMatcher::{Exact, Prefix, Regex, StartsWith};

impl PathMatcher {
    /// Returns the matcher of every path.
    pub(crate) fn root() -> Self {
        Prefix("/".to_owned())
    }

    /// Returns the matcher of one path, if a model can hold it.
    pub(crate) fn exact(path: &str) -> Option<Self> {
        PathLiteral::parse(path).is_ok().then(|| Exact(path.to_owned()))
    }

    /// Returns the matcher of a path and what lies below it, if a model can hold it. A last slash says no more.
    pub(crate) fn prefix(path: &str) -> Option<Self> {
        let bare = path.trim_end_matches('/');
        let bare = if bare.is_empty() { "/" } else { bare };
        PathLiteral::parse(bare).is_ok().then(|| Prefix(bare.to_owned()))
    }

    /// Returns the matcher of a beginning of paths, if a model can hold it. `/` is every path.
    pub(crate) fn starts_with(text: &str) -> Option<Self> {
        if text == "/" {
            return Some(Self::root());
        }
        PathLiteral::parse(text).is_ok().then(|| StartsWith(text.to_owned()))
    }

    /// Returns the matcher of a regex, if PCRE and RE2 read it alike (`value/regex`).
    pub(crate) fn regex(pattern: &str) -> Option<Self> {
        Pattern::parse(pattern).is_ok().then(|| Regex(pattern.to_owned()))
    }

    /// The matcher as the value of `match.path`.
    pub(crate) fn draft(&self) -> Draft {
        match self {
            Exact(text) => Draft::of("exact", text.as_str()),
            Prefix(text) => Draft::of("prefix", text.as_str()),
            StartsWith(text) => Draft::of("starts_with", text.as_str()),
            Regex(text) => Draft::of("regex", text.as_str()),
        }
    }

    /// Whether it fits every path.
    pub(crate) fn is_root(&self) -> bool {
        matches!(self, Prefix(text) if text == "/")
    }

    /// Whether every path that `other` fits is one of this matcher too; `false` also where that is not known.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.is_root()
            || self == other
            || matches!(self.common(other), Common::Both(common) if common == *other)
    }

    /// Returns the paths that both fit.
    pub(crate) fn common(&self, other: &Self) -> Common {
        let either = |holds: bool, common: &Self| {
            if holds { Common::Both(common.clone()) } else { Common::Nothing }
        };
        if self == other || other.is_root() {
            return Common::Both(self.clone());
        }
        match (self, other) {
            (matcher, _) if matcher.is_root() => Common::Both(other.clone()),
            (Exact(path), Exact(_)) => either(false, &Exact(path.clone())),
            (Exact(path), Prefix(prefix)) => either(is_below(path, prefix), self),
            (Exact(path), StartsWith(start)) => either(path.starts_with(start.as_str()), self),
            (Prefix(one), Prefix(two)) if is_below(two, one) => Common::Both(other.clone()),
            (Prefix(one), Prefix(two)) => either(is_below(one, two), self),
            (StartsWith(one), StartsWith(two)) if two.starts_with(one.as_str()) => {
                Common::Both(other.clone())
            }
            (StartsWith(one), StartsWith(two)) => either(one.starts_with(two.as_str()), self),
            // A beginning that reaches into the segments below the prefix, or that the prefix itself begins with.
            (Prefix(prefix), StartsWith(start)) if start.len() > prefix.len() => {
                either(is_below(start, prefix), other)
            }
            (Prefix(prefix), StartsWith(start)) => either(prefix.starts_with(start.as_str()), self),
            (Regex(pattern), _) => within(pattern, other),
            _ => other.common(self),
        }
    }
}

/// What a regex has in common with another matcher: known where the regex begins with literal text.
fn within(pattern: &str, other: &PathMatcher) -> Common {
    let regex = || Regex(pattern.to_owned());
    if let Exact(path) = other {
        return match fits(pattern, path) {
            Some(true) => Common::Both(other.clone()),
            Some(false) => Common::Nothing,
            None => Common::Unsaid,
        };
    }
    let start = literal_start(pattern);
    match other {
        Prefix(prefix) if start.len() > prefix.len() && is_below(&start, prefix) => {
            Common::Both(regex())
        }
        StartsWith(text) if start.starts_with(text.as_str()) => Common::Both(regex()),
        Prefix(text) | StartsWith(text)
            if !start.is_empty()
                && !text.starts_with(&start)
                && !start.starts_with(text.as_str()) =>
        {
            Common::Nothing
        }
        Regex(second) => {
            let second = literal_start(second);
            let apart = !start.is_empty()
                && !second.is_empty()
                && !start.starts_with(&second)
                && !second.starts_with(&start);
            if apart { Common::Nothing } else { Common::Unsaid }
        }
        Exact(_) | Prefix(_) | StartsWith(_) => Common::Unsaid,
    }
}

/// Whether a regex of the model's kind fits a path; nothing where it is none.
fn fits(pattern: &str, path: &str) -> Option<bool> {
    Some(Pattern::parse(pattern).ok()?.is_match(path))
}

/// Whether a path is a prefix or lies below it, by segments.
pub(crate) fn is_below(path: &str, prefix: &str) -> bool {
    let bare = prefix.trim_end_matches('/');
    path.strip_prefix(bare).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Returns the text that every path begins with that an anchored regex fits; an empty text where that is not known.
pub(crate) fn literal_start(pattern: &str) -> String {
    let Some(body) = pattern.strip_prefix('^') else { return String::new() };
    // A branch outside of parentheses is another beginning.
    if super::pattern::branches(body, '|').len() > 1 {
        return String::new();
    }
    let mut start = String::new();
    let mut chars = body.chars().peekable();
    while let Some(c) = chars.next() {
        let literal = match c {
            '\\' => match chars.peek() {
                Some(next) if !next.is_ascii_alphanumeric() => chars.next(),
                _ => None,
            },
            c if ".+*?()[]{}|^$".contains(c) => None,
            c => Some(c),
        };
        let Some(literal) = literal else { break };
        // A letter that may be missing begins nothing.
        if matches!(chars.peek(), Some('?' | '*' | '{')) {
            break;
        }
        start.push(literal);
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matchers_meet_where_paths_do() {
        let exact = |text: &str| Exact(text.to_owned());
        let prefix = |text: &str| Prefix(text.to_owned());
        let starts = |text: &str| StartsWith(text.to_owned());
        let regex = |text: &str| Regex(text.to_owned());
        let none = Common::Nothing;
        let paths = Common::Both;
        for (one, two, common) in [
            (prefix("/a"), prefix("/a/b"), paths(prefix("/a/b"))),
            (prefix("/a"), prefix("/ab"), none.clone()),
            (prefix("/"), starts("/ws-"), paths(starts("/ws-"))),
            (exact("/a/b"), prefix("/a"), paths(exact("/a/b"))),
            (exact("/ab"), prefix("/a"), none.clone()),
            (exact("/ws-1"), starts("/ws-"), paths(exact("/ws-1"))),
            (starts("/a"), starts("/ab"), paths(starts("/ab"))),
            (starts("/a"), starts("/b"), none.clone()),
            (prefix("/a"), starts("/a/b"), paths(starts("/a/b"))),
            (prefix("/a"), starts("/ab"), none.clone()),
            (prefix("/a"), starts("/a"), paths(prefix("/a"))),
            (prefix("/ab"), starts("/a"), paths(prefix("/ab"))),
            (regex("^/a/[0-9]+$"), prefix("/a"), paths(regex("^/a/[0-9]+$"))),
            (regex("^/ab"), prefix("/a"), Common::Unsaid),
            (regex("^/b/x"), prefix("/a"), none.clone()),
            (regex("\\.js$"), exact("/a.js"), paths(exact("/a.js"))),
            (regex("\\.js$"), exact("/a.css"), none.clone()),
            (regex("\\.js$"), prefix("/a"), Common::Unsaid),
            (regex("^/a"), regex("^/b"), none.clone()),
            (regex("^/a|/c"), regex("^/b"), Common::Unsaid),
            (regex("^/ab?"), starts("/a"), paths(regex("^/ab?"))),
        ] {
            assert_eq!(one.common(&two), common, "{one:?} and {two:?}");
            assert_eq!(two.common(&one), common, "{two:?} and {one:?}");
        }
        assert!(prefix("/a").covers(&exact("/a/b")) && !exact("/a/b").covers(&prefix("/a")));
        assert!(prefix("/").covers(&regex("x")) && !regex("x").covers(&prefix("/")));
    }

    #[test]
    fn the_beginning_of_a_regex_is_what_it_says() {
        for (pattern, start) in [
            ("^/a\\.b/(x|y)", "/a.b/"),
            ("^/ab*", "/a"),
            ("^/a|^/b", ""),
            ("/a", ""),
            ("^/a\\d", "/a"),
            ("^(/a|/b)/c", ""),
        ] {
            assert_eq!(literal_start(pattern), start, "{pattern}");
        }
    }
}
