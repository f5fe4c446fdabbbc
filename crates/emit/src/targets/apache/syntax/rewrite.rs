//! `mod_rewrite`: conditions, rules and all of their flags (its manual page, and `RewriteRule` flags).

use self::Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
use super::expression::Expression;
use super::template::Template;
use crate::syntax::{Parsed, Unread, Word, Words};

/// `RewriteCond TEST PATTERN [FLAGS]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RewriteCond {
    /// What is tested.
    pub test: Template,
    /// What it is compared with.
    pub pattern: CondPattern,
    /// Whether `!` stands ahead of the pattern.
    pub negated: bool,
    /// `[NC]`: letters of either case are alike.
    pub no_case: bool,
    /// `[OR]`: this condition or the next.
    pub or: bool,
}

/// What a condition compares its test string with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CondPattern {
    /// A regex that is looked for.
    Regex(String),
    /// `=text`, and other comparisons of texts.
    Compare(Comparison, String),
    /// `-eq 5`, and other comparisons of numbers.
    Number(Comparison, i64),
    /// `-f`, `-d` and the like: a test of a file or of a sub-request.
    File(char),
    /// `RewriteCond expr "…"`.
    Expression(Box<Expression>),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Both are the same.
    Equal,
    /// They are not the same.
    NotEqual,
    /// The first is smaller.
    Less,
    /// The first is not larger.
    LessOrEqual,
    /// The first is larger.
    Greater,
    /// The first is not smaller.
    GreaterOrEqual,
}

impl RewriteCond {
    pub(super) fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let subject = words.expect("a test string")?;
        let pattern = words.expect("a pattern")?;
        let (mut no_case, mut or) = (false, false);
        if let Some(flags) = words.take() {
            for flag in flags_of(flags)? {
                match flag.to_ascii_uppercase().as_str() {
                    "NC" | "NOCASE" => no_case = true,
                    "OR" | "ORNEXT" => or = true,
                    // Whether caches are told of it.
                    "NV" | "NOVARY" => {}
                    _ => {
                        let why = format!("`{flag}` is no flag of `RewriteCond`");
                        return Err(Unread::new(flags.span, why));
                    }
                }
            }
        }
        if subject.text.eq_ignore_ascii_case("expr") {
            let expression = Expression::parse(pattern)?;
            let pattern = CondPattern::Expression(Box::new(expression));
            return Ok(Self { test: Template::default(), pattern, negated: false, no_case, or });
        }
        let (negated, text) = match pattern.text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, pattern.text.as_str()),
        };
        let pattern = cond_pattern(text, pattern)?;
        Ok(Self { test: Template::parse(&subject.text), pattern, negated, no_case, or })
    }
}

fn cond_pattern(text: &str, word: &Word) -> Parsed<CondPattern> {
    let compare = |how, text: &str| {
        // A pair of quotes is the empty text.
        let text = if text == "\"\"" { "" } else { text };
        Ok(CondPattern::Compare(how, text.to_owned()))
    };
    let bare = text.trim_end_matches(['\r', '\n']);
    if let Some(rest) = bare.strip_prefix('-') {
        for (name, how) in [
            ("eq", Equal),
            ("ne", NotEqual),
            ("lt", Less),
            ("le", LessOrEqual),
            ("gt", Greater),
            ("ge", GreaterOrEqual),
        ] {
            if let Some(number) = rest.strip_prefix(name) {
                let number = number.trim().parse().map_err(|_| Unread::word(word))?;
                return Ok(CondPattern::Number(how, number));
            }
        }
        let mut letters = rest.chars();
        return match (letters.next(), letters.next()) {
            (Some(kind), None) if "fdsxlhLFU".contains(kind) => Ok(CondPattern::File(kind)),
            (Some(_), None) => Err(Unread::word(word)),
            _ => Ok(CondPattern::Regex(text.to_owned())),
        };
    }
    // The server compares texts only where it does not look for a regex.
    match (bare.get(..2), bare.chars().next()) {
        (Some("<="), _) => compare(LessOrEqual, &bare[2..]),
        (Some(">="), _) => compare(GreaterOrEqual, &bare[2..]),
        (_, Some('<')) => compare(Less, &bare[1..]),
        (_, Some('>')) => compare(Greater, &bare[1..]),
        (_, Some('=')) => compare(Equal, &bare[1..]),
        _ => Ok(CondPattern::Regex(text.to_owned())),
    }
}

/// `RewriteRule PATTERN SUBSTITUTION [FLAGS]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RewriteRule {
    /// The regex, without `!`.
    pub pattern: String,
    /// Whether `!` stands ahead of it.
    pub negated: bool,
    /// What takes the place of the path; nothing for `-`.
    pub substitution: Option<Template>,
    /// The flags.
    pub flags: RuleFlags,
}

/// What a rule does with a variable: `E=NAME:VALUE`, `E=!NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvSet {
    /// The variable.
    pub name: String,
    /// Its value; nothing where it is taken away.
    pub value: Option<Template>,
}

/// The flags of a rule.
#[allow(clippy::struct_excessive_bools, reason = "a flag is there or is not")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleFlags {
    /// `B`: groups are percent-encoded.
    pub escape_groups: bool,
    /// `C`: without a match the rules of this chain are skipped.
    pub chain: bool,
    /// `CO=…`: a cookie is set.
    pub cookie: Option<String>,
    /// `DPI`
    pub discard_path: bool,
    /// `E=…`, each.
    pub env: Vec<EnvSet>,
    /// `END`: no more rules, nor those of directories and locations.
    pub end: bool,
    /// `F`
    pub forbidden: bool,
    /// `G`
    pub gone: bool,
    /// `H=…`
    pub handler: Option<String>,
    /// `L`
    pub last: bool,
    /// `N`, `N=32000`
    pub next: bool,
    /// `NC`
    pub no_case: bool,
    /// `NE`
    pub no_escape: bool,
    /// `P`
    pub proxy: bool,
    /// `PT`
    pub pass_through: bool,
    /// `QSA`
    pub query_append: bool,
    /// `QSD`
    pub query_discard: bool,
    /// `QSL`
    pub query_last: bool,
    /// `R`, `R=301`, with its status.
    pub redirect: Option<u16>,
    /// `S=2`
    pub skip: Option<u32>,
    /// `T=…`
    pub mime_type: Option<String>,
}

impl RewriteRule {
    pub(super) fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let pattern = words.expect("a pattern")?;
        let substitution = words.expect("a substitution")?;
        let flags = match words.take() {
            Some(word) => RuleFlags::parse(word)?,
            None => RuleFlags::default(),
        };
        let (negated, pattern) = match pattern.text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, pattern.text.as_str()),
        };
        let substitution = (substitution.text != "-").then(|| Template::parse(&substitution.text));
        Ok(Self { pattern: pattern.to_owned(), negated, substitution, flags })
    }
}

impl RuleFlags {
    fn parse(word: &Word) -> Parsed<Self> {
        let mut flags = Self::default();
        for flag in flags_of(word)? {
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (flag, None),
            };
            let unread = || Unread::new(word.span, format!("`{flag}` is no flag of `RewriteRule`"));
            match (name.to_ascii_uppercase().as_str(), value) {
                ("B" | "BCTLS" | "BNE" | "BNP", _) => flags.escape_groups = true,
                ("C" | "CHAIN", None) => flags.chain = true,
                ("CO" | "COOKIE", Some(value)) => flags.cookie = Some(value.to_owned()),
                ("DPI" | "DISCARDPATH", None) => flags.discard_path = true,
                ("E" | "ENV", Some(value)) => flags.env.push(EnvSet::parse(value)),
                ("END", None) => flags.end = true,
                ("F" | "FORBIDDEN", None) => flags.forbidden = true,
                ("G" | "GONE", None) => flags.gone = true,
                ("H" | "HANDLER", Some(value)) => flags.handler = Some(value.to_owned()),
                ("L" | "LAST", None) => flags.last = true,
                ("N" | "NEXT", _) => flags.next = true,
                ("NC" | "NOCASE", None) => flags.no_case = true,
                ("NE" | "NOESCAPE", None) => flags.no_escape = true,
                ("P" | "PROXY", None) => flags.proxy = true,
                ("PT" | "PASSTHROUGH", None) => flags.pass_through = true,
                ("QSA" | "QSAPPEND", None) => flags.query_append = true,
                ("QSD" | "QSDISCARD", None) => flags.query_discard = true,
                ("QSL" | "QSLAST", None) => flags.query_last = true,
                ("R" | "REDIRECT", None) => flags.redirect = Some(302),
                ("R" | "REDIRECT", Some(value)) => {
                    flags.redirect = Some(status(value).ok_or_else(unread)?);
                }
                ("S" | "SKIP", Some(value)) => {
                    flags.skip = Some(value.parse().map_err(|_| unread())?);
                }
                ("T" | "TYPE", Some(value)) => flags.mime_type = Some(value.to_owned()),
                // Sub-requests are none of clients; what the server refuses without the others, it takes with them.
                ("NS" | "NOSUBREQ" | "UNSAFEALLOW3F" | "UNSAFEPREFIXSTAT" | "UNC", None) => {}
                _ => return Err(unread()),
            }
        }
        Ok(flags)
    }
}

impl EnvSet {
    fn parse(text: &str) -> Self {
        if let Some(name) = text.strip_prefix('!') {
            return Self { name: name.to_owned(), value: None };
        }
        let (name, value) = text.split_once(':').unwrap_or((text, ""));
        Self { name: name.to_owned(), value: Some(Template::parse(value)) }
    }
}

/// `permanent`, `temp`, `seeother` or a number.
fn status(text: &str) -> Option<u16> {
    match text.to_ascii_lowercase().as_str() {
        "permanent" => Some(301),
        "temp" => Some(302),
        "seeother" => Some(303),
        text => text.parse().ok().filter(|status| (100..600).contains(status)),
    }
}

/// `[A,B=c]` as its flags, as they are written.
fn flags_of(word: &Word) -> Parsed<Vec<&str>> {
    let inner = word.text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let inner = inner.ok_or_else(|| delimiters(word))?;
    Ok(inner.split(',').map(str::trim).filter(|flag| !flag.is_empty()).collect())
}

fn delimiters(word: &Word) -> Unread {
    let why = "Apache refuses the file: \"bad flag delimiters\"; flags stand in one pair of brackets without blanks, such as `[NC,OR]`";
    Unread::new(word.span, why)
}

/// The pattern of a rule whose flags were not understood, and whether it is negated.
pub(crate) fn pattern_of(words: &[Word]) -> Option<(&str, bool)> {
    let text = words.first()?.as_str();
    Some(text.strip_prefix('!').map_or((text, false), |rest| (rest, true)))
}

/// Why `mod_rewrite` refuses to start with these words.
pub(super) fn refused(words: &[Word]) -> Option<Unread> {
    let flags = words.get(2)?;
    let torn = !flags.text.starts_with('[') || !flags.text.ends_with(']') || words.len() > 3;
    torn.then(|| delimiters(flags))
}

/// One word of `RewriteOptions`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RewriteOptions {
    /// `Inherit`: the outer rules stand behind the own ones.
    Inherit,
    /// `InheritBefore`: the outer rules stand ahead of the own ones.
    InheritBefore,
    /// `InheritDown`, `InheritDownBefore`: the same, said by the outer scope.
    InheritDown,
    /// `IgnoreInherit`: what the outer scope says of that is passed over.
    IgnoreInherit,
    /// Words that change nothing of which rules there are.
    Other,
}

impl RewriteOptions {
    pub(super) fn parse(words: &mut Words<'_>) -> Parsed<Vec<Self>> {
        let mut all = Vec::new();
        while let Some(word) = words.take() {
            all.push(match word.text.to_ascii_lowercase().as_str() {
                "inherit" => Self::Inherit,
                "inheritbefore" => Self::InheritBefore,
                "inheritdown" | "inheritdownbefore" => Self::InheritDown,
                "ignoreinherit" => Self::IgnoreInherit,
                "allownoslash"
                | "allowanyuri"
                | "mergebase"
                | "ignorecontextinfo"
                | "legacyprefixdocroot"
                | "longurloptimization" => Self::Other,
                text if text.starts_with("maxredirects=") => Self::Other,
                _ => return Err(Unread::word(word)),
            });
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wsgen_model::source::Span;

    fn read<T>(text: &str, parse: fn(&mut Words<'_>) -> Parsed<T>) -> Parsed<T> {
        let words: Vec<Word> =
            text.split('|').map(|word| Word::new(word, Span::default())).collect();
        let mut words = Words::new(&words, Span::default());
        let read = parse(&mut words)?;
        words.end()?;
        Ok(read)
    }

    #[test]
    fn conditions_are_read_with_their_operators() {
        use CondPattern::{Compare, File, Number, Regex};
        let cond = |text| read(text, RewriteCond::parse).map(|cond| (cond.pattern, cond.negated));
        let regex = |text: &str| Regex(text.to_owned());
        for (text, pattern, negated) in [
            ("%{HTTP:Upgrade}|websocket|[NC]", regex("websocket"), false),
            (
                "%{HTTP:Upgrade}|!=websocket|[NC,OR]",
                Compare(Comparison::Equal, "websocket".into()),
                true,
            ),
            ("%{REQUEST_FILENAME}|!-f", File('f'), true),
            ("%{TIME_HOUR}|>18", Compare(Comparison::Greater, "18".into()), false),
            ("%{HTTP:Content-Length}|-gt 5", Number(Comparison::Greater, 5), false),
            ("%{QUERY_STRING}|=\"\"", Compare(Comparison::Equal, String::new()), false),
        ] {
            assert_eq!(cond(text), Ok((pattern, negated)), "{text}");
        }
        for text in ["%{A}|b|[NC,XX]", "%{A}|b|[NC,|OR]", "%{A}", "%{A}|-q", "%{A}|b|NC"] {
            assert!(cond(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_flag_of_a_rule_is_read() {
        let rule = |text| read(text, RewriteRule::parse);
        let all = rule("!^/a|-|[E=a:%1,E=!b,S=2,R=permanent,NC,QSD,CO=x:y,C,N=3,B]").unwrap();
        assert!(all.negated && all.substitution.is_none());
        assert_eq!(
            (all.flags.skip, all.flags.redirect, all.flags.env.len()),
            (Some(2), Some(301), 2)
        );
        for text in ["^|-|[R=x]", "^|-|[Q]", "^|-|[P,L", "^|-|[P]|x", "^"] {
            assert!(rule(text).is_err(), "{text}");
        }
    }
}
