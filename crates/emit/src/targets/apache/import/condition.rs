//! `RewriteCond` lines and expressions: what they test of a request, in the model's terms.

use wsgen_model::code::Code;
use wsgen_model::decode::Scalar;
use wsgen_model::scalar::Method;

use super::regex;
use super::scope::Importer;
use super::vhost::Vhost;
use crate::import::condition::{Clause, Condition};
use crate::import::ledger::Id;
use crate::targets::apache::syntax::expression::{Expression, Operand};
use crate::targets::apache::syntax::rewrite::{Comparison, CondPattern};
use crate::targets::apache::syntax::template::Variable;

/// Note on a condition that tests a field which a client may send twice.
const TWICE: &str = "of a field that a client sends twice Apache compares both values as one, joined by a comma; the model compares each";

/// What a text is compared with.
#[derive(Debug, Clone, Copy)]
pub(super) enum Matcher<'a> {
    /// A regex that is looked for, and whether letters of either case are alike.
    Regex(&'a str, bool),
    /// The whole of it.
    Text(&'a str, bool),
}

impl Matcher<'_> {
    /// Whether it fits a text; nothing where that cannot be told.
    pub(super) fn fits(self, text: &str) -> Option<bool> {
        match self {
            Self::Regex(pattern, no_case) => regex::is_found(pattern, no_case, text),
            Self::Text(wanted, true) => Some(wanted.eq_ignore_ascii_case(text)),
            Self::Text(wanted, false) => Some(wanted == text),
        }
    }
}

/// A condition of the clause that one value of a request makes.
fn of(clause: Clause) -> Condition {
    Condition::of(clause)
}

/// A constant, where it is known.
pub(super) fn constant(holds: Option<bool>) -> Condition {
    match holds {
        Some(true) => Condition::always(),
        Some(false) => Condition::never(),
        None => Condition::unread(),
    }
}

/// A value that is `on` for one half of the requests and `off` for the other.
fn either(on: Option<bool>, off: Option<bool>, clause: Clause) -> Condition {
    let holds = of(clause);
    match (on, off) {
        (Some(true), Some(true)) => Condition::always(),
        (Some(false), Some(false)) => Condition::never(),
        (Some(true), Some(false)) => holds,
        (Some(false), Some(true)) => holds.not(),
        _ => Condition::unread(),
    }
}

fn handshake() -> Clause {
    Clause { websocket: Some(true), ..Clause::default() }
}

fn tls() -> Clause {
    Clause { tls: Some(true), ..Clause::default() }
}

impl Importer<'_> {
    /// What one variable is compared with, as a condition; `id` is the directive that says so.
    pub(super) fn variable(
        &mut self,
        id: Id,
        variable: &Variable,
        matcher: Matcher<'_>,
        negated: bool,
        vhost: &Vhost,
    ) -> Condition {
        let name = variable.name.to_ascii_uppercase();
        // A field that is not empty is there; of one that is not there the model has no word.
        if negated
            && matches!(matcher, Matcher::Regex("^$", _) | Matcher::Text("", _))
            && let Some(field) = field(&variable.scope, &name)
        {
            return of(Clause { headers: vec![(field, None)], ..Clause::default() });
        }
        let condition = match (variable.scope.as_str(), name.as_str()) {
            ("HTTP", "UPGRADE") => self.upgrade(id, matcher, negated),
            ("HTTP", "CONNECTION") => self.connection(id, matcher, negated),
            ("HTTP", "HOST") | ("", "HTTP_HOST" | "SERVER_NAME") => match matcher {
                Matcher::Text(text, _) => regex::host(text),
                Matcher::Regex(pattern, _) => self.hosts(id, pattern, vhost),
            },
            ("", "REQUEST_URI") => path(matcher),
            ("", "HTTPS") => either(matcher.fits("on"), matcher.fits("off"), tls()),
            ("", "REQUEST_SCHEME") => either(matcher.fits("https"), matcher.fits("http"), tls()),
            ("", "SERVER_PORT") => port(matcher, vhost),
            ("", "SERVER_PROTOCOL") => {
                let (one, two) = (matcher.fits("HTTP/1.1"), matcher.fits("HTTP/2.0"));
                constant(one.filter(|_| one == two))
            }
            ("", "REQUEST_METHOD") => method(matcher),
            ("", "QUERY_STRING") => self.query(id, matcher),
            ("", "IS_SUBREQ") => constant(matcher.fits("false")),
            ("ENV" | "REQENV", "REDIRECT_STATUS") => constant(matcher.fits("")),
            (scope, name) => {
                let condition = field(scope, name)
                    .map_or_else(Condition::unread, |field| field_value(&field, matcher));
                let compares = |clause: &Clause| clause.headers.iter().any(|(_, v)| v.is_some());
                if condition.clauses().iter().any(compares) {
                    self.differs(id, TWICE);
                }
                condition
            }
        };
        if negated { condition.not() } else { condition }
    }

    /// A regex of the host; one that is a name of the virtual host is taken for that name and those below it.
    fn hosts(&mut self, id: Id, pattern: &str, vhost: &Vhost) -> Condition {
        let condition = regex::hosts(pattern, vhost.own_names());
        let lower = pattern.replace('\\', "").to_lowercase();
        let bare = lower.strip_suffix('$').unwrap_or(&lower);
        let (bare, whole) = bare.strip_prefix('^').map_or((bare, false), |bare| (bare, true));
        if condition.is_read() || !vhost.names.iter().any(|name| name == bare) {
            return condition;
        }
        self.narrowed(
            id,
            "a part of a host is taken for the name: `^` and `$` say that nothing stands around it",
        );
        let mut hosts = vec![bare.to_owned()];
        if !whole {
            hosts.push(format!("*.{bare}"));
        }
        of(Clause { hosts, ..Clause::default() })
    }

    /// `%{HTTP:Upgrade}`: clients write `websocket`.
    fn upgrade(&mut self, id: Id, matcher: Matcher<'_>, negated: bool) -> Condition {
        let (token, without) = (matcher.fits("websocket"), matcher.fits(""));
        let other = matcher.fits("WebSocket");
        if (token, without, other) == (Some(false), Some(false), Some(true)) {
            let what = "no browser sends this Upgrade: they write `websocket`, and letters of either case are not alike here";
            self.says_broken(id, what, "write `[NC]` behind it, or `=websocket [NC]`", negated);
            return Condition::never();
        }
        if token == Some(true) && without == Some(false) && other == Some(false) {
            self.differs(
                id,
                "clients that write `Upgrade: WebSocket` in other letters are taken too",
            );
        }
        either(token, without, handshake())
    }

    /// `%{HTTP:Connection}`: Chrome sends `Upgrade`, Firefox `keep-alive, Upgrade`.
    fn connection(&mut self, id: Id, matcher: Matcher<'_>, negated: bool) -> Condition {
        let (alone, listed) = (matcher.fits("Upgrade"), matcher.fits("keep-alive, Upgrade"));
        let without = (matcher.fits("keep-alive"), matcher.fits(""));
        match (alone, listed, without) {
            (Some(true), Some(true), (Some(false), Some(false))) => of(handshake()),
            (Some(true), Some(false), (Some(false), Some(false))) => {
                let what = "this does not hold for Firefox, which sends `Connection: keep-alive, Upgrade`; the model lets its WebSockets pass";
                self.says_broken(id, what, "look for the word alone: `upgrade [NC]`", negated);
                of(handshake())
            }
            (Some(false), _, (Some(false), Some(false)))
                if matcher.fits("upgrade") == Some(true) =>
            {
                let what = "no browser sends this Connection: they write `Upgrade`, and letters of either case are not alike here";
                self.says_broken(id, what, "write `upgrade [NC]`", negated);
                Condition::never()
            }
            (one, two, (three, four)) => {
                constant(one.filter(|_| one == two && two == three && three == four))
            }
        }
    }

    fn says_broken(&mut self, id: Id, what: &str, help: &str, negated: bool) {
        if negated {
            return self.differs(id, what);
        }
        self.ledger.say(Code::IMPORT_BROKEN, self.span(id), what, help);
    }

    /// `%{QUERY_STRING}`: a parameter with its value.
    fn query(&mut self, id: Id, matcher: Matcher<'_>) -> Condition {
        let Matcher::Regex(pattern, _) = matcher else { return Condition::unread() };
        let parameter = |text: &str| {
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, Some(regex::plain_text(value)?)),
                None => (text, None),
            };
            Some(of(Clause { query: vec![(regex::plain_text(name)?, value)], ..Clause::default() }))
        };
        let starts = ["(^|&)", "(?:^|&)"];
        let inner = starts.iter().find_map(|start| pattern.strip_prefix(start));
        let exact = inner.and_then(|inner| {
            let ends = if inner.contains("(=|&|$)") {
                ["(=|&|$)", "(?:=|&|$)"]
            } else {
                ["(&|$)", "(?:&|$)"]
            };
            ends.iter().find_map(|end| inner.strip_suffix(end)).and_then(parameter)
        });
        if let Some(condition) = exact {
            return condition;
        }
        let bare = pattern.trim_start_matches('^').trim_end_matches('$');
        let part = bare.contains('=').then(|| parameter(bare)).flatten();
        part.inspect(|_| {
            self.narrowed(
                id,
                "this part of the query is taken as a parameter with exactly this value",
            );
        })
        .unwrap_or_else(Condition::unread)
    }

    /// An expression as a condition.
    pub(super) fn expression(
        &mut self,
        id: Id,
        expression: &Expression,
        vhost: &Vhost,
    ) -> Condition {
        match expression {
            Expression::Constant(holds) => constant(Some(*holds)),
            Expression::Not(inner) => self.expression(id, inner, vhost).not(),
            Expression::And(one, two) => {
                let one = self.expression(id, one, vhost);
                one.and(&self.expression(id, two, vhost))
            }
            Expression::Or(one, two) => {
                let one = self.expression(id, one, vhost);
                one.or(&self.expression(id, two, vhost))
            }
            Expression::Compare(left, how, right) => {
                let ((Operand::Variable(variable), Operand::Text(text))
                | (Operand::Text(text), Operand::Variable(variable))) = (left, right)
                else {
                    return Condition::unread();
                };
                let negated = match how {
                    Comparison::Equal => false,
                    Comparison::NotEqual => true,
                    Comparison::Less
                    | Comparison::LessOrEqual
                    | Comparison::Greater
                    | Comparison::GreaterOrEqual => return Condition::unread(),
                };
                self.variable(id, variable, Matcher::Text(text, false), negated, vhost)
            }
            Expression::Match { subject: Operand::Variable(variable), pattern, no_case } => {
                self.variable(id, variable, Matcher::Regex(pattern, *no_case), false, vhost)
            }
            Expression::In(Operand::Variable(variable), list) => {
                let mut all = Condition::never();
                for item in list {
                    let Operand::Text(text) = item else { return Condition::unread() };
                    let one = self.variable(id, variable, Matcher::Text(text, false), false, vhost);
                    all = all.or(&one);
                }
                all
            }
            Expression::Unary('n' | 'z', Operand::Variable(variable)) => {
                let empty = Matcher::Regex("^$", false);
                let negated = matches!(expression, Expression::Unary('n', _));
                self.variable(id, variable, empty, negated, vhost)
            }
            Expression::Match { .. }
            | Expression::In(..)
            | Expression::Unary(..)
            | Expression::Binary(..) => Condition::unread(),
        }
    }
}

/// `%{REQUEST_URI}`
fn path(matcher: Matcher<'_>) -> Condition {
    use crate::import::matcher::PathMatcher;
    let matcher = match matcher {
        Matcher::Regex(pattern, no_case) => regex::path(pattern, no_case),
        Matcher::Text(text, false) => PathMatcher::exact(text),
        Matcher::Text(..) => None,
    };
    match matcher {
        Some(path) if path.is_root() => Condition::always(),
        Some(path) => of(Clause { paths: vec![path], ..Clause::default() }),
        None => Condition::unread(),
    }
}

/// `%{SERVER_PORT}`: known where all addresses of a virtual host have one answer.
fn port(matcher: Matcher<'_>, vhost: &Vhost) -> Condition {
    let mut ports = vhost.addresses.iter().filter_map(|address| address.rsplit(':').next());
    let answers: Vec<Option<bool>> = ports.by_ref().map(|port| matcher.fits(port)).collect();
    match answers.as_slice() {
        [first, rest @ ..] if rest.iter().all(|answer| answer == first) => constant(*first),
        _ => Condition::unread(),
    }
}

/// `%{REQUEST_METHOD}`
fn method(matcher: Matcher<'_>) -> Condition {
    let bare = match matcher {
        Matcher::Text(text, _) => text,
        Matcher::Regex(pattern, _) => {
            let inner = pattern.strip_prefix('^').unwrap_or(pattern);
            let inner = inner.strip_suffix('$').unwrap_or(inner);
            let inner = inner.strip_prefix("(?:").or(inner.strip_prefix('(')).unwrap_or(inner);
            inner.strip_suffix(')').unwrap_or(inner)
        }
    };
    let methods: Vec<String> = bare.split('|').map(str::to_owned).collect();
    // Part of a name is the name: no method of these begins or ends as another.
    let known = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
    let exact = match matcher {
        Matcher::Text(..) => Method::parse(bare).is_ok(),
        Matcher::Regex(..) => methods.iter().all(|method| known.contains(&method.as_str())),
    };
    if exact {
        return of(Clause { methods, ..Clause::default() });
    }
    if matches!(
        matcher,
        Matcher::Regex("^TRAC[EK]" | "^TRAC(E|K)" | "^(TRACE|TRACK)" | "^(TRACE|TRACK)$", _)
    ) {
        return of(Clause { methods: vec!["TRACE".into(), "TRACK".into()], ..Clause::default() });
    }
    Condition::unread()
}

/// The field of the request that a variable holds.
fn field(scope: &str, name: &str) -> Option<String> {
    Some(match (scope, name) {
        ("HTTP", field) => field.to_lowercase(),
        ("", "HTTP_USER_AGENT") => "user-agent".to_owned(),
        ("", "HTTP_COOKIE") => "cookie".to_owned(),
        ("", "HTTP_REFERER") => "referer".to_owned(),
        ("", "HTTP_ACCEPT") => "accept".to_owned(),
        ("", "HTTP_FORWARDED") => "forwarded".to_owned(),
        _ => return None,
    })
}

/// A field with a value, or one that is there.
fn field_value(field: &str, matcher: Matcher<'_>) -> Condition {
    let with = |value: Option<String>| {
        of(Clause { headers: vec![(field.to_owned(), value)], ..Clause::default() })
    };
    let letters = |text: &str| text.contains(|c: char| c.is_ascii_alphabetic());
    match matcher {
        Matcher::Regex("." | ".+" | "^.+$" | "^.+" | "(.+)" | "^(.+)$" | "^.", _) => with(None),
        Matcher::Regex("" | ".*" | "^.*$" | "^" | "(.*)", _) => Condition::always(),
        Matcher::Text(text, no_case) if !text.is_empty() && (!no_case || !letters(text)) => {
            with(Some(text.to_owned()))
        }
        Matcher::Regex(pattern, no_case) => {
            let inner = pattern.strip_prefix('^').and_then(|text| text.strip_suffix('$'));
            let inner = inner.map(|text| text.replace("\\x20", " ").replace("\\x09", "\t"));
            match inner.as_deref().and_then(regex::plain_text) {
                Some(text) if !text.is_empty() && (!no_case || !letters(&text)) => with(Some(text)),
                _ => Condition::unread(),
            }
        }
        Matcher::Text(..) => Condition::unread(),
    }
}

/// The matcher of a condition's pattern, if it looks at a text.
pub(super) fn matcher(pattern: &CondPattern, no_case: bool) -> Option<Matcher<'_>> {
    match pattern {
        CondPattern::Regex(pattern) => Some(Matcher::Regex(pattern, no_case)),
        CondPattern::Compare(Comparison::Equal, text) => Some(Matcher::Text(text, no_case)),
        CondPattern::Compare(..)
        | CondPattern::Number(..)
        | CondPattern::File(_)
        | CondPattern::Expression(_) => None,
    }
}
