//! HAProxy's configuration, read back: by its own rules of inheritance, of conditions, and of which rule comes first.

mod answer;
mod anyway;
mod backend;
mod beside;
mod bind;
mod condition;
mod fields;
mod policies;
pub(super) mod relocate;
mod rules;
mod scope;
mod sections;
mod variables;

use std::collections::{BTreeMap, BTreeSet};

use wsgen_model::code::Code;
use wsgen_model::source::{Source, SourceId, Sources};

use self::scope::Importer;
use crate::import::draft::Site;
use crate::import::ledger::{Id, Ledger};
use crate::import::{Files, Imported};

/// Files of HAProxy, taken apart.
fn importer<'a>(sources: &'a Sources, ids: &[SourceId], files: &dyn Files) -> Importer<'a> {
    let mut ledger = Ledger::default();
    let (all, sections) = sections::read(sources, ids, files, &mut ledger);
    let source = ids.first().and_then(|id| sources.get(*id));
    let site = Site::new(source.map(Source::name));
    let mut backends = BTreeMap::new();
    for (at, section) in sections.iter().enumerate() {
        if ["backend", "listen"].contains(&section.kind.as_str()) {
            backends.entry(section.name.clone()).or_insert(at);
        }
    }
    Importer {
        sources,
        all,
        sections,
        ledger,
        site,
        upstreams: BTreeMap::new(),
        addresses: BTreeMap::new(),
        reached: BTreeSet::new(),
        backends,
        asked: BTreeSet::new(),
        assumed: Vec::new(),
        followed: 0,
        settled: BTreeSet::new(),
        variables: BTreeMap::new(),
    }
}

/// Reads files of HAProxy.
pub(super) fn import(sources: &mut Sources, ids: &[SourceId], files: &mut dyn Files) -> Imported {
    let mut importer = importer(sources, ids, files);
    importer.resolvers();
    for section in 0..importer.sections.len() {
        let kind = importer.sections[section].kind.clone();
        if !["frontend", "listen"].contains(&kind.as_str()) {
            continue;
        }
        if importer.is_tcp(section) {
            importer.tcp(section);
        } else if importer.is_page(section) {
            importer.dropped_section(section, "statistics: the new server has its own");
        } else {
            importer.frontend(section);
        }
    }
    importer.site.fill();
    importer.rest();
    importer.close()
}

/// Sections that say nothing of what is done with requests.
const OF_THE_PROCESS: [&str; 8] =
    ["global", "peers", "mailers", "program", "ring", "log-forward", "traces", "log-profile"];

impl Importer<'_> {
    /// Whether a section passes TCP: HTTP has to be asked for.
    fn is_tcp(&self, section: usize) -> bool {
        let mode = self.setting(section, &["mode"]);
        mode.is_none_or(|id| self.word(id, 1) != "http")
    }

    /// Whether a section has a page of statistics alone.
    fn is_page(&self, section: usize) -> bool {
        let serves = ["server", "server-template", "use_backend"];
        let passes = serves.iter().any(|word| !self.own(section, &[word]).is_empty());
        let default = self.setting(section, &["default_backend"]).is_some();
        !self.own(section, &["stats"]).is_empty() && !passes && !default
    }

    /// A section that passes TCP is noted, and never read as HTTP.
    fn tcp(&mut self, section: usize) {
        let own = self.span(self.sections[section].id);
        let help = "the new server does not pass it; keep it where it is, or write it by hand";
        self.ledger.say(Code::IMPORT_BESIDE, own, "TCP is passed beside the proxy", help);
        self.dropped_section(section, "TCP, beside the proxy");
    }

    fn lost_section(&mut self, section: usize, why: &str) {
        self.ledger.lost(self.sections[section].id, why);
        for id in self.sections[section].list.clone() {
            self.ledger.lost(id, why);
        }
    }

    fn dropped_section(&mut self, section: usize, why: &'static str) {
        self.ledger.dropped(self.sections[section].id, why);
        for id in self.sections[section].list.clone() {
            self.ledger.dropped(id, why);
        }
    }

    /// What nobody has spoken of: business of others, or not understood.
    fn rest(&mut self) {
        self.unasked();
        let acl = |statement: &&sections::Directive| statement.words[0] == "acl";
        let names: BTreeSet<&String> =
            self.all.iter().filter(acl).filter_map(|statement| statement.words.get(1)).collect();
        let rules = self.all.iter().filter(|statement| !names.is_empty() && !acl(statement));
        let words = rules.flat_map(|statement| &statement.words);
        let words = words.map(|word| word.trim_start_matches('!'));
        self.asked = words
            .filter_map(|word| names.get(&word.to_owned()))
            .map(|word| (*word).clone())
            .collect();
        for section in 0..self.sections.len() {
            let kind = self.sections[section].kind.clone();
            match kind.as_str() {
                "global" => self.global_rest(section),
                "peers" | "mailers" | "program" | "ring" | "log-forward" | "traces"
                | "log-profile" | "http-errors" | "crt-store" | "acme" => {
                    self.dropped_section(section, "the process: the new server has its own");
                }
                "resolvers" => {
                    for id in self.sections[section].list.clone() {
                        self.ledger.dropped(id, "tuning of name resolution");
                    }
                }
                "userlist" => {
                    let own = self.sections[section].id;
                    if self.ledger.is_open(own) {
                        let why = "users stand in a file of their own (`auth.basic.users_file`)";
                        self.lost_section(section, why);
                    }
                }
                "cache" => self.lost_section(section, "answers are kept by no route"),
                "fcgi-app" => self.dropped_section(section, "applications of other protocols"),
                "backend" if self.is_tcp(section) => {
                    self.tcp(section);
                }
                "backend" if !self.reached.contains(&section) => {
                    self.dropped_section(section, "no route leads there");
                }
                kind => {
                    let empty = kind == "backend"
                        && self.own(section, &["server"]).is_empty()
                        && self.own(section, &["server-template"]).is_empty();
                    self.statements(section);
                    if empty {
                        self.without_servers(section);
                    }
                }
            }
        }
    }

    /// What is said of servers where there are none; its requests are answered with 503.
    fn without_servers(&mut self, section: usize) {
        const OF_SERVERS: [&str; 8] = [
            "balance",
            "option",
            "reqrep",
            "http-check",
            "cookie",
            "timeout",
            "retries",
            "hash-type",
        ];
        for id in self.sections[section].list.clone() {
            if self.ledger.is_open(id) && OF_SERVERS.contains(&self.word(id, 0)) {
                self.ledger.dropped(id, "it has no server: its requests are answered with 503");
            }
        }
    }

    fn global_rest(&mut self, section: usize) {
        self.ledger.dropped(self.sections[section].id, "the process: the new server has its own");
        for id in self.sections[section].list.clone() {
            if self.word(id, 0).starts_with("lua-") {
                self.ledger.lost(id, "what Lua decides is not known");
            } else {
                self.ledger.dropped(id, "the process: the new server has its own");
            }
        }
    }

    /// The statements of a section that routes come from, or of `defaults`.
    fn statements(&mut self, section: usize) {
        let defaults = self.sections[section].kind == "defaults";
        let own = self.sections[section].id;
        self.ledger.taken(own, "where it holds");
        for id in self.sections[section].list.clone() {
            let words = self.all[id].words.clone();
            let word = |at: usize| words.get(at).map_or("", String::as_str);
            match (word(0), word(1)) {
                ("mode", "http") => self.ledger.taken(id, "routes"),
                ("mode", "tcp") if defaults => {
                    self.ledger.dropped(id, "every section within its reach has its own");
                }
                ("http-check", "disable-on-404") => {
                    self.ledger.taken(id, "health_check");
                    self.differs(id, "a server that answers 404 is taken out like one that fails");
                }
                ("ignore-persist", _) if self.setting(section, &["cookie"]).is_none() => {
                    self.ledger.dropped(id, "nothing sticks here");
                }
                ("http-response", action)
                    if ["deny", "silent-drop", "redirect", "return"].contains(&action)
                        || action.starts_with("lua.") =>
                {
                    self.guard(id, "what is done by the answer of a server is not known");
                }
                ("http-request", action) if action.starts_with("send-spoe-group") => {
                    self.guard(id, "what another program decides is not known");
                }
                ("http-request", action)
                    if action.starts_with("set-var") && self.ledger.is_open(id) =>
                {
                    self.ledger.lost(id, "a value that is computed for each request");
                }
                ("http-response", action) if action.starts_with("set-var") => {
                    self.ledger.lost(id, "a value that is computed for each answer");
                }
                ("acl", _) => self.unused(id),
                ("http-request", action) if action.starts_with("lua.") => {
                    self.guard(id, "what Lua decides is not known");
                }
                ("filter", "spoe") => self.guard(id, "what another program decides is not known"),
                ("filter", "compression") => self.ledger.taken(id, "compression"),
                ("http-request", "auth") => self.guard(id, "users stand in a file of their own"),
                ("http-request" | "tcp-request", action)
                    if action.starts_with("track-")
                        || action == "connection"
                        || action == "content"
                        || action == "inspect-delay" =>
                {
                    self.guard(id, "the model limits open tunnels and handshakes of an address");
                }
                ("stick-table" | "stick", _) => {
                    self.ledger.lost(id, "what is counted or remembered here is not in the model");
                }
                (
                    "http-request" | "http-response" | "http-after-response",
                    "set-var" | "unset-var" | "set-var-fmt",
                ) => {
                    self.ledger.lost(id, "a value that is computed for each request");
                }
                (
                    "timeout" | "balance" | "retries" | "maxconn" | "compression"
                    | "default-server" | "http-check" | "cookie" | "option" | "errorfile"
                    | "default_backend" | "clitimeout" | "srvtimeout" | "contimeout",
                    _,
                ) if defaults && self.ledger.is_open(id) && beside::reason(&words).is_none() => {
                    self.ledger.dropped(id, "every section within its reach has its own");
                }
                ("timeout", "server-fin") => self.ledger.taken(id, "timeouts.half_closed"),
                ("maxconn", _) => {
                    self.ledger.dropped(id, "a backend's connections are not counted");
                }
                _ => {
                    if let Some(why) = beside::reason(&words) {
                        self.ledger.dropped(id, why);
                    }
                }
            }
        }
    }

    /// A named condition that no rule of ours asked for.
    fn unused(&mut self, id: Id) {
        if !self.ledger.is_open(id) {
            return;
        }
        let name = self.word(id, 1).to_owned();
        if self.asked.contains(&name) {
            self.ledger.lost(id, "a rule that is lost asks for it");
        } else {
            self.ledger.dropped(id, "no rule asks for it");
        }
    }

    fn guard(&mut self, id: Id, why: &str) {
        if self.ledger.is_open(id) {
            self.ledger.opens(id, why);
        }
    }

    fn close(self) -> Imported {
        let Self { all, sections, mut ledger, site, followed, .. } = self;
        if let Some(first) = all.first().filter(|_| followed > variables::MOST) {
            let message =
                "conditions ask for variables that ask for each other; some are not followed";
            let help = "set these variables by conditions that ask for no other variable";
            ledger.say(Code::IMPORT_LIMIT, first.span, message, help);
        }
        let of_the_process: BTreeSet<Id> = sections
            .iter()
            .filter(|section| OF_THE_PROCESS.contains(&section.kind.as_str()))
            .flat_map(|section| section.list.iter().copied().chain([section.id]))
            .collect();
        let judged = all.iter().enumerate().map(|(id, directive)| {
            let two = [
                "timeout",
                "option",
                "http-request",
                "http-response",
                "http-check",
                "stats",
                "compression",
                "no",
                "tcp-request",
            ];
            let name = match directive.words.as_slice() {
                [first, second, ..] if two.contains(&first.as_str()) => format!("{first} {second}"),
                [first, ..] => first.clone(),
                [] => String::new(),
            };
            (
                name,
                directive.span,
                beside::reason(&directive.words).is_none() && !of_the_process.contains(&id),
            )
        });
        let (directives, findings, announced) =
            ledger.close(judged.collect::<Vec<_>>().into_iter());
        Imported { model: site.write(), directives, findings, announced, routes: Vec::new() }
    }
}

#[cfg(test)]
mod tests;
