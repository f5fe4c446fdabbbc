//! What becomes of the lines that no route was made of: business of others, out of reach, or not understood.

use std::collections::BTreeSet;

use wsgen_model::code::Code;

use super::differs::Differs;
use super::scope::Importer;
use crate::import::Imported;
use crate::import::dead_lines::Line;
use crate::import::ledger::Id;
use crate::import::placeholder::Directives;
use crate::syntax::Word;
use crate::targets::haproxy::syntax::{HttpCheck, Statement, out_of_scope};

/// Sections that say nothing of what is done with requests.
const OF_THE_PROCESS: [&str; 8] =
    ["global", "peers", "mailers", "program", "ring", "log-forward", "traces", "log-profile"];

impl Importer<'_> {
    /// Whether a section passes TCP: HTTP has to be asked for.
    pub(super) fn is_tcp(&self, section: usize) -> bool {
        let mode = self.setting(section, &["mode"]).and_then(|id| self.statement(id));
        !matches!(mode.as_deref(), Some(Statement::Mode(mode)) if mode == "http")
    }

    /// Whether a frontend that passes TCP leads to a backend of HTTP: HAProxy reads HTTP then.
    pub(super) fn leads_to_http(&mut self, section: usize) -> bool {
        let mut targets: Vec<String> = Vec::new();
        for id in self.rules_of(section) {
            if let Some(Statement::UseBackend { backend, .. }) = self.statement(id).as_deref() {
                targets.extend(backend.literal().map(str::to_owned));
            }
        }
        if let Some(id) = self.setting(section, &["default_backend"])
            && let Some(Statement::DefaultBackend(name)) = self.statement(id).as_deref()
        {
            targets.push(name.clone());
        }
        let http = |name: &String| self.backends.get(name).is_some_and(|back| !self.is_tcp(*back));
        let leads = !targets.is_empty() && targets.iter().all(http);
        if leads {
            let span = self.span(self.sections[section].id);
            self.differs(span, Differs::TcpFrontend);
        }
        leads
    }

    /// Whether a section is not run at all.
    pub(super) fn is_disabled(&self, section: usize) -> bool {
        let last = |section: usize| {
            let own = [self.own(section, &["disabled"]), self.own(section, &["enabled"])].concat();
            own.into_iter().max()
        };
        let said = self.chain(section).into_iter().find_map(last);
        said.is_some_and(|id| self.word(id, 0) == "disabled")
    }

    /// Whether a section has a page of statistics alone.
    pub(super) fn is_page(&self, section: usize) -> bool {
        let serves = ["server", "server-template", "use_backend"];
        let passes = serves.iter().any(|word| !self.own(section, &[word]).is_empty());
        let default = self.setting(section, &["default_backend"]).is_some();
        !self.own(section, &["stats"]).is_empty() && !passes && !default
    }

    /// A section that passes TCP is noted, and never read as HTTP.
    pub(super) fn tcp(&mut self, section: usize) {
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

    pub(super) fn dropped_section(&mut self, section: usize, why: &'static str) {
        self.ledger.dropped(self.sections[section].id, why);
        for id in self.sections[section].list.clone() {
            self.ledger.dropped(id, why);
        }
    }

    /// What nobody has spoken of.
    pub(super) fn rest(&mut self) {
        self.verdicts_of_variables();
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
                "backend" if self.is_tcp(section) => self.tcp(section),
                "backend" if !self.reached.contains(&section) => {
                    self.dropped_section(section, "no route leads there");
                }
                kind => {
                    let empty = kind == "backend"
                        && self.own(section, &["server"]).is_empty()
                        && self.own(section, &["server-template"]).is_empty();
                    if empty || self.rules_spoken.contains(&section) {
                        self.without_servers(section, empty);
                    }
                    self.statements(section);
                }
            }
        }
    }

    /// Rules that set variables: whether others ask for them.
    fn verdicts_of_variables(&mut self) {
        for (id, (name, why)) in std::mem::take(&mut self.variables) {
            if !self.asked_variables.contains(&name) {
                // Other programs ask for variables too.
                if self.agents {
                    self.ledger.lost(id, "a value that is computed for each request");
                } else {
                    self.ledger.dropped(id, "no rule asks for it");
                }
                continue;
            }
            match why {
                Some(why) => self.lose(id, Some(why.span), &why.why, false),
                None => self.ledger.taken(id, "where the variable stands"),
            }
        }
    }

    /// What is said of servers where there are none, or where every request is answered ahead of them.
    fn without_servers(&mut self, section: usize, empty: bool) {
        let why = if empty {
            "it has no server: its requests are answered with 503"
        } else {
            "what comes ahead of it takes all of its requests"
        };
        for id in self.sections[section].list.clone() {
            let of_servers = matches!(
                self.statement(id).as_deref(),
                Some(
                    Statement::Balance(_)
                        | Statement::Option(_)
                        | Statement::HttpCheck(_)
                        | Statement::Cookie(_)
                        | Statement::Timeout(_)
                        | Statement::Retries(_)
                        | Statement::Server(_)
                        | Statement::DefaultServer(_)
                        | Statement::HttpResponse(_)
                )
            );
            if self.ledger.is_open(id)
                && (of_servers || ["reqrep", "hash-type"].contains(&self.word(id, 0)))
            {
                self.ledger.dropped(id, why);
            }
        }
    }

    fn global_rest(&mut self, section: usize) {
        self.ledger.dropped(self.sections[section].id, "the process: the new server has its own");
        for id in self.sections[section].list.clone() {
            match self.statement(id).as_deref() {
                Some(Statement::Lua) => self.ledger.lost(id, "what Lua decides is not known"),
                _ => self.ledger.dropped(id, "the process: the new server has its own"),
            }
        }
    }

    /// The statements of a section that routes come from, or of `defaults`.
    fn statements(&mut self, section: usize) {
        let defaults = self.sections[section].kind == "defaults";
        let own = self.sections[section].id;
        self.ledger.taken(own, "where it holds");
        for id in self.sections[section].list.clone() {
            if let Some(unread) = self.unread_of(id) {
                if self.ledger.is_open(id) {
                    let guards =
                        ["deny", "reject", "silent-drop", "return", "redirect", "tarpit", "auth"];
                    let guards =
                        guards.contains(&self.word(id, 1)) || guards.contains(&self.word(id, 2));
                    self.lose(id, Some(unread.span), &unread.why, guards);
                }
                continue;
            }
            let Some(statement) = self.statement(id) else { continue };
            if self.ledger.is_open(id) {
                self.statement_left(section, id, &statement, defaults);
            }
        }
    }

    /// A statement of which nothing was said.
    fn statement_left(&mut self, section: usize, id: Id, statement: &Statement, defaults: bool) {
        let reason = out_of_scope(&self.all[id].words);
        match statement {
            // Servers see the field, behind what the client itself sent of it.
            Statement::Aside(_) if self.word(id, 0) == "unique-id-header" => {
                self.ledger.lost(id, "the model numbers no requests");
            }
            Statement::Stats(words)
                if words.first().is_some_and(|word| ["uri", "enable"].contains(&word.as_str())) =>
            {
                let span = self.span(id);
                self.differs(span, Differs::StatisticsPage);
                self.ledger.dropped(id, "statistics: the new server has its own");
            }
            Statement::Aside(why) => self.ledger.dropped(id, why),
            _ if reason.is_some() => {
                if let Some(why) = reason {
                    self.ledger.dropped(id, why);
                }
            }
            Statement::Mode(mode) if mode == "http" => self.ledger.taken(id, "routes"),
            Statement::Acl { .. } if self.used.contains(&id) => self.ledger.taken(id, "match"),
            Statement::Acl { .. } => self.ledger.dropped(id, "no rule asks for it"),
            Statement::HttpCheck(HttpCheck::DisableOn404) => {
                self.ledger.taken(id, "health_check");
                let span = self.span(id);
                self.differs(span, Differs::CheckOn404);
            }
            Statement::Persist(_) if self.setting(section, &["cookie"]).is_none() => {
                self.ledger.dropped(id, "nothing sticks here");
            }
            Statement::Filter(name) if name == "compression" => {
                self.ledger.taken(id, "compression");
            }
            Statement::Filter(_) => {
                self.ledger.opens(id, "what another program decides is not known");
            }
            Statement::Stick(_) => {
                self.ledger.lost(id, "what is counted or remembered here is not in the model");
            }
            Statement::Timeout(_)
            | Statement::Balance(_)
            | Statement::Retries(_)
            | Statement::MaxConn(_)
            | Statement::Compression(_)
            | Statement::DefaultServer(_)
            | Statement::HttpCheck(_)
            | Statement::Cookie(_)
            | Statement::Option(_)
            | Statement::ErrorFile(..)
            | Statement::DefaultBackend(_)
            | Statement::Mode(_)
            | Statement::MonitorUri(_)
            | Statement::HttpError(..)
                if defaults =>
            {
                self.ledger.dropped(id, "every section within its reach has its own");
            }
            Statement::Timeout(timeout) if timeout.name == "server-fin" => {
                self.ledger.taken(id, "timeouts.half_closed");
            }
            Statement::Timeout(timeout) if timeout.name == "check" => {
                self.ledger.dropped(id, "no server is asked here");
            }
            Statement::MaxConn(_) => {
                self.ledger.dropped(id, "a backend's connections are not counted");
            }
            Statement::Option(switch) if switch.name == "httpchk" => {
                self.ledger.dropped(id, "no server is asked here");
            }
            Statement::HttpCheck(_) => self.ledger.dropped(id, "no server is asked here"),
            Statement::HttpRequest(_)
            | Statement::Block(_)
            | Statement::Redirect(_)
            | Statement::UseBackend { .. }
            | Statement::HttpResponse(_)
            | Statement::DefaultBackend(_) => {
                self.unrun(section, id, defaults);
            }
            Statement::Tcp(_) => self
                .ledger
                .opens(id, "the model does not look at connections ahead of their requests"),
            Statement::Mode(_)
            | Statement::Bind(_)
            | Statement::Server(_)
            | Statement::DefaultServer(_)
            | Statement::MonitorUri(_)
            | Statement::MonitorFail(_)
            | Statement::Timeout(_)
            | Statement::Option(_)
            | Statement::Balance(_)
            | Statement::Cookie(_)
            | Statement::Retries(_)
            | Statement::Compression(_)
            | Statement::ErrorFile(..)
            | Statement::HttpError(..)
            | Statement::Stats(_)
            | Statement::Persist(_)
            | Statement::NameServer(_)
            | Statement::Hold(..)
            | Statement::Lua => {
                self.ledger.lost(id, "the model has no field for it");
            }
        }
    }

    /// A rule that was not run.
    fn unrun(&mut self, section: usize, id: Id, defaults: bool) {
        if self.reached.contains(&section) {
            self.ledger.dropped(id, "what comes ahead of it takes all of its requests");
        } else if defaults {
            self.ledger.dropped(id, "every section within its reach has its own");
        } else {
            self.ledger.lost(id, "its section listens nowhere");
        }
    }

    /// What was made of the whole configuration.
    pub(super) fn close(self) -> Imported {
        let Self { all, sections, backends, sources, mut ledger, mut site, too_deep, .. } = self;
        if let Some(first) = all.first().filter(|_| too_deep) {
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
        let judged: Vec<_> = all
            .iter()
            .enumerate()
            .map(|(id, line)| {
                let proxying = out_of_scope(&line.words).is_none() && !of_the_process.contains(&id);
                (name_of(&line.words), line.span, proxying)
            })
            .collect();
        let routes = site.origins(
            |id| all[id].span,
            |id| super::sections::around(&sections, &backends, &all, id),
        );
        let directives = Directives {
            sources,
            name: &|id| name_of(&all[id].words),
            place: &|id| all[id].span,
            around: &|id| {
                let own = sections.partition_point(|section| section.id <= id).checked_sub(1)?;
                Some(sections[own].id).filter(|section| *section != id)
            },
        };
        site.say_dead_lines(&mut ledger, &directives, |id| {
            match all[id].statement.as_ref().map(|read| read.as_deref()) {
                None => Line::Block,
                Some(Ok(
                    Statement::UseBackend { .. }
                    | Statement::DefaultBackend(_)
                    | Statement::HttpRequest(_)
                    | Statement::Redirect(_)
                    | Statement::Block(_),
                )) => Line::Rule,
                Some(_) => Line::Part,
            }
        });
        site.explain_placeholders(&mut ledger, &directives);
        ledger.close(judged.into_iter(), &directives).imported(site.write(), routes)
    }
}

/// Keywords that say little without the word behind them.
#[rustfmt::skip]
const OF_TWO_WORDS: [&str; 9] = [
    "timeout", "option", "http-request", "http-response", "http-check", "stats", "compression", "no", "tcp-request",
];

/// The words by which findings name a line.
fn name_of(words: &[Word]) -> String {
    match words {
        [first, second, ..] if OF_TWO_WORDS.contains(&first.as_str()) => {
            format!("{} {}", first.text, second.text)
        }
        [first, ..] => first.text.clone(),
        [] => String::new(),
    }
}
