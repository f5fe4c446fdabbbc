//! From the shape of a text to an even layout.

use std::ops::Range;

use super::align::align;
use super::outline::{Kind, Node, Outline};

/// Prints a text anew. Its lines end with line feeds alone.
pub(super) fn print(text: &str, outline: &Outline) -> String {
    let mut printer = Printer {
        text,
        comments: &outline.comments,
        next_comment: 0,
        out: String::with_capacity(text.len()),
        end: 0,
        levels: Vec::new(),
        trailing: Vec::new(),
    };
    if let Some(start) = outline.explicit_start {
        printer.lead(start, 0);
        printer.out.push_str("---");
        printer.end = start + 3;
    }
    if let Some(root) = &outline.root {
        if printer.is_block(root) {
            if let Some(anchor) = &root.anchor {
                printer.lead(anchor.start, 0);
                printer.token(anchor.clone());
            }
            printer.collection(root, 0, false);
        } else if !root.range.is_empty() {
            printer.lead(root.range.start, 0);
            printer.value(root, 0);
        }
    }
    printer.lead(text.len(), 0);
    let mut out = align(&printer.out, &printer.trailing);
    out.truncate(out.trim_end_matches(['\n', ' ']).len());
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

struct Printer<'a> {
    text: &'a str,
    comments: &'a [Range<usize>],
    next_comment: usize,
    out: String,
    /// One past the last byte of the text that has been printed.
    end: usize,
    /// Columns in the text and in the output of the collections around the last entry.
    levels: Vec<(usize, usize)>,
    /// Where the comments behind something begin in the output.
    trailing: Vec<usize>,
}

impl Printer<'_> {
    /// Begins a new line at an indentation for what stands at an offset, after the comments before it.
    fn lead(&mut self, offset: usize, indent: usize) {
        while let Some(comment) =
            self.comments.get(self.next_comment).filter(|c| c.start < offset).cloned()
        {
            self.next_comment += 1;
            let between = &self.text[self.end.min(comment.start)..comment.start];
            if between.contains('\n') || self.out.is_empty() {
                let indent = self.comment_indent(&comment, indent);
                self.line(comment.start, indent);
            } else {
                self.trailing.push(self.out.len());
            }
            let body = self.text[comment.clone()].trim_end();
            self.out.push_str(body);
            self.end = comment.end;
        }
        if offset < self.text.len() {
            self.line(offset, indent);
        }
    }

    /// A new line; one blank line stays where there was at least one.
    fn line(&mut self, offset: usize, indent: usize) {
        if !self.out.is_empty() {
            let between = &self.text[self.end.min(offset)..offset];
            self.out.truncate(self.out.trim_end_matches(' ').len());
            self.out.push('\n');
            if between.matches('\n').count() > 1 {
                self.out.push('\n');
            }
        }
        self.out.push_str(&" ".repeat(indent));
    }

    /// A comment of its own line keeps to the collection that it was indented with.
    fn comment_indent(&self, comment: &Range<usize>, next: usize) -> usize {
        let column = self.column(comment.start);
        self.levels
            .iter()
            .filter(|(written, _)| *written <= column)
            .map(|(_, printed)| *printed)
            .max()
            .map_or(next, |indent| indent.max(next))
    }

    fn column(&self, offset: usize) -> usize {
        let start = self.text[..offset].rfind('\n').map_or(0, |at| at + 1);
        self.text[start..offset].chars().count()
    }

    fn token(&mut self, range: Range<usize>) {
        self.out.push_str(&self.text[range.clone()]);
        self.end = range.end;
    }

    /// Prints a key and its colon. The name of an alias may have colons in it (YAML 1.2.2, section 7.1), so one behind it
    /// stands apart.
    fn key(&mut self, key: &Node) {
        self.token(key.range.clone());
        let alias = self.text[key.range.clone()].starts_with('*');
        self.out.push_str(if alias { " :" } else { ":" });
    }

    /// Whether a collection gets one line for each item: it was written so, or in brackets over several lines.
    fn is_block(&self, node: &Node) -> bool {
        match &node.kind {
            Kind::Sequence { flow, items } => {
                !items.is_empty() && (!flow || self.text[node.range.clone()].contains('\n'))
            }
            Kind::Mapping { flow, entries } => {
                !entries.is_empty() && (!flow || self.text[node.range.clone()].contains('\n'))
            }
            Kind::Plain | Kind::Block => false,
        }
    }

    /// The entries of a block collection. `inline` puts the first one on the line that has been begun.
    fn collection(&mut self, node: &Node, indent: usize, inline: bool) {
        let depth = self.levels.len();
        let mut inline = inline;
        match &node.kind {
            Kind::Sequence { items, .. } => {
                for item in items {
                    let start = self.dash(item);
                    self.begin(start, indent, depth, &mut inline);
                    self.out.push('-');
                    self.end = self.end.max((start + 1).min(item.range.start.max(start)));
                    self.after(item, indent, true);
                }
            }
            Kind::Mapping { entries, .. } => {
                for (key, value) in entries {
                    self.begin(key.range.start, indent, depth, &mut inline);
                    self.key(key);
                    self.after(value, indent, false);
                }
            }
            Kind::Plain | Kind::Block => {}
        }
    }

    fn begin(&mut self, start: usize, indent: usize, depth: usize, inline: &mut bool) {
        if !std::mem::take(inline) {
            self.lead(start, indent);
        }
        self.levels.truncate(depth);
        self.levels.push((self.column(start), indent));
    }

    /// What follows `-` or `key:`.
    fn after(&mut self, node: &Node, indent: usize, item: bool) {
        if let Some(anchor) = &node.anchor {
            self.out.push(' ');
            self.token(anchor.clone());
        }
        if self.is_block(node) {
            let first = self.first(node);
            let comment = self.comments.get(self.next_comment).is_some_and(|c| c.start < first);
            let inline = item && node.anchor.is_none() && !comment;
            if inline {
                self.out.push(' ');
            }
            self.collection(node, indent + 2, inline);
            self.end = self.end.max(node.range.end.min(self.closing(node)));
        } else if !node.range.is_empty() {
            let comment =
                self.comments.get(self.next_comment).is_some_and(|c| c.start < node.range.start);
            if comment {
                self.lead(node.range.start, indent + 2);
            } else {
                self.out.push(' ');
            }
            self.value(node, indent);
        }
    }

    /// Where the first entry of a block collection begins.
    fn first(&self, node: &Node) -> usize {
        match &node.kind {
            Kind::Sequence { items, .. } => {
                items.first().map_or(node.range.start, |item| self.dash(item))
            }
            Kind::Mapping { entries, .. } => {
                entries.first().map_or(node.range.start, |(key, _)| key.range.start)
            }
            Kind::Plain | Kind::Block => node.range.start,
        }
    }

    /// One past the closing bracket of a flow collection; where a block collection ends does not matter.
    fn closing(&self, node: &Node) -> usize {
        match node.kind {
            Kind::Sequence { flow: true, .. } | Kind::Mapping { flow: true, .. } => node.range.end,
            _ => self.end,
        }
    }

    /// The dash of an item that was written with one, else the item itself.
    fn dash(&self, item: &Node) -> usize {
        let start = item
            .anchor
            .as_ref()
            .map_or(item.range.start, |anchor| anchor.start.min(item.range.start));
        let start = if matches!(
            item.kind,
            Kind::Sequence { flow: false, .. } | Kind::Mapping { flow: false, .. }
        ) {
            self.first(item).min(start)
        } else {
            start
        };
        let mut at = start;
        // Back over blank space and comments to the dash. A comment may end with a dash of its own.
        loop {
            let before = self.text[..at].trim_end();
            let behind = self.comments.partition_point(|comment| comment.start < before.len());
            let comment = self.comments[..behind].last();
            match comment.filter(|comment| comment.end >= before.len()) {
                Some(comment) => at = comment.start,
                None if before.ends_with('-') => return before.len() - 1,
                None => return start,
            }
        }
    }

    /// A scalar, an alias, or a flow collection on one line.
    fn value(&mut self, node: &Node, indent: usize) {
        match &node.kind {
            Kind::Plain => self.scalar(node.range.clone(), indent),
            Kind::Block => self.block_scalar(node.range.clone(), indent),
            Kind::Sequence { items, .. } => {
                self.out.push('[');
                for (number, item) in items.iter().enumerate() {
                    self.separate(number);
                    self.inner(item, indent);
                }
                self.out.push(']');
            }
            Kind::Mapping { entries, .. } => {
                self.out.push('{');
                for (number, (key, value)) in entries.iter().enumerate() {
                    self.separate(number);
                    self.key(key);
                    if !value.range.is_empty() || value.anchor.is_some() {
                        self.out.push(' ');
                    }
                    self.inner(value, indent);
                }
                self.out.push('}');
            }
        }
        self.end = self.end.max(node.range.end);
        // Blank lines behind a block scalar belong to the layout, unless it keeps them.
        if matches!(node.kind, Kind::Block) {
            let text = &self.text[node.range.clone()];
            let keeps = text
                .lines()
                .next()
                .is_some_and(|header| header.starts_with(['|', '>']) && header.contains('+'));
            if !keeps {
                self.end = node.range.start + text.trim_end().len();
            }
        }
    }

    fn separate(&mut self, number: usize) {
        if number > 0 {
            self.out.push_str(", ");
        }
    }

    fn inner(&mut self, node: &Node, indent: usize) {
        if let Some(anchor) = &node.anchor {
            self.token(anchor.clone());
            self.out.push(' ');
        }
        self.value(node, indent);
    }

    /// A scalar as it stands; further lines, whose indentation means nothing, are indented evenly.
    fn scalar(&mut self, range: Range<usize>, indent: usize) {
        let mut lines = self.text[range].split('\n');
        if let Some(first) = lines.next() {
            self.out.push_str(first);
        }
        for line in lines {
            self.out.truncate(self.out.trim_end_matches([' ', '\t']).len());
            self.out.push('\n');
            let line = line.trim_start_matches([' ', '\t']);
            if !line.is_empty() {
                self.out.push_str(&" ".repeat(indent + 2));
                self.out.push_str(line);
            }
        }
    }

    /// A scalar after `|` or `>`: its lines move together.
    fn block_scalar(&mut self, range: Range<usize>, indent: usize) {
        let text = &self.text[range.clone()];
        let (header, body) = text.split_once('\n').unwrap_or((text, ""));
        let marks: String = header.chars().take_while(|c| "|>+-0123456789".contains(*c)).collect();
        let explicit = marks.chars().find_map(|c| c.to_digit(10));
        let body_start = range.start + header.len() + 1;
        // The column that the text begins at: of its first line with something on it, or as the header says.
        let first = body.lines().find(|line| !line.trim_matches(' ').is_empty()).unwrap_or("");
        let spaces = first.len() - first.trim_start_matches(' ').len();
        let parent = self.levels.last().map_or(0, |(written, _)| *written);
        let column = explicit.map_or(spaces, |digit| parent + digit as usize);
        self.out.push_str(&marks.replace(|c: char| c.is_ascii_digit(), "2"));
        if let Some(comment) = self
            .comments
            .get(self.next_comment)
            .filter(|c| c.start < body_start && c.start >= range.start)
            .cloned()
        {
            self.next_comment += 1;
            self.trailing.push(self.out.len());
            self.out.push_str(self.text[comment].trim_end());
        }
        let keep = marks.contains('+');
        let body = if keep {
            body.trim_end_matches(' ').strip_suffix('\n').unwrap_or(body)
        } else {
            body.trim_end_matches(['\n', ' '])
        };
        if body.is_empty() && !keep {
            return;
        }
        for line in body.split('\n') {
            let blank = line.len() - line.trim_start_matches(' ').len();
            let rest = &line[blank.min(column)..];
            self.out.push('\n');
            if !rest.is_empty() {
                self.out.push_str(&" ".repeat(indent + 2));
                self.out.push_str(rest);
            }
        }
    }
}
