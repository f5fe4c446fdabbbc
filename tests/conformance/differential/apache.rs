//! Apache configurations, drawn: virtual hosts with mappings, rewrites, locations, guards and fields.

use wsgen_conformance::differential::{Chance, Frame};

const MODULES: [&str; 19] = [
    "mpm_event",
    "unixd",
    "authz_core",
    "authz_host",
    "authz_user",
    "authn_core",
    "authn_file",
    "auth_basic",
    "alias",
    "env",
    "setenvif",
    "headers",
    "rewrite",
    "socache_shmcb",
    "ssl",
    "proxy",
    "proxy_http",
    "proxy_wstunnel",
    "dir",
];

/// What stands around the sites of a process.
pub(super) fn frame() -> Frame {
    let mut head = String::from(
        "ServerName wsgen.invalid\nPidFile httpd.pid\nDefaultRuntimeDir .\nErrorLog error.log\nDocumentRoot /usr/lib/apache2/modules\n",
    );
    for module in MODULES {
        head.push_str(&format!(
            "<IfModule !{module}_module>\nLoadModule {module}_module /usr/lib/apache2/modules/mod_{module}.so\n</IfModule>\n"
        ));
    }
    Frame { head, tail: String::new() }
}

const PATHS: [&str; 8] =
    ["/app", "/app/", "/api/v1", "/ws", "/socket.io/", "/static", "/adm", "/App/x"];
const NAMES: [&str; 4] = ["a.test", "b.test", "www.a.test", "api.b.test"];
const FIELDS: [&str; 4] = ["X-Kind", "X-Key", "X-User", "X-Forwarded-Proto"];
const PATTERNS: [&str; 9] = [
    "^/app/(.*)$",
    "^/api/(.*)",
    "/(.*)",
    "^/ws$",
    "^/?(.*)",
    "^",
    "\\.js$",
    "/static/(.*)",
    "^/adm",
];

/// Draws a site.
pub(super) fn draw(chance: &mut Chance) -> String {
    let mut site = Site { chance };
    let mut out = String::from("Listen @listen1@\n");
    let tls = site.chance.percent(12);
    if tls {
        out.push_str("Listen @tls2@\n");
    }
    for number in 1..=1 + site.chance.below(3) {
        out.push_str(&site.vhost("@listen1@", number));
    }
    if tls {
        out.push_str(&site.vhost("@tls2@", 1));
    }
    out
}

struct Site<'a> {
    chance: &'a mut Chance,
}

impl Site<'_> {
    fn vhost(&mut self, at: &str, number: usize) -> String {
        let mut out = format!("<VirtualHost {at}>\n");
        if number > 1 || self.chance.percent(70) {
            out.push_str(&format!("    ServerName {}\n", self.chance.word(&NAMES)));
        } else {
            out.push_str("    ServerName none.example\n");
        }
        if self.chance.percent(25) {
            let alias = self.chance.word(&["*.a.test", "b.test", "www.a.test", "*.test"]);
            out.push_str(&format!("    ServerAlias {alias}\n"));
        }
        if at.contains("tls") {
            out.push_str("    SSLEngine on\n    SSLCertificateFile @both@\n");
        }
        if self.chance.percent(30) {
            out.push_str("    ProxyPreserveHost On\n");
        }
        if self.chance.percent(15) {
            out.push_str("    ProxyAddHeaders Off\n");
        }
        for line in self.fields(12) {
            out.push_str(&format!("    {line}\n"));
        }
        if self.chance.percent(45) {
            out.push_str("    RewriteEngine On\n");
            for line in self.rewrites(false) {
                out.push_str(&format!("    {line}\n"));
            }
        }
        for _ in 0..self.chance.below(4) {
            out.push_str(&format!("    {}\n", self.mapping()));
        }
        for _ in 0..self.chance.below(3) {
            out.push_str(&self.section());
        }
        if self.chance.percent(70) {
            let upgrade = if self.chance.percent(50) { " upgrade=websocket" } else { "" };
            out.push_str(&format!("    ProxyPass / http://{}/{upgrade}\n", self.server()));
        }
        if self.chance.percent(10) {
            out.push_str(&format!("    {}\n", self.mapping()));
        }
        out + "</VirtualHost>\n"
    }

    fn server(&mut self) -> String {
        format!("@server{}@", 1 + self.chance.below(4))
    }

    fn path(&mut self) -> &'static str {
        self.chance.word(&PATHS)
    }

    /// `ProxyPass` and its relatives, `Redirect` and its own.
    fn mapping(&mut self) -> String {
        let (path, server) = (self.path(), self.server());
        let slash = if path.ends_with('/') { "/" } else { "" };
        let upgrade = if self.chance.percent(40) { " upgrade=websocket" } else { "" };
        match self.chance.below(14) {
            0 => format!("ProxyPass {path} !"),
            1 => format!("ProxyPass {path} ws://{server}{path}"),
            2 => format!("ProxyPassMatch ^{path}(.*)$ http://{server}/$1"),
            3 => format!("ProxyPassMatch ^{path}/[0-9]+$ !"),
            4 => format!(
                "Redirect {} {path} https://a.test/new",
                self.chance.word(&["", "301", "permanent", "temp"])
            ),
            5 => format!("Redirect {} {path}", self.chance.word(&["gone", "403", "404"])),
            6 => format!("RedirectMatch 302 ^{path}/(.+)$ /other/$1"),
            7 => format!("ProxyPass {path} http://{server}/new{slash}{upgrade}"),
            8 => format!("ProxyPassMatch \"\\.js$\" http://{server}{upgrade}"),
            _ => format!("ProxyPass {path} http://{server}{path}{upgrade}"),
        }
    }

    /// A section with what it may hold.
    fn section(&mut self) -> String {
        let path = self.path();
        let (head, tail) = match self.chance.below(12) {
            0 => (format!("LocationMatch \"^{path}/[0-9]+\""), "LocationMatch"),
            1 => (format!("Location ~ \"^{path}\""), "Location"),
            2 => ("Proxy *".to_owned(), "Proxy"),
            3 => (format!("If \"{}\"", self.expression()), "If"),
            4 => ("Location />".trim_end_matches('>').to_owned(), "Location"),
            _ => (format!("Location {path}"), "Location"),
        };
        let mut out = format!("    <{head}>\n");
        let lines = match self.chance.below(12) {
            0 | 1 => vec!["Require all denied".to_owned()],
            2 => vec![
                (self.chance.word(&[
                    "Require ip 10.0.0.0/8",
                    "Require ip 127.0.0.1",
                    "Require local",
                    "Require not ip 10.0.0.1",
                ]))
                .to_owned(),
            ],
            3 => vec![
                "AuthType Basic".to_owned(),
                "AuthName who".to_owned(),
                "AuthUserFile @users@".to_owned(),
                "Require valid-user".to_owned(),
            ],
            4 if tail == "Location" => {
                let upgrade = if self.chance.percent(50) { " upgrade=websocket" } else { "" };
                vec![format!("ProxyPass http://{}{path}{upgrade}", self.server())]
            }
            5 if tail == "Location" => vec!["ProxyPass !".to_owned()],
            6 if tail == "Location" => {
                [vec!["RewriteEngine On".to_owned()], self.rewrites(true)].concat()
            }
            7 => vec!["Require method GET".to_owned()],
            8 if tail == "Location" => vec![format!("Redirect 302 {}", "https://b.test/x")],
            _ => self.fields(60),
        };
        let lines = if lines == ["Require not ip 10.0.0.1"] {
            [
                "<RequireAll>",
                "    Require all granted",
                "    Require not ip 10.0.0.1",
                "</RequireAll>",
            ]
            .map(str::to_owned)
            .to_vec()
        } else {
            lines
        };
        for line in lines {
            out.push_str(&format!("        {line}\n"));
        }
        out + &format!("    </{tail}>\n")
    }

    fn expression(&mut self) -> &'static str {
        self.chance.word(&[
            "%{HTTP:X-Kind} == 'blue'",
            "%{REQUEST_URI} =~ m#^/adm#",
            "%{HTTP:Upgrade} =~ /websocket/i",
            "%{REQUEST_METHOD} == 'POST'",
            "-z %{HTTP:X-Key}",
        ])
    }

    fn fields(&mut self, percent: usize) -> Vec<String> {
        let mut all = Vec::new();
        for _ in 0..2 {
            if !self.chance.percent(percent) {
                continue;
            }
            let name = self.chance.word(&FIELDS);
            all.push(match self.chance.below(9) {
                0 => format!("RequestHeader unset {name}"),
                1 => format!("RequestHeader append {name} more"),
                2 => format!("RequestHeader add {name} more"),
                3 => format!("RequestHeader setifempty {name} none"),
                4 => format!("RequestHeader set {name} blue env=seen"),
                5 => "Header always set X-Frame-Options DENY".to_owned(),
                6 => "SetEnvIf X-Kind ^bl seen".to_owned(),
                7 => format!("RequestHeader set {name} \"expr=%{{REMOTE_ADDR}}\""),
                _ => format!("RequestHeader set {name} blue"),
            });
        }
        all
    }

    /// Conditions and rules of `mod_rewrite`.
    fn rewrites(&mut self, inside: bool) -> Vec<String> {
        let mut all = Vec::new();
        for _ in 0..=self.chance.below(3) {
            for _ in 0..self.chance.below(3) {
                let flags = self.chance.word(&["", "", " [NC]", " [OR]", " [NC,OR]"]);
                let not = if self.chance.percent(20) { "!" } else { "" };
                let (test, pattern) = *self.chance.one(&[
                    ("%{HTTP:Upgrade}", "websocket"),
                    ("%{HTTP:Upgrade}", "^websocket$"),
                    ("%{HTTP:Upgrade}", "=websocket"),
                    ("%{HTTP:Connection}", "upgrade"),
                    ("%{HTTP:Connection}", "^Upgrade$"),
                    ("%{HTTP_HOST}", "^a\\.test$"),
                    ("%{HTTP_HOST}", "^www\\."),
                    ("%{HTTP_HOST}", "b"),
                    ("%{REQUEST_URI}", "^/adm"),
                    ("%{REQUEST_URI}", "^/app/"),
                    ("%{REQUEST_METHOD}", "^(POST|PUT)$"),
                    ("%{QUERY_STRING}", "transport=websocket"),
                    ("%{QUERY_STRING}", "^$"),
                    ("%{HTTP:X-Kind}", "^blue$"),
                    ("%{HTTP:X-Kind}", "^$"),
                    ("%{HTTP_COOKIE}", "sess=k1"),
                    ("%{HTTPS}", "off"),
                    ("%{HTTPS}", "on"),
                    ("%{REMOTE_ADDR}", "^127\\."),
                    ("%{REQUEST_FILENAME}", "-f"),
                ]);
                all.push(format!("RewriteCond {test} {not}{pattern}{flags}"));
            }
            all.push(self.rule(inside));
        }
        all
    }

    fn rule(&mut self, inside: bool) -> String {
        let (pattern, server) = (self.chance.word(&PATTERNS), self.server());
        let pattern = if inside && self.chance.percent(60) { ".*" } else { pattern };
        let group = if pattern.contains('(') { "$1" } else { "x" };
        let case = if self.chance.percent(15) { ",NC" } else { "" };
        match self.chance.below(14) {
            0 => format!("RewriteRule {pattern} - [F{case}]"),
            1 => format!("RewriteRule {pattern} - [G{case}]"),
            2 => format!("RewriteRule {pattern} https://a.test/{group} [R=301,L{case}]"),
            3 => format!("RewriteRule {pattern} /new/{group} [R,L{case}]"),
            4 => format!("RewriteRule {pattern} /new/{group} [PT{case}]"),
            5 => format!("RewriteRule {pattern} /new/{group}?from=rule [PT,QSA{case}]"),
            6 => format!("RewriteRule {pattern} - [E=KIND:blue{case}]"),
            7 => format!("RewriteRule {pattern} - [R=404,L]"),
            8 => format!("RewriteRule {pattern} - [L{case}]"),
            9 | 10 => format!("RewriteRule {pattern} http://{server}/{group} [P,L{case}]"),
            11 => format!("RewriteRule {pattern} http://{server}%{{REQUEST_URI}} [P{case}]"),
            _ => format!("RewriteRule {pattern} ws://{server}/{group} [P,L{case}]"),
        }
    }
}
