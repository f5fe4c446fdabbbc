//! Rules that refuse or change some of a route's requests: what the model has a field of the route for.

use wsgen_model::code::Code;
use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{Ipv6Prefix, Origin, Token};

use super::scope::Importer;
use crate::import::draft::Draft;
use crate::import::ledger::Id;
use crate::import::measure;
use crate::import::way::Way;
use crate::quoted::unescaped;

/// What a rule says of a route, beyond where it leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Policy {
    /// Bodies are this long at most.
    Body(u64),
    /// A client has so many connections at most.
    Connections(u64),
    /// And opens so many tunnels in a minute.
    Connects(u64),
    /// A handshake is refused unless this variable is there.
    Origins(String),
    /// Only WebSockets are served.
    Require,
    /// No WebSocket is.
    Deny,
    /// Extensions are not agreed upon.
    Strip,
    /// Only these subprotocols are.
    Subprotocols(Vec<String>),
    /// Only the users of a list are served, in this realm.
    Users(String, String),
    /// The timer of this name is another.
    Timer(&'static str, u64),
}

impl Importer<'_> {
    /// The terms of a condition that still say something where what is assumed holds; nothing where it cannot hold, or has
    /// more than one branch. That a WebSocket is asked for is `websocket`.
    pub(super) fn terms(&mut self, section: usize, id: Id) -> Option<Vec<String>> {
        let words = self.all[id].words.clone();
        let Some(at) = words.iter().position(|word| word == "if" || word == "unless") else {
            return Some(Vec::new());
        };
        if words[at] == "unless" || words[at..].iter().any(|word| word == "or" || word == "||") {
            return None;
        }
        let (mut all, mut rest) = (Vec::new(), &words[at + 1..]);
        while let Some(word) = rest.first() {
            let not = word.starts_with('!');
            let bare = word.trim_start_matches('!').to_owned();
            let (text, behind) = if bare == "{" {
                let end = rest.iter().position(|word| word == "}")?;
                (rest[1..end].join(" "), &rest[end + 1..])
            } else {
                (bare.clone(), &rest[1..])
            };
            let inner =
                if bare == "{" { text.split(' ').map(str::to_owned).collect() } else { vec![bare] };
            rest = behind;
            let sign = if not { "!" } else { "" };
            let known = self.term(section, &inner);
            match known.as_deref() {
                Some([way]) if *way == Way::default() => {
                    if not {
                        return None;
                    }
                }
                Some([]) => {
                    if !not {
                        return None;
                    }
                }
                Some([way]) if *way == (Way { upgrade: Some(true), ..Way::default() }) => {
                    all.push(format!("{sign}websocket"));
                }
                _ => all.push(format!("{sign}{text}")),
            }
        }
        Some(all)
    }

    /// What a rule says of the routes that what is assumed leads to.
    pub(super) fn policy(&mut self, section: usize, id: Id) -> Option<Policy> {
        let words: Vec<String> = self.all[id].words.clone();
        let word = |at: usize| words.get(at).map_or("", String::as_str);
        if word(0) != "http-request" {
            return None;
        }
        let end = words.iter().position(|word| word == "if").unwrap_or(words.len());
        let is = |verb: &str, status: &str| {
            word(1) == verb && words[..end].iter().any(|word| word == status)
        };
        let candidate =
            matches!(word(1), "deny" | "return" | "set-timeout" | "del-header" | "auth");
        if !candidate {
            return None;
        }
        let terms = self.terms(section, id)?;
        let terms: Vec<&str> = terms.iter().map(String::as_str).collect();
        let over = |text: &str, what: &str| {
            text.strip_prefix(what)?.trim().strip_prefix("gt ")?.parse::<u64>().ok()
        };
        match terms.as_slice() {
            [length] if is("deny", "413") => ["req.hdr_val(content-length)", "req.body_size"]
                .iter()
                .find_map(|what| over(length, what))
                .map(Policy::Body),
            [count] if is("deny", "429") => {
                over(count, "sc_conn_cur(0)").filter(|most| *most > 0).map(Policy::Connections)
            }
            ["websocket", rate] if is("deny", "429") => {
                over(rate, "sc_http_req_rate(1)").filter(|most| *most > 0).map(Policy::Connects)
            }
            ["websocket", absent] if is("deny", "403") => {
                let name = absent.strip_prefix("!var(")?.strip_suffix(") -m found")?;
                Some(Policy::Origins(name.to_owned()))
            }
            [users] if word(1) == "auth" => {
                let list = users.strip_prefix("!http_auth(")?.strip_suffix(')')?;
                let realm = if word(2) == "realm" { word(3) } else { list };
                Some(Policy::Users(list.to_owned(), unescaped(realm)))
            }
            ["!websocket"] if is("return", "426") || is("deny", "426") => Some(Policy::Require),
            [] if word(1) == "del-header" && word(2).eq_ignore_ascii_case("upgrade") => {
                Some(Policy::Deny)
            }
            [] | ["websocket"]
                if word(1) == "del-header"
                    && word(2).eq_ignore_ascii_case("sec-websocket-extensions") =>
            {
                Some(Policy::Strip)
            }
            ["websocket", found, other] if word(1) == "del-header" => {
                let field = "req.hdr(Sec-WebSocket-Protocol) -m";
                if !found.eq_ignore_ascii_case(&format!("{field} found")) {
                    return None;
                }
                let names = other.strip_prefix('!')?.strip_prefix(field)?.trim_start();
                let names = names.strip_prefix("str")?.trim_start().trim_start_matches("-- ");
                let names: Vec<_> = names.split_whitespace().map(str::to_owned).collect();
                let fits = names.iter().all(|name| Token::parse(name).is_ok());
                (fits && !names.is_empty()).then_some(Policy::Subprotocols(names))
            }
            [] if word(1) == "set-timeout" => {
                let field = match word(2) {
                    "server" => "response_header",
                    "tunnel" => "tunnel_idle",
                    _ => return None,
                };
                super::scope::time(word(3)).map(|millis| Policy::Timer(field, millis))
            }
            _ => None,
        }
    }

    /// Puts what rules say of a route into it.
    pub(super) fn policies(&mut self, section: usize, route: &mut Draft) {
        for id in self.own(section, &["http-request"]) {
            let Some(policy) = self.policy(section, id) else { continue };
            let field = match policy {
                Policy::Body(most) => {
                    route.set(&["limits", "max_body_bytes"], measure::size(most));
                    "limits.max_body_bytes"
                }
                Policy::Connections(most) => {
                    self.counted(section, "track-sc0", route);
                    route.set(&["limits", "per_ip", "connections"], most);
                    "limits.per_ip.connections"
                }
                Policy::Connects(most) => {
                    self.counted(section, "track-sc1", route);
                    route.set(&["limits", "per_ip", "connects_per_minute"], most);
                    "limits.per_ip.connects_per_minute"
                }
                Policy::Origins(name) => {
                    if !self.origins(section, &name, route) {
                        self.ledger.opens(id, "origins are not told in a way that the model knows");
                        continue;
                    }
                    "websocket.origins"
                }
                Policy::Users(list, realm) => {
                    self.users(id, &list, &realm, route);
                    "auth.basic"
                }
                Policy::Require => {
                    route.set(&["websocket", "mode"], "require");
                    "websocket.mode"
                }
                Policy::Deny => {
                    route.set(&["websocket", "mode"], "deny");
                    "websocket.mode"
                }
                Policy::Strip => {
                    route.set(&["websocket", "compression"], "strip");
                    "websocket.compression"
                }
                Policy::Subprotocols(names) => {
                    route.set(&["websocket", "subprotocols"], names);
                    "websocket.subprotocols"
                }
                Policy::Timer(field, millis) => {
                    route.set(&["timeouts", field], measure::duration(millis.max(1)));
                    "timeouts"
                }
            };
            self.ledger.taken(id, field);
        }
    }

    /// Users stand in a file of their own; it has the name of their list.
    fn users(&mut self, id: Id, list: &str, realm: &str, route: &mut Draft) {
        let file = format!("{list}.users");
        route.set(&["auth", "basic", "users_file"], file.as_str());
        route.set(&["auth", "basic", "realm"], realm);
        let help = format!("write `{file}`: a line `name:hash` for each of its users");
        let what = "the users of this list stand in a file of their own";
        let lists = self.sections.iter().position(|s| s.kind == "userlist" && s.name == list);
        let at = lists.map_or(id, |section| self.sections[section].id);
        self.ledger.say(Code::IMPORT_MISSING, self.span(at), what, &help);
        if let Some(section) = lists {
            for id in self.sections[section].list.clone() {
                self.ledger.taken(id, "auth.basic.users_file");
            }
            self.ledger.taken(at, "auth.basic.users_file");
        }
    }

    /// The counter that a limit looks at.
    fn counted(&mut self, section: usize, verb: &str, route: &mut Draft) {
        for id in self.own(section, &["http-request", verb]) {
            if let (Some(_), Some(prefix)) = (self.terms(section, id), network(self.word(id, 2))) {
                if prefix != Ipv6Prefix::LINE {
                    route.set(&["limits", "per_ip", "ipv6_prefix"], u64::from(prefix.bits()));
                }
                self.ledger.taken(id, "limits.per_ip");
                let table = self.word(id, 4).to_owned();
                if let Some(back) = self.backends.get(&table).copied() {
                    self.reached.insert(back);
                    self.ledger.taken(self.sections[back].id, "limits.per_ip");
                    for id in self.own(back, &["stick-table"]) {
                        self.ledger.taken(id, "limits.per_ip");
                    }
                }
            }
        }
    }

    /// The origins for which a variable is set.
    fn origins(&mut self, section: usize, name: &str, route: &mut Draft) -> bool {
        let mut all: Vec<String> = Vec::new();
        let mut missing = false;
        let mut taken = Vec::new();
        for id in self.own(section, &["http-request", &format!("set-var({name})")]) {
            let Some(terms) = self.terms(section, id) else { continue };
            let [term] = terms.as_slice() else { return false };
            let same = term.split_once(",strcmp(").filter(|_| term.ends_with(") eq 0"));
            if term == "!req.fhdr(origin) -m found" || term == "!req.hdr(origin) -m found" {
                missing = true;
            } else if let Some(patterns) = term
                .strip_prefix("req.fhdr(origin) -m reg ")
                .map(|rest| rest.trim_start_matches("-i ").trim_start_matches("-- "))
            {
                for pattern in patterns.split(' ') {
                    let Some(origin) = origin(pattern) else { return false };
                    all.push(origin);
                }
            } else if let Some((first, second)) = same {
                for part in [first.trim_start_matches("var("), second.trim_end_matches(" eq 0")] {
                    let verb = format!("set-var({})", part.trim_end_matches(')'));
                    taken.extend(self.own(section, &["http-request", &verb]));
                }
                all.insert(0, "same_origin".to_owned());
            } else {
                return false;
            }
            taken.push(id);
        }
        if all.is_empty() {
            return false;
        }
        for id in taken {
            self.ledger.taken(id, "websocket.origins");
        }
        route.set(&["websocket", "origins"], all);
        route.set(&["websocket", "missing_origin"], if missing { "allow" } else { "deny" });
        true
    }
}

/// The bits of an IPv6 address that a counter's key keeps, if the key is the client's address.
fn network(key: &str) -> Option<Ipv6Prefix> {
    if key == "src" {
        return Some(Ipv6Prefix::ADDRESS);
    }
    let bits = key.strip_prefix("src,ipmask(32,")?.strip_suffix(')')?;
    Ipv6Prefix::parse(bits.trim_start_matches('/')).ok()
}

/// An origin by the regex that fits it alone.
fn origin(pattern: &str) -> Option<String> {
    let inner = pattern.strip_prefix('^')?.strip_suffix('$')?;
    let Some((scheme, rest)) = inner.split_once("://") else {
        return (inner == "null").then(|| inner.to_owned());
    };
    let wildcard = "([^./:]+\\.)+";
    let (star, rest) = match rest.strip_prefix(wildcard) {
        Some(rest) => ("*.", rest),
        None => ("", rest),
    };
    // The scheme's own port may be left out.
    let rest = match rest.strip_suffix(")?") {
        Some(rest) => rest.rsplit_once("(:")?.0,
        None => rest,
    };
    let text = format!("{scheme}://{star}{}", rest.replace('\\', ""));
    Origin::parse(&text).is_ok().then_some(text)
}
