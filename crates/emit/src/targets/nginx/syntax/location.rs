//! `location` (`ngx_http_core_module`, "`location`").

use crate::syntax::{Parsed, Words};

/// How a location is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocationMatcher {
    /// `= /path`: this path alone; the search ends here.
    Exact(String),
    /// `/path`: paths whose text begins so; the longest one is remembered.
    Prefix(String),
    /// `^~ /path`: a prefix behind which no regex of its level is asked, where it is the longest one.
    FinalPrefix(String),
    /// `~ regex` and `~* regex`: looked for in the path, in the order of the file.
    Regex {
        /// The pattern, as it is written.
        pattern: String,
        /// Whether letters of either case fit (`~*`).
        any_case: bool,
    },
    /// `@name`: no request comes here by itself.
    Named(String),
}

/// A `location`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Its modifier and its path.
    pub matcher: LocationMatcher,
    /// Whether a path without modifier has letters that only a regex would have.
    pub looks_like_regex: bool,
}

impl Location {
    /// Parses the words behind `location`. The modifier may stand in one word with the path (`=/x`, `~\.php$`).
    ///
    /// # Errors
    /// There is no path, or a word too many.
    pub fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let first = words.expect("a path")?;
        let modifiers = ["=", "^~", "~*", "~"];
        let (modifier, path) = if modifiers.contains(&first.as_str()) {
            (first.as_str(), words.expect("a path")?.text.clone())
        } else {
            let glued = ["=", "^~", "~*", "~"].into_iter().find_map(|modifier| {
                Some((modifier, first.text.strip_prefix(modifier)?.to_owned()))
            });
            glued.unwrap_or(("", first.text.clone()))
        };
        words.end()?;
        let looks_like_regex = modifier.is_empty() && regex_like(&path);
        let matcher = match modifier {
            "=" => LocationMatcher::Exact(path),
            "^~" => LocationMatcher::FinalPrefix(path),
            "~" => LocationMatcher::Regex { pattern: path, any_case: false },
            "~*" => LocationMatcher::Regex { pattern: path, any_case: true },
            _ => match path.strip_prefix('@') {
                Some(name) => LocationMatcher::Named(name.to_owned()),
                None => LocationMatcher::Prefix(path),
            },
        };
        Ok(Self { matcher, looks_like_regex })
    }
}

/// Whether a path has what regexes have and paths do not.
fn regex_like(path: &str) -> bool {
    path.starts_with('^')
        || path.ends_with('$')
        || [".*", ".+", "\\.", "(", "[", "|", "*"].iter().any(|mark| path.contains(mark))
}
