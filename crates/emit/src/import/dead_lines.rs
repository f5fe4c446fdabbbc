//! Lines that no request comes to, and routes whose handshakes become plain HTTP: said once all routes are known.

use std::collections::{BTreeSet, HashSet};

use wsgen_model::code::Code;
use wsgen_model::source::Span;

use super::draft::{Draft, Item, Site};
use super::ledger::{Id, Ledger};
use super::origin;
use super::placeholder::Directives;

/// Part that a directive plays among rules, which decides whether it is reported as dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// A rule of its own: reported if no request reaches it.
    Rule,
    /// A part of a rule, which goes with it.
    Part,
    /// A block around rules, which may hold for other rules too.
    Block,
}

impl Site {
    /// Says which lines no request comes to.
    pub(crate) fn say_dead_lines(
        &self,
        ledger: &mut Ledger,
        directives: &Directives<'_>,
        line: impl Fn(Id) -> Line,
    ) {
        if self.unreached.is_empty() {
            return;
        }
        // What one list of rules does not reach may decide in another one.
        let alive: BTreeSet<Id> = self.made_of.iter().flat_map(|(_, ids)| ids).copied().collect();
        let dead_ones = self.unreached.iter().filter(|(id, _)| !alive.contains(id));
        for (id, taker) in dead_ones.filter(|(id, _)| line(**id) != Line::Block) {
            if line(*id) == Line::Rule
                && id != taker
                && !ledger.is_lost(*id)
                && !ledger.is_lost(*taker)
            {
                let taker = origin(directives.sources, (directives.place)(*taker));
                dead(ledger, (directives.place)(*id), &(directives.name)(*id), &taker);
            }
            ledger.unreached(*id);
        }
    }

    /// The directives whose routes get handshakes and pass them on as plain HTTP.
    pub(crate) fn without_handshakes(&self) -> BTreeSet<Id> {
        let every = Draft::List(vec![Draft::of("upgrade", "websocket")]);
        let hosts = |item: &Item| {
            format!("{:?} {:?}", item.fields.get(&["listeners"]), item.fields.get(&["hostnames"]))
        };
        // Hosts of which a route ahead takes all handshakes.
        let mut taken: HashSet<String> = HashSet::new();
        let mut all = BTreeSet::new();
        for (item, (_, ids)) in self.routes.iter().zip(&self.made_of) {
            if item.fields.get(&["match"]) == Some(&every) {
                taken.insert(hosts(item));
            } else if item.fields.text(&["websocket", "mode"]) == Some("deny")
                && !taken.contains(&hosts(item))
            {
                all.extend(ids);
            }
        }
        all
    }
}

/// Says that no request comes to a line.
pub(crate) fn dead(ledger: &mut Ledger, place: Span, name: &str, taker: &str) {
    let what = format!("no request reaches this `{name}`: {taker} takes all of its requests");
    ledger.say(Code::UNREACHABLE_ROUTE, place, &what, "put it ahead of that line, or delete it");
}
