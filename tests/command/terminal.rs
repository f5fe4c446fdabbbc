//! Control characters of a model or a configuration are shown, and never obeyed by a terminal.

use assert_cmd::Command;

/// Control characters of both sets, a sequence that changes a window's title, and marks that turn words around.
const HOSTILE: &str = "a\u{9b}31m\u{1b}]0;x\u{7}\u{85}\u{202e}b\u{2066}c\u{200b}\u{7f}";

/// Whether a terminal would obey anything of a text.
fn is_obeyed(text: &str) -> bool {
    text.chars().any(|c| {
        (c.is_control() && !matches!(c, '\n' | '\t'))
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
    })
}

#[test]
fn findings_hold_nothing_that_a_terminal_obeys() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model.yaml");
    let text = format!(
        "version: 1\nlisteners: [{{name: web, adress: \"{HOSTILE}\"}}]\n\"{HOSTILE}\": # {HOSTILE}\n  {HOSTILE}: 1\n"
    );
    std::fs::write(&model, text).unwrap();
    let configuration = folder.path().join("in.conf");
    let text = format!("http {{ server {{ {HOSTILE} {HOSTILE};\n include /{HOSTILE}; }} }}\n");
    std::fs::write(&configuration, text).unwrap();
    let (model, configuration) = (model.to_str().unwrap(), configuration.to_str().unwrap());
    for arguments in [
        &["check", model][..],
        &["check", "--format", "github", model],
        &["check", HOSTILE],
        &["fmt", model],
        &["import", "--from", "nginx", configuration],
        &["import", "--from", "apache", configuration],
        &["import", "--from", "haproxy", configuration],
    ] {
        let output = Command::cargo_bin("wsgen").unwrap().args(arguments).output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!is_obeyed(&said), "{arguments:?}: {said:?}");
        assert!(said.contains("\\u{"), "{arguments:?}: {said}");
    }
    for format in ["json", "sarif"] {
        let mut command = Command::cargo_bin("wsgen").unwrap();
        let output = command.args(["check", "--format", format, model]).output().unwrap();
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap();
    }
}
