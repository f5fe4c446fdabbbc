//! Directives that say nothing of what is done with requests: each dialect has a table of them, with the reasons.

use std::collections::HashMap;

/// Beginnings of directives, and why they are left out. A word that ends in `*` stands for all that begin so.
pub(crate) type Table = &'static [(&'static [&'static str], &'static str)];

/// A table that is quick to look things up in.
#[derive(Debug)]
pub(crate) struct OutOfScope {
    /// By their first words.
    exact: HashMap<&'static str, Vec<(&'static str, &'static str)>>,
    /// Those whose first word is the beginning of one.
    starts: Vec<(&'static str, &'static str)>,
}

impl OutOfScope {
    pub(crate) fn of(table: Table) -> Self {
        let (mut exact, mut starts) = (HashMap::<_, Vec<_>>::new(), Vec::new());
        for (patterns, why) in table {
            for pattern in *patterns {
                let first = pattern.split(' ').next().unwrap_or(pattern);
                if first.ends_with('*') {
                    starts.push((*pattern, *why));
                } else {
                    exact.entry(first).or_default().push((*pattern, *why));
                }
            }
        }
        Self { exact, starts }
    }

    /// Why a directive is no business of the model, if it is none.
    pub(crate) fn reason(&self, words: &[&str]) -> Option<&'static str> {
        let fits = |(pattern, _): &&(&str, &str)| {
            let mut pattern = pattern.split(' ').enumerate();
            pattern.all(|(at, wanted)| match (words.get(at), wanted.strip_suffix('*')) {
                (Some(word), Some(start)) => word.starts_with(start),
                (Some(word), None) => *word == wanted,
                (None, _) => false,
            })
        };
        let first = words.first()?;
        let exact = self.exact.get(first).and_then(|list| list.iter().find(fits));
        exact.or_else(|| self.starts.iter().find(fits)).map(|(_, why)| *why)
    }
}
