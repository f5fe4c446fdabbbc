//! Values of fields: the texts that a format string may give, and what it tells of the client.

use super::edits::PORT;
use super::scope::Importer;
use super::state::{Cell, State, Value};
use super::walk::Walk;
use crate::import::condition::{Clause, Condition};
use crate::targets::haproxy::syntax::{LogFormat, Part, Sample};

impl Importer<'_> {
    /// The texts that a value may be, each with its requests. Nothing where it is computed.
    pub(super) fn pieces(
        &mut self,
        value: &LogFormat,
        walk: &Walk,
    ) -> Option<Vec<(Condition, String)>> {
        let mut all = vec![(Condition::always(), String::new())];
        for part in &value.parts {
            let own: Vec<(Condition, String)> = match part {
                Part::Text(text) => vec![(Condition::always(), text.clone())],
                Part::Variable(_) => return None,
                Part::Sample(sample) => self.texts(sample, walk)?,
            };
            let mut next = Vec::new();
            for (condition, text) in &all {
                for (more, piece) in &own {
                    let both = condition.and(more);
                    if !both.is_never() {
                        next.push((both, format!("{text}{piece}")));
                    }
                }
            }
            if next.len() > 8 {
                return None;
            }
            all = next;
        }
        Some(all)
    }

    /// The texts that an expression may give.
    fn texts(&mut self, sample: &Sample, walk: &Walk) -> Option<Vec<(Condition, String)>> {
        if let Some(text) = sample.constant() {
            return Some(vec![(Condition::always(), text.to_owned())]);
        }
        let tls = |on: bool| Condition::of(Clause { tls: Some(on), ..Clause::default() });
        if sample.fetch.is("dst_port", &[]) && sample.converters.is_empty() {
            let port = PORT.to_string();
            let mixed = walk.state.bounds.iter().any(|bound| bound.tls)
                && walk.state.bounds.iter().any(|bound| !bound.tls);
            return Some(if mixed {
                vec![(tls(true), port.clone()), (tls(false), port)]
            } else {
                vec![(Condition::always(), port)]
            });
        }
        if let ("ssl_fc", [call]) = (sample.fetch.name.as_str(), sample.converters.as_slice())
            && call.name == "iif"
        {
            return Some(vec![
                (tls(true), call.arg(0).to_owned()),
                (tls(false), call.arg(1).to_owned()),
            ]);
        }
        let name = sample.variable().filter(|_| sample.converters.is_empty())?.to_owned();
        let changes = walk.state.all_changes(&Cell::Variable(name.clone())).to_vec();
        if let [change] = changes.as_slice()
            && let Value::Sample(inner, _) = &change.value
            && change.condition.is_always()
            && inner.variable().is_none()
        {
            self.asked_variables.insert(name);
            return self.texts(&inner.clone(), walk);
        }
        let mut all: Vec<(Condition, String)> = Vec::new();
        for change in changes {
            let Value::Text(text) = change.value else { return None };
            if !change.condition.is_read() || change.once {
                return None;
            }
            for (condition, _) in &mut all {
                *condition = condition.and(&change.condition.complement());
            }
            all.retain(|(condition, _)| !condition.is_never());
            all.push((change.condition, text));
        }
        self.asked_variables.insert(name);
        (!all.is_empty() && all.iter().all(|(condition, _)| condition.is_read())).then_some(all)
    }
}

/// Whether a value is the host that the client asked for.
pub(super) fn is_client_host(value: &LogFormat, state: &State) -> bool {
    value.sample().is_some_and(|sample| is_host(sample, state))
}

fn is_host(sample: &Sample, state: &State) -> bool {
    if let Some(name) = sample.variable() {
        return match state.all_changes(&Cell::Variable(name.to_owned())) {
            [change] if change.condition.is_always() => {
                matches!(&change.value, Value::Sample(sample, _) if sample.variable().is_none() && is_host(sample, state))
            }
            _ => false,
        };
    }
    ["req.hdr", "hdr", "req.fhdr", "fhdr"].contains(&sample.fetch.name.as_str())
        && sample.fetch.arg(0).eq_ignore_ascii_case("host")
        && sample.converters.iter().all(|call| call.name == "lower")
        && state.all_changes(&Cell::Field("host".to_owned())).is_empty()
}

/// What a field tells of the client by this value.
pub(super) fn told(name: &str, value: &LogFormat, state: &State) -> Option<&'static str> {
    let source = match value.parts.as_slice() {
        [Part::Variable(name)] => name == "ci",
        [Part::Sample(sample)] => sample.fetch.is("src", &[]) && sample.converters.is_empty(),
        _ => false,
    };
    let scheme = value.sample().is_some_and(|sample| {
        sample.fetch.is("ssl_fc", &[])
            && matches!(sample.converters.as_slice(), [call] if call.is("iif", &["https", "http"]))
    });
    match name {
        "x-forwarded-for" if source => Some("for"),
        "x-real-ip" if source => Some("real_ip"),
        "x-forwarded-proto" if scheme => Some("proto"),
        "x-forwarded-host" if is_client_host(value, state) => Some("host"),
        _ => None,
    }
}
