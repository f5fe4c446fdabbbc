//! A real server with what was rendered for it, started by the harness of conformance ([`Stage`]), and upstreams that
//! tell what they saw. All on loopback, each on a port and in a folder of its own.

#![allow(dead_code, unused_imports, reason = "each test file uses its part")]

mod kind;
mod observation;
pub(crate) mod scripted;
mod tls;
mod upstream;

pub(crate) use kind::{ALL, APACHE, HAPROXY, Kind, NGINX, SERVE};
pub(crate) use observation::{Observation, Stream, observe};
pub(crate) use tls::tls;
pub(crate) use upstream::{serve, upstream, upstream_at, upstream_on};

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use assert_cmd::Command;
use futures_util::{SinkExt, StreamExt};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue, Response};
use wsgen_conformance::launch::{Port, Target};
use wsgen_conformance::stage::{self, Stage};

/// Nothing on loopback takes longer than this, unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A running server; it ends with the test.
pub(crate) struct Server {
    started: Arc<stage::Server>,
    pub(crate) folder: TempDir,
    pub(crate) port: u16,
}

/// A port that nothing holds. It is held until this process ends, in the way that lets a server bind it: no other server,
/// no test beside this one and no connection is given it in between.
pub(crate) fn free_port() -> u16 {
    static HELD: Mutex<Vec<Port>> = Mutex::new(Vec::new());
    let port = Port::reserve().unwrap();
    let number = port.address().port();
    HELD.lock().unwrap_or_else(PoisonError::into_inner).push(port);
    number
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

/// Runs the server's own checker on a configuration. Fails loudly where the server is not installed.
pub(crate) fn checked(kind: &Kind, folder: &Path, configuration: &str) {
    std::fs::write(folder.join(kind.file()), configuration).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let target = kind.launched();
    if let Err(said) = runtime.block_on(target.check(folder)) {
        panic!("{said}\n{configuration}");
    }
}

/// Starts a server with a model whose first listener is `127.0.0.1:PORT`; files of the test are put beside its
/// configuration.
pub(crate) async fn start(kind: &Kind, model: &str, files: &[(&str, &str)]) -> Server {
    let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    launch(kind.launched(), folder, &model.replace("PORT", &port.to_string()), port).await
}

/// Starts the reference proxy with a model, in which `FOLDER` is its folder, in an environment.
pub(crate) async fn start_in(environment: &[(&str, &str)], model: &str) -> Server {
    let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
    let model = model.replace("PORT", &port.to_string());
    let model = model.replace("FOLDER", &folder.path().display().to_string());
    let mut target = SERVE.launched();
    let pairs = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    target.environment.extend(pairs);
    launch(target, folder, &model, port).await
}

/// Starts a server with a model and the files of a folder, and waits until its port answers.
pub(crate) async fn launch(target: Target, folder: TempDir, model: &str, port: u16) -> Server {
    let stage = Stage::new(&target, folder.path(), None);
    let address = ([127, 0, 0, 1], port).into();
    let started = stage.start_here(model, &[address]).await;
    let started = started.unwrap_or_else(|trouble| panic!("{trouble:?}\n{model}"));
    Server { started, folder, port }
}

impl Server {
    /// Sends it a signal, by its name without SIG.
    pub(crate) fn signal(&self, name: &str) {
        self.started.signal(name).unwrap();
    }

    /// The first line of a file in its folder that holds these texts; it is waited for.
    pub(crate) async fn line(&self, file: &str, texts: &[&str]) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = std::fs::read(self.folder.path().join(file)).unwrap_or_default();
            let log = String::from_utf8_lossy(&log).into_owned();
            let holds = |line: &&str| texts.iter().all(|text| line.contains(text));
            if let Some(line) = log.lines().find(holds) {
                return line.to_owned();
            }
            assert!(Instant::now() < deadline, "{file} has no line with {texts:?}:\n{log}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.started.number().expect("it runs")
    }

    /// How many descriptors it holds.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.id())).unwrap().count()
    }

    /// Number of descriptors that the server holds once its threads have started: the number that has stood still for a
    /// while. Its threads may start after its listeners answer.
    pub(crate) async fn settled(&self) -> usize {
        let (mut count, mut since) = (self.descriptors(), Instant::now());
        while since.elapsed() < Duration::from_millis(300) {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let now = self.descriptors();
            if now != count {
                (count, since) = (now, Instant::now());
            }
        }
        count
    }

    /// Bytes of memory that it holds.
    pub(crate) fn resident(&self) -> u64 {
        let status = format!("/proc/{}/status", self.id());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// Whether it ends within the patience of a test.
    pub(crate) async fn ends(&self) -> bool {
        self.started.ends(PATIENCE).await
    }

    /// Makes the server read its configuration anew.
    pub(crate) fn reload(&self, kind: &Kind) {
        self.signal(kind.recipe().reload);
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
    let made = std::process::Command::new("openssl")
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
            // Not an authority: some refuse one that is shown as a server's own.
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ])
        .arg("-keyout")
        .arg(folder.join(format!("{name}.key")))
        .arg("-out")
        .arg(folder.join(format!("{name}.pem")))
        .stderr(Stdio::null())
        .status();
    assert!(made.expect("openssl is installed (`apt-get install openssl`)").success());
}

/// A model with upstreams `app` and `other` and these routes.
pub(crate) async fn model(routes: &str) -> String {
    let (app, other) = (upstream("app").await, upstream("other").await);
    format!(
        "version: 1\nlisteners: [{{name: web, address: \"127.0.0.1:PORT\"}}]\nupstreams:\n  app: {{servers: [\"127.0.0.1:{app}\"]}}\n  other: {{servers: [\"127.0.0.1:{other}\"]}}\nroutes:\n{routes}"
    )
}
