//! A run leaves no server, listener or folder behind, whatever ends it.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

/// Processes that work below a folder.
fn workers(folder: &Path) -> Vec<i32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let works = |number: &i32| {
        let place = fs::read_link(format!("/proc/{number}/cwd"));
        place.is_ok_and(|place| place.starts_with(folder))
    };
    numbers.filter(works).collect()
}

/// Waits until something holds.
fn until(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The configuration that is migrated: its silent tunnels end after a while, so that proving it takes that long.
const ORIGINAL: &str = "events {}\nhttp { server { listen 8080; location / { proxy_pass http://127.0.0.1:3000; \
    proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; \
    proxy_read_timeout 20s; } } }\n";

/// The verbs that start servers.
const VERBS: [&str; 3] = ["conformance", "bench", "prove"];

/// Starts a verb whose folders lie below another, and waits for its servers.
fn started(verb: &str, folder: &Path) -> (Child, Vec<i32>) {
    let temporary = folder.join("tmp");
    fs::create_dir(&temporary).unwrap();
    fs::set_permissions(&temporary, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    // Whoever starts these tests may ignore signals (nohup, a shell's `&`), and what is ignored is inherited.
    let mut command = Command::new("env");
    command.arg("--default-signal=HUP,INT,TERM").arg(assert_cmd::cargo::cargo_bin("wsgen"));
    command.env("TMPDIR", &temporary).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match verb {
        "conformance" => command.args(["conformance", "--case", "timers/*", "--jobs", "4"]),
        "bench" => command.args(["bench", "--secs", "20", "--conns", "4"]),
        _ => {
            fs::write(folder.join("in.conf"), ORIGINAL).unwrap();
            let migrate = ["migrate", "--from", "nginx", "--to", "haproxy", "--prove=timers"];
            command.args(migrate).args(["--loss", "allow", "-o", "out", "in.conf"])
        }
    };
    let mut child = command.spawn().unwrap();
    let mut found = Vec::new();
    until(&format!("{verb} starts no server"), Duration::from_mins(1), || {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "{verb} has ended: {ended:?}");
        found = workers(&temporary);
        found.len() >= 2
    });
    (child, found)
}

/// Sends a signal to a verb at work, and looks for what it leaves.
fn interrupted(verb: &str, signal: Signal, wait: Duration) -> ExitStatus {
    let folder = tempfile::tempdir().unwrap();
    // Servers may run as other users.
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    let (mut child, before) = started(verb, folder.path());
    std::thread::sleep(wait);
    kill_process(Pid::from_child(&child), signal).unwrap();
    let mut status = None;
    until(&format!("{verb} does not end"), Duration::from_secs(20), || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    let temporary = folder.path().join("tmp");
    until(&format!("{verb} leaves servers"), Duration::from_secs(10), || {
        let lives = |number: &i32| test_kill_process(Pid::from_raw(*number).unwrap()).is_ok();
        workers(&temporary).is_empty() && !before.iter().any(lives)
    });
    let left = || fs::read_dir(&temporary).unwrap().flatten().map(|entry| entry.path());
    until(
        &format!("{verb} leaves {:?}", left().collect::<Vec<PathBuf>>()),
        Duration::from_secs(5),
        || left().count() == 0,
    );
    status.unwrap()
}

#[test]
fn signals_that_end_a_run_end_its_servers_first() {
    let signals = [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)];
    let others = [("conformance", signals[1]), ("conformance", signals[2])];
    let tries = VERBS.into_iter().map(|verb| (verb, signals[0])).chain(others);
    for (number, (verb, (signal, code))) in tries.enumerate() {
        let status = interrupted(verb, signal, Duration::from_millis(150 * number as u64));
        assert_eq!(status.code(), Some(code), "{verb} {signal:?}");
    }
}

/// A killed process can clean up nothing: its keeper ends what it has started.
#[test]
fn a_killed_run_leaves_nothing() {
    for verb in VERBS {
        for wait in [0, 300] {
            let status = interrupted(verb, Signal::KILL, Duration::from_millis(wait));
            assert_eq!(status.signal(), Some(9), "{verb}");
        }
    }
}

/// A reader that has gone away keeps no run from ending in order.
#[test]
fn a_closed_pipe_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let temporary = folder.path().join("tmp");
    fs::create_dir(&temporary).unwrap();
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("wsgen"));
    command.args(["conformance", "--target", "serve", "--case", "handshake/*"]);
    command.env("TMPDIR", &temporary).stdin(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    assert!(child.wait().unwrap().code().is_some());
    assert!(workers(&temporary).is_empty());
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
}

/// `nohup` lets a run go on when its terminal is closed.
#[test]
fn an_ignored_hangup_stays_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let temporary = folder.path().join("tmp");
    fs::create_dir(&temporary).unwrap();
    let mut command = Command::new("nohup");
    command.arg(assert_cmd::cargo::cargo_bin("wsgen"));
    command.args(["conformance", "--target", "serve", "--case", "timers/*idle*"]);
    command.env("TMPDIR", &temporary).stdin(Stdio::null());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("no server is started", Duration::from_mins(1), || !workers(&temporary).is_empty());
    kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    assert!(matches!(child.wait().unwrap().code(), Some(0 | 1)));
}
