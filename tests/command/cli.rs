//! The commands as a person meets them.

use std::fs;
use std::io::Read;
use std::process::{Command as Process, Output, Stdio};

use assert_cmd::Command;
use assert_cmd::cargo::CommandCargoExt;

const PRESETS: [&str; 14] = [
    "minimal",
    "chat",
    "socketio",
    "jupyter",
    "grafana",
    "home-assistant",
    "phoenix",
    "actioncable",
    "django-channels",
    "vite",
    "novnc",
    "code-server",
    "n8n",
    "signalr",
];

fn wsgen(args: &[&str], input: &str) -> Output {
    Command::cargo_bin("wsgen").unwrap().args(args).write_stdin(input).output().unwrap()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_full_example_is_understood_without_a_finding() {
    let output = wsgen(&["check", "--strict", "examples/full.yaml"], "");
    assert_eq!(text(output.stderr), "");
    assert_eq!(text(output.stdout), "understood: 2 listeners, 2 upstreams, 4 routes\n");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn presets_are_clean_formatted_and_not_overwritten() {
    for preset in PRESETS {
        let folder = tempfile::tempdir().unwrap();
        let run = |args: &[&str]| {
            Command::cargo_bin("wsgen").unwrap().args(args).current_dir(&folder).output().unwrap()
        };
        assert!(run(&["init", "--preset", preset]).status.success());
        let model = fs::read_to_string(folder.path().join("wsgen.yaml")).unwrap();
        assert!(model.starts_with('#'), "{preset} has comments");
        let check = run(&["check", "--strict"]);
        assert_eq!((check.status.code(), text(check.stderr)), (Some(0), String::new()), "{preset}");
        assert_eq!(run(&["fmt", "--check"]).status.code(), Some(0), "{preset} is formatted");
        let again = run(&["init"]);
        assert_eq!(again.status.code(), Some(2));
        assert!(text(again.stderr).contains("--force"));
        assert!(run(&["init", "--force", "--preset", preset]).status.success());
    }
}

#[test]
fn examples_are_formatted() {
    let output = wsgen(&["fmt", "--check", "examples", "examples/article"], "");
    assert_eq!((output.status.code(), text(output.stderr)), (Some(0), String::new()));
}

#[test]
fn fmt_changes_files_in_place_and_check_only_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("site.yaml");
    let untidy =
        "version:   1\nlisteners:\n- {name: web,address: \"127.0.0.1:1\"} # where\nroutes: []\n";
    fs::write(&file, untidy).unwrap();
    let path = file.to_str().unwrap();
    assert_eq!(wsgen(&["fmt", "--check", path], "").status.code(), Some(1));
    assert_eq!(fs::read_to_string(&file).unwrap(), untidy);
    assert_eq!(wsgen(&["fmt", path], "").status.code(), Some(0));
    let tidy =
        "version: 1\nlisteners:\n  - {name: web, address: \"127.0.0.1:1\"}  # where\nroutes: []\n";
    assert_eq!(fs::read_to_string(&file).unwrap(), tidy);
    assert_eq!(text(wsgen(&["fmt", "-"], untidy).stdout), tidy);
}

#[test]
fn findings_come_in_three_forms() {
    let model = include_str!("../fixtures/two-findings.yaml");
    insta::assert_snapshot!("human", text(wsgen(&["check", "-"], model).stderr));
    insta::assert_snapshot!("json", text(wsgen(&["check", "--format", "json", "-"], model).stdout));
    insta::assert_snapshot!(
        "github",
        text(wsgen(&["check", "--format", "github", "-"], model).stdout)
    );
    let clean = wsgen(&["check", "--format", "json", "examples/minimal.yaml"], "");
    let json: serde_json::Value = serde_json::from_slice(&clean.stdout).unwrap();
    assert_eq!(json["summary"]["errors"], 0);
}

#[test]
fn strict_makes_warnings_errors() {
    let model = "version: 1\nlisteners: [{name: web, address: \"127.0.0.1:1\"}]\nroutes: []\n";
    assert_eq!(wsgen(&["check", "-"], model).status.code(), Some(0));
    assert_eq!(wsgen(&["check", "--strict", "-"], model).status.code(), Some(1));
}

#[test]
fn every_command_has_help_with_examples() {
    for command in ["check", "fmt", "explain", "schema", "init", "render", "completions"] {
        let help = wsgen(&[command, "--help"], "");
        assert!(help.status.success());
        let help = text(help.stdout);
        assert!(help.contains("wsgen ") && help.contains("Usage:"), "{command}: {help}");
        assert!(help.contains("Examples:") || command == "schema", "{command}: {help}");
    }
    assert_eq!(wsgen(&["chekc"], "").status.code(), Some(2));
    assert_eq!(wsgen(&[], "").status.code(), Some(2));
}

#[test]
fn completions_name_the_commands() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = text(wsgen(&["completions", shell], "").stdout);
        assert!(script.contains("explain") && script.contains("render"), "{shell}");
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let mut child = Process::cargo_bin("wsgen")
        .unwrap()
        .arg("schema")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert_eq!((child.wait().unwrap().code(), errors.as_str()), (Some(0), ""));
}

#[test]
fn no_colour_where_nobody_looks() {
    let output = wsgen(&["check", "-"], "a: [\n");
    assert!(!text(output.stderr).contains('\u{1b}'));
}

#[test]
fn unknown_targets_are_suggested_for() {
    let output = wsgen(&["render", "--target", "ngnix", "examples/minimal.yaml"], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(output.stderr).contains("did you mean nginx?"));
    let model = fs::read_to_string("examples/minimal.yaml").unwrap();
    let output = wsgen(
        &["check", "-"],
        &format!("{model}targets: {{apache: {{mpm: evnt, mmp: event}}, caddy: {{}}}}\n"),
    );
    insta::assert_snapshot!("targets", text(output.stderr));
}

#[test]
fn templates_of_ones_own_take_the_place_of_the_built_in() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("haproxy");
    fs::create_dir(&own).unwrap();
    let args = ["render", "--target", "haproxy", "--templates", folder.path().to_str().unwrap()];
    let args: Vec<&str> = args.into_iter().chain(["examples/minimal.yaml"]).collect();
    assert_eq!(wsgen(&args, "").status.code(), Some(2), "an empty folder replaces nothing");
    // A value of the model is quoted there as well.
    fs::write(own.join("haproxy.cfg.j2"), "# {{ title | comment }}\n{{ title }}\n").unwrap();
    let output = wsgen(&args, "");
    assert_eq!(text(output.stdout), "# a model\n\"a model\"\n");
    fs::write(own.join("haproxy.conf.j2"), "").unwrap();
    let output = wsgen(&args, "");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(output.stderr).contains("takes the place of no template"));
}

#[test]
fn files_beside_a_configuration_need_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("wsgen.yaml");
    let text_of = "version: 1\nlisteners: [{name: web, address: \"127.0.0.1:8443\", tls: {certificates: [{certificate: a.pem, key: a.key}]}}]\n\
                   upstreams: {app: {servers: [\"127.0.0.1:3000\"]}}\nroutes: [{upstream: app}]\n";
    fs::write(&model, text_of).unwrap();
    let args = ["render", "--target", "haproxy", model.to_str().unwrap()];
    let missing = wsgen(&args, "");
    assert_eq!(missing.status.code(), Some(2));
    let said = text(missing.stderr);
    assert!(said.contains("a.pem") && said.contains("wsgen.yaml:2:"), "{said}");
    // Relative names are relative to the model.
    fs::write(folder.path().join("a.pem"), "CERTIFICATE").unwrap();
    fs::write(folder.path().join("a.key"), "KEY\n").unwrap();
    let refused = wsgen(&args, "");
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(2), 0));
    assert!(text(refused.stderr).contains("name a folder with -o"));
    let out = folder.path().join("out");
    let args = [&args[..], &["-o", out.to_str().unwrap()]].concat();
    assert_eq!(wsgen(&args, "").status.code(), Some(0));
    let pair = out.join("certificates/web-1.pem");
    assert_eq!(fs::read_to_string(&pair).unwrap(), "CERTIFICATE\nKEY\n");
    let mode = std::os::unix::fs::PermissionsExt::mode(&pair.metadata().unwrap().permissions());
    assert_eq!(mode & 0o077, 0, "a key is for its owner");
}
