//! A path that a regex fits.

/// Returns a text that a regex matches, whatever it is about; nothing where none is found in a simple way.
pub(crate) fn text(pattern: &str) -> Option<String> {
    let mut rest: Vec<char> = pattern.chars().rev().collect();
    sequence(&mut rest)
}

/// A text for a pattern of the model; nothing where none is found in a simple way.
pub(super) fn sample(pattern: &str) -> Option<String> {
    let body = pattern.strip_prefix('^');
    let open = body.is_none();
    let mut rest: Vec<char> = body.unwrap_or(pattern).chars().collect();
    rest.reverse();
    let mut text = sequence(&mut rest)?;
    if open && !text.starts_with('/') {
        text.insert_str(0, "/wsgen");
    }
    let target = text.chars().all(|c| c.is_ascii_graphic() && !"?#".contains(c));
    (target && text.starts_with('/')).then_some(text)
}

/// The first branch of a group, or of the whole; letters are taken from the end of the list.
fn sequence(rest: &mut Vec<char>) -> Option<String> {
    let mut out = String::new();
    while let Some(c) = rest.pop() {
        let piece = match c {
            ')' => return Some(out),
            '|' => {
                // Other branches are passed over.
                let mut depth = 0;
                while let Some(c) = rest.pop() {
                    match c {
                        '\\' => {
                            rest.pop();
                        }
                        '(' => depth += 1,
                        ')' if depth == 0 => return Some(out),
                        ')' => depth -= 1,
                        _ => {}
                    }
                }
                return Some(out);
            }
            '(' => {
                if rest.last() == Some(&'?') {
                    rest.pop();
                    if rest.pop() != Some(':') {
                        return None;
                    }
                }
                sequence(rest)?
            }
            '[' => class(rest)?,
            '\\' => match rest.pop()? {
                'd' => "7".to_owned(),
                'w' => "w".to_owned(),
                'S' => "s".to_owned(),
                c if c.is_ascii_alphanumeric() => return None,
                c => c.to_string(),
            },
            '$' | '^' => String::new(),
            '.' => "x".to_owned(),
            c => c.to_string(),
        };
        let times = match rest.last() {
            Some('?' | '+' | '*') => {
                rest.pop();
                if rest.last() == Some(&'?') {
                    rest.pop();
                }
                1
            }
            Some('{') => {
                rest.pop();
                let mut number = String::new();
                while let Some(c) = rest.pop().filter(|c| *c != '}') {
                    number.push(c);
                }
                number.split(',').next()?.parse::<usize>().ok()?.clamp(1, 64)
            }
            _ => 1,
        };
        out.push_str(&piece.repeat(times));
    }
    Some(out)
}

/// A letter of a class.
fn class(rest: &mut Vec<char>) -> Option<String> {
    let not = rest.last() == Some(&'^');
    let mut letters = Vec::new();
    loop {
        match rest.pop()? {
            ']' if !letters.is_empty() => break,
            '\\' => letters.push(match rest.pop()? {
                'd' => '7',
                'w' => 'w',
                c => c,
            }),
            c => letters.push(c),
        }
    }
    if !not {
        return letters.first().map(char::to_string);
    }
    "wsgen7_-".chars().find(|c| !letters.contains(c)).map(|c| c.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_made_up() {
        for (pattern, path) in [
            ("^/v[0-9]+/", "/v0/"),
            ("\\.(js|css)$", "/wsgen.js"),
            ("^/a/([^/]+)/b$", "/a/w/b"),
            ("^/[dD]ocs(/|$)", "/docs/"),
            ("^/x\\d{3}$", "/x777"),
        ] {
            assert_eq!(sample(pattern).as_deref(), Some(path), "{pattern}");
        }
        assert_eq!(sample("^/(?i)a"), None);
    }
}
