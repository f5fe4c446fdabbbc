//! `wsgen conformance FILE`, `wsgen probe` and the mischief of `wsgen echo`.

use assert_cmd::Command;
use wsgen_conformance::peer::Echo;

fn wsgen(arguments: &[&str]) -> (i32, String) {
    let output = Command::cargo_bin("wsgen").unwrap().args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8_lossy(&said).into_owned())
}

const MODEL: &str = r#"
version: 1
listeners:
  - {name: web, address: "0.0.0.0:80"}
upstreams:
  app: {servers: ["app.internal:3000", "10.0.0.2:3000"]}
routes:
  - name: chat
    match: [{path: {prefix: /chat}}]
    upstream: app
    timeouts: {tunnel_idle: 15m}
    websocket: {origins: ["https://chat.example.com"]}
    expect:
      - {handshake: {path: /chat/ws, origin: "https://chat.example.com"}, status: 101, echo: true}
      - {handshake: {path: /chat/ws, origin: "https://evil.test"}, status: STATUS}
      - {reload: true, echo: true}
      - {idle: 16m, closed: true}
  - name: gone
    match: [{path: {prefix: /old}}]
    redirect: {path: /new, status: 302}
"#;

/// `target/expect`
#[test]
fn a_model_keeps_what_it_expects_and_a_wrong_expectation_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wsgen.yaml");
    std::fs::write(&file, MODEL.replace("STATUS", "403")).unwrap();
    let (code, said) = wsgen(&["conformance", file.to_str().unwrap()]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("routes") && said.contains("expect"), "{said}");

    std::fs::write(&file, MODEL.replace("STATUS", "200")).unwrap();
    let serve = ["conformance", "--target", "serve", file.to_str().unwrap()];
    let (code, said) = wsgen(&serve);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("step 2: the status of the handshake: 200"), "{said}");
}

/// Each preset says what its application needs, and every server keeps it.
#[test]
fn presets_keep_what_they_expect() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/presets");
    let presets: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(presets.len() >= 14, "{} presets", presets.len());
    // Most of it is waiting for timers.
    for several in presets.chunks(5) {
        std::thread::scope(|scope| {
            for file in several {
                scope.spawn(move || {
                    let text = std::fs::read_to_string(file).unwrap();
                    assert!(text.contains("expect:"), "{} expects nothing", file.display());
                    let arguments = ["conformance", "--case", "expect", file.to_str().unwrap()];
                    let (code, said) = wsgen(&arguments);
                    assert_eq!(code, 0, "{}: {said}", file.display());
                });
            }
        });
    }
}

#[test]
fn the_reference_examples_can_be_tried() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/chat.yaml");
    let (code, said) = wsgen(&["conformance", file]);
    assert_eq!(code, 0, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_runs_can_be_looked_at() {
    let app = crate::real_server::upstream("app").await;
    let server = crate::real_server::scripted::proxy(app, "", "").await;
    let (code, said) =
        wsgen(&["conformance", "--url", &format!("ws://127.0.0.1:{}/", server.port)]);
    assert_eq!(code, 0, "{said}");
    // An application alone lets through what a proxy must not.
    let (code, said) = wsgen(&["conformance", "--url", &format!("ws://127.0.0.1:{app}/")]);
    assert_eq!(code, 1, "{said}");
}

#[test]
fn a_probe_sees_what_an_echo_does() {
    let echo = Echo::bind(([127, 0, 0, 1], 0).into()).unwrap();
    for (query, code, seen) in [
        ("", 0, "text: hello"),
        ("?", 0, "close 1000"),
        ("?alter", 0, "text: iello"),
        ("?close=4001", 0, "close 4001"),
        ("?status=403", 1, "HTTP/1.1 403"),
        ("?drop", 1, "sends a head"),
        // It opens a tunnel all the same; that nothing accepts the key is a finding.
        ("?lie", 1, "does NOT accept"),
    ] {
        let (exit, said) = wsgen(&["probe", &format!("ws://{}/{query}", echo.address())]);
        assert_eq!(exit, code, "{query}: {said}");
        assert!(said.contains(seen), "{query}: {said}");
    }
    let (exit, said) = wsgen(&["probe", "ftp://127.0.0.1"]);
    assert_eq!(exit, 2, "{said}");
}
