//! The importers against the servers that they read for: drawn configurations and real ones, asked the same questions on
//! the original's server and on `wsgen serve` with the imported model. Nothing may differ of which nothing was said.
//!
//! By hand, with a number of configurations for each server:
//! `WSGEN_DIFFERENTIAL=20000 cargo test --test conformance differential -- --nocapture`.
//! `WSGEN_DIFFERENTIAL_FROM` is the first seed, and `WSGEN_DIFFERENTIAL_FOUND` a folder for what is found; of that
//! `WSGEN_DIFFERENTIAL_SHRUNK` texts are shrunk, which takes seconds each. `WSGEN_DIFFERENTIAL_KNOWN` draws the known seeds
//! alone.

#![allow(clippy::print_stdout, reason = "figures are for those who run it by hand")]

mod apache;
mod haproxy;
pub(crate) mod misread;
mod nginx;
mod real;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use wsgen_conformance::differential::{self, Case, Chance, Frame, Harness, Outcome, Silent};
use wsgen_conformance::launch::Target;

/// Number of configurations that are drawn for a server, unless `WSGEN_DIFFERENTIAL` names another.
const DRAWN: u64 = 300;
/// How many questions a drawn configuration is asked.
const QUESTIONS: usize = 60;
/// Most differences that are shrunk, which takes seconds each; the rest are shown whole.
const SHRUNK: usize = 3;
/// Most differences of one subject that are shown.
const ALIKE: usize = 5;

/// A server's grammar, and the seeds that are known to differ.
struct Drawn {
    name: &'static str,
    frame: fn() -> Frame,
    draw: fn(&mut Chance) -> String,
    known: &'static str,
}

#[test]
fn haproxy_is_read_as_it_behaves() {
    let known = include_str!("known/haproxy.txt");
    check(&Drawn { name: "haproxy", frame: haproxy::frame, draw: haproxy::draw, known });
}

#[test]
#[ignore = "by hand: what it finds is not mended yet"]
fn rare_haproxy_is_read_as_it_behaves() {
    check(&Drawn { name: "haproxy", frame: haproxy::frame, draw: haproxy::draw_wide, known: "" });
}

#[test]
fn nginx_is_read_as_it_behaves() {
    let known = include_str!("known/nginx.txt");
    check(&Drawn { name: "nginx", frame: nginx::frame, draw: nginx::draw, known });
}

#[test]
fn apache_is_read_as_it_behaves() {
    let known = include_str!("known/apache.txt");
    check(&Drawn { name: "apache", frame: apache::frame, draw: apache::draw, known });
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

async fn harness(name: &str, frame: Frame, folder: &Path) -> Harness {
    let target = Target::installed(name).unwrap();
    let program = assert_cmd::cargo::cargo_bin("wsgen");
    Harness::new(target, program, frame, folder).await.unwrap()
}

/// A folder that workers of another user may enter.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).unwrap();
    folder
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn check(drawn: &Drawn) {
    let by_hand = number("WSGEN_DIFFERENTIAL");
    let count = by_hand.unwrap_or(DRAWN);
    let from = number("WSGEN_DIFFERENTIAL_FROM").unwrap_or(0);
    let known: BTreeSet<u64> = drawn.known.lines().filter_map(|line| line.parse().ok()).collect();
    let seeds: Vec<u64> = match std::env::var_os("WSGEN_DIFFERENTIAL_KNOWN") {
        Some(_) => known.iter().copied().collect(),
        None => (from..from + count).collect(),
    };
    let cases: Vec<Case> = seeds
        .into_iter()
        .map(|seed| Case {
            name: seed.to_string(),
            text: (drawn.draw)(&mut Chance::new(seed)),
            misread: None,
            whole: false,
        })
        .collect();
    let folder = folder();
    let began = Instant::now();
    let (outcomes, found) = runtime().block_on(async {
        let harness = harness(drawn.name, (drawn.frame)(), folder.path()).await;
        let outcomes = differential::run(&harness, &cases, QUESTIONS).await;
        println!("{} in {:?}", told(drawn.name, &outcomes), began.elapsed());
        if std::env::var_os("WSGEN_DIFFERENTIAL_SAID").is_some() {
            let mut titles: BTreeMap<&str, usize> = BTreeMap::new();
            for title in outcomes.iter().flat_map(|outcome| &outcome.titles) {
                *titles.entry(title).or_default() += 1;
            }
            println!("{titles:#?}");
        }
        let is_new = |outcome: &&Outcome| {
            by_hand.is_some()
                || std::env::var_os("UPDATE").is_none()
                    && !known.contains(&outcome.name.parse().unwrap())
        };
        let new: Vec<&Outcome> = outcomes.iter().filter(is_new).collect();
        let most = by_hand.map_or(SHRUNK, |_| {
            let most = number("WSGEN_DIFFERENTIAL_SHRUNK").and_then(|most| most.try_into().ok());
            most.unwrap_or(usize::MAX)
        });
        let found = found(&harness, &new, most).await;
        (outcomes, found)
    });
    let differing: BTreeSet<u64> =
        outcomes.iter().filter(|o| o.differs()).map(|o| o.name.parse().unwrap()).collect();
    let texts = cases.iter().filter(|case| differing.contains(&case.name.parse().unwrap()));
    write(drawn.name, &found, &texts.collect::<Vec<_>>());
    let refused: Vec<&Outcome> = outcomes.iter().filter(|o| o.refused.is_some()).collect();
    let first = refused.first().and_then(|outcome| outcome.refused.clone());
    assert!(refused.len() * 20 <= outcomes.len(), "the grammar draws what is refused: {first:?}");
    let asked: usize = outcomes.iter().map(|outcome| outcome.asked).sum();
    assert!(asked >= outcomes.len() * 30, "{asked} questions are too few");
    if std::env::var_os("UPDATE").is_some() {
        let seeds: String = differing.iter().map(|seed| format!("{seed}\n")).collect();
        let known = format!("tests/conformance/differential/known/{}.txt", drawn.name);
        return std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(known), seeds).unwrap();
    }
    let new: Vec<&u64> = differing.difference(&known).collect();
    assert!(
        new.is_empty(),
        "seeds {new:?} differ, and nothing was said of it:\n{}",
        found.join("\n")
    );
}

/// The figures of a run.
fn told(name: &str, outcomes: &[Outcome]) -> String {
    let sum = |of: fn(&Outcome) -> usize| outcomes.iter().map(of).sum::<usize>();
    format!(
        "{name}: {} configurations, {} questions; {} configurations differ in silence ({} differences), {} differences \
         were announced ({} of them not tried), {} models do not run, {} texts are refused; {} configurations were read without a word, of which \
         {} differ",
        outcomes.len(),
        sum(|o| o.asked),
        outcomes.iter().filter(|o| !o.silent.is_empty()).count(),
        sum(|o| o.silent.len()),
        sum(|o| o.excused + o.undecided),
        sum(|o| o.undecided),
        sum(|o| usize::from(o.broken.is_some())),
        sum(|o| usize::from(o.refused.is_some())),
        sum(|o| usize::from(o.titles.is_empty() && o.refused.is_none())),
        sum(|o| usize::from(o.titles.is_empty() && !o.silent.is_empty())),
    )
}

/// One text for each kind of difference, shrunk, with both answers.
async fn found(harness: &Harness, outcomes: &[&Outcome], most: usize) -> Vec<String> {
    let mut shapes: BTreeMap<String, (String, Vec<String>)> = BTreeMap::new();
    let mut tried = 0;
    let mut alike: BTreeMap<String, usize> = BTreeMap::new();
    for outcome in outcomes {
        if let Some(why) = &outcome.broken {
            let shape = format!("broken {:.60}", why.replace(char::is_numeric, ""));
            let text =
                format!("seed {}: `wsgen serve` does not run the model: {why}\n", outcome.name);
            shapes.entry(shape).or_insert((text, Vec::new())).1.push(outcome.name.clone());
        }
        let mut subjects: Vec<(String, &Silent)> = Vec::new();
        for silent in &outcome.silent {
            let subject = format!("{:?} {:?}", silent.subject(), silent.difference.kind);
            if !subjects.iter().any(|(known, _)| *known == subject) {
                subjects.push((subject, silent));
            }
        }
        for (subject, silent) in subjects {
            let known = alike.entry(subject.clone()).or_default();
            if *known >= ALIKE {
                continue;
            }
            *known += 1;
            let text =
                if tried < most { silent.smallest(harness).await } else { silent.text.clone() };
            tried += 1;
            let shape = format!("{subject} {}", shape(&text));
            let told = format!("{}\n\n```\n{text}```\n", silent.told());
            shapes.entry(shape).or_insert((told, Vec::new())).1.push(outcome.name.clone());
        }
    }
    let told = shapes.into_values().map(|(text, seeds)| {
        let more = seeds.len();
        let seeds: Vec<String> = seeds.into_iter().take(8).collect();
        format!("{more} configurations (seeds {}…):\n{text}", seeds.join(", "))
    });
    told.collect()
}

/// What texts of one kind have alike: the directives, without names and values.
fn shape(text: &str) -> String {
    let words = |line: &str| -> String {
        let words = line.split_whitespace().map(|word| {
            let plain = word.trim_matches(|c: char| !c.is_ascii_alphabetic());
            let name = plain.chars().all(|c| c.is_ascii_lowercase() || "-_".contains(c));
            if name && plain.len() > 2 { plain } else { "" }
        });
        words.take(4).collect::<Vec<_>>().join(" ")
    };
    let mut lines: Vec<String> = text.lines().map(words).collect();
    lines.dedup();
    lines.join("|")
}

/// Writes what was found into the folder that was named for it.
fn write(name: &str, found: &[String], differing: &[&Case]) {
    let Some(folder) = std::env::var_os("WSGEN_DIFFERENTIAL_FOUND").map(PathBuf::from) else {
        return;
    };
    let page = found.iter().map(|one| format!("## {one}\n")).collect::<String>();
    std::fs::write(folder.join(format!("{name}.md")), page).unwrap();
    let seeds: String = differing.iter().map(|case| format!("{}\n", case.name)).collect();
    std::fs::write(folder.join(format!("{name}.txt")), seeds).unwrap();
    for case in differing {
        std::fs::write(folder.join(format!("{name}-{}.conf", case.name)), &case.text).unwrap();
    }
}
