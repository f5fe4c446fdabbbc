//! `wsgen migrate --prove`: from each server to each other, the original and the new configuration in their own servers,
//! asked the same.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use assert_cmd::Command;

use crate::differential::misread;
use crate::faults::FAULTS;

/// Most proofs that are under way at once.
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
    run_of(command.arg("-o").arg(out.path()).arg(file))
}

fn run_of(command: &mut Command) -> Run {
    let output = command.output().unwrap();
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
    run_of(command.arg("-o").arg(folder.path().join("new")).arg(original))
}

/// Runs all of them, several at once; returns what those say that are not as they should be.
fn missed<T: Sync>(all: &[T], run: impl Fn(&T) -> Result<(), String> + Sync) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let missed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(why) = run(one) {
                        missed.lock().unwrap().push(why);
                    }
                }
            });
        }
    });
    missed.into_inner().unwrap()
}

/// Whether a proof ends with a difference of this step that nothing announces.
fn is_found(run: &Run, step: &str) -> bool {
    let found = |line: &str| line.contains(step) && line.ends_with(": not announced");
    run.code == Some(1) && run.page.lines().any(found)
}

/// Every fault of an importer makes a difference that no finding announces.
#[test]
fn faults_of_importers_are_proved() {
    let all = misread::FAULTS.iter();
    let all = all.flat_map(|faults| faults.all().into_iter().map(move |fault| (faults, fault)));
    let all: Vec<_> = all.collect();
    assert!(all.len() >= 30);
    let missed = missed(&all, |(faults, fault)| {
        let run = prove_misread(faults, fault);
        let title = || format!("{} {}: {:?}\n{}", faults.server, fault.name, run.code, run.page);
        is_found(&run, "made by reading").then_some(()).ok_or_else(title)
    });
    assert!(missed.is_empty(), "{} are not seen:\n{}", missed.len(), missed.join("\n"));
}

/// Faults of rendering that a proof does not see, with the reason.
const UNSEEN: [(&str, &str, &str); 8] = [
    ("nginx", "worker_shutdown_timeout", "nobody ends the servers"),
    ("haproxy", "hard-stop-after", "nobody ends the servers"),
    ("haproxy", "timeout connect 1s", "every application takes connections"),
    ("haproxy", "timeout tunnel", "the original has one timer for answers and tunnels"),
    ("haproxy", "balance leastconn", "which server of an upstream answers is not compared"),
    ("haproxy", "cookie node", "the original has no such cookie"),
    ("haproxy", "deny_status 403", "the original has no list of origins"),
    ("nginx", "return 403;", "the original has no list of origins"),
];

/// Faults of rendering make differences that no finding announces, but for those in `UNSEEN`.
#[test]
fn faults_of_rendering_are_proved() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/misrendered");
    let unseen = |server: &str, text: &str| {
        UNSEEN.iter().any(|(other, fault, _)| (*other, *fault) == (server, text))
    };
    let all = FAULTS.iter().filter(|(server, text, ..)| !unseen(server, text));
    let all: Vec<_> = all.collect();
    assert!(all.len() >= 31, "{}", all.len());
    let missed = missed(&all, |(server, text, instead, case)| {
        let folder = tempfile::tempdir().unwrap();
        let fault = folder.path().join("fault");
        let told = instead.map(|instead| format!("\n{instead}")).unwrap_or_default();
        std::fs::write(&fault, format!("{text}{told}\n")).unwrap();
        let (from, file) = match *server {
            "haproxy" => ("nginx", "nginx.conf"),
            _ => ("haproxy", "haproxy.cfg"),
        };
        let how = if case.starts_with("timers/") { "--prove=timers" } else { "--prove" };
        let mut command = Command::cargo_bin("wsgen").unwrap();
        let command = command.env("WSGEN_MISRENDER", fault).args(["migrate", how]);
        let command = command.args(["--loss", "allow", "--from", from, "--to", server]);
        let command = command.arg("-o").arg(folder.path().join("new")).arg(root.join(file));
        let run = run_of(command);
        let said = if run.code == Some(1) { "" } else { &run.said };
        let title =
            || format!("{server} `{text}` -> {instead:?}: {:?}\n{}{said}", run.code, run.page);
        is_found(&run, "made by rendering").then_some(()).ok_or_else(title)
    });
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
    assert!(output.status.success() && page.contains("differences of 0 kinds"), "{page}");
}
