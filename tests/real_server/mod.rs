//! A real server with what was rendered for it, and upstreams that tell what they saw. All on loopback, each
//! on a port and in a folder of its own.

#![allow(dead_code, reason = "each test file uses its part")]

use std::net::TcpListener as StdListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command as Process, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use assert_cmd::Command;
use futures_util::{SinkExt, StreamExt};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue, Response};

/// Nothing on loopback takes longer than this, unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A running server; it ends with the test. It leads a process group of its own, because a master that is
/// killed leaves its workers behind, and one that is asked may wait for open tunnels.
pub(crate) struct Server {
    child: Child,
    pub(crate) folder: TempDir,
    pub(crate) port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let id = self.child.id();
        let signal = |name: &str, who: String| {
            let _ = Process::new("kill").args([name, "--", &who]).stderr(Stdio::null()).status();
        };
        signal("-TERM", id.to_string());
        let deadline = Instant::now() + Duration::from_millis(200);
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
        signal("-KILL", format!("-{id}"));
        let _ = self.child.wait();
    }
}

/// A port that nothing holds. Servers bind by number, so it comes from below the range that the kernel hands out
/// by itself (32768 and up): no connection of a test running beside this one can take it in between.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let base = 20_000 + u16::try_from(std::process::id() % 100).unwrap_or(0) * 100;
    loop {
        let port = base + NEXT.fetch_add(1, Ordering::Relaxed);
        if StdListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Starts an upstream and gives its port. WebSockets are echoed; a plain request gets the upstream's name,
/// the request line and every field; `/silent` gets nothing; `/refuse` gets 403.
pub(crate) async fn upstream(name: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, name));
        }
    });
    port
}

async fn serve(mut stream: TcpStream, name: &'static str) {
    let mut head = vec![0; 65_536];
    let mut n = 0;
    while !head[..n].windows(4).any(|four| four == b"\r\n\r\n") {
        match stream.peek(&mut head).await {
            Ok(more) if more > n => n = more,
            _ => return,
        }
    }
    let text = String::from_utf8_lossy(&head[..n]).into_owned();
    let lower = text.to_ascii_lowercase();
    if text.contains(" /silent") {
        tokio::time::sleep(PATIENCE).await;
    } else if lower.contains("upgrade: websocket") && !text.contains(" /refuse") {
        // The request line travels back in a field, so that a client sees which path arrived.
        let line = text.lines().next().unwrap_or("").to_owned();
        #[allow(clippy::result_large_err, reason = "the library's own signature")]
        let tell = move |_: &_, mut answer: Response<()>| {
            let value = HeaderValue::from_str(&format!("{name} {line}")).unwrap();
            answer.headers_mut().insert("x-seen", value);
            Ok(answer)
        };
        let accepted = tokio_tungstenite::accept_hdr_async(stream, tell).await;
        let Ok(mut socket) = accepted else { return };
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() || socket.send(message).await.is_err() {
                return;
            }
        }
    } else {
        let _ = stream.read(&mut head).await;
        let status = if text.contains(" /refuse") { "403 Forbidden" } else { "200 OK" };
        let body = format!("{name}\n{text}");
        let answer = format!(
            "HTTP/1.1 {status}\r\nX-Powered-By: {name}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let _ = stream.write_all(answer.as_bytes()).await;
    }
}

/// How a target is rendered, checked and started.
pub(crate) struct Kind {
    pub(crate) target: &'static str,
    /// The generation that Debian's stable package has.
    pub(crate) version: &'static str,
    pub(crate) program: &'static str,
    pub(crate) package: &'static str,
    pub(crate) file: &'static str,
    pub(crate) check: fn(&Path) -> Vec<String>,
    pub(crate) run: fn(&Path) -> Vec<String>,
    /// The signal that makes it read its configuration anew.
    pub(crate) reload: &'static str,
    /// What it answers to `%00` (`route/bad-path`).
    pub(crate) nul_status: u16,
    /// What it answers when the upstream is silent (`failure/silent`).
    pub(crate) silent_status: u16,
    /// Whether it can change fields of a 101 (`headers/on-101`).
    pub(crate) edits_101: bool,
    /// Whether it can count by client address (`limit/connections`).
    pub(crate) counts_clients: bool,
    /// Whether it can check another name of a TLS upstream than the Host (`tls/upstream`).
    pub(crate) checks_own_name: bool,
    /// Whether it bounds open tunnels after a reload (`drain/reload`).
    pub(crate) drains: bool,
}

pub(crate) const NGINX: Kind = Kind {
    target: "nginx",
    version: "1.22",
    program: "nginx",
    package: "nginx-light",
    file: "nginx.conf",
    check: |folder| [vec!["-t".to_owned()], nginx_arguments(folder)].concat(),
    run: |folder| [nginx_arguments(folder), vec!["-g".into(), "daemon off;".into()]].concat(),
    reload: "-HUP",
    nul_status: 400,
    silent_status: 504,
    edits_101: true,
    counts_clients: true,
    checks_own_name: true,
    drains: true,
};

pub(crate) const HAPROXY: Kind = Kind {
    target: "haproxy",
    version: "2.6",
    program: "haproxy",
    package: "haproxy",
    file: "haproxy.cfg",
    check: |folder| {
        vec![
            "-c".into(),
            "-dW".into(),
            "-f".into(),
            folder.join("haproxy.cfg").display().to_string(),
        ]
    },
    run: |folder| vec!["-W".into(), "-f".into(), folder.join("haproxy.cfg").display().to_string()],
    reload: "-USR2",
    nul_status: 400,
    silent_status: 504,
    edits_101: true,
    counts_clients: true,
    checks_own_name: true,
    drains: true,
};

pub(crate) const APACHE: Kind = Kind {
    target: "apache",
    version: "2.4.71",
    program: "apache2",
    package: "apache2",
    file: "httpd.conf",
    check: |folder| [vec!["-t".to_owned()], apache_arguments(folder)].concat(),
    run: |folder| {
        // Whoever is root must say who serves.
        let user = ["-c", "User nobody", "-c", "Group nogroup", "-D", "FOREGROUND"];
        [apache_arguments(folder), user.map(str::to_owned).to_vec()].concat()
    },
    reload: "-USR1",
    nul_status: 404,
    silent_status: 502,
    edits_101: false,
    counts_clients: false,
    checks_own_name: false,
    drains: false,
};

/// Every server that can be rendered for.
pub(crate) const ALL: [&Kind; 3] = [&NGINX, &APACHE, &HAPROXY];

fn apache_arguments(folder: &Path) -> Vec<String> {
    let folder = folder.display().to_string();
    ["-d", &folder, "-f", "httpd.conf"].map(str::to_owned).to_vec()
}

fn nginx_arguments(folder: &Path) -> Vec<String> {
    let folder = folder.display().to_string();
    let file = format!("{folder}/nginx.conf");
    ["-p", &folder, "-c", &file, "-e", "error.log"].map(str::to_owned).to_vec()
}

/// Renders a model for the version that is tested.
pub(crate) fn render(kind: &Kind, model: &str) -> String {
    let mut command = Command::cargo_bin("wsgen").unwrap();
    let target = format!("{}@{}", kind.target, kind.version);
    let command = command.args(["render", "--target", &target, "--loss", "warn", "-"]);
    let output = command.write_stdin(model).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}\n{model}");
    String::from_utf8(output.stdout).unwrap()
}

/// Renders a model that lies in a folder, with everything that the target wants beside its configuration.
fn render_into(kind: &Kind, folder: &Path) -> String {
    let mut command = Command::cargo_bin("wsgen").unwrap();
    let target = format!("{}@{}", kind.target, kind.version);
    let command = command.args(["render", "--target", &target, "--loss", "warn", "-o"]);
    let output = command.arg(folder).arg(folder.join("wsgen.yaml")).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    std::fs::read_to_string(folder.join(kind.file)).unwrap()
}

/// Runs the server's own checker on a configuration. Fails loudly where the server is not installed.
pub(crate) fn checked(kind: &Kind, folder: &Path, configuration: &str) {
    std::fs::write(folder.join(kind.file), configuration).unwrap();
    let mut command = Process::new(kind.program);
    let output = command.args((kind.check)(folder)).current_dir(folder).output();
    let output = output.unwrap_or_else(|_| {
        panic!("{} is installed (`apt-get install {}`)", kind.program, kind.package)
    });
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && !said.contains("[warn]"), "{said}\n{configuration}");
}

/// Starts a server with a model whose first listener is `127.0.0.1:PORT`; files of the test are put beside its
/// configuration.
pub(crate) async fn start(kind: &Kind, model: &str, files: &[(&str, &str)]) -> Server {
    let port = free_port();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("wsgen.yaml"), model.replace("PORT", &port.to_string()))
        .unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    // Workers may run as another user, who must be able to read pages and users.
    let mut open = std::fs::metadata(folder.path()).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut open, 0o755);
    std::fs::set_permissions(folder.path(), open).unwrap();
    let configuration = render_into(kind, folder.path());
    checked(kind, folder.path(), &configuration);
    let child = Process::new(kind.program)
        .args((kind.run)(folder.path()))
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    let server = Server { child, folder, port };
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(Instant::now() < deadline, "{} does not answer", kind.program);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server
}

impl Server {
    /// Makes the server read its configuration anew.
    pub(crate) fn reload(&self, kind: &Kind) {
        let id = self.child.id().to_string();
        assert!(Process::new("kill").args([kind.reload, &id]).status().unwrap().success());
    }

    /// Sends a head, and a body behind an empty line, as it stands (with `Connection: close` added) and gives the whole answer in lower case,
    /// because servers differ in the case of names.
    pub(crate) async fn send(&self, head: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let (head, body) = head.split_once("\n\n").unwrap_or((head, ""));
        let (line, fields) = head.split_once('\n').unwrap_or((head, ""));
        let fields: String = fields.lines().map(|field| format!("{field}\r\n")).collect();
        let host = if fields.to_ascii_lowercase().lines().any(|field| field.starts_with("host:")) {
            ""
        } else {
            "Host: a.test\r\n"
        };
        let request = format!("{line} HTTP/1.1\r\n{host}{fields}Connection: close\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
        String::from_utf8_lossy(&answer).to_lowercase()
    }

    /// The status of a plain request.
    pub(crate) async fn status(&self, head: &str) -> u16 {
        let answer = self.send(head).await;
        answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    /// Opens a WebSocket with more fields; gives the socket and the answer's head, or the status.
    pub(crate) async fn open(
        &self,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Result<(Socket, Response<Option<Vec<u8>>>), u16> {
        let mut request =
            format!("ws://127.0.0.1:{}{path}", self.port).into_client_request().unwrap();
        for (name, value) in fields {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
        }
        let opened = tokio_tungstenite::connect_async(request);
        match tokio::time::timeout(PATIENCE, opened).await.unwrap() {
            Ok(opened) => Ok(opened),
            Err(tokio_tungstenite::tungstenite::Error::Http(answer)) => {
                Err(answer.status().as_u16())
            }
            Err(error) => panic!("{path}: {error}"),
        }
    }
}

pub(crate) type Socket =
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<TcpStream>>;

/// Whether a message comes back as it was sent.
pub(crate) async fn echo(socket: &mut Socket, message: Message) {
    socket.send(message.clone()).await.unwrap();
    let back = tokio::time::timeout(PATIENCE, socket.next()).await.unwrap();
    assert_eq!(back.unwrap().unwrap(), message);
}

/// A self-signed certificate for a name and one more, as `NAME.pem` and `NAME.key`.
pub(crate) fn certificate(folder: &Path, name: &str, also: &str) {
    let made = Process::new("openssl")
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
        .args([
            "-subj",
            &format!("/CN={name}"),
            "-addext",
            &format!("subjectAltName=DNS:{name},DNS:{also}"),
        ])
        .arg("-keyout")
        .arg(folder.join(format!("{name}.key")))
        .arg("-out")
        .arg(folder.join(format!("{name}.pem")))
        .stderr(Stdio::null())
        .status();
    assert!(made.expect("openssl is installed (`apt-get install openssl`)").success());
}
