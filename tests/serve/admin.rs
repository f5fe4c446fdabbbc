//! The status pages of `wsgen serve`, and the commands that ask them (`admin/pages`).

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::real_server::scripted::{HANDSHAKE, connect, rest, until};
use crate::real_server::{PATIENCE, SERVE, Server, free_port, start, upstream};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// A proxy with status pages, and their port.
async fn administered() -> (Server, u16) {
    let (app, admin) = (upstream("app").await, free_port());
    let model = format!(
        "version: 1\nadmin: {{address: \"127.0.0.1:{admin}\"}}\ndrain: {{stop: 2s}}\n\
         listeners: [{{name: web, address: \"127.0.0.1:PORT\"}}]\n\
         upstreams: {{app: {{servers: [\"127.0.0.1:{app}\"]}}}}\nroutes: [{{name: chat, match: [{{path: {{prefix: /app}}}}], upstream: app}}]\n"
    );
    (start(&SERVE, &model, &[]).await, admin)
}

/// A page of the status listener.
async fn page(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!("{request} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    rest(&mut stream).await
}

/// Waits for something that is soon true.
async fn eventually(mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "it does not come");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn tunnel(server: &Server) -> TcpStream {
    let mut tunnel = connect(server).await;
    tunnel.write_all(HANDSHAKE.replace("/ws", "/app/ws").as_bytes()).await.unwrap();
    until(&mut tunnel, "\r\n\r\n").await;
    tunnel
}

fn command(arguments: &[&str]) -> Output {
    Command::new(SERVE.program()).args(arguments).output().unwrap()
}

/// The sum of a metric over the serving threads.
async fn of_threads(admin: u16, name: &str) -> u64 {
    let metrics = page(admin, "GET /metrics").await;
    let lines =
        metrics.lines().filter(|line| line.starts_with(&format!("{name}{{thread=\"proxy-")));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

#[tokio::test]
async fn tasks_and_timer_entries_are_counted_by_thread() {
    let (server, admin) = administered().await;
    eventually(async || of_threads(admin, "wsgen_tasks").await > 0).await;
    let before = of_threads(admin, "wsgen_tasks").await;
    let mut tunnels = Vec::new();
    for _ in 0..20 {
        tunnels.push(tunnel(&server).await);
        tunnels.push(connect(&server).await);
    }
    eventually(async || of_threads(admin, "wsgen_tasks").await == before + 40).await;
    eventually(async || of_threads(admin, "wsgen_timer_entries").await >= 40).await;
    drop(tunnels);
    eventually(async || of_threads(admin, "wsgen_tasks").await == before).await;
}

#[tokio::test]
async fn what_happens_is_counted() {
    let (server, admin) = administered().await;
    assert_eq!(server.status("GET /app").await, 200);
    assert_eq!(server.status("GET /nobody").await, 404);
    let _tunnel = tunnel(&server).await;
    // What is counted follows the answer.
    let mut metrics = String::new();
    eventually(async || {
        metrics = page(admin, "GET /metrics").await;
        metrics.contains("wsgen_tunnels 1\n")
    })
    .await;
    for line in [
        "wsgen_requests_total{class=\"2xx\"} 1\n",
        "wsgen_requests_total{class=\"4xx\"} 1\n",
        "wsgen_handshakes_total{class=\"1xx\"} 1\n",
        "wsgen_handshake_seconds_count 1\n",
        "wsgen_request_seconds_bucket{le=\"+Inf\"} 2\n",
        "wsgen_configuration 1\n",
        "wsgen_server_up{upstream=\"app\",server=\"127.0.0.1:",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    assert!(page(admin, "GET /healthz").await.starts_with("HTTP/1.1 200 "));
    assert!(page(admin, "GET /readyz").await.starts_with("HTTP/1.1 200 "));
    assert!(page(admin, "GET /nothing").await.starts_with("HTTP/1.1 404 "));
    assert!(page(admin, "GET /reload").await.starts_with("HTTP/1.1 405 "));
    assert_eq!(server.status("GET /metrics").await, 404, "nowhere else");
    server.signal("TERM");
    eventually(async || page(admin, "GET /readyz").await.starts_with("HTTP/1.1 503 ")).await;
}

/// The status of an answer of the status listener to raw bytes.
async fn status(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    // A client that has said everything still waits for its answer.
    stream.shutdown().await.unwrap();
    rest(&mut stream).await
}

#[tokio::test]
async fn pages_have_methods_and_are_for_programs_on_this_machine() {
    let (_server, admin) = administered().await;
    let head = page(admin, "HEAD /metrics").await.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200 ") && head.contains("\r\ncontent-length: "), "{head}");
    assert!(head.ends_with("\r\n\r\n"), "a HEAD has no body: {head}");
    for (request, allow) in [("DELETE /metrics", "get, head"), ("HEAD /reload", "post")] {
        let answer = page(admin, request).await.to_ascii_lowercase();
        assert!(answer.starts_with("http/1.1 405 "), "{request}: {answer}");
        assert!(answer.contains(&format!("\r\nallow: {allow}\r\n")), "{request}: {answer}");
    }
    for (fields, expected) in [
        ("Host: 127.0.0.1", "200"),
        ("Host: evil.example", "403"),
        ("Host: localhost\r\nOrigin: http://localhost", "403"),
        ("Host: localhost\r\nHost: evil.example", "400"),
        ("X: y", "400"),
    ] {
        let answer = status(admin, &format!("GET /config HTTP/1.1\r\n{fields}\r\n\r\n")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected} ")), "{fields}: {answer}");
    }
    let long =
        format!("GET /config HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "y".repeat(40_000));
    assert!(!status(admin, &long).await.contains("version: 1"));
}

#[tokio::test]
async fn clients_that_say_nothing_are_bounded() {
    let (_server, admin) = administered().await;
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(TcpStream::connect(("127.0.0.1", admin)).await.unwrap());
    }
    let mut further = Box::pin(page(admin, "GET /healthz"));
    let early = tokio::time::timeout(Duration::from_millis(500), &mut further).await;
    assert!(early.is_err(), "64 connections are the most: {early:?}");
    drop(silent);
    assert!(further.await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn tunnels_are_listed() {
    let (server, admin) = administered().await;
    let mut open = tunnel(&server).await;
    // A text of two bytes, masked by zeros (RFC 6455 section 5.2); it comes back without the mask.
    open.write_all(b"\x81\x82\0\0\0\0hi").await.unwrap();
    until(&mut open, "hi").await;
    let address = format!("127.0.0.1:{admin}");
    let listed = command(&["tunnels", "--json", "--admin", &address]);
    assert!(listed.status.success());
    let listed: Vec<Value> = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed.len(), 1);
    let expected =
        [("route", "chat"), ("uri", "/app/ws"), ("client", "127.0.0.1"), ("host", "a.test")];
    for (field, value) in expected {
        assert_eq!(listed[0][field], value);
    }
    assert_eq!((&listed[0]["received"], &listed[0]["sent"]), (&8.into(), &4.into()));
    assert_eq!((&listed[0]["configuration"], &listed[0]["ends"]), (&1.into(), &false.into()));
    let model = server.folder.path().join("wsgen.yaml").display().to_string();
    let table = String::from_utf8(command(&["tunnels", &model]).stdout).unwrap();
    let mut lines = table.lines();
    assert!(lines.next().unwrap().starts_with("CLIENT     ROUTE  UPSTREAM"), "{table}");
    assert!(lines.next().unwrap().ends_with("  /app/ws"), "{table}");
    drop(open);
    eventually(async || page(admin, "GET /tunnels").await.ends_with("\r\n\r\n[]\n")).await;
}

#[tokio::test]
async fn a_reload_waits_for_its_verdict() {
    let (server, admin) = administered().await;
    let file = server.folder.path().join("wsgen.yaml");
    let model = std::fs::read_to_string(&file).unwrap();
    let address = format!("127.0.0.1:{admin}");
    std::fs::write(&file, model.replace("upstream: app", "upstream: nobody")).unwrap();
    let bad = command(&["reload", "--admin", &address]);
    let said = String::from_utf8(bad.stderr).unwrap();
    assert_eq!(bad.status.code(), Some(1), "{said}");
    assert!(said.contains("nobody") && said.contains("the configuration of before goes on"));
    assert_eq!(server.status("GET /app").await, 200);
    std::fs::write(&file, model.replace("/app", "/other")).unwrap();
    let good = command(&["reload", "--admin", &address]);
    assert_eq!(good.status.code(), Some(0));
    // The verdict comes when the new configuration holds, or a moment before each thread has it.
    eventually(async || server.status("GET /app").await == 404).await;
    assert!(page(admin, "GET /config").await.contains("{prefix: /other}"));
    let metrics = page(admin, "GET /metrics").await;
    for line in ["{result=\"good\"} 1\n", "{result=\"bad\"} 1\n", "wsgen_configuration 2\n"] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    let nobody = command(&["reload", "--admin", &format!("127.0.0.1:{}", free_port())]);
    assert_eq!(nobody.status.code(), Some(2));
    assert!(String::from_utf8(nobody.stderr).unwrap().contains("cannot ask the proxy"));
}

#[tokio::test]
async fn the_pages_are_for_this_machine_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wsgen.yaml");
    let model = "version: 1\nadmin: {address: \"0.0.0.0:9\"}\nlisteners: [{name: web, address: \"127.0.0.1:9\"}]\n\
                 routes: [{respond: {status: 200}}]\n";
    std::fs::write(&file, model).unwrap();
    let refused = command(&["serve", &file.display().to_string()]);
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("wsgen.yaml:2:") && said.contains("open to others"), "{said}");
}
