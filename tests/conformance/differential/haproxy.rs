//! HAProxy configurations, drawn: frontends with acls, conditions, rules and backends in every combination.

use wsgen_conformance::differential::{Chance, Frame};

/// What stands around the sites of a process.
pub(super) fn frame() -> Frame {
    let head = "global\n    maxconn 2000\ndefaults\n    mode http\n    timeout connect 5s\n    \
                timeout client 30s\n    timeout server 30s\n    timeout tunnel 60s\n";
    Frame { head: head.to_owned(), tail: String::new() }
}

const PATHS: [&str; 9] =
    ["/app", "/app/", "/api/v1", "/ws", "/socket.io/", "/static", "/adm", "/App/x", "/"];
const HOSTS: [&str; 5] = ["a.test", "b.test", "www.a.test", "B.test", "c.a.test"];
const FIELDS: [&str; 4] = ["X-Kind", "X-Key", "Authorization", "Origin"];
const VALUES: [&str; 5] = ["blue", "Red", "k1", "on", "http://a.test"];
const OPERATORS: [&str; 5] = ["eq", "gt", "lt", "ge", "le"];

/// Draws a site.
pub(super) fn draw(chance: &mut Chance) -> String {
    let mut site = Site { chance, acls: Vec::new(), variables: Vec::new(), backends: 0 };
    site.backends = 1 + site.chance.below(3);
    let frontends = 1 + usize::from(site.chance.percent(15));
    let mut out = String::new();
    for number in 1..=frontends {
        out.push_str(&site.frontend(number));
    }
    for number in 1..=site.backends {
        out.push_str(&site.backend(number));
    }
    out
}

struct Site<'a> {
    chance: &'a mut Chance,
    acls: Vec<String>,
    variables: Vec<&'static str>,
    backends: usize,
}

impl Site<'_> {
    fn frontend(&mut self, number: usize) -> String {
        self.acls.clear();
        self.variables.clear();
        let mut out = format!("frontend f{number}@site@\n    bind @listen{number}@\n");
        if self.chance.percent(20) {
            out.push_str(&format!("    bind @tls{}@ ssl crt @both@\n", number + 4));
        }
        if self.chance.percent(20) {
            out.push_str("    option forwardfor\n");
        }
        if self.chance.percent(5) {
            out.push_str(&format!("    monitor-uri {}\n", self.path()));
        }
        for _ in 0..self.chance.below(4) {
            let (name, test) = (format!("a{}", self.acls.len() + 1), self.test());
            out.push_str(&format!("    acl {name} {test}\n"));
            // Lines of one name are alternatives.
            if self.chance.percent(20) {
                out.push_str(&format!("    acl {name} {}\n", self.test()));
            }
            self.acls.push(name);
        }
        for _ in 0..self.chance.below(4) {
            out.push_str(&format!("    {}\n", self.rule()));
        }
        if self.chance.percent(20) {
            out.push_str(&format!("    {}\n", self.redirect("")));
        }
        for _ in 0..self.chance.below(4) {
            let (backend, condition) = (self.some_backend(), self.condition());
            out.push_str(&format!("    use_backend {backend} {condition}\n"));
        }
        if self.chance.percent(90) {
            out.push_str(&format!("    default_backend {}\n", self.some_backend()));
        }
        out
    }

    fn backend(&mut self, number: usize) -> String {
        self.acls.clear();
        self.variables.clear();
        let mut out = format!("backend b{number}@site@\n");
        if self.chance.percent(10) {
            out.push_str("    option forwardfor\n");
        }
        for _ in 0..self.chance.below(4).saturating_sub(1) {
            out.push_str(&format!("    {}\n", self.rule()));
        }
        if self.chance.percent(8) {
            out.push_str("    http-response set-header X-Frame-Options DENY\n");
        }
        if self.chance.percent(5) {
            out.push_str("    http-response del-header X-Powered\n");
        }
        out.push_str(&format!("    server s1 @server{number}@\n"));
        out
    }

    fn some_backend(&mut self) -> String {
        format!("b{}@site@", 1 + self.chance.below(self.backends))
    }

    fn path(&mut self) -> &'static str {
        self.chance.word(&PATHS)
    }

    fn field(&mut self) -> &'static str {
        self.chance.word(&FIELDS)
    }

    fn value(&mut self) -> &'static str {
        self.chance.word(&VALUES)
    }

    fn host(&mut self) -> &'static str {
        self.chance.word(&HOSTS)
    }

    fn case(&mut self) -> &'static str {
        if self.chance.percent(40) { "-i " } else { "" }
    }

    /// What an acl or an anonymous condition tests.
    fn test(&mut self) -> String {
        let (path, field, value, host, case) =
            (self.path(), self.field(), self.value(), self.host(), self.case());
        let other = self.path();
        match self.chance.below(36) {
            0 => format!("path {case}{path} {other}"),
            1 | 2 => format!("path_beg {case}{path}"),
            3 => format!("path_beg {case}{path} {other}"),
            4 => format!("path_end {case}.js .css"),
            5 => format!("path_dir {case}{}", path.trim_matches('/')),
            6 => format!("path_sub {case}{}", path.trim_matches('/')),
            7 => format!("path_reg {case}^{path}(/|$)"),
            8 => format!("path,lower -m beg {}", path.to_ascii_lowercase()),
            9 => format!("path -m beg {case}{path}"),
            10 | 11 => format!("hdr(host) -i {host}"),
            12 => format!("hdr(host) {host}"),
            13 => format!("hdr(Host) -i {host} {}", self.host()),
            14 => format!("hdr_beg(host) {case}a."),
            15 => format!("hdr_end(host) {case}.test"),
            16 => format!("hdr_dom(host) {case}a.test"),
            17 => format!("req.hdr(host),field(1,:),lower -m str {host}"),
            18 => format!("hdr_reg(host) {case}^(www\\.)?a\\.test$"),
            19 => format!("req.hdr({field}) {case}{value}"),
            20 => format!("req.hdr({field}) -m found"),
            21 => format!("hdr({field}) -m str {case}{value} other"),
            22 => format!("req.hdr({field}) -m beg {case}{}", &value[..2]),
            23 => format!(
                "req.{}hdr_cnt({field}) {} {}",
                if self.chance.percent(30) { "f" } else { "" },
                self.chance.word(&OPERATORS),
                self.chance.below(3)
            ),
            24 => format!("hdr_sub({field}) {case}{}", &value[1..]),
            25 | 26 => format!("hdr(Upgrade) {case}websocket"),
            27 => format!("hdr(Connection) {case}upgrade"),
            28 => format!(
                "hdr(Upgrade) -m {}",
                if self.chance.percent(50) { "found" } else { "len 9" }
            ),
            29 => self.chance.word(&["method GET", "method POST", "method POST PUT"]).to_owned(),
            30 => format!("url_param(mode) {case}on"),
            31 => "urlp(mode) -m found".to_owned(),
            32 => format!(
                "req.cook(sess) {}",
                self.chance.word(&["-m found", "-m str k1", "-m beg k"])
            ),
            33 => format!("src {}", self.chance.word(&["127.0.0.0/8", "10.0.0.0/8", "127.0.0.1"])),
            34 => self.chance.word(&["ssl_fc", "always_true", "always_false"]).to_owned(),
            _ => match self.variables.last() {
                Some(name) => format!(
                    "var(txn.{name}) {}",
                    match self.chance.below(3) {
                        0 => format!("-m str {case}{path}"),
                        1 => format!("-m beg {case}{path}"),
                        _ => "-m found".to_owned(),
                    }
                ),
                None => format!("url_beg {path}"),
            },
        }
    }

    fn term(&mut self) -> String {
        let not = if self.chance.percent(30) { "!" } else { "" };
        if !self.acls.is_empty() && self.chance.percent(50) {
            let at = self.chance.below(self.acls.len());
            return format!("{not}{}", self.acls[at]);
        }
        format!("{not}{{ {} }}", self.test())
    }

    /// `if` or `unless` with terms, and alternatives of them.
    fn condition(&mut self) -> String {
        let word = if self.chance.percent(20) { "unless" } else { "if" };
        let mut out = format!("{word} {}", self.term());
        for _ in 0..self.chance.below(3) {
            let joint = self.chance.word(&[" ", " ", " or ", " || "]);
            out.push_str(&format!("{joint}{}", self.term()));
        }
        out
    }

    fn maybe(&mut self) -> String {
        if self.chance.percent(70) { format!(" {}", self.condition()) } else { String::new() }
    }

    fn redirect(&mut self, prefix: &str) -> String {
        let how = match self.chance.below(5) {
            0 => "scheme https".to_owned(),
            1 => format!("prefix https://{}", self.host()),
            2 => format!("location {}", self.path()),
            3 => format!("location https://{}{}", self.host(), self.path()),
            _ => format!("prefix {}", self.path().trim_end_matches('/')),
        };
        let how = if how == "prefix " { "prefix /root".to_owned() } else { how };
        let code = self.chance.word(&["", " code 301", " code 303", " code 308"]);
        let option = self.chance.word(&["", "", "", " drop-query", " append-slash"]);
        let option = if how.starts_with("prefix") { option } else { "" };
        format!("{prefix}redirect {how}{code}{option} {}", self.condition())
    }

    /// One `http-request` rule.
    fn rule(&mut self) -> String {
        let (path, field, value) = (self.path(), self.field(), self.value());
        match self.chance.below(20) {
            0 | 1 => format!("http-request deny {}", self.condition()),
            2 => format!(
                "http-request deny deny_status {} {}",
                self.chance.one(&[401, 404, 429, 503]),
                self.condition()
            ),
            3 => format!(
                "http-request return status {} content-type text/plain string hello {}",
                self.chance.one(&[200, 404, 503]),
                self.condition()
            ),
            4 => self.redirect("http-request "),
            5 | 6 => format!("http-request set-header {field} {value}{}", self.maybe()),
            7 => format!("http-request add-header {field} {value}{}", self.maybe()),
            8 => format!("http-request del-header {field}{}", self.maybe()),
            9 => format!("http-request set-header X-Made %[req.hdr({field})]{}", self.maybe()),
            10 => format!("http-request set-header Host {}{}", self.host(), self.maybe()),
            11 => format!("http-request set-path {path}{}", self.maybe()),
            12 => format!(
                "http-request set-path {}%[path]{}",
                path.trim_end_matches('/'),
                self.maybe()
            ),
            13 => format!("http-request replace-path ^{path}(.*)$ /\\1{}", self.maybe()),
            14 => format!("http-request replace-path {path} /new{}", self.maybe()),
            15 => {
                let name = self.chance.word(&["p", "h", "c"]);
                let sample = match name {
                    "p" => "path",
                    "h" => "req.hdr(host)",
                    _ => "str(blue)",
                };
                let rule = format!(
                    "http-request set-var(txn.{name}) {sample}{}",
                    if self.chance.percent(30) { self.maybe() } else { String::new() }
                );
                self.variables.push(name);
                rule
            }
            16 => format!(
                "http-request set-header X-Forwarded-Proto {}{}",
                self.chance.word(&["https", "http"]),
                self.maybe()
            ),
            17 => "http-request set-header X-Real-IP %[src]".to_owned(),
            18 => format!("http-request replace-header {field} (.*) v-\\1{}", self.maybe()),
            _ => format!("http-request allow {}", self.condition()),
        }
    }
}
