//! What a configuration's text speaks of: paths, hosts, request fields with the values that stand beside them, cookies,
//! parameters of the query, methods. No server's grammar is known here, so that nothing is asked only if it was understood.

use std::collections::BTreeSet;

use crate::prove::sample;

/// The literals of a text, and samples of its regexes.
#[derive(Debug, Clone, Default)]
pub struct Literals {
    /// Paths.
    pub paths: BTreeSet<String>,
    /// Host names.
    pub hosts: BTreeSet<String>,
    /// Names of request fields, with values that stand in the same line or block.
    pub fields: BTreeSet<(String, String)>,
    /// Names of cookies with values.
    pub cookies: BTreeSet<(String, String)>,
    /// Names of parameters with values.
    pub parameters: BTreeSet<(String, String)>,
    /// Methods.
    pub methods: BTreeSet<String>,
}

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"];

/// Names of request fields that are one word, which are told apart from other words by this list alone.
const SINGLE: [&str; 8] = [
    "origin",
    "authorization",
    "cookie",
    "referer",
    "user-agent",
    "accept",
    "accept-language",
    "upgrade-insecure-requests",
];

/// Fields that questions do not change: they make the handshake, or frame the request.
const FRAMING: [&str; 9] = [
    "host",
    "connection",
    "upgrade",
    "content-length",
    "transfer-encoding",
    "sec-websocket-key",
    "sec-websocket-version",
    "te",
    "expect",
];

impl Literals {
    /// Reads a text. Names between `@` stand for addresses and files and are no literals.
    pub fn of(text: &str) -> Self {
        let mut all = Self::default();
        let lines: Vec<String> = text.lines().map(without_marks).collect();
        for (at, line) in lines.iter().enumerate() {
            // Modules are files, and no paths of requests.
            if line.trim_start().starts_with('#') || line.contains("_module ") {
                continue;
            }
            let words = words(line);
            let mut values: BTreeSet<String> = BTreeSet::new();
            for word in words.iter().skip(1) {
                values.extend(samples(word).into_iter().filter(|value| is_value(value)));
                all.word(word);
            }
            // The cases of a table stand in the lines below.
            if line.trim_end().ends_with('{') {
                let inner = lines[at + 1..].iter().take_while(|line| !line.contains('}'));
                for word in inner.filter_map(|line| self::words(line).into_iter().next()) {
                    values.extend(samples(&word).into_iter().filter(|value| is_value(value)));
                    all.host(&word);
                }
            }
            for (kind, name) in names(line) {
                let list = match kind {
                    Kind::Field => &mut all.fields,
                    Kind::Cookie => &mut all.cookies,
                    Kind::Parameter => &mut all.parameters,
                };
                list.insert((name.clone(), "1".to_owned()));
                let own = values.iter().filter(|value| !value.eq_ignore_ascii_case(&name));
                list.extend(own.take(6).map(|value| (name.clone(), value.clone())));
            }
        }
        all
    }

    fn word(&mut self, word: &str) {
        if METHODS.contains(&word) {
            self.methods.insert(word.to_owned());
        }
        for method in METHODS.iter().filter(|method| word.len() > method.len()) {
            let mut parts = word.split(|c: char| !c.is_ascii_uppercase());
            if parts.any(|part| part == *method) {
                self.methods.insert((*method).to_owned());
            }
        }
        let bare = word.strip_prefix("http://").or_else(|| word.strip_prefix("https://"));
        if let Some(bare) = bare {
            let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
            self.host(host);
            if is_path(&format!("/{path}")) {
                self.paths.insert(format!("/{path}"));
            }
            return;
        }
        for sample in samples(word) {
            if let Some(path) = sample.find('/').map(|at| &sample[at..]).filter(|p| is_path(p)) {
                let (path, query) = path.split_once('?').unwrap_or((path, ""));
                self.paths.insert(path.to_owned());
                self.query(query);
            } else if word.contains(['=', '&']) && !word.starts_with(['$', '%']) {
                self.query(sample.trim_start_matches('?'));
            } else if sample.starts_with('.') && is_path(&format!("/{sample}")) {
                self.paths.insert(format!("/file{sample}"));
            }
        }
        self.host(word);
    }

    fn query(&mut self, query: &str) {
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if plain(name) && plain(value) && !name.is_empty() && value.len() < 20 {
                self.parameters.insert((name.to_owned(), value.to_owned()));
            }
        }
    }

    fn host(&mut self, word: &str) {
        let word = word.split(':').next().unwrap_or_default();
        let pattern = word.trim_start_matches(['~', '^', '*']).trim_end_matches('$');
        for mut name in samples(pattern) {
            if let Some(rest) = name.strip_prefix('.') {
                let rest = rest.to_owned();
                self.hosts.extend(Some(rest.clone()).filter(|rest| is_host(rest)));
                name = format!("sub.{rest}");
            }
            if name.ends_with('.') {
                name.push_str("test");
            }
            if is_host(&name) {
                self.hosts.insert(name.to_ascii_lowercase());
            }
        }
    }
}

fn is_host(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.contains('.')
        && name.split('.').all(label)
        && last.len() > 1
        && last.chars().all(|c| c.is_ascii_alphabetic())
        && !["html", "js", "css", "png", "php", "conf", "pem", "key", "log", "so", "sock"]
            .contains(&last)
}

fn is_path(path: &str) -> bool {
    path.starts_with('/')
        && !path.contains("//")
        && path.len() < 120
        && path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-~+=?&:,!".contains(c))
}

fn is_value(value: &str) -> bool {
    !value.is_empty()
        && value.len() < 60
        && value.chars().all(|c| c.is_ascii_graphic() && !"{}$%\\\"';@".contains(c))
}

/// Replaces `@…@` by nothing that is a literal.
fn without_marks(line: &str) -> String {
    let mut out = String::new();
    for (at, part) in line.split('@').enumerate() {
        if at % 2 == 0 || part.contains([' ', '/']) {
            out.push_str(part);
        }
    }
    out
}

/// The words of a line, without quotes, brackets of conditions and what ends a directive.
fn words(line: &str) -> Vec<String> {
    let (mut all, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in line.chars() {
        match (c, quote) {
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (c, None) if c.is_whitespace() => all.push(std::mem::take(&mut word)),
            (c, _) => word.push(c),
        }
    }
    all.push(word);
    let trimmed = all.iter().map(|word| word.trim_end_matches([';', '>', ',']));
    let trimmed = trimmed.map(|word| word.trim_start_matches('<'));
    let trimmed =
        trimmed.map(|word| word.strip_suffix(")").filter(|w| !w.contains('(')).unwrap_or(word));
    let trimmed =
        trimmed.map(|word| word.strip_prefix("(").filter(|w| !w.contains(')')).unwrap_or(word));
    trimmed.filter(|w| !["", "{", "}", "!"].contains(w)).map(str::to_owned).collect()
}

/// Texts that a word stands for: itself, or as a regex one for each alternative.
fn samples(word: &str) -> Vec<String> {
    let word = word.trim_start_matches(['~', '!']).trim_start_matches('*');
    if !word.contains(['^', '$', '(', '[', '\\', '|', '*', '+']) {
        return vec![word.to_owned()];
    }
    let mut all: Vec<String> = Vec::new();
    for pattern in alternatives(word) {
        all.extend(sample::text(pattern.trim_start_matches("(?i)")));
    }
    all.dedup();
    all.truncate(6);
    all
}

/// Patterns of which each has another branch of the first group.
fn alternatives(pattern: &str) -> Vec<String> {
    let Some(open) = pattern.find('(') else {
        return pattern.split('|').map(str::to_owned).collect();
    };
    let Some(close) = pattern[open..].find(')').map(|at| open + at) else {
        return vec![pattern.to_owned()];
    };
    let inner = pattern[open + 1..close].trim_start_matches("?:");
    let branches = inner.split('|');
    branches.map(|b| format!("{}({b}){}", &pattern[..open], &pattern[close + 1..])).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Field,
    Cookie,
    Parameter,
}

/// Names of fields, cookies and parameters in a line, in any server's way of writing them.
fn names(line: &str) -> BTreeSet<(Kind, String)> {
    let mut all = BTreeSet::new();
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let mut add = |kind: Kind, name: &str| {
        let name = if kind == Kind::Field { name.replace('_', "-") } else { name.to_owned() };
        let framing = kind == Kind::Field && FRAMING.contains(&name.to_ascii_lowercase().as_str());
        if name.len() > 1 && !framing {
            let name = if kind == Kind::Field { name.to_ascii_lowercase() } else { name };
            all.insert((kind, name));
        }
    };
    for (marks, kind) in [
        (
            &["$http_", "HTTP:", "hdr(", "hdr_beg(", "hdr_end(", "hdr_sub(", "hdr_reg("][..],
            Kind::Field,
        ),
        (&["hdr_cnt(", "hdr_dom(", "hdr_len(", "hdr_dir(", "hdr_val(", "http('"][..], Kind::Field),
        (&["$cookie_", "cook(", "cook_beg(", "cook_cnt("][..], Kind::Cookie),
        (&["$arg_", "url_param(", "urlp(", "urlp_val("][..], Kind::Parameter),
    ] {
        for mark in marks {
            for (at, _) in line.match_indices(mark) {
                let rest = &line[at + mark.len()..];
                let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
                add(kind, &rest[..end]);
            }
        }
    }
    for (at, _) in line.match_indices("HTTP_") {
        let rest = &line[at + 5..];
        let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        add(Kind::Field, &rest[..end]);
    }
    for word in line.split(|c: char| !is_name(c)) {
        let lower = word.to_ascii_lowercase();
        let custom = lower.starts_with("x-") && lower.len() > 2;
        if custom || SINGLE.contains(&lower.as_str()) || lower == "sec-websocket-protocol" {
            add(Kind::Field, word);
        }
    }
    all
}

impl PartialOrd for Kind {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Kind {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (*self as u8).cmp(&(*other as u8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_of_every_server_are_found() {
        let all = Literals::of(
            "    acl a hdr(X-Kind) -i blue red\n    acl p path_beg /app/\n    acl m method POST\n\
             location ~ ^/v(1|2)/ {\nif ($http_x_mode = \"dark\") {\nserver_name a.test *.b.test;\n\
             RewriteCond %{HTTP:X-Tier} ^(gold|iron)$ [NC]\nRewriteCond %{QUERY_STRING} transport=websocket\n\
             server s @server1@\n",
        );
        let has = |list: &BTreeSet<String>, wanted: &str| list.contains(wanted);
        let pair = |list: &BTreeSet<(String, String)>, name: &str, value: &str| {
            list.contains(&(name.to_owned(), value.to_owned()))
        };
        for path in ["/app/", "/v1/", "/v2/"] {
            assert!(has(&all.paths, path), "{path}: {:?}", all.paths);
        }
        for host in ["a.test", "b.test", "sub.b.test"] {
            assert!(has(&all.hosts, host), "{host}: {:?}", all.hosts);
        }
        for (name, value) in
            [("x-kind", "red"), ("x-mode", "dark"), ("x-tier", "gold"), ("x-tier", "iron")]
        {
            assert!(pair(&all.fields, name, value), "{name}: {:?}", all.fields);
        }
        assert!(pair(&all.parameters, "transport", "websocket") && has(&all.methods, "POST"));
        assert!(!all.hosts.iter().any(|host| host.contains("server")));
    }
}
