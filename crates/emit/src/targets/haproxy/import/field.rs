//! Tests of request fields: the handshake's, and others.

use super::differs::Differs;
use super::request::partly;
use super::scope::Importer;
use crate::import::condition::{Clause, Condition};
use crate::import::pattern::of_text;
use crate::targets::haproxy::syntax::{Call, Matcher, Range, Test};

impl Importer<'_> {
    /// A test of a request field that is not the host. `whole` says that commas are part of the value.
    pub(super) fn field(
        &mut self,
        name: &str,
        whole: bool,
        test: &Test,
        converters: &[Call],
    ) -> Condition {
        let clause = |value: Option<String>| Clause {
            headers: vec![(name.to_owned(), value)],
            ..Clause::default()
        };
        let socket = ["upgrade", "connection"].contains(&name);
        if socket {
            self.handshakes.push((name.to_owned(), test.span));
        }
        if test.sample.fetch.name.ends_with("hdr_cnt") {
            return self.count(name, test);
        }
        let lower = converters == [Call::new("lower", &[])];
        if !converters.is_empty() && !lower {
            self.why(test.sample.span, "the model compares a field as it is");
            return partly(clause(None));
        }
        if socket {
            return self.handshake(name, whole, test, lower);
        }
        if test.matcher == Matcher::Found {
            return Condition::of(clause(None));
        }
        let mut all = Condition::never();
        for pattern in &test.patterns {
            let text = pattern.text.as_str();
            let literal = text.strip_prefix('^').and_then(|text| text.strip_suffix('$'));
            let literal = literal
                .filter(|text| of_text(text) == *text || of_text(&text.replace('\\', "")) == *text);
            let letters = text.contains(|c: char| c.is_ascii_alphabetic());
            let any = (test.ignore_case || lower) && letters;
            let is = |matcher| test.matcher == matcher;
            let one = if is(Matcher::Str) && !any && (whole || !text.contains(',')) {
                Condition::of(clause(Some(text.to_owned())))
            } else if is(Matcher::Reg) && !any && literal.is_some() && whole {
                Condition::of(clause(literal.map(|text| text.replace('\\', ""))))
            } else if is(Matcher::Reg) && [".", ".+", "^.+$"].contains(&text) {
                Condition::of(clause(None))
            } else {
                let why = if any && is(Matcher::Str) {
                    "the model compares values of fields by their case"
                } else {
                    "the model compares values of fields as a whole"
                };
                self.why(pattern.span, why);
                partly(clause(None))
            };
            all = all.or(&one);
        }
        if all.is_read() {
            self.differs(test.span, Differs::FieldList);
        }
        all
    }

    /// How often a field is there.
    fn count(&mut self, name: &str, test: &Test) -> Condition {
        let there = if name == "upgrade" {
            Condition::of(Clause { websocket: Some(true), ..Clause::default() })
        } else if name == "host" {
            Condition::always()
        } else {
            Condition::of(Clause { headers: vec![(name.to_owned(), None)], ..Clause::default() })
        };
        let ranges = test.ranges().unwrap_or_default();
        match ranges.as_slice() {
            [Range { least: 1, most: i64::MAX }] => there,
            // A handshake has one of each.
            [Range { least: 1, most: 1 }] if ["upgrade", "host"].contains(&name) => there,
            [Range { least, most: 0 }] if *least <= 0 => {
                self.why(test.span, "the model has no word for a field that is absent");
                there.complement()
            }
            [Range { least, most }] if *least > 0 && most >= least => {
                self.why(test.span, "the model does not count the lines of a field");
                there.and(&Condition::unread())
            }
            _ => self.unread(test.span, "the model does not count the lines of a field"),
        }
    }

    /// A test of Upgrade or Connection.
    fn handshake(&mut self, name: &str, whole: bool, test: &Test, lower: bool) -> Condition {
        let socket = |value: Option<&str>| {
            let headers =
                value.map(|value| (name.to_owned(), Some(value.to_owned()))).into_iter().collect();
            Clause { websocket: Some(true), headers, ..Clause::default() }
        };
        // What browsers send.
        let token = if name == "upgrade" { "websocket" } else { "upgrade" };
        if test.matcher == Matcher::Found {
            self.differs(test.span, Differs::Handshake);
            return Condition::of(socket(None));
        }
        let any = test.ignore_case || lower;
        let mut all = Condition::never();
        for pattern in &test.patterns {
            let text = pattern.text.as_str();
            let written =
                if lower && !test.ignore_case { text.to_owned() } else { text.to_lowercase() };
            let regex = test.matcher == Matcher::Reg;
            let compared = if regex { written.trim_start_matches("(?i)") } else { &written };
            let fits =
                (regex || !written.is_empty()) && test.matcher.fits(token, compared) == Some(true);
            let any = any || text.starts_with("(?i)");
            let usual = if name == "upgrade" { text == written } else { text.contains("Upgrade") };
            let one = if !fits {
                self.why(
                    pattern.span,
                    "the model looks at Upgrade and Connection for a WebSocket alone",
                );
                let headers = vec![(name.to_owned(), None)];
                partly(Clause { headers, ..Clause::default() })
            } else if any && (!whole || name == "upgrade" || test.matcher != Matcher::Str) {
                Condition::of(socket(None))
            } else if name == "upgrade" && test.matcher == Matcher::Str {
                // Some clients write the token with capital letters.
                Condition::of(socket(Some(text)))
            } else if usual && !(whole && name == "connection" && test.matcher == Matcher::Str) {
                self.differs(test.span, Differs::Handshake);
                Condition::of(socket(None))
            } else {
                self.why(pattern.span, "not every WebSocket handshake has this text; add `-i`, and compare with `req.hdr`");
                partly(socket(None))
            };
            all = all.or(&one);
        }
        all
    }
}
