//! The example on every code's page shows that code, and its fix does not. The pages are the fixtures.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Output;

use assert_cmd::Command;
use wsgen_model::code::{CODES, Code};

fn wsgen(args: &[&str], input: &str) -> Output {
    Command::cargo_bin("wsgen").unwrap().args(args).write_stdin(input).output().unwrap()
}

/// The first YAML block under a heading.
fn block<'p>(page: &'p str, heading: &str) -> Option<&'p str> {
    let part = page.split_once(&format!("## {heading}\n"))?.1;
    let part = part.split_once("\n## ").map_or(part, |(part, _)| part);
    Some(part.split_once("```yaml\n")?.1.split_once("```")?.0)
}

/// Codes of findings that come from rendering, not from reading.
fn command(code: Code) -> &'static [&'static str] {
    if code == Code::NOT_RENDERED { &["render", "--target", "nginx", "-"] } else { &["check", "-"] }
}

#[test]
fn every_example_shows_its_code_and_every_fix_does_not() {
    let elsewhere = [
        Code::FILE_SIZE,       // bad_input.rs: too large to be printed
        Code::NOT_UTF8,        // bad_input.rs: a page is UTF-8
        Code::NODE_LIMIT,      // bad_input.rs: too large to be printed
        Code::SPLIT_SINGLETON, // merge.rs: needs two files
        Code::UNREADABLE,      // bad_input.rs: no file at all
    ];
    for entry in CODES {
        let code = entry.code;
        let Some(example) = block(entry.page, "Example") else {
            assert!(elsewhere.contains(&code), "{code} has no example");
            continue;
        };
        let output = wsgen(command(code), example);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(&format!("[{code}]")), "the example of {code} says\n{text}");
        let expected = match entry.severity {
            wsgen_model::diagnostic::Severity::Error if code == Code::NOT_RENDERED => 3,
            wsgen_model::diagnostic::Severity::Error => 1,
            _ => 0,
        };
        assert_eq!(output.status.code(), Some(expected), "exit of {code}\n{text}");
        insta::with_settings!({description => entry.title, omit_expression => true}, {
            insta::assert_snapshot!(code.as_str(), text);
        });
        if let Some(fix) = block(entry.page, "Fix") {
            let output = wsgen(command(code), fix);
            let text = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(0), "the fix of {code} says\n{text}");
            assert_eq!(text, "", "the fix of {code} is not clean");
        }
    }
}

#[test]
fn explain_prints_every_page() {
    for entry in CODES {
        let output = wsgen(&["explain", entry.code.as_str()], "");
        assert!(output.status.success());
        assert_eq!(String::from_utf8(output.stdout).unwrap(), entry.page);
    }
    let list = String::from_utf8(wsgen(&["explain"], "").stdout).unwrap();
    assert_eq!(list.lines().count(), CODES.len());
}

#[test]
fn an_unknown_code_is_suggested_for() {
    let output = wsgen(&["explain", "WSG0240"], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("did you mean WSG02"));
}
