//! The smallest configuration that still differs.

use futures_util::StreamExt;
use wsgen_emit::Subject;

use super::batch::{Harness, Job, Ran};
use super::compare::compare;
use super::lines::Lines;
use super::questions::Question;

/// The most rounds of leaving lines out.
const ROUNDS: usize = 12;
/// The most words that are left out.
const WORDS: usize = 6;
/// The most texts that are tried in one process.
const AT_ONCE: usize = 40;
/// How many texts the server checks at once.
const CHECKS: usize = 3;

/// A difference that is looked for again in other texts.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) question: Question,
    pub(super) subject: Subject,
    pub(super) named: Vec<String>,
    pub(super) whole: bool,
}

impl Wanted {
    fn job(&self, text: String) -> Job {
        Job { text, misread: None, whole: self.whole, questions: vec![self.question.clone()] }
    }

    /// Returns how many findings are about the difference; nothing where it is not there.
    fn findings(&self, ran: &Ran) -> Option<usize> {
        let Ran::Compared { said, answers, alike } = ran else { return None };
        let (one, other) = answers.first()?;
        let all = compare(one, other, &self.named, alike);
        let difference = all.iter().find(|difference| difference.subject == self.subject)?;
        Some(said.iter().filter(|said| said.is_about(difference)).count())
    }
}

/// Leaves lines and words out of a text for as long as the difference stays.
pub(super) async fn shrink(harness: &Harness, wanted: &Wanted, text: String) -> String {
    let mut text = text;
    // Findings that were there from the beginning are not the cause; no other may come to it.
    let first = harness.run(&[&wanted.job(text.clone())]).await;
    let Some(most) = first.first().and_then(|ran| wanted.findings(ran)) else { return text };
    for _ in 0..ROUNDS {
        let lines = Lines::of(&text);
        let nodes = lines.nodes();
        let texts = nodes.iter().map(|node| lines.without(std::slice::from_ref(node)));
        let good = good(harness, wanted, most, texts.collect()).await;
        let all: Vec<_> = good.iter().map(|at| nodes[*at].clone()).collect();
        let Some(first) = all.first().cloned() else { break };
        let together = lines.without(&all);
        let several = all.len() > 1;
        let fits =
            several && !self::good(harness, wanted, most, vec![together.clone()]).await.is_empty();
        text = if fits { together } else { lines.without(&[first]) };
    }
    for _ in 0..WORDS {
        let texts = without_a_word(&text);
        match good(harness, wanted, most, texts.clone()).await.first() {
            Some(at) => text.clone_from(&texts[*at]),
            None => break,
        }
    }
    text
}

/// The texts that the server runs and that still differ, by their numbers.
async fn good(harness: &Harness, wanted: &Wanted, most: usize, texts: Vec<String>) -> Vec<usize> {
    let tried = texts.into_iter().enumerate().map(|(at, text)| async move {
        let job = wanted.job(text);
        harness.accepts(&job).await.then_some((at, job))
    });
    let tried: Vec<_> = futures_util::stream::iter(tried).buffered(CHECKS).collect().await;
    let jobs: Vec<(usize, Job)> = tried.into_iter().flatten().collect();
    let mut good = Vec::new();
    for jobs in jobs.chunks(if wanted.whole { 1 } else { AT_ONCE }) {
        let ran = harness.run(&jobs.iter().map(|(_, job)| job).collect::<Vec<_>>()).await;
        let differs = |ran: &Ran| wanted.findings(ran).is_some_and(|findings| findings <= most);
        let differing = jobs.iter().zip(&ran).filter(|(_, ran)| differs(ran));
        good.extend(differing.map(|((at, _), _)| *at));
    }
    good
}

/// The text without each word behind the first of its line.
fn without_a_word(text: &str) -> Vec<String> {
    let lines = Lines::of(text);
    let mut all = Vec::new();
    for at in 0..lines.len() {
        let line = lines.line(at);
        let indent = &line[..line.len() - line.trim_start().len()];
        let words: Vec<&str> = line.split_whitespace().collect();
        for word in 1..words.len() {
            if ["{", "}"].contains(&words[word]) || line.contains(['"', '\'']) {
                continue;
            }
            let end = if words[word].ends_with(';') { ";" } else { "" };
            let kept = [&words[..word], &words[word + 1..]].concat().join(" ");
            all.push(lines.with(at, &format!("{indent}{kept}{end}")));
        }
    }
    all
}
