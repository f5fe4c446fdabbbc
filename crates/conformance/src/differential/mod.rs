//! Differential tests of the importers: the original's server runs the original text, `wsgen serve` runs the model that was
//! imported from it, and both are asked the same questions.
//!
//! A difference counts unless a finding stands at the directive that causes it. That is tried: the lines that were spoken of
//! are left out, and if both servers still differ over the same question, nothing of what was said is the cause.

mod batch;
mod chance;
mod compare;
mod files;
mod finding;
mod lines;
mod literals;
mod place;
mod questions;
mod shrink;

use wsgen_emit::Subject;
use wsgen_model::code::Code;

pub use self::batch::{Frame, Harness};
pub use self::chance::Chance;
pub use self::compare::{Difference, Kind};
pub(crate) use self::files::Marks;
pub use self::files::relocated;
pub use self::finding::Said;
pub use self::lines::Lines;
pub use self::literals::Literals;
pub use self::questions::{Handshake, Question, questions};

use self::batch::{Job, Ran};
use self::compare::compare;
use self::shrink::{Wanted, shrink};

/// How many configurations share a process.
const TOGETHER: usize = 30;

/// A configuration to be compared.
#[derive(Debug, Clone)]
pub struct Case {
    /// What reports call it.
    pub name: String,
    /// The text, with names between `@` for what lies elsewhere.
    pub text: String,
    /// Text that a faulty importer would have read instead of `text`. With one, a finding excuses a difference of its subject
    /// wherever the finding stands, because its lines are not those of `text`.
    pub misread: Option<String>,
    /// Whether it is a whole file, which shares its process with no other.
    pub whole: bool,
}

/// What came of a configuration.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The name of the case.
    pub name: String,
    /// How many questions were asked.
    pub asked: usize,
    /// What the importer said of it.
    pub titles: Vec<String>,
    /// How many differences a finding at their cause excuses.
    pub excused: usize,
    /// How many differences of which something was said could not be tried again: what is left does not run.
    pub undecided: usize,
    /// Differences of which nothing was said.
    pub silent: Vec<Silent>,
    /// Why the original's server does not run the text.
    pub refused: Option<String>,
    /// Why `wsgen serve` does not run the model.
    pub broken: Option<String>,
}

impl Outcome {
    /// Whether this configuration has a difference that no finding announces, or a model that does not run.
    pub fn differs(&self) -> bool {
        !self.silent.is_empty() || self.broken.is_some()
    }

    /// Returns the second run of a configuration without the differences that only it shows. Where the first run did not get
    /// as far as questions, all of the second counts.
    fn confirmed(&self, again: Self) -> Self {
        if self.broken.is_some() {
            return again;
        }
        let known = |silent: &Silent| {
            let same = |first: &Silent| {
                first.question == silent.question && first.subject() == silent.subject()
            };
            self.silent.iter().any(same)
        };
        let silent = again.silent.iter().filter(|silent| known(silent)).cloned().collect();
        Self { silent, ..again }
    }
}

/// A difference of which nothing was said.
#[derive(Debug, Clone)]
pub struct Silent {
    /// The question.
    pub question: Question,
    /// What differs.
    pub difference: Difference,
    /// The text that shows it.
    pub text: String,
    whole: bool,
}

/// Compares configurations; each is asked at most `most` questions. A configuration that differs is compared once
/// more alone: a difference that only one of both runs shows is the machine's doing.
pub async fn run(harness: &Harness, cases: &[Case], most: usize) -> Vec<Outcome> {
    let mut all = Vec::new();
    let mut rest = cases;
    while let Some(first) = rest.first() {
        let together = rest.iter().take(TOGETHER).take_while(|case| !case.whole && !first.whole);
        let (now, later) = rest.split_at(together.count().max(1));
        for (case, outcome) in now.iter().zip(chunk(harness, now, most).await) {
            all.push(if outcome.differs() {
                match chunk(harness, std::slice::from_ref(case), most).await.pop() {
                    Some(again) => outcome.confirmed(again),
                    None => outcome,
                }
            } else {
                outcome
            });
        }
        rest = later;
    }
    all
}

async fn chunk(harness: &Harness, cases: &[Case], most: usize) -> Vec<Outcome> {
    let job = |case: &Case| {
        let questions = questions(&case.text, &place::listeners(&case.text), most);
        let misread = case.misread.clone();
        Job { text: case.text.clone(), misread, whole: case.whole, questions }
    };
    let jobs: Vec<Job> = cases.iter().map(job).collect();
    let ran = harness.run(&jobs.iter().collect::<Vec<_>>()).await;
    let mut outcomes = Vec::new();
    // Differences that something was said of, and the text without what was said.
    let mut doubtful: Vec<(usize, Question, Difference, Job)> = Vec::new();
    for (at, ((case, job), ran)) in cases.iter().zip(&jobs).zip(ran).enumerate() {
        let mut outcome = Outcome { name: case.name.clone(), ..Outcome::default() };
        match ran {
            Ran::Refused(why) => outcome.refused = Some(why),
            Ran::Broken(why) => outcome.broken = Some(why),
            Ran::Compared { said, answers, alike } => {
                outcome.titles = said.iter().map(|said| said.title.clone()).collect();
                outcome.asked = answers.len();
                let named = named(&case.text);
                for (question, (one, other)) in job.questions.iter().zip(&answers) {
                    for difference in compare(one, other, &named, &alike) {
                        if case.misread.is_some()
                            && said.iter().any(|said| said.is_about(&difference))
                        {
                            outcome.excused += 1;
                            continue;
                        }
                        let lines = Lines::of(&case.text);
                        match without(&lines, &said, &difference) {
                            None => outcome.silent.push(Silent {
                                question: question.clone(),
                                difference,
                                text: case.text.clone(),
                                whole: case.whole,
                            }),
                            Some(text) => {
                                let questions = vec![question.clone()];
                                let job = Job { text, misread: None, whole: case.whole, questions };
                                doubtful.push((at, question.clone(), difference, job));
                            }
                        }
                    }
                }
            }
        }
        outcomes.push(outcome);
    }
    judge(harness, cases, &mut outcomes, doubtful).await;
    outcomes
}

/// Most rounds in which the lines of findings are left out. Lines that one round uncovers may have findings of their own.
const LEFT_OUT: usize = 6;

/// Tries the differences that something was said of again, without the lines that it was said of.
async fn judge(
    harness: &Harness,
    cases: &[Case],
    outcomes: &mut [Outcome],
    mut doubtful: Vec<(usize, Question, Difference, Job)>,
) {
    for round in 1..=LEFT_OUT {
        doubtful = judge_once(harness, cases, outcomes, doubtful, round == LEFT_OUT).await;
    }
}

/// Asks about differences again, without the lines of their findings. Returns the differences that are still there and have a
/// finding in the shorter text; in the last round these count as silent.
async fn judge_once(
    harness: &Harness,
    cases: &[Case],
    outcomes: &mut [Outcome],
    doubtful: Vec<(usize, Question, Difference, Job)>,
    last: bool,
) -> Vec<(usize, Question, Difference, Job)> {
    // All questions to one text are asked at once.
    let mut jobs: Vec<Job> = Vec::new();
    let mut place = Vec::new();
    for (at, _, _, job) in &doubtful {
        let known = jobs.iter().position(|known| known.text == job.text);
        let number = known.unwrap_or(jobs.len());
        if known.is_none() {
            jobs.push(Job { questions: Vec::new(), ..job.clone() });
        }
        jobs[number].questions.extend(job.questions.clone());
        place.push((*at, number, jobs[number].questions.len() - 1));
    }
    let mut accepted: Vec<bool> = Vec::new();
    for job in &jobs {
        accepted.push(harness.accepts(job).await);
    }
    let kept: Vec<&Job> =
        jobs.iter().zip(&accepted).filter(|(_, good)| **good).map(|(job, _)| job).collect();
    let mut results: Vec<Option<Ran>> = Vec::new();
    let mut ran = harness.run(&kept).await.into_iter();
    for good in accepted {
        results.push(if good { ran.next() } else { None });
    }
    let mut left = Vec::new();
    for ((at, question, difference, job), (_, number, asked)) in doubtful.into_iter().zip(place) {
        let named = named(&cases[at].text);
        let Some(Ran::Compared { said, answers, alike }) = &results[number] else {
            outcomes[at].undecided += 1;
            continue;
        };
        let again = answers.get(asked).map(|(one, other)| compare(one, other, &named, alike));
        let again = again.unwrap_or_default();
        let still = again.into_iter().find(|again| again.subject == difference.subject);
        let Some(difference) = still else {
            outcomes[at].excused += 1;
            continue;
        };
        match without(&Lines::of(&job.text), said, &difference).filter(|_| !last) {
            Some(text) => left.push((at, question, difference, Job { text, ..job })),
            None => outcomes[at].silent.push(Silent {
                question,
                difference,
                text: job.text,
                whole: job.whole,
            }),
        }
    }
    left
}

/// The text without the lines that were spoken of; nothing where no finding is about the difference.
fn without(lines: &Lines, said: &[Said], difference: &Difference) -> Option<String> {
    let about = said.iter().filter(|said| said.is_about(difference));
    // What is said of a whole section is said of all that is in it only if the section is lost.
    let lost = [Code::IMPORT_LOST, Code::IMPORT_OPENS];
    let about = about.filter(|said| {
        let block = lines.node(said.line).count() > 1;
        !(block && lines.is_outermost(said.line)) || lost.contains(&said.code)
    });
    let nodes: Vec<_> = about.map(|said| lines.node(said.line)).collect();
    (!nodes.is_empty()).then(|| lines.without(&nodes))
}

/// The fields that a text speaks of.
fn named(text: &str) -> Vec<String> {
    let mut all: Vec<String> =
        Literals::of(text).fields.into_iter().map(|(name, _)| name).collect();
    all.dedup();
    all
}

impl Silent {
    /// Returns the smallest text that shows the difference.
    pub async fn smallest(&self, harness: &Harness) -> String {
        let wanted = Wanted {
            question: self.question.clone(),
            subject: self.difference.subject.clone(),
            named: named(&self.text),
            whole: self.whole,
        };
        shrink(harness, &wanted, self.text.clone()).await
    }

    /// Returns what differences of one kind have alike: what differs, and how.
    pub fn subject(&self) -> &Subject {
        &self.difference.subject
    }

    /// Returns the question and both answers, in a few lines.
    pub fn told(&self) -> String {
        format!(
            "{}\n  {:?}: {} by the original, {} by the model",
            self.question.title(),
            self.difference.subject,
            self.difference.original,
            self.difference.imported
        )
    }
}
