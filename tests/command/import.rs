//! `wsgen import`: fixtures named by what they show, with the model and the verdicts beside them; and the corpus of
//! real configurations.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

/// A run of `wsgen import`.
struct Run {
    code: i32,
    model: String,
    said: String,
    report: Value,
}

fn import(from: &str, file: &Path, more: &[&str]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let mut command = Command::cargo_bin("wsgen").unwrap();
    let command = command.args(["import", "--from", from]).arg(file.file_name().unwrap());
    let command = command.current_dir(file.parent().unwrap()).args(more);
    let output =
        command.arg("--report").arg(format!("json={}", report.display())).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Run {
        code: output.status.code().unwrap(),
        model: text(output.stdout),
        said: text(output.stderr),
        report: serde_json::from_str(&fs::read_to_string(report).unwrap()).unwrap(),
    }
}

/// What a model is judged as.
fn check(model: &str) -> (bool, String) {
    let mut command = Command::cargo_bin("wsgen").unwrap();
    let output = command.args(["check", "-"]).write_stdin(model).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn folders(root: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(root);
    let mut all: Vec<_> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

#[test]
fn every_fixture_is_read_as_it_was_reviewed() {
    let mut seen = 0;
    for target in wsgen_emit::TARGETS {
        for folder in folders(&format!("tests/imports/{}", target.name)) {
            let run =
                import(target.name, &folder.join("in.conf"), &["--verbose", "--loss", "warn"]);
            let (fits, said) = check(&run.model);
            assert!(fits, "{}: {said}\n{}", folder.display(), run.model);
            let mut page = run.model.clone();
            for line in run.report["directives"].as_array().unwrap() {
                let verdict = line["verdict"].as_str().unwrap();
                if verdict != "taken" {
                    let opens = if line["opens"] == true { " (opens)" } else { "" };
                    page.push_str(&format!(
                        "{}:{} {} {verdict}{opens}: {}\n",
                        line["file"].as_str().unwrap().rsplit('/').next().unwrap(),
                        line["line"],
                        line["directive"].as_str().unwrap(),
                        line["detail"].as_str().unwrap()
                    ));
                }
            }
            // What is said beside the verdicts: differences, what lies elsewhere, what cannot work.
            for code in ["WSG0401", "WSG0402", "WSG0406", "WSG0407", "WSG0408"] {
                let mut lines = run.said.lines();
                while let Some(line) = lines.next() {
                    if line.contains(&format!("[{code}]")) {
                        let at = lines.next().unwrap_or_default().rsplit('/').next().unwrap();
                        page.push_str(&format!(
                            "{line} ({})\n",
                            at.trim_start_matches(" -->").trim()
                        ));
                    }
                }
            }
            insta::with_settings!({
                snapshot_path => &folder,
                prepend_module_to_snapshot => false,
                omit_expression => true
            }, {
                insta::assert_snapshot!("imported", page);
            });
            seen += 1;
        }
    }
    assert!(seen >= 23, "{seen} fixtures");
}

#[test]
fn what_opens_something_is_refused_until_somebody_says_so() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/imports/nginx/what-guards-is-not-lost-in-silence/in.conf");
    let run = import("nginx", &file, &[]);
    assert_eq!((run.code, run.model.as_str()), (3, ""), "{}", run.said);
    assert!(
        run.said.contains("error[WSG0404]") && run.said.contains("nothing was written"),
        "{}",
        run.said
    );
    let run = import("nginx", &file, &["--loss", "warn"]);
    assert_eq!(run.code, 0, "{}", run.said);
    assert!(run.said.contains("warning[WSG0404]"), "{}", run.said);
}

#[test]
fn a_dialect_is_guessed_and_said() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/imports/nginx/websockets-by-a-map/in.conf");
    let mut command = Command::cargo_bin("wsgen").unwrap();
    let output = command.arg("import").arg(&file).output().unwrap();
    assert!(output.status.success());
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("taken for the configuration of nginx")
    );
    let mut command = Command::cargo_bin("wsgen").unwrap();
    let output = command.args(["import", "README.md"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

/// The folder of real configurations beside the checkout, if it is there.
fn corpus() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "the corpus is not there: {}", folder.display());
    eprintln!("NOT RUN: the corpus is not there: {}", folder.display());
    None
}

/// Every file gives a model, every directive a verdict; the shares stand in `docs/importing.md`.
#[test]
fn the_corpus_is_read() {
    let Some(corpus) = corpus() else { return };
    let mut table = String::from(
        "| server | files | that proxy | directives that proxy | taken | left out | kept as snippets | lost | taken of what is not left out | files without a loss |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for target in wsgen_emit::TARGETS {
        let (mut files, mut proxies, mut complete) = (0, 0, 0);
        let mut sums: BTreeMap<String, u64> = BTreeMap::new();
        let mut all: Vec<_> = fs::read_dir(corpus.join(target.name))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        all.sort();
        for file in all {
            let run = import(target.name, &file, &["--loss", "allow"]);
            assert_eq!(run.code, 0, "{}: {}", file.display(), run.said);
            let (fits, said) = check(&run.model);
            assert!(fits, "{}: {said}\n{}", file.display(), run.model);
            let mut own: BTreeMap<String, u64> = BTreeMap::new();
            for line in run.report["directives"].as_array().unwrap() {
                if line["proxying"] == true {
                    *own.entry(line["verdict"].as_str().unwrap().to_owned()).or_default() += 1;
                }
            }
            files += 1;
            // A route that passes something on is what makes a proxy.
            if run.model.contains("\n    upstream: ") {
                proxies += 1;
                complete += u64::from(!own.contains_key("lost") && !own.contains_key("kept"));
            }
            for (verdict, count) in own {
                *sums.entry(verdict).or_default() += count;
            }
        }
        let count = |verdict: &str| sums.get(verdict).copied().unwrap_or(0);
        let (taken, dropped, kept, lost) =
            (count("taken"), count("dropped"), count("kept"), count("lost"));
        let share = 100 * taken / (taken + kept + lost);
        table.push_str(&format!(
            "| {} | {files} | {proxies} | {} | {taken} | {dropped} | {kept} | {lost} | {share} % | {complete} |\n",
            target.title,
            taken + dropped + kept + lost
        ));
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/importing.md");
    let text = fs::read_to_string(&page).unwrap();
    let (begin, end) = ("<!-- corpus -->\n", "<!-- end -->\n");
    let at = text.find(begin).unwrap() + begin.len()..text.find(end).unwrap();
    if std::env::var_os("UPDATE").is_some() {
        let mut text = text;
        text.replace_range(at, &table);
        fs::write(page, text).unwrap();
    } else {
        assert_eq!(&text[at], table, "UPDATE=1 cargo test --test import");
    }
}

/// From each server that is read to every other: what comes out, the other takes.
#[test]
fn configurations_move_to_other_servers() {
    for (from, fixture) in [
        ("nginx", "websockets-by-a-map"),
        ("nginx", "paths-are-changed"),
        ("haproxy", "tunnels-with-a-timer-of-their-own"),
        ("haproxy", "clients-that-stick"),
    ] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/imports").join(from);
        let text = fs::read_to_string(root.join(fixture).join("in.conf")).unwrap();
        // Servers resolve names when they are checked.
        let text = text.replace("john.internal", "127.0.0.1").replace("paul.internal", "127.0.0.2");
        for to in wsgen_emit::TARGETS {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("in.conf");
            fs::write(&file, &text).unwrap();
            let out = folder.path().join("out");
            let mut command = Command::cargo_bin("wsgen").unwrap();
            let command = command.args(["migrate", "--validate", "--from", from, "--to", to.name]);
            let output = command.arg("-o").arg(&out).arg(&file).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success() && said.contains("takes it"), "{fixture}: {said}");
            assert!(out.join(to.file).is_file() && out.join("wsgen.yaml").is_file(), "{said}");
        }
    }
}

/// A whole tree that was copied from elsewhere: absolute names and absolute links lead below its root.
#[test]
fn a_tree_is_read_below_its_root() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    for folder in ["etc/nginx/sites-enabled", "etc/nginx/sites-available", "etc/nginx/snippets"] {
        fs::create_dir_all(at(folder)).unwrap();
    }
    let write = |name: &str, text: &str| fs::write(at(name), text).unwrap();
    write("etc/nginx/nginx.conf", "http { include /etc/nginx/sites-enabled/*; }\n");
    write("etc/nginx/sites-available/app", "server { listen 8080; include snippets/app.conf; }\n");
    write("etc/nginx/snippets/app.conf", "location / { proxy_pass http://127.0.0.1:3000; }\n");
    // nginx takes relative names from the folder of its main file.
    std::os::unix::fs::symlink("/etc/nginx/sites-available/app", at("etc/nginx/sites-enabled/app"))
        .unwrap();
    let mut command = Command::cargo_bin("wsgen").unwrap();
    let command = command.args(["import", "--from", "nginx", "--root"]).arg(root.path());
    let output = command.arg(at("etc/nginx/nginx.conf")).output().unwrap();
    let model = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        model.contains("servers: [\"127.0.0.1:3000\"]"),
        "{model}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The smallest model, rendered and read back: one route with both timers, and nothing lost.
#[test]
fn what_is_rendered_is_read_back() {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/minimal.yaml");
    for name in ["nginx", "apache"] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::cargo_bin("wsgen").unwrap();
        let command = command.args(["render", "--loss", "allow", "--target", name]).arg(&model);
        let rendered = command.output().unwrap();
        assert!(rendered.status.success(), "{}", String::from_utf8_lossy(&rendered.stderr));
        let file = folder.path().join("rendered.conf");
        fs::write(&file, rendered.stdout).unwrap();
        let run = import(name, &file, &["--loss", "allow"]);
        assert_eq!(run.model.matches("upstream: ").count(), 1, "{}", run.model);
        for line in ["tunnel_idle: 10m", "servers: [\"127.0.0.1:3000\"]", "host: preserve"] {
            assert!(run.model.contains(line), "{line}\n{}", run.model);
        }
        let lost = |line: &&Value| line["verdict"] == "lost" && line["proxying"] == true;
        let lost: Vec<_> =
            run.report["directives"].as_array().unwrap().iter().filter(lost).collect();
        assert!(lost.is_empty(), "{name}: {lost:?}");
    }
}

/// Names that somebody tells.
#[test]
fn names_are_told_on_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("nginx", "server { listen 80; location / { proxy_pass http://${APP}; } }"),
        ("apache", "<VirtualHost *:80>\nProxyPass / http://${APP}/\n</VirtualHost>\n"),
        ("haproxy", "defaults\n mode http\nlisten a\n bind :80\n server a \"${APP}\"\n"),
    ] {
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        let run = import(name, &file, &["--define", "APP=10.1.2.3:80", "--loss", "allow"]);
        assert!(run.model.contains("servers: [\"10.1.2.3:80\"]"), "{name}\n{}", run.model);
    }
}

#[test]
fn texts_become_prefixes_of_segments_on_request() {
    let text = "server {\n    listen 8080;\n    location /api { proxy_pass http://127.0.0.1:3000; }\n    \
                location /ws- { proxy_pass http://127.0.0.1:3001; }\n    location /admin { deny all; }\n    \
                location / { proxy_pass http://127.0.0.1:3002; }\n}\n";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("site.conf");
    fs::write(&file, text).unwrap();
    let plain = import("nginx", &file, &["--loss", "allow"]);
    assert!(plain.model.contains("{starts_with: /api}"), "{}", plain.model);
    let simple = import("nginx", &file, &["--simplify", "--loss", "allow"]);
    for line in ["{prefix: /api}", "{starts_with: /ws-}", "{starts_with: /admin}"] {
        assert!(simple.model.contains(line), "{line}\n{}", simple.model);
    }
    let said = "simplified 1 path to a prefix of whole segments:\n  site.conf:3: route `api`, `/api`: \
                paths that go on within the segment, as `/apix`, go to route `";
    assert!(simple.said.contains(said), "{}", simple.said);
}
