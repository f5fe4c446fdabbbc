//! One entry of a route's `match`.

use super::draft::Draft;
use super::matcher::{Common, PathMatcher};

/// One entry of a `match`: what a request must be, all at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) path: Option<PathMatcher>,
    pub(crate) methods: Vec<String>,
    pub(crate) headers: Vec<(String, Option<String>)>,
    pub(crate) query: Vec<(String, Option<String>)>,
    /// Whether it is for WebSockets alone.
    pub(crate) websocket: bool,
}

impl Entry {
    /// Returns the entry of the requests of both.
    pub(super) fn common(&self, other: &Self) -> Common<Self> {
        let path = match (&self.path, &other.path) {
            (path, None) | (None, path) => path.clone(),
            (Some(one), Some(two)) => match one.common(two) {
                Common::Nothing => return Common::Nothing,
                Common::Both(path) => Some(path),
                Common::Unsaid => return Common::Unsaid,
            },
        };
        let methods = match (self.methods.as_slice(), other.methods.as_slice()) {
            (own, []) => own.to_vec(),
            ([], other) => other.to_vec(),
            (own, other) => own.iter().filter(|method| other.contains(method)).cloned().collect(),
        };
        if methods.is_empty() && !(self.methods.is_empty() && other.methods.is_empty()) {
            return Common::Nothing;
        }
        let fields = both(&self.headers, &other.headers).zip(both(&self.query, &other.query));
        let Some((headers, query)) = fields else { return Common::Unsaid };
        let websocket = self.websocket || other.websocket;
        Common::Both(Self { path, methods, headers, query, websocket })
    }

    /// Returns whether all requests of this entry are certain to be requests of another one too.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        let mut own = self.clone();
        sort(&mut own.headers);
        sort(&mut own.query);
        own.common(other) == Common::Both(own)
    }

    /// The entry as an element of `match`.
    pub(crate) fn draft(&self) -> Draft {
        let mut entry = Draft::map();
        if let Some(path) = &self.path {
            entry.set(&["path"], path.draft());
        }
        if !self.methods.is_empty() {
            entry.set(&["methods"], self.methods.clone());
        }
        let fields = self.headers.iter().map(|pair| ("headers", pair));
        for (kind, (name, value)) in fields.chain(self.query.iter().map(|pair| ("query", pair))) {
            let value = value.clone().map_or_else(|| Draft::Plain("null".into()), Draft::from);
            entry.set(&[kind, name], value);
        }
        if self.websocket {
            entry.set(&["upgrade"], "websocket");
        }
        entry
    }
}

/// Fields of both lists; nothing where a name has two values.
fn both(
    one: &[(String, Option<String>)],
    two: &[(String, Option<String>)],
) -> Option<Vec<(String, Option<String>)>> {
    let mut all = one.to_vec();
    for (name, value) in two {
        match all.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            None => all.push((name.clone(), value.clone())),
            Some((_, known)) if known == value || value.is_none() => {}
            Some((_, known @ None)) => known.clone_from(value),
            Some(_) => return None,
        }
    }
    sort(&mut all);
    Some(all)
}

/// Brings fields or parameters into the one order that entries are compared in.
pub(super) fn sort(list: &mut [(String, Option<String>)]) {
    list.sort_by(|(one, _), (other, _)| one.cmp(other));
}
