//! TLS toward clients and toward upstreams, with certificates made for the test.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod real_server;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use real_server::{NGINX, free_port, start, upstream};

/// A self-signed certificate for one name, as `NAME.pem` and `NAME.key`.
fn certificate(folder: &Path, name: &str) {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", &format!("/CN={name}"), "-addext", &format!("subjectAltName=DNS:{name}")])
        .arg("-keyout")
        .arg(folder.join(format!("{name}.key")))
        .arg("-out")
        .arg(folder.join(format!("{name}.pem")))
        .stderr(Stdio::null())
        .status();
    assert!(made.expect("openssl is installed (`apt-get install openssl`)").success());
}

/// What a TLS client sees: the handshake's report and the answer to one request.
fn ask(port: u16, name: &str, host: &str, more: &[&str]) -> String {
    let mut client = Command::new("openssl")
        .args([
            "s_client",
            "-connect",
            &format!("127.0.0.1:{port}"),
            "-servername",
            name,
            "-ign_eof",
        ])
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let request = format!("GET /a HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    client.stdin.take().unwrap().write_all(request.as_bytes()).unwrap();
    let output = client.wait_with_output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[tokio::test]
async fn certificates_are_chosen_by_name_and_upstreams_are_verified() {
    let folder = tempfile::tempdir().unwrap();
    let certs = folder.path();
    for name in ["first.test", "chat.test", "inner.test"] {
        certificate(certs, name);
    }
    let certs = certs.display();
    let (app, inner) = (upstream("app").await, free_port());
    // The same server is its own TLS upstream on a second listener.
    let model = format!(
        "version: 1\nlisteners:\n\
         \x20 - name: web\n    address: \"127.0.0.1:PORT\"\n    protocols: [http/1.1]\n    tls:\n      certificates:\n\
         \x20       - {{certificate: {certs}/first.test.pem, key: {certs}/first.test.key}}\n\
         \x20       - {{hostnames: [chat.test, \"*.chat.test\"], certificate: {certs}/chat.test.pem, key: {certs}/chat.test.key}}\n\
         \x20 - name: inner\n    address: \"127.0.0.1:{inner}\"\n    tls: {{certificates: [{{certificate: {certs}/inner.test.pem, key: {certs}/inner.test.key}}], profile: modern}}\n\
         upstreams:\n  app: {{servers: [\"127.0.0.1:{app}\"]}}\n\
         \x20 good: {{protocol: https, servers: [\"127.0.0.1:{inner}\"], tls: {{server_name: inner.test, ca: {certs}/inner.test.pem}}}}\n\
         \x20 bad: {{protocol: https, servers: [\"127.0.0.1:{inner}\"], tls: {{server_name: other.test, ca: {certs}/inner.test.pem}}}}\n\
         routes:\n  - {{listeners: [inner], upstream: app}}\n  - {{listeners: [web], hostnames: [chat.test], upstream: good}}\n\
         \x20 - {{listeners: [web], hostnames: [bad.test], upstream: bad}}\n"
    );
    let server = start(&NGINX, &model, &[]).await;
    let port = server.port;
    let answers = tokio::task::spawn_blocking(move || {
        [
            ask(port, "chat.test", "chat.test", &[]),
            ask(port, "a.b.chat.test", "nobody.test", &[]),
            ask(port, "other.test", "bad.test", &[]),
            ask(port, "chat.test", "chat.test", &["-tls1_1"]),
            ask(inner, "inner.test", "a.test", &["-tls1_2"]),
        ]
    })
    .await
    .unwrap();
    let [chat, wildcard, bad, old, modern] = answers;
    assert!(chat.contains("CN = chat.test") || chat.contains("CN=chat.test"), "{chat}");
    assert!(chat.contains("HTTP/1.1 200") && chat.contains("X-Forwarded-Proto: https"), "{chat}");
    assert!(wildcard.contains("CN = chat.test") || wildcard.contains("CN=chat.test"), "{wildcard}");
    assert!(wildcard.contains("HTTP/1.1 404"), "{wildcard}");
    assert!(bad.contains("first.test") && bad.contains("HTTP/1.1 502"), "{bad}");
    assert!(!old.contains("HTTP/1.1"), "TLS 1.1 is refused: {old}");
    assert!(!modern.contains("HTTP/1.1"), "the modern profile refuses TLS 1.2: {modern}");
}
