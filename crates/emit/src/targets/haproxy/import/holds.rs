//! For which requests a rule holds: its condition, with the names that stand in it and what rules ahead have changed.

use wsgen_model::source::Span;

use super::differs::Differs;
use super::request::{distinct, text_holds, truth};
use super::scope::Importer;
use super::state::{Cell, Mark, State, Value};
use crate::import::condition::{Clause, Condition};
use crate::syntax::Unread;
use crate::targets::haproxy::syntax::{self, Call, Matcher, Statement, Term, TermTest, Test};

/// For which requests a rule holds.
#[derive(Debug, Clone)]
pub(super) struct Holds {
    /// These requests, or more where the condition is partly read.
    pub(super) condition: Condition,
    /// The first word that was not understood or that the model cannot say.
    pub(super) why: Option<Unread>,
    /// Whether counters, rates or servers decide too; what they usually say was assumed.
    pub(super) stateful: bool,
}

/// Variables within variables that are followed.
const DEPTH: usize = 16;

/// Variables that are followed in all: those that ask for each other multiply.
const FOLLOWED: usize = 20_000;

impl Importer<'_> {
    /// For which requests a condition holds.
    pub(super) fn holds(&mut self, condition: Option<&syntax::Condition>, state: &State) -> Holds {
        let (whys, stateful) = (std::mem::take(&mut self.whys), std::mem::take(&mut self.stateful));
        let all = match condition {
            None => Condition::always(),
            Some(condition) => {
                let mut all = Condition::never();
                for branch in &condition.branches {
                    all = either(&all, &self.branch(branch, state));
                }
                if condition.unless { all.complement() } else { all }
            }
        };
        let mut holds = Holds {
            why: std::mem::replace(&mut self.whys, whys).into_iter().next(),
            stateful: std::mem::replace(&mut self.stateful, stateful),
            condition: all,
        };
        if !holds.stateful {
            holds.why = holds.why.filter(|_| !holds.condition.is_read());
        }
        if let Some(condition) =
            condition.filter(|_| !holds.condition.is_read() && holds.why.is_none())
        {
            let why = "the model has no word for all other requests than those that are tested";
            holds.why = Some(Unread::new(condition.span, why));
        }
        holds
    }

    /// The requests that meet all terms of a branch.
    fn branch(&mut self, branch: &[Term], state: &State) -> Condition {
        let mut all = Condition::always();
        self.handshakes.clear();
        for term in branch {
            let holds = self.term(term, state);
            all = all.and(&holds);
        }
        self.tell_connection_alone();
        // No request is of neither version.
        let named = |name: &str| {
            branch.iter().any(|term| {
                term.negated && matches!(&term.test, TermTest::Named(own) if own == name)
            })
        };
        if named("HTTP_1.0") && named("HTTP_1.1") { Condition::never() } else { all }
    }

    /// A branch that looks at Connection and not at Upgrade means other requests than those for a WebSocket too.
    pub(super) fn tell_connection_alone(&mut self) {
        let asked = std::mem::take(&mut self.handshakes);
        if asked.iter().any(|(name, _)| name == "upgrade") {
            return;
        }
        for (_, span) in asked {
            self.differs(span, Differs::Handshake);
        }
    }

    /// The requests that meet one term.
    pub(super) fn term(&mut self, term: &Term, state: &State) -> Condition {
        let holds = match &term.test {
            TermTest::Named(name) => self.named(name, term.span, state),
            TermTest::Test(test) => self.test(test, state),
        };
        if term.negated { holds.complement() } else { holds }
    }

    /// A named condition: its lines, of which one must hold, or what is predefined.
    fn named(&mut self, name: &str, span: Span, state: &State) -> Condition {
        let lines = self.own(state.section, &["acl", name]);
        if lines.is_empty() {
            return match name {
                "TRUE" | "HTTP" | "HTTP_1.1" | "WAIT_END" | "REQ_CONTENT" => Condition::always(),
                "FALSE" | "HTTP_1.0" | "HTTP_URL_STAR" => Condition::never(),
                "METH_CONNECT" | "METH_DELETE" | "METH_GET" | "METH_HEAD" | "METH_OPTIONS"
                | "METH_PATCH" | "METH_POST" | "METH_PUT" | "METH_TRACE" => {
                    let mut methods = vec![name.trim_start_matches("METH_").to_owned()];
                    if name == "METH_GET" {
                        methods.push("HEAD".to_owned());
                    }
                    Condition::of(Clause { methods, ..Clause::default() })
                }
                "HTTP_URL_SLASH" => {
                    let paths =
                        crate::import::matcher::PathMatcher::starts_with("/").into_iter().collect();
                    Condition::of(Clause { paths, ..Clause::default() })
                }
                "LOCALHOST" | "HTTP_2.0" | "HTTP_3.0" | "HTTP_CONTENT" | "HTTP_URL_ABS"
                | "RDP_COOKIE" => {
                    self.unread(span, &format!("`{name}` is nothing that a route looks at"))
                }
                _ => self.unread(span, &format!("`{name}` is no name of a condition")),
            };
        }
        let mut all = Condition::never();
        for id in lines {
            self.used.insert(id);
            let holds = match self.statement(id).as_deref() {
                Some(Statement::Acl { test, .. }) => self.test(test, state),
                _ => {
                    let unread = self.unread_of(id);
                    self.whys.extend(unread);
                    Condition::unread()
                }
            };
            all = either(&all, &holds);
        }
        all
    }

    /// The requests that meet a test.
    pub(super) fn test(&mut self, test: &Test, state: &State) -> Condition {
        self.sampled(test, &[], &test.sample, state, state.now(), 0)
    }

    /// A test of an expression as it was at a mark, with converters behind those of its own.
    fn sampled(
        &mut self,
        test: &Test,
        more: &[Call],
        sample: &syntax::Sample,
        state: &State,
        mark: Mark,
        depth: usize,
    ) -> Condition {
        if !test.files.is_empty() {
            return self.unread(test.files[0].span, "the patterns stand in a file");
        }
        let converters = [sample.converters.as_slice(), more].concat();
        // The test asks for what the variable was set to.
        let inner = Test { sample: sample.clone(), ..test.clone() };
        if depth > 0 {
            self.followed += 1;
        }
        if depth > DEPTH || self.followed > FOLLOWED {
            self.too_deep = true;
            return self.unread(test.span, "variables ask for each other");
        }
        match sample.fetch.name.as_str() {
            "var" => self.variable(
                &inner,
                sample.fetch.arg(0).to_owned().as_str(),
                &converters,
                state,
                mark,
                depth,
            ),
            "path" => self.path(&inner, &converters, state, mark),
            "url" | "pathq" => self.target(&inner, &converters, state, mark),
            // The target as it came.
            "capture.req.uri" => self.target(&inner, &converters, state, State::came()),
            "hdr" | "req.hdr" | "fhdr" | "req.fhdr" | "hdr_cnt" | "req.hdr_cnt" | "fhdr_cnt"
            | "req.fhdr_cnt"
                if !sample.fetch.args.is_empty() =>
            {
                self.header(&inner, &converters, state, mark)
            }
            "url_param" | "urlp" | "query" => {
                let base = self.fixed(&inner, &converters, state);
                let changes = state.changes(&Cell::Query, mark);
                if changes.is_empty() {
                    return base;
                }
                self.why(test.span, "rules ahead have changed the query");
                state.fold(&Cell::Query, mark, || base, |_| Condition::unread())
            }
            _ => self.fixed(&inner, &converters, state),
        }
    }

    /// A test of a request field.
    fn header(&mut self, test: &Test, converters: &[Call], state: &State, mark: Mark) -> Condition {
        let fetch = &test.sample.fetch;
        let name = fetch.arg(0).to_lowercase();
        // The first or the last line of several.
        let numbered =
            fetch.args.get(1).is_some_and(|at| at != "1" && at != "-1" && !at.is_empty());
        if numbered {
            return self.unread(test.sample.span, "the model does not tell lines of a field apart");
        }
        let whole = fetch.name.contains("fhdr");
        let base = if name == "host" {
            if fetch.name.ends_with("_cnt") {
                self.field(&name, whole, test, converters)
            } else {
                self.host(test, converters, false)
            }
        } else {
            self.field(&name, whole, test, converters)
        };
        let changes = state.changes_of_field(&name, mark);
        if changes.is_empty() {
            return base;
        }
        let counts = fetch.name.ends_with("_cnt");
        let mut unknown = false;
        let all = State::folded(
            &changes,
            || base,
            |change| match &change.value {
                // Its parts between commas are values of their own.
                Value::Text(text) if !counts && (whole || !text.contains(',')) => {
                    match text_holds(test, text, converters) {
                        Some(holds) => truth(holds),
                        None => {
                            unknown = true;
                            Condition::unread()
                        }
                    }
                }
                Value::Absent if !counts => Condition::never(),
                Value::Absent
                | Value::Text(_)
                | Value::Sample(..)
                | Value::Moved(_)
                | Value::Unknown => {
                    unknown = true;
                    Condition::unread()
                }
            },
        );
        if unknown {
            self.why(test.span, "rules ahead have changed the field, and its value is not known");
        }
        all
    }

    /// A test of a variable.
    fn variable(
        &mut self,
        test: &Test,
        name: &str,
        converters: &[Call],
        state: &State,
        mark: Mark,
        depth: usize,
    ) -> Condition {
        let text = |importer: &mut Self, text: &str| match text_holds(test, text, converters) {
            Some(holds) => truth(holds),
            None => importer.unread(test.span, "the variable's text cannot be compared so"),
        };
        if state.unset.as_deref() == Some(name) {
            return Condition::never();
        }
        if let Some((_, value)) = state.assumed.as_ref().filter(|(assumed, _)| assumed == name) {
            return match value.clone() {
                Some(value) => text(self, &value),
                None => Condition::never(),
            };
        }
        let cell = Cell::Variable(name.to_owned());
        let changes = state.changes(&cell, mark);
        self.asked_variables.insert(name.to_owned());
        if changes.is_empty() && self.set_elsewhere(name) {
            let why = "another program, or a rule that is not read, sets the variable";
            if self.assumes_agents {
                self.stateful = true;
                self.why(test.sample.span, why);
                return Condition::never();
            }
            return self.unread(test.sample.span, why);
        }
        state.fold(&cell, mark, Condition::never, |change| match &change.value {
            Value::Text(value) => text(self, value),
            Value::Absent => Condition::never(),
            Value::Sample(sample, mark) => {
                if test.matcher == Matcher::Found && always_there(sample) {
                    return Condition::always();
                }
                self.sampled(test, converters, sample, state, *mark, depth + 1)
            }
            Value::Moved(_) | Value::Unknown => self.unread(
                test.sample.span,
                "what the variable is set to is computed for each request",
            ),
        })
    }

    /// What the model cannot say, with the reason.
    pub(super) fn unread(&mut self, span: Span, why: &str) -> Condition {
        self.why(span, why);
        Condition::unread()
    }

    /// The reason why a condition is not read, or is assumed.
    pub(super) fn why(&mut self, span: Span, why: &str) {
        self.whys.push(Unread::new(span, why.to_owned()));
    }
}

/// The requests that meet either of two conditions, as one clause where they differ in hosts or paths alone.
fn either(one: &Condition, other: &Condition) -> Condition {
    let ([first], [second]) = (one.clauses(), other.clauses()) else { return one.or(other) };
    let mut both = first.clone();
    if !first.hosts.is_empty() && !second.hosts.is_empty() {
        both.hosts.clone_from(&second.hosts);
        if both == *second {
            both.hosts = distinct([first.hosts.as_slice(), &second.hosts].concat());
            return Condition::of(both);
        }
    }
    both.clone_from(first);
    if !first.paths.is_empty() && !second.paths.is_empty() {
        both.paths.clone_from(&second.paths);
        if both == *second {
            both.paths = distinct([first.paths.as_slice(), &second.paths].concat());
            return Condition::of(both);
        }
    }
    one.or(other)
}

/// Whether every request has a sample.
fn always_there(sample: &syntax::Sample) -> bool {
    [
        "path", "url", "method", "src", "dst", "dst_port", "ssl_fc", "str", "int", "bool", "base",
        "pathq",
    ]
    .contains(&sample.fetch.name.as_str())
}
