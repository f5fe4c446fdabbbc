//! What is said of an import, with findings of one reason as one finding, the heaviest first.

use std::collections::{BTreeSet, HashMap, HashSet};

use wsgen_model::code::Code;
use wsgen_model::diagnostic::{Diagnostic, Severity};
use wsgen_model::source::{SourceId, Span};

use super::ledger::Id;

/// Consequence of a finding for the operator of the model, the heaviest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A whole site whose every request is answered with 502.
    Site,
    /// A guard that is lost, or a configuration that was not read to its end.
    Guard,
    /// A directive that was not read in full, so that a placeholder answers its requests with 502.
    Placeholder,
    /// A directive that is not in the model.
    Loss,
    /// A text that the server itself refuses, or a file that was not read.
    Unread,
    /// A route whose handshakes become no WebSocket.
    Handshake,
    /// A line that no request comes to.
    Dead,
    /// For information.
    Note,
}

impl Kind {
    /// Returns the kind of a finding by its code.
    fn of(code: Code, refuses: bool) -> Self {
        match code {
            Code::IMPORT_REFUSES => Self::Site,
            Code::IMPORT_OPENS | Code::IMPORT_LIMIT => Self::Guard,
            Code::IMPORT_LOST if refuses => Self::Placeholder,
            Code::IMPORT_LOST => Self::Loss,
            Code::IMPORT_SYNTAX | Code::IMPORT_OUTSIDE => Self::Unread,
            Code::IMPORT_BROKEN => Self::Handshake,
            Code::UNREACHABLE_ROUTE => Self::Dead,
            code if code.severity() == Severity::Note => Self::Note,
            _ => Self::Loss,
        }
    }
}

/// Findings of one reason in one file: the first of them, and the places of all.
#[derive(Debug, Clone)]
pub struct Folded {
    /// Consequence of all of these findings.
    pub kind: Kind,
    /// The finding at the first place; its message is for all of them.
    pub finding: Diagnostic,
    /// The places of all, the first one included, in order.
    pub places: Vec<Span>,
    /// Number of directives that are lost because a block around them is lost.
    pub within: usize,
}

/// One finding as the ledger has it.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) finding: Diagnostic,
    /// Every place of it.
    pub(super) places: BTreeSet<Span>,
    pub(super) about: About,
}

/// Subject of a finding, as far as folding needs it.
#[derive(Debug, Clone)]
pub(super) enum About {
    /// The loss of a directive.
    Loss(Lost),
    /// The hosts of a site that is refused as a whole; an empty one is every host that no route names.
    Site(Vec<String>),
    /// Any other subject.
    Other,
}

impl Said {
    fn lost(&self) -> Option<&Lost> {
        match &self.about {
            About::Loss(lost) => Some(lost),
            About::Site(_) | About::Other => None,
        }
    }
}

/// The loss of a directive.
#[derive(Debug, Clone)]
pub(super) struct Lost {
    pub(super) id: Id,
    /// The directive's name.
    pub(super) name: String,
    /// Whether a placeholder answers its requests.
    pub(super) refuses: bool,
}

/// Most names of directives that one finding tells.
const NAMES: usize = 6;

/// Folds findings. `around` is the directive in whose block another one stands.
pub(super) fn fold(all: &[Said], around: impl Fn(Id) -> Option<Id>) -> Vec<Folded> {
    let kind =
        |said: &Said| Kind::of(said.finding.code, said.lost().is_some_and(|lost| lost.refuses));
    let lost: HashMap<Id, Kind> =
        all.iter().filter_map(|said| Some((said.lost()?.id, kind(said)))).collect();
    // The outermost block that weighs as much as what stands in it.
    let block = |id: Id, own: Kind| {
        let outer = std::iter::successors(around(id), |id| around(*id)).take(64);
        outer.filter(|id| lost.get(id).is_some_and(|kind| *kind <= own)).last()
    };
    let mut inner: HashMap<Id, usize> = HashMap::new();
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut known: HashMap<Reason, usize> = HashMap::new();
    for said in all {
        let kind = kind(said);
        if let Some(block) = said.lost().and_then(|lost| block(lost.id, kind)) {
            *inner.entry(block).or_default() += 1;
            continue;
        }
        let reason = Reason::of(kind, said);
        let at = *known.entry(reason).or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.all.push(said),
            None => groups.push(Group { kind, all: vec![said] }),
        }
    }
    let mut folded: Vec<Folded> = groups.iter().map(|group| group.folded(&inner)).collect();
    folded.sort_by_key(|folded| (folded.kind, folded.places.first().copied()));
    folded
}

/// Key of findings that fold into one: their text without its names and numbers, and their file.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Reason {
    kind: Kind,
    code: Code,
    file: Option<SourceId>,
    text: String,
}

impl Reason {
    fn of(kind: Kind, said: &Said) -> Self {
        let Said { finding, places, about } = said;
        let text = match about {
            About::Other => without_names(&finding.message),
            About::Loss(lost) => finding
                .primary
                .as_ref()
                .map(|label| label.text.replace(&format!("`{}`", lost.name), "`"))
                .unwrap_or_default(),
            About::Site(_) => finding.primary.iter().map(|label| label.text.clone()).collect(),
        };
        Self { kind, code: finding.code, file: places.first().map(|span| span.source), text }
    }
}

/// A message without what stands in backquotes, and without numbers: those of lines are other ones at each place.
fn without_names(text: &str) -> String {
    let plain = text.split('`').step_by(2).collect::<Vec<_>>().join("`");
    plain.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// Findings of one reason.
struct Group<'s> {
    kind: Kind,
    all: Vec<&'s Said>,
}

impl Group<'_> {
    fn folded(&self, inner: &HashMap<Id, usize>) -> Folded {
        let first = self.all.iter().min_by_key(|said| said.places.first().copied());
        // A group has one finding at least.
        let mut finding = first.map_or_else(
            || Diagnostic::new(Code::IMPORT_LOST, String::new()),
            |said| said.finding.clone(),
        );
        finding.secondary.clear();
        let places: BTreeSet<Span> =
            self.all.iter().flat_map(|said| said.places.iter().copied()).collect();
        let lost = self.all.iter().filter_map(|said| said.lost());
        let within = lost.clone().filter_map(|lost| inner.get(&lost.id)).sum();
        let mut known: HashSet<&str> = HashSet::new();
        let names: Vec<&str> =
            lost.map(|lost| lost.name.as_str()).filter(|name| known.insert(name)).collect();
        if names.len() > 1 {
            let what = match finding.code {
                Code::IMPORT_OPENS => "are lost, and they guarded something",
                Code::IMPORT_KEPT => "stay snippets for their own server",
                _ => "are lost",
            };
            finding.message = format!("{} {what}", listed(&names));
        }
        let mut hosts: Vec<&String> = Vec::new();
        for said in &self.all {
            if let About::Site(own) = &said.about {
                hosts.extend(own);
            }
        }
        if !hosts.is_empty() {
            finding.message = format!("{} answered with 502", named_sites(hosts.into_iter()));
        }
        Folded { kind: self.kind, finding, places: places.into_iter().collect(), within }
    }
}

/// Names as a person would list them.
fn listed(names: &[&str]) -> String {
    let quoted = |names: &[&str]| {
        names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    };
    match names.split_last() {
        Some((last, rest)) if names.len() <= NAMES => format!("{} and `{last}`", quoted(rest)),
        _ => format!("{} and {} others", quoted(&names[..NAMES]), names.len() - NAMES),
    }
}

/// Most hosts that one finding tells.
const HOSTS: usize = 3;

/// `every request for …` of some hosts, and the verb behind it.
pub(super) fn named_sites<'h>(hosts: impl Iterator<Item = &'h String>) -> String {
    let (unnamed, named): (Vec<&String>, Vec<&String>) = hosts.partition(|host| host.is_empty());
    let mut all: Vec<String> = named.iter().take(HOSTS).map(|host| format!("`{host}`")).collect();
    match named.len().saturating_sub(HOSTS) {
        0 => {}
        1 => all.push("1 more host".to_owned()),
        more => all.push(format!("{more} more hosts")),
    }
    if !unnamed.is_empty() {
        all.push("hosts that no route names".to_owned());
    }
    let end = all.pop().unwrap_or_default();
    let list = if all.is_empty() { end } else { format!("{} and {end}", all.join(", ")) };
    format!("every request for {list} is")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(file: u32, at: usize) -> Span {
        Span::new(SourceId(file), at..at + 1)
    }

    fn loss(id: Id, code: Code, name: &str, why: &str, place: Span) -> Said {
        let finding = Diagnostic::new(code, format!("`{name}` is lost")).labelled(place, why);
        let about = About::Loss(Lost { id, name: name.to_owned(), refuses: false });
        Said { finding, places: BTreeSet::from([place]), about }
    }

    /// Each finding: kind, message, number of places and of what stands in blocks.
    fn told(all: &[Said], around: impl Fn(Id) -> Option<Id>) -> Vec<(Kind, String, usize, usize)> {
        let tell = |one: Folded| (one.kind, one.finding.message, one.places.len(), one.within);
        fold(all, around).into_iter().map(tell).collect()
    }

    #[test]
    fn one_reason_is_one_finding_of_a_file_and_the_heaviest_come_first() {
        let (lost, opens) = (Code::IMPORT_LOST, Code::IMPORT_OPENS);
        let all = [
            loss(0, lost, "a", "unknown", span(0, 10)),
            loss(1, lost, "b", "unknown", span(0, 20)),
            loss(2, lost, "a", "unknown", span(0, 30)),
            loss(3, lost, "a", "unknown", span(1, 10)),
            loss(4, opens, "deny", "no addresses", span(0, 40)),
        ];
        assert_eq!(
            told(&all, |_| None),
            [
                (Kind::Guard, "`deny` is lost".to_owned(), 1, 0),
                (Kind::Loss, "`a` and `b` are lost".to_owned(), 3, 0),
                (Kind::Loss, "`a` is lost".to_owned(), 1, 0),
            ]
        );
    }

    #[test]
    fn what_stands_in_a_lost_block_is_part_of_its_finding() {
        let (lost, opens) = (Code::IMPORT_LOST, Code::IMPORT_OPENS);
        let all = [
            loss(0, lost, "location", "no such path", span(0, 0)),
            loss(1, lost, "proxy_pass", "in a block", span(0, 10)),
            loss(2, opens, "deny", "no addresses", span(0, 20)),
            loss(3, lost, "set", "in a block", span(0, 30)),
        ];
        // A guard weighs more than the block that it stands in.
        let around = |id: Id| [None, Some(0), Some(0), Some(1)][id];
        assert_eq!(
            told(&all, around),
            [
                (Kind::Guard, "`deny` is lost".to_owned(), 1, 0),
                (Kind::Loss, "`location` is lost".to_owned(), 1, 2),
            ]
        );
    }

    #[test]
    fn names_and_lines_in_a_message_make_no_other_reason() {
        let said = |text: &str, at: usize| Said {
            finding: Diagnostic::new(Code::IMPORT_DIFFERS, text),
            places: BTreeSet::from([span(0, at)]),
            about: About::Other,
        };
        let all = [said("`a` is not there: a.conf:3", 1), said("`b` is not there: a.conf:17", 2)];
        let one = (Kind::Note, "`a` is not there: a.conf:3".to_owned(), 2, 0);
        assert_eq!(told(&all, |_| None), [one]);
    }
}
