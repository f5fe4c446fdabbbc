//! The unit that is shipped (`packaging/wsgen.service`), as far as it can be tried without systemd: the proxy runs under
//! the system call filters that systemd would make of the unit's own text, and is led through its whole life.

mod sandbox;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::real_server::scripted::{ACCEPT, HANDSHAKE, rest, script, until};
use crate::real_server::{PATIENCE, SERVE, certificate, tls};
use command_fds::{CommandFdExt, FdMapping};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixDatagram};

use self::sandbox::{Forbidden, GROUPS, Unit, groups_of_this_machine};

const UNIT: &str = include_str!("../../../packaging/wsgen.service");
const PLAIN: &str = "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
/// `user:secret`, and what a client sends for it.
const USERS: &str = "user:$2y$04$eiSk9wwYnuPma/ERgXAQCuBpNg5rfD5X7g1P3rglzNSXOHSV5jRDC\n";

/// Starts a command with the filters on: the kernel hands a thread's filters on to its children.
fn spawn(mut command: Command, groups: &str, forbidden: Forbidden) -> Child {
    let filters = Unit::parse(UNIT).filters(groups, forbidden);
    let spawned = std::thread::spawn(move || {
        for filter in &filters {
            seccompiler::apply_filter(filter).unwrap();
        }
        command.spawn().unwrap()
    });
    spawned.join().unwrap()
}

/// A process that ends with the test.
struct Ending(u32);

impl Drop for Ending {
    fn drop(&mut self) {
        let id = self.0.to_string();
        let _ = Command::new("kill").args(["-KILL", &id]).stderr(Stdio::null()).status();
    }
}

/// The directives of `ExecStart=` and `ExecReload=` are what is run here, with other files.
fn wsgen(line: &str, folder: &Path) -> Command {
    let folder = folder.display().to_string();
    let line = UNIT.lines().find_map(|known| known.strip_prefix(line)).unwrap();
    let mut words = line.split(' ');
    assert_eq!(words.next(), Some("/usr/bin/wsgen"));
    let mut command = Command::new(SERVE.program());
    command
        .args(words.map(|word| word.replace("/run/wsgen", &folder).replace("/etc/wsgen", &folder)));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Returns the next message to the service manager (`sd_notify(3)`), or nothing within the patience of a test.
async fn told(manager: &UnixDatagram) -> String {
    let mut piece = [0; 4096];
    match tokio::time::timeout(PATIENCE, manager.recv(&mut piece)).await {
        Ok(received) => String::from_utf8_lossy(&piece[..received.unwrap()]).into_owned(),
        Err(_) => String::new(),
    }
}

/// A tunnel that echoes small messages, and a large one that goes through a pipe.
async fn talk(tunnel: &mut TcpStream) {
    let large = vec![b'x'; 1 << 20];
    for message in [&b"small"[..], b"small", &large, b"small"] {
        let (mut reader, mut writer) = tunnel.split();
        let mut back = vec![0; message.len()];
        let (wrote, read) = tokio::time::timeout(PATIENCE, async {
            tokio::join!(writer.write_all(message), reader.read_exact(&mut back))
        })
        .await
        .unwrap();
        wrote.unwrap();
        read.unwrap();
        assert!(back == message);
    }
}

async fn ask(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    rest(&mut stream).await
}

/// Traffic of every kind: requests with and without bodies, a password, TLS, HTTP/2, tunnels through every engine.
async fn traffic(port: u16, secure: u16) -> TcpStream {
    assert!(ask(port, PLAIN).await.starts_with("HTTP/1.1 200 "));
    let upload =
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello";
    assert!(ask(port, upload).await.starts_with("HTTP/1.1 200 "));
    let secret = "GET /secret HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Basic dXNlcjpzZWNyZXQ=\r\n\r\n";
    assert!(ask(port, secret).await.starts_with("HTTP/1.1 200 "));
    let stream = TcpStream::connect(("127.0.0.1", secure)).await.unwrap();
    let mut stream = tls(stream, "chat.test", "http/1.1").await;
    stream.write_all(PLAIN.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 "));
    let stream = TcpStream::connect(("127.0.0.1", secure)).await.unwrap();
    let stream = tls(stream, "chat.test", "h2").await;
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("https://chat.test/").body(()).unwrap();
    let answer = client.ready().await.unwrap().send_request(request, true).unwrap().0;
    assert_eq!(answer.await.unwrap().status(), 200);
    let mut tunnel = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    tunnel.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    until(&mut tunnel, "\r\n\r\n").await;
    talk(&mut tunnel).await;
    // From here on an engine has it.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    talk(&mut tunnel).await;
    tunnel
}

fn signal(process: u32, name: &str) {
    assert!(Command::new("kill").args([name, &process.to_string()]).status().unwrap().success());
}

fn lives(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    !status.is_empty() && !status.contains(") Z ")
}

/// Starts, carries traffic, reloads twice, hands over to a new process, and stops.
async fn life(groups: &str, forbidden: Forbidden, relay: &str) {
    let port = script(|mut stream| async move {
        let asked = until(&mut stream, "\r\n\r\n").await;
        if asked.contains("Upgrade: websocket") {
            stream.write_all(ACCEPT.as_bytes()).await.unwrap();
            let (mut reader, mut writer) = stream.split();
            let _ = tokio::io::copy(&mut reader, &mut writer).await;
        } else {
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
            let _ = stream.write_all(answer).await;
            let _ = rest(&mut stream).await;
        }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path(), "chat.test", "other.test");
    std::fs::write(folder.path().join("users"), USERS).unwrap();
    let sockets = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let [web, secure] = [&sockets[0], &sockets[1]].map(|s| s.local_addr().unwrap().port());
    let model = format!(
        "version: 1\ndrain: {{timeout: 1s, spread: 0s, stop: 1s}}\n\
         resolver: {{nameservers: [\"127.0.0.1:1\"], valid: 1s}}\nlisteners:\n\
         \x20 - {{name: web, address: \"127.0.0.1:{web}\"}}\n\
         \x20 - name: secure\n    address: \"127.0.0.1:{secure}\"\n    protocols: [h2, http/1.1]\n\
         \x20   tls: {{certificates: [{{certificate: chat.test.pem, key: chat.test.key}}]}}\n\
         upstreams:\n  app:\n    health_check: {{type: http, path: /, interval: 1s}}\n    servers:\n\
         \x20     - \"127.0.0.1:{port}\"\n      - {{address: \"app.internal:1\", resolve: runtime, backup: true}}\n\
         routes:\n  - {{match: [{{path: {{exact: /secret}}}}], upstream: app, auth: {{basic: {{users_file: users, realm: a}}}}}}\n\
         \x20 - {{upstream: app}}\n"
    );
    let file = folder.path().join("wsgen.yaml");
    std::fs::write(&file, &model).unwrap();
    let notify = folder.path().join("notify");
    let manager = UnixDatagram::bind(&notify).unwrap();
    let mut command = wsgen("ExecStart=", folder.path());
    command.env("NOTIFY_SOCKET", &notify).env("WSGEN_RELAY", relay).env("LISTEN_FDS", "2");
    let mappings = sockets.into_iter().zip(3..);
    let mappings =
        mappings.map(|(socket, child_fd)| FdMapping { parent_fd: socket.into(), child_fd });
    command.fd_mappings(mappings.collect()).unwrap();
    let mut first = spawn(command, groups, forbidden);
    let _first = Ending(first.id());
    let check = |first: &mut Child, when: &str| {
        let ended = first.try_wait().unwrap();
        assert!(ended.is_none(), "{when}: {ended:?}");
    };
    let said = told(&manager).await;
    check(&mut first, "at the start");
    assert!(said.contains("READY=1"), "{said}");

    let mut tunnel = traffic(web, secure).await;
    check(&mut first, "with traffic");

    std::fs::write(&file, model.replace("timeout: 1s", "timeout: 30s")).unwrap();
    let reload = spawn(wsgen("ExecReload=", folder.path()), groups, forbidden).wait().unwrap();
    check(&mut first, "at a reload");
    assert!(reload.success(), "{reload}");
    signal(first.id(), "-HUP");
    tokio::time::sleep(Duration::from_millis(500)).await;
    check(&mut first, "at SIGHUP");
    talk(&mut tunnel).await;
    drop(traffic(web, secure).await);

    signal(first.id(), "-USR2");
    let said = told(&manager).await;
    check(&mut first, "at SIGUSR2");
    assert!(said.contains("READY=1"), "{said}");
    let second = said.lines().find_map(|line| line.strip_prefix("MAINPID=")).unwrap();
    let second: u32 = second.parse().unwrap();
    assert_ne!(second, first.id());
    let _second = Ending(second);
    talk(&mut tunnel).await;
    drop(traffic(web, secure).await);
    drop(tunnel);
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = first.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < deadline, "the first process goes on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(status.success(), "{status}");

    signal(second, "-TERM");
    let said = told(&manager).await;
    assert!(said.contains("STOPPING=1"), "{said}");
    while lives(second) {
        assert!(Instant::now() < deadline + PATIENCE, "the second process goes on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A forbidden call ends in an error where the unit says so; but nothing that the proxy needs is forbidden at all.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_the_proxy_does_is_forbidden() {
    life(GROUPS, Forbidden::Kills, "io-uring").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_lives_under_its_unit() {
    life(GROUPS, Forbidden::AsTheUnitSays, "epoll").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_lives_under_the_groups_of_this_machine() {
    if let Some(groups) = groups_of_this_machine() {
        life(&groups, Forbidden::Kills, "io-uring").await;
    }
}

/// The groups that are written down are those of the systemd that they name.
#[test]
fn the_groups_are_those_of_systemd() {
    let output = Command::new("systemd-analyze").arg("syscall-filter").output();
    let Ok(output) = output else { return };
    if groups_of_this_machine().is_none() {
        let said = String::from_utf8(output.stdout).unwrap();
        let said = said.split("\n@known\n").next().unwrap();
        assert_eq!(said.trim_end(), GROUPS.trim_end());
    }
}
