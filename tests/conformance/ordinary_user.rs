//! An ordinary user runs what starts servers, and two runs at once do not disturb each other.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A user of no rights (`nobody`).
const NOBODY: &str = "65534";

/// A configuration for `--prove`.
const ORIGINAL: &str = "events {}\nhttp { server { listen 8080; location / { proxy_pass http://127.0.0.1:3000; \
    proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; } } }\n";

#[test]
fn several_runs_of_an_ordinary_user_go_on_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let open = |path: &Path, mode| {
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    open(folder.path(), 0o777);
    // The build folder may be closed to others.
    let program = folder.path().join("wsgen");
    fs::copy(assert_cmd::cargo::cargo_bin("wsgen"), &program).unwrap();
    open(&program, 0o755);
    fs::write(folder.path().join("in.conf"), ORIGINAL).unwrap();
    open(&folder.path().join("in.conf"), 0o644);
    let temporary = folder.path().join("tmp");
    fs::create_dir(&temporary).unwrap();
    open(&temporary, 0o777);
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("NOT RUN as another user: this is an ordinary user already");
    }
    let start = |name: &str, arguments: &[&str]| -> (String, Child) {
        let mut command = Command::new(if root { "setpriv" } else { "env" });
        if root {
            let user = format!("--reuid={NOBODY}");
            command.args([&user, "--regid=65534", "--clear-groups", "env"]);
        }
        command.env("TMPDIR", &temporary).env("HOME", "/nonexistent").current_dir(folder.path());
        let said = fs::File::create(folder.path().join(name)).unwrap();
        command.arg(&program).args(arguments).stdin(Stdio::null());
        command.stdout(said.try_clone().unwrap()).stderr(said);
        (name.to_owned(), command.spawn().unwrap())
    };
    let cases = ["conformance", "--case", "handshake/*", "--jobs", "2"];
    let bench = ["bench", "--secs", "0.1", "--rounds", "1", "--conns", "4", "--workload", "echo"];
    let prove = |to: &'static str, out: &'static str| {
        [
            "migrate", "--from", "nginx", "--to", to, "--prove", "--loss", "allow", "-o", out,
            "in.conf",
        ]
    };
    let runs = [
        start("conformance-1", &cases),
        start("conformance-2", &cases),
        start("bench-1", &bench),
        start("bench-2", &bench),
        start("prove-1", &prove("haproxy", "out1")),
        start("prove-2", &prove("apache", "out2")),
    ];
    for (name, mut run) in runs {
        let status = run.wait().unwrap();
        let said = fs::read_to_string(folder.path().join(&name)).unwrap();
        assert!(status.success(), "{name}: {status}\n{said}");
    }
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0, "a run has left something");
}
