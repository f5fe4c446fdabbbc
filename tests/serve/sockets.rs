//! Listening sockets of `wsgen serve`: Unix sockets, sockets that systemd opened, and those that a new process takes
//! over from the one before.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::real_server::scripted::{HANDSHAKE, connect, proxy, rest, until};
use crate::real_server::{PATIENCE, SERVE, start, upstream};
use command_fds::{CommandFdExt, FdMapping};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

/// A process that ends with the test.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(file: &Path) -> Command {
    let mut command = Command::new(SERVE.program());
    command.arg("serve").arg(file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Writes a model with a listener at an address.
async fn written(folder: &Path, address: &str, more: &str) -> std::path::PathBuf {
    let app = upstream("app").await;
    let file = folder.join("wsgen.yaml");
    let model = format!(
        "version: 1\n{more}listeners: [{{name: web, address: \"{address}\"}}]\n\
         upstreams: {{app: {{servers: [\"127.0.0.1:{app}\"]}}}}\nroutes: [{{upstream: app}}]\n"
    );
    std::fs::write(&file, model).unwrap();
    file
}

const PLAIN: &str = "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";

async fn by_unix(path: &Path) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Ok(mut stream) = UnixStream::connect(path).await {
            stream.write_all(PLAIN.as_bytes()).await.unwrap();
            let mut seen = String::new();
            stream.read_to_string(&mut seen).await.unwrap();
            return seen;
        }
        assert!(Instant::now() < deadline, "nobody listens at {}", path.display());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn unix_sockets_are_taken_over_from_the_dead_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("web.sock");
    let file = written(folder.path(), &format!("unix:{}", path.display()), "").await;
    let killed = Ending(serve(&file).spawn().unwrap());
    let answer = by_unix(&path).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("X-Forwarded-For: 127.0.0.1"));
    drop(killed);
    assert!(path.exists(), "who is killed cannot tidy up");
    let mut second = Ending(serve(&file).spawn().unwrap());
    assert!(by_unix(&path).await.starts_with("HTTP/1.1 200 "));
    let third = serve(&file).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(third.status.code(), Some(2), "the second lives");
    assert!(String::from_utf8(third.stderr).unwrap().contains("wsgen.yaml:2:"));
    assert!(by_unix(&path).await.starts_with("HTTP/1.1 200 "));
    assert!(Command::new("kill").arg(second.0.id().to_string()).status().unwrap().success());
    second.0.wait().unwrap();
    assert!(!path.exists(), "who is asked to stop tidies up");
}

#[tokio::test]
async fn a_socket_of_systemd_is_used() {
    let folder = tempfile::tempdir().unwrap();
    // It is open, and connections wait, before there is a process.
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let mut early = TcpStream::connect(address).await.unwrap();
    early.write_all(PLAIN.as_bytes()).await.unwrap();
    let file = written(folder.path(), &address.to_string(), "").await;
    let mut command = serve(&file);
    command.env("LISTEN_FDS", "1");
    command.fd_mappings(vec![FdMapping { parent_fd: socket.into(), child_fd: 3 }]).unwrap();
    let _proxy = Ending(command.spawn().unwrap());
    drop(command);
    assert!(rest(&mut early).await.starts_with("HTTP/1.1 200 "));
    for _ in 0..20 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(PLAIN.as_bytes()).await.unwrap();
        assert!(rest(&mut stream).await.starts_with("HTTP/1.1 200 "));
    }
}

/// A new process takes the sockets; requests never fail, and the tunnels of the old one live on for `drain.timeout`.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_process_takes_over_without_a_lost_connection() {
    let app = upstream("app").await;
    let model = format!(
        "version: 1\ndrain: {{timeout: 2s, spread: 0s}}\nlisteners: [{{name: web, address: \"127.0.0.1:PORT\"}}]\n\
         upstreams: {{app: {{servers: [\"127.0.0.1:{app}\"]}}}}\nroutes: [{{upstream: app}}]\n"
    );
    let server = start(&SERVE, &model, &[]).await;
    let mut tunnel = connect(&server).await;
    tunnel.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    until(&mut tunnel, "\r\n\r\n").await;
    // A client that never ends its head holds nothing up.
    let mut half = connect(&server).await;
    half.write_all(b"GET / HTTP/1.1\r\nHost: a").await.unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let asking = {
        let (over, port) = (over.clone(), server.port);
        tokio::spawn(async move {
            let mut asked = 0;
            while !over.load(Ordering::Relaxed) {
                let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                stream.write_all(PLAIN.as_bytes()).await.unwrap();
                let answer = rest(&mut stream).await;
                assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
                asked += 1;
            }
            asked
        })
    };
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.signal("USR2");
    let told = Instant::now();
    assert_eq!(rest(&mut tunnel).await, "", "a tunnel of before ends");
    let lived = told.elapsed().as_secs_f64();
    assert!(lived >= 2.0, "{lived}");
    assert!(server.ends().await, "the old process ends by itself");
    let lived = told.elapsed().as_secs_f64();
    assert!(lived < 2.0 + 1.0 + 1.5, "{lived}");
    over.store(true, Ordering::Relaxed);
    assert!(asking.await.unwrap() > 20);
    assert_eq!(server.status("GET /").await, 200, "the new process serves");
    let mut tunnel = connect(&server).await;
    tunnel.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    until(&mut tunnel, "101 Switching Protocols").await;
}

/// A new process that cannot start changes nothing.
#[tokio::test]
async fn a_new_process_that_fails_takes_nothing() {
    let app = upstream("app").await;
    let server = proxy(app, "", "").await;
    let file = server.folder.path().join("wsgen.yaml");
    let model = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, "version: 1\nroutes: [").unwrap();
    server.signal("USR2");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(server.status("GET /").await, 200);
    std::fs::write(&file, model).unwrap();
    server.reload(&SERVE);
    assert_eq!(server.status("GET /").await, 200);
}
