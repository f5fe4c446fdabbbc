//! `wsgen conformance` on everything that is installed: the whole catalogue, and nothing that was not expected.

use std::sync::{Mutex, PoisonError};

use assert_cmd::Command;

/// Held by each test of this file: a whole catalogue keeps a small machine busy enough.
static CATALOGUE: Mutex<()> = Mutex::new(());

#[test]
fn every_installed_server_does_as_expected() {
    let _alone = CATALOGUE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let mut command = Command::cargo_bin("wsgen").unwrap();
    let output = command
        .arg("conformance")
        .arg("--report")
        .arg(format!("json={}", report.display()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value =
        serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    let implementations = report["implementations"].as_array().unwrap();
    let names: Vec<_> = implementations.iter().map(|one| one["name"].as_str().unwrap()).collect();
    for target in wsgen_emit::TARGETS {
        assert!(names.contains(&target.name), "{} is not installed: {names:?}", target.name);
    }
    assert!(names.contains(&"serve"));
    for one in implementations {
        assert_eq!(one["honest"], true);
        let cases = one["cases"].as_array().unwrap();
        assert!(cases.len() >= 150, "{} cases", cases.len());
        assert!(cases.iter().all(|case| case["expected"] == true));
        // What a server does not promise is left out; it is never most of it.
        let passed = one["summary"]["pass"].as_u64().unwrap();
        assert!(passed >= 150, "{}: {passed} passed", one["name"]);
    }
}

/// What carries tunnels is nobody's business but the proxy's: with each engine, from the first quiet moment of each
/// tunnel on, every case comes out the same.
#[test]
fn every_engine_does_as_expected() {
    let _alone = CATALOGUE.lock().unwrap_or_else(PoisonError::into_inner);
    for engine in ["runtime", "epoll", "io-uring"] {
        let mut command = Command::cargo_bin("wsgen").unwrap();
        let command = command.args(["conformance", "--target", "serve"]).env("WSGEN_RELAY", engine);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{engine}: {said}");
        let all = said.lines().find(|line| line.starts_with("all ")).unwrap();
        let (passed, run) = all["all ".len()..].trim().split_once('/').unwrap();
        assert_eq!(passed, run, "{engine}: {said}");
        assert!(run.parse::<usize>().unwrap() >= 230, "{engine}: {said}");
    }
}
