//! The error log of `wsgen serve` and its metrics: what an operator sees of failures.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::real_server::scripted::{HANDSHAKE, connect, proxy, rest, script, until};
use crate::real_server::{PATIENCE, SERVE, Server, certificate, free_port, start, upstream};

const LOG: &str = "stderr.log";

/// A page of the status listener.
async fn page(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    rest(&mut stream).await
}

/// A metric's value; zero where the page has no such line.
pub(super) async fn metric(admin: u16, line: &str) -> u64 {
    let page = page(admin, "/metrics").await;
    let value = page.lines().find_map(|known| known.strip_prefix(line)?.strip_prefix(' '));
    value.map_or(0, |value| value.parse().unwrap())
}

fn lines(server: &Server, text: &str) -> usize {
    let log = std::fs::read_to_string(server.folder.path().join(LOG)).unwrap();
    log.lines().filter(|line| line.contains(text)).count()
}

#[tokio::test]
async fn a_server_that_fails_is_named_with_its_step_and_its_cause() {
    let admin = free_port();
    let silent = script(async |stream| drop(stream)).await;
    let reset = script(async |mut stream: TcpStream| {
        let _ = stream.read(&mut [0; 4096]).await;
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    })
    .await;
    let talker = script(async |mut stream: TcpStream| {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await;
        let _ = stream.read(&mut [0; 4096]).await;
    })
    .await;
    let half = script(async |mut stream: TcpStream| {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").await;
    })
    .await;
    let late = script(
        async |mut stream: TcpStream| while stream.read(&mut [0; 64]).await.is_ok_and(|n| n > 0) {},
    )
    .await;
    let (nobody, plain) = (free_port(), upstream("plain").await);
    let servers = [
        ("nobody", nobody),
        ("silent", silent),
        ("reset", reset),
        ("talker", talker),
        ("half", half),
        ("late", late),
    ];
    let mut model = format!(
        "version: 1\nadmin: {{address: \"127.0.0.1:{admin}\"}}\nlisteners: [{{name: web, address: \"127.0.0.1:PORT\"}}]\nupstreams:\n"
    );
    for (name, port) in servers {
        model += &format!("  {name}: {{servers: [\"127.0.0.1:{port}\"]}}\n");
    }
    model += &format!(
        "  secure: {{servers: [\"127.0.0.1:{plain}\"], protocol: https, tls: {{verify: false}}}}\nroutes:\n"
    );
    model += &format!(
        "  - {{match: [{{path: {{prefix: /auth}}}}], upstream: silent, auth: {{forward: {{url: \"http://127.0.0.1:{nobody}/\"}}}}}}\n"
    );
    for name in ["nobody", "silent", "reset", "talker", "half", "late", "secure"] {
        model += &format!(
            "  - {{match: [{{path: {{prefix: /{name}}}}}], upstream: {name}, timeouts: {{response_header: 1s}}}}\n"
        );
    }
    let server = start(&SERVE, &model, &[]).await;
    for (name, status, stage, cause) in [
        ("nobody", 502, "connect", "refused"),
        ("silent", 502, "response_head", "closed without an answer"),
        ("reset", 502, "response_head", "closed without an answer: Connection reset by peer"),
        ("talker", 502, "response_head", "not HTTP"),
        ("half", 200, "body", "within its answer: unexpected end of file"),
        ("late", 504, "response_head", "response_header"),
        ("secure", 502, "tls", ""),
        ("auth", 502, "connect", "refused"),
    ] {
        let path =
            format!("GET /{name}?token=secret\nAuthorization: Bearer secret\nCookie: a=secret");
        assert_eq!(server.status(&path).await, status, "{name}");
        let name = if name == "auth" { "auth.forward" } else { name };
        let (upstream, stage) = (format!("upstream=\"{name}\""), format!("stage=\"{stage}\""));
        let line = server.line(LOG, &["WARN wsgen::upstream: ", &upstream, &stage, cause]).await;
        assert!(line.contains("server=\"127.0.0.1:") && line.contains("cause=\""), "{line}");
    }
    let counted = format!(
        "wsgen_upstream_failures_total{{upstream=\"nobody\",server=\"127.0.0.1:{nobody}\",stage=\"connect\"}}"
    );
    assert_eq!(metric(admin, &counted).await, 1);
    assert_eq!(lines(&server, "secret"), 0, "nothing secret is logged");
}

#[tokio::test]
async fn the_same_failure_has_a_line_a_second_and_a_number() {
    let server = proxy(free_port(), "", "").await;
    for _ in 0..200 {
        assert_eq!(server.status("GET /").await, 502);
    }
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let log = std::fs::read_to_string(server.folder.path().join(LOG)).unwrap();
    let said: Vec<&str> = log.lines().filter(|line| line.contains("wsgen::upstream")).collect();
    let number = |word: &str| word.strip_prefix("left_out=")?.parse::<usize>().ok();
    let left_out = said.iter().flat_map(|line| line.split(' ').filter_map(number));
    let left_out: usize = left_out.sum();
    // Every request is in a line, or in the number of one.
    let of_events = said.iter().filter(|line| !line.contains("more of the same")).count();
    assert_eq!(of_events + left_out, 200, "{log}");
    assert!(said.len() < 50, "{log}");
}

#[tokio::test]
async fn refused_heads_are_logged_with_their_rule_and_counted() {
    let admin = free_port();
    let app = upstream("app").await;
    let model = format!(
        "version: 1\nadmin: {{address: \"127.0.0.1:{admin}\"}}\nlisteners: [{{name: web, address: \"127.0.0.1:PORT\", limits: {{max_url_bytes: 1KiB}}}}]\n\
         upstreams: {{app: {{servers: [\"127.0.0.1:{app}\"]}}}}\nroutes: [{{upstream: app, websocket: {{origins: [same_origin]}}}}]\n"
    );
    let server = start(&SERVE, &model, &[]).await;
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(4000));
    let foreign = HANDSHAKE.replace("Host:", "Origin: https://evil.test\r\nHost:");
    let refused = [
        (
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
        ),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (&long, 414),
        ("\x16\x03\x01\r\n\r\n", 400),
        (&foreign, 403),
    ];
    for (number, (request, status)) in refused.iter().enumerate() {
        let mut stream = connect(&server).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = until(&mut stream, "\r\n\r\n").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        let text = format!(" {status} ");
        let logged = async || {
            let lines = std::fs::read_to_string(server.folder.path().join("stdout.log")).unwrap();
            lines.lines().count() > number
        };
        server.line("stdout.log", &[&text]).await;
        let deadline = std::time::Instant::now() + PATIENCE;
        while !logged().await {
            assert!(std::time::Instant::now() < deadline, "{request} has no line");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    server
        .line(LOG, &["WARN wsgen::refused: ", "peer=\"127.0.0.1\"", "status=400", "CONNECT"])
        .await;
    server.line(LOG, &["wsgen::refused", "status=403", "origin"]).await;
    server.line(LOG, &["wsgen::refused", "status=414"]).await;
    let page = page(admin, "/metrics").await;
    let rules =
        page.lines().filter(|line| line.starts_with("wsgen_refusals_total{rule=\"")).count();
    assert_eq!(rules, refused.len(), "{page}");
    assert_eq!(metric(admin, "wsgen_requests_total{class=\"4xx\"}").await, 5);
    assert_eq!(metric(admin, "wsgen_handshakes_total{class=\"4xx\"}").await, 1);
}

#[tokio::test]
async fn bad_beginnings_of_connections_are_seen() {
    let (app, admin, secure, proxied) =
        (upstream("app").await, free_port(), free_port(), free_port());
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path(), "chat.test", "chat.test");
    let certs = folder.path().display();
    let model = format!(
        "version: 1\nadmin: {{address: \"127.0.0.1:{admin}\"}}\nlisteners:\n  - {{name: web, address: \"127.0.0.1:PORT\"}}\n  \
         - {{name: tls, address: \"127.0.0.1:{secure}\", tls: {{certificates: [{{certificate: {certs}/chat.test.pem, key: {certs}/chat.test.key}}]}}}}\n  \
         - {{name: hop, address: \"127.0.0.1:{proxied}\", proxy_protocol: {{accept: v1}}}}\n\
         upstreams: {{app: {{servers: [\"127.0.0.1:{app}\"]}}}}\nroutes: [{{upstream: app}}]\n"
    );
    let server = start(&SERVE, &model, &[]).await;
    for port in [secure, proxied] {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        rest(&mut stream).await;
    }
    let listener = |port: u16| format!("listener=\"127.0.0.1:{port}\"");
    server.line(LOG, &["wsgen::tls: ", &listener(secure), "peer=\"127.0.0.1\"", "cause=\""]).await;
    server.line(LOG, &["wsgen::proxy_header: ", &listener(proxied), "cause=\""]).await;
    let counted = format!("wsgen_tls_failures_total{{{}}}", listener(secure));
    assert_eq!(metric(admin, &counted).await, 1);
    let counted = format!("wsgen_proxy_header_failures_total{{{}}}", listener(proxied));
    assert_eq!(metric(admin, &counted).await, 1);
}

#[tokio::test]
async fn limits_that_are_reached_are_seen() {
    let (app, admin) = (upstream("app").await, free_port());
    let model = format!(
        "version: 1\nadmin: {{address: \"127.0.0.1:{admin}\"}}\nlisteners: [{{name: web, address: \"127.0.0.1:PORT\", limits: {{max_connections: 4}}}}]\n\
         upstreams: {{app: {{servers: [\"127.0.0.1:{app}\"]}}}}\nroutes: [{{name: chat, upstream: app, limits: {{per_ip: {{connections: 1}}}}}}]\n"
    );
    let server = start(&SERVE, &model, &[]).await;
    let _open = server.open("/ws", &[]).await.unwrap();
    assert_eq!(server.open("/ws", &[]).await.err(), Some(429));
    server.line(LOG, &["wsgen::limit: ", "limit=\"per_ip\"", "of=\"chat\"", "peer="]).await;
    let mut waiting = Vec::new();
    for _ in 0..8 {
        waiting.push(connect(&server).await);
    }
    server.line(LOG, &["wsgen::limit: ", "limit=\"max_connections\""]).await;
    drop(waiting);
    assert_eq!(metric(admin, "wsgen_limits_reached_total{limit=\"per_ip\"}").await, 1);
}

/// Returns the standard error of the command for a model that it cannot run.
fn serve(arguments: &[&str], model: &str, limit: Option<u32>) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wsgen.yaml");
    std::fs::write(&file, model).unwrap();
    let limit = limit.map_or(String::new(), |limit| format!("ulimit -n {limit}; "));
    let mut command = Command::new("bash");
    command.args(["-c", &format!("{limit}exec \"$@\""), "bash"]).arg(SERVE.program());
    let ran =
        command.arg("serve").args(arguments).arg(&file).stdin(Stdio::null()).output().unwrap();
    (ran.status.code(), String::from_utf8(ran.stderr).unwrap())
}

#[test]
fn what_cannot_start_says_why_to_people_and_to_programs() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap();
    let model = format!(
        "version: 1\nlisteners: [{{name: web, address: \"{address}\"}}]\nroutes: [{{respond: {{status: 200}}}}]\n"
    );
    let (code, said) = serve(&[], &model, None);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("error: ") && said.contains("cannot listen on"), "{said}");
    let (code, said) = serve(&["--log-format", "json"], &model, None);
    assert_eq!(code, Some(2), "{said}");
    let line: Value = serde_json::from_str(said.trim_end()).unwrap();
    assert_eq!((&line["level"], &line["target"]), (&"error".into(), &"wsgen::process".into()));
    assert!(line["message"].as_str().unwrap().contains("cannot listen on"), "{line}");
    let (code, said) = serve(&["--log-level", "loud"], &model, None);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("is no level"), "{said}");
}

/// systemd says by `JOURNAL_STREAM` which file the journal reads; another one does not get its priorities.
#[test]
fn the_journal_gets_priorities() {
    use std::os::unix::fs::MetadataExt;
    let folder = tempfile::tempdir().unwrap();
    let said = |number: u64| {
        let path = folder.path().join("said");
        let file = std::fs::File::create(&path).unwrap();
        let open = file.metadata().unwrap();
        let stream = format!("{}:{}", open.dev(), open.ino() + number);
        let mut command = Command::new(SERVE.program());
        command
            .args(["serve", "nothing.yaml"])
            .current_dir(folder.path())
            .env("JOURNAL_STREAM", stream);
        let code = command.stdout(Stdio::null()).stderr(file).status().unwrap().code();
        assert_eq!(code, Some(2));
        std::fs::read_to_string(path).unwrap()
    };
    let text = said(0);
    assert!(text.starts_with("<3>wsgen::process: ") && text.contains("cannot read"), "{text}");
    let text = said(1);
    assert!(text.starts_with("error: ") && text.contains("cannot read"), "{text}");
}

/// With so few descriptors the threads cannot all start.
#[test]
fn too_few_descriptors_are_said_before_a_listener_accepts() {
    let port = free_port();
    let model = format!(
        "version: 1\nlisteners: [{{name: web, address: \"127.0.0.1:{port}\"}}]\nroutes: [{{respond: {{status: 200}}}}]\n"
    );
    for limit in [16, 24, 32, 42] {
        let (code, said) = serve(&["--threads", "4"], &model, Some(limit));
        assert_eq!(code, Some(2), "{limit}: {said}");
        assert!(said.contains("Too many open files"), "{limit}: {said}");
        assert!(said.contains("ulimit -n"), "{limit}: {said}");
        assert!(!said.contains(" on 127.0.0.1:"), "{limit}: {said}");
    }
}

#[tokio::test]
async fn health_and_reloads_are_said_with_their_reasons() {
    let (admin, nobody) = (free_port(), free_port());
    let check = "health_check: {type: http, path: /, interval: 100ms, timeout: 1s, healthy_threshold: 1, unhealthy_threshold: 1}";
    let model = format!(
        "version: 1\nadmin: {{address: \"127.0.0.1:{admin}\"}}\nlisteners: [{{name: web, address: \"127.0.0.1:PORT\"}}]\n\
         upstreams: {{app: {{servers: [\"127.0.0.1:{nobody}\"], {check}}}}}\nroutes: [{{upstream: app}}]\n"
    );
    let server = start(&SERVE, &model, &[]).await;
    let down = ["WARN wsgen::health: server is down", "upstream=\"app\"", "reason=\"connect: "];
    let line = server.line(LOG, &down).await;
    assert!(line.contains("refused"), "{line}");
    crate::real_server::upstream_at("app", nobody).await;
    server.line(LOG, &["INFO wsgen::health: server is up", "upstream=\"app\""]).await;
    let label = format!("upstream=\"app\",server=\"127.0.0.1:{nobody}\"");
    assert_eq!(
        metric(admin, &format!("wsgen_server_health_changes_total{{{label},to=\"up\"}}")).await,
        1
    );
    assert_eq!(metric(admin, &format!("wsgen_server_up{{{label}}}")).await, 1);
    server.reload(&SERVE);
    server.line(LOG, &["INFO wsgen::reload: ", "generation=2"]).await;
    let file = server.folder.path().join("wsgen.yaml");
    std::fs::write(&file, "version: 1\nroutes: [").unwrap();
    server.reload(&SERVE);
    server.line(LOG, &["ERROR wsgen::reload: not reloaded"]).await;
}

#[tokio::test]
async fn a_reader_that_is_too_slow_holds_nothing_up() {
    let (app, admin) = (upstream("app").await, free_port());
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let model = format!(
        "version: 1\nadmin: {{address: \"127.0.0.1:{admin}\"}}\nlisteners: [{{name: web, address: \"127.0.0.1:{port}\"}}]\n\
         upstreams: {{app: {{servers: [\"127.0.0.1:{app}\"]}}}}\nroutes: [{{upstream: app}}]\n"
    );
    let file = folder.path().join("wsgen.yaml");
    std::fs::write(&file, model).unwrap();
    // Nobody reads either log.
    let child = Command::new(SERVE.program())
        .args(["serve", "--threads", "1"])
        .arg(&file)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ended = Ends(child);
    let deadline = std::time::Instant::now() + PATIENCE;
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(std::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // A pipe holds 64 KiB and the queue 256 bundles: more than both.
    let target = "a".repeat(3_000);
    let request = format!("GET /{target} HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let mut answers = 0;
    while metric(admin, "wsgen_log_lines_lost_total{log=\"access\"}").await == 0 {
        for _ in 0..200 {
            stream.write_all(request.as_bytes()).await.unwrap();
            until(&mut stream, &target).await;
            answers += 1;
        }
        assert!(answers < 50_000, "no line is ever lost");
    }
}

/// Ends a process when it is dropped.
struct Ends(std::process::Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
