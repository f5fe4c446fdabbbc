//! `%2F` in paths. nginx takes it for a slash when it chooses a location; the model keeps it (`route/normal-path`). A location
//! that refuses requests or asks for a login gets the other spellings of its paths too, so that nobody walks around it.

use super::location::{Location, Matching};
use super::scope::Importer;
use crate::import::condition::{Clause, Condition};
use crate::import::matcher::PathMatcher;
use crate::import::pattern::of_text;
use crate::targets::nginx::syntax::{Return, Statement};

/// A slash in either spelling, in the model's normal form.
const SLASH: &str = "(?:/|%2F)";

/// The most slashes of one path that are spelled in either way.
const MOST: usize = 6;

impl Importer<'_> {
    /// The other spellings of the paths of a location that guards something by itself.
    pub(super) fn spelled_otherwise(&self, location: &Location) -> Vec<PathMatcher> {
        let decides = |name: &str| ["if", "rewrite", "set", "break", "location"].contains(&name);
        let plain = !location.list.iter().any(|id| decides(&self.tree.all[*id].name));
        if !plain || !self.guards_by_itself(location) || location.path == "/" {
            return Vec::new();
        }
        let pattern = match location.matching {
            Matching::Exact => format!("^{}$", of_text(&location.path)),
            Matching::Prefix | Matching::Final => format!("^{}", of_text(&location.path)),
            Matching::Regex => location.path.clone(),
        };
        spellings(&pattern).iter().filter_map(|pattern| PathMatcher::regex(pattern)).collect()
    }

    /// Whether a location itself refuses its requests, or asks for a login. What is `internal` is nginx's own, and another
    /// spelling leads nobody there.
    fn guards_by_itself(&self, location: &Location) -> bool {
        location.list.iter().any(|id| match &self.tree.all[*id].value {
            Ok(Statement::Return(Return::Status(status, _))) => *status >= 400,
            Ok(Statement::Auth(value)) => value.literal() != Some("off"),
            Ok(Statement::Access(access)) => !access.allow,
            Ok(_) | Err(_) => super::guard::is_unknown_guard(&self.tree.all[*id].name),
        })
    }
}

/// The requests of a condition, and those whose paths are spelled in one of these ways.
pub(super) fn with_spellings(condition: &Condition, spellings: &[PathMatcher]) -> Condition {
    let [clause] = condition.clauses() else { return condition.clone() };
    let own = Clause { paths: clause.paths.clone(), ..Clause::default() };
    if spellings.is_empty() || clause.paths.len() != 1 || *clause != own {
        return condition.clone();
    }
    let paths = [clause.paths.as_slice(), spellings].concat();
    Condition::of(Clause { paths, ..Clause::default() })
}

/// A pattern with one of its slashes, or what stands ahead of them, encoded; the others are in either spelling.
fn spellings(pattern: &str) -> Vec<String> {
    let parts = parts(pattern);
    let anchored = parts.len() > 1 && parts[0] == "^";
    // The first slash of a path is never encoded.
    let first = usize::from(anchored);
    let slashes = parts.len() - 1;
    if slashes < first || slashes > MOST {
        return Vec::new();
    }
    let spelled = |encoded: Option<usize>| {
        let mut out = parts[0].clone();
        for (number, part) in parts.iter().enumerate().skip(1) {
            match number {
                1 if anchored && encoded.is_none() => {
                    // Slashes side by side are one.
                    out.push_str("/(?:%2F)+");
                }
                1 if anchored => out.push('/'),
                _ if encoded == Some(number) => {
                    let repeated = part.starts_with(['?', '*', '+', '{']);
                    out.push_str(if repeated { "(?:%2F)" } else { "%2F" });
                }
                _ => out.push_str(SLASH),
            }
            out.push_str(part);
        }
        out
    };
    let lead = anchored.then(|| spelled(None));
    lead.into_iter().chain((first + 1..=slashes).map(|number| spelled(Some(number)))).collect()
}

/// The parts of a pattern between its slashes that stand in no class.
fn parts(pattern: &str) -> Vec<String> {
    let (mut all, mut part) = (Vec::new(), String::new());
    let (mut escaped, mut class) = (false, false);
    for c in pattern.chars() {
        match c {
            '/' if !class => {
                // `\/` is a slash too.
                if escaped {
                    part.pop();
                }
                all.push(std::mem::take(&mut part));
            }
            c => {
                match c {
                    '[' if !escaped => class = true,
                    ']' if !escaped => class = false,
                    _ => {}
                }
                part.push(c);
            }
        }
        escaped = c == '\\' && !escaped;
    }
    all.push(part);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use wsgen_model::decode::Scalar;
    use wsgen_model::scalar::Pattern;

    #[test]
    fn one_slash_at_least_is_encoded() {
        for (pattern, fits, fails) in [
            (
                "^/admin/",
                vec!["/admin%2Fx", "/%2Fadmin/x", "/%2F%2Fadmin%2F"],
                vec!["/admin/x", "/x%2Fadmin/", "/admin"],
            ),
            ("^/a/b$", vec!["/a%2Fb", "/%2Fa/b"], vec!["/a/b", "/a%2Fbc"]),
            ("/\\.ht", vec!["/x%2F.htaccess"], vec!["/x/.ht", "/xht"]),
            ("^\\/u\\/(a|b/c)$", vec!["/u%2Fa", "/u/b%2Fc", "/u%2Fb%2Fc"], vec!["/u/c"]),
            ("\\.php$", vec![], vec!["/a.php", "/a%2Fb.php"]),
            ("^/x/?y", vec!["/x%2Fy"], vec!["/x/y", "/xz"]),
        ] {
            let all: Vec<Pattern> =
                spellings(pattern).iter().map(|text| Pattern::parse(text).unwrap()).collect();
            let any = |path: &str| all.iter().any(|pattern| pattern.is_match(path));
            for path in fits {
                assert!(any(path), "{pattern} {path}");
            }
            for path in fails {
                assert!(!any(path), "{pattern} {path}");
            }
        }
    }
}
