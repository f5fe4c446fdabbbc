//! The HTML report in a browser: it loads, a filter filters, a result opens, and nothing is asked of any network.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command as Process, Stdio};
use std::time::{Duration, Instant};

use assert_cmd::Command;
use serde_json::{Value, json};

/// A browser that is told what to do by the `WebDriver` protocol.
struct Browser {
    driver: Child,
    port: u16,
    session: String,
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            self.call("DELETE", "", &Value::Null);
        }
        // The browser is of its group.
        let group = rustix::process::Pid::from_raw(i32::try_from(self.driver.id()).unwrap());
        let _ = rustix::process::kill_process_group(group.unwrap(), rustix::process::Signal::KILL);
        let _ = self.driver.wait();
    }
}

impl Browser {
    fn start(folder: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let driver = Process::new("chromedriver")
            .arg(format!("--port={port}"))
            .process_group(0)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed (`apt-get install chromium-driver`)");
        let mut browser = Self { driver, port, session: String::new() };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "chromedriver does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        let data = folder.join("browser");
        let arguments = [
            "--headless".to_owned(),
            "--no-sandbox".into(),
            "--disable-gpu".into(),
            "--disable-quic".into(),
            "--no-first-run".into(),
            "--disable-background-networking".into(),
            "--disable-component-update".into(),
            "--disable-sync".into(),
            format!("--user-data-dir={}", data.display()),
        ];
        let options = json!({"args": arguments, "binary": "/usr/bin/chromium"});
        let wanted = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}});
        let answer = browser.ask("POST", "/session", &wanted);
        let id = answer["value"]["sessionId"].as_str();
        id.unwrap_or_else(|| panic!("no session: {answer}")).clone_into(&mut browser.session);
        browser
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        // The driver keeps the connection open, whatever it is asked.
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).unwrap();
        let mut body = vec![0; length.trim().parse().unwrap()];
        stream.read_exact(&mut body).unwrap();
        serde_json::from_slice(&body).unwrap_or(Value::Null)
    }

    /// Something of the session.
    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        self.ask(method, &format!("/session/{}{path}", self.session), body)["value"].clone()
    }

    /// The value of a script.
    fn value(&self, script: &str) -> Value {
        let script = format!("return {script}");
        self.call("POST", "/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Clicks as a person does.
    fn click(&self, selector: &str) {
        let wanted = json!({"using": "css selector", "value": selector});
        let found = self.call("POST", "/element", &wanted);
        let element = found.as_object().and_then(|map| map.values().next()?.as_str());
        let element = element.unwrap_or_else(|| panic!("there is no {selector}: {found}"));
        let clicked = self.call("POST", &format!("/element/{element}/click"), &json!({}));
        assert!(clicked.is_null(), "{selector}: {clicked}");
    }
}

#[test]
fn a_person_finds_what_was_sent() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    let mut command = Command::cargo_bin("wsgen").unwrap();
    let command = command.args(["conformance", "--target", "serve", "--target", "haproxy"]);
    let command = command.args(["--case", "answer/*", "--report"]);
    command.arg(format!("html={}", page.display())).assert().success();

    let browser = Browser::start(folder.path());
    browser.call("POST", "/url", &json!({"url": format!("file://{}", page.display())}));
    assert_eq!(browser.value("document.title"), "wsgen conformance");
    let rows = "document.querySelectorAll('#cases tbody tr').length";
    let all = browser.value(rows).as_u64().unwrap();
    assert!(all >= 15, "{all} rows");
    assert_eq!(browser.value("document.querySelector('#verdict').className"), "verdict pass");

    // What HAProxy does not support by its own answer.
    browser.click("#outcome option:nth-child(6)");
    assert_eq!(browser.value("document.querySelector('#outcome').value"), "unsupported");
    let some = browser.value(rows).as_u64().unwrap();
    assert!((1..all).contains(&some), "{some} of {all} rows");
    browser.click("#outcome option:nth-child(3)");

    // A result opens, and shows what both sides said.
    browser.click("#cases tbody tr:nth-child(1) td button.pass");
    assert_eq!(browser.value("document.querySelector('#detail').open"), true);
    let shown = browser.value("document.querySelector('#body').textContent");
    let shown = shown.as_str().unwrap();
    assert!(shown.contains("HTTP/1.1") && shown.contains("upstream"), "{shown}");
    assert!(browser.value("document.querySelectorAll('#body .moment').length").as_u64() > Some(3));
    browser.click("#body details summary");
    browser.click("#close");
    assert_eq!(browser.value("document.querySelector('#detail').open"), false);

    // Nothing but itself was loaded, and nothing was complained about.
    assert_eq!(browser.value("performance.getEntriesByType('resource').length"), 0);
    let log = browser.call("POST", "/se/log", &json!({"type": "browser"}));
    assert_eq!(log.as_array().map(Vec::len), Some(0), "{log}");
}
