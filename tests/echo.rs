//! What is rendered starts a real server and carries a WebSocket echo and a plain GET.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::TcpListener as StdListener;
use std::path::Path;
use std::process::{Child, Command as Process, Stdio};
use std::time::{Duration, Instant};

use assert_cmd::Command;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;

/// Ends the server that this test started, by its id. A master that is killed leaves its workers behind, so it
/// is asked to stop.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Process::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        let _ = self.0.wait();
    }
}

/// An upstream that echoes WebSockets and answers plain requests with the fields that it saw.
async fn upstream(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut head = [0; 4096];
            let n = stream.peek(&mut head).await.unwrap_or(0);
            let text = String::from_utf8_lossy(&head[..n]).to_lowercase();
            if text.contains("upgrade: websocket") {
                let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else {
                    return;
                };
                while let Some(Ok(message)) = socket.next().await {
                    if message.is_close() || socket.send(message).await.is_err() {
                        return;
                    }
                }
            } else {
                let mut stream = stream;
                let _ = stream.read(&mut head).await;
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
                    text.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
    }
}

async fn get(port: u16, extra: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request =
        format!("GET /a HTTP/1.1\r\nHost: chat.test:81\r\n{extra}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    tokio::time::timeout(Duration::from_secs(10), read).await.unwrap().unwrap();
    answer
}

fn free_port() -> u16 {
    StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// nginx with a configuration, ready when its port answers. Fails loudly where nginx is not installed.
async fn nginx(folder: &Path, configuration: &str, port: u16) -> Server {
    std::fs::write(folder.join("nginx.conf"), configuration).unwrap();
    let arguments = ["-p", folder.to_str().unwrap(), "-c", "nginx.conf", "-e", "error.log"];
    let check = Process::new("nginx").arg("-t").args(arguments).output();
    let check = check.expect("nginx is installed (`apt-get install nginx-light`)");
    let said = String::from_utf8_lossy(&check.stderr).into_owned();
    assert!(check.status.success() && !said.contains("[warn]"), "{said}\n{configuration}");
    let child = Process::new("nginx")
        .args(arguments)
        .args(["-g", "daemon off;"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let server = Server(child);
    let deadline = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(Instant::now() < deadline, "nginx does not answer");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server
}

fn render(model: &str) -> String {
    let mut command = Command::cargo_bin("wsgen").unwrap();
    let output =
        command.args(["render", "--target", "nginx", "-"]).write_stdin(model).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn the_minimal_example_echoes_through_a_real_server() {
    let app = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let app_port = app.local_addr().unwrap().port();
    tokio::spawn(upstream(app));
    let port = free_port();
    let model = include_str!("../examples/minimal.yaml")
        .replace("127.0.0.1:8080", &format!("127.0.0.1:{port}"))
        .replace("127.0.0.1:3000", &format!("127.0.0.1:{app_port}"));
    let folder = tempfile::tempdir().unwrap();
    let _server = nginx(folder.path(), &render(&model), port).await;

    let url = format!("ws://127.0.0.1:{port}/a/b?c=d");
    let (mut socket, answer) = tokio_tungstenite::connect_async(url).await.unwrap();
    assert_eq!(answer.status(), 101);
    for message in [Message::text("hello"), Message::binary(vec![7; 100_000])] {
        socket.send(message.clone()).await.unwrap();
        let back = tokio::time::timeout(Duration::from_secs(10), socket.next()).await.unwrap();
        assert_eq!(back.unwrap().unwrap(), message);
    }

    let seen = get(port, "").await;
    assert!(seen.starts_with("HTTP/1.1 200") && seen.contains("host: chat.test:81"), "{seen}");
    assert!(seen.contains("x-forwarded-for: 127.0.0.1") && !seen.contains("\nupgrade:"), "{seen}");
    // `handshake/other-upgrade`: any other protocol is plain HTTP, and its Upgrade is not forwarded.
    let seen =
        get(port, "Upgrade: h2c\r\nConnection: Upgrade\r\nX-Forwarded-For: 6.6.6.6\r\n").await;
    assert!(seen.starts_with("HTTP/1.1 200") && !seen.contains("h2c"), "{seen}");
    assert!(!seen.contains("6.6.6.6"), "{seen}");
}

#[tokio::test]
async fn hosts_paths_and_prefixes_are_routed_as_the_model_says() {
    let apps = [
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    ];
    let ports = [apps[0].local_addr().unwrap().port(), apps[1].local_addr().unwrap().port()];
    let port = free_port();
    let model = format!(
        "version: 1\nlisteners: [{{name: web, address: \"127.0.0.1:{port}\"}}]\n\
         upstreams:\n  one: {{servers: [\"127.0.0.1:{}\"]}}\n  two: {{servers: [\"127.0.0.1:{}\", {{address: \"127.0.0.1:1\", backup: true}}]}}\n\
         routes:\n  - {{hostnames: [chat.test], match: [{{path: {{prefix: /a}}}}], upstream: one}}\n\
         \x20 - {{hostnames: [\"*.test\"], upstream: two, timeouts: {{tunnel_idle: 1h}}}}\n",
        ports[0], ports[1]
    );
    let [one, two] = apps;
    for (app, name) in [(one, "one"), (two, "two")] {
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = app.accept().await {
                let mut head = [0; 4096];
                let _ = stream.read(&mut head).await;
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\n{name}"
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
    }
    let folder = tempfile::tempdir().unwrap();
    let _server = nginx(folder.path(), &render(&model), port).await;
    for (host, path, expected) in [
        ("chat.test", "/a", "one"),
        ("chat.test", "/a/b", "one"),
        ("chat.test", "/ab", "404"),
        ("a.b.test", "/a", "two"),
        ("other.example", "/a", "404"),
    ] {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let got = if answer.starts_with("HTTP/1.1 404") {
            "404"
        } else {
            answer.rsplit("\r\n").next().unwrap_or("")
        };
        assert_eq!(got, expected, "{host}{path}: {answer}");
    }
}
