//! HAProxy configurations, drawn: frontends with acls, conditions, rules and backends in every combination.

mod rules;

use wsgen_conformance::differential::{Chance, Frame};

/// What stands around the sites of a process.
pub(super) fn frame() -> Frame {
    let head = format!(
        "global\n    maxconn 2000\n    expose-experimental-directives\ndefaults\n{DEFAULTS}"
    );
    Frame { head, tail: String::new() }
}

/// The `defaults` section of every drawn configuration.
const DEFAULTS: &str = "    mode http\n    timeout connect 5s\n    timeout client 30s\n    timeout server 30s\n    \
                        timeout tunnel 60s\n    timeout tarpit 20ms\n";

const PATHS: [&str; 9] =
    ["/app", "/app/", "/api/v1", "/ws", "/socket.io/", "/static", "/adm", "/App/x", "/"];
const HOSTS: [&str; 5] = ["a.test", "b.test", "www.a.test", "B.test", "c.a.test"];
const FIELDS: [&str; 4] = ["X-Kind", "X-Key", "Authorization", "Origin"];
const VALUES: [&str; 5] = ["blue", "Red", "k1", "on", "http://a.test"];
const OPERATORS: [&str; 5] = ["eq", "gt", "lt", "ge", "le"];

/// Names of conditions that are there without a line.
const PREDEFINED: [&str; 10] = [
    "METH_GET",
    "METH_POST",
    "METH_PUT",
    "METH_HEAD",
    "HTTP_1.1",
    "HTTP_1.0",
    "HTTP_URL_SLASH",
    "LOCALHOST",
    "TRUE",
    "FALSE",
];

/// Draws a site of what most configurations have.
pub(super) fn draw(chance: &mut Chance) -> String {
    let mut site = Site::new(chance, false);
    let frontends = 1 + usize::from(site.chance.percent(15));
    let mut out = String::new();
    for number in 1..=frontends {
        out.push_str(&site.frontend(number, false));
    }
    out + &site.all_backends()
}

/// Draws a site of whatever is read.
pub(super) fn draw_wide(chance: &mut Chance) -> String {
    let mut site = Site::new(chance, true);
    let frontends = 1 + usize::from(site.chance.percent(15));
    let mut out = String::from("userlist u@site@\n    user wsgen insecure-password secret\n");
    out.push_str(&site.all_backends());
    // Rules of `defaults` run ahead of those of the sections that name them; the sections of others name none.
    let named = site.chance.percent(8);
    if named {
        out.push_str(&format!("defaults d@site@\n{DEFAULTS}{}", site.named_rules(3)));
    }
    for number in 1..=frontends {
        out.push_str(&site.frontend(number, named));
    }
    if named {
        out.push_str(&format!("defaults\n{DEFAULTS}"));
    }
    out
}

struct Site<'a> {
    chance: &'a mut Chance,
    acls: Vec<String>,
    variables: Vec<&'static str>,
    backends: usize,
    /// Whether what few configurations have is drawn too.
    wide: bool,
}

impl<'a> Site<'a> {
    fn new(chance: &'a mut Chance, wide: bool) -> Self {
        let mut site = Self { chance, acls: Vec::new(), variables: Vec::new(), backends: 0, wide };
        site.backends = 1 + site.chance.below(3);
        site
    }

    fn all_backends(&mut self) -> String {
        (1..=self.backends).map(|number| self.backend(number)).collect()
    }

    fn frontend(&mut self, number: usize, named: bool) -> String {
        let listens = self.wide && self.chance.percent(12);
        let kind = if listens { "listen" } else { "frontend" };
        let from = if named { " from d@site@" } else { "" };
        let mut out = format!("{kind} f{number}@site@{from}\n    bind @listen{number}@\n");
        if self.chance.percent(20) {
            out.push_str(&format!("    bind @tls{}@ ssl crt @both@\n", number + 4));
        }
        if self.chance.percent(20) {
            out.push_str(&format!("    {}\n", self.forward_for()));
        }
        if self.chance.percent(5) {
            out.push_str(&format!("    monitor-uri {}\n", self.path()));
            if self.wide && self.chance.percent(30) {
                out.push_str(&format!("    monitor fail {}\n", self.condition()));
            }
        }
        out.push_str(&self.named_rules(4));
        if self.chance.percent(20) {
            out.push_str(&format!("    {}\n", self.redirect("")));
        }
        for _ in 0..self.chance.below(4) {
            let (backend, condition) = (self.used_backend(), self.condition());
            out.push_str(&format!("    use_backend {backend} {condition}\n"));
        }
        if listens {
            out.push_str(&format!("    server s1 @server{}@\n", number + 6));
        } else if self.chance.percent(90) {
            out.push_str(&format!("    default_backend {}\n", self.some_backend()));
        }
        out
    }

    /// Names of conditions, and rules that ask for them.
    fn named_rules(&mut self, most: usize) -> String {
        self.acls.clear();
        self.variables.clear();
        let mut out = String::new();
        for _ in 0..self.chance.below(4) {
            let (name, test) = (format!("a{}", self.acls.len() + 1), self.test());
            out.push_str(&format!("    acl {name} {test}\n"));
            // Lines of one name are alternatives.
            if self.chance.percent(20) {
                out.push_str(&format!("    acl {name} {}\n", self.test()));
            }
            self.acls.push(name);
        }
        for _ in 0..self.chance.below(most) {
            out.push_str(&format!("    {}\n", self.rule()));
        }
        out
    }

    fn forward_for(&mut self) -> &'static str {
        if !self.wide {
            return "option forwardfor";
        }
        self.chance.word(&[
            "option forwardfor",
            "option forwardfor",
            "option forwardfor",
            "option forwardfor except 127.0.0.0/8",
            "option forwardfor if-none",
            "option forwardfor header X-Client",
        ])
    }

    fn backend(&mut self, number: usize) -> String {
        self.acls.clear();
        self.variables.clear();
        let mut out = format!("backend b{number}@site@\n");
        if self.chance.percent(10) {
            out.push_str(&format!("    {}\n", self.forward_for()));
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
        if self.wide && self.chance.percent(5) {
            let condition = self.condition();
            out.push_str(&format!("    http-response set-header X-Kind blue {condition}\n"));
        }
        out.push_str(&format!("    server s1 @server{number}@\n"));
        out
    }

    fn some_backend(&mut self) -> String {
        format!("b{}@site@", 1 + self.chance.below(self.backends))
    }

    /// A backend by its name, or by one that is made from the request.
    fn used_backend(&mut self) -> String {
        match if self.wide { self.chance.below(12) } else { 2 } {
            0 => "b%[req.hdr(X-Key),bytes(1)]@site@".to_owned(),
            1 => format!("%[str(b{}@site@)]", 1 + self.chance.below(self.backends)),
            _ => self.some_backend(),
        }
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
        match self.chance.below(if self.wide { 48 } else { 36 }) {
            36 => format!(
                "path -m {} {case}{}",
                self.chance.word(&["dir", "dom", "sub", "end"]),
                path.trim_matches('/')
            ),
            37 => format!(
                "path -m {} {}",
                self.chance.word(&["len", "int"]),
                3 + self.chance.below(3)
            ),
            38 => format!("path -m reg {case}{path}$"),
            39 => format!(
                "hdr({field}) -m {} {case}{}",
                self.chance.word(&["dom", "end", "sub", "reg"]),
                &value[1..]
            ),
            40 => format!("req.hdr({field}) -m int gt {}", self.chance.below(3)),
            41 => format!("req.fhdr({field}) -m str {case}{value}"),
            42 => format!("path_dom {case}{}", path.trim_matches('/')),
            43 => format!("pathq -m beg {path}"),
            44 => format!("url_sub {case}{}", path.trim_matches('/')),
            45 => "query -m found".to_owned(),
            46 => format!("hdr_len({field}) gt {}", self.chance.below(3)),
            47 => format!("base_beg {host}{path}"),
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
        if self.wide && self.chance.percent(6) {
            return format!("{not}{}", self.chance.word(&PREDEFINED));
        }
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
}
