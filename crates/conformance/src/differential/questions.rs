//! What both servers are asked: made up from the literals of the original's text and their neighbours, so that nothing
//! depends on what an importer has understood.

use super::chance::Chance;
use super::literals::Literals;
use crate::peer::handshake::KEY;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The number of the listener, as the text has it.
    pub listener: usize,
    /// How a handshake says that it is one; a plain request has none.
    pub handshake: Option<Handshake>,
    /// The method.
    pub method: String,
    /// The path with the query.
    pub target: String,
    /// The Host field.
    pub host: String,
    /// More fields, each as often as it stands here.
    pub fields: Vec<(String, String)>,
}

/// The spellings of the fields that ask for a WebSocket (RFC 6455 section 4.2.1 compares both without case).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handshake {
    /// `Upgrade: websocket` and `Connection: Upgrade`, as Chromium sends them.
    Usual,
    /// `Connection: keep-alive, Upgrade`, as Firefox sends it.
    KeepAlive,
    /// `Upgrade: WebSocket` and `Connection: upgrade`.
    OtherCase,
}

impl Question {
    /// Returns the question in a line, with its listener.
    pub fn title(&self) -> String {
        format!("{} at listener {}", self.line(), self.listener)
    }

    /// Returns the question in a line.
    pub(crate) fn line(&self) -> String {
        let what = match self.handshake {
            None => self.method.as_str(),
            Some(Handshake::Usual) => "WebSocket",
            Some(Handshake::KeepAlive) => "WebSocket (Connection: keep-alive, Upgrade)",
            Some(Handshake::OtherCase) => "WebSocket (Upgrade: WebSocket)",
        };
        let fields = self.fields.iter().map(|(name, value)| format!(", {name}: {value}"));
        format!("{what} {} of {}{}", self.target, self.host, fields.collect::<String>())
    }

    /// Returns the bytes of the request. Clients lie: what they say of themselves goes with every request.
    pub(crate) fn text(&self) -> String {
        let mut lines = format!(
            "{} {} HTTP/1.1\r\nHost: {}\r\nX-Forwarded-For: 203.0.113.9\r\n\
             X-Forwarded-Proto: gopher\r\nX-Real-IP: 203.0.113.9\r\nX-Kept: as it is\r\n",
            self.method, self.target, self.host
        );
        for (name, value) in &self.fields {
            lines.push_str(&format!("{name}: {value}\r\n"));
        }
        let (upgrade, connection) = match self.handshake {
            Some(Handshake::Usual) => ("websocket", "Upgrade"),
            Some(Handshake::KeepAlive) => ("websocket", "keep-alive, Upgrade"),
            Some(Handshake::OtherCase) => ("WebSocket", "upgrade"),
            None => {
                let bodiless = ["GET", "HEAD"].contains(&self.method.as_str());
                let length = if bodiless { "" } else { "Content-Length: 0\r\n" };
                return format!("{lines}{length}Connection: close\r\n\r\n");
            }
        };
        let origin = self.fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("origin"));
        let origin =
            if origin { String::new() } else { format!("Origin: http://{}\r\n", self.host) };
        format!(
            "{lines}{origin}Upgrade: {upgrade}\r\nConnection: {connection}\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
        )
    }
}

/// Makes up at most `most` questions for a text with so many listeners, the most telling ones first.
pub fn questions(text: &str, listeners: &[usize], most: usize) -> Vec<Question> {
    let literals = Literals::of(text);
    let mut chance = Chance::of(text);
    let mut hosts: Vec<String> = literals.hosts.iter().take(12).cloned().collect();
    hosts.push("nobody.example".to_owned());
    let mut paths: Vec<String> = literals.paths.iter().take(40).cloned().collect();
    paths.extend(["/", "/qed/x"].map(str::to_owned));
    let mut made = Made { all: Vec::new(), chance: &mut chance, hosts: &hosts, listeners };
    // Each path, as a request and as a handshake; each host.
    for path in &paths {
        made.ask(path, None, "GET", &[]);
        made.ask(path, Some(Handshake::Usual), "GET", &[]);
    }
    for host in &hosts {
        for listener in listeners {
            let mut question = made.made("/", None, "GET", &[]);
            question.host.clone_from(host);
            question.listener = *listener;
            made.push(question);
        }
    }
    let extras = extras(&literals);
    for (target, fields) in &extras {
        let path = made.chance.one(&paths).clone();
        made.ask(&format!("{path}{target}"), None, "GET", fields);
    }
    for method in literals.methods.iter().map(String::as_str).chain(["POST", "DELETE"]) {
        let path = made.chance.one(&paths).clone();
        made.ask(&path, None, method, &[]);
    }
    let certain = made.all.len();
    // Their neighbours, and everything in company.
    for path in &paths {
        for path in neighbours(path) {
            made.ask(&path, None, "GET", &[]);
            made.ask(&path, Some(Handshake::Usual), "GET", &[]);
        }
        for (target, fields) in extras.iter().take(24) {
            made.ask(&format!("{path}{target}"), None, "GET", fields);
            made.ask(&format!("{path}{target}"), Some(Handshake::Usual), "GET", fields);
        }
        for how in [Handshake::KeepAlive, Handshake::OtherCase] {
            made.ask(path, Some(how), "GET", &[]);
        }
        for method in &literals.methods {
            made.ask(path, None, method, &[]);
        }
        for host in &hosts {
            // Clients write hosts in small letters (RFC 3986 section 6.2.2.1), so no other case is asked.
            for host in [host.clone(), format!("sub.{host}"), format!("{host}x")] {
                let how = made.chance.percent(30).then_some(Handshake::Usual);
                let mut question = made.made(path, how, "GET", &[]);
                question.host = host;
                made.push(question);
            }
        }
    }
    let mut all = made.all;
    chance.shuffle(&mut all[certain..]);
    if certain > most {
        chance.shuffle(&mut all[..certain]);
    }
    all.truncate(most);
    all
}

/// Queries and fields that the text speaks of, with neighbours of their values: what is added to the target, and the fields.
fn extras(literals: &Literals) -> Vec<(String, Vec<(String, String)>)> {
    let mut all: Vec<(String, Vec<(String, String)>)> = Vec::new();
    let mut far = Vec::new();
    for (name, value) in literals.fields.iter().take(40) {
        let field = |value: String| vec![(name.clone(), value)];
        all.push((String::new(), field(value.clone())));
        far.push((String::new(), field(changed_case(value))));
        far.push((String::new(), field(format!("{value}x"))));
        far.push((String::new(), [field(value.clone()), field("other".to_owned())].concat()));
    }
    for (name, value) in literals.cookies.iter().take(12) {
        let cookie = |text: String| vec![("Cookie".to_owned(), text)];
        all.push((String::new(), cookie(format!("{name}={value}"))));
        far.push((String::new(), cookie(format!("a=b; {name}={value}x; c=d"))));
    }
    for (name, value) in literals.parameters.iter().take(12) {
        all.push((format!("?{name}={value}"), Vec::new()));
        far.push((format!("?{name}={value}x"), Vec::new()));
        far.push((format!("?a=b&{name}={}", changed_case(value)), Vec::new()));
        far.push((format!("?{name}"), Vec::new()));
    }
    far.push(("?a=b&c=d".to_owned(), Vec::new()));
    all.extend(far);
    all
}

fn changed_case(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    if lower == text { text.to_ascii_uppercase() } else { lower }
}

/// Paths beside a path.
fn neighbours(path: &str) -> Vec<String> {
    let bare = path.trim_end_matches('/');
    let mut all = vec![
        format!("{path}x"),
        changed_case(path),
        format!("{bare}/x/y.js"),
        format!("{bare}/index.html"),
        format!("/x{path}"),
    ];
    if path.len() > 1 {
        all.push(if path.ends_with('/') { bare.to_owned() } else { format!("{path}/") });
        let mut less = path.to_owned();
        less.pop();
        all.push(less);
    }
    all.retain(|path| path.starts_with('/'));
    all
}

struct Made<'a> {
    all: Vec<Question>,
    chance: &'a mut Chance,
    hosts: &'a [String],
    listeners: &'a [usize],
}

impl Made<'_> {
    fn made(
        &mut self,
        target: &str,
        handshake: Option<Handshake>,
        method: &str,
        fields: &[(String, String)],
    ) -> Question {
        Question {
            listener: self
                .listeners
                .get(self.chance.below(self.listeners.len()))
                .copied()
                .unwrap_or(1),
            handshake,
            method: method.to_owned(),
            target: target.to_owned(),
            host: self.chance.one(self.hosts).clone(),
            fields: fields.to_vec(),
        }
    }

    fn ask(
        &mut self,
        target: &str,
        handshake: Option<Handshake>,
        method: &str,
        fields: &[(String, String)],
    ) {
        let question = self.made(target, handshake, method, fields);
        self.push(question);
    }

    fn push(&mut self, question: Question) {
        if !self.all.contains(&question) {
            self.all.push(question);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_come_from_the_text() {
        let text = "    http-request deny if { path_beg /adm } !{ req.hdr(X-Key) -m str k1 }\n";
        let all = questions(text, &[1], 200);
        let asked = |wanted: &dyn Fn(&Question) -> bool| all.iter().any(wanted);
        assert!(asked(&|q| q.target == "/adm" && q.handshake.is_none()));
        assert!(asked(&|q| q.target == "/admx") && asked(&|q| q.target == "/ADM"));
        assert!(asked(
            &|q| q.target == "/adm" && q.fields.contains(&("x-key".to_owned(), "k1".to_owned()))
        ));
        assert!(asked(&|q| q.handshake == Some(Handshake::KeepAlive)));
        assert_eq!(all, questions(text, &[1], 200));
        assert_eq!(questions(text, &[1], 7).len(), 7);
    }
}
