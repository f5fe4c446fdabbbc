//! `wsgen render --layout`: the commands of INSTALL.md are run in a copy of the packages' own trees, and the servers'
//! checkers read what comes of it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command as Process;

use assert_cmd::Command;
use wsgen_conformance::wire::Certificate;

const MODEL: &str = r#"version: 1
name: chat
targets:
  apache: {accept: [{code: WSG0312, route: chat, reason: a test of files}]}
listeners:
  - {name: web, address: "0.0.0.0:80"}
  - name: secure
    address: "0.0.0.0:443"
    tls: {certificates: [{certificate: certs/chat.pem, key: certs/chat.key}]}
upstreams:
  app: {servers: ["127.0.0.1:3000"]}
routes:
  - {name: to-https, listeners: [web], redirect: {scheme: https, status: 308}}
  - name: chat
    listeners: [secure]
    match: [{path: {prefix: /chat}}]
    upstream: app
    auth: {basic: {users_file: users, realm: chat}}
    timeouts: {tunnel_idle: 15m}
  - name: pages
    listeners: [secure]
    upstream: app
    websocket: {mode: deny}
    compression: {types: [text/html]}
    error_pages: {"502": pages/502.html}
"#;

/// What a test does not do: packages, services, labels.
const ELSEWHERE: [&str; 6] =
    ["apt-get ", "dnf ", "systemctl ", "setsebool ", "semanage ", "restorecon "];

/// Renders the model for every target, and gives the folder.
fn rendered(layout: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let certificate = Certificate::new(&["chat.example.com"]).unwrap();
    for inner in ["certs", "pages"] {
        fs::create_dir(folder.path().join(inner)).unwrap();
    }
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("wsgen.yaml", MODEL);
    write("certs/chat.pem", &certificate.chain);
    write("certs/chat.key", &certificate.key);
    write("users", "ann:$2y$05$9QbZxYG5Ap4xYQxCI2fcEeJ1iSSVVBZzUP8BhcoNYY.AI2OMsmwF6\n");
    write("pages/502.html", "<p>soon\n");
    let mut command = Command::cargo_bin("wsgen").unwrap();
    let command = command.args(["render", "--target", "all", "--layout", layout, "--loss", "warn"]);
    let output = command
        .args(["-o"])
        .arg(folder.path().join("out"))
        .arg(folder.path().join("wsgen.yaml"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder
}

/// The commands of a server, as they stand on the page.
fn commands(out: &Path, title: &str) -> Vec<String> {
    let page = fs::read_to_string(out.join("INSTALL.md")).unwrap();
    let section = page.split(&format!("\n## {title}\n")).nth(1).unwrap();
    let script = section.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let lines = script.lines().filter(|line| !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

/// Runs the commands of a page with another root; the check that stands among them is given back.
fn install(out: &Path, root: &Path, title: &str, check: &str) {
    let under = root.display().to_string();
    let mut checked = false;
    for line in commands(out, title) {
        checked |= line == check;
        if line == check || ELSEWHERE.iter().any(|known| line.starts_with(known)) {
            continue;
        }
        let moved = line.replace("/etc/", &format!("{under}/etc/"));
        // `chgrp` and `include` of the copy name what is in the copy.
        let output = Process::new("sh")
            .args(["-euc", &moved])
            .current_dir(out)
            .env("APACHE_CONFDIR", root.join("etc/apache2"))
            .env("APACHE_STATE_DIRECTORY", root.join("state"))
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&said));
    }
    assert!(checked, "{title} is not checked by `{check}`");
    point(&root.join("etc"), root);
}

/// Lets the files of a copy name each other: absolute names get its root.
fn point(folder: &Path, root: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = path.symlink_metadata().unwrap();
        if kind.is_dir() {
            point(&path, root);
        } else if kind.is_file()
            && let Ok(text) = fs::read_to_string(&path)
        {
            let mut text = text;
            for inner in [
                "/etc/nginx/",
                "/etc/apache2/",
                "/etc/httpd/",
                "/etc/haproxy/",
                "/run/",
                "/var/log/",
            ] {
                let moved = format!("{}{inner}", root.display());
                text = text.replace(&moved, inner).replace(inner, &moved);
            }
            fs::write(&path, text).unwrap();
        }
    }
}

/// Runs a checker, which has nothing to say.
fn takes(program: &str, arguments: &[&str], root: &Path) {
    let variables = ["RUN_DIR", "LOCK_DIR", "LOG_DIR"].map(|name| format!("APACHE_{name}"));
    let output = Process::new(program)
        .args(arguments)
        .envs(variables.iter().map(|name| (name, root.join("run"))))
        .envs([("APACHE_RUN_USER", "www-data"), ("APACHE_RUN_GROUP", "www-data")])
        .env("APACHE_PID_FILE", root.join("run/apache2.pid"))
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{program}: {said}");
    for complaint in ["warn", "WARNING", "deprecated"] {
        assert!(!said.contains(complaint), "{program}: {said}");
    }
}

/// A root with the trees of the packages that are installed, or with nothing.
fn root(packages: &[&str]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for folder in ["etc", "run", "state", "var/log/nginx"] {
        fs::create_dir_all(root.path().join(folder)).unwrap();
    }
    for package in packages {
        let status = Process::new("cp")
            .args(["-a", &format!("/etc/{package}")])
            .arg(root.path().join("etc"))
            .status()
            .unwrap();
        assert!(status.success());
    }
    root
}

#[test]
fn debians_own_trees_take_what_is_rendered() {
    let folder = rendered("debian");
    let out = folder.path().join("out");
    let root = root(&["nginx", "apache2", "haproxy"]);
    let at = |name: &str| root.path().join(name).display().to_string();

    install(&out, root.path(), "nginx", "nginx -t");
    takes("/usr/sbin/nginx", &["-t", "-c", &at("etc/nginx/nginx.conf")], root.path());
    let key = root.path().join("etc/nginx/wsgen/certs/chat.key");
    assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let users = root.path().join("etc/nginx/wsgen/users");
    assert_eq!(users.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    let main = fs::read_to_string(root.path().join("etc/nginx/nginx.conf")).unwrap();
    assert!(main.contains("worker_connections 4096;"), "{main}");

    install(&out, root.path(), "Apache httpd", "apache2ctl configtest");
    let ports = fs::read_to_string(root.path().join("etc/apache2/ports.conf")).unwrap();
    let listens = |line: &str| line.trim_start().starts_with("Listen 80");
    assert!(!ports.lines().any(listens), "port 80 is listened on twice: {ports}");
    let tree = at("etc/apache2");
    // The package names no server, and says so itself.
    let named = ["-t", "-d", &tree, "-f", "apache2.conf", "-c", "ServerName wsgen.invalid"];
    takes("/usr/sbin/apache2", &named, root.path());

    install(&out, root.path(), "HAProxy", "haproxy -c -f /etc/haproxy/haproxy.cfg");
    takes("/usr/sbin/haproxy", &["-c", "-dW", "-f", &at("etc/haproxy/haproxy.cfg")], root.path());

    // Twice is as good as once.
    install(&out, root.path(), "nginx", "nginx -t");
    takes("/usr/sbin/nginx", &["-t", "-c", &at("etc/nginx/nginx.conf")], root.path());
}

/// What the packages of RHEL have where it matters.
const RHEL_HTTPD: &str = "ServerRoot ROOT/etc/httpd
ServerName wsgen.invalid
PidFile ROOT/run/httpd.pid
Listen 80
Include conf.modules.d/*.conf
User nobody
Group nogroup
ErrorLog logs/error_log
IncludeOptional conf.d/*.conf
";
const RHEL_NGINX: &str = "user nobody nogroup;
worker_processes auto;
error_log ROOT/var/log/nginx/error.log;
pid ROOT/run/nginx.pid;
events {
    worker_connections 1024;
}
http {
    log_format main '$remote_addr $request';
    access_log ROOT/var/log/nginx/access.log main;
    sendfile on;
    keepalive_timeout 65;
    types_hash_max_size 4096;
    default_type application/octet-stream;
    include ROOT/etc/nginx/conf.d/*.conf;
    server {
        listen 80;
        server_name _;
    }
}
";

#[test]
fn a_tree_shaped_like_rhels_takes_what_is_rendered() {
    let folder = rendered("rhel");
    let out = folder.path().join("out");
    let root = root(&["haproxy"]);
    let under = root.path().display().to_string();
    let at = |name: &str| root.path().join(name).display().to_string();
    for inner in
        ["httpd/conf", "httpd/conf.d", "httpd/conf.modules.d", "httpd/logs", "nginx/conf.d"]
    {
        fs::create_dir_all(root.path().join("etc").join(inner)).unwrap();
    }
    symlink("/usr/lib/apache2/modules", root.path().join("etc/httpd/modules")).unwrap();
    let write = |name: &str, text: &str| {
        fs::write(root.path().join("etc").join(name), text.replace("ROOT", &under)).unwrap();
    };
    write("httpd/conf/httpd.conf", RHEL_HTTPD);
    write(
        "httpd/conf.modules.d/00-mpm.conf",
        "LoadModule mpm_event_module modules/mod_mpm_event.so\n",
    );
    write("httpd/conf.modules.d/00-proxy.conf", "LoadModule proxy_module modules/mod_proxy.so\n");
    write("httpd/conf.d/ssl.conf", "Listen 443 https\n");
    write("nginx/nginx.conf", RHEL_NGINX);
    let groups = |script: &str| {
        script.replace("chgrp apache", "chgrp nogroup").replace("chgrp nginx", "chgrp nogroup")
    };
    let page = fs::read_to_string(out.join("INSTALL.md")).unwrap();
    for needed in [
        "setsebool -P httpd_can_network_connect 1",
        "restorecon -R /etc/httpd",
        "dnf install -y httpd mod_ssl",
    ] {
        assert!(page.contains(needed), "{page}");
    }
    fs::write(out.join("INSTALL.md"), groups(&page)).unwrap();

    install(&out, root.path(), "Apache httpd", "apachectl configtest");
    takes("/usr/sbin/apache2", &["-t", "-f", &at("etc/httpd/conf/httpd.conf")], root.path());
    install(&out, root.path(), "nginx", "nginx -t");
    takes("/usr/sbin/nginx", &["-t", "-c", &at("etc/nginx/nginx.conf")], root.path());
    install(&out, root.path(), "HAProxy", "haproxy -c -f /etc/haproxy/haproxy.cfg");
    takes("/usr/sbin/haproxy", &["-c", "-dW", "-f", &at("etc/haproxy/haproxy.cfg")], root.path());
}

#[test]
fn a_tree_is_no_text() {
    let mut command = Command::cargo_bin("wsgen").unwrap();
    let command =
        command.args(["render", "--target", "nginx", "--layout", "debian", "examples/chat.yaml"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("name a folder with -o"));
}
