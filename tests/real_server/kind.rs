//! How a target is rendered, checked and started, and what it is known to do in its own way.

use std::path::Path;

use wsgen_emit::{Selection, Support};
use wsgen_model::feature::Feature;

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
    /// The file that its access log ends up in.
    pub(crate) log: &'static str,
    /// What it answers to `%00` (`route/bad-path`).
    pub(crate) nul_status: u16,
    /// What it answers when the upstream is silent (`failure/silent`).
    pub(crate) silent_status: u16,
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
    log: "access.log",
    nul_status: 400,
    silent_status: 504,
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
    log: "stdout.log",
    nul_status: 400,
    silent_status: 504,
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
    log: "access.log",
    nul_status: 404,
    silent_status: 502,
};

/// The reference proxy, which runs a model itself.
pub(crate) const SERVE: Kind = Kind {
    target: "serve",
    version: "",
    program: env!("CARGO_BIN_EXE_wsgen"),
    package: "wsgen",
    file: "wsgen.yaml",
    check: |folder| vec!["check".into(), folder.join("wsgen.yaml").display().to_string()],
    run: |folder| vec!["serve".into(), folder.join("wsgen.yaml").display().to_string()],
    reload: "-HUP",
    log: "stdout.log",
    nul_status: 400,
    silent_status: 504,
};

/// Every server that can be rendered for, and the reference proxy.
pub(crate) const ALL: [&Kind; 4] = [&NGINX, &APACHE, &HAPROXY, &SERVE];

fn apache_arguments(folder: &Path) -> Vec<String> {
    let folder = folder.display().to_string();
    ["-d", &folder, "-f", "httpd.conf"].map(str::to_owned).to_vec()
}

impl Kind {
    /// Whether it runs the model itself.
    pub(crate) fn serves(&self) -> bool {
        self.version.is_empty()
    }

    /// Whether its answer for a feature is `Exact`: what is then observed is that claim.
    pub(crate) fn keeps(&self, feature: Feature) -> bool {
        // The reference proxy is what the model means.
        if self.serves() {
            return true;
        }
        let selection = Selection::parse(&format!("{}@{}", self.target, self.version)).unwrap();
        (selection.target.support)(feature, selection.version) == Support::Exact
    }
}

fn nginx_arguments(folder: &Path) -> Vec<String> {
    let folder = folder.display().to_string();
    let file = format!("{folder}/nginx.conf");
    ["-p", &folder, "-c", &file, "-e", "error.log"].map(str::to_owned).to_vec()
}
