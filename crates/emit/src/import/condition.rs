//! Conditions of rules, in disjunctive form: the requests for which a rule holds.
//!
//! A condition never gets narrower than what the server tests. What the model has no word for makes a clause
//! `partly_read`: its other terms still hold, and the rule gets a placeholder for all of these requests.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{HeaderName, HeaderValue, Hostname, Method, Token};

use super::entry::Entry;
use super::hostnames::covers_host;
use super::matcher::{Common, PathMatcher};

/// One clause of a condition: what a request must be, all at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Clause {
    /// Host names and wildcards, of which one must fit; any host where empty.
    pub(crate) hosts: Vec<String>,
    /// Host names and wildcards, of which none may fit.
    pub(crate) not_hosts: Vec<String>,
    /// Path matchers, of which one must fit; any path where empty.
    pub(crate) paths: Vec<PathMatcher>,
    /// Path matchers, of which none may fit.
    pub(crate) not_paths: Vec<PathMatcher>,
    /// Methods, of which one must fit; any method where empty.
    pub(crate) methods: Vec<String>,
    /// Request fields with their values, or without one where any value will do.
    pub(crate) headers: Vec<(String, Option<String>)>,
    /// Query parameters with their values, or without one where any value will do.
    pub(crate) query: Vec<(String, Option<String>)>,
    /// Entries of one term each that requests must not fit.
    pub(crate) not_entries: Vec<Entry>,
    /// Whether a WebSocket is asked for, where that is tested.
    pub(crate) websocket: Option<bool>,
    /// Whether the client came by TLS, where that is tested.
    pub(crate) tls: Option<bool>,
    /// Whether the server tests more than the terms above say, so that only some of these requests are meant.
    pub(crate) partly_read: bool,
}

/// The clauses of which one must hold; none is never.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition(Vec<Clause>);

/// Returns what two lists have in common, of which one value each must fit; an empty list fits everything. Nothing where
/// no value fits both.
fn common<T: Clone + PartialEq>(
    one: &[T],
    two: &[T],
    mut meet: impl FnMut(&T, &T) -> Option<T>,
) -> Option<Vec<T>> {
    if one.is_empty() || two.is_empty() || one == two {
        return Some(if one.is_empty() { two.to_vec() } else { one.to_vec() });
    }
    let mut all: Vec<T> = Vec::new();
    for value in one {
        for other in two {
            let value = meet(value, other);
            all.extend(value.filter(|value| !all.contains(value)));
        }
    }
    (!all.is_empty()).then_some(all)
}

/// Returns the name or wildcard of which both are (`route/host-form`).
pub(crate) fn common_host(one: &str, two: &str) -> Option<String> {
    if covers_host(two, one) {
        return Some(one.to_owned());
    }
    covers_host(one, two).then(|| two.to_owned())
}

/// The most clauses that are told apart; a condition with more is partly read.
const MOST: usize = 64;

impl Clause {
    /// Whether each term is one that a model can hold.
    fn is_writable(&self) -> bool {
        let value = |value: &Option<String>| {
            value.as_ref().is_none_or(|text| HeaderValue::parse(text).is_ok())
        };
        self.hosts.iter().chain(&self.not_hosts).all(|host| Hostname::parse(host).is_ok())
            && self.methods.iter().all(|method| Method::parse(method).is_ok())
            && self
                .headers
                .iter()
                .all(|(name, text)| HeaderName::parse(name).is_ok() && value(text))
            && self.query.iter().all(|(name, text)| Token::parse(name).is_ok() && value(text))
            && self.not_entries.iter().all(|entry| Self::of_entry(entry).is_writable())
    }

    /// Returns the clause of an entry without a path.
    fn of_entry(entry: &Entry) -> Self {
        let Entry { methods, headers, query, .. } = entry.clone();
        Self { methods, headers, query, ..Self::default() }
    }

    /// Returns the entry of the clause's methods, fields and parameters.
    fn entry(&self) -> Entry {
        let Self { methods, headers, query, .. } = self.clone();
        Entry { methods, headers, query, ..Entry::default() }
    }

    /// Takes terms out that a model cannot hold; the clause is partly read then.
    fn writable(mut self) -> Self {
        if self.is_writable() {
            return self;
        }
        let empty = Self::default();
        for part in [
            Self { hosts: std::mem::take(&mut self.hosts), ..empty.clone() },
            Self { not_hosts: std::mem::take(&mut self.not_hosts), ..empty.clone() },
            Self { methods: std::mem::take(&mut self.methods), ..empty.clone() },
            Self { headers: std::mem::take(&mut self.headers), ..empty.clone() },
            Self { not_entries: std::mem::take(&mut self.not_entries), ..empty.clone() },
            Self { query: std::mem::take(&mut self.query), ..empty },
        ] {
            if !part.is_writable() {
                self.partly_read = true;
                continue;
            }
            self.hosts.extend(part.hosts);
            self.not_hosts.extend(part.not_hosts);
            self.methods.extend(part.methods);
            self.headers.extend(part.headers);
            self.query.extend(part.query);
            self.not_entries.extend(part.not_entries);
        }
        self
    }

    /// The requests of both clauses; nothing where no request is in both.
    fn and(&self, other: &Self) -> Option<Self> {
        let mut both = self.clone();
        both.partly_read |= other.partly_read;
        both.hosts = common(&self.hosts, &other.hosts, |one, two| common_host(one, two))?;
        both.methods =
            common(&self.methods, &other.methods, |one, two| (one == two).then(|| one.clone()))?;
        both.paths = common(&self.paths, &other.paths, |one, two| match one.common(two) {
            Common::Nothing => None,
            Common::Both(path) => Some(path),
            Common::Unsaid => {
                both.partly_read = true;
                // All that one of them fits is more than both do.
                Some(one.clone())
            }
        })?;
        let add = |own: &mut Vec<String>, more: &[String]| {
            own.extend(more.iter().filter(|value| !self.not_hosts.contains(value)).cloned());
        };
        add(&mut both.not_hosts, &other.not_hosts);
        both.not_paths
            .extend(other.not_paths.iter().filter(|path| !self.not_paths.contains(path)).cloned());
        for (own, more) in [(&mut both.headers, &other.headers), (&mut both.query, &other.query)] {
            for pair in more {
                if own.contains(pair) {
                    continue;
                }
                // One name with two values, or with any and one: the first stays.
                if own.iter().any(|(name, _)| name.eq_ignore_ascii_case(&pair.0)) {
                    both.partly_read = true;
                } else {
                    own.push(pair.clone());
                }
            }
        }
        let more = other.not_entries.iter().filter(|entry| !self.not_entries.contains(entry));
        both.not_entries.extend(more.cloned());
        for entry in std::mem::take(&mut both.not_entries) {
            if !entry.methods.is_empty() && !both.methods.is_empty() {
                both.methods.retain(|method| !entry.methods.contains(method));
                if both.methods.is_empty() {
                    return None;
                }
            } else if both.entry().is_within(&entry) {
                return None;
            } else {
                both.not_entries.push(entry);
            }
        }
        // What is excluded is not among what must fit.
        let (any_host, any_path) = (both.hosts.is_empty(), both.paths.is_empty());
        both.hosts.retain(|host| !both.not_hosts.iter().any(|not| covers_host(not, host)));
        both.paths.retain(|path| !both.not_paths.iter().any(|not| not.covers(path)));
        if both.hosts.is_empty() != any_host || both.paths.is_empty() != any_path {
            return None;
        }
        for (own, more) in [(&mut both.websocket, other.websocket), (&mut both.tls, other.tls)] {
            if own.zip(more).is_some_and(|(own, more)| own != more) {
                return None;
            }
            *own = own.or(more);
        }
        Some(both)
    }

    /// The requests that are not of this clause, told exactly: one clause for each of its terms.
    fn complement(&self) -> Condition {
        let terms =
            Self { methods: Vec::new(), headers: Vec::new(), query: Vec::new(), ..self.clone() };
        let mut all = if terms == Self::default() { Vec::new() } else { terms.not().0 };
        let fields = self.headers.iter().cloned();
        let fields = fields.map(|pair| Entry { headers: vec![pair], ..Entry::default() });
        let query = self.query.iter().cloned();
        let query = query.map(|pair| Entry { query: vec![pair], ..Entry::default() });
        let methods = Entry { methods: self.methods.clone(), ..Entry::default() };
        let methods = Some(methods).filter(|entry| !entry.methods.is_empty());
        let not = |entry: Entry| Self { not_entries: vec![entry], ..Self::default() };
        all.extend(methods.into_iter().chain(fields).chain(query).map(not));
        Condition(all).bounded()
    }

    /// The requests that are not of this clause: one clause for each of its terms.
    fn not(&self) -> Condition {
        let mut all = Vec::new();
        let empty = Self::default();
        if !self.hosts.is_empty() {
            all.push(Self { not_hosts: self.hosts.clone(), ..empty.clone() });
        }
        if !self.paths.is_empty() {
            all.push(Self { not_paths: self.paths.clone(), ..empty.clone() });
        }
        if !self.not_hosts.is_empty() {
            all.push(Self { hosts: self.not_hosts.clone(), ..empty.clone() });
        }
        if !self.not_paths.is_empty() {
            all.push(Self { paths: self.not_paths.clone(), ..empty.clone() });
        }
        all.extend(self.not_entries.iter().map(Self::of_entry));
        if let Some(websocket) = self.websocket {
            all.push(Self { websocket: Some(!websocket), ..empty.clone() });
        }
        if let Some(tls) = self.tls {
            all.push(Self { tls: Some(!tls), ..empty.clone() });
        }
        // The model has no word for another method, field or parameter than these.
        let unsaid = !self.methods.is_empty() || !self.headers.is_empty() || !self.query.is_empty();
        if unsaid || self.partly_read {
            all.push(Self { partly_read: true, ..empty });
        }
        Condition(all).bounded()
    }
}

impl Condition {
    /// The condition that every request meets.
    pub(crate) fn always() -> Self {
        Self(vec![Clause::default()])
    }

    /// The condition that no request meets.
    pub(crate) fn never() -> Self {
        Self(Vec::new())
    }

    /// A condition that the model has no word for: some requests meet it.
    pub(crate) fn unread() -> Self {
        Self(vec![Clause { partly_read: true, ..Clause::default() }])
    }

    /// The condition of one clause; its terms that a model cannot hold make it partly read.
    pub(crate) fn of(clause: Clause) -> Self {
        Self(vec![clause.writable()])
    }

    /// The clauses, each with the requests that it is for.
    pub(crate) fn clauses(&self) -> &[Clause] {
        &self.0
    }

    /// Whether no request meets it.
    pub(crate) fn is_never(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every request meets it.
    pub(crate) fn is_always(&self) -> bool {
        self.0.contains(&Clause::default())
    }

    /// Whether the condition excludes methods, fields or parameters.
    pub(crate) fn excludes_entries(&self) -> bool {
        self.0.iter().any(|clause| !clause.not_entries.is_empty())
    }

    /// Whether the model says all of it.
    pub(crate) fn is_read(&self) -> bool {
        self.0.iter().all(|clause| !clause.partly_read)
    }

    /// The requests that meet either.
    pub(crate) fn or(&self, other: &Self) -> Self {
        Self([self.0.as_slice(), other.0.as_slice()].concat()).bounded()
    }

    /// The requests that meet both.
    pub(crate) fn and(&self, other: &Self) -> Self {
        if self.0.len().saturating_mul(other.0.len()) > MOST * MOST {
            return Self::unread();
        }
        let both = self.0.iter().flat_map(|one| other.0.iter().map(move |more| (one, more)));
        Self(both.filter_map(|(one, more)| one.and(more)).collect()).bounded()
    }

    /// The requests that do not meet it.
    pub(crate) fn not(&self) -> Self {
        let all = self.0.iter().map(Clause::not);
        all.fold(Self::always(), |known, clause| known.and(&clause))
    }

    /// The requests that do not meet it, told exactly: what is excluded of methods, fields and parameters goes to the rules
    /// behind.
    pub(crate) fn complement(&self) -> Self {
        let all = self.0.iter().map(Clause::complement);
        all.fold(Self::always(), |known, clause| known.and(&clause))
    }

    /// The same condition without what it says twice; partly read where it has too many clauses.
    fn bounded(self) -> Self {
        let mut all: Vec<Clause> = Vec::new();
        for clause in self.0 {
            if !all.contains(&clause) {
                all.push(clause);
            }
        }
        if all.contains(&Clause::default()) {
            return Self::always();
        }
        if all.len() > MOST {
            return Self::unread();
        }
        Self(all)
    }
}

#[cfg(test)]
mod tests;
