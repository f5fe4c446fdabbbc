//! Regexes and texts as each other.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{Pattern, Replacement};

/// A pattern that fits letters of either case: the model's regexes have no flags.
pub(crate) fn any_case(pattern: &str) -> String {
    let mut out = String::new();
    let mut class = false;
    let mut escaped = false;
    for c in pattern.chars() {
        let letter = c.is_ascii_alphabetic() && !escaped;
        match c {
            '[' if !escaped => class = true,
            ']' if !escaped => class = false,
            _ => {}
        }
        escaped = c == '\\' && !escaped;
        let (lower, upper) = (c.to_ascii_lowercase(), c.to_ascii_uppercase());
        match (letter, class) {
            (true, false) => out.push_str(&format!("[{lower}{upper}]")),
            _ => out.push(c),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_get_both_cases() {
        assert_eq!(any_case("\\.(js|css)$"), "\\.([jJ][sS]|[cC][sS][sS])$");
        assert_eq!(any_case("\\d[a-z]x"), "\\d[a-z][xX]");
        assert_eq!(of_text("/a.b"), "/a\\.b");
    }
}
