//! Rules that together tell of the client behind what a trusted peer has told, or in the field `Forwarded`.

use wsgen_model::spelling::FORWARDED_FIELDS;

use super::differs::Differs;
use super::edits::{Change, Edit, Told};
use super::holds::Holds;
use super::scope::Importer;
use super::walk::Walk;
use crate::import::ledger::Id;
use crate::syntax::{Word, Words};
use crate::targets::haproxy::syntax::{Action, ForwardFor, Matcher, Part, Rule, Statement, Test};

impl Importer<'_> {
    /// The statements by which servers are told the client's address: `option forwardfor` of one of these sections.
    pub(super) fn forwarded_for(&mut self, sections: &[usize]) -> Vec<Id> {
        let mut tells = Vec::new();
        for section in sections {
            let Some(id) = self.option(*section, "forwardfor") else { continue };
            let statement = self.statement(id);
            let Some(Statement::Option(switch)) = statement.as_deref() else { continue };
            let read = match ForwardFor::parse(&mut Words::new(&switch.args, self.span(id))) {
                Ok(read) => read,
                Err(unread) => {
                    self.lose(id, Some(unread.span), &unread.why, false);
                    continue;
                }
            };
            let known = |name: &Word| name.text.eq_ignore_ascii_case("x-forwarded-for");
            if let Some(name) = read.header.as_ref().filter(|name| !known(name)) {
                let why =
                    "the model tells the client's address in `X-Forwarded-For` and `X-Real-IP`";
                self.lose(id, Some(name.span), why, false);
                continue;
            }
            tells.push(id);
            self.ledger.taken(id, "forwarded");
            let span = self.span(id);
            self.differs(
                span,
                if read.if_none { Differs::ForwardedKept } else { Differs::ForwardedFor },
            );
            if let Some(network) = &read.except {
                self.differs(network.span, Differs::ForwardedExcept);
            }
        }
        tells
    }

    /// Whether a rule is one of those.
    pub(super) fn tells(&mut self, id: Id, rule: &Rule, holds: &Holds, walk: &mut Walk) -> bool {
        let (name, value) = if let Action::Field { name, value, adds: false } = &rule.action {
            (name.to_lowercase(), Some(value))
        } else if let Action::DelHeader { name, matcher: None } = &rule.action {
            (name.to_lowercase(), None)
        } else {
            return false;
        };
        if !FORWARDED_FIELDS.iter().any(|known| known.eq_ignore_ascii_case(&name))
            || holds.condition.is_read() && !holds.condition.excludes_entries()
        {
            return false;
        }
        let Some(residual) = self.residual(rule.condition.as_ref(), &walk.state) else {
            return false;
        };
        let condition = residual.condition.clone();
        if condition.is_never() {
            return false;
        }
        let peer = |test: &Test| test.sample.variable().is_some() && test.matcher == Matcher::Ip;
        let there = |test: &Test| {
            test.matcher == Matcher::Found
                && ["req.fhdr", "req.hdr", "hdr"].contains(&test.sample.fetch.name.as_str())
                && test.sample.fetch.arg(0).eq_ignore_ascii_case(&name)
        };
        let own = match name.as_str() {
            "x-forwarded-for" => Some("for"),
            "x-forwarded-proto" => Some("proto"),
            "x-forwarded-host" => Some("host"),
            _ => None,
        };
        let told = match (value, residual.tests.as_slice()) {
            (None, [(true, test)]) if peer(test) => Told::Appended,
            (Some(_), [(false, first), (false, second)])
                if own == Some("for") && peer(first) && there(second) =>
            {
                Told::Appended
            }
            (Some(value), [(true, test)]) if there(test) => {
                let Some(own) = own else { return false };
                let source = |part: &Part| matches!(part, Part::Sample(sample) if sample.fetch.name == "src");
                let fits = match own {
                    "for" => value.parts.iter().all(source),
                    "proto" => matches!(value.literal(), Some("http" | "https")),
                    _ => value
                        .sample()
                        .is_some_and(|sample| sample.fetch.arg(0).eq_ignore_ascii_case("host")),
                };
                if !fits {
                    return false;
                }
                let appends = walk
                    .edits
                    .iter()
                    .any(|edit| matches!(edit.change, Change::Tell(Told::Appended)));
                if !appends {
                    let span = self.span(id);
                    self.differs(span, Differs::ForwardedKept);
                }
                Told::Apart(own)
            }
            (Some(value), [(_, test)])
                if name == "forwarded" && test.sample.fetch.is("src", &[]) =>
            {
                if test.texts().ne(["0.0.0.0/0"]) {
                    return false;
                }
                let mut parts = Vec::new();
                for part in value.parts.iter().filter_map(|part| match part {
                    Part::Text(text) => Some(text),
                    Part::Sample(_) | Part::Variable(_) => None,
                }) {
                    for piece in part.split(';') {
                        match piece.split_once('=').map(|(name, _)| name) {
                            Some("for") => parts.push("for"),
                            Some("proto") => parts.push("proto"),
                            Some("host") => parts.push("host"),
                            // `by`, and parts of other standards.
                            Some(_) => return false,
                            None => {}
                        }
                    }
                }
                if parts.is_empty() {
                    return false;
                }
                Told::Joined(parts)
            }
            _ => return false,
        };
        self.ledger.taken(id, "forwarded");
        walk.edits.push(Edit { id, condition, change: Change::Tell(told) });
        true
    }
}
