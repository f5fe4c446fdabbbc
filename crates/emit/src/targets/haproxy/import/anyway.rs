//! Rules that say what every model says anyway: paths in normal form, what a WebSocket request is, 404 where no route
//! fits. And whom a listener believes.

use super::scope::Importer;
use crate::import::rules::Bound;
use crate::targets::haproxy::syntax::{
    Action, Condition, Matcher, Rule, Statement, TermTest, Test,
};

/// Patterns of paths that are not in normal form, or have none (`route/normal-form`, `route/bad-path`).
const NOT_NORMAL: [&str; 3] = [
    r"//|/(\.|%2[eE]){1,2}(/|$)",
    "%(2[dDeE]|3[0-9]|[46][1-9a-fA-F]|[57][0-9aA]|5[fF]|7[eE])",
    "%([^0-9A-Fa-f]|.[^0-9A-Fa-f]|.?$|00)",
];

/// Normalizers that bring paths into the model's own normal form (`route/normal-form`).
const NORMALIZERS: [&str; 5] = [
    "path-merge-slashes",
    "path-strip-dot",
    "path-strip-dotdot",
    "percent-decode-unreserved",
    "percent-to-uppercase",
];

/// The tests of a condition of one branch, each with whether it is negated; named ones by their names.
fn tests(condition: Option<&Condition>) -> Vec<(bool, Tested<'_>)> {
    match condition {
        Some(condition) if !condition.unless => match condition.branches.as_slice() {
            [branch] => branch
                .iter()
                .map(|term| match &term.test {
                    TermTest::Named(name) => (term.negated, Tested::Named(name)),
                    TermTest::Test(test) => (term.negated, Tested::Test(test)),
                })
                .collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

#[derive(Debug, Clone, Copy)]
enum Tested<'c> {
    Named(&'c str),
    Test(&'c Test),
}

/// Whether a test asks whether something is there.
fn found(test: &Test, name: &str, arg: &str) -> bool {
    test.matcher == Matcher::Found
        && test.sample.converters.is_empty()
        && test.sample.fetch.is(name, &[arg])
}

impl Importer<'_> {
    /// Speaks of those rules of a section, and puts trusted peers into its listeners.
    pub(super) fn anyway(&mut self, section: usize, bounds: &[Bound], label: Option<&str>) {
        let mut list = self.rules_of(section);
        list.extend(self.own(section, &["tcp-request"]));
        for id in list {
            let statement = self.statement(id);
            let field = match statement.as_deref() {
                Some(Statement::HttpRequest(rule)) => self.said_anyway(rule, bounds, label),
                Some(Statement::Tcp(rule)) => {
                    let words: Vec<&str> =
                        rule.action.iter().map(|word| word.text.as_str()).collect();
                    match (
                        rule.level.as_str(),
                        words.as_slice(),
                        tests(rule.condition.as_ref()).as_slice(),
                    ) {
                        ("connection", ["reject"], [(true, Tested::Test(test))])
                            if test.sample.fetch.is("src", &[]) && self.expects(section) =>
                        {
                            let ranges: Vec<&str> = test.texts().collect();
                            self.listeners(bounds, &["proxy_protocol", "from"], &ranges);
                            Some("listeners.proxy_protocol.from")
                        }
                        ("connection", ["expect-proxy", "layer4"], []) => {
                            self.listeners(bounds, &["proxy_protocol", "accept"], &[]);
                            Some("listeners.proxy_protocol")
                        }
                        _ => None,
                    }
                }
                _ => None,
            };
            if let Some(field) = field {
                self.ledger.taken(id, field);
                self.settled.insert(id);
            }
        }
    }

    /// The field that says what an `http-request` rule says.
    fn said_anyway(
        &mut self,
        rule: &Rule,
        bounds: &[Bound],
        label: Option<&str>,
    ) -> Option<&'static str> {
        let tests = tests(rule.condition.as_ref());
        match (&rule.action, tests.as_slice()) {
            (Action::NormalizeUri { normalizer }, []) => {
                let name = normalizer.split(' ').next().unwrap_or_default();
                NORMALIZERS.contains(&name).then_some("match.path")
            }
            (
                Action::SetTarget { part: crate::targets::haproxy::syntax::Target::Query, value },
                [(false, Tested::Test(test))],
            ) => {
                let own = value.sample()?.variable()?;
                found(test, "var", own).then_some("match.path")
            }
            (Action::SetVar { sample, .. }, [(false, Tested::Test(test))])
                if sample.fetch.is("query", &[])
                    && test.sample.fetch.is("query", &[])
                    && test.matcher == Matcher::Found =>
            {
                Some("match.path")
            }
            (Action::SetVar { sample, .. }, [])
                if sample.fetch.is("src", &[]) && sample.converters.is_empty() =>
            {
                None
            }
            (Action::Deny { status: Some(400), .. }, tests) => match tests {
                [(false, Tested::Test(test))]
                    if test.sample.fetch.is("path", &[])
                        && test.matcher == Matcher::Reg
                        && !test.ignore_case =>
                {
                    let mut patterns = test.texts();
                    patterns.all(|pattern| NOT_NORMAL.contains(&pattern)).then_some("match.path")
                }
                [(false, Tested::Named("METH_CONNECT")), rest @ ..] => {
                    let fits = |rest: &(bool, Tested<'_>)| matches!(rest, (true, Tested::Test(test)) if found(test, "req.hdr", ":protocol"));
                    rest.iter().all(fits).then_some("match.methods")
                }
                [first, (true, Tested::Test(host))] if found(host, "req.hdr", "host") => {
                    let old = matches!(first, (true, Tested::Test(test)) if test.sample.fetch.is("req.ver", &[]));
                    old.then_some("hostnames")
                }
                [(true, Tested::Test(host))] if found(host, "req.hdr", "host") => Some("hostnames"),
                tests => {
                    let body = |tested: &(bool, Tested<'_>)| {
                        matches!(tested, (false, Tested::Test(test))
                            if found(test, "req.hdr", "transfer-encoding")
                                || test.sample.fetch.is("req.hdr_val", &["content-length"]) && test.texts().eq(["gt", "0"]))
                    };
                    let known = |tested: &(bool, Tested<'_>)| matches!(tested, (false, Tested::Test(test)) if test.sample.variable().is_some());
                    let all = tests.iter().filter(|tested| body(tested)).count() == 1
                        && tests.len() > 1
                        && tests.iter().all(|tested| body(tested) || known(tested));
                    all.then_some("websocket")
                }
            },
            (Action::Deny { status: Some(404), .. }, [(true, Tested::Test(test))]) => {
                label.is_some_and(|name| found(test, "var", name)).then_some("match")
            }
            (Action::SetSrc(from), [(false, Tested::Test(peer)), (false, Tested::Test(there))]) => {
                let named = |name: &str| name.eq_ignore_ascii_case("x-forwarded-for");
                let fits = peer.sample.fetch.is("src", &[])
                    && peer.sample.converters.is_empty()
                    && named(from.fetch.arg(0))
                    && there.matcher == Matcher::Found
                    && named(there.sample.fetch.arg(0));
                fits.then(|| {
                    let ranges: Vec<&str> = peer.texts().collect();
                    self.listeners(bounds, &["trusted_proxies"], &ranges);
                    "listeners.trusted_proxies"
                })
            }
            _ => None,
        }
    }

    /// Whether every connection of a section must begin with the PROXY header.
    fn expects(&self, section: usize) -> bool {
        self.own(section, &["tcp-request", "connection"]).into_iter().any(|id| {
            matches!(self.statement(id).as_deref(), Some(Statement::Tcp(rule))
                if rule.condition.is_none() && rule.action.first().is_some_and(|word| word.text == "expect-proxy"))
        })
    }

    fn listeners(&mut self, bounds: &[Bound], path: &[&str], values: &[&str]) {
        for item in &mut self.site.listeners {
            let name = item.fields.text(&["name"]).unwrap_or_default();
            if bounds.iter().any(|bound| bound.name == name) {
                if values.is_empty() {
                    item.fields.set(path, "any");
                } else {
                    item.fields.set(path, values.to_vec());
                }
            }
        }
    }
}
