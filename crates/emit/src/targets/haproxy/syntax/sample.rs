//! Sample expressions: a fetch, its arguments, and converters behind it (configuration manual, section 7.3).

use wsgen_model::source::Span;

use crate::syntax::{Parsed, Unread, Word};

/// A name with its arguments: `req.hdr(host,-1)`, `lower`, `regsub(^/a,/b)`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Call {
    /// The name of the fetch or converter.
    pub name: String,
    /// The arguments, without their quotes.
    pub args: Vec<String>,
}

/// A sample expression: `req.hdr(host),lower,field(1,:)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// What is looked at.
    pub fetch: Call,
    /// What is made of it, in order.
    pub converters: Vec<Call>,
    /// The place of the word that holds the expression.
    pub span: Span,
}

impl Call {
    /// Returns a call by its name and arguments.
    pub fn new(name: &str, args: &[&str]) -> Self {
        Self { name: name.to_owned(), args: args.iter().map(|arg| (*arg).to_owned()).collect() }
    }

    /// Returns one argument; an empty text where there is none.
    pub fn arg(&self, at: usize) -> &str {
        self.args.get(at).map_or("", String::as_str)
    }

    /// Whether it is a call of this name with exactly these arguments.
    pub fn is(&self, name: &str, args: &[&str]) -> bool {
        self.name == name && self.args == args
    }
}

impl Sample {
    /// Reads one word as an expression.
    ///
    /// # Errors
    /// A text stands behind the expression, or a parenthesis or quote is not closed.
    pub fn parse(word: &Word) -> Parsed<Self> {
        match Self::prefix(&word.text, word.span) {
            Some((sample, "")) => Ok(sample),
            _ => Err(Unread::new(word.span, format!("`{}` is no sample expression", shown(word)))),
        }
    }

    /// Reads the expression that a text begins with. Returns it and the text behind it.
    pub(super) fn prefix(text: &str, span: Span) -> Option<(Self, &str)> {
        let (fetch, mut rest) = call(text)?;
        let mut converters = Vec::new();
        while let Some(next) = rest.strip_prefix(',') {
            let (converter, behind) = call(next)?;
            converters.push(converter);
            rest = behind;
        }
        Some((Self { fetch, converters, span }, rest))
    }

    /// The text of an expression that is a constant: `str(a)`, `int(1)`, `bool(true)`.
    pub fn constant(&self) -> Option<&str> {
        let constant = ["str", "int", "bool"].contains(&self.fetch.name.as_str());
        (constant && self.converters.is_empty() && self.fetch.args.len() == 1)
            .then(|| self.fetch.arg(0))
    }

    /// The name of the variable that the expression reads.
    pub fn variable(&self) -> Option<&str> {
        (self.fetch.name == "var").then(|| self.fetch.arg(0))
    }
}

/// The beginning of a word, for messages.
pub(super) fn shown(word: &Word) -> String {
    word.text.chars().take(60).collect()
}

/// Reads one name and its arguments.
fn call(text: &str) -> Option<(Call, &str)> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "_.-".contains(c)));
    let (name, rest) = text.split_at(end.unwrap_or(text.len()));
    if name.is_empty() {
        return None;
    }
    let mut call = Call { name: name.to_owned(), args: Vec::new() };
    let Some(inner) = rest.strip_prefix('(') else { return Some((call, rest)) };
    let mut arg = String::new();
    let mut quote: Option<char> = None;
    let mut chars = inner.char_indices();
    while let Some((at, c)) = chars.next() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => quote = Some(c),
            // Within an argument a backslash escapes marks of arguments alone; regexes have many others.
            ('\\', None | Some('"')) => match chars.next() {
                Some((_, next)) if ",)\"' ".contains(next) => arg.push(next),
                Some((_, next)) => arg.extend(['\\', next]),
                None => return None,
            },
            (',', None) => call.args.push(std::mem::take(&mut arg)),
            (')', None) => {
                // `date()` has no argument.
                if !(call.args.is_empty() && arg.is_empty()) {
                    call.args.push(arg);
                }
                return Some((call, &inner[at + 1..]));
            }
            (c, _) => arg.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Parsed<Sample> {
        Sample::parse(&Word::new(text, Span::default()))
    }

    #[test]
    fn expressions_are_calls_in_a_row() {
        let sample = parse("req.hdr(Host),field(1,:),lower").unwrap();
        assert!(sample.fetch.is("req.hdr", &["Host"]));
        assert_eq!(sample.converters, [Call::new("field", &["1", ":"]), Call::new("lower", &[])]);
        let sample = parse("path,regsub(^/x,)").unwrap();
        assert_eq!(sample.converters, [Call::new("regsub", &["^/x", ""])]);
        let sample = parse("ssl_fc,iif('a,b',\"c)\")").unwrap();
        assert_eq!(sample.converters, [Call::new("iif", &["a,b", "c)"])]);
        assert_eq!(parse("str(a)").unwrap().constant(), Some("a"));
        assert_eq!(parse("var(txn.x),lower").unwrap().variable(), Some("txn.x"));
        for wrong in ["", "hdr(a", "hdr(a)b", "a,,b", "(a)"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
