//! `wsgen serve` as an operator meets it: reloads and stops.

use std::time::{Duration, Instant};

use crate::real_server::scripted::{HANDSHAKE, connect, proxy, rest, until};
use crate::real_server::{PATIENCE, SERVE, free_port, start, upstream};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

#[tokio::test]
async fn reloads_lose_nobody_and_a_bad_one_changes_nothing() {
    let (one, two) = (upstream("one").await, upstream("two").await);
    let server = proxy(one, "", "").await;
    let file = server.folder.path().join("wsgen.yaml");
    let model = std::fs::read_to_string(&file).unwrap();
    let mut met = std::collections::HashSet::new();
    for round in 0..20 {
        let text = match round % 4 {
            0 => model.replace(&one.to_string(), &two.to_string()),
            1 => "version: 1\nroutes: [".to_owned(),
            2 => model.clone(),
            _ => model.replace("upstream: app", "upstream: nobody"),
        };
        std::fs::write(&file, text).unwrap();
        server.reload(&SERVE);
        let until = Instant::now() + Duration::from_millis(100);
        while Instant::now() < until {
            let answer = server.send("GET /").await;
            assert!(answer.starts_with("http/1.1 200 "), "{answer}");
            met.insert(answer.contains("\r\n\r\none\n"));
        }
    }
    assert_eq!(met.len(), 2, "both configurations were met");
}

/// `drain/stop`
#[tokio::test]
async fn a_stop_gives_tunnels_their_time() {
    let app = upstream("app").await;
    let model = format!(
        "version: 1\ndrain: {{stop: 1500ms}}\nlisteners: [{{name: web, address: \"127.0.0.1:PORT\"}}]\n\
         upstreams: {{app: {{servers: [\"127.0.0.1:{app}\"]}}}}\nroutes: [{{upstream: app}}]\n"
    );
    let server = start(&SERVE, &model, &[]).await;
    let mut stream = connect(&server).await;
    stream.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    until(&mut stream, "\r\n\r\n").await;
    let mut idle = connect(&server).await;
    server.signal("TERM");
    let stopped = Instant::now();
    // A connection that only waits is closed; new ones are not taken.
    assert_eq!(rest(&mut idle).await, "");
    while TcpStream::connect(("127.0.0.1", server.port)).await.is_ok() {
        assert!(stopped.elapsed() < PATIENCE, "connections are taken");
    }
    assert_eq!(rest(&mut stream).await, "");
    let lived = stopped.elapsed().as_secs_f64();
    assert!(lived > 1.4 && lived < 3.5, "{lived}");
    assert!(server.ends().await, "the process ends by itself");
}

#[test]
fn what_cannot_run_is_said_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wsgen.yaml");
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port();
    let model = |listener: &str, server: &str| {
        format!(
            "version: 1\nlisteners:\n  - {{name: web, address: \"127.0.0.1:{port}\"{listener}}}\n\
             upstreams: {{app: {{servers: [\"{server}\"]}}}}\nroutes: [{{upstream: app}}]\n"
        )
    };
    for (model, place, what) in [
        (model("", "127.0.0.1:1"), "wsgen.yaml:3:", "cannot listen on"),
        (model("", "no-such-name.invalid:1"), "wsgen.yaml:4:", "does not resolve"),
        (
            model(", tls: {certificates: [{certificate: a.pem, key: a.key}]}", "127.0.0.1:1"),
            "wsgen.yaml:3:",
            "a.pem",
        ),
    ] {
        std::fs::write(&file, model).unwrap();
        let output =
            std::process::Command::new(SERVE.program()).arg("serve").arg(&file).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(place) && said.contains(what), "{said}");
    }
}

/// A command that runs the proxy by a shell; everything that it started ends with the test.
struct Shell(std::process::Child);

impl Shell {
    fn run(command: &str) -> Self {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &format!("exec {command}")]).stdout(std::process::Stdio::null());
        Self(shell.stderr(std::process::Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn answers(port: u16) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await {
            let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
            let _ = stream.write_all(request.as_bytes()).await;
            let answer = rest(&mut stream).await;
            if !answer.is_empty() {
                return answer;
            }
        }
        assert!(Instant::now() < deadline, "nobody answers");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn written(folder: &std::path::Path, port: u16, app: u16) -> std::path::PathBuf {
    let file = folder.join("wsgen.yaml");
    let model = format!(
        "version: 1\nlisteners: [{{name: web, address: \"127.0.0.1:{port}\"}}]\n\
         upstreams: {{app: {{servers: [\"127.0.0.1:{app}\"]}}}}\nroutes: [{{upstream: app}}]\n"
    );
    std::fs::write(&file, model).unwrap();
    file
}

#[tokio::test]
async fn a_changed_file_is_noticed() {
    let (one, two, port) = (upstream("one").await, upstream("two").await, free_port());
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path(), port, one);
    let _proxy = Shell::run(&format!("{} serve --watch {}", SERVE.program(), file.display()));
    assert!(answers(port).await.contains("\r\n\r\none\n"));
    written(folder.path(), port, two);
    let deadline = Instant::now() + PATIENCE;
    while !answers(port).await.contains("\r\n\r\ntwo\n") {
        assert!(Instant::now() < deadline, "the file is not read again");
    }
}

/// Without a free descriptor new connections wait; nobody spins, nobody dies.
#[tokio::test]
async fn a_shortage_of_descriptors_is_waited_out() {
    let (app, port) = (upstream("app").await, free_port());
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path(), port, app);
    let command = format!("{} serve --threads 1 {}", SERVE.program(), file.display());
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &format!("ulimit -n 40; exec {command}")]);
    shell.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let proxy = Shell(shell.spawn().unwrap());
    answers(port).await;
    let mut held = Vec::new();
    for client in 1..=100 {
        // One client alone is not given all of them.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 1, client], 0).into()).unwrap();
        held.push(socket.connect(([127, 0, 0, 1], port).into()).await.unwrap());
    }
    let spent = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", proxy.0.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    let before = spent();
    tokio::time::sleep(Duration::from_secs(1)).await;
    // In hundredths of a second.
    assert!(spent() - before < 30, "it spins");
    drop(held);
    assert!(answers(port).await.starts_with("HTTP/1.1 200 "));
}

/// A client that connected to a proxy which took connections is answered, though the proxy stops before it asks.
#[tokio::test]
async fn a_connection_that_has_just_come_is_answered_at_a_stop() {
    let server = proxy(upstream("app").await, "", "").await;
    let mut fresh = connect(&server).await;
    let mut used = connect(&server).await;
    used.write_all(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    until(&mut used, "/a HTTP/1.1").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.signal("TERM");
    // The connection that waits between requests ends: the signal was taken.
    rest(&mut used).await;
    fresh.write_all(b"GET /b HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(rest(&mut fresh).await.starts_with("HTTP/1.1 200 "));
    assert!(server.ends().await);
}
