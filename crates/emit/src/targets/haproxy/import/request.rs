//! Tests of what a client has sent, in the model's terms.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::Method;

use super::differs::Differs;
use super::scope::Importer;
use super::state::State;
use crate::import::condition::{Clause, Condition};
use crate::import::pattern::of_text;
use crate::targets::haproxy::syntax::{Call, Matcher, Range, Test};

/// The condition of one clause that says less than the server tests.
pub(super) fn partly(clause: Clause) -> Condition {
    Condition::of(Clause { partly_read: true, ..clause })
}

impl Importer<'_> {
    /// A test of a fetch that no rule changes.
    pub(super) fn fixed(&mut self, test: &Test, converters: &[Call], state: &State) -> Condition {
        let fetch = &test.sample.fetch;
        let bare = converters.is_empty();
        match fetch.name.as_str() {
            "always_true" | "wait_end" | "req.proto_http" | "req_proto_http" if bare => {
                Condition::always()
            }
            "always_false" if bare => Condition::never(),
            "ssl_fc" if bare => {
                self.by_truth(test, &Condition::of(Clause { tls: Some(true), ..Clause::default() }))
            }
            "method" | "capture.req.method" if bare => self.method(test),
            "req.ver" | "req_ver" | "ver" | "capture.req.ver" if bare => {
                let fits = |version: &str| {
                    test.texts().any(|text| text.trim_start_matches("HTTP/") == version)
                };
                // A model's requests are of HTTP/1.1 or later.
                match (test.matcher, fits("1.1"), fits("1.0")) {
                    (Matcher::Str, true, _) => Condition::always(),
                    (Matcher::Str, false, true) => Condition::never(),
                    _ => self.unread(test.span, "the model does not compare versions of HTTP"),
                }
            }
            "url_param" | "urlp" if bare && fetch.args.len() == 1 => self.parameter(test),
            "query" if bare && test.matcher == Matcher::Reg => self.query(test),
            "ssl_fc_sni" | "req_ssl_sni" | "req.ssl_sni" => self.host(test, converters, true),
            "dst_port" | "fc_dst_port" if bare => self.port(test, state),
            "str" | "int" | "bool" if bare => match text_holds(test, fetch.arg(0), &[]) {
                Some(holds) => truth(holds),
                None => self.unread(test.span, "the text cannot be compared so"),
            },
            _ => match usual(test, converters) {
                Some(holds) => {
                    self.stateful = true;
                    self.why(
                        test.span,
                        "it depends on counters, rates or servers, which no route looks at",
                    );
                    truth(holds)
                }
                None => {
                    let why =
                        format!("`{}` is nothing that a route of the model looks at", fetch.name);
                    self.unread(test.sample.span, &why)
                }
            },
        }
    }

    /// A test of something that is true or not.
    fn by_truth(&mut self, test: &Test, holds: &Condition) -> Condition {
        let texts: Vec<&str> = test.texts().collect();
        match (test.matcher, texts.as_slice()) {
            (Matcher::Bool, []) => holds.clone(),
            (Matcher::Bool | Matcher::Int | Matcher::Str, ["1" | "true"] | ["eq", "1"]) => {
                holds.clone()
            }
            (Matcher::Bool | Matcher::Int | Matcher::Str, ["0" | "false"] | ["eq", "0"]) => {
                holds.complement()
            }
            (Matcher::Found, []) => Condition::always(),
            _ => self.unread(test.span, "it is true or false, and compared with something else"),
        }
    }

    fn method(&mut self, test: &Test) -> Condition {
        let methods: Vec<String> = distinct(test.texts().map(str::to_owned).collect());
        let fits = methods.iter().all(|method| Method::parse(method).is_ok());
        if test.matcher != Matcher::Str || !fits || methods.is_empty() {
            return self.unread(test.span, "the model compares methods as a whole");
        }
        Condition::of(Clause { methods, ..Clause::default() })
    }

    /// Which of the listeners have a port.
    fn port(&mut self, test: &Test, state: &State) -> Condition {
        let Ok(ranges) = test.ranges() else { return self.unread(test.span, "this is no port") };
        let fits = |port: i64| ranges.iter().any(|range| range.least <= port && port <= range.most);
        let mut all: Vec<(bool, bool)> = Vec::new();
        for bound in state.bounds.iter() {
            match self.port_of(&bound.name) {
                Some(port) => all.push((bound.tls, fits(i64::from(port)))),
                None => return self.unread(test.span, "a listener here has no port"),
            }
        }
        let tls = |on: bool| Condition::of(Clause { tls: Some(on), ..Clause::default() });
        if all.iter().all(|(_, fits)| *fits) {
            Condition::always()
        } else if all.iter().all(|(_, fits)| !fits) {
            Condition::never()
        } else if all.iter().all(|(tls, fits)| tls == fits) {
            tls(true)
        } else if all.iter().all(|(tls, fits)| tls != fits) {
            tls(false)
        } else {
            self.unread(
                test.span,
                "some listeners of this section have the port, and others do not",
            )
        }
    }

    fn parameter(&mut self, test: &Test) -> Condition {
        let name = test.sample.fetch.arg(0).to_owned();
        let clause = |value: Option<String>| Clause {
            query: vec![(name.clone(), value)],
            ..Clause::default()
        };
        if test.matcher == Matcher::Found {
            self.differs(test.span, Differs::BareParameter);
            return Condition::of(clause(None));
        }
        if test.matcher != Matcher::Str {
            self.why(test.span, "the model compares values of parameters as a whole");
            return partly(clause(None));
        }
        let mut all = Condition::never();
        for pattern in &test.patterns {
            let letters = pattern.text.contains(|c: char| c.is_ascii_alphabetic());
            let one = if test.ignore_case && letters {
                self.why(pattern.span, "the model compares values of parameters by their case");
                partly(clause(None))
            } else {
                Condition::of(clause(Some(pattern.text.clone())))
            };
            all = all.or(&one);
        }
        all
    }

    /// `(^|&)name=value(&|$)` or `(^|&)name(=|&|$)`: a parameter of the query.
    fn query(&mut self, test: &Test) -> Condition {
        let mut all = Condition::never();
        for pattern in &test.patterns {
            let pair = parameter_of(&pattern.text).filter(|_| !test.ignore_case);
            let one = match pair {
                Some(pair) => Condition::of(Clause { query: vec![pair], ..Clause::default() }),
                None => self.unread(
                    pattern.span,
                    "the model compares parameters of the query, each by itself",
                ),
            };
            all = all.or(&one);
        }
        all
    }
}

/// A test of a text that is known; nothing where it cannot be told.
pub(super) fn text_holds(test: &Test, text: &str, converters: &[Call]) -> Option<bool> {
    let mut text = text.to_owned();
    for call in converters {
        match call.name.as_str() {
            "lower" => text = text.to_lowercase(),
            "upper" => text = text.to_uppercase(),
            _ => return None,
        }
    }
    if !test.files.is_empty() {
        return None;
    }
    let fold = |text: &str| if test.ignore_case { text.to_lowercase() } else { text.to_owned() };
    let text = fold(&text);
    match test.matcher {
        Matcher::Found => return Some(true),
        Matcher::Bool => {
            return Some(text == "true" || text.parse::<i64>().is_ok_and(|number| number != 0));
        }
        Matcher::Int => return is_in_ranges(test, text.parse().ok()?),
        Matcher::Ip
        | Matcher::Bin
        | Matcher::Len
        | Matcher::Str
        | Matcher::Beg
        | Matcher::Sub
        | Matcher::Dir
        | Matcher::Dom
        | Matcher::End
        | Matcher::Reg => {}
    }
    let fits = test.texts().map(|pattern| test.matcher.fits(&text, &fold(pattern)));
    fits.collect::<Option<Vec<_>>>().map(|all| all.contains(&true))
}

/// Returns whether a number is in one of a test's ranges; `None` where these are no numbers.
fn is_in_ranges(test: &Test, number: i64) -> Option<bool> {
    let within = |range: &Range| range.least <= number && number <= range.most;
    Some(test.ranges().ok()?.iter().any(within))
}

/// A list without what stands in it twice.
pub(super) fn distinct<T: PartialEq>(list: Vec<T>) -> Vec<T> {
    let mut all: Vec<T> = Vec::with_capacity(list.len());
    for value in list {
        if !all.contains(&value) {
            all.push(value);
        }
    }
    all
}

/// Always or never.
pub(super) fn truth(holds: bool) -> Condition {
    if holds { Condition::always() } else { Condition::never() }
}

/// Whether a test of counters, rates or servers holds for most requests; nothing for other tests.
fn usual(test: &Test, converters: &[Call]) -> Option<bool> {
    let name = test.sample.fetch.name.as_str();
    let counter = name.starts_with("sc") && name.contains('_') && !name.starts_with("scook")
        || name.starts_with("src_") && name != "src_is_local" && name != "src_port"
        || [
            "be_conn",
            "fe_conn",
            "queue",
            "avg_queue",
            "be_sess_rate",
            "fe_sess_rate",
            "fe_req_rate",
            "srv_conn",
            "srv_sess_rate",
        ]
        .contains(&name)
        || name.starts_with("table_")
        || converters.iter().any(|call| call.name.starts_with("table_"));
    let value = match name {
        "nbsrv" | "srv_is_up" => 1,
        "connslots" | "be_conn_free" | "srv_conn_free" => 1_000_000,
        "stopping" => 0,
        _ if counter => 0,
        _ => return None,
    };
    if test.matcher == Matcher::Int {
        return is_in_ranges(test, value);
    }
    (test.matcher == Matcher::Bool).then_some(value != 0)
}

fn parameter_of(pattern: &str) -> Option<(String, Option<String>)> {
    let rest = pattern.strip_prefix("(^|&)")?;
    let plain = |text: &str| {
        let bare = text.replace("\\.", ".").replace("\\-", "-").replace('\\', "");
        (of_text(&bare).replace('\\', "") == text.replace('\\', "")).then_some(bare)
    };
    match rest.strip_suffix("(=|&|$)") {
        Some(name) => Some((plain(name)?, None)),
        None => {
            let (name, value) = rest.strip_suffix("(&|$)")?.split_once('=')?;
            Some((plain(name)?, Some(plain(value)?)))
        }
    }
}
