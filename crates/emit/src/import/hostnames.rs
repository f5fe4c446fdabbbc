//! Hostnames: of a regex that can be written out (`^(www|app)\.example\.com$`), and of redirects.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::Hostname;

/// The most names that a pattern is written out to.
const MOST: usize = 64;

/// The deepest groups within groups that are written out.
const DEPTH: usize = 16;

/// Whether a name or wildcard is for every host that another one is for (`route/host-form`).
pub(crate) fn covers_host(wide: &str, name: &str) -> bool {
    let end = wide.strip_prefix('*');
    wide == name || end.is_some_and(|end| name.len() > end.len() && name.ends_with(end))
}

/// Returns the wildcards that a name lies below, the longest first.
pub(crate) fn wildcards_above(name: &str) -> Vec<String> {
    let bare = name.strip_prefix("*.").unwrap_or(name);
    let skipped = usize::from(bare.len() == name.len());
    let labels: Vec<&str> = bare.split('.').collect();
    (skipped.max(1)..labels.len()).map(|at| format!("*.{}", labels[at..].join("."))).collect()
}

/// Whether a text names one host: a redirect goes to no wildcard.
pub(crate) fn is_one(text: &str) -> bool {
    Hostname::parse(text).is_ok_and(|name| !name.is_wildcard())
}

/// The names that a pattern fits, and whether it fits others too. Nothing where it cannot be told.
pub(crate) fn written_out(pattern: &str) -> Option<(Vec<String>, bool)> {
    let body = pattern.strip_prefix('^')?;
    // Without its end a pattern fits longer names too.
    let (body, open) = match body.strip_suffix('$') {
        Some(body) => (body, false),
        None => (body, true),
    };
    // A first label of any letters is what `*.` says.
    for any in ["(.+)\\.", "(.*)\\.", ".+\\.", "[^.]+\\.", "([^.]+)\\.", "(\\w+)\\.", "\\w+\\."] {
        let named = named_group(body).and_then(|(inner, rest)| {
            let bare = any.trim_start_matches('(').replace(")\\.", "");
            // A dot that nobody escaped is a dot all the same.
            let rest = rest.strip_prefix("\\.").or_else(|| rest.strip_prefix('.'));
            (inner == bare).then_some(rest).flatten()
        });
        if let Some(rest) = body.strip_prefix(any).or(named) {
            let (domains, _) = sequence(rest, 0)?;
            return Some((domains.into_iter().map(|domain| format!("*.{domain}")).collect(), true));
        }
    }
    let (names, more) = sequence(body, 0)?;
    Some((names, more || open))
}

/// `(?<name>inner)rest`
fn named_group(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix("(?<").or_else(|| text.strip_prefix("(?P<"))?;
    let (_, rest) = rest.split_once('>')?;
    rest.split_once(')')
}

/// All texts of a sequence, and whether some were left out.
fn sequence(mut rest: &str, depth: usize) -> Option<(Vec<String>, bool)> {
    if depth > DEPTH {
        return None;
    }
    let mut all = vec![String::new()];
    let mut more = false;
    while !rest.is_empty() {
        let (mut piece, left) = piece(rest, &mut more, depth)?;
        rest = left;
        match rest.as_bytes().first() {
            Some(b'?') => {
                piece.insert(0, String::new());
                rest = &rest[1..];
            }
            Some(b'*') => {
                // None of it is the one that is certain.
                piece = vec![String::new()];
                more = true;
                rest = &rest[1..];
            }
            Some(b'+' | b'{') => return None,
            _ => {}
        }
        if all.len() * piece.len() > MOST {
            return None;
        }
        all = all
            .iter()
            .flat_map(|start| piece.iter().map(move |end| format!("{start}{end}")))
            .collect();
    }
    Some((all, more))
}

/// The texts of one piece, and what stands behind it.
fn piece<'t>(text: &'t str, more: &mut bool, depth: usize) -> Option<(Vec<String>, &'t str)> {
    let first = text.chars().next()?;
    let rest = &text[first.len_utf8()..];
    match first {
        '\\' => {
            let next = rest.chars().next()?;
            (!next.is_ascii_alphanumeric())
                .then(|| (vec![next.to_string()], &rest[next.len_utf8()..]))
        }
        '(' => {
            let end = closing(rest)?;
            let (inner, rest) = (&rest[..end], &rest[end + 1..]);
            let inner = match inner.strip_prefix("?:") {
                Some(inner) => inner,
                None => match inner.strip_prefix("?<").or_else(|| inner.strip_prefix("?P<")) {
                    Some(named) => named.split_once('>')?.1,
                    None => inner,
                },
            };
            let mut all = Vec::new();
            for branch in super::pattern::branches(inner, '|') {
                let (texts, left_out) = sequence(branch, depth + 1)?;
                *more |= left_out;
                all.extend(texts);
            }
            Some((all, rest))
        }
        '[' => {
            let (class, rest) = rest.split_once(']')?;
            let letters: Vec<char> = class.chars().collect();
            let mut all = Vec::new();
            let mut at = 0;
            while at < letters.len() {
                let range = letters.get(at + 1) == Some(&'-') && at + 2 < letters.len();
                let end = if range { letters[at + 2] } else { letters[at] };
                all.extend((letters[at]..=end).take(MOST + 1).map(|c| c.to_string()));
                if all.len() > MOST {
                    return None;
                }
                at += if range { 3 } else { 1 };
            }
            let plain =
                all.iter().all(|c| c.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'));
            (plain && !all.is_empty() && all.len() <= MOST).then_some((all, rest))
        }
        // An unescaped dot is a slip of whoever wrote it.
        c if c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.' => {
            Some((vec![c.to_string()], rest))
        }
        _ => None,
    }
}

/// The place of the parenthesis that closes.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 1;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_written_out() {
        for (pattern, names, more) in [
            ("^(www|app)\\.a\\.test$", vec!["www.a.test", "app.a.test"], false),
            ("^login\\.example([0-9])*\\.com$", vec!["login.example.com"], true),
            (
                "^mx[1-2](\\.in)?\\.a\\.test$",
                vec!["mx1.a.test", "mx1.in.a.test", "mx2.a.test", "mx2.in.a.test"],
                false,
            ),
            ("^(?<who>.+)\\.a\\.test$", vec!["*.a.test"], true),
            ("^(a|b(c|d))\\.test$", vec!["a.test", "bc.test", "bd.test"], false),
            ("^(?P<domain>.+).docs.test", vec!["*.docs.test"], true),
            ("^a.test", vec!["a.test"], true),
        ] {
            let wanted: Vec<_> = names.into_iter().map(str::to_owned).collect();
            assert_eq!(written_out(pattern), Some((wanted, more)), "{pattern}");
        }
        for pattern in ["a", "^a.+b$", "^\\d+\\.test$", "^(a$", "^[$"] {
            assert_eq!(written_out(pattern), None, "{pattern}");
        }
    }
}
