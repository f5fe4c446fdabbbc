//! Regexes and texts as each other.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{PathLiteral, Pattern, Replacement};

use super::draft::Draft;

/// What stands between marks that no parentheses are around.
pub(crate) fn branches(text: &str, mark: char) -> Vec<&str> {
    let (mut all, mut begin, mut depth) = (Vec::new(), 0, 0_u32);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            c if c == mark && depth == 0 => {
                all.push(&text[begin..at]);
                begin = at + c.len_utf8();
            }
            _ => {}
        }
    }
    all.push(&text[begin..]);
    all
}

/// A pattern that fits letters of either case: the model's regexes have no flags.
pub(crate) fn any_case(pattern: &str) -> String {
    let mut out = String::new();
    let mut chars = pattern.chars().peekable();
    let mut class = false;
    while let Some(c) = chars.next() {
        if c == '\\' {
            out.push(c);
            out.extend(chars.next());
            continue;
        }
        match c {
            '[' => class = true,
            ']' => class = false,
            _ => {}
        }
        if !c.is_ascii_alphabetic() {
            out.push(c);
            continue;
        }
        let (lower, upper) = (c.to_ascii_lowercase(), c.to_ascii_uppercase());
        if !class {
            out.push_str(&format!("[{lower}{upper}]"));
            continue;
        }
        // Within a class a range has both cases, where it is one of letters of one case.
        let mut rest = chars.clone();
        let end = (rest.next() == Some('-')).then(|| rest.next()).flatten();
        match end.filter(|end| end.is_ascii_alphabetic() && *end != ']') {
            Some(end) if end.is_ascii_lowercase() == c.is_ascii_lowercase() => {
                let (low, up) = (end.to_ascii_lowercase(), end.to_ascii_uppercase());
                out.push_str(&format!("{lower}-{low}{upper}-{up}"));
                chars = rest;
            }
            Some(end) => {
                out.push_str(&format!("{c}-{end}"));
                chars = rest;
            }
            None => out.extend([lower, upper]),
        }
    }
    out
}

/// A text as a regex of itself.
pub(crate) fn of_text(text: &str) -> String {
    let escaped = |c: char| ".+*?()[]{}|^$\\".contains(c);
    text.chars().flat_map(|c| if escaped(c) { vec!['\\', c] } else { vec![c] }).collect()
}

/// Whether a rewrite can be written: both parts are the model's, and every group that is put in is there.
pub(crate) fn rewrites(pattern: &str, to: &str) -> bool {
    let (Ok(pattern), Ok(_)) = (Pattern::parse(pattern), Replacement::parse(to)) else {
        return false;
    };
    let digits =
        to.match_indices('$').filter_map(|(at, _)| to[at + 1..].chars().next()?.to_digit(10));
    digits.max().is_none_or(|most| most as usize <= pattern.groups())
}

/// The prefix that a `rewrite` takes away: `^/a/(.*)$` to `/$1`, `^/a(/.*)$` to `$1`.
pub(crate) fn stripped(pattern: &str, to: &str) -> Option<String> {
    let rest = pattern.strip_prefix('^')?;
    let rest = rest.strip_suffix('$').unwrap_or(rest);
    let prefix = match to {
        "/$1" => rest.strip_suffix("/(.*)").or_else(|| rest.strip_suffix("/?(.*)"))?,
        "$1" => rest.strip_suffix("(/.*)")?,
        _ => return None,
    };
    let plain = prefix.chars().all(|c| c.is_ascii_alphanumeric() || "/-_".contains(c));
    (plain && prefix.len() > 1).then(|| prefix.to_owned())
}

/// One prefix for another (`strip_prefix`, `replace_prefix`): `^/a(?:/(.*))?$` to `/$1`, `^/a(/.*)?$` to `/b$1`.
pub(crate) fn prefix_change(pattern: &str, to: &str) -> Option<Draft> {
    let (from, whole) = match pattern.strip_suffix("(?:/(.*))?$") {
        Some(from) if to == "/$1" => (from, "/"),
        _ => (pattern.strip_suffix("(/.*)?$")?, to.strip_suffix("$1")?),
    };
    let from = from.strip_prefix('^')?.replace('\\', "");
    let from = if from.is_empty() { "/".to_owned() } else { from };
    let fits = PathLiteral::parse(&from).is_ok() && PathLiteral::parse(whole).is_ok();
    fits.then(|| {
        if whole == "/" {
            return Draft::of("strip_prefix", from);
        }
        let mut change = Draft::of("from", from);
        change.set(&["to"], whole);
        Draft::of("replace_prefix", change)
    })
}

/// `^(.*?)(?:P)(.*)$` to `$1…$n`: what P fits is replaced and the rest stays. Gives P and what takes its place, with groups
/// that count from one.
pub(crate) fn around(pattern: &str, to: &str) -> Option<(String, String)> {
    let inner = pattern.strip_prefix("^(.*?)(?:")?.strip_suffix(")(.*)$")?;
    let rest = to.strip_prefix("$1")?;
    let (rest, last) = rest.split_at_checked(rest.len().checked_sub(2)?)?;
    last.strip_prefix('$')?.parse::<u32>().ok()?;
    let mut moved = String::new();
    let mut chars = rest.chars().peekable();
    while let Some(c) = chars.next() {
        moved.push(c);
        if let ('$', Some(digit)) = (c, chars.peek().and_then(|c| c.to_digit(10))) {
            chars.next();
            moved.push_str(&digit.checked_sub(1)?.to_string());
        }
    }
    Some((inner.to_owned(), moved))
}

/// Servers replace the whole path where a pattern fits in it; the model replaces what fits.
pub(crate) fn whole(pattern: &str) -> String {
    let front = if pattern.starts_with('^') { "" } else { "^.*" };
    let back = match pattern {
        _ if pattern.ends_with('$') => "",
        _ if pattern.ends_with(".*)") => "$",
        _ => ".*$",
    };
    format!("{front}{pattern}{back}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_get_both_cases() {
        assert_eq!(any_case("\\.(js|css)$"), "\\.([jJ][sS]|[cC][sS][sS])$");
        assert_eq!(any_case("\\d[a-z_]x"), "\\d[a-zA-Z_][xX]");
        assert_eq!(any_case("^/[^a-f0-9-]+\\."), "^/[^a-fA-F0-9-]+\\.");
        assert_eq!(of_text("/a.b"), "/a\\.b");
        assert_eq!(stripped("^/app/(.*)$", "/$1").as_deref(), Some("/app"));
        assert_eq!(stripped("^/a.b/(.*)$", "/$1"), None);
    }

    #[test]
    fn changes_of_paths_are_read() {
        assert_eq!(prefix_change("^/a(?:/(.*))?$", "/$1"), Some(Draft::of("strip_prefix", "/a")));
        let moved = prefix_change("^/a(/.*)?$", "/b%20$1").unwrap_or(Draft::map());
        assert_eq!(moved.text(&["replace_prefix", "from"]), Some("/a"));
        assert_eq!(moved.text(&["replace_prefix", "to"]), Some("/b%20"));
        assert_eq!(prefix_change("^/a(.*)$", "/b$1"), None);
        let moved = around("^(.*?)(?:^/u/([0-9]+)$)(.*)$", "$1/user/$2$3");
        assert_eq!(moved, Some(("^/u/([0-9]+)$".into(), "/user/$1".into())));
    }
}
