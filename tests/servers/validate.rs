//! `wsgen render --validate`, against the real checkers; and the other forms of what the command prints.

use assert_cmd::Command;

fn wsgen(arguments: &[&str], model: &str) -> (i32, String, String) {
    let mut command = Command::cargo_bin("wsgen").unwrap();
    let output = command.args(arguments).write_stdin(model).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

const MODEL: &str = "version: 1
listeners:
  - {name: web, address: \"127.0.0.1:8443\", TLS}
upstreams:
  app: {servers: [\"127.0.0.1:3000\"]}
routes:
  - {upstream: app}
";

#[test]
fn a_checkers_complaint_stands_at_its_value() {
    let tls = "tls: {certificates: [{certificate: /nowhere/chat.pem, key: /nowhere/chat.key}]}";
    for target in ["nginx", "apache"] {
        let model = MODEL.replace("TLS", tls);
        let (code, out, said) = wsgen(&["render", "--validate", "--target", target, "-"], &model);
        assert_eq!((code, out.as_str()), (1, ""), "{said}");
        assert!(said.contains("error[WSG0503]") && said.contains("<stdin>:3:"), "{said}");
        assert!(said.contains("/nowhere/chat.pem"), "{said}");
    }
    let plain = MODEL.replace(", TLS", "");
    for target in wsgen_emit::TARGETS {
        let arguments = ["render", "--validate", "--target", target.name, "-"];
        let (code, out, said) = wsgen(&arguments, &plain);
        assert!(code == 0 && !out.is_empty() && said.contains("takes it"), "{said}");
    }
}

#[test]
fn findings_can_be_scanned() {
    let model = MODEL.replace(", TLS", ", colour: red");
    let (code, out, _) = wsgen(&["check", "--format", "sarif", "-"], &model);
    assert_eq!(code, 1);
    let log: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let result = &log["runs"][0]["results"][0];
    assert_eq!(result["level"], "error");
    let region = &result["locations"][0]["physicalLocation"]["region"];
    assert_eq!(region["startLine"], 3);
    let rule = &log["runs"][0]["tool"]["driver"]["rules"][0]["id"];
    assert_eq!(*rule, result["ruleId"]);
    // A loss is found as well as a mistake.
    let folder = tempfile::tempdir().unwrap();
    let limited = MODEL
        .replace(", TLS", "")
        .replace("upstream: app}", "upstream: app, limits: {per_ip: {connections: 2}}}");
    let out_of_it = folder.path().to_str().unwrap();
    let render = ["render", "--target", "apache", "--format", "sarif", "-o", out_of_it, "-"];
    let (code, lost, _) = wsgen(&render, &limited);
    assert!(code == 3 && lost.contains("\"ruleId\": \"WSG0317\""), "{code} {lost}");
    let (code, out, _) = wsgen(&["render", "--target", "nginx", "--format", "sarif", "-"], MODEL);
    assert_eq!((code, out.as_str()), (2, ""));
}

#[test]
fn every_verb_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, said) = wsgen(&["man", folder.path().to_str().unwrap()], "");
    assert_eq!(code, 0, "{said}");
    for verb in ["wsgen", "wsgen-render", "wsgen-serve", "wsgen-conformance"] {
        let page = std::fs::read_to_string(folder.path().join(format!("{verb}.1"))).unwrap();
        assert!(page.contains(".TH") && page.contains(verb.trim_start_matches("wsgen-")), "{verb}");
    }
}

#[test]
fn a_rounded_time_can_be_accepted() {
    let model = MODEL
        .replace(", TLS", "")
        .replace("upstream: app}", "upstream: app, timeouts: {tunnel_idle: 1500ms}}");
    let strict = ["render", "--strict", "--target", "apache@2.4.71", "-"];
    let (code, _, said) = wsgen(&strict, &model);
    assert!(code == 3 && said.contains("it counts whole seconds: 2s"), "{said}");
    let accept = "targets: {apache: {accept: [{code: WSG0375, reason: two seconds will do}]}}\n";
    let (code, out, said) = wsgen(&strict, &format!("{model}{accept}"));
    assert!(code == 0 && out.contains("timeout=2 "), "{said}");
}

/// An answer without a body, and an upstream with a long name that is asked: both were refused by a server once.
#[test]
fn every_server_takes_short_answers_and_long_names() {
    let model = MODEL.replace(", TLS", "").replace("app", "an-application-of-a-long-name");
    let checked = "servers: [\"127.0.0.1:3000\"], health_check: {type: http, path: /}";
    let model = model.replace("servers: [\"127.0.0.1:3000\"]", checked);
    let model =
        format!("{model}  - {{match: [{{path: {{prefix: /gone}}}}], respond: {{status: 410}}}}\n");
    for target in wsgen_emit::TARGETS {
        let arguments = ["render", "--validate", "--loss", "allow", "--target", target.name, "-"];
        let (code, _, said) = wsgen(&arguments, &model);
        assert!(code == 0 && said.contains("takes it"), "{said}");
    }
}
