//! Texts with variables: the test string of a `RewriteCond` and the substitution of a `RewriteRule` (`mod_rewrite`,
//! "Test strings").

/// A server variable: `%{HTTP:Upgrade}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// What stands ahead of the colon, in capitals: `HTTP`, `ENV`, `SSL`, `LA-U`; empty where there is none.
    pub scope: String,
    /// The name, as it is written.
    pub name: String,
}

/// One part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Literal text.
    Text(String),
    /// `%{…}`.
    Variable(Variable),
    /// `$1`: a group of the rule's pattern.
    RuleGroup(u8),
    /// `%1`: a group of the last condition that held.
    ConditionGroup(u8),
    /// `${map:key}`: a text that a `RewriteMap` gives, or a name that nobody defined.
    Lookup(String),
}

/// A text with variables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Template {
    /// The text as it is written.
    pub text: String,
    /// Its parts, in order.
    pub parts: Vec<Part>,
}

impl Template {
    /// Takes a text apart; a backslash makes the next character literal.
    pub fn parse(text: &str) -> Self {
        let mut parts: Vec<Part> = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let behind = &rest[c.len_utf8()..];
            let found = match c {
                '\\' => behind.chars().next().map(|next| {
                    literal.push(next);
                    (None, &behind[next.len_utf8()..])
                }),
                '%' | '$' => part(c, behind).map(|(part, rest)| (Some(part), rest)),
                _ => None,
            };
            match found {
                Some((Some(part), left)) => {
                    if !literal.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut literal)));
                    }
                    parts.push(part);
                    rest = left;
                }
                Some((None, left)) => rest = left,
                None => {
                    literal.push(c);
                    rest = behind;
                }
            }
        }
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Self { text: text.to_owned(), parts }
    }

    /// Returns the one variable that the text consists of.
    pub fn variable(&self) -> Option<&Variable> {
        match self.parts.as_slice() {
            [Part::Variable(variable)] => Some(variable),
            _ => None,
        }
    }

    /// Returns the text if it has no variable.
    pub fn literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }
}

/// A part that begins with a percent or dollar sign, and what stands behind it.
fn part(sign: char, behind: &str) -> Option<(Part, &str)> {
    if let Some(rest) = behind.strip_prefix('{') {
        let (inner, rest) = rest.split_once('}')?;
        return Some(if sign == '%' {
            let (scope, name) = inner.split_once(':').unwrap_or(("", inner));
            let variable = Variable { scope: scope.to_ascii_uppercase(), name: name.to_owned() };
            (Part::Variable(variable), rest)
        } else {
            (Part::Lookup(inner.to_owned()), rest)
        });
    }
    let digit = behind.chars().next()?.to_digit(10)?;
    let group = u8::try_from(digit).ok()?;
    let part = if sign == '$' { Part::RuleGroup(group) } else { Part::ConditionGroup(group) };
    Some((part, &behind[1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_taken_apart() {
        let read = Template::parse("ws://a:1/%1\\%20$1%{REQUEST_URI}%{http:X-A}100%");
        let text = |text: &str| Part::Text(text.to_owned());
        let variable = |scope: &str, name: &str| {
            Part::Variable(Variable { scope: scope.to_owned(), name: name.to_owned() })
        };
        assert_eq!(
            read.parts,
            [
                text("ws://a:1/"),
                Part::ConditionGroup(1),
                text("%20"),
                Part::RuleGroup(1),
                variable("", "REQUEST_URI"),
                variable("HTTP", "X-A"),
                text("100%"),
            ]
        );
        assert_eq!(Template::parse("/a").literal(), Some("/a"));
        assert_eq!(Template::parse("").literal(), Some(""));
        assert!(Template::parse("%{HTTPS}").variable().is_some());
    }
}
