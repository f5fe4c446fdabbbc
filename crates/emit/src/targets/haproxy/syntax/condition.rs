//! Conditions and the tests in them (configuration manual, sections 7.1 and 7.2).

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::Pattern;
use wsgen_model::source::Span;

use super::sample::{Sample, shown};
use super::through;
use crate::syntax::{Parsed, Unread, Word, Words};

/// What stands behind `if` or `unless`: branches of which one must hold, each of terms that must all hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Whether it is negated as a whole.
    pub unless: bool,
    /// The branches, in order; `or` stands between them.
    pub branches: Vec<Vec<Term>>,
    /// From `if` or `unless` to the last word.
    pub span: Span,
}

/// One term of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Whether `!` stands ahead of it.
    pub negated: bool,
    /// What is tested.
    pub test: TermTest,
    /// The place of the name, or from `{` to `}`.
    pub span: Span,
}

/// What a term tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TermTest {
    /// The lines of an `acl` name, or a predefined name.
    Named(String),
    /// An anonymous test between braces.
    Test(Test),
}

/// How a value is compared with patterns (`-m`, or the ending of a name such as `path_beg`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Matcher {
    /// The sample exists.
    Found,
    /// It is true, or a number that is not 0.
    Bool,
    /// A number is within a range.
    Int,
    /// An address is within a network.
    Ip,
    /// Bytes are equal.
    Bin,
    /// The length is within a range.
    Len,
    /// The text is equal.
    Str,
    /// The text begins so.
    Beg,
    /// The text holds this somewhere.
    Sub,
    /// A part between slashes is equal.
    Dir,
    /// A part between dots, slashes and the like is equal.
    Dom,
    /// The text ends so.
    End,
    /// A regex fits somewhere.
    Reg,
}

/// One test: a sample, how it is compared, and the patterns of which one must fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    /// What is looked at.
    pub sample: Sample,
    /// How it is compared.
    pub matcher: Matcher,
    /// `-i`: letters of either case are equal.
    pub ignore_case: bool,
    /// The patterns, in order.
    pub patterns: Vec<Word>,
    /// Files of patterns (`-f`).
    pub files: Vec<Word>,
    /// From the first word to the last.
    pub span: Span,
}

/// A comparison with a number: `gt 3`, `200:299`, `5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The least number that fits.
    pub least: i64,
    /// The largest number that fits.
    pub most: i64,
}

impl Matcher {
    /// Returns whether a text fits a pattern, both as they stand. `None` where texts are not compared as a whole, at an end or
    /// somewhere within, and for a regex that the model cannot read.
    pub(crate) fn fits(self, text: &str, pattern: &str) -> Option<bool> {
        match self {
            Self::Str => Some(text == pattern),
            Self::Beg => Some(text.starts_with(pattern)),
            Self::End => Some(text.ends_with(pattern)),
            Self::Sub => Some(text.contains(pattern)),
            Self::Reg => Pattern::parse(pattern).ok().map(|regex| regex.is_match(text)),
            Self::Found
            | Self::Bool
            | Self::Int
            | Self::Ip
            | Self::Bin
            | Self::Len
            | Self::Dir
            | Self::Dom => None,
        }
    }

    /// Reads the name that stands behind `-m`, or the ending of a fetch.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "found" => Self::Found,
            "bool" => Self::Bool,
            "int" => Self::Int,
            "ip" => Self::Ip,
            "bin" => Self::Bin,
            "len" => Self::Len,
            "str" => Self::Str,
            "beg" => Self::Beg,
            "sub" => Self::Sub,
            "dir" => Self::Dir,
            "dom" => Self::Dom,
            "end" => Self::End,
            "reg" => Self::Reg,
            _ => return None,
        })
    }
}

/// Fetches that have a form with the matcher at the end of their name (`hdr_beg`).
const WITH_ENDINGS: [&str; 18] = [
    "base",
    "cook",
    "req.cook",
    "hdr",
    "req.hdr",
    "res.hdr",
    "shdr",
    "path",
    "url",
    "url_param",
    "urlp",
    "scook",
    "res.cook",
    "capture.req.uri",
    "http_first_req",
    "req.fhdr",
    "fhdr",
    "query",
];

/// Takes the matcher from the end of a fetch's name.
fn ending(name: &str) -> Option<(&str, Matcher)> {
    let (bare, end) = name.rsplit_once('_')?;
    let matcher = Matcher::parse(end).filter(|m| {
        !matches!(
            m,
            Matcher::Found
                | Matcher::Bool
                | Matcher::Int
                | Matcher::Ip
                | Matcher::Bin
                | Matcher::Str
        )
    })?;
    WITH_ENDINGS.contains(&bare).then_some((bare, matcher))
}

/// How a sample is compared where nothing is said: by its type.
fn by_type(sample: &Sample) -> Option<Matcher> {
    const NUMBERS: [&str; 10] =
        ["length", "strcmp", "bytes", "add", "sub", "mod", "mul", "div", "count", "hex2i"];
    if let Some(last) = sample.converters.last() {
        return match last.name.as_str() {
            name if NUMBERS.contains(&name) => Some(Matcher::Int),
            "bool" | "not" | "even" | "odd" => Some(Matcher::Bool),
            "ipmask" => Some(Matcher::Ip),
            _ => Some(Matcher::Str),
        };
    }
    let name = sample.fetch.name.as_str();
    let number =
        ["_cnt", "_val", "_rate", "_cur", "_port", "_size", "_len", "_conn", "nbsrv", "_rank"];
    let counter = name.starts_with("sc") && name.contains('_') || name.starts_with("src_");
    Some(match name {
        "src_is_local" | "dst_is_local" => Matcher::Bool,
        "src" | "dst" | "fc_src" | "fc_dst" => Matcher::Ip,
        name if name.ends_with("_ip") => Matcher::Ip,
        "ssl_fc" | "ssl_bc" | "ssl_c_used" | "ssl_fc_has_crt" | "ssl_fc_has_sni"
        | "always_true" | "always_false" | "http_first_req" | "srv_is_up" | "wait_end"
        | "stopping" => Matcher::Bool,
        name if name.starts_with("http_auth") && !name.ends_with("group") => Matcher::Bool,
        "status" | "be_id" | "fe_id" | "ssl_c_verify" | "rand" | "date" | "int" | "connslots"
        | "queue" | "avg_queue" | "fc_http_major" | "req.ssl_hello_type" | "req_ssl_hello_type" => {
            Matcher::Int
        }
        _ if counter || number.iter().any(|end| name.ends_with(end)) => Matcher::Int,
        "var" => return None,
        _ => Matcher::Str,
    })
}

impl Test {
    /// Reads the words of an `acl` behind its name, or those between braces.
    ///
    /// # Errors
    /// A flag, a matcher or an expression that is none; a matcher that needs patterns and has none.
    pub fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let first = words.expect("a test")?;
        let mut sample = Sample::parse(first)?;
        let mut matcher = None;
        if let Some((bare, known)) = ending(&sample.fetch.name) {
            let bare = bare.to_owned();
            sample.fetch.name = bare;
            matcher = Some(known);
        }
        let (mut ignore_case, mut files) = (false, Vec::new());
        while let Some(flag) =
            words.peek().filter(|word| word.text.starts_with('-') && !word.quoted)
        {
            match flag.text.as_str() {
                "-i" => ignore_case = true,
                "-m" => {
                    words.take();
                    matcher = Some(words.read("a matching method", Matcher::parse)?);
                    continue;
                }
                "-f" => {
                    words.take();
                    files.push(words.expect("a file")?.clone());
                    continue;
                }
                // Numeric pattern: `-1`.
                text if text[1..].starts_with(|c: char| c.is_ascii_digit()) => break,
                // Without name resolution; patterns of addresses only.
                "-n" => {}
                "--" => {
                    words.take();
                    break;
                }
                _ => return Err(Unread::word(flag)),
            }
            words.take();
        }
        let patterns = words.rest().to_vec();
        let Some(matcher) = matcher.or_else(|| by_type(&sample)) else {
            return Err(Unread::new(first.span, "a variable is compared only by `-m`"));
        };
        let none = patterns.is_empty() && files.is_empty();
        let test = Self {
            span: through(first.span, words.place()),
            sample,
            matcher,
            ignore_case,
            patterns,
            files,
        };
        match matcher {
            Matcher::Found if !none => Err(Unread::new(test.span, "`-m found` takes no pattern")),
            Matcher::Int | Matcher::Len => test.ranges().map(|_| test),
            Matcher::Found
            | Matcher::Bool
            | Matcher::Ip
            | Matcher::Bin
            | Matcher::Str
            | Matcher::Beg
            | Matcher::Sub
            | Matcher::Dir
            | Matcher::Dom
            | Matcher::End
            | Matcher::Reg => Ok(test),
        }
    }

    /// The numbers that fit: one range for each pattern.
    ///
    /// # Errors
    /// A pattern is no number, no range and no comparison.
    pub fn ranges(&self) -> Parsed<Vec<Range>> {
        let (mut all, mut operator) = (Vec::new(), "eq");
        for word in &self.patterns {
            if ["eq", "ge", "gt", "le", "lt"].contains(&word.as_str()) {
                operator = word.as_str();
                continue;
            }
            let wrong = || Unread::new(word.span, format!("`{}` is no number", shown(word)));
            let number = |text: &str| text.parse::<i64>().map_err(|_| wrong());
            let range = match word.text.split_once(':') {
                Some(("", most)) => Range { least: i64::MIN, most: number(most)? },
                Some((least, "")) => Range { least: number(least)?, most: i64::MAX },
                Some((least, most)) => Range { least: number(least)?, most: number(most)? },
                None => {
                    let value = number(&word.text)?;
                    match operator {
                        "ge" => Range { least: value, most: i64::MAX },
                        "gt" => Range { least: value.saturating_add(1), most: i64::MAX },
                        "le" => Range { least: i64::MIN, most: value },
                        "lt" => Range { least: i64::MIN, most: value.saturating_sub(1) },
                        _ => Range { least: value, most: value },
                    }
                }
            };
            all.push(range);
        }
        Ok(all)
    }

    /// The texts of the patterns, in order.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().map(Word::as_str)
    }
}

impl Condition {
    /// Reads a condition, if one stands there, up to the end of the directive.
    ///
    /// # Errors
    /// A term is not understood, or something else than a condition stands there.
    pub fn parse(words: &mut Words<'_>) -> Parsed<Option<Self>> {
        let Some(first) = words.take_any(&["if", "unless"]) else {
            words.end()?;
            return Ok(None);
        };
        let mut branches = vec![Vec::new()];
        while let Some(word) = words.peek() {
            if !word.quoted && ["or", "||"].contains(&word.as_str()) {
                words.take();
                branches.push(Vec::new());
                continue;
            }
            let term = term(words)?;
            if let Some(branch) = branches.last_mut() {
                branch.push(term);
            }
        }
        if branches.iter().any(Vec::is_empty) {
            return Err(Unread::new(words.place(), "a term of the condition is missing"));
        }
        let unless = first.text == "unless";
        Ok(Some(Self { unless, branches, span: through(first.span, words.place()) }))
    }

    /// The tests of the condition that stand between braces, and the names.
    pub fn terms(&self) -> impl Iterator<Item = &Term> {
        self.branches.iter().flatten()
    }
}

/// Reads one term.
fn term(words: &mut Words<'_>) -> Parsed<Term> {
    let first = words.expect("a term")?;
    let mut negated = false;
    let mut text = first.text.as_str();
    while let Some(rest) = text.strip_prefix('!') {
        negated = !negated;
        text = rest;
    }
    let mut word = first;
    if text.is_empty() {
        word = words.expect("a term")?;
        text = &word.text;
    }
    if text != "{" {
        // A name of letters; anything else is a slip.
        let named = !text.is_empty() && !text.contains(['{', '}', '(', ')', '!']);
        let named = named || text.strip_suffix(')').is_some_and(|text| text.contains('('));
        if !named {
            return Err(Unread::word(word));
        }
        let test = TermTest::Named(text.to_owned());
        return Ok(Term { negated, test, span: through(first.span, word.span) });
    }
    let mut inner = Vec::new();
    loop {
        let next = words.expect("a closing `}`")?;
        if next.text == "}" {
            break;
        }
        inner.push(next.clone());
    }
    let test = Test::parse(&mut Words::new(&inner, word.span))?;
    Ok(Term { negated, test: TermTest::Test(test), span: through(first.span, words.place()) })
}
