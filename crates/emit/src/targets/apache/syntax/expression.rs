//! Expressions of `<If>`, `Require expr`, `RewriteCond expr` and `expr=` (the manual's "Expressions in Apache HTTP Server").

use super::rewrite::Comparison::{
    self, Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual,
};
use super::template::Variable;
use crate::syntax::{Parsed, Unread, Word};

/// A boolean expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// `true` and `false`.
    Constant(bool),
    /// `! A`
    Not(Box<Expression>),
    /// `A && B`
    And(Box<Expression>, Box<Expression>),
    /// `A || B`
    Or(Box<Expression>, Box<Expression>),
    /// `A == B`; with `-eq` and the like as numbers.
    Compare(Operand, Comparison, Operand),
    /// `A =~ /B/i`
    Match {
        /// The text that is looked into.
        subject: Operand,
        /// The regex.
        pattern: String,
        /// The flag `i`.
        no_case: bool,
    },
    /// `A in { B, C }`
    In(Operand, Vec<Operand>),
    /// `-n A`, `-T A`, `-R A` and the like.
    Unary(char, Operand),
    /// `A -ipmatch B`, `A -strmatch B` and the like.
    Binary(Operand, String, Operand),
}

/// A text of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    /// `'text'`, or a number.
    Text(String),
    /// `%{NAME}`
    Variable(Variable),
    /// `reqenv('NAME')`, with its name in small letters.
    Function(String, Box<Operand>),
    /// Several, one after the other.
    Joined(Vec<Operand>),
}

impl Expression {
    /// Parses the text of one word.
    ///
    /// # Errors
    /// A part of the text that is no expression of this grammar.
    pub fn parse(word: &Word) -> Parsed<Self> {
        Self::of(&word.text).ok_or_else(|| {
            let text: String = word.text.chars().take(60).collect();
            Unread::new(word.span, format!("the expression `{text}` is not understood"))
        })
    }

    /// Parses a text; nothing where it is no expression of this grammar.
    pub fn of(text: &str) -> Option<Self> {
        let mut parser = Parser { rest: text.trim(), depth: 0 };
        let expression = parser.or()?;
        parser.rest.trim().is_empty().then_some(expression)
    }
}

/// The deepest expressions within expressions.
const DEPTH: usize = 32;

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn symbol(&mut self, symbol: &str) -> bool {
        self.blanks();
        let found = self.rest.strip_prefix(symbol);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    /// A word of letters, behind which none follows.
    fn keyword(&mut self, word: &str) -> bool {
        self.blanks();
        let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
        match self.rest.strip_prefix(word) {
            Some(rest) if !rest.starts_with(letters) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn or(&mut self) -> Option<Expression> {
        self.depth += 1;
        if self.depth > DEPTH {
            return None;
        }
        let mut all = self.and()?;
        while self.symbol("||") || self.keyword("or") {
            all = Expression::Or(Box::new(all), Box::new(self.and()?));
        }
        self.depth -= 1;
        Some(all)
    }

    fn and(&mut self) -> Option<Expression> {
        let mut all = self.not()?;
        while self.symbol("&&") || self.keyword("and") {
            all = Expression::And(Box::new(all), Box::new(self.not()?));
        }
        Some(all)
    }

    fn not(&mut self) -> Option<Expression> {
        let mut turned = false;
        while self.symbol("!") || self.keyword("not") {
            turned = !turned;
        }
        let inner = self.comparison()?;
        Some(if turned { Expression::Not(Box::new(inner)) } else { inner })
    }

    fn comparison(&mut self) -> Option<Expression> {
        if self.symbol("(") {
            let inner = self.or()?;
            return self.symbol(")").then_some(inner);
        }
        if self.keyword("true") {
            return Some(Expression::Constant(true));
        }
        if self.keyword("false") {
            return Some(Expression::Constant(false));
        }
        self.blanks();
        if let Some(rest) = self.rest.strip_prefix('-') {
            let mut letters = rest.chars();
            let kind = letters.next().filter(char::is_ascii_alphabetic)?;
            let behind = letters.as_str();
            if behind.starts_with(|c: char| c.is_whitespace() || "'\"%(".contains(c)) {
                self.rest = behind;
                return Some(Expression::Unary(kind, self.operand()?));
            }
            return None;
        }
        let left = self.operand()?;
        self.blanks();
        for (symbol, negated) in [("=~", false), ("!~", true)] {
            if self.symbol(symbol) {
                let (pattern, no_case) = self.regex()?;
                let found = Expression::Match { subject: left, pattern, no_case };
                return Some(if negated { Expression::Not(Box::new(found)) } else { found });
            }
        }
        if self.keyword("in") {
            return self.list().map(|list| Expression::In(left, list));
        }
        for (symbol, how) in [
            ("==", Equal),
            ("!=", NotEqual),
            ("<=", LessOrEqual),
            (">=", GreaterOrEqual),
            ("=", Equal),
            ("<", Less),
            (">", Greater),
        ] {
            if self.symbol(symbol) {
                return Some(Expression::Compare(left, how, self.operand()?));
            }
        }
        let rest = self.rest.strip_prefix('-')?;
        let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        self.rest = rest;
        Some(Expression::Binary(left, name.to_owned(), self.operand()?))
    }

    fn list(&mut self) -> Option<Vec<Operand>> {
        if !self.symbol("{") {
            return None;
        }
        let mut all = vec![self.operand()?];
        while self.symbol(",") {
            all.push(self.operand()?);
        }
        self.symbol("}").then_some(all)
    }

    /// `/…/i` or `m#…#i`
    fn regex(&mut self) -> Option<(String, bool)> {
        self.blanks();
        let body = self.rest.strip_prefix('m').unwrap_or(self.rest);
        let mark = body.chars().next().filter(|c| "/#$%^|?!'\",;:._-".contains(*c))?;
        let body = &body[mark.len_utf8()..];
        let mut escaped = false;
        let end = body.char_indices().find(|(_, c)| {
            let ends = *c == mark && !escaped;
            escaped = *c == '\\' && !escaped;
            ends
        })?;
        let pattern = body[..end.0].replace(&format!("\\{mark}"), &mark.to_string());
        self.rest = &body[end.0 + mark.len_utf8()..];
        let flags = self.rest.len() - self.rest.trim_start_matches(['i', 's', 'm', 'g']).len();
        let (flags, rest) = self.rest.split_at(flags);
        self.rest = rest;
        (!flags.contains(['s', 'm', 'g'])).then(|| (pattern, flags.contains('i')))
    }

    fn operand(&mut self) -> Option<Operand> {
        let mut all = vec![self.one()?];
        while self.symbol(".") {
            all.push(self.one()?);
        }
        if all.len() == 1 { all.pop() } else { Some(Operand::Joined(all)) }
    }

    fn one(&mut self) -> Option<Operand> {
        self.blanks();
        let rest = self.rest;
        let first = rest.chars().next()?;
        if first == '\'' || first == '"' {
            let body = &rest[1..];
            let mut escaped = false;
            let (end, _) = body.char_indices().find(|(_, c)| {
                let ends = *c == first && !escaped;
                escaped = *c == '\\' && !escaped;
                ends
            })?;
            self.rest = &body[end + 1..];
            return text(&body[..end].replace("\\'", "'").replace("\\\"", "\""));
        }
        if let Some(body) = rest.strip_prefix("%{") {
            let (inner, rest) = body.split_once('}')?;
            self.rest = rest;
            return Some(variable(inner));
        }
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (name, behind) = rest.split_at(end);
        if name.is_empty() {
            return None;
        }
        if let Some(behind) = behind.strip_prefix('(') {
            self.rest = behind;
            self.depth += 1;
            if self.depth > DEPTH {
                return None;
            }
            let inner = self.operand()?;
            self.depth -= 1;
            return self
                .symbol(")")
                .then(|| Operand::Function(name.to_ascii_lowercase(), Box::new(inner)));
        }
        self.rest = behind;
        name.chars().all(|c| c.is_ascii_digit()).then(|| Operand::Text(name.to_owned()))
    }
}

fn variable(inner: &str) -> Operand {
    let (scope, name) = inner.split_once(':').unwrap_or(("", inner));
    Operand::Variable(Variable { scope: scope.to_ascii_uppercase(), name: name.to_owned() })
}

/// The text between quotes: variables are put in.
fn text(text: &str) -> Option<Operand> {
    let mut all = Vec::new();
    let mut rest = text;
    while let Some((head, tail)) = rest.split_once("%{") {
        if !head.is_empty() {
            all.push(Operand::Text(head.to_owned()));
        }
        let (inner, behind) = tail.split_once('}')?;
        all.push(variable(inner));
        rest = behind;
    }
    if !rest.is_empty() || all.is_empty() {
        all.push(Operand::Text(rest.to_owned()));
    }
    if all.len() == 1 { all.pop() } else { Some(Operand::Joined(all)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_read_whole_or_not_at_all() {
        for text in [
            "reqenv('wsgen_route') == 'a_1'",
            "%{HTTP_HOST} == 'a.test' && ! ( %{REQUEST_URI} =~ m#^/a#i || -n %{QUERY_STRING} )",
            "%{HTTP:Upgrade} == \"websocket\" && %{REQUEST_METHOD} in { 'GET', 'HEAD' }",
            "%{CONN_REMOTE_ADDR} -ipmatch '10.0.0.0/8' || tolower(%{HTTPS}) = 'on'",
            "!-T reqenv('x')",
            "%{HTTP2} != 'on' || %{HTTP:Content-Length} =~ /[1-9]/",
            "%{HTTP:Content-Length} -gt 4096",
            "true",
        ] {
            assert!(Expression::of(text).is_some(), "{text}");
        }
        for text in ["", "%{A} ==", "%{A} == 'b' or", "(%{A} == 'b'", "%{A} ~ 'b'", "a b", "-n"] {
            assert!(Expression::of(text).is_none(), "{text}");
        }
        assert!(Expression::of(&"(".repeat(9_999)).is_none());
    }
}
