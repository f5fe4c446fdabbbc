//! A panic ends its request, its stream or its tunnel, and nothing else: a fault is put in at each stage of the proxy
//! while a thousand other tunnels live on (`crates/proxy/src/isolation.rs`; faults are in builds with debug assertions).

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::real_server::scripted::{ACCEPT, HANDSHAKE, connect, rest, script, until};
use crate::real_server::{PATIENCE, SERVE, Server, certificate, free_port, start_in, tls};
use rustix::process::{Resource, getrlimit, setrlimit};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Tunnels that live on.
const OTHERS: usize = 1_000;
const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const LARGE: usize = 8 << 20;

/// A proxy, its files and its ports.
struct Subject {
    server: Server,
    files: TempDir,
    secure: u16,
    admin: u16,
}

impl Subject {
    async fn start(relay: &str) -> Self {
        let app = script(application).await;
        let files = tempfile::tempdir().unwrap();
        certificate(files.path(), "chat.test", "other.test");
        let (secure, admin) = (free_port(), free_port());
        let model = format!(
            "version: 1\nadmin: {{address: \"127.0.0.1:{admin}\"}}\naccess_log: {{format: json}}\n\
             resolver: {{nameservers: [\"127.0.0.1:1\"], valid: 1s}}\nlisteners:\n\
             \x20 - {{name: web, address: \"127.0.0.1:PORT\"}}\n\
             \x20 - name: secure\n    address: \"127.0.0.1:{secure}\"\n    protocols: [h2, http/1.1]\n\
             \x20   tls: {{certificates: [{{certificate: {0}/chat.test.pem, key: {0}/chat.test.key}}]}}\n\
             upstreams:\n  app:\n    health_check: {{type: http, path: /, interval: 1s}}\n    servers:\n\
             \x20     - \"127.0.0.1:{app}\"\n      - {{address: \"app.internal:1\", resolve: runtime, backup: true}}\n\
             routes: [{{upstream: app}}]\n",
            files.path().display()
        );
        let fault = files.path().join("fault").display().to_string();
        let server = start_in(&[("WSGEN_RELAY", relay), ("WSGEN_FAULT", &fault)], &model).await;
        Self { server, files, secure, admin }
    }

    /// The file that asks for a fault.
    fn file(&self) -> PathBuf {
        self.files.path().join("fault")
    }

    /// Has the next one who comes to a stage panic.
    fn arm(&self, stage: &str) {
        let new = self.files.path().join("new");
        std::fs::write(&new, stage).unwrap();
        std::fs::rename(new, self.file()).unwrap();
    }

    /// Waits until somebody has panicked.
    async fn fires(&self, stage: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.file().exists() {
            assert!(Instant::now() < deadline, "nobody comes to {stage}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn page(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.admin)).await.unwrap();
        let request = format!("{request} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
        let _ = stream.write_all(request.as_bytes()).await;
        rest(&mut stream).await
    }

    /// Panics that were counted for a part.
    async fn panics(&self, part: &str) -> u64 {
        let page = self.page("GET /metrics").await;
        let name = format!("wsgen_panics_total{{part=\"{part}\"}} ");
        let line = page.lines().find_map(|line| line.strip_prefix(&name));
        line.map_or(0, |count| count.trim().parse().unwrap())
    }

    /// Waits until so many panics were counted for a part.
    async fn counts(&self, part: &str, panics: u64) {
        let deadline = Instant::now() + PATIENCE;
        while self.panics(part).await != panics {
            assert!(Instant::now() < deadline, "{part}: {}", self.panics(part).await);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn ask(&self) -> String {
        self.ask_for("/").await
    }

    async fn ask_for(&self, path: &str) -> String {
        let mut stream = connect(&self.server).await;
        let _ = stream.write_all(GET.replace(" / ", &format!(" {path} ")).as_bytes()).await;
        rest(&mut stream).await
    }

    async fn tunnel(&self) -> TcpStream {
        let mut stream = connect(&self.server).await;
        stream.write_all(HANDSHAKE.as_bytes()).await.unwrap();
        until(&mut stream, "\r\n\r\n").await;
        stream
    }

    async fn reload(&self) -> Option<i32> {
        let address = format!("127.0.0.1:{}", self.admin);
        let mut command = Command::new(SERVE.program());
        command.args(["reload", "--admin", &address]);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap());
        output.await.unwrap().status.code()
    }

    /// Waits until the access log holds a text so often.
    async fn logs(&self, text: &str, times: usize) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = self.server.folder.path().join("stdout.log");
            let log = std::fs::read_to_string(log).unwrap();
            if log.matches(text).count() == times {
                return;
            }
            assert!(Instant::now() < deadline, "not {times} times {text}: {log}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Whether requests are still served.
    async fn serves(&self, stage: &str) {
        let answer = self.ask().await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "after {stage}: {answer}");
    }
}

async fn application(mut stream: TcpStream) {
    let asked = until(&mut stream, "\r\n\r\n").await;
    if asked.contains("Upgrade: websocket") {
        stream.write_all(ACCEPT.as_bytes()).await.unwrap();
        let (mut reader, mut writer) = stream.split();
        let _ = tokio::io::copy(&mut reader, &mut writer).await;
    } else {
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\nConnection: close\r\n\r\n");
        let large = asked.starts_with("GET /large ");
        let head = if large { head } else { head.replace(&LARGE.to_string(), "2") };
        let _ = stream.write_all(head.as_bytes()).await;
        let _ = stream.write_all(&vec![b'x'; if large { LARGE } else { 2 }]).await;
    }
}

/// Whether a message comes back; a tunnel that ends gives none.
async fn echoes(stream: &mut TcpStream) -> bool {
    let mut back = [0; 5];
    if stream.write_all(b"hello").await.is_err() {
        return false;
    }
    let read = tokio::time::timeout(PATIENCE, stream.read_exact(&mut back)).await;
    read.expect("it ends or answers").is_ok_and(|_| &back == b"hello")
}

/// Stages of a plain request, and how its answer begins: with nothing where the connection itself has panicked.
const REQUEST: [(&str, &str, &str); 5] = [
    ("accept", "accept", ""),
    ("head", "connection", ""),
    ("route", "request", "HTTP/1.1 500 "),
    ("connect", "request", "HTTP/1.1 500 "),
    ("response", "request", "HTTP/1.1 500 "),
];

/// Faults in requests: each has its own answer and its line of the log, and the next request is served.
async fn requests(subject: &Subject) {
    for (stage, part, expected) in REQUEST {
        let before = subject.panics(part).await;
        subject.arm(stage);
        let answer = subject.ask().await;
        subject.fires(stage).await;
        assert!(answer.starts_with(expected), "{stage}: {answer}");
        assert_eq!(answer.is_empty(), expected.is_empty(), "{stage}: {answer}");
        subject.counts(part, before + 1).await;
        subject.serves(stage).await;
    }
    subject.logs("\"status\":500", 3).await;
    subject.arm("body");
    let mut stream = connect(&subject.server).await;
    stream.write_all(GET.replace("GET / ", "GET /large ").as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut seen)).await.unwrap();
    assert!(ended.is_err() && seen.len() < LARGE, "a body that breaks off: {ended:?}");
    subject.serves("body").await;
}

async fn secure(subject: &Subject) -> Option<h2::client::SendRequest<bytes::Bytes>> {
    let stream = TcpStream::connect(("127.0.0.1", subject.secure)).await.unwrap();
    let stream = tls(stream, "chat.test", "h2").await;
    let (client, connection) = h2::client::handshake(stream).await.ok()?;
    tokio::spawn(connection);
    client.ready().await.ok()
}

/// Faults in a connection of TLS, and in one stream among others of a connection of HTTP/2.
async fn encrypted(subject: &Subject) {
    let get = || http::Request::get("https://chat.test/").body(()).unwrap();
    subject.arm("tls");
    if let Some(mut client) = secure(subject).await {
        let answer = client.send_request(get(), true).unwrap().0;
        assert!(answer.await.is_err(), "its connection has panicked");
    }
    subject.fires("tls").await;
    let mut client = secure(subject).await.unwrap();
    subject.arm("h2-stream");
    let broken = client.send_request(get(), true).unwrap().0.await;
    assert!(broken.unwrap_err().is_reset(), "its stream has panicked");
    for (stage, status) in [("route", 500), ("", 200)] {
        if !stage.is_empty() {
            subject.arm(stage);
        }
        client = client.ready().await.unwrap();
        let answer = client.send_request(get(), true).unwrap().0.await.unwrap();
        assert_eq!(answer.status(), status, "{stage}");
    }
}

/// Faults in one tunnel, as a future of the runtime and in an engine, and in the engine itself.
async fn tunnels(subject: &Subject, relay: &str) {
    let stage = if relay == "runtime" { "tunnel" } else { relay };
    let mut broken = subject.tunnel().await;
    let mut other = subject.tunnel().await;
    assert!(echoes(&mut broken).await && echoes(&mut other).await);
    tokio::time::sleep(Duration::from_millis(200)).await;
    subject.arm(stage);
    assert!(!echoes(&mut broken).await, "{stage}");
    subject.fires(stage).await;
    assert!(echoes(&mut other).await);
    subject.logs("\"end\":\"error\"", 1).await;
    if relay != "runtime" {
        // The first message goes to an engine that panics before it looks.
        subject.arm("engine");
        assert!(echoes(&mut other).await);
        subject.fires("engine").await;
        subject.counts("engine", 1).await;
    }
}

/// Faults in what goes on for ever: it begins anew, and so it comes to the same stage again.
async fn standing(subject: &Subject) {
    for stage in ["check", "name", "timers"] {
        for _ in 0..2 {
            subject.arm(stage);
            subject.fires(stage).await;
        }
        subject.counts(stage, 2).await;
        subject.serves(stage).await;
    }
    subject.arm("log");
    subject.serves("log").await;
    subject.fires("log").await;
    subject.arm("reload");
    assert_eq!(subject.reload().await, Some(1));
    subject.counts("reload", 1).await;
    subject.arm("admin");
    assert_eq!(subject.page("GET /healthz").await, "");
    assert!(subject.page("GET /healthz").await.starts_with("HTTP/1.1 200 "));
    for stage in ["order", "thread"] {
        subject.arm(stage);
        let _ = subject.page("GET /tunnels").await;
        subject.fires(stage).await;
        subject.counts(stage, 1).await;
        subject.serves(stage).await;
    }
    // Tunnels of before have the time of a reload, which is long.
    assert_eq!(subject.reload().await, Some(0));
    let _ = subject.ask_for("/last").await;
    subject.logs("\"uri\":\"/last\"", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_ends_nothing_but_its_own_part() {
    let _machine = crate::MACHINE.lock().await;
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, rustix::process::Rlimit { current: limit.maximum, ..limit })
        .unwrap();
    for relay in ["runtime", "epoll", "io-uring"] {
        let subject = Subject::start(relay).await;
        let mut others = Vec::new();
        while others.len() < OTHERS {
            let batch = (0..50).map(|_| async {
                let mut stream = subject.tunnel().await;
                assert!(echoes(&mut stream).await);
                stream
            });
            others.extend(futures_util::future::join_all(batch).await);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        requests(&subject).await;
        encrypted(&subject).await;
        let page = subject.page("GET /metrics").await;
        // A kernel may forbid io_uring; epoll takes its place then.
        let engine = if page.contains("engine=\"io-uring\"") { "io-uring" } else { "epoll" };
        tunnels(&subject, if relay == "runtime" { relay } else { engine }).await;
        standing(&subject).await;
        for (number, other) in others.iter_mut().enumerate() {
            assert!(echoes(other).await, "{relay}: tunnel {number} has ended");
        }
    }
}

/// A thread that cannot go on ends the process in order, and whoever started it sees that it failed.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_has_lost_a_thread_stops() {
    let _machine = crate::MACHINE.lock().await;
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let (model, fault) = (folder.path().join("wsgen.yaml"), folder.path().join("fault"));
    let text = format!(
        "version: 1\nlisteners: [{{name: web, address: \"127.0.0.1:{port}\"}}]\n\
         upstreams: {{app: {{servers: [\"127.0.0.1:1\"]}}}}\nroutes: [{{upstream: app}}]\n"
    );
    std::fs::write(&model, text).unwrap();
    let mut command = Command::new(SERVE.program());
    command.arg("serve").arg(&model).env("WSGEN_FAULT", &fault);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut process = command.spawn().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(Instant::now() < deadline, "it does not answer");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    std::fs::write(&fault, "thread!").unwrap();
    // A reload wakes each thread.
    let id = process.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
    let ended = tokio::task::spawn_blocking(move || process.wait().unwrap());
    assert_eq!(ended.await.unwrap().code(), Some(2));
}
