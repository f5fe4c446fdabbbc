//! The access log of `wsgen serve` (`log/access`), read by programs of others.

use std::process::Command;

use access_log_parser::{AccessLogError, LogEntry, LogType, RequestResult, parse};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::real_server::scripted::{HANDSHAKE, connect, rest, until};
use crate::real_server::{SERVE, Server, certificate, free_port, start, tls, upstream};

/// A proxy whose route asks for a name and a password, and a second listener with TLS. Both log in this format.
async fn logging(format: &str) -> (Server, u16) {
    let (app, secure) = (upstream("app").await, free_port());
    let certificates = tempfile::tempdir().unwrap();
    certificate(certificates.path(), "chat.test", "chat.test");
    let read = |file: &str| std::fs::read_to_string(certificates.path().join(file)).unwrap();
    let model = format!(
        "version: 1\naccess_log: {{format: {format}}}\nlisteners:\n  \
         - {{name: web, address: \"127.0.0.1:PORT\"}}\n  \
         - {{name: tls, address: \"127.0.0.1:{secure}\", protocols: [h2, http/1.1], tls: {{certificates: [{{certificate: c.pem, key: c.key}}]}}}}\n\
         upstreams: {{app: {{servers: [\"127.0.0.1:{app}\"]}}}}\nroutes:\n  \
         - {{match: [{{path: {{prefix: /private}}}}], upstream: app, auth: {{basic: {{users_file: users}}}}}}\n  \
         - {{match: [{{path: {{exact: /nothing}}}}], respond: {{status: 204}}}}\n  - {{upstream: app}}\n"
    );
    // openssl passwd -6 -salt wsgensalt secret
    let users = "Zoë \"x\":$6$wsgensalt$SpV7rYiLLbZD6QJbQUKBRZJWvhLaS8LWR825Mpoy1O8wC45Zepg04ENxOsdQeahV4gW5tKeZrA/j7bw2SR/.M0\n";
    let files =
        [("users", users), ("c.pem", &read("chat.test.pem")), ("c.key", &read("chat.test.key"))];
    (start(&SERVE, &model, &files).await, secure)
}

/// Asks by raw bytes, and waits for the answer's end.
async fn ask(server: &Server, request: &[u8]) {
    let mut stream = connect(server).await;
    stream.write_all(request).await.unwrap();
    rest(&mut stream).await;
}

/// Sends every kind of request that has a line of its own kind.
async fn every_kind(server: &Server, secure: u16) {
    let close = "Host: a.test\r\nConnection: close\r\n";
    ask(server, format!("GET /plain?q=%22 HTTP/1.1\r\n{close}User-Agent: curl/8\r\nReferer: http://from.test/\r\n\r\n").as_bytes()).await;
    ask(server, b"HEAD /old HTTP/1.0\r\n\r\n").await;
    ask(server, format!("GET /nothing HTTP/1.1\r\n{close}\r\n").as_bytes()).await;
    // "Zoë \"x\":secret"
    let user = "Authorization: Basic Wm/DqyAieCI6c2VjcmV0\r\n";
    ask(server, format!("GET /private HTTP/1.1\r\n{close}{user}\r\n").as_bytes()).await;
    let agent = b"User-Agent: an \"agent\" \\ \t \xc3\xab\xff\r\n";
    let hostile = [format!("GET /hostile HTTP/1.1\r\n{close}").as_bytes(), agent, b"\r\n"].concat();
    ask(server, &hostile).await;
    ask(server, b"GET /smuggled HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    ask(server, b"\x16\x03\x01\x02\x00\r\nAuthorization: Bearer secret\r\n\r\n").await;
    let mut tunnel = connect(server).await;
    tunnel.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    until(&mut tunnel, "\r\n\r\n").await;
    drop(tunnel);
    let stream = TcpStream::connect(("127.0.0.1", secure)).await.unwrap();
    let stream = tls(stream, "chat.test", "h2").await;
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::builder().uri("https://chat.test/h2").body(()).unwrap();
    let mut client = client.ready().await.unwrap();
    let (answer, _) = client.send_request(request, true).unwrap();
    assert_eq!(answer.await.unwrap().status(), 200);
    let request = http::Request::connect("chat.test:443").body(()).unwrap();
    let (answer, _) = client.ready().await.unwrap().send_request(request, true).unwrap();
    assert_eq!(answer.await.unwrap().status(), 400);
    for text in ["/h2", "CONNECT", "/ws", "/smuggled", "/hostile"] {
        server.line("stdout.log", &[text]).await;
    }
}

#[tokio::test]
async fn combined_lines_are_what_others_read() {
    let (server, secure) = logging("combined").await;
    every_kind(&server, secure).await;
    let line = async |text: &str| server.line("stdout.log", &[text]).await;
    let read = |line: &str| -> Result<_, AccessLogError> {
        let LogEntry::CombinedLog(entry) = parse(LogType::CombinedLog, line)? else {
            panic!("{line}")
        };
        let RequestResult::Valid(request) = entry.request else { panic!("{line}") };
        let late = now() - entry.timestamp.timestamp();
        assert!((0..120).contains(&late), "{line}");
        assert!(line.contains(" +0000] \""), "{line}");
        Ok((
            request.method().to_string(),
            request.uri().to_string(),
            entry.status_code.as_u16(),
            entry.user.map(str::to_owned),
            entry.bytes,
        ))
    };
    let plain = read(&line("/plain").await).unwrap();
    assert_eq!((&plain.0[..], &plain.1[..], plain.2, plain.3), ("GET", "/plain?q=%22", 200, None));
    assert!(plain.4 > 0);
    assert_eq!(read(&line("/nothing").await).unwrap().4, 0);
    assert_eq!(read(&line("/ws").await).unwrap().2, 101);
    assert_eq!(read(&line("/smuggled").await).unwrap().2, 400);
    let texts = [
        ("/plain", "\"GET /plain?q=%22 HTTP/1.1\" 200 "),
        ("/plain", " \"http://from.test/\" \"curl/8\""),
        ("/old", "127.0.0.1 - - ["),
        ("/old", "\"HEAD /old HTTP/1.0\" 200 - \"-\" \"-\""),
        ("/nothing", "\"GET /nothing HTTP/1.1\" 204 - "),
        ("/private", "127.0.0.1 - Zo\\xc3\\xab \\\"x\\\" ["),
        ("/hostile", " \"an \\\"agent\\\" \\\\ \\t \\xc3\\xab\\xff\""),
        ("/h2", "\"GET /h2 HTTP/2.0\" 200 "),
        ("CONNECT", "\"CONNECT chat.test:443 HTTP/2.0\" 400 - "),
    ];
    for (target, text) in texts {
        let line = line(target).await;
        assert!(line.contains(text), "{text} is not in {line}");
    }
    line("\"-\" 400 16 \"-\" \"-\"").await;
    let log = server.folder.path().join("stdout.log");
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(!text.contains("secret"), "{text}");
    let report = goaccess(&log, "COMBINED");
    let general = &report["general"];
    let lines = text.lines().count();
    assert_eq!(general["failed_requests"], 0, "{text}\n{general}");
    assert_eq!(general["valid_requests"], lines, "{text}\n{general}");
}

#[tokio::test]
async fn common_lines_are_what_others_read() {
    let (server, secure) = logging("common").await;
    every_kind(&server, secure).await;
    let line = server.line("stdout.log", &["/plain"]).await;
    assert!(matches!(parse(LogType::CommonLog, &line), Ok(LogEntry::CommonLog(_))), "{line}");
    assert!(!line.contains("curl"), "{line}");
    let log = server.folder.path().join("stdout.log");
    let general = &goaccess(&log, "COMMON")["general"];
    assert_eq!(general["failed_requests"], 0, "{general}");
    assert_eq!(general["valid_requests"], std::fs::read_to_string(&log).unwrap().lines().count());
}

#[tokio::test]
async fn json_lines_have_more() {
    let (server, secure) = logging("json").await;
    every_kind(&server, secure).await;
    let line = async |text: &str| -> Value {
        serde_json::from_str(&server.line("stdout.log", &[text]).await).unwrap()
    };
    let private = line("\"/private\"").await;
    assert_eq!((&private["user"], &private["status"]), (&"Zoë \"x\"".into(), &200.into()));
    let refused = line("\"/smuggled\"").await;
    assert_eq!((&refused["status"], &refused["client"]), (&400.into(), &"127.0.0.1".into()));
    assert!(refused["refused"].as_str().unwrap().contains("length"), "{refused}");
    assert_eq!(line("\"/h2\"").await["protocol"], "HTTP/2.0");
    assert_eq!(line("\"/ws\"").await["end"], "client");
    let text = std::fs::read_to_string(server.folder.path().join("stdout.log")).unwrap();
    for line in text.lines() {
        serde_json::from_str::<Value>(line).unwrap();
    }
}

fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

/// The report of `goaccess` on a log.
fn goaccess(log: &std::path::Path, format: &str) -> Value {
    let report = log.with_extension("report.json");
    let ran = Command::new("goaccess")
        .arg(log)
        .arg(format!("--log-format={format}"))
        .args(["--no-global-config", "--no-progress", "-o"])
        .arg(&report)
        .output()
        .expect("goaccess is installed (`apt-get install goaccess`)");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap()
}
