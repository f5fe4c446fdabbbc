//! Health checks: what is asked of a server, and which answers are good.

use wsgen_model::code::Code;
use wsgen_model::decode::Scalar;
use wsgen_model::scalar::PathLiteral;

use super::differs::Differs;
use super::scope::Importer;
use crate::import::draft::Draft;
use crate::import::ledger::Id;
use crate::import::measure;
use crate::targets::haproxy::syntax::{HttpCheck, Probe, Statement};

/// HAProxy takes every 2xx and 3xx for good where nothing is said; these are the ones that servers answer with.
const GOOD: [u64; 12] = [200, 201, 202, 203, 204, 206, 301, 302, 303, 304, 307, 308];

impl Importer<'_> {
    /// What the checks of a section ask. `timing` are the times and thresholds of a server.
    pub(super) fn check(&mut self, section: usize, timing: Vec<(&'static str, Draft)>) -> Draft {
        let mut check = Draft::of("type", "tcp");
        for (key, value) in timing {
            check.set(&[key], value);
        }
        if let Some(millis) = self.timer(section, "check", "health_check.timeout") {
            check.set(&["timeout"], measure::duration(millis.max(1)));
        }
        let Some(id) = self.option(section, "httpchk") else { return check };
        let statement = self.statement(id);
        let Some(Statement::Option(switch)) = statement.as_deref() else { return check };
        self.ledger.taken(id, "health_check.type");
        check.set(&["type"], "http");
        let mut probe = match Probe::option(&switch.args) {
            Ok(probe) => probe,
            Err(unread) => {
                self.lose(id, Some(unread.span), &unread.why, false);
                return check;
            }
        };
        let mut said_by = id;
        let mut expected: Option<(Id, Option<Vec<u64>>)> = None;
        for id in self.check_steps(section) {
            let statement = self.statement(id);
            let Some(Statement::HttpCheck(step)) = statement.as_deref() else { continue };
            match step {
                HttpCheck::Send(sent) => {
                    said_by = id;
                    probe = Probe {
                        method: sent.method.clone().or(probe.method),
                        uri: sent.uri.clone().or(probe.uri),
                        version: sent.version.clone().or(probe.version),
                        fields: [probe.fields, sent.fields.clone()].concat(),
                        computed: probe.computed || sent.computed,
                    };
                    self.ledger.taken(id, "health_check.path");
                }
                HttpCheck::ExpectStatus(ranges) => {
                    let all = ranges
                        .iter()
                        .flat_map(|(least, most)| *least..=(*most).min(599).max(*least));
                    let all: Vec<u64> =
                        all.filter(|status| (100..600).contains(status)).take(600).collect();
                    expected = Some((id, Some(all)));
                }
                HttpCheck::Expect(_) => expected = Some((id, None)),
                HttpCheck::Connect(_) => {
                    self.ledger.taken(id, "health_check");
                    let span = self.span(id);
                    self.differs(span, Differs::CheckConnection);
                }
                HttpCheck::DisableOn404 => {}
                HttpCheck::Other(_) => {
                    self.ledger.dropped(id, "a check of the model is one request");
                }
            }
        }
        self.probe(said_by, &probe, expected, &mut check);
        check
    }

    /// The statements that say what is asked, in order.
    fn check_steps(&self, section: usize) -> Vec<Id> {
        let mut chain = self.chain(section);
        chain.reverse();
        // A section's own steps take the place of those of its `defaults`.
        let lists = chain.into_iter().map(|section| self.own(section, &["http-check"]));
        lists.rev().find(|list| !list.is_empty()).unwrap_or_default()
    }

    /// Puts a request and what is expected of it into a check.
    fn probe(
        &mut self,
        id: Id,
        probe: &Probe,
        expected: Option<(Id, Option<Vec<u64>>)>,
        check: &mut Draft,
    ) {
        if let Some(uri) = &probe.uri {
            let bare = uri.split('?').next().unwrap_or("/");
            if PathLiteral::parse(bare).is_ok() {
                check.set(&["path"], bare);
            } else {
                self.lose(id, None, "the model asks for plain paths", false);
            }
        }
        let token = |name: &str, wanted: &str| {
            let value = probe.field(name).unwrap_or_default();
            value.split(',').any(|part| part.trim().eq_ignore_ascii_case(wanted))
        };
        // Of interim answers 101 alone is ever a server's last one (RFC 9110 section 15.2).
        let interim =
            |statuses: &[u64]| !statuses.is_empty() && statuses.iter().all(|status| *status < 200);
        let switches = matches!(&expected, Some((_, Some(statuses))) if interim(statuses));
        let handshake = matches!(&expected, Some((_, Some(statuses))) if statuses == &[101]);
        if token("Upgrade", "websocket") && handshake {
            check.set(&["type"], "websocket");
            if let Some((id, _)) = expected {
                self.ledger.taken(id, "health_check.type");
            }
            return;
        }
        match expected {
            None => check.set(&["expect_status"], GOOD.to_vec()),
            Some((id, Some(statuses))) if switches => {
                let why = if statuses == [101] {
                    "a server answers 101 only to a handshake, which this request is not; no status is good"
                } else {
                    "no answer of a server ends with these statuses; none is good"
                };
                self.lose(id, None, why, false);
                check.set(&["type"], "tcp");
                check.remove(&["path"]);
            }
            Some((id, Some(mut statuses))) if !statuses.is_empty() => {
                self.ledger.taken(id, "health_check.expect_status");
                let all = statuses.len();
                statuses.retain(|status| *status >= 200);
                if statuses.len() < all {
                    let what = "statuses below 200 are left out of a check: no answer of a server ends with them";
                    let help = "nothing is to be done";
                    self.ledger.say(Code::IMPORT_DIFFERS, self.span(id), what, help);
                }
                check.set(&["expect_status"], statuses);
            }
            Some((id, _)) => {
                self.lose(id, None, "a check expects statuses that are written out", false);
            }
        }
    }
}
