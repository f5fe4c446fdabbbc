//! Bounds of what a configuration may come to: variables that double each other, macros and includes grow without end.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use wsgen_model::code::Code;
use wsgen_model::source::Span;

use super::ledger::Ledger;

/// Most bytes of one value with its variables put in.
pub(crate) const LONGEST: usize = 64 << 10;

/// Most bytes of all values with their variables put in, and most bytes of included files.
const ALL: usize = 32 << 20;

/// Most bytes of files that are included once more.
const AGAIN: usize = 4 << 20;

/// Bytes that may still be made of variables, macros and includes, and the first place that asked for more.
#[derive(Debug)]
pub(crate) struct Budget {
    values: Cell<usize>,
    files: Cell<usize>,
    again: Cell<usize>,
    /// The files that were included.
    seen: RefCell<BTreeSet<String>>,
    exceeded: Cell<Option<Span>>,
    /// The directive that is being read.
    place: Cell<Span>,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            values: Cell::new(ALL),
            files: Cell::new(ALL),
            again: Cell::new(AGAIN),
            seen: RefCell::default(),
            exceeded: Cell::default(),
            place: Cell::default(),
        }
    }
}

impl Budget {
    /// Names the directive that values are made for from here on.
    pub(crate) fn at(&self, span: Span) {
        self.place.set(span);
    }

    /// Takes the bytes of one value; `false` where there are too many, and the value has to stay as it is written.
    pub(crate) fn value(&self, bytes: usize) -> bool {
        let left = self.values.get().checked_sub(bytes).filter(|_| bytes <= LONGEST);
        if let Some(left) = left {
            self.values.set(left);
        } else if self.exceeded.get().is_none() {
            self.exceeded.set(Some(self.place.get()));
        }
        left.is_some()
    }

    /// Takes the bytes of an included file; `false` where there are too many.
    pub(crate) fn file(&self, name: &str, bytes: usize) -> bool {
        let first = self.seen.borrow_mut().insert(name.to_owned());
        let kind = if first { &self.files } else { &self.again };
        let left = kind.get().checked_sub(bytes);
        kind.set(left.unwrap_or(0));
        left.is_some()
    }

    /// Whether no file is read any more.
    pub(crate) fn is_read_up(&self) -> bool {
        self.files.get() == 0 || self.again.get() == 0
    }

    /// Replaces the variables of a text by their values. `next` finds the first variable of a text: its range and what is
    /// known of it. The text stays as it is where it would grow too long.
    pub(crate) fn put_in<V: AsRef<str>>(
        &self,
        text: &str,
        mut next: impl FnMut(&str) -> Option<(std::ops::Range<usize>, Option<V>)>,
    ) -> String {
        let (mut out, mut rest, mut known) = (String::new(), text, false);
        while let Some((range, value)) = next(rest) {
            out.push_str(&rest[..range.start]);
            match &value {
                Some(value) => {
                    known = true;
                    out.push_str(value.as_ref());
                }
                None => out.push_str(&rest[range.clone()]),
            }
            rest = &rest[range.end..];
            if out.len() > LONGEST && known {
                break;
            }
        }
        if !known {
            return text.to_owned();
        }
        out.push_str(rest);
        if self.value(out.len()) { out } else { text.to_owned() }
    }

    /// Says where values were left as they are written.
    pub(crate) fn close(&self, ledger: &mut Ledger) {
        if let Some(span) = self.exceeded.get() {
            let message = format!(
                "values come to more than {LONGEST} bytes here, or to more than {ALL} bytes in all; the rest is not put in"
            );
            let help = "write such values out, or read the configuration in parts";
            ledger.say(Code::IMPORT_LIMIT, span, &message, help);
        }
    }
}

/// Says that included files are too large in all.
pub(crate) fn too_many_bytes(ledger: &mut Ledger, span: Span) {
    let message = format!(
        "included files come to more than {ALL} bytes, or to {AGAIN} of files that were read before; the rest is not read"
    );
    let help = "read the configuration in parts";
    ledger.say(Code::IMPORT_LIMIT, span, &message, help);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `$a` and `$b`, the former with a value.
    fn next(
        value: &str,
    ) -> impl FnMut(&str) -> Option<(std::ops::Range<usize>, Option<String>)> + '_ {
        move |text| {
            let at = text.find('$')?;
            let known = text[at..].starts_with("$a").then(|| value.to_owned());
            Some((at..text.len().min(at + 2), known))
        }
    }

    #[test]
    fn values_are_put_in_until_they_are_too_long() {
        let budget = Budget::default();
        assert_eq!(budget.put_in("-$a-$b-$a$", next("xy")), "-xy-$b-xy$");
        assert_eq!(budget.exceeded.get(), None);
        let long = "x".repeat(LONGEST / 2);
        assert_eq!(budget.put_in("$a$a", next(&long)).len(), LONGEST);
        assert_eq!(budget.put_in("$a$a$a$b", next(&long)), "$a$a$a$b");
        assert!(budget.exceeded.get().is_some());
        for _ in 0..ALL / long.len() {
            budget.put_in("$a", next(&long));
        }
        assert_eq!(budget.put_in("$a", next(&long)), "$a");
    }
}
