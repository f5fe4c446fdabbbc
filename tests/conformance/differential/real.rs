//! Configurations of the field and of the corpus, each in a process of its own. They lie beside the checkout, or in the
//! folder that `WSGEN_SHARED` names.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use wsgen_conformance::differential::{self, Frame, Harness, Outcome, relocated};
use wsgen_emit::{NoFiles, TARGETS, Target};
use wsgen_model::source::{Source, Sources};

/// How many questions a configuration is asked.
const QUESTIONS: usize = 120;
/// Directives that servers do not know are left out, so many at most.
const UNKNOWN: usize = 12;
/// What takes longer is told.
const SLOW: Duration = Duration::from_secs(10);
/// How many files are compared at once.
const AT_ONCE: usize = 6;

/// The files below a folder, in order.
fn files(folder: &Path, all: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut entries: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, all);
        } else if path.extension().is_some_and(|end| end == "conf" || end == "cfg") {
            all.push(path);
        }
    }
}

/// The target that a text is most likely for.
fn target(text: &str) -> &'static wsgen_emit::Target {
    TARGETS.iter().copied().max_by_key(|target| (target.traits)(text)).unwrap()
}

/// Compares every file below a folder beside the checkout; nothing where there is none.
async fn compare(folder: &str) -> Vec<Outcome> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let root = std::env::var_os("WSGEN_SHARED").map_or(beside, PathBuf::from).join(folder);
    let mut all = Vec::new();
    files(&root, &mut all);
    let mut outcomes = Vec::new();
    for target in TARGETS {
        let place = super::folder();
        let harness = super::harness(target.name, Frame::default(), place.path()).await;
        let texts = all.iter().filter_map(|path| Some((path, std::fs::read_to_string(path).ok()?)));
        let own: Vec<(String, String)> = texts
            .filter(|(_, text)| self::target(text).name == target.name)
            .map(|(path, text)| (path.strip_prefix(&root).unwrap().display().to_string(), text))
            .collect();
        let compared = own.iter().map(|(name, text)| file(target, &harness, name, text));
        let compared = futures_util::stream::iter(compared).buffered(AT_ONCE);
        outcomes.extend(compared.collect::<Vec<_>>().await);
    }
    outcomes
}

/// Compares one file. What its server does not know is left out.
async fn file(target: &Target, harness: &Harness, name: &str, text: &str) -> Outcome {
    let mut unknown: Vec<String> = Vec::new();
    let began = Instant::now();
    let outcome = loop {
        let mut sources = Sources::default();
        let id = sources.add(Source::new(name, text));
        let case = relocated(target, name, (&mut sources, &[id]), &mut NoFiles, &unknown);
        let outcome = differential::run(harness, &[case], QUESTIONS).await.remove(0);
        let next = outcome.refused.as_deref().and_then(|said| (target.unknown)(said));
        match next.filter(|name| !unknown.contains(name) && unknown.len() < UNKNOWN) {
            Some(name) => unknown.push(name),
            None => break outcome,
        }
    };
    let mut page = String::new();
    if outcome.differs() {
        page.push_str(&format!("{name}: {}\n", super::told("", std::slice::from_ref(&outcome))));
        for silent in outcome.silent.iter().take(3) {
            page.push_str(&format!("  {}\n", silent.told()));
        }
        if std::env::var_os("WSGEN_DIFFERENTIAL_FOUND").is_some() {
            page.push_str(&super::found(harness, &[&outcome], usize::MAX).await.join("\n"));
        }
    }
    if let Some(why) = &outcome.refused {
        page.push_str(&format!("{name} is refused: {why:.300}\n"));
    }
    if began.elapsed() > SLOW {
        page.push_str(&format!("{name} took {:?}\n", began.elapsed()));
    }
    print!("{page}");
    outcome
}

#[test]
#[ignore = "by hand: it takes ten minutes"]
fn files_of_the_field_and_of_the_corpus_are_read_as_they_behave() {
    let known: Vec<&str> = include_str!("known/files.txt").lines().collect();
    let mut all_names = Vec::new();
    super::runtime().block_on(async {
        for folder in ["field", "corpus"] {
            let all = compare(folder).await;
            println!("{}", super::told(folder, &all));
            let differing = all.iter().filter(|outcome| outcome.differs());
            let names = differing.map(|outcome| format!("{folder}/{}", outcome.name));
            all_names.extend(names);
        }
    });
    if std::env::var_os("UPDATE").is_some() {
        let names: String = all_names.iter().map(|name| format!("{name}\n")).collect();
        let known = "tests/conformance/differential/known/files.txt";
        return std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(known), names).unwrap();
    }
    all_names.retain(|name| !known.contains(&name.as_str()));
    let new = all_names;
    assert!(new.is_empty(), "these differ, and nothing was said of it:\n{}", new.join("\n"));
}
