//! Running a plan: cases on targets, several at a time, those that need the machine alone at the end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use wsgen_model::secret;

use crate::case::{Case, Run};
use crate::expectation::{self, Deviation};
use crate::honesty;
use crate::launch::Target;
use crate::stage::{Fault, Stage};
use crate::transcript::Event;
use crate::verdict::Outcome;

/// No case takes longer.
const LIMIT: Duration = Duration::from_secs(90);

/// What is to be run.
#[derive(Debug)]
pub struct Plan {
    /// On what.
    pub targets: Vec<Target>,
    /// Which cases.
    pub cases: Vec<&'static Case>,
    /// How many at a time.
    pub jobs: usize,
    /// Where every case gets a folder; they stay.
    pub folder: PathBuf,
    /// A fault that is put into every configuration.
    pub fault: Option<Fault>,
}

/// How one case went on one target.
#[derive(Debug)]
pub struct CaseResult {
    /// The case.
    pub case: &'static Case,
    /// What came of it.
    pub outcome: Outcome,
    /// The deviation that it was expected to show.
    pub deviation: Option<Deviation>,
    /// How long it took.
    pub time: Duration,
    /// What both sides sent and saw.
    pub events: Vec<Event>,
    /// Its folder, with configurations and logs.
    pub folder: PathBuf,
}

/// How everything went on one target.
#[derive(Debug)]
pub struct TargetResult {
    /// The target.
    pub target: Target,
    /// Why its results say nothing, if they do.
    pub dishonest: Option<String>,
    /// Case by case, in the order of the catalogue.
    pub cases: Vec<CaseResult>,
}

impl CaseResult {
    /// Why this is not what was expected; `None` where it is.
    pub fn surprise(&self) -> Option<String> {
        match (&self.outcome, &self.deviation) {
            (Outcome::Fail(_), Some(_)) | (Outcome::Unsupported(_), _) | (Outcome::Pass, None) => {
                None
            }
            (Outcome::Pass, Some(deviation)) => Some(format!(
                "a deviation that was known does not occur any more ({}); take it out of the expectations",
                deviation.reason
            )),
            (Outcome::Fail(failed), None) => {
                Some(format!("expected: {}\nobserved: {}", failed.expected, failed.observed))
            }
            (Outcome::Broken(why), _) => Some(format!("the harness could not find out: {why}")),
        }
    }

    /// Its name in reports: a failure that was known is a deviation.
    pub fn name(&self) -> &'static str {
        match (&self.outcome, &self.deviation) {
            (Outcome::Fail(_), Some(_)) => "deviation",
            (outcome, _) => outcome.name(),
        }
    }
}

/// What is told while a plan runs.
#[derive(Debug)]
pub struct Step<'a> {
    /// Results so far.
    pub done: usize,
    /// Of how many.
    pub all: usize,
    /// The target.
    pub target: &'a Target,
    /// The newest result.
    pub result: &'a CaseResult,
}

/// Runs a plan. An error means that nothing can be said at all.
pub async fn run(plan: &Plan, tell: impl Fn(Step<'_>)) -> Result<Vec<TargetResult>, String> {
    let mut results: Vec<TargetResult> = Vec::new();
    // Two images may hold the same version: a folder each.
    let mut folders: Vec<PathBuf> = Vec::new();
    for target in &plan.targets {
        let slug = target.title().replace(' ', "-");
        let mut folder = plan.folder.join(&slug);
        let mut number = 2;
        while folders.contains(&folder) {
            folder = plan.folder.join(format!("{slug}-{number}"));
            number += 1;
        }
        folders.push(folder.clone());
        let dishonest = honesty::probe(target, &folder.join("honesty")).await.err();
        results.push(TargetResult { target: target.clone(), dishonest, cases: Vec::new() });
    }
    let mut work = Vec::new();
    for (at, result) in results.iter().enumerate() {
        let deviations = expectation::of(&result.target)?;
        for case in &plan.cases {
            let deviation = deviations.iter().find(|d| d.case == case.id()).cloned();
            let folder = folders[at].join(case.id());
            work.push((at, *case, result.target.clone(), deviation, folder));
        }
    }
    let (all, done) = (work.len(), Arc::new(AtomicUsize::new(0)));
    let (alone, together): (Vec<_>, Vec<_>) =
        work.into_iter().partition(|(_, case, ..)| case.alone);
    for (work, jobs) in [(together, plan.jobs), (alone, 1)] {
        let mut running = futures_util::stream::iter(work.into_iter().map(
            |(at, case, target, deviation, folder)| {
                let fault = plan.fault.clone();
                async move { (at, one(case, &target, deviation, folder, fault).await) }
            },
        ))
        .buffer_unordered(jobs.max(1));
        while let Some((at, result)) = running.next().await {
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            tell(Step { done, all, target: &results[at].target, result: &result });
            results[at].cases.push(result);
        }
    }
    for result in &mut results {
        let order = |case: &Case| plan.cases.iter().position(|known| std::ptr::eq(*known, case));
        result.cases.sort_by_key(|result| order(result.case));
    }
    Ok(results)
}

/// Runs one case.
async fn one(
    case: &'static Case,
    target: &Target,
    deviation: Option<Deviation>,
    folder: PathBuf,
    fault: Option<Fault>,
) -> CaseResult {
    let began = Instant::now();
    let result = |outcome, events| CaseResult {
        case,
        outcome,
        deviation: deviation.clone(),
        time: began.elapsed(),
        events,
        folder: folder.clone(),
    };
    if let Some(why) = case.unsupported(target) {
        return result(Outcome::Unsupported(why), Vec::new());
    }
    if let Err(error) = make(&folder) {
        return result(
            Outcome::Broken(format!("cannot make {}: {error}", folder.display())),
            Vec::new(),
        );
    }
    let stage = Stage::new(target, &folder, fault);
    let transcript = stage.transcript.clone();
    // Spawned, so that a panic is the case's own end.
    let running =
        tokio::spawn(async move { tokio::time::timeout(LIMIT, case.run.on(&stage)).await });
    let outcome = match running.await {
        Ok(Ok(verdict)) => Outcome::from(verdict),
        Ok(Err(_)) => Outcome::Broken(format!("it takes longer than {LIMIT:?}")),
        Err(error) => Outcome::Broken(format!("it panics: {error}")),
    };
    let mut events = transcript.events();
    // The cases of the catalogue have made their credentials up; those of a user's model may be real.
    if !matches!(case.run, Run::Fixed(_)) {
        for event in &mut events {
            event.text = secret::mask(&event.text);
        }
    }
    result(outcome, events)
}

/// Makes an empty folder that every user can read, and its parents. What another run left there is not this one's.
pub(crate) fn make(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder)?;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))
}
