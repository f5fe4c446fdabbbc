//! Regular expressions in the subset that PCRE and RE2 read in the same way.

use std::fmt;

use regex_syntax::ast::{self, Ast};

use crate::code::Code;
use crate::decode::{Problem, Scalar, decode_scalar};
use crate::field::ScalarSpec;

/// A regular expression that PCRE and RE2 understand alike (`route/regex`): no look-around,
/// back-references, possessive or nested repetition, class arithmetic or Unicode classes. ASCII, at most
/// 1024 bytes, repetition up to 1000 (RE2's bound).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern(String);

/// What a regex rewrite puts in place of a match: text with `$1` to `$9` for the groups.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Replacement(String);

impl Pattern {
    /// The expression.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How many groups it captures.
    pub fn groups(&self) -> usize {
        let bytes = self.0.as_bytes();
        let mut class = false;
        let mut groups = 0;
        let mut at = 0;
        while at < bytes.len() {
            match bytes[at] {
                b'\\' => at += 1,
                b'[' => class = true,
                b']' => class = false,
                b'(' if !class => {
                    let named = bytes[at + 1..].starts_with(b"?P<");
                    groups += usize::from(named || bytes.get(at + 1) != Some(&b'?'));
                }
                _ => {}
            }
            at += 1;
        }
        groups
    }

    /// Whether it is found in a normal path.
    pub fn is_match(&self, path: &str) -> bool {
        let regex = regex::bytes::RegexBuilder::new(&self.0).unicode(false).build();
        regex.is_ok_and(|regex| regex.is_match(path.as_bytes()))
    }

    /// Whether it plainly matches every path.
    pub fn matches_everything(&self) -> bool {
        let body = self.0.strip_prefix('^').unwrap_or(&self.0);
        let body = body.strip_prefix('/').unwrap_or(body);
        matches!(body, "" | ".*" | ".*$" | "(.*)" | "(.*)$")
    }
}

impl Replacement {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The highest group that it uses.
    pub fn highest_group(&self) -> usize {
        self.0
            .split('$')
            .skip(1)
            .filter_map(|rest| rest.chars().next()?.to_digit(10))
            .max()
            .unwrap_or(0) as usize
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Replacement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Scalar for Pattern {
    const SPEC: ScalarSpec = ScalarSpec {
        name: "Regex",
        doc: "a regular expression in the subset that PCRE and RE2 share, at most 1024 bytes",
        examples: &["^/v[0-9]+/", "\\.php$"],
    };
    const CODE: Code = Code::BAD_REGEX;
    const QUOTED: bool = true;

    fn parse(text: &str) -> Result<Self, Problem> {
        let expected = "an expression that PCRE and RE2 read alike";
        if let Some((at, c)) = text.char_indices().find(|(_, c)| !c.is_ascii_graphic() && *c != ' ')
        {
            return Err(Problem::new(
                "a regex over paths is ASCII",
                expected,
                "normal paths hold other characters percent-encoded; match those",
            )
            .at(at..at + c.len_utf8()));
        }
        if text.is_empty() || text.len() > 1024 {
            return Err(Problem::new(
                "a regex has from 1 to 1024 bytes",
                expected,
                "match every path with `prefix: /`",
            ));
        }
        let tree = ast::parse::ParserBuilder::new().nest_limit(32).build().parse(text).map_err(
            |error| {
                let span = error.span();
                Problem::new(
                    format!("not a regex: {}", error.kind()),
                    expected,
                    advice(error.kind()),
                )
                .at(span.start.offset..span.end.offset)
            },
        )?;
        if let Some((what, span)) = foreign(&tree, text) {
            return Err(Problem::new(
                format!("{what} does not mean the same in PCRE and RE2"),
                expected,
                "write it with plain groups, classes and repetition",
            )
            .at(span.start.offset..span.end.offset));
        }
        // Compiled once here, so that a pattern too large to run is found while its place is known.
        regex::bytes::RegexBuilder::new(text).unicode(false).build().map_err(|_| {
            Problem::new("the regex is too large to run", expected, "use smaller repetition counts")
        })?;
        Ok(Self(text.to_owned()))
    }
}

fn advice(kind: &ast::ErrorKind) -> &'static str {
    match kind {
        ast::ErrorKind::UnsupportedLookAround => {
            "look-around is not in the common subset; give the other case a route of its own"
        }
        ast::ErrorKind::UnsupportedBackreference => {
            "back-references are not in the common subset; write the alternatives out"
        }
        _ => {
            "check brackets and repetition; put a backslash before a character that is meant literally"
        }
    }
}

/// The first part that the two engines read differently, and where.
fn foreign(tree: &Ast, text: &str) -> Option<(&'static str, ast::Span)> {
    match tree {
        Ast::Empty(_) | Ast::Dot(_) | Ast::ClassPerl(_) => None,
        Ast::Flags(set) => flags(&set.flags),
        Ast::Literal(literal) => literal_kind(literal, text),
        Ast::Assertion(assertion) => match assertion.kind {
            ast::AssertionKind::StartLine
            | ast::AssertionKind::EndLine
            | ast::AssertionKind::StartText
            | ast::AssertionKind::EndText
            | ast::AssertionKind::WordBoundary
            | ast::AssertionKind::NotWordBoundary => None,
            _ => Some(("this word boundary", assertion.span)),
        },
        Ast::ClassUnicode(class) => Some(("a Unicode class", class.span)),
        Ast::ClassBracketed(class) => class_set(&class.kind, text),
        Ast::Repetition(repetition) => {
            if matches!(*repetition.ast, Ast::Repetition(_)) {
                return Some(("a repetition of a repetition", repetition.op.span));
            }
            if let ast::RepetitionKind::Range(range) = &repetition.op.kind {
                let written = &text[repetition.op.span.start.offset..repetition.op.span.end.offset];
                let largest = match range {
                    ast::RepetitionRange::Exactly(n)
                    | ast::RepetitionRange::AtLeast(n)
                    | ast::RepetitionRange::Bounded(_, n) => *n,
                };
                if largest > 1000 || written.starts_with("{,") || written.contains(' ') {
                    return Some(("this repetition", repetition.op.span));
                }
            }
            foreign(&repetition.ast, text)
        }
        Ast::Group(group) => {
            let own = match &group.kind {
                ast::GroupKind::CaptureName { starts_with_p: false, .. } => {
                    Some(("a group named without P", group.span))
                }
                ast::GroupKind::NonCapturing(set) => flags(set),
                _ => None,
            };
            own.or_else(|| foreign(&group.ast, text))
        }
        Ast::Alternation(alternation) => alternation.asts.iter().find_map(|a| foreign(a, text)),
        Ast::Concat(concat) => concat.asts.iter().find_map(|a| foreign(a, text)),
    }
}

fn flags(flags: &ast::Flags) -> Option<(&'static str, ast::Span)> {
    let foreign = flags.items.iter().find(|item| {
        !matches!(
            item.kind,
            ast::FlagsItemKind::Negation
                | ast::FlagsItemKind::Flag(
                    ast::Flag::CaseInsensitive | ast::Flag::DotMatchesNewLine
                )
        )
    })?;
    Some(("this flag", foreign.span))
}

fn literal_kind(literal: &ast::Literal, text: &str) -> Option<(&'static str, ast::Span)> {
    let written = &text[literal.span.start.offset..literal.span.end.offset];
    let foreign = match &literal.kind {
        ast::LiteralKind::HexFixed(kind) => *kind != ast::HexLiteralKind::X,
        ast::LiteralKind::HexBrace(_) => !written.starts_with("\\x"),
        ast::LiteralKind::Special(ast::SpecialLiteralKind::VerticalTab) => true,
        _ => false,
    };
    foreign.then_some(("this escape", literal.span))
}

fn class_set(set: &ast::ClassSet, text: &str) -> Option<(&'static str, ast::Span)> {
    match set {
        ast::ClassSet::BinaryOp(op) => Some(("class arithmetic", op.span)),
        ast::ClassSet::Item(item) => class_item(item, text),
    }
}

fn class_item(item: &ast::ClassSetItem, text: &str) -> Option<(&'static str, ast::Span)> {
    match item {
        ast::ClassSetItem::Unicode(class) => Some(("a Unicode class", class.span)),
        ast::ClassSetItem::Bracketed(class) => Some(("a class within a class", class.span)),
        ast::ClassSetItem::Union(union) => union.items.iter().find_map(|i| class_item(i, text)),
        ast::ClassSetItem::Literal(literal) => literal_kind(literal, text),
        ast::ClassSetItem::Range(range) => {
            literal_kind(&range.start, text).or_else(|| literal_kind(&range.end, text))
        }
        ast::ClassSetItem::Empty(_) | ast::ClassSetItem::Ascii(_) | ast::ClassSetItem::Perl(_) => {
            None
        }
    }
}

impl Scalar for Replacement {
    const SPEC: ScalarSpec = ScalarSpec {
        name: "Replacement",
        doc: "a path with `$1` to `$9` for the groups, at most 1024 bytes",
        examples: &["/api/$1"],
    };
    const CODE: Code = Code::BAD_PATH;
    const QUOTED: bool = true;

    fn parse(text: &str) -> Result<Self, Problem> {
        let bad = |help: &str| {
            Problem::new(
                format!("`{}` is not a replacement", text.escape_debug()),
                "a path such as `/api/$1`",
                help,
            )
        };
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-._~%!&'()*+,;=:@$".contains(&b);
        if text.is_empty() || text.len() > 1024 || !text.bytes().all(plain) {
            return Err(bad("write path characters only, others percent-encoded"));
        }
        if !text.starts_with(['/', '$']) {
            return Err(bad("begin it with `/` or with a group"));
        }
        if text.split('$').skip(1).any(|rest| !rest.starts_with(|c: char| ('1'..='9').contains(&c)))
        {
            return Err(bad("write `$1` to `$9` for the groups, and `%24` for a dollar sign"));
        }
        Ok(Self(text.to_owned()))
    }
}

decode_scalar!(Pattern, Replacement);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_common_subset_is_taken() {
        for text in [
            "^/v[0-9]+/",
            "(a|b)*c",
            "\\.php$",
            "(?i)^/ws",
            "(?:x){2,3}?",
            "[[:alpha:]\\d-]",
            "(?P<id>\\w+)",
            "\\x41",
        ] {
            assert!(Pattern::parse(text).is_ok(), "{text}: {:?}", Pattern::parse(text));
        }
    }

    #[test]
    fn what_differs_is_refused() {
        for text in [
            "", "(?=x)", "(?<!x)y", "(a)\\1", "a++", "a**", "[a&&b]", "[a[b]]", "\\pL", "\\<a",
            "a{,5}", "a{1001}", "(?x)a b", "(?<id>a)", "\\v", "\\u0041", "(", "[", "ä", "(?m)^a",
        ] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn groups_are_counted() {
        for (text, groups) in
            [("a", 0), ("(a)(b(c))", 3), ("(?:a)(b)", 1), ("\\((a)[(]", 1), ("(?P<x>a)", 1)]
        {
            assert_eq!(Pattern::parse(text).unwrap().groups(), groups, "{text}");
        }
        assert_eq!(Replacement::parse("/a/$2/$1").unwrap().highest_group(), 2);
        for text in ["a", "/$", "/$0", "/a b", "/{x}"] {
            assert!(Replacement::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[ -~]{0,40}") {
            if let Ok(pattern) = Pattern::parse(&text) {
                let regex = regex::bytes::RegexBuilder::new(pattern.as_str()).unicode(false).build();
                prop_assert_eq!(regex.unwrap().captures_len() - 1, pattern.groups());
            }
        }
    }
}
