//! `wsgen diff`: meaning, not text.

use assert_cmd::Command;

const OLD: &str = r#"
version: 1
listeners:
  - {name: web, address: "0.0.0.0:8080"}
upstreams:
  app: {servers: ["10.0.0.1:3000"]}
routes:
  - name: chat
    match: [{path: {prefix: /chat}}]
    upstream: app
    timeouts: {tunnel_idle: 15m}
  - {match: [{path: {prefix: /old.path}}], upstream: app}
"#;

fn diff(old: &str, new: &str, more: &[&str]) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    let files = ["old.yaml", "new.yaml"].map(|name| folder.path().join(name));
    std::fs::write(&files[0], old).unwrap();
    std::fs::write(&files[1], new).unwrap();
    let mut command = Command::cargo_bin("wsgen").unwrap();
    let output = command.arg("diff").args(&files).args(more).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(said).unwrap())
}

#[test]
fn spelling_is_no_change() {
    let other = r#"
version: 1
# The same in another order, with defaults written out.
routes:
  - name: chat
    upstream: app
    match:
      - path: {prefix: "/chat"}
    timeouts:
      tunnel_idle: 900s
      response_header: 60s
  - {match: [{path: {prefix: /old.path}}], upstream: app, websocket: {mode: allow}}
upstreams: {app: {servers: [{address: "10.0.0.1:3000", weight: 1}]}}
listeners: [{address: "0.0.0.0:8080", name: web}]
"#;
    assert_eq!(diff(OLD, other, &[]), (0, "the same in meaning\n".to_owned()));
}

#[test]
fn changes_are_told_by_field_and_things_as_a_whole() {
    let new = OLD
        .replace("tunnel_idle: 15m", "tunnel_idle: 1h, tunnel_max: 12h")
        .replace("/old.path", "/live")
        .replace("version: 1", "version: 1\ndrain: {spread: 30s}");
    let (code, said) = diff(OLD, &new, &["--target", "nginx@1.22"]);
    assert_eq!(code, 1, "{said}");
    for line in [
        "~ routes.chat.timeouts.tunnel_idle: 15m -> 1h\n",
        "+ routes.chat.timeouts.tunnel_max: 12h\n",
        "+ routes.[/live]\n",
        "- routes.[/old.path]\n",
        "~ routes: chat, [/old.path] -> chat, [/live]\n",
        "! WSG0377 `timeouts.tunnel_max`, which nginx loses: nothing bounds the life of a tunnel\n",
        "live on for 10m and end spread over 30s\n",
    ] {
        assert!(said.contains(line), "{line}{said}");
    }
    let (code, said) = diff(OLD, "version: 1\nroutes: [", &[]);
    assert_eq!(code, 2, "{said}");
}
