//! The texts that paths begin with (`route/starts-with`), looked up by binary search: the cost of a request grows with the
//! logarithm of their number.

/// Values by the text that a path must begin with.
#[derive(Debug, Clone)]
pub(super) struct Beginnings<T> {
    /// In the order of their texts.
    entries: Vec<Beginning<T>>,
}

#[derive(Debug, Clone)]
struct Beginning<T> {
    text: Box<str>,
    value: T,
    /// The place of the longest other text that this one begins with.
    shorter: Option<usize>,
}

// === impl Beginnings ===

impl<T> Default for Beginnings<T> {
    fn default() -> Self {
        Self { entries: Vec::new() }
    }
}

impl<T> Beginnings<T> {
    /// Builds the table. Each text stands once in the list.
    pub(super) fn new(mut list: Vec<(Box<str>, T)>) -> Self {
        list.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut entries: Vec<Beginning<T>> = Vec::with_capacity(list.len());
        for (text, value) in list {
            // In this order the texts that one begins with stand ahead of it, each being a beginning of the next.
            let mut shorter = entries.len().checked_sub(1);
            while let Some(at) = shorter
                && !text.starts_with(&*entries[at].text)
            {
                shorter = entries[at].shorter;
            }
            entries.push(Beginning { text, value, shorter });
        }
        Self { entries }
    }

    /// Returns the texts that a path begins with, the longest first, with their lengths in bytes and their values.
    pub(super) fn of<'a>(&'a self, path: &'a str) -> impl Iterator<Item = (usize, &'a T)> {
        // Every text that the path begins with is a beginning of the last text that is not behind the path.
        let last = self.entries.partition_point(|entry| *entry.text <= *path).checked_sub(1);
        std::iter::successors(last, |at| self.entries[*at].shorter)
            .map(|at| &self.entries[at])
            .filter(move |entry| path.starts_with(&*entry.text))
            .map(|entry| (entry.text.len(), &entry.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_text_comes_first() {
        let texts = ["/ws", "/w", "/ws-", "/ws/", "/ws/a", "/x", "/ws-chat", "/wt"];
        let table = Beginnings::new(texts.iter().map(|text| ((*text).into(), *text)).collect());
        for path in ["/ws-chatter", "/ws", "/ws.", "/ws/ab", "/", "/w", "/wz", "/xx", "/y", "/ws-a"]
        {
            let mut wanted: Vec<_> = texts.iter().filter(|text| path.starts_with(**text)).collect();
            wanted.sort_by_key(|text| std::cmp::Reverse(text.len()));
            let found: Vec<_> = table.of(path).map(|(_, text)| text).collect();
            assert_eq!(found, wanted, "{path}");
        }
        assert_eq!(Beginnings::<u8>::default().of("/").count(), 0);
    }
}
