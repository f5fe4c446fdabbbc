//! Regexes of paths and hosts in the model's terms, and regexes tried on one text.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{Hostname, Pattern};

use crate::import::condition::{Clause, Condition};
use crate::import::hostnames::written_out;
use crate::import::matcher::PathMatcher;

/// Regexes that fit every path.
const EVERY_PATH: [&str; 19] = [
    "", "^", "^/", "/", ".", ".*", "^.*", "^.*$", "(.*)", "^(.*)", "^(.*)$", "^/(.*)", "^/(.*)$",
    "/(.*)", "/(.*)$", "^/?(.*)", "^/?(.*)$", "^(/.*)$", "^/.*$",
];

/// Whether a regex fits every path.
pub(super) fn is_every_path(pattern: &str) -> bool {
    EVERY_PATH.contains(&pattern)
        || [
            "^(/.*)", "/", "/.*", "/.*$", "/?(.*)", "^/.*", ".*$", "(.*)$", ".+", "^.+$", "^(.+)$",
            "(.+)",
        ]
        .contains(&pattern)
}

/// The paths that begin with a text.
pub(super) fn beginning(text: &str) -> Option<PathMatcher> {
    PathMatcher::starts_with(text)
}

/// A regex that ignores the case of letters, as one that does not.
pub(super) fn any_case(pattern: &str) -> String {
    if !pattern.chars().any(|c| c.is_ascii_alphabetic()) {
        return pattern.to_owned();
    }
    if pattern.contains(['[', '\\']) {
        return format!("(?i){pattern}");
    }
    crate::import::pattern::any_case(pattern)
}

/// Whether every path that `narrow` is found in is one of `wide` too: they are the same but for groups, for what may follow,
/// and for the case of letters.
pub(super) fn covers(wide: (&str, bool), narrow: (&str, bool)) -> bool {
    let bare = |pattern: &str| {
        let bare = pattern.strip_suffix("(.*)$").or_else(|| pattern.strip_suffix(".*$"));
        let bare = bare.unwrap_or(pattern);
        let bare = bare.strip_suffix("(.*)").or_else(|| bare.strip_suffix(".*")).unwrap_or(bare);
        bare.replace("(.*)", ".*")
    };
    bare(wide.0) == bare(narrow.0) && (wide.1 || !narrow.1)
}

/// The text of a regex without special characters: an escaped one is meant literally, a dot alone is none.
pub(super) fn plain_text(pattern: &str) -> Option<String> {
    let mut text = String::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.push(chars.next().filter(|c| !c.is_ascii_alphanumeric())?),
            c if ".+*?()[]{}|^$".contains(c) => return None,
            c => text.push(c),
        }
    }
    Some(text)
}

/// The matcher of a regex that is looked for in the path; nothing where PCRE and RE2 do not read it alike.
pub(super) fn path(pattern: &str, no_case: bool) -> Option<PathMatcher> {
    if is_every_path(pattern) {
        return Some(PathMatcher::root());
    }
    let letters = pattern.chars().any(|c| c.is_ascii_alphabetic());
    if let Some(rest) = pattern.strip_prefix('^').filter(|_| !(no_case && letters)) {
        let text = |text: &str| plain_text(text).filter(|text| text.starts_with('/'));
        // A path and what lies below it.
        for end in ["(/|$)", "(?:/|$)", "(/.*)?$", "(?:/.*)?$", "(?:/(.*))?$", "($|/)", "(?:$|/)"] {
            if let Some(text) = rest.strip_suffix(end).and_then(text).filter(|t| !t.ends_with('/'))
            {
                return PathMatcher::prefix(&text);
            }
        }
        let escaped = rest.ends_with("\\$");
        if let Some(text) = rest.strip_suffix('$').filter(|_| !escaped).and_then(text) {
            return PathMatcher::exact(&text);
        }
        for end in ["(.*)$", "(.*)", ".*$", ".*", ""] {
            if let Some(text) = rest.strip_suffix(end).and_then(text) {
                return beginning(&text);
            }
        }
    }
    let pattern = if no_case { any_case(pattern) } else { pattern.to_owned() };
    PathMatcher::regex(&pattern)
}

/// Whether a regex is found in a text; nothing where PCRE and RE2 do not read it alike.
pub(super) fn is_found(pattern: &str, no_case: bool, text: &str) -> Option<bool> {
    if pattern.is_empty() {
        return Some(true);
    }
    let pattern = if no_case { any_case(pattern) } else { pattern.to_owned() };
    Some(Pattern::parse(&pattern).ok()?.is_match(text))
}

/// The hosts that a regex is found in, out of those that a virtual host is for; any host where these are none.
pub(super) fn hosts(pattern: &str, names: &[String]) -> Condition {
    let of = |hosts: Vec<String>| Condition::of(Clause { hosts, ..Clause::default() });
    // A port may follow the name.
    let pattern = [":[0-9]+", "(:[0-9]+)?", "(:\\d+)?", "(?::[0-9]+)?", "(:80)?", "(:443)?"]
        .iter()
        .find_map(|port| Some(format!("{}$", pattern.strip_suffix('$')?.strip_suffix(port)?)))
        .unwrap_or_else(|| pattern.to_owned());
    if ["", "^", ".", ".*", "^.*$", "(.*)", "^(.*)$", ".+", "^(.+)$", "^.+$"]
        .contains(&pattern.as_str())
    {
        return Condition::always();
    }
    // Of names that are all known, each is tried.
    if !names.is_empty() && names.iter().all(|name| !name.starts_with('*')) {
        let tried: Option<Vec<bool>> =
            names.iter().map(|name| is_found(&pattern, true, name)).collect();
        if let Some(tried) = tried {
            let fit: Vec<String> = names
                .iter()
                .zip(tried)
                .filter(|(_, fits)| *fits)
                .map(|(name, _)| name.clone())
                .collect();
            return if fit.is_empty() { Condition::never() } else { of(fit) };
        }
    }
    let lower = pattern.replace("(?i)", "").to_lowercase();
    // `\.example\.test$`: every name below it.
    let below = lower.strip_suffix('$').and_then(|text| {
        let text = [".*", "^.*", "^(.*)", "^(.+)", "^.+", "(.*)", "(.+)", ""]
            .iter()
            .find_map(|start| text.strip_prefix(start)?.strip_prefix("\\."))?;
        plain_text(text)
    });
    if let Some(domain) = below {
        let wildcard = format!("*.{domain}");
        if Hostname::parse(&wildcard).is_ok() {
            return of(vec![wildcard]);
        }
    }
    match written_out(&lower) {
        Some((hosts, false))
            if lower.ends_with('$') && hosts.iter().all(|host| Hostname::parse(host).is_ok()) =>
        {
            of(hosts)
        }
        _ => Condition::unread(),
    }
}

/// A host as it is compared with `=`.
pub(super) fn host(text: &str) -> Condition {
    let bare = text.to_lowercase();
    let bare = bare
        .rsplit_once(':')
        .filter(|(_, port)| port.parse::<u16>().is_ok())
        .map_or(bare.as_str(), |(host, _)| host);
    if Hostname::parse(bare).is_ok_and(|name| !name.is_wildcard()) {
        return Condition::of(Clause { hosts: vec![bare.to_owned()], ..Clause::default() });
    }
    Condition::unread()
}

/// What a pattern stands for when each of its groups is put back: a rule with that substitution changes nothing. Nothing
/// for patterns that fit a part of a path only, or in which more than groups may vary.
pub(super) fn put_back(pattern: &str) -> Option<String> {
    let body = pattern.strip_prefix('^')?;
    let body = match body.strip_suffix('$') {
        Some(body) => body,
        None if body.ends_with("(.*)") => body,
        None => return None,
    };
    let (mut out, mut depth, mut groups) = (String::new(), 0_u32, 0_u32);
    let mut chars = body.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '(' => {
                let counts = chars.peek() != Some(&'?');
                if !counts && depth == 0 {
                    return None;
                }
                groups += u32::from(counts);
                if depth == 0 {
                    out.push_str(&format!("${groups}"));
                }
                depth += 1;
            }
            ')' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 && matches!(chars.peek(), Some('*' | '+' | '{')) {
                    return None;
                }
            }
            '\\' => {
                let next = chars.next()?;
                if depth == 0 {
                    if next.is_ascii_alphanumeric() {
                        return None;
                    }
                    out.push(next);
                }
            }
            // A group that may be missing is put back as nothing.
            '?' if depth == 0 && out.ends_with(|c: char| c.is_ascii_digit()) => {}
            c if depth == 0 && ".+*?[]{}|^$".contains(c) => return None,
            c if depth == 0 => out.push(c),
            _ => {}
        }
    }
    Some(out)
}

/// A pattern that fits the whole of a path wherever a pattern is found in it first: the server replaces the whole path, the
/// model what fits.
pub(super) fn whole(pattern: &str) -> String {
    let several = crate::import::pattern::branches(pattern, '|').len() > 1;
    let pattern = if several { format!("(?:{pattern})") } else { pattern.to_owned() };
    let front = if pattern.starts_with('^') { "" } else { "^.*?" };
    let back = match pattern.as_str() {
        _ if pattern.ends_with('$') && !pattern.ends_with("\\$") => "",
        _ if pattern.ends_with(".*)") => "$",
        _ => ".*$",
    };
    format!("{front}{pattern}{back}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regexes_are_no_more_than_they_say() {
        let regex = |text: &str| PathMatcher::Regex(text.to_owned());
        let starts = |text: &str| PathMatcher::StartsWith(text.to_owned());
        for (pattern, no_case, wanted) in [
            ("^/a$", false, PathMatcher::Exact("/a".into())),
            ("^/a(/|$)", false, PathMatcher::Prefix("/a".into())),
            ("^/a/(.*)$", false, starts("/a/")),
            ("^/a", false, starts("/a")),
            ("^/a.b$", false, regex("^/a.b$")),
            ("/a/(.*)", false, regex("/a/(.*)")),
            ("^/a$", true, regex("^/[aA]$")),
            ("^/[a-c]$", true, regex("(?i)^/[a-c]$")),
            ("^/(.*)$", false, PathMatcher::root()),
        ] {
            assert_eq!(path(pattern, no_case), Some(wanted), "{pattern}");
        }
        assert_eq!(path("^(?!/a)", false), None);
        assert_eq!(put_back("^/images/(a|b(c)?)/(.*)$").as_deref(), Some("/images/$1/$3"));
        assert_eq!(put_back("^/a\\.b/(.*)").as_deref(), Some("/a.b/$1"));
        assert_eq!(
            (put_back("/a/(.*)"), put_back("^/a/"), put_back("^/a/?(.*)$")),
            (None, None, None)
        );
        assert!(covers(("/a/[^/]*/b/.*", true), ("/a/[^/]*/b/(.*)", false)));
        assert!(
            !covers(("/a/.*", false), ("/a/(.*)", true)) && !covers(("/a", true), ("/b", true))
        );
        assert_eq!(whole("/ha/(.*)"), "^.*?/ha/(.*)$");
        assert_eq!(whole("^/a|/b"), "^.*?(?:^/a|/b).*$");
    }

    #[test]
    fn hosts_are_whole_names_or_wildcards_or_not_read() {
        let of = |hosts: &[&str]| {
            let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
            Condition::of(Clause { hosts, ..Clause::default() })
        };
        assert_eq!(hosts("^www\\.a\\.test$", &[]), of(&["www.a.test"]));
        assert_eq!(hosts("\\.a\\.test$", &[]), of(&["*.a.test"]));
        assert_eq!(hosts("^(a|b)\\.test(:[0-9]+)?$", &[]), of(&["a.test", "b.test"]));
        for part in ["^admin\\.", "app", "a\\.test$", "^a\\.test", "^[^.]+\\.a\\.test$"] {
            assert!(!hosts(part, &[]).is_read(), "{part}");
        }
        let names = ["admin.a.test".to_owned(), "www.a.test".to_owned()];
        assert_eq!(hosts("^admin\\.", &names), of(&["admin.a.test"]));
        assert!(hosts("^x", &names).is_never());
    }
}
