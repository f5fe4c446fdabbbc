//! `wsgen migrate --prove`: from each server to each other, the original and the new configuration in their own servers,
//! asked the same.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use assert_cmd::Command;

use crate::differential::misread;

/// How many proofs are under way at once.
const AT_ONCE: usize = 3;

struct Run {
    code: Option<i32>,
    page: String,
    said: String,
}

/// Proves a fixture of `tests/imports`.
fn prove(from: &str, fixture: &str, to: &str, how: &str) -> Run {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/imports").join(from);
    let file = root.join(fixture).join("in.conf");
    let out = tempfile::tempdir().unwrap();
    let mut command = Command::cargo_bin("wsgen").unwrap();
    let command = command.args(["migrate", how, "--loss", "allow", "--from", from, "--to", to]);
    let output = command.arg("-o").arg(out.path()).arg(file).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Run { code: output.status.code(), page: text(output.stdout), said: text(output.stderr) }
}

/// All six pairs. What differs was said beforehand.
#[test]
fn every_pair_is_proved() {
    for (from, fixture, questions) in [
        ("nginx", "websockets-by-a-map", 12),
        ("nginx", "locations-in-the-servers-order", 20),
        ("nginx", "one-field-hides-those-around-it", 8),
        ("apache", "websockets-in-every-shape", 40),
        ("apache", "which-rule-comes-first", 30),
        ("apache", "hosts-and-who-takes-the-rest", 16),
        ("haproxy", "conditions-by-and-or-and-not", 20),
        ("haproxy", "fields-old-and-new", 4),
        ("haproxy", "redirects-run-before-backends", 8),
    ] {
        for to in wsgen_emit::TARGETS.iter().filter(|target| target.name != from) {
            let run = prove(from, fixture, to.name, "--prove");
            let title = format!("{from} {fixture} to {}: {}\n{}", to.name, run.page, run.said);
            assert_eq!(run.code, Some(0), "{title}");
            let last = run.page.lines().last().unwrap();
            let asked = last.split("were asked ").nth(1).unwrap().split(' ').next().unwrap();
            assert!(asked.parse::<u32>().unwrap() >= questions, "{title}");
            assert!(last.ends_with(" 0 of them not announced"), "{title}");
        }
    }
}

/// Proves a configuration that the importer reads as another one.
fn prove_misread(faults: &misread::Faults, fault: &misread::Misread) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let [original, read] = misread::written(faults, fault, folder.path());
    let to = if faults.server == "nginx" { "haproxy" } else { "nginx" };
    let mut command = Command::cargo_bin("wsgen").unwrap();
    let command = command.env("WSGEN_MISREAD", read).args(["migrate", "--prove"]);
    let command = command.args(["--loss", "allow", "--from", faults.server, "--to", to]);
    let output = command.arg("-o").arg(folder.path().join("new")).arg(original).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Run { code: output.status.code(), page: text(output.stdout), said: text(output.stderr) }
}

/// What an importer reads wrongly is a difference that nothing announces.
#[test]
fn faults_of_importers_are_proved() {
    let all = misread::FAULTS
        .iter()
        .flat_map(|faults| faults.all().into_iter().map(move |fault| (faults, fault)));
    let all: Vec<_> = all.collect();
    assert!(all.len() >= 30);
    let next = AtomicUsize::new(0);
    let missed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((faults, fault)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let run = prove_misread(faults, fault);
                    let unannounced = run.page.lines().any(|line| {
                        line.contains("made by reading") && line.ends_with(": not announced")
                    });
                    if run.code != Some(1) || !unannounced {
                        let said = format!("{:?}\n{}", run.code, run.page);
                        let title = format!("{} {}", faults.server, fault.name);
                        missed.lock().unwrap().push(format!("{title}: {said}"));
                    }
                }
            });
        }
    });
    let missed = missed.into_inner().unwrap();
    assert!(missed.is_empty(), "{} are not seen:\n{}", missed.len(), missed.join("\n"));
}

/// A silent tunnel ends at the same time on both.
#[test]
fn timers_are_proved() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("haproxy.cfg");
    let text = "defaults\n  mode http\n  timeout connect 2s\n  timeout client 9s\n  timeout server 9s\n  timeout tunnel 2s\n\
                listen chat\n  bind :8080\n  server a 127.0.0.1:9000\n";
    std::fs::write(&file, text).unwrap();
    let mut command = Command::cargo_bin("wsgen").unwrap();
    let command = command.args(["migrate", "--prove=timers", "--from", "haproxy", "--to", "nginx"]);
    let output = command.arg("-o").arg(folder.path().join("nginx")).arg(&file).output().unwrap();
    let page = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && page.contains("were asked 9 questions"), "{page}");
}
