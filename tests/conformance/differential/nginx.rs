//! nginx configurations, drawn: servers with locations of every kind, rewrites, conditions, maps and inherited fields.

use wsgen_conformance::differential::{Chance, Frame};

/// What stands around the sites of a process.
pub(super) fn frame() -> Frame {
    let head = "pid nginx.pid;\nerror_log error.log;\nworker_processes 1;\nevents {\n}\nhttp {\n\
                access_log off;\nserver_names_hash_bucket_size 128;\nvariables_hash_max_size 8192;\n";
    Frame { head: head.to_owned(), tail: "}\n".to_owned() }
}

const PATHS: [&str; 8] =
    ["/app", "/app/", "/api/v1/", "/ws", "/socket.io/", "/static/", "/adm", "/App/x"];
const NAMES: [&str; 7] =
    ["a.test", "b.test", "www.a.test", "*.a.test", ".b.test", "~^(www|api)\\.c\\.test$", "c.*"];
const REGEXES: [&str; 6] =
    ["\\.(js|css)$", "^/api/", "^/(app|ws)(/|$)", "/v[0-9]+/", "^/app/(.*)$", "^/adm"];
const FIELDS: [&str; 4] = ["X-Kind", "X-Key", "X-User", "X-Real-IP"];

/// Draws a site.
pub(super) fn draw(chance: &mut Chance) -> String {
    let mut site = Site { chance, map: false, upstreams: 0, variables: Vec::new() };
    site.upstreams = site.chance.below(3);
    site.map = site.chance.percent(70);
    let mut out = String::new();
    for number in 1..=site.upstreams {
        out.push_str(&format!("upstream up{number}@site@ {{\n    server @server{number}@;\n}}\n"));
    }
    if site.map {
        out.push_str("map $http_upgrade $conn_@site@ {\n    default upgrade;\n    '' close;\n}\n");
    }
    if site.chance.percent(20) {
        let source = site.chance.word(&["$http_x_kind", "$uri", "$arg_mode", "$host"]);
        let value = site.chance.word(&["blue", "~^/app", "on", "~*^red", "a.test"]);
        out.push_str(&format!(
            "map $http_x_key $m_@site@ {{\n    default none;\n    k1 one;\n}}\n\
             map {source} $n_@site@ {{\n    default 0;\n    {value} 1;\n}}\n"
        ));
        site.variables.extend(["$m_@site@", "$n_@site@"]);
    }
    let servers = 1 + site.chance.below(3);
    for number in 1..=servers {
        out.push_str(&site.server(number == 1));
    }
    out
}

struct Site<'a> {
    chance: &'a mut Chance,
    map: bool,
    upstreams: usize,
    variables: Vec<&'static str>,
}

impl Site<'_> {
    fn server(&mut self, first: bool) -> String {
        let mut out = String::from("server {\n");
        let default = if !first && self.chance.percent(10) { " default_server" } else { "" };
        out.push_str(&format!("    listen @listen1@{default};\n"));
        if first && self.chance.percent(15) {
            out.push_str(
                "    listen @tls2@ ssl;\n    ssl_certificate @certificate@;\n    ssl_certificate_key @key@;\n",
            );
        }
        if !first || self.chance.percent(70) {
            let mut names: Vec<&str> = vec![self.chance.word(&NAMES)];
            if self.chance.percent(40) {
                names.push(self.chance.word(&NAMES));
            }
            names.dedup();
            out.push_str(&format!("    server_name {};\n", names.join(" ")));
        }
        for line in self.settings(10) {
            out.push_str(&format!("    {line}\n"));
        }
        let mut seen: Vec<String> = Vec::new();
        for _ in 0..=self.chance.below(5) {
            let location = self.location("", 1);
            // `^~ /app` and `/app` are one location.
            let head = location.lines().next().unwrap_or_default().replace("^~ ", "");
            let head = head.trim().to_owned();
            if !seen.contains(&head) {
                out.push_str(&location);
                seen.push(head);
            }
        }
        if !seen.iter().any(|head| head == "location / {") && self.chance.percent(75) {
            out.push_str("    location / {\n");
            for line in self.passes("/", true) {
                out.push_str(&format!("        {line}\n"));
            }
            out.push_str("    }\n");
        }
        out + "}\n"
    }

    /// A location, and sometimes another one in it.
    fn location(&mut self, around: &str, depth: usize) -> String {
        let indent = "    ".repeat(depth);
        let path = format!("{around}{}", self.chance.word(&PATHS)).replace("//", "/");
        let regex = self.chance.word(&REGEXES);
        let (matcher, plain) = match self.chance.below(10) {
            0 | 1 => (format!("= {path}"), true),
            2 => (format!("^~ {path}"), true),
            3 => (format!("~ {regex}"), false),
            4 => (format!("~* {regex}"), false),
            _ => (path.clone(), true),
        };
        let mut out = format!("{indent}location {matcher} {{\n");
        let nested = depth < 2 && plain && !matcher.starts_with('=') && self.chance.percent(15);
        for line in self.content(&path, plain) {
            out.push_str(&format!("{indent}    {line}\n"));
        }
        if nested {
            out.push_str(&self.location(&path, depth + 1));
        }
        out + &indent + "}\n"
    }

    /// Directives of one location.
    fn content(&mut self, path: &str, plain: bool) -> Vec<String> {
        let mut all = self.settings(12);
        match self.chance.below(20) {
            0 => all.push(format!("return {};", self.chance.one(&[403, 404, 204, 503, 444]))),
            1 => {
                let to = self.chance.word(&[
                    "https://$host$request_uri",
                    "https://b.test$uri",
                    "/app/",
                    "http://a.test/x",
                ]);
                all.push(format!("return {} {to};", self.chance.one(&[301, 302, 307, 308])));
            }
            2 => all.push("return 200 \"hello\";".to_owned()),
            3 => {
                all.push("deny all;".to_owned());
                all.extend(self.passes(path, plain));
            }
            4 => {
                all.push("internal;".to_owned());
                all.extend(self.passes(path, plain));
            }
            5 => {
                all.push("auth_basic \"who\";".to_owned());
                all.push("auth_basic_user_file @users@;".to_owned());
                all.extend(self.passes(path, plain));
            }
            6 => {
                all.push(self.chance.word(&["allow 127.0.0.1;", "allow 10.0.0.0/8;"]).to_owned());
                all.push("deny all;".to_owned());
                all.extend(self.passes(path, plain));
            }
            _ => all.extend(self.passes(path, plain)),
        }
        // A second one is refused.
        let version = |line: &String| line.starts_with("proxy_http_version");
        let first = all.iter().position(version);
        let mut at = 0;
        all.retain(|line| {
            at += 1;
            !version(line) || first == Some(at - 1)
        });
        all
    }

    /// Directives that a server and a location can have alike; each with some chance in a hundred.
    fn settings(&mut self, percent: usize) -> Vec<String> {
        let mut all = Vec::new();
        if self.chance.percent(percent) {
            let flag = self.chance.word(&["last", "break", "redirect", "permanent", ""]);
            let (from, to) = *self.chance.one(&[
                ("^/app/(.*)$", "/$1"),
                ("^/api/(.*)", "/v2/$1?from=api"),
                ("^/old", "/new"),
                ("/x$", "/y?"),
                ("^/ws$", "/socket"),
            ]);
            all.push(format!("rewrite {from} {to} {flag};").replace(" ;", ";"));
        }
        if self.chance.percent(percent) {
            let condition = self.condition();
            let action = match self.chance.below(6) {
                0 | 1 => format!("return {};", self.chance.one(&[403, 404, 426, 503])),
                2 => "return 301 https://$host$request_uri;".to_owned(),
                3 => "rewrite ^ /other break;".to_owned(),
                4 => "set $v_@site@ yes;".to_owned(),
                _ => "return 302 /login;".to_owned(),
            };
            if action.starts_with("set") {
                all.push("set $v_@site@ no;".to_owned());
            }
            all.push(format!("if ({condition}) {{"));
            all.push(format!("    {action}"));
            all.push("}".to_owned());
            if action.starts_with("set") {
                all.push("proxy_set_header X-V $v_@site@;".to_owned());
            }
        }
        for _ in 0..self.chance.below(3) {
            if self.chance.percent(percent * 2) {
                let (name, value) = (self.chance.word(&FIELDS), self.value());
                all.push(format!("proxy_set_header {name} {value};"));
            }
        }
        if self.chance.percent(percent) {
            all.push("proxy_set_header Host $host;".to_owned());
        }
        if self.chance.percent(percent / 2) {
            all.push("add_header X-Frame-Options DENY;".to_owned());
        }
        if self.chance.percent(percent) {
            all.push("proxy_http_version 1.1;".to_owned());
            all.push("proxy_set_header Upgrade $http_upgrade;".to_owned());
            all.push(format!("proxy_set_header Connection {};", self.connection()));
        }
        all.dedup();
        all
    }

    fn connection(&mut self) -> &'static str {
        if self.map && self.chance.percent(60) {
            return "$conn_@site@";
        }
        self.chance.word(&["upgrade", "\"upgrade\"", "\"Upgrade\"", "$http_connection"])
    }

    fn value(&mut self) -> String {
        if !self.variables.is_empty() && self.chance.percent(40) {
            return self.chance.word(&self.variables).to_owned();
        }
        (self.chance.word(&[
            "blue",
            "\"\"",
            "$remote_addr",
            "$http_x_kind",
            "$host",
            "$scheme",
            "$proxy_add_x_forwarded_for",
            "$remote_user",
            "$arg_mode",
            "$request_uri",
            "$uri",
        ]))
        .to_owned()
    }

    fn condition(&mut self) -> String {
        if !self.variables.is_empty() && self.chance.percent(40) {
            let variable = self.chance.word(&self.variables);
            return match self.chance.below(2) {
                0 => variable.to_owned(),
                _ => format!("{variable} = one"),
            };
        }
        (self.chance.word(&[
            "$http_upgrade = \"websocket\"",
            "$http_upgrade != \"websocket\"",
            "$http_upgrade ~* websocket",
            "$http_upgrade",
            "$http_x_kind",
            "$http_x_kind = \"blue\"",
            "$http_x_kind != blue",
            "$http_x_kind ~ ^bl",
            "$http_x_kind ~* ^bl",
            "$http_x_kind !~ ^bl",
            "$request_method = POST",
            "$request_method !~ ^(GET|HEAD)$",
            "$host = b.test",
            "$host != a.test",
            "$http_host ~ ^www\\.",
            "$scheme = http",
            "$arg_mode = on",
            "$cookie_sess",
            "$cookie_sess = k1",
            "$uri ~ ^/app",
            "$request_uri ~ ^/adm",
            "$query_string",
            "$http_origin = \"\"",
        ]))
        .to_owned()
    }

    /// `proxy_pass`, with a URI or without, and mostly with what WebSockets need.
    fn passes(&mut self, path: &str, plain: bool) -> Vec<String> {
        let mut all = Vec::new();
        let to = if self.upstreams > 0 && self.chance.percent(50) {
            format!("up{}@site@", 1 + self.chance.below(self.upstreams))
        } else {
            format!("@server{}@", 1 + self.chance.below(4))
        };
        let uri = match self.chance.below(10) {
            0 if plain => "/",
            1 if plain => "/new/",
            2 if plain => "/new",
            3 if plain => path,
            4 => "$request_uri",
            5 if self.chance.percent(30) => "$uri$is_args$args",
            _ => "",
        };
        all.push(format!("proxy_pass http://{to}{uri};"));
        if self.chance.percent(60) {
            all.push("proxy_http_version 1.1;".to_owned());
            if self.chance.percent(90) {
                all.push("proxy_set_header Upgrade $http_upgrade;".to_owned());
            }
            if self.chance.percent(90) {
                all.push(format!("proxy_set_header Connection {};", self.connection()));
            }
        }
        all
    }
}
