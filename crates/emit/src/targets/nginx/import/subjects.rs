//! What clients and servers see of a directive: its loss, and what it means otherwise in the model, announces differences of
//! these subjects.

use super::scope::Importer;
use crate::import::ledger::Id;
use crate::subject::Subject;
use crate::targets::nginx::syntax::Statement;

/// What decides which answer a request gets.
fn of_choice() -> Vec<Subject> {
    vec![Subject::Answer, Subject::Target, Subject::Location, Subject::Handshake]
}

/// What a directive with plain arguments is about, by its name.
fn of_setting(name: &str, first: &str) -> Vec<Subject> {
    match name {
        "proxy_hide_header" | "proxy_pass_header" => vec![Subject::response_field(first)],
        "expires" => {
            vec![Subject::response_field("cache-control"), Subject::response_field("expires")]
        }
        "proxy_redirect" => vec![Subject::Location],
        "proxy_cookie_path" | "proxy_cookie_domain" | "proxy_cookie_flags" => {
            vec![Subject::response_field("set-cookie")]
        }
        "set_real_ip_from" | "real_ip_header" | "real_ip_recursive" => {
            vec![Subject::Forwarded, Subject::Answer]
        }
        "limit_req"
        | "limit_conn"
        | "limit_rate"
        | "client_max_body_size"
        | "large_client_header_buffers" => vec![Subject::Limit],
        "keepalive" | "proxy_next_upstream" | "proxy_next_upstream_tries" => {
            vec![Subject::Balancing]
        }
        "proxy_http_version" => vec![Subject::Handshake, Subject::Connection],
        "auth_request_set" | "proxy_intercept_errors" => vec![Subject::Answer],
        "gzip" | "gzip_types" => {
            vec![Subject::response_field("content-encoding"), Subject::response_field("vary")]
        }
        name if name.ends_with("_timeout") || name.ends_with("buffering") => vec![Subject::Timer],
        name if name.starts_with("ssl_") || name.starts_with("proxy_ssl_") => {
            vec![Subject::Connection]
        }
        "proxy_socket_keepalive" => vec![Subject::Timer],
        _ => Vec::new(),
    }
}

fn of(name: &str, first: &str, statement: &Statement) -> Vec<Subject> {
    match statement {
        Statement::SetHeader(field) => match field.name.to_ascii_lowercase().as_str() {
            "upgrade" | "connection" => vec![Subject::Handshake, Subject::Answer],
            name => vec![Subject::request_field(name)],
        },
        Statement::AddHeader(field) => vec![Subject::response_field(&field.name)],
        Statement::Listen(_) | Statement::Protocols(_) => vec![Subject::Connection],
        Statement::VerifyClient(_) => vec![Subject::Connection, Subject::Answer],
        Statement::ErrorPage(_) => {
            vec![Subject::Answer, Subject::response_field("content-type")]
        }
        Statement::UpstreamServer(_) => vec![Subject::Balancing, Subject::Answer],
        Statement::Balancing(_) => vec![Subject::Balancing],
        Statement::Zone(_) => vec![Subject::Limit],
        Statement::Location(_)
        | Statement::If(_)
        | Statement::Return(_)
        | Statement::Rewrite(_)
        | Statement::Set(_)
        | Statement::Break
        | Statement::Internal
        | Statement::ServerName(_)
        | Statement::Map(_)
        | Statement::MapLine(_)
        | Statement::Computed(_)
        | Statement::ProxyPass(_)
        | Statement::TryFiles(_)
        | Statement::Access(_)
        | Statement::Satisfy(_)
        | Statement::LimitExcept(_)
        | Statement::Auth(_) => of_choice(),
        Statement::Setting(_) if super::guard::is_unknown_guard(name) => of_choice(),
        Statement::Setting(_) => of_setting(name, first),
        Statement::Line(_) => Vec::new(),
    }
}

impl Importer<'_> {
    /// What a directive is about. One that was not read may be about the choice of an answer.
    pub(super) fn subjects(&self, id: Id) -> Vec<Subject> {
        let directive = &self.tree.all[id];
        match &directive.value {
            Ok(statement) => of(&directive.name, self.tree.argument(id, 0), statement),
            Err(_) => of_choice(),
        }
    }

    /// Tells the ledger what every directive is about.
    pub(super) fn tell_subjects(&mut self) {
        for id in 0..self.tree.all.len() {
            let subjects = self.subjects(id);
            if !subjects.is_empty() {
                self.ledger.about(id, subjects);
            }
        }
    }
}
