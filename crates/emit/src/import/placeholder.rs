//! Placeholders: a rule that was not read in full refuses its requests until somebody has settled the question. Each says in the model
//! what it stands for, and a site that has nothing else is said.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use wsgen_model::source::{Sources, Span};

use super::draft::{Draft, Item, Site};
use super::ledger::{Id, Ledger};
use super::origin;

/// Why a rule is lost whose place a placeholder takes, where nothing was said at its own words.
pub(crate) const UNTOLD: &str = "the model cannot tell some requests of this rule, or of a rule ahead of it, apart from others: a placeholder answers them with 502";

/// Returns the answer of a placeholder: 502, so that requests of a rule that was not read in full reach no other route.
pub(crate) fn placeholder() -> Draft {
    Draft::of("respond", Draft::of("status", 502_u64))
}

/// Names, places and blocks of directives, by their numbers.
pub(crate) struct Directives<'a> {
    /// The texts that they stand in.
    pub(crate) sources: &'a Sources,
    /// The name of a directive, as it is written.
    pub(crate) name: &'a dyn Fn(Id) -> String,
    /// The place of a directive.
    pub(crate) place: &'a dyn Fn(Id) -> Span,
    /// The directive in whose block another one stands.
    pub(crate) around: &'a dyn Fn(Id) -> Option<Id>,
}

/// The requests for one host of one listener, up to the route that takes all that are left.
#[derive(Debug, Default)]
struct Requests {
    /// The directives that placeholders stand for, so far.
    refusing: Vec<Id>,
    /// Whether a placeholder took the rest, and nothing else took any.
    refused: Option<bool>,
}

impl Site {
    /// Writes at each placeholder what it stands for, and says which sites answer nothing else.
    pub(crate) fn explain_placeholders(
        &mut self,
        ledger: &mut Ledger,
        directives: &Directives<'_>,
    ) {
        let mut causes: BTreeMap<usize, Vec<Id>> = BTreeMap::new();
        let refuses = placeholder();
        for (at, (item, (_, ids))) in self.routes.iter().zip(&self.made_of).enumerate() {
            if item.fields.get(&["respond"]) != refuses.get(&["respond"]) {
                continue;
            }
            let lost: Vec<Id> = ids.iter().copied().filter(|id| ledger.is_lost(*id)).collect();
            if !lost.is_empty() {
                causes.insert(at, lost);
            }
        }
        if causes.is_empty() {
            return;
        }
        for (at, lost) in &causes {
            let Some((name, _)) = self.made_of.get(*at) else { continue };
            let mut notes: Vec<String> = Vec::new();
            for note in lost.iter().map(|id| note(ledger, directives, *id)) {
                if !notes.contains(&note) {
                    notes.push(note);
                }
            }
            notes.push(ADVICE.to_owned());
            self.notes.insert(name.clone(), notes);
            for id in lost {
                ledger.refuses(*id);
            }
        }
        for (hosts, ids) in self.refused(&causes) {
            let Some(first) = ids.first() else { continue };
            let (place, name) = ((directives.place)(*first), (directives.name)(*first));
            ledger.refuses_site(*first, place, &name, hosts.into_iter().collect());
        }
    }

    /// The hosts of which no request gets anything but a placeholder's answer, by the directives that these stand for.
    fn refused(&self, causes: &BTreeMap<usize, Vec<Id>>) -> Vec<(BTreeSet<String>, Vec<Id>)> {
        let mut all: HashMap<(&str, &str), Requests> = HashMap::new();
        for (at, item) in self.routes.iter().enumerate() {
            let whole = item.fields.get(&["match"]).is_none();
            for place in places(item) {
                let requests = all.entry(place).or_default();
                if requests.refused.is_some() {
                    continue;
                }
                match causes.get(&at) {
                    Some(ids) => requests.refusing.extend(ids),
                    None => requests.refused = Some(false),
                }
                if whole {
                    requests.refused.get_or_insert(true);
                }
            }
        }
        let mut sites: BTreeMap<Vec<Id>, BTreeSet<String>> = BTreeMap::new();
        for ((_, host), mut requests) in all {
            let only = !requests.refusing.is_empty() && requests.refused != Some(false);
            if only {
                requests.refusing.sort_unstable();
                requests.refusing.dedup();
                sites.entry(requests.refusing).or_default().insert(host.to_owned());
            }
        }
        sites.into_iter().map(|(ids, hosts)| (hosts, ids)).collect()
    }
}

/// The listeners and hosts of a route; an empty host is every host that no route names.
fn places(item: &Item) -> Vec<(&str, &str)> {
    let texts = |key: &str| -> Vec<&str> {
        match item.fields.get(&[key]) {
            Some(Draft::List(list)) => list.iter().filter_map(|text| text.text(&[])).collect(),
            _ => vec![""],
        }
    };
    let hosts = texts("hostnames");
    texts("listeners")
        .into_iter()
        .flat_map(|listener| hosts.iter().map(move |host| (listener, *host)))
        .collect()
}

/// Last comment line of every placeholder in the model: what the operator does with it.
const ADVICE: &str = "502 until you decide: write a route that does what stood there, or delete this one where its requests may go on";

/// The line of the model's comment for one directive.
fn note(ledger: &Ledger, directives: &Directives<'_>, id: Id) -> String {
    let name = (directives.name)(id);
    let place = origin(directives.sources, (directives.place)(id));
    let why = ledger.why(id).unwrap_or_default();
    format!("placeholder for `{name}` ({place}): {why}")
}
