//! The search for a location (`ngx_http_core_find_location`): `=` ends it; the longest prefix is remembered, and regexes are
//! asked in the order of the file unless that prefix has `^~`; what is nested is searched within its parent alone.

use std::collections::HashSet;
use std::rc::Rc;

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::Pattern;

use super::location::{Location, Matching};
use crate::import::condition::{Clause, Condition};
use crate::import::matcher::{Common, PathMatcher};
use crate::import::pattern::of_text;

/// A location, and the requests that come to it where none of the locations ahead of it in the list takes them.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) location: Rc<Location>,
    pub(super) condition: Condition,
    /// Whether these are requests for `/path` of a location `/path/` that passes requests on: nginx redirects them.
    pub(super) to_folder: bool,
}

impl Found {
    fn of(location: &Rc<Location>, condition: Condition) -> Self {
        Self { location: location.clone(), condition, to_folder: false }
    }
}

/// The locations of one level by their kind.
struct Level<'l> {
    exact: Vec<&'l Rc<Location>>,
    /// The longest first.
    prefixes: Vec<&'l Rc<Location>>,
    regexes: Vec<&'l Rc<Location>>,
}

impl<'l> Level<'l> {
    fn of(list: &'l [Rc<Location>]) -> Self {
        let mut level = Self { exact: Vec::new(), prefixes: Vec::new(), regexes: Vec::new() };
        for location in list {
            match location.matching {
                Matching::Exact => level.exact.push(location),
                Matching::Prefix | Matching::Final => level.prefixes.push(location),
                Matching::Regex => level.regexes.push(location),
            }
        }
        level.prefixes.sort_by_key(|location| std::cmp::Reverse(location.path.len()));
        level
    }
}

/// Returns the locations of a level, nested ones included, in an order in which the first that fits is the server's.
pub(super) fn search(list: &[Rc<Location>]) -> Vec<Found> {
    let level = Level::of(list);
    let mut found: Vec<Found> = Vec::new();
    for location in &level.exact {
        found.push(Found::of(location, location.condition()));
    }
    folders(&level, &mut Vec::new(), &mut found);
    // Prefixes whose requests do not simply come behind all regexes, and those that lie below one.
    let special = |location: &&&Rc<Location>| {
        location.matching == Matching::Final && !level.regexes.is_empty() || is_early(location)
    };
    let specials: HashSet<&str> =
        level.prefixes.iter().filter(special).map(|location| location.path.as_str()).collect();
    let is_special = |location: &Rc<Location>| {
        let path = location.path.as_str();
        let mut starts = path.char_indices().map(|(at, _)| &path[..at]);
        !specials.is_empty()
            && (specials.contains(path) || starts.any(|start| specials.contains(start)))
    };
    let (first, rest): (Vec<&Rc<Location>>, Vec<&Rc<Location>>) =
        level.prefixes.iter().copied().partition(|location| is_special(location));
    for location in first {
        early(location, &mut found);
        if location.matching != Matching::Final {
            for regex in &level.regexes {
                regexes(regex, Some(location), &mut found);
            }
        }
        late(location, &mut found);
    }
    for regex in &level.regexes {
        regexes(regex, None, &mut found);
    }
    for location in rest {
        late(location, &mut found);
    }
    found
}

/// The paths of one level, and the prefix of it in which a search goes on.
struct Passed<'l> {
    exact: Rc<HashSet<&'l str>>,
    prefixes: Rc<HashSet<&'l str>>,
    prefix: &'l str,
}

impl Passed<'_> {
    /// Whether a path is one for which the search goes on in the prefix.
    fn leads_on(&self, path: &str) -> bool {
        let mut longer = (self.prefix.len() + 1..=path.len()).filter_map(|end| path.get(..end));
        !self.exact.contains(path) && !longer.any(|start| self.prefixes.contains(start))
    }
}

/// The redirects of `/path` to `/path/` (`ngx_http_core_module`, "`location`"): each ends the search. The path of a location
/// that is nested counts where the search comes that far.
fn folders<'l>(level: &Level<'l>, around: &mut Vec<Passed<'l>>, found: &mut Vec<Found>) {
    let paths = |list: &[&'l Rc<Location>]| -> Rc<HashSet<&'l str>> {
        Rc::new(list.iter().map(|location| location.path.as_str()).collect())
    };
    let (exact, prefixes) = (paths(&level.exact), paths(&level.prefixes));
    let mut redirected: HashSet<&str> = HashSet::new();
    for location in level.exact.iter().chain(&level.prefixes) {
        let bare = location.path.strip_suffix('/').filter(|bare| !bare.is_empty());
        let Some(bare) = bare.filter(|_| location.passes) else { continue };
        let is_known = exact.contains(bare) || prefixes.contains(bare);
        if is_known || !around.iter().all(|level| level.leads_on(bare)) || !redirected.insert(bare)
        {
            continue;
        }
        if let Some(path) = PathMatcher::exact(bare) {
            found.push(Found { to_folder: true, ..Found::of(location, of_path(path)) });
        }
    }
    for location in level.prefixes.iter().filter(|location| !location.nested.is_empty()) {
        let (exact, prefixes) = (exact.clone(), prefixes.clone());
        around.push(Passed { exact, prefixes, prefix: &location.path });
        folders(&Level::of(&location.nested), around, found);
        around.pop();
    }
}

/// Whether something nested in a prefix is found ahead of the regexes around it.
fn is_early(location: &Location) -> bool {
    location.nested.iter().any(|inner| match inner.matching {
        Matching::Exact | Matching::Regex => true,
        Matching::Prefix | Matching::Final => is_early(inner),
    })
}

/// What is nested in a prefix and ends the search: paths as a whole and regexes.
fn early(location: &Location, found: &mut Vec<Found>) {
    let level = Level::of(&location.nested);
    for exact in &level.exact {
        found.push(Found::of(exact, exact.condition()));
    }
    for prefix in &level.prefixes {
        early(prefix, found);
    }
    let finals: Vec<PathMatcher> = level
        .prefixes
        .iter()
        .filter(|inner| inner.matching == Matching::Final)
        .filter_map(|inner| inner.prefix())
        .collect();
    let outside = finals.iter().fold(Condition::always(), |known, path| {
        let clause = Clause { paths: vec![path.clone()], ..Clause::default() };
        known.and(&Condition::of(clause).not())
    });
    for regex in &level.regexes {
        let begin = found.len();
        regexes(regex, Some(location), found);
        for inner in found.iter_mut().skip(begin) {
            inner.condition = inner.condition.and(&outside);
        }
    }
}

/// A prefix behind the prefixes that are nested in it.
fn late(location: &Rc<Location>, found: &mut Vec<Found>) {
    for inner in Level::of(&location.nested).prefixes {
        late(inner, found);
    }
    found.push(Found::of(location, location.condition()));
}

/// A regex location behind what is nested in it, for paths below a prefix or for all.
fn regexes(regex: &Rc<Location>, scope: Option<&Location>, found: &mut Vec<Found>) {
    let own = match scope.and_then(Location::prefix).filter(|path| !path.is_root()) {
        None => regex.condition(),
        Some(prefix) => match regex.regex_matcher() {
            None => regex.condition().and(&of_path(prefix)),
            Some(pattern) => match below(&prefix, &pattern) {
                Some(condition) => condition,
                None => return,
            },
        },
    };
    for inner in search(&regex.nested) {
        found.push(Found { condition: inner.condition.and(&own), ..inner });
    }
    found.push(Found::of(regex, own));
}

fn of_path(path: PathMatcher) -> Condition {
    Condition::of(Clause { paths: vec![path], ..Clause::default() })
}

/// The paths below a prefix that a regex fits; nothing where there are none.
fn below(prefix: &PathMatcher, regex: &PathMatcher) -> Option<Condition> {
    let (PathMatcher::Prefix(text) | PathMatcher::StartsWith(text), PathMatcher::Regex(pattern)) =
        (prefix, regex)
    else {
        return Some(of_path(regex.clone()).and(&of_path(prefix.clone())));
    };
    match prefix.common(regex) {
        Common::Nothing => return None,
        Common::Both(path) => return Some(of_path(path)),
        Common::Unsaid => {}
    }
    // What a pattern begins with is not in the prefix, so that it fits behind it if it fits at all.
    let first = match pattern.strip_prefix('\\') {
        Some(escaped) => escaped.chars().next().filter(|c| !c.is_ascii_alphanumeric()),
        None => pattern.chars().next().filter(char::is_ascii_alphanumeric),
    };
    let behind = first.is_some_and(|first| !text.contains(first))
        && crate::import::pattern::branches(pattern, '|').len() == 1
        && !pattern.get(1..2).is_some_and(|next| "?*{".contains(next))
        && !pattern.get(2..3).is_some_and(|next| pattern.starts_with('\\') && "?*{".contains(next));
    let joined = behind.then(|| PathMatcher::regex(&format!("^{}.*{pattern}", of_text(text))));
    match joined.flatten() {
        Some(path) => Some(of_path(path)),
        None => Some(of_path(prefix.clone()).and(&of_path(regex.clone()))),
    }
}

/// Finds the location of a path that is known. The error is a location whose regex cannot be asked.
pub(super) fn find(
    list: &[Rc<Location>],
    path: &str,
) -> Result<Option<Rc<Location>>, Rc<Location>> {
    Ok(find_in(list, path)?.map(|(location, _)| location))
}

/// A location, and whether the search ends with it.
fn find_in(
    list: &[Rc<Location>],
    path: &str,
) -> Result<Option<(Rc<Location>, bool)>, Rc<Location>> {
    let level = Level::of(list);
    if let Some(exact) = level.exact.iter().find(|location| location.path == path) {
        return Ok(Some(((*exact).clone(), true)));
    }
    let prefix = level.prefixes.iter().find(|location| path.starts_with(&location.path));
    let mut known = None;
    if let Some(prefix) = prefix {
        known = Some(((*prefix).clone(), false));
        match find_in(&prefix.nested, path)? {
            Some(found @ (_, true)) => return Ok(Some(found)),
            Some(found) => known = Some(found),
            None => {}
        }
        if prefix.matching == Matching::Final {
            return Ok(known);
        }
    }
    for regex in &level.regexes {
        let Some(PathMatcher::Regex(pattern)) = regex.regex_matcher() else {
            return Err((*regex).clone());
        };
        let Ok(pattern) = Pattern::parse(&pattern) else { return Err((*regex).clone()) };
        if pattern.is_match(path) {
            let inner = find_in(&regex.nested, path)?;
            return Ok(Some(inner.map_or(((*regex).clone(), true), |(inner, _)| (inner, true))));
        }
    }
    Ok(known)
}

/// Returns the location `/path/` to which nginx redirects a path that is known.
pub(super) fn folder_of(list: &[Rc<Location>], path: &str) -> Option<Rc<Location>> {
    let level = Level::of(list);
    if level.exact.iter().chain(&level.prefixes).any(|location| location.path == path) {
        return None;
    }
    let is_folder = |location: &&&Rc<Location>| {
        location.passes && location.path.strip_suffix('/') == Some(path) && path.len() > 1
    };
    if let Some(folder) = level.exact.iter().chain(&level.prefixes).find(is_folder) {
        return Some((*folder).clone());
    }
    let prefix = level.prefixes.iter().find(|location| path.starts_with(&location.path))?;
    folder_of(&prefix.nested, path)
}

/// Finds the location of every path that begins with a text, where they all have the same one.
pub(super) fn find_below(list: &[Rc<Location>], text: &str) -> Option<Rc<Location>> {
    let level = Level::of(list);
    let apart = level.exact.iter().chain(&level.prefixes).any(|location| {
        location.path.starts_with(text) && location.path != text && !text.is_empty()
    });
    let exact = level.exact.iter().any(|location| location.path == text);
    let prefix = level.prefixes.iter().find(|location| text.starts_with(&location.path))?;
    let asked = prefix.matching != Matching::Final && !level.regexes.is_empty();
    if apart || exact || asked || !prefix.nested.is_empty() {
        return None;
    }
    Some((*prefix).clone())
}
