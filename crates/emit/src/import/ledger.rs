//! Who became what: each directive gets one verdict, and none is without.

use std::collections::{BTreeSet, HashMap, HashSet};

use wsgen_model::code::Code;
use wsgen_model::diagnostic::{Diagnostic, Diagnostics, Label};
use wsgen_model::source::Span;

use super::folded::{About, Folded, Lost, Said, fold, named_sites};
use super::placeholder::Directives;
use super::{Imported, Judged, Loss, Model, RouteOrigin, Unreadable, Verdict};
use crate::subject::{Announcement, Subject};

/// The number of a directive.
pub(crate) type Id = usize;

/// What is said of every cookie that sticks.
pub(crate) const STICKS_ANEW: &str =
    "the values of the cookie are the new server's own: clients are spread anew once";

/// The verdicts of all directives, and what is to be said beside them.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    verdicts: Vec<Option<Verdict>>,
    findings: Vec<Said>,
    /// The place of a finding among them, by its code and message.
    said: HashMap<(Code, String), usize>,
    /// What directives are about, if they are lost.
    about: HashMap<Id, Vec<Subject>>,
    /// What was announced of differences, each with its place.
    announced: Vec<Announcement>,
    /// The word that a directive was lost at.
    points: HashMap<Id, Span>,
    /// Directives whose requests a placeholder answers.
    refusing: HashSet<Id>,
}

impl Ledger {
    /// A directive is in the model. What was said of it before gives way: it is in there somewhere.
    pub(crate) fn taken(&mut self, id: Id, field: &'static str) {
        let known = match self.at(id) {
            Some(Verdict::Lost(_)) => true,
            Some(Verdict::Taken(known)) => known == field,
            _ => false,
        };
        if !known {
            *self.at(id) = Some(Verdict::Taken(field.into()));
        }
    }

    /// A directive is left out for a reason.
    pub(crate) fn dropped(&mut self, id: Id, why: &'static str) {
        self.at(id).get_or_insert_with(|| Verdict::Dropped(why.into()));
    }

    /// A directive is a loss. That stays, whatever else is made of it.
    pub(crate) fn lost(&mut self, id: Id, why: &str) {
        *self.at(id) = Some(Verdict::Lost(Loss { why: why.to_owned(), opens: false, kept: false }));
    }

    /// A loss that opens what was guarded.
    pub(crate) fn opens(&mut self, id: Id, why: &str) {
        *self.at(id) = Some(Verdict::Lost(Loss { why: why.to_owned(), opens: true, kept: false }));
    }

    /// A loss that a snippet makes good for the server that it came from.
    fn kept(&mut self, id: Id, why: &str) {
        *self.at(id) = Some(Verdict::Lost(Loss { why: why.to_owned(), opens: false, kept: true }));
    }

    /// Takes out of words what no value of a model may hold (`value/text`); a directive that has it is lost.
    pub(crate) fn clean(&mut self, id: Id, words: &mut [String]) {
        let wrong = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
        for word in words.iter_mut().filter(|word| word.contains(wrong)) {
            word.retain(|c| !wrong(c));
            self.lost(id, "there is a control character in it");
        }
    }

    /// As [`Ledger::clean`], for words that stand apart.
    pub(crate) fn clean_all<'w>(&mut self, id: Id, words: impl Iterator<Item = &'w mut String>) {
        for word in words {
            self.clean(id, std::slice::from_mut(word));
        }
    }

    /// A directive that goes into a snippet as it stands, if a model can hold it (`value/text`).
    pub(crate) fn keep(&mut self, id: Id, why: &str, line: String, kept: &mut Vec<String>) {
        if line.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
            return self.lost(id, "there is a control character in it");
        }
        self.kept(id, why);
        kept.push(line);
    }

    /// Something to be said of a place.
    pub(crate) fn say(&mut self, code: Code, span: Span, message: &str, help: &str) {
        if code == Code::IMPORT_BESIDE {
            let title = format!("{code}: {message}");
            let (subjects, spans) = (vec![Subject::Beside], vec![span]);
            self.announced.push(Announcement { title, subjects, spans, route: None });
        }
        // What holds in many places is said once, with the first few of them.
        let place = self.said.entry((code, message.to_owned())).or_insert(self.findings.len());
        let Some(known) = self.findings.get_mut(*place) else {
            let finding = Diagnostic::new(code, message).at(span).help(help);
            self.findings.push(Said {
                finding,
                places: BTreeSet::from([span]),
                about: About::Other,
            });
            return;
        };
        if !known.places.insert(span) {
            return;
        }
        let known = &mut known.finding;
        if known.secondary.len() < 3 {
            known.secondary.push(Label { span, text: "here too".to_owned() });
        }
    }

    /// A file that a directive includes was not read. An optional one may be missing.
    pub(crate) fn unread(
        &mut self,
        id: Id,
        span: Span,
        name: &str,
        why: Unreadable,
        optional: bool,
    ) {
        let (code, message, help) = match why {
            Unreadable::Missing if optional => return self.dropped(id, "the file is not there"),
            Unreadable::Missing => (
                Code::IMPORT_MISSING,
                format!("`{name}` is not there"),
                "name it too, or the root of the whole configuration with --root",
            ),
            Unreadable::Outside => (
                Code::IMPORT_OUTSIDE,
                format!("`{name}` lies outside of the configuration's folder, and was not read"),
                "name it too, or say with --root below which folder files may be read",
            ),
            Unreadable::TooLarge => (
                Code::IMPORT_LIMIT,
                format!("`{name}` is too large for a configuration, or no file, and was not read"),
                "name the files of the configuration alone",
            ),
        };
        self.say(code, span, &message, help);
        let why = match why {
            Unreadable::Missing => "the file is not there",
            Unreadable::Outside => "the file lies outside of the configuration's folder",
            Unreadable::TooLarge => "the file is too large",
        };
        self.dropped(id, why);
    }

    /// A directive that was taken, and that no request comes to.
    pub(crate) fn unreached(&mut self, id: Id) {
        if let Some(Verdict::Taken(_)) = self.at(id) {
            let why = "what comes ahead of it takes all of its requests";
            *self.at(id) = Some(Verdict::Dropped(why.into()));
        }
    }

    /// Says what others see of a directive: its loss announces differences of these subjects.
    pub(crate) fn about(&mut self, id: Id, subjects: Vec<Subject>) {
        self.about.insert(id, subjects);
    }

    /// Something is taken, and means a little less or more in the model: differences of these subjects at this place are
    /// announced.
    pub(crate) fn announces(&mut self, span: Span, subjects: &[Subject], how: &str) {
        self.say(Code::IMPORT_DIFFERS, span, how, "compare the two where you rely on it");
        let title = format!("{}: {how}", Code::IMPORT_DIFFERS);
        let (subjects, spans) = (subjects.to_vec(), vec![span]);
        self.announced.push(Announcement { title, subjects, spans, route: None });
    }

    /// Something is taken, and means a little less or more in the model, in a way that is not told apart.
    pub(crate) fn differs(&mut self, span: Span, how: &str) {
        self.announces(span, &[Subject::Anything], how);
    }

    fn at(&mut self, id: Id) -> &mut Option<Verdict> {
        if self.verdicts.len() <= id {
            self.verdicts.resize(id + 1, None);
        }
        &mut self.verdicts[id]
    }

    /// The finding of a lost directive points to one of its words.
    pub(crate) fn point(&mut self, id: Id, word: Span) {
        self.points.insert(id, word);
    }

    /// Reports hosts of which every request is answered by a placeholder, at the directive that caused it.
    pub(super) fn refuses_site(&mut self, id: Id, span: Span, name: &str, hosts: Vec<String>) {
        let why = self.why(id).unwrap_or_default().to_owned();
        let what = format!("{} answered with 502", named_sites(hosts.iter()));
        let help = format!(
            "look for the placeholder of `{name}` in the model: write what it did, or delete the placeholder where its requests \
             may pass"
        );
        let finding = Diagnostic::new(Code::IMPORT_REFUSES, what).labelled(span, why).help(help);
        let places = BTreeSet::from([span]);
        self.findings.push(Said { finding, places, about: About::Site(hosts) });
    }

    /// Notes that a placeholder answers the requests of a directive.
    pub(super) fn refuses(&mut self, id: Id) {
        self.refusing.insert(id);
    }

    /// Why a directive is lost.
    pub(super) fn why(&self, id: Id) -> Option<&str> {
        match self.verdicts.get(id)? {
            Some(Verdict::Lost(loss)) => Some(&loss.why),
            _ => None,
        }
    }

    /// Whether a directive is lost.
    pub(crate) fn is_lost(&mut self, id: Id) -> bool {
        matches!(self.at(id), Some(Verdict::Lost(_)))
    }

    /// Whether nothing was said of a directive yet.
    pub(crate) fn is_open(&mut self, id: Id) -> bool {
        self.at(id).is_none()
    }

    /// Every directive with its verdict; one that nobody spoke of was not understood. Losses become findings.
    pub(crate) fn close(
        mut self,
        all: impl Iterator<Item = (String, Span, bool)>,
        known: &Directives<'_>,
    ) -> Closed {
        let mut directives = Vec::new();
        let mut announced = std::mem::take(&mut self.announced);
        for (id, (name, span, proxying)) in all.enumerate() {
            let verdict = self.at(id).take().unwrap_or_else(|| {
                let why = "wsgen does not know what it does".to_owned();
                Verdict::Lost(Loss { why, opens: false, kept: false })
            });
            if let Verdict::Lost(loss) = &verdict {
                let (code, what) = match loss {
                    Loss { opens: true, .. } => {
                        (Code::IMPORT_OPENS, "is lost, and it guarded something")
                    }
                    Loss { kept: true, .. } => {
                        (Code::IMPORT_KEPT, "stays a snippet for its own server")
                    }
                    _ => (Code::IMPORT_LOST, "is lost"),
                };
                let written = (known.name)(id);
                let finding = Diagnostic::new(code, format!("`{written}` {what}"));
                let title = format!("{code}: `{name}` {what}: {}", loss.why);
                // What nobody has understood may be about anything, at its own place.
                let subjects = self.about.remove(&id);
                let mut subjects = subjects.unwrap_or_else(|| vec![Subject::Anything]);
                subjects.extend(loss.opens.then_some(Subject::Guard));
                announced.push(Announcement { title, subjects, spans: vec![span], route: None });
                let place = self.points.get(&id).copied().unwrap_or(span);
                self.findings.push(Said {
                    finding: finding.labelled(place, loss.why.clone()),
                    places: BTreeSet::from([place]),
                    about: About::Loss(Lost {
                        id,
                        name: written,
                        refuses: self.refusing.contains(&id),
                    }),
                });
            }
            directives.push(Judged { name, span, proxying, verdict });
        }
        let folded = fold(&self.findings, known.around);
        let mut findings = Diagnostics::default();
        for said in self.findings {
            findings.push(said.finding);
        }
        Closed { directives, findings, folded, announced }
    }
}

/// Verdicts and findings of a ledger once an import has ended.
pub(crate) struct Closed {
    pub(crate) directives: Vec<Judged>,
    pub(crate) findings: Diagnostics,
    pub(crate) folded: Vec<Folded>,
    pub(crate) announced: Vec<Announcement>,
}

impl Closed {
    /// Returns the outcome of an import, with its model and the origins of its routes.
    pub(crate) fn imported(self, model: Model, routes: Vec<RouteOrigin>) -> Imported {
        let Self { directives, findings, folded, announced } = self;
        Imported { model, directives, findings, folded, announced, routes }
    }
}
