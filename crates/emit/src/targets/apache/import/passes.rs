//! `ProxyPass` and its kin: those of a `<Location>` come before those beside it, and there the last one that fits wins;
//! the others are asked in the order of the file.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::PathLiteral;

use super::rewrite::{Act, Rule};
use super::scope::Importer;
use super::target::destination;
use super::vhost::Vhost;
use crate::import::draft::Draft;
use crate::import::ledger::Id;
use crate::import::pattern::{of_text, path, rewrites, stripped, whole};
use crate::import::way::{Way, Ways};

impl Importer<'_> {
    /// The rules of a virtual host by `ProxyPass`.
    pub(super) fn passes(&mut self, vhost: &Vhost) -> Vec<Rule> {
        let mut rules = Vec::new();
        let chain = vhost.chain(&self.around);
        let mut sections = Vec::new();
        for list in &chain {
            for id in list {
                if ["location", "locationmatch"].contains(&self.all[*id].name.as_str()) {
                    sections.push(*id);
                }
            }
        }
        for section in sections.into_iter().rev() {
            let inner = self.block(section);
            let Some((pattern, regex)) = self.place(section) else { continue };
            for id in inner.iter().copied() {
                let words = self.texts(id);
                match self.all[id].name.as_str() {
                    "proxypass" | "proxypassmatch" => {
                        rules.extend(self.pass(id, &pattern, regex, &words, Some(section)));
                    }
                    "sethandler" if self.word(id, 0).starts_with("proxy:") => {
                        let url = self.word(id, 0).trim_start_matches("proxy:").to_owned();
                        rules.extend(self.handler(id, &pattern, regex, &url, section));
                    }
                    _ => {}
                }
            }
        }
        // A virtual host's own come first, then those outside of it.
        for list in chain.iter().rev() {
            for id in list.clone() {
                let words = self.texts(id);
                let regex = match self.all[id].name.as_str() {
                    "proxypass" => false,
                    "proxypassmatch" => true,
                    _ => continue,
                };
                let Some((pattern, rest)) = words.split_first() else {
                    self.ledger.lost(id, "it says nothing");
                    continue;
                };
                rules.extend(self.pass(id, pattern, regex, rest, None));
            }
        }
        rules
    }

    /// The path of a `<Location>`, and whether it is a regex.
    pub(super) fn place(&self, section: Id) -> Option<(String, bool)> {
        let matches = self.all[section].name == "locationmatch";
        match self.all[section].words.as_slice() {
            [tilde, pattern, ..] if tilde.text == "~" => Some((pattern.text.clone(), true)),
            [path, ..] => Some((path.text.clone(), matches)),
            [] => None,
        }
    }

    fn pass(
        &mut self,
        id: Id,
        pattern: &str,
        regex: bool,
        words: &[String],
        section: Option<Id>,
    ) -> Option<Rule> {
        let Some(url) = words.first() else {
            self.ledger.lost(id, "it says nothing");
            return None;
        };
        let Some(ways) = ways(pattern, regex) else {
            self.ledger.lost(id, "the model has no such path");
            return None;
        };
        self.narrower(id, pattern, regex, &ways);
        let scopes = section.map(|section| vec![self.block(section)]).unwrap_or_default();
        if let Some(section) = section {
            self.ledger.taken(section, "match.path");
            self.reached.insert(section);
        }
        let rule =
            |act, parameters| Rule { id, ways, act, scopes, parameters, variables: Vec::new() };
        let answer = |status: u64| Act::Answer(Draft::of("respond", Draft::of("status", status)));
        if url == "!" {
            self.ledger.taken(id, "respond");
            self.beside(id, "files, or pages of the server's own, are served beside the proxy");
            return Some(rule(answer(404), Vec::new()));
        }
        let scheme = url.split("://").next().unwrap_or_default();
        if let Some(what) = other_protocol(scheme) {
            self.beside(id, &format!("{what} is served beside the proxy"));
            self.ledger.dropped(id, "applications of other protocols, beside the proxy");
            return None;
        }
        let Some((to, path)) = destination(url) else {
            let why = if url.contains("${") {
                "a variable of it is not known; --define gives variables their values"
            } else {
                "where it leads is computed for each request, or no proxy of HTTP does it"
            };
            self.ledger.lost(id, why);
            // Its requests must not fall to another route.
            return Some(rule(answer(502), Vec::new()));
        };
        self.ledger.taken(id, "upstream");
        let change = self.mapped(id, pattern, regex, &path);
        Some(rule(Act::Forward(to, change), words[1..].to_vec()))
    }

    /// `SetHandler "proxy:…"`: the path as it came.
    fn handler(
        &mut self,
        id: Id,
        pattern: &str,
        regex: bool,
        url: &str,
        section: Id,
    ) -> Option<Rule> {
        let scheme =
            url.split("://").next().unwrap_or_default().rsplit('|').next().unwrap_or_default();
        if let Some(what) = other_protocol(scheme) {
            self.beside(id, &format!("{what} is served beside the proxy"));
            self.ledger.dropped(id, "applications of other protocols, beside the proxy");
            return None;
        }
        let (Some((to, _)), Some(ways)) = (destination(url), ways(pattern, regex)) else {
            self.ledger.lost(id, "where it leads is not known");
            return None;
        };
        self.ledger.taken(id, "upstream");
        self.ledger.taken(section, "match.path");
        let scopes = vec![self.block(section)];
        Some(Rule {
            id,
            ways,
            act: Act::Forward(to, None),
            scopes,
            parameters: Vec::new(),
            variables: Vec::new(),
        })
    }

    /// The path that a server sees: what stands in the URL, in place of what was asked for.
    fn mapped(&mut self, id: Id, from: &str, regex: bool, to: &str) -> Option<Draft> {
        if regex {
            let to =
                if to.contains('$') || to.is_empty() { to.to_owned() } else { format!("{to}$0") };
            // Without a group in the URL, the whole of the path is put behind it.
            if to.is_empty() || to == "$0" || to == super::rewrite::same(from) {
                return None;
            }
            if let Some(prefix) = stripped(from, &to) {
                return Some(Draft::of("strip_prefix", prefix));
            }
            let (pattern, to) =
                (whole(from), if to.starts_with('/') { to } else { format!("/{to}") });
            if to.contains("$0") || !rewrites(&pattern, &to) {
                self.ledger.lost(id, "the path that it sends is computed");
                return None;
            }
            let mut change = Draft::of("pattern", pattern);
            change.set(&["to"], to);
            return Some(Draft::of("regex", change));
        }
        if from == to || (from == "/" && to.is_empty()) {
            return None;
        }
        let fits =
            PathLiteral::parse(from).is_ok() && (to.is_empty() || PathLiteral::parse(to).is_ok());
        let bare = |path: &str| path.trim_end_matches('/').to_owned();
        let change = match (from.ends_with('/'), to.ends_with('/')) {
            _ if !fits => None,
            (true, true) | (false, false) => Some(if bare(to).is_empty() {
                Draft::of("strip_prefix", bare(from))
            } else {
                let mut change =
                    Draft::of("from", if from == "/" { "/".to_owned() } else { bare(from) });
                change.set(&["to"], bare(to));
                Draft::of("replace_prefix", change)
            }),
            // One has a last slash and the other has none: the text is replaced as it stands.
            _ => {
                self.differs(id, "one path ends with a slash and the other does not: the text is replaced as it stands");
                let to = if to.is_empty() { "/" } else { to };
                let mut change = Draft::of("pattern", format!("^{}", of_text(from)));
                change.set(&["to"], to);
                rewrites(&format!("^{}", of_text(from)), to).then(|| Draft::of("regex", change))
            }
        };
        if change.is_none() {
            self.ledger.lost(id, "the path that it sends is none that the model can say");
        }
        change
    }

    /// What the model's prefix fits beyond a pattern, or leaves out.
    pub(super) fn narrower(&mut self, id: Id, pattern: &str, regex: bool, ways: &Ways) {
        let mut paths = ways.iter().flat_map(|way| &way.paths);
        let prefix = paths.any(|path| path.text(&["prefix"]).is_some());
        let exact = ["(/|$)", "(?:/|$)", "(/.*)?$"].iter().any(|end| pattern.ends_with(end));
        if prefix && regex && !exact {
            self.differs(
                id,
                "whole segments are matched: what only begins alike belongs elsewhere",
            );
        } else if prefix && !regex && pattern.ends_with('/') {
            self.differs(id, "the path without its last slash belongs to it too");
        }
    }

    pub(super) fn beside(&mut self, id: Id, what: &str) {
        let help = "the new server does not serve it; serve it from where it is, or by an upstream";
        self.ledger.say(wsgen_model::code::Code::IMPORT_BESIDE, self.span(id), what, help);
    }
}

/// A path or a regex as ways.
pub(super) fn ways(pattern: &str, regex: bool) -> Option<Ways> {
    let wanted = if regex {
        path(pattern)?
    } else {
        let bare = pattern.trim_end_matches('/');
        let bare = if bare.is_empty() { "/" } else { bare };
        PathLiteral::parse(bare).ok()?;
        Draft::of("prefix", bare)
    };
    let everything = wanted == Draft::of("prefix", "/");
    let paths = if everything { Vec::new() } else { vec![wanted] };
    Some(vec![Way { paths, ..Way::default() }])
}

/// What is passed on by other protocols.
fn other_protocol(scheme: &str) -> Option<&'static str> {
    Some(match scheme {
        "ajp" => "AJP",
        "fcgi" => "FastCGI",
        "uwsgi" => "uwsgi",
        "scgi" => "SCGI",
        "ftp" => "FTP",
        _ => return None,
    })
}
