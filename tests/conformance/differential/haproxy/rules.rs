//! Rules of drawn HAProxy configurations: what is answered, and what is changed.

use super::Site;

impl Site<'_> {
    fn maybe(&mut self) -> String {
        if self.chance.percent(70) { format!(" {}", self.condition()) } else { String::new() }
    }

    /// A redirect, behind a word that may stand ahead of it.
    pub(super) fn redirect(&mut self, prefix: &str) -> String {
        let how = match self.chance.below(5) {
            0 => "scheme https".to_owned(),
            1 => format!("prefix https://{}", self.host()),
            2 => format!("location {}", self.path()),
            3 => format!("location https://{}{}", self.host(), self.path()),
            _ => format!("prefix {}", self.path().trim_end_matches('/')),
        };
        let how = if how == "prefix " { "prefix /root".to_owned() } else { how };
        let code = self.chance.word(&["", " code 301", " code 303", " code 308"]);
        let option = if self.wide {
            self.chance.word(&[
                "",
                "",
                "",
                " drop-query",
                " append-slash",
                " ignore-empty",
                " drop-query append-slash",
            ])
        } else {
            let option = self.chance.word(&["", "", "", " drop-query", " append-slash"]);
            if how.starts_with("prefix") { option } else { "" }
        };
        format!("{prefix}redirect {how}{code}{option} {}", self.condition())
    }

    /// One `http-request` rule.
    pub(super) fn rule(&mut self) -> String {
        let (path, field, value) = (self.path(), self.field(), self.value());
        match self.chance.below(if self.wide { 36 } else { 20 }) {
            20 | 21 => self.target_rule(),
            22 | 23 => self.rare_rule(),
            24 => format!("http-request replace-value {field} (.*) v-\\1{}", self.maybe()),
            25 => {
                let name = self.chance.word(&["p", "h", "c"]);
                self.variables.push(name);
                format!(
                    "http-request set-var-fmt(txn.{name}) {}",
                    self.chance.word(&["blue", "%[path]", "x%[src]"])
                )
            }
            26 => format!("http-request tarpit {}", self.condition()),
            27 => format!(
                "http-request auth {}",
                self.condition().replacen("if ", "unless { http_auth(u@site@) } or ", 1)
            ),
            28 => format!(
                "http-request del-header {} -m {}{}",
                self.chance.word(&["X-", "x-k", "Key", "^x-k.*$"]),
                self.chance.word(&["beg", "end", "sub", "reg", "str"]),
                self.maybe()
            ),
            29 => format!(
                "http-request return status 200 content-type text/plain string hi hdr X-Kind {} {}",
                self.chance.word(&["blue", "%[path]"]),
                self.condition()
            ),
            30 => {
                format!("http-request set-header X-Forwarded-Host %[req.hdr(host)]{}", self.maybe())
            }
            31 => format!("http-request set-header X-Forwarded-For %[src]{}", self.maybe()),
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

    /// A rule that changes a part of the target.
    fn target_rule(&mut self) -> String {
        let path = self.path();
        let action = match self.chance.below(7) {
            0 => "set-query mode=on".to_owned(),
            1 => format!("set-uri http://x.test{path}?mode=on"),
            2 => format!("set-pathq {path}?mode=on"),
            3 => format!("replace-pathq ^{path}(.*)$ /new\\1"),
            4 => format!("replace-uri ^{path}(.*)$ /new\\1"),
            5 => "set-path /old%[path]".to_owned(),
            _ => format!(
                "normalize-uri {}",
                self.chance.word(&["path-merge-slashes", "query-sort-by-name", "path-strip-dot"])
            ),
        };
        format!("http-request {action}{}", self.maybe())
    }

    /// A rule that few configurations have.
    fn rare_rule(&mut self) -> String {
        let action = self.chance.word(&[
            "set-method POST",
            "unset-var(txn.p)",
            "set-src hdr(X-Forwarded-For)",
            "set-timeout tunnel 10s",
            "set-log-level silent",
            "reject",
            "set-header X-Forwarded-Port %[dst_port]",
            "set-header Forwarded for=%[src];proto=http",
            "set-header X-Kind %[req.hdr(X-Key)]-%[path]",
        ]);
        format!("http-request {action}{}", self.maybe())
    }
}
