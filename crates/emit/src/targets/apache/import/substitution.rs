//! What a rule's substitution does: the path that an upstream sees.

use super::regex::{any_case, put_back, whole};
use crate::import::draft::Draft;
use crate::import::pattern::{around, prefix_change, rewrites};

/// Why a path cannot be told.
const COMPUTED: &str = "the path that it sends is computed in a way that the model does not know";

/// The pattern that the groups of a substitution belong to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Groups<'a> {
    /// The rule's own.
    pub(super) rule: &'a str,
    pub(super) no_case: bool,
    /// The last condition's on the path: what `%1` stands for.
    pub(super) condition: Option<&'a str>,
}

/// Returns the change of the path; nothing where it stays. `rest` is what stands behind the host of the substitution.
///
/// # Errors
/// The model cannot say the path, or the query is changed.
pub(super) fn change(rest: &str, groups: Groups<'_>) -> Result<Option<Draft>, &'static str> {
    let rest = rest.strip_suffix("?%{QUERY_STRING}").unwrap_or(rest);
    if rest.contains('?') {
        return Err("it changes the query, which the model passes on as it came");
    }
    let pattern = groups.rule;
    if rest == "%{REQUEST_URI}"
        || rest.is_empty() && super::regex::put_back(pattern).is_some_and(|back| back.is_empty())
    {
        return Ok(None);
    }
    if let Some(prefix) = rest.strip_suffix("%{REQUEST_URI}") {
        return regex("^(.*)$", &format!("{}$1", prefix.trim_end_matches('\\')));
    }
    if rest.contains("%{") || rest.contains("${") {
        return Err(COMPUTED);
    }
    // `\%` is no group.
    let rest = rest.replace("\\%", "\u{0}");
    let of_condition =
        rest.as_bytes().windows(2).any(|pair| pair[0] == b'%' && pair[1].is_ascii_digit());
    let of_rule =
        rest.as_bytes().windows(2).any(|pair| pair[0] == b'$' && pair[1].is_ascii_digit());
    let (pattern, to) = match (of_condition, of_rule) {
        (true, true) => return Err(COMPUTED),
        (true, false) => {
            let pattern = groups.condition.ok_or(COMPUTED)?;
            let to = (0..=9).fold(rest, |to, n| to.replace(&format!("%{n}"), &format!("${n}")));
            (pattern.to_owned(), to)
        }
        _ => (pattern.to_owned(), rest),
    };
    let to = to.replace('\u{0}', "%").replace('\\', "");
    if to == "$0"
        && pattern.starts_with('^')
        && (pattern.ends_with('$') || pattern.ends_with(".*") || pattern.ends_with("(.*)"))
        || to == "$0" && [".*", "(.*)", ""].contains(&pattern.as_str())
    {
        return Ok(None);
    }
    if to.contains("$0") {
        return Err(COMPUTED);
    }
    let pattern = if groups.no_case { any_case(&pattern) } else { pattern };
    if let Some(change) = prefix_change(&pattern, &to) {
        return Ok(Some(change));
    }
    if let Some((pattern, to)) = around(&pattern, &to).filter(|(p, to)| rewrites(p, to)) {
        return regex(&pattern, &to);
    }
    let below_root = ["/(.*)", "/(.*)$", "^/(.*)", "^/(.*)$", "^/?(.*)", "^/?(.*)$", "/?(.*)"];
    let all = ["(.*)", "^(.*)", "^(.*)$", "(.*)$", "^(/.*)$", "^(/.*)", "(.+)", "^(.+)$"];
    if (below_root.contains(&pattern.as_str()) && to == "/$1")
        || (all.contains(&pattern.as_str()) && to == "$1")
        || put_back(&pattern).is_some_and(|same| same == to)
    {
        return Ok(None);
    }
    // `^/a(/.*)$` to `$1`: whatever it fits lies below the prefix.
    let stripped = pattern.strip_prefix('^').and_then(|rest| rest.strip_suffix("(/.*)$"));
    let plain = |text: &&str| text.chars().all(|c| c.is_ascii_alphanumeric() || "/-_".contains(c));
    if let (Some(prefix), "$1") =
        (stripped.filter(plain).filter(|text| text.len() > 1), to.as_str())
    {
        return regex(&format!("^{prefix}(/.*)$"), "$1");
    }
    let to = if to.is_empty() { "/".to_owned() } else { to };
    regex(&whole(&pattern), &to)
}

fn regex(pattern: &str, to: &str) -> Result<Option<Draft>, &'static str> {
    if !rewrites(pattern, to) {
        return Err(COMPUTED);
    }
    let mut change = Draft::of("pattern", pattern);
    change.set(&["to"], to);
    Ok(Some(Draft::of("regex", change)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(pattern: &str, rest: &str) -> Result<Option<(String, String)>, &'static str> {
        let change = change(rest, Groups { rule: pattern, no_case: false, condition: None })?;
        let part = |draft: &Draft, key: &str| draft.text(&["regex", key]).unwrap_or("-").to_owned();
        Ok(change.map(|draft| (part(&draft, "pattern"), part(&draft, "to"))))
    }

    #[test]
    fn the_whole_path_is_replaced_from_the_first_place_on() {
        let of = |pattern: &str, to: &str| Ok(Some((pattern.to_owned(), to.to_owned())));
        assert_eq!(told("/ha/(.*)", "/$1"), of("^.*?/ha/(.*)$", "/$1"));
        assert_eq!(told("^/api/", "/"), of("^/api/.*$", "/"));
        assert_eq!(told("^(.*)$", "/$1"), of("^(.*)$", "/$1"));
        assert_eq!(told("^/cut/(.*)", "/$1"), of("^/cut/(.*)$", "/$1"));
        for (pattern, rest) in [
            ("^/(.*)$", "/$1"),
            ("^(.*)", "$1"),
            ("^/a/(.*)$", "/a/$1"),
            (".*", "%{REQUEST_URI}"),
            ("^/a", "%{REQUEST_URI}?%{QUERY_STRING}"),
        ] {
            assert_eq!(told(pattern, rest), Ok(None), "{pattern} {rest}");
        }
        assert_eq!(told("^", "/base%{REQUEST_URI}"), of("^(.*)$", "/base$1"));
        for (pattern, rest) in
            [("^/a(.*)", "/$1?x=y"), ("^/(.*)", "/$1?"), ("^", "/%{REMOTE_USER}")]
        {
            assert!(told(pattern, rest).is_err(), "{pattern} {rest}");
        }
    }
}
