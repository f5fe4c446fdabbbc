//! Input that is not a model: each gets a place, an expectation and a help line, exit 1, and nothing is
//! written; what cannot be read at all is exit 2.

use std::fs;
use std::process::Output;

use assert_cmd::Command;

fn check(input: impl Into<Vec<u8>>) -> (Option<i32>, String) {
    let output = Command::cargo_bin("wsgen")
        .unwrap()
        .args(["check", "-"])
        .write_stdin(input)
        .output()
        .unwrap();
    assert!(output.stdout.is_empty(), "nothing is printed as understood");
    (output.status.code(), stderr(&output))
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn bytes_that_are_not_utf8() {
    let (code, text) = check(b"version: 1\nname: caf\xe9\n".to_vec());
    assert_eq!(code, Some(1));
    insta::assert_snapshot!(text);
}

#[test]
fn a_file_over_16_mib() {
    let (code, text) = check(format!("version: 1\nname: {}\n", "x".repeat(16 << 20)));
    assert_eq!(code, Some(1));
    assert!(
        text.contains("[WSG0106]") && text.contains("expected at most 16777216 bytes"),
        "{text}"
    );
}

#[test]
fn nesting_of_100_000_levels() {
    for deep in ["[".repeat(100_000), "- ".repeat(100_000), "{a: ".repeat(100_000)] {
        let (code, text) = check(deep);
        assert_eq!(code, Some(1));
        assert!(text.contains("[WSG0105]") && text.contains("= help:"), "{text}");
    }
}

#[test]
fn an_alias_bomb() {
    let mut bomb = String::from("a0: &a0 x\n");
    for level in 1..=7 {
        let item = format!("*a{}", level - 1);
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![item; 9].join(", ")));
    }
    let (code, text) = check(bomb);
    assert_eq!(code, Some(1));
    assert!(text.contains("[WSG0114]") || text.contains("[WSG0104]"), "{text}");
}

#[test]
fn two_million_values() {
    let many = format!("- [{}]\n", vec!["x"; 2_000_001].join(","));
    let (code, text) = check(many);
    assert_eq!(code, Some(1));
    assert!(text.contains("[WSG0114]"), "{text}");
}

#[test]
fn everything_wrong_is_shown_at_once_in_order() {
    let (code, text) = check(include_str!("../fixtures/everything-wrong.yaml"));
    assert_eq!(code, Some(1));
    insta::assert_snapshot!(text);
    let lines: Vec<usize> = text
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("--> <stdin>:"))
        .filter_map(|place| place.split(':').next()?.parse().ok())
        .collect();
    assert!(lines.is_sorted() && lines.len() > 15, "{lines:?}");
}

#[test]
fn what_cannot_be_read_is_exit_2() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.yaml");
    for (path, says) in [(missing.as_path(), "cannot read"), (folder.path(), "holds no .yaml file")]
    {
        let output = Command::cargo_bin("wsgen").unwrap().arg("check").arg(path).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let text = stderr(&output);
        assert!(text.contains(says) && text.contains("= help:"), "{text}");
    }
    let output =
        Command::cargo_bin("wsgen").unwrap().arg("check").current_dir(&folder).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("wsgen init"));
}

#[test]
fn a_bad_model_is_neither_rendered_nor_formatted_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("site.yaml");
    let text = "version: 1\nlisteners: [\n";
    fs::write(&path, text).unwrap();
    for args in [&["fmt"][..], &["render", "--target", "nginx"]] {
        let output = Command::cargo_bin("wsgen").unwrap().args(args).arg(&path).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty() && stderr(&output).contains("[WSG0101]"));
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "no temporary file is left");
}
