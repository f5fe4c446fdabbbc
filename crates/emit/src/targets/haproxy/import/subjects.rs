//! What clients and servers see of a statement: its loss announces differences of these subjects.

use super::scope::Importer;
use crate::subject::Subject;
use crate::targets::haproxy::syntax::{Action, Statement, Target};

/// What decides which answer a request gets.
fn of_choice() -> Vec<Subject> {
    vec![Subject::Answer, Subject::Target, Subject::Location, Subject::Handshake]
}

/// What a rule is about.
pub(super) fn of_rule(action: &Action, request: bool) -> Vec<Subject> {
    let field = |name: &str| match request {
        true if name.eq_ignore_ascii_case("upgrade") => vec![Subject::Handshake, Subject::Answer],
        true => vec![Subject::request_field(name)],
        false => vec![Subject::response_field(name)],
    };
    match action {
        Action::Field { name, .. }
        | Action::DelHeader { name, .. }
        | Action::ReplaceField { name, .. } => field(name),
        // A target with a host in it changes Host too.
        Action::SetTarget { part: Target::Uri, .. }
        | Action::ReplaceTarget { part: Target::Uri, .. } => {
            vec![Subject::Target, Subject::Answer, Subject::request_field("host")]
        }
        Action::SetTarget { .. } | Action::ReplaceTarget { .. } | Action::NormalizeUri { .. } => {
            vec![Subject::Target, Subject::Answer]
        }
        Action::SetTimeout { .. } => vec![Subject::Timer],
        Action::Track { .. } => vec![Subject::Limit],
        Action::SetSrc(_) => vec![Subject::Forwarded, Subject::Answer],
        Action::Aside { .. } => Vec::new(),
        Action::Allow
        | Action::Deny { .. }
        | Action::Tarpit { .. }
        | Action::Drop
        | Action::Return(_)
        | Action::Redirect(_)
        | Action::Auth { .. }
        | Action::SetMethod(_)
        | Action::SetVar { .. }
        | Action::SetVarFmt { .. }
        | Action::UnsetVar { .. }
        | Action::Ask { .. } => of_choice(),
    }
}

/// What a statement is about.
fn of(statement: &Statement) -> Vec<Subject> {
    match statement {
        Statement::HttpRequest(rule) | Statement::Block(rule) => of_rule(&rule.action, true),
        Statement::HttpResponse(rule) => of_rule(&rule.action, false),
        Statement::Acl { .. }
        | Statement::UseBackend { .. }
        | Statement::DefaultBackend(_)
        | Statement::Redirect(_)
        | Statement::MonitorUri(_)
        | Statement::MonitorFail(_)
        | Statement::Filter(_)
        | Statement::Lua => of_choice(),
        Statement::Tcp(_) => vec![Subject::Answer, Subject::Connection, Subject::Limit],
        Statement::Bind(_) => vec![Subject::Connection],
        Statement::Server(_) | Statement::DefaultServer(_) => {
            vec![Subject::Balancing, Subject::Connection, Subject::Answer]
        }
        Statement::Balance(_)
        | Statement::Cookie(_)
        | Statement::HttpCheck(_)
        | Statement::Persist(_)
        | Statement::Stick(_) => vec![Subject::Balancing],
        Statement::Timeout(_) => vec![Subject::Timer],
        Statement::MaxConn(_) | Statement::Retries(_) => vec![Subject::Limit],
        Statement::Compression(_) => vec![Subject::response_field("content-encoding")],
        Statement::ErrorFile(..) | Statement::HttpError(..) => {
            vec![Subject::response_field("content-type")]
        }
        Statement::Option(switch) if switch.name == "forwardfor" => {
            let named = switch.args.iter().skip_while(|word| word.text != "header").nth(1);
            let named = named.map(|name| Subject::request_field(&name.text));
            named.into_iter().chain([Subject::Forwarded]).collect()
        }
        Statement::Option(_)
        | Statement::Mode(_)
        | Statement::Stats(_)
        | Statement::NameServer(_)
        | Statement::Hold(..)
        | Statement::Aside(_) => Vec::new(),
    }
}

impl Importer<'_> {
    /// Tells the ledger what every statement is about. A line that was not read may be about the choice of an answer.
    pub(super) fn tell_subjects(&mut self) {
        for id in 0..self.all.len() {
            let subjects = match &self.all[id].statement {
                Some(Ok(_)) if self.word(id, 0) == "unique-id-header" => {
                    vec![Subject::request_field(self.word(id, 1))]
                }
                Some(Ok(statement)) => of(statement),
                Some(Err(_)) => of_choice(),
                None => Vec::new(),
            };
            if !subjects.is_empty() {
                self.ledger.about(id, subjects);
            }
        }
    }
}
