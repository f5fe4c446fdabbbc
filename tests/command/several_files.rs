//! Several files or a folder are one model (`merge/names`).

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use proptest::prelude::*;

const SITE: &str = "version: 1\nlisteners:\n  - {name: web, address: \"127.0.0.1:8080\"}\nroutes:\n  - {match: [{path: {exact: /a}}], respond: {status: 204}}\n";
const APP: &str = "version: 1\nlisteners: []\nupstreams:\n  app: {servers: [\"127.0.0.1:3000\"]}\nroutes:\n  - {name: app, upstream: app}\n";

/// Writes files into a folder, checks it, and gives exit code, standard output and standard error with the
/// folder's own name taken out.
fn check(files: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let output =
        Command::cargo_bin("wsgen").unwrap().arg("check").arg(folder.path()).output().unwrap();
    let clean = |bytes| {
        let root = format!("{}/", Path::new(folder.path()).display());
        String::from_utf8(bytes).unwrap().replace(&root, "")
    };
    (output.status.code(), clean(output.stdout), clean(output.stderr))
}

#[test]
fn a_folder_is_one_model() {
    let (code, out, err) =
        check(&[("10-site.yaml", SITE), ("20-app.yml", APP), ("note.txt", "no model")]);
    assert_eq!(
        (code, out.as_str(), err.as_str()),
        (Some(0), "understood: 1 listener, 1 upstream, 2 routes\n", "")
    );
}

#[test]
fn a_name_in_two_files_shows_both() {
    let (code, _, err) =
        check(&[("10-site.yaml", SITE), ("20-app.yaml", APP), ("30-app.yaml", APP)]);
    assert_eq!(code, Some(1));
    insta::assert_snapshot!(err);
}

#[test]
fn a_singleton_in_two_files_shows_both() {
    let drain = |time: &str| format!("{APP}drain: {{timeout: {time}}}\n");
    let other = "version: 1\nlisteners: []\nroutes: []\ndrain: {timeout: 1h}\n";
    let (code, _, err) =
        check(&[("10-site.yaml", SITE), ("20-app.yaml", &drain("5m")), ("30-x.yaml", other)]);
    assert_eq!(code, Some(1));
    insta::assert_snapshot!(err);
}

#[test]
fn versions_must_agree() {
    let other = APP.replace("version: 1", "version: 2");
    let (code, _, err) = check(&[("10-site.yaml", SITE), ("20-app.yaml", &other)]);
    assert_eq!(code, Some(1));
    assert!(err.contains("[WSG0217]") && err.contains("10-site.yaml:1:10"), "{err}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// However named routes and upstreams are dealt to files, the model is the same.
    #[test]
    fn dealing_to_files_changes_nothing(deal in proptest::collection::vec(0usize..3, 12)) {
        let mut files = vec![String::from("version: 1\nlisteners:\n  - {name: web, address: \"127.0.0.1:8080\"}\n")];
        files.extend([String::from("version: 1\nlisteners: []\n"), String::from("version: 1\nlisteners: []\n")]);
        for (part, key) in ["upstreams", "routes"].into_iter().enumerate() {
            for (file, text) in files.iter_mut().enumerate() {
                let mine = (0..6).filter(|n| deal[part * 6 + n] == file);
                let lines: String = mine.map(|n| match key {
                    "upstreams" => format!("  u{n}: {{servers: [\"127.0.0.1:{}\"]}}\n", 3000 + n),
                    _ => format!("  - {{name: r{n}, match: [{{path: {{prefix: /p{n}}}}}], upstream: u{n}}}\n"),
                }).collect();
                let empty = if key == "routes" { " []\n" } else { " {}\n" };
                let lines = if lines.is_empty() { empty.to_owned() } else { format!("\n{lines}") };
                text.push_str(&format!("{key}:{lines}"));
            }
        }
        let mut sources = wsgen_model::source::Sources::default();
        for (n, text) in files.into_iter().enumerate() {
            sources.add(wsgen_model::source::Source::new(format!("{n}.yaml"), text));
        }
        let (site, findings) = wsgen_model::read(&sources);
        prop_assert!(findings.is_empty(), "{:?}", findings);
        let site = site.unwrap();
        let mut routes: Vec<String> = site.routes.iter().map(|route| {
            let upstream = site.upstream(route.forward().unwrap().upstream);
            format!("{}>{}", route.name.as_ref().unwrap().value, upstream.servers[0].address.value)
        }).collect();
        routes.sort();
        let expected: Vec<_> = (0..6).map(|n| format!("r{n}>127.0.0.1:{}", 3000 + n)).collect();
        prop_assert_eq!(routes, expected);
    }
}
