//! HAProxy's configuration at another place.

use wsgen_model::source::{SourceId, Sources, Span};

use super::bind::listen;
use super::scope::Importer;
use super::server::address;
use crate::import::Files;
use crate::import::ledger::Id;
use crate::import::relocate::{Elsewhere, Relocated};

/// Statements of the machine, and those that name files which only their own machine has.
const LEFT_OUT: [&str; 10] = [
    "log",
    "stats",
    "errorfile",
    "errorfiles",
    "filter",
    "bind-process",
    "monitor",
    "log-format",
    "unique-id-format",
    "id",
];

/// Moves it.
pub(in crate::targets::haproxy) fn relocate(
    sources: &mut Sources,
    ids: &[SourceId],
    files: &mut dyn Files,
    elsewhere: &mut dyn Elsewhere,
    unknown: &[String],
) -> Relocated {
    let importer = super::importer(sources, ids, files);
    let mut moving = Moving {
        importer: &importer,
        elsewhere,
        unknown,
        changes: Vec::new(),
        left_out: Vec::new(),
    };
    let mut text = String::from("global\n    maxconn 1000\n");
    for section in 0..importer.sections.len() {
        let kind = importer.sections[section].kind.as_str();
        let http = match kind {
            "defaults" | "userlist" | "resolvers" => true,
            "frontend" | "listen" => !importer.is_tcp(section) && !importer.is_page(section),
            "backend" => !importer.is_tcp(section),
            _ => false,
        };
        if http {
            text.push_str(&moving.section(section));
        }
    }
    Relocated { text, changes: moving.changes, left_out: moving.left_out }
}

/// The statement that a checker says it does not know.
pub(in crate::targets::haproxy) fn unknown(said: &str) -> Option<String> {
    for line in
        said.lines().filter(|line| line.contains("[ALERT]") && line.contains(" : parsing ["))
    {
        // What is quoted first is what it stumbles over.
        let rest = line.split("] : ").nth(1).unwrap_or(line);
        let got = rest.split("but got '").nth(1).and_then(|rest| rest.split('\'').next());
        let Some(quoted) = got.or_else(|| rest.split('\'').nth(1)) else { continue };
        let name = quoted.split(' ').next().unwrap_or(quoted);
        if !name.is_empty() && !name.contains('/') {
            return Some(name.to_owned());
        }
    }
    None
}

struct Moving<'a, 's> {
    importer: &'a Importer<'s>,
    elsewhere: &'a mut dyn Elsewhere,
    unknown: &'a [String],
    changes: Vec<String>,
    left_out: Vec<Span>,
}

impl Moving<'_, '_> {
    fn slice(&self, id: Id) -> &str {
        self.importer.sources.slice(self.importer.span(id))
    }

    /// The words of a line.
    fn words(&self, id: Id) -> Vec<String> {
        self.importer.all[id].words.iter().map(|word| word.text.clone()).collect()
    }

    fn section(&mut self, section: usize) -> String {
        let own = &self.importer.sections[section];
        let mut words = self.words(own.id);
        // Before 1.8 the address could stand behind the name.
        let old = (own.kind != "backend" && own.kind != "defaults")
            .then(|| words.get(2).cloned())
            .flatten()
            .filter(|word| word.contains(':'));
        let mut text = String::new();
        if let Some(old) = old {
            words.truncate(2);
            for address in old.split(',').filter_map(listen) {
                text.push_str(&format!("    bind {}\n", self.elsewhere.listener(&address)));
            }
        }
        let head: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        let mut out = format!("{}\n{text}", head.join(" "));
        for id in own.list.clone() {
            out.push_str(&self.statement(id));
        }
        out
    }

    fn statement(&mut self, id: Id) -> String {
        let words = self.words(id);
        let name = words[0].as_str();
        let logs = name == "option" && words.get(1).is_some_and(|word| word.contains("log"));
        // Its program is one of the machine's.
        let asks_another = words.get(1).is_some_and(|word| word == "send-spoe-group");
        if LEFT_OUT.contains(&name) || logs || asks_another {
            return String::new();
        }
        let names = |word: &String| self.unknown.contains(word);
        if words.iter().take(2).any(names) {
            let line = self.slice(id).trim().to_owned();
            let change = format!("`{line}` is left out: the HAProxy that runs it does not know it");
            if !self.changes.contains(&change) {
                self.changes.push(change);
            }
            self.left_out.push(self.importer.span(id));
            return String::new();
        }
        match name {
            "bind" => self.bind(&words),
            "server" => self.server(&words),
            _ => format!("    {}\n", self.slice(id)),
        }
    }

    fn bind(&mut self, words: &[String]) -> String {
        let addresses = words.get(1).map_or("", String::as_str);
        let mut rest: Vec<String> = Vec::new();
        let mut at = 2;
        while at < words.len() {
            match words[at].as_str() {
                "crt" | "crt-list" => {
                    rest.extend(["crt".to_owned(), self.elsewhere.certificate().both]);
                    at += 1;
                }
                "ca-file" => {
                    let name = words.get(at + 1).cloned().unwrap_or_default();
                    rest.extend(["ca-file".to_owned(), self.elsewhere.file(&name)]);
                    at += 1;
                }
                "user" | "group" | "mode" | "process" | "ciphers" | "ciphersuites"
                | "interface" => at += 1,
                word => rest.push(quoted(word)),
            }
            at += 1;
        }
        addresses
            .split(',')
            .filter_map(listen)
            .filter(|address| !address.starts_with("quic"))
            .map(|address| {
                format!("    bind {} {}\n", self.elsewhere.listener(&address), rest.join(" "))
            })
            .collect()
    }

    fn server(&mut self, words: &[String]) -> String {
        let Some(address) =
            words.get(2).and_then(|word| address(word, words.iter().any(|word| word == "ssl")))
        else {
            return String::new();
        };
        let mut rest: Vec<String> = Vec::new();
        let mut at = 3;
        while at < words.len() {
            match words[at].as_str() {
                "ca-file" => {
                    let name = words.get(at + 1).cloned().unwrap_or_default();
                    rest.extend(["ca-file".to_owned(), self.elsewhere.file(&name)]);
                    at += 1;
                }
                // Names are resolved to where their servers were put.
                "resolvers" | "resolve-prefer" | "init-addr" | "crt" => at += 1,
                word => rest.push(quoted(word)),
            }
            at += 1;
        }
        let name = words.get(1).map_or("", String::as_str);
        format!(
            "    server {} {} {}\n",
            quoted(name),
            self.elsewhere.server(&address),
            rest.join(" ")
        )
    }
}

/// A word that is read as this word.
fn quoted(word: &str) -> String {
    let plain = |c: char| !c.is_whitespace() && !"#\\\"'$".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', ""))
}
