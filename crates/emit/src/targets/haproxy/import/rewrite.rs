//! Changes of the path that are one of the model's: a prefix for another, or a regex with what is around its match kept.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::PathLiteral;

use crate::import::draft::Draft;

/// `^/a(?:/(.*))?$` to `/\1`, `^/a(/.*)?$` to `/b\1`: one prefix for another. Groups are `$1` here.
pub(super) fn prefix(pattern: &str, to: &str) -> Option<Draft> {
    let (from, whole) = match pattern.strip_suffix("(?:/(.*))?$") {
        Some(from) if to == "/$1" => (from, "/".to_owned()),
        _ => (pattern.strip_suffix("(/.*)?$")?, to.strip_suffix("$1")?.replace("%%", "%")),
    };
    let from = from.strip_prefix('^')?.replace('\\', "");
    let from = if from.is_empty() { "/".to_owned() } else { from };
    let fits = PathLiteral::parse(&from).is_ok() && PathLiteral::parse(&whole).is_ok();
    fits.then(|| match whole.as_str() {
        "/" => Draft::of("strip_prefix", from),
        _ => {
            let mut prefix = Draft::of("from", from);
            prefix.set(&["to"], whole);
            Draft::of("replace_prefix", prefix)
        }
    })
}

/// `^(.*?)(?:P)(.*)$` to `$1…$n`: what P fits is replaced, and its groups count from one.
pub(super) fn around(pattern: &str, to: &str) -> Option<(String, String)> {
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
    Some((inner.to_owned(), moved.replace("%%", "%")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_paths_are_read() {
        let read = |pattern, to| prefix(pattern, to);
        assert_eq!(read("^/a(?:/(.*))?$", "/$1"), Some(Draft::of("strip_prefix", "/a")));
        let moved = read("^/a(/.*)?$", "/b%%20$1").unwrap_or(Draft::map());
        assert_eq!(moved.text(&["replace_prefix", "from"]), Some("/a"));
        assert_eq!(moved.text(&["replace_prefix", "to"]), Some("/b%20"));
        assert_eq!(read("^/a(.*)$", "/b$1"), None);
        let moved = around("^(.*?)(?:^/u/([0-9]+)$)(.*)$", "$1/user/$2$3");
        assert_eq!(moved, Some(("^/u/([0-9]+)$".into(), "/user/$1".into())));
    }
}
