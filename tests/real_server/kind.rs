//! How a target is rendered, checked and started, and what it is known to do in its own way.

use std::path::Path;

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
