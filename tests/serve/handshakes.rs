//! TLS handshakes in flight: one client waits for its own, and others do not wait for them.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;

use crate::events::metric;
use crate::newcomers::{Proxy, connect_from};
use crate::real_server::{PATIENCE, SERVE, certificate, free_port, tls};

/// Places of one client in a process with 200 descriptors: a quarter of a quarter.
const SHARE: u64 = 12;

/// Waits until a metric has a value.
async fn becomes(admin: u16, line: &str, value: u64) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now = metric(admin, line).await;
        if now == value {
            return;
        }
        assert!(Instant::now() < deadline, "{line}: {now}, and not {value}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn handshakes_in_flight_are_bounded_for_each_client() {
    let (port, admin) = (free_port(), free_port());
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path(), "chat.test", "chat.test");
    let (file, certs) = (folder.path().join("wsgen.yaml"), folder.path().display());
    let model = format!(
        "version: 1\nadmin: {{address: \"127.0.0.1:{admin}\"}}\n\
         listeners: [{{name: web, address: \"127.0.0.1:{port}\", timeouts: {{request_header: 60s}},\n\
         \x20 tls: {{certificates: [{{certificate: {certs}/chat.test.pem, key: {certs}/chat.test.key}}]}}}}]\n\
         routes: [{{respond: {{status: 200}}}}]\n"
    );
    std::fs::write(&file, model).unwrap();
    let mut shell = Command::new("sh");
    let command = format!("ulimit -n 200; exec {} serve {}", SERVE.program(), file.display());
    shell.args(["-c", &command]).stdout(Stdio::null()).stderr(Stdio::null());
    let _proxy = Proxy(shell.spawn().unwrap());
    let (bystander, client) = ([127, 0, 0, 2], [127, 0, 0, 3]);
    let deadline = Instant::now() + PATIENCE;
    while connect_from(bystander, port).await.is_none() {
        assert!(Instant::now() < deadline, "it does not start");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // A client that says nothing has no handshake in flight.
    let silent = connect_from(client, port).await.expect("a connection");
    let mut held = Vec::new();
    for _ in 0..SHARE {
        let mut stream = connect_from(client, port).await.expect("a connection");
        // The beginning of a ClientHello of 512 bytes.
        stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").await.unwrap();
        held.push(stream);
    }
    becomes(admin, "wsgen_tls_handshakes", SHARE).await;
    assert_eq!(metric(admin, "wsgen_limits_reached_total{limit=\"tls_handshakes\"}").await, 0);
    let stream = connect_from(client, port).await.expect("a connection");
    let mut waiting = tokio::spawn(tls(stream, "chat.test", "http/1.1"));
    becomes(admin, "wsgen_limits_reached_total{limit=\"tls_handshakes\"}", 1).await;
    assert!(tokio::time::timeout(Duration::from_millis(500), &mut waiting).await.is_err());
    let stream = connect_from(bystander, port).await.expect("a connection");
    let other = tls(stream, "chat.test", "http/1.1");
    drop(tokio::time::timeout(PATIENCE, other).await.expect("others do not wait"));
    drop(held);
    let done = tokio::time::timeout(PATIENCE, waiting).await;
    drop(done.expect("its turn has come").unwrap());
    becomes(admin, "wsgen_tls_handshakes", 0).await;
    drop(silent);
}
