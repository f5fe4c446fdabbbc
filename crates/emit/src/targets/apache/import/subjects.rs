//! What clients and upstreams see of a directive: what its loss announces.

use super::tree::Directive;
use crate::subject::Subject;
use crate::targets::apache::syntax::Statement;

/// The subjects of a directive.
pub(super) fn of(directive: &Directive) -> Vec<Subject> {
    use Subject::{
        Answer, Balancing, Connection, Forwarded, Handshake, Limit, Location, Target, Timer,
    };
    match &directive.statement {
        Ok(Statement::RequestHeader(edit)) => {
            vec![Subject::request_field(&edit.name), Forwarded, Handshake]
        }
        Ok(Statement::Header(edit)) => vec![Subject::response_field(&edit.name)],
        Ok(Statement::BalancerMember(_) | Statement::ProxySet(_)) => {
            vec![Answer, Balancing, Timer, Handshake]
        }
        Ok(
            Statement::RewriteEngine(_)
            | Statement::RewriteOptions(_)
            | Statement::RewriteCond(_)
            | Statement::RewriteRule(_)
            | Statement::ProxyPass(_)
            | Statement::Redirect(_)
            | Statement::Section(_)
            | Statement::Access(_),
        )
        | Err(_) => vec![Answer, Target, Location, Handshake],
        Ok(Statement::Setting(_)) => {
            let name = directive.name.as_str();
            if name.contains("timeout") {
                vec![Timer]
            } else if name.starts_with("limit") {
                vec![Limit, Answer]
            } else if name.starts_with("ssl") || name.starts_with("remoteip") {
                vec![Connection, Forwarded, Answer]
            } else if name.contains("cookie") {
                vec![Subject::response_field("set-cookie")]
            } else {
                vec![Answer, Target, Location, Handshake]
            }
        }
    }
}
