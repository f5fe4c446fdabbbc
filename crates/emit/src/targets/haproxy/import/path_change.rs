//! Changes of the path: `replace-path`, `set-path` and their like, as the model's rewrites and as what later tests see.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{PathLiteral, Pattern};
use wsgen_model::source::Span;

use crate::import::condition::{Clause, Condition};
use crate::import::matcher::PathMatcher;
use crate::import::pattern::{around, of_text, rewrites};
use crate::targets::haproxy::syntax::{LogFormat, Part, Target};

/// Another beginning of the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) from: String,
    pub(super) to: String,
    /// The place of a regex that fits further behind in a path too.
    pub(super) within: Option<Span>,
}

/// How a rule changes the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PathChange {
    /// The model's rewrite: what the regex fits is replaced.
    pub(super) pattern: String,
    pub(super) to: String,
    /// What later tests see, and for which paths; the path is not known to them otherwise.
    pub(super) seen: Option<(Condition, Seen)>,
    /// One prefix for another, by segments, where the regex says just that.
    pub(super) prefix: Option<crate::import::draft::Draft>,
    /// Whether the whole target was meant.
    pub(super) whole_target: bool,
}

/// The path behind a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    Text(String),
    Moved(Move),
}

/// The paths that one matcher fits once a path was moved, as matchers of the path before.
pub(super) fn before(matcher: &PathMatcher, moved: &Move) -> Option<Vec<PathMatcher>> {
    let Move { from, to, .. } = moved;
    let starts = |text: &str| -> Option<Vec<PathMatcher>> {
        if let Some(rest) = text.strip_prefix(to.as_str()) {
            return Some(vec![PathMatcher::starts_with(&format!("{from}{rest}"))?]);
        }
        // All of them begin so, or none does.
        Some(if to.starts_with(text) { vec![PathMatcher::starts_with(from)?] } else { Vec::new() })
    };
    let exact = |text: &str| -> Option<Vec<PathMatcher>> {
        let rest = text.strip_prefix(to.as_str());
        rest.map_or(Some(Vec::new()), |rest| {
            Some(vec![PathMatcher::exact(&format!("{from}{rest}"))?])
        })
    };
    match matcher {
        PathMatcher::Exact(text) => exact(text),
        PathMatcher::StartsWith(text) => starts(text),
        matcher if matcher.is_root() => starts("/"),
        PathMatcher::Prefix(text) => {
            let mut all = exact(text)?;
            all.extend(starts(&format!("{text}/"))?);
            Some(all)
        }
        PathMatcher::Regex(_) => None,
    }
}

/// The text of a regex without anything that stands for more than itself.
fn plain(pattern: &str) -> Option<String> {
    let mut text = String::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.push(chars.next().filter(|c| !c.is_ascii_alphanumeric())?),
            c if "+*?()[]{}|^$.".contains(c) => return None,
            c => text.push(c),
        }
    }
    Some(text)
}

/// The change that a regex makes of a whole path where it fits.
fn replaced(pattern: &str, to: &str, span: Span) -> Option<PathChange> {
    // `\1` and what `%%` is for.
    let numbered = (0..=9)
        .fold(to.replace('$', "\u{0}"), |to, n| to.replace(&format!("\\{n}"), &format!("${n}")));
    if numbered.contains(['\u{0}', '\\']) || numbered.contains("$0") {
        return None;
    }
    let prefix = crate::import::pattern::prefix_change(pattern, &numbered);
    if let Some((pattern, to)) = around(pattern, &numbered) {
        return rewrites(&pattern, &to).then_some(PathChange {
            pattern,
            to,
            seen: None,
            prefix,
            whole_target: false,
        });
    }
    let seen = seen(pattern, &numbered, span);
    // The whole path is replaced, from the first place where the regex fits.
    let alone = crate::import::pattern::branches(pattern, '|').len() == 1;
    let inner = if alone { pattern.to_owned() } else { format!("(?:{pattern})") };
    let front = if alone && pattern.starts_with('^') { "" } else { "^.*?" };
    let back =
        if alone && (pattern.ends_with('$') && !pattern.ends_with("\\$") || ends_open(pattern)) {
            ""
        } else {
            ".*$"
        };
    let pattern = format!("{front}{inner}{back}");
    let to = if numbered.is_empty() { "/".to_owned() } else { numbered };
    (rewrites(&pattern, &to)).then_some(PathChange {
        pattern,
        to,
        seen,
        prefix,
        whole_target: false,
    })
}

/// Whether a regex takes everything up to the end by itself.
fn ends_open(pattern: &str) -> bool {
    pattern.ends_with("(.*)")
        || pattern.ends_with("(/.*)")
        || pattern.ends_with(".*") && !pattern.ends_with("\\.*")
}

/// What later tests see of a change by a regex.
fn seen(pattern: &str, to: &str, span: Span) -> Option<(Condition, Seen)> {
    let bare = pattern.strip_suffix('$').unwrap_or(pattern);
    if [".*", "^.*", "(.*)", "^(.*)"].contains(&bare) && !to.contains('$') {
        return Some((Condition::always(), Seen::Text(to.to_owned())));
    }
    // Without `^` the first place is the beginning for most paths.
    let within = (!bare.starts_with('^')).then_some(span);
    let rest = bare.strip_prefix('^').unwrap_or(bare);
    let head = to.strip_suffix("$1")?;
    if head.contains('$') {
        return None;
    }
    let (from, to) = if let Some(from) = rest.strip_suffix("(.*)") {
        (plain(from)?, head.to_owned())
    } else {
        let from = rest.strip_suffix("(/.*)")?;
        (format!("{}/", plain(from)?), format!("{head}/"))
    };
    let matcher = PathMatcher::starts_with(&from)?;
    let clause = Clause { paths: vec![matcher], ..Clause::default() };
    to.starts_with('/').then(|| (Condition::of(clause), Seen::Moved(Move { from, to, within })))
}

impl PathChange {
    /// `replace-path` and its like.
    pub(super) fn replace(part: Target, pattern: &str, to: &LogFormat) -> Option<Self> {
        let text = to.literal()?;
        match part {
            Target::Path => replaced(pattern, text, to.span),
            // The query has to pass through as it is.
            Target::PathQuery | Target::Uri => {
                let bare = pattern.strip_suffix('$').unwrap_or(pattern);
                let passes = bare.starts_with('^')
                    && (bare.ends_with("(.*)") || bare.ends_with("(/.*)"))
                    && bare.matches('(').count() == 1
                    && text.ends_with("\\1");
                let change = passes.then(|| replaced(pattern, text, to.span)).flatten()?;
                Some(Self { whole_target: part == Target::Uri, ..change })
            }
            Target::Query => None,
        }
    }

    /// `set-path`.
    pub(super) fn set(part: Target, value: &LogFormat) -> Option<Self> {
        if part != Target::Path {
            return None;
        }
        if let Some(text) = value.literal() {
            PathLiteral::parse(text).ok()?;
            let seen = Some((Condition::always(), Seen::Text(text.to_owned())));
            return Some(Self {
                pattern: "^.*$".to_owned(),
                to: text.to_owned(),
                seen,
                prefix: None,
                whole_target: false,
            })
            .filter(|change| rewrites(&change.pattern, &change.to));
        }
        match value.parts.as_slice() {
            // `/ws%[path]`
            [Part::Text(head), Part::Sample(path)]
                if path.fetch.is("path", &[]) && path.converters.is_empty() =>
            {
                PathLiteral::parse(head).ok()?;
                let moved = Move { from: "/".to_owned(), to: format!("{head}/"), within: None };
                let seen =
                    (!head.ends_with('/')).then(|| (Condition::always(), Seen::Moved(moved)));
                let (pattern, to) = ("^(.*)$".to_owned(), format!("{head}$1"));
                rewrites(&pattern, &to).then_some(Self {
                    pattern,
                    to,
                    seen,
                    prefix: None,
                    whole_target: false,
                })
            }
            // `%[path,regsub(^/a,/b)]`
            [Part::Sample(path)] if path.fetch.is("path", &[]) => {
                match path.converters.as_slice() {
                    [call] if call.name == "regsub" && call.args.len() == 2 => {
                        substituted(call.arg(0), call.arg(1))
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

/// The change of what a regex fits in a path: the rest stays.
fn substituted(pattern: &str, to: &str) -> Option<PathChange> {
    let to = (1..=9).fold(to.to_owned(), |to, n| to.replace(&format!("\\{n}"), &format!("${n}")));
    if to.contains(['\\']) {
        return None;
    }
    let from = pattern.strip_prefix('^').and_then(plain).filter(|from| from.starts_with('/'));
    if let Some(from) = from.filter(|_| !to.contains('$')) {
        // A path keeps its first slash.
        let (from, to) = if to.is_empty() && !from.ends_with('/') {
            (format!("{from}/"), "/".to_owned())
        } else {
            (from, to)
        };
        let clause = Clause { paths: vec![PathMatcher::starts_with(&from)?], ..Clause::default() };
        let moved = Move { from: from.clone(), to: to.clone(), within: None };
        let seen = to.starts_with('/').then(|| (Condition::of(clause), Seen::Moved(moved)));
        let pattern = format!("^{}", of_text(&from));
        return rewrites(&pattern, &to).then_some(PathChange {
            pattern,
            to,
            seen,
            prefix: None,
            whole_target: false,
        });
    }
    let fits = Pattern::parse(pattern).is_ok() && rewrites(pattern, &to) && !to.is_empty();
    fits.then(|| PathChange {
        pattern: pattern.to_owned(),
        to,
        seen: None,
        prefix: None,
        whole_target: false,
    })
}
