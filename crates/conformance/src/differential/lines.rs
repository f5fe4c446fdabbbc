//! A configuration as lines and the blocks that they make: as much of every server's syntax as it takes to leave parts of
//! a text out.

use std::ops::RangeInclusive;

/// The lines of a configuration.
#[derive(Debug, Clone)]
pub struct Lines {
    lines: Vec<String>,
    /// The last line of the block that a line opens; itself where it opens none.
    ends: Vec<usize>,
}

impl Lines {
    /// Splits a text. Blocks are `… {` to `}`, `<…>` to `</…>`, and a line at the margin with the indented lines behind it.
    pub fn of(text: &str) -> Self {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let mut ends: Vec<usize> = (0..lines.len()).collect();
        let mut open: Vec<usize> = Vec::new();
        let mut section: Option<usize> = None;
        for (at, line) in lines.iter().enumerate() {
            let trimmed = line.trim();
            let indented = line.starts_with([' ', '\t']);
            if trimmed.is_empty() || trimmed.starts_with('#') {
                continue;
            }
            if open.is_empty() && !indented {
                section = None;
            }
            if trimmed.starts_with('}') || trimmed.starts_with("</") {
                if let Some(head) = open.pop() {
                    ends[head] = at;
                }
            } else if trimmed.ends_with('{') || (trimmed.starts_with('<') && trimmed.ends_with('>'))
            {
                open.push(at);
            } else if open.is_empty() && !indented {
                section = Some(at);
            } else if let Some(head) = section.filter(|_| open.is_empty()) {
                ends[head] = at;
            }
        }
        Self { lines, ends }
    }

    /// Returns how many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is no line.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Returns a line; an empty one behind the end.
    pub fn line(&self, at: usize) -> &str {
        self.lines.get(at).map_or("", String::as_str)
    }

    /// Returns a line with the block that it opens.
    pub fn node(&self, at: usize) -> RangeInclusive<usize> {
        at..=self.ends.get(at).copied().unwrap_or(at)
    }

    /// Whether a line stands in no block.
    pub fn is_outermost(&self, at: usize) -> bool {
        !(0..at).any(|head| self.ends[head] >= at && self.ends[head] > head)
    }

    /// Returns every line that can be left out with its block, the largest blocks first.
    pub fn nodes(&self) -> Vec<RangeInclusive<usize>> {
        let closes = |line: &str| line.trim().starts_with('}') || line.trim().starts_with("</");
        let real = (0..self.len()).filter(|at| !closes(&self.lines[*at]));
        let mut all: Vec<_> = real.map(|at| self.node(at)).collect();
        all.sort_by_key(|node| (node.end() - node.start(), *node.start()));
        all.reverse();
        all
    }

    /// Returns the text without some nodes.
    pub fn without(&self, nodes: &[RangeInclusive<usize>]) -> String {
        let kept = (0..self.len()).filter(|at| !nodes.iter().any(|node| node.contains(at)));
        kept.map(|at| format!("{}\n", self.lines[at])).collect()
    }

    /// Returns the text with another line in a line's place.
    pub fn with(&self, at: usize, line: &str) -> String {
        let all = self.lines.iter().enumerate();
        all.map(|(other, known)| format!("{}\n", if other == at { line } else { known })).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_every_syntax_are_left_out_whole() {
        let text = "server {\n    location / {\n        a b;\n    }\n}\n";
        let lines = Lines::of(text);
        assert_eq!((lines.node(0), lines.node(1), lines.node(2)), (0..=4, 1..=3, 2..=2));
        assert_eq!(lines.without(&[1..=3]), "server {\n}\n");
        assert!(lines.is_outermost(0) && !lines.is_outermost(2));
        let lines = Lines::of("<V a>\nB c\n<L d>\ne\n</L>\n</V>\n");
        assert_eq!((lines.node(0), lines.node(2)), (0..=5, 2..=4));
        let lines = Lines::of("frontend a\n    bind b\n    acl c\nbackend d\n    server e\n");
        assert_eq!((lines.node(0), lines.node(3)), (0..=2, 3..=4));
        assert_eq!(lines.nodes().len(), 5);
    }
}
