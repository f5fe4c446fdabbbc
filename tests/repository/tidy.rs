//! Invariants of the house that the compiler cannot hold (docs/architecture.md).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Source files of the repository, as git knows them.
fn sources(pattern: &str) -> Vec<PathBuf> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", pattern])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("git lists the files of the checkout");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = String::from_utf8(output.stdout).unwrap();
    let files: Vec<_> =
        list.lines().map(|line| root.join(line)).filter(|path| path.exists()).collect();
    assert!(!files.is_empty(), "no files match {pattern}");
    files
}

/// Who may use whom: a crate's name and the crates of ours that it may depend on.
const USES: &[(&str, &[&str])] = &[
    ("wsgen-templates", &[]),
    ("wsgen-model", &[]),
    ("wsgen-emit", &["wsgen-model", "wsgen-templates"]),
    ("wsgen-proxy", &["wsgen-model"]),
    ("wsgen-conformance", &["wsgen-model", "wsgen-emit"]),
    ("wsgen-bench", &["wsgen-conformance"]),
    ("wsgen", &["wsgen-model", "wsgen-emit", "wsgen-proxy", "wsgen-conformance", "wsgen-bench"]),
];

#[test]
fn dependencies_point_one_way() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert_eq!(packages.len(), USES.len(), "a new crate needs a line in USES");
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let (_, allowed) = USES.iter().find(|(known, _)| *known == name).unwrap();
        for dependency in package["dependencies"].as_array().unwrap() {
            let used = dependency["name"].as_str().unwrap();
            let ours = used.starts_with("wsgen");
            assert!(!ours || allowed.contains(&used), "{name} must not use {used}");
        }
    }
}

#[test]
fn files_are_small() {
    for path in sources("*.rs") {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= 400, "{} has {lines} lines: split it by idea", path.display());
    }
}

#[test]
fn tests_share_binaries() {
    for path in sources("tests/*.rs") {
        let folder = path.parent().unwrap();
        assert!(
            !folder.ends_with("tests"),
            "{}: make it a module of tests/*/main.rs, because each binary links the whole program",
            path.display()
        );
    }
}

#[test]
fn no_file_is_named_for_nothing() {
    for path in sources("*.rs") {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let vague = ["utils", "util", "common", "helpers", "helper", "misc", "types", "manager"];
        assert!(!vague.contains(&stem), "{}: name it by the noun or the verb", path.display());
    }
}

/// A rough reading of Rust: comments and test modules fall away, identifiers and literals stay.
fn code(text: &str) -> String {
    let body = text.split("#[cfg(test)]").next().unwrap_or(text);
    body.lines().map(|line| line.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n")
}

#[test]
fn only_a_targets_folder_names_it() {
    let names: Vec<&str> = wsgen_emit::TARGETS.iter().map(|target| target.name).collect();
    assert!(names.len() >= 3);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for path in sources("*.rs") {
        let place = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        if place.starts_with("tests/")
            || place.starts_with("benches/")
            || place.starts_with("fuzz/")
        {
            continue;
        }
        let text = code(&fs::read_to_string(&path).unwrap()).to_ascii_lowercase();
        for name in &names {
            let own = place.starts_with(&format!("crates/emit/src/targets/{name}/"));
            // The sources of the model's rules are citations of documentation.
            let citations = place == "crates/model/src/clause.rs";
            // The lists that a new target is added to.
            let lists = [
                "crates/emit/src/targets/mod.rs",
                "crates/conformance/src/expectation.rs",
                "crates/bench/src/baseline.rs",
                "templates/lib.rs",
            ];
            let list = lists.contains(&place.as_str());
            assert!(own || list || citations || !text.contains(name), "{place} names {name}");
        }
    }
}

#[test]
fn targets_have_the_same_shape() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/emit/src/targets");
    for target in wsgen_emit::TARGETS {
        for file in ["mod.rs", "settings.rs"] {
            assert!(root.join(target.name).join(file).is_file(), "{} lacks {file}", target.name);
        }
    }
}

#[test]
fn every_relaxed_lint_says_why() {
    let manifest =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let lines: Vec<&str> = manifest.lines().collect();
    for (number, line) in lines.iter().enumerate().filter(|(_, line)| line.ends_with("= \"allow\""))
    {
        assert!(lines[number - 1].starts_with('#'), "{line} needs a reason in the line above");
    }
    for path in sources("*.rs") {
        for line in fs::read_to_string(&path).unwrap().lines() {
            let attribute = line.trim_start();
            let relaxed = attribute.starts_with("#[allow(") || attribute.starts_with("#![allow(");
            assert!(!relaxed || attribute.contains("reason"), "{}: {line}", path.display());
        }
    }
}

/// Where memory is shared with the kernel, and nowhere else (docs/decisions/reference-proxy.md).
const UNSAFE: [&str; 3] = ["readiness.rs", "tunnel/uring/buffers.rs", "tunnel/uring/ring.rs"];

#[test]
fn unsafe_code_is_where_it_was_measured() {
    let mut allowed = sources("*.rs");
    let word = concat!("allow(", "unsafe_code");
    allowed.retain(|path| fs::read_to_string(path).unwrap().contains(word));
    assert_eq!(allowed.len(), UNSAFE.len(), "{allowed:?}");
    let proxy = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/proxy/src");
    assert!(UNSAFE.iter().all(|name| allowed.contains(&proxy.join(name))), "{allowed:?}");
}

#[test]
fn every_dependency_has_its_reason() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest: toml::Table =
        fs::read_to_string(root.join("Cargo.toml")).unwrap().parse().unwrap();
    let reasons = fs::read_to_string(root.join("docs/decisions/dependencies.md")).unwrap();
    let all = manifest["workspace"]["dependencies"].as_table().unwrap();
    for name in all.keys().filter(|name| !name.starts_with("wsgen-")) {
        assert!(
            reasons.contains(&format!("| `{name}` |")),
            "docs/decisions/dependencies.md lacks {name}"
        );
    }
}

#[test]
fn duplicates_have_reasons() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let deny: toml::Table = fs::read_to_string(root.join("deny.toml")).unwrap().parse().unwrap();
    let skip = deny["bans"]["skip"].as_array().unwrap();
    let reason = |entry: &toml::Value| entry["reason"].as_str().is_some_and(|why| !why.is_empty());
    assert!(skip.iter().all(reason), "each duplicate in deny.toml has its reason");
    let skipped = skip.iter().map(|entry| entry["crate"].as_str().unwrap());
    let mut skipped: Vec<&str> = skipped.map(|name| name.split('@').next().unwrap()).collect();
    skipped.sort_unstable();
    let tree = ["tree", "--workspace", "--edges", "normal,build", "--prefix", "none", "--offline"];
    let output = Command::new(env!("CARGO")).args(tree).current_dir(root).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut crates: Vec<(&str, &str)> =
        text.lines().filter_map(|line| line.split(" (").next()?.split_once(' ')).collect();
    crates.sort_unstable();
    crates.dedup();
    let twice = crates.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[0].0);
    assert_eq!(twice.collect::<Vec<_>>(), skipped, "in the binary, and in deny.toml");
}
