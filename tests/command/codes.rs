//! The example on every code's page shows that code, and its fix does not. The pages are the fixtures.

use std::process::Output;

use assert_cmd::Command;
use wsgen_emit::Support;
use wsgen_model::code::{CODES, Code};
use wsgen_model::feature::{FEATURES, Feature};

fn wsgen(args: &[&str], input: &str) -> Output {
    Command::cargo_bin("wsgen").unwrap().args(args).write_stdin(input).output().unwrap()
}

/// The first YAML block under a heading.
fn block<'p>(page: &'p str, heading: &str) -> Option<&'p str> {
    let part = page.split_once(&format!("## {heading}\n"))?.1;
    let part = part.split_once("\n## ").map_or(part, |(part, _)| part);
    Some(part.split_once("```yaml\n")?.1.split_once("```")?.0)
}

/// Findings that come from rendering, not from reading.
fn is_rendering(code: Code) -> bool {
    [Code::NOT_RENDERED, Code::UNTRIED_VERSION].contains(&code)
        || code.as_str().starts_with("WSG03")
}

/// Codes whose example is not a model on one page.
const ELSEWHERE: [Code; 16] = [
    Code::FILE_SIZE,       // bad_input.rs: too large to be printed
    Code::NOT_UTF8,        // bad_input.rs: a page is UTF-8
    Code::NODE_LIMIT,      // bad_input.rs: too large to be printed
    Code::SPLIT_SINGLETON, // several_files.rs: needs two files
    Code::UNREADABLE,      // bad_input.rs: no file at all
    Code::IMPORT_SYNTAX,   // import.rs, and all below: a server's own configuration
    Code::IMPORT_MISSING,
    Code::IMPORT_LOST,
    Code::IMPORT_OPENS,
    Code::IMPORT_KEPT,
    Code::IMPORT_BROKEN,
    Code::IMPORT_DIFFERS,
    Code::IMPORT_BESIDE,
    Code::IMPORT_OUTSIDE,
    Code::IMPORT_LIMIT,
    Code::IMPORT_REFUSES,
];

/// Whether no target that can be rendered loses this in any version, when somebody writes it.
fn nobody_loses(code: Code) -> bool {
    let Some(entry) = FEATURES.iter().find(|entry| entry.code == code) else { return false };
    // Nothing in a model writes it, so it only ever stands in the note on built-in values.
    let unwritten = [
        Feature::LyingUpgrade,
        Feature::EncodedSlash,
        Feature::HandshakeWithoutKey,
        Feature::UnboundedConnections,
    ];
    unwritten.contains(&entry.feature)
        || wsgen_emit::TARGETS
            .iter()
            .all(|target| (target.support)(entry.feature, None) == Support::Exact)
}

/// How a model of a page is tried. A loss is shown by a target that has it; the first line may name another than
/// the usual one.
fn command(code: Code, model: &str) -> Vec<&str> {
    let first = model.lines().next().unwrap_or("");
    let target = first.strip_prefix("# target: ").unwrap_or("nginx");
    if code == Code::REFUSED_BY_SERVER {
        return vec!["render", "--validate", "--target", target, "-"];
    }
    if is_rendering(code) { vec!["render", "--target", target, "-"] } else { vec!["check", "-"] }
}

#[test]
fn every_example_shows_its_code_and_every_fix_does_not() {
    for entry in CODES {
        let code = entry.code;
        let Some(example) = block(entry.page, "Example") else {
            assert!(ELSEWHERE.contains(&code) || nobody_loses(code), "{code} has no example");
            continue;
        };
        let command = command(code, example);
        let output = wsgen(&command, example);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(&format!("[{code}]")), "the example of {code} says\n{text}");
        let expected = match text.contains("error[") {
            true if is_rendering(code) => 3,
            true => 1,
            false => 0,
        };
        assert_eq!(output.status.code(), Some(expected), "exit of {code}\n{text}");
        assert_eq!(expected != 0, output.stdout.is_empty(), "{code}: an error prints nothing else");
        // The note on built-in values is the same for every model; its own page shows it.
        let shown = match text.split_once("note[WSG0300]") {
            // What comes behind that note is of interest to its own page alone.
            Some((_, rest)) if code == Code::UNTRIED_VERSION => {
                rest.split_once("\n\n").map_or("", |(_, rest)| rest).to_owned()
            }
            Some((before, _)) if code != Code::LOSS_OF_DEFAULTS => before.to_owned(),
            _ => text,
        };
        // A server's own words hold its version, the time, a process id.
        if code != Code::REFUSED_BY_SERVER {
            insta::with_settings!({description => entry.title, omit_expression => true}, {
                insta::assert_snapshot!(code.as_str(), shown);
            });
        }
        if let Some(fix) = block(entry.page, "Fix") {
            let output = wsgen(&self::command(code, fix), fix);
            let text = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(0), "the fix of {code} says\n{text}");
            assert!(
                !text.contains("error[") && !text.contains("warning["),
                "the fix of {code} says\n{text}"
            );
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
