//! Apache httpd 2.4's directives as types, in the server's own terms (its manual's directive index).
//!
//! [`parse`] reads one directive or the head of one section from its words. A directive whose words were not all
//! understood is an [`Unread`] at the first of them.

// A new directive or flag must not fall into an arm that was written before it (docs/decisions/reading.md).
#![deny(clippy::wildcard_enum_match_arm)]

pub mod access;
pub mod expression;
pub mod header;
pub mod proxy;
pub mod redirect;
pub mod rewrite;
pub mod section;
pub mod setting;
pub mod template;

use wsgen_model::source::{SourceId, Span};

pub use self::access::{Access, Order, Require, Requirement, Satisfy};
pub use self::expression::Expression;
pub use self::header::HeaderEdit;
pub use self::proxy::{BalancerMember, Parameter, ProxyPass, ProxySet, ProxyTarget};
pub use self::redirect::Redirect;
pub use self::rewrite::{RewriteCond, RewriteOptions, RewriteRule};
pub use self::section::{Address, Place, ProxyScope, Section};
pub use self::setting::Setting;
use super::lex::{Kind, lex};
use crate::syntax::{Directive, Parsed, Unread, Word, Words};

/// One directive of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// The head of a section: `<Location /a>`.
    Section(Section),
    /// `RewriteEngine on`.
    RewriteEngine(bool),
    /// `RewriteOptions Inherit`.
    RewriteOptions(Vec<RewriteOptions>),
    /// `RewriteCond TEST PATTERN [FLAGS]`.
    RewriteCond(Box<RewriteCond>),
    /// `RewriteRule PATTERN SUBSTITUTION [FLAGS]`.
    RewriteRule(Box<RewriteRule>),
    /// `ProxyPass` and `ProxyPassMatch`.
    ProxyPass(ProxyPass),
    /// `BalancerMember URL KEY=VALUE…`.
    BalancerMember(BalancerMember),
    /// `ProxySet URL KEY=VALUE…`.
    ProxySet(ProxySet),
    /// `Redirect` and its kin (`mod_alias`).
    Redirect(Redirect),
    /// `RequestHeader`: an edit of the request's fields.
    RequestHeader(Box<HeaderEdit>),
    /// `Header`: an edit of the answer's fields.
    Header(Box<HeaderEdit>),
    /// Who may use a place: `Require`, `Order`, `Allow`, `Deny`, `Satisfy`, `AuthType`.
    Access(Access),
    /// A directive whose arguments are texts, switches, numbers or times.
    Setting(Setting),
}

/// Reads every directive and head of a section of one file, in its order. Included files and variables stay as they are.
pub fn read(source: SourceId, text: &str) -> Vec<Directive<Statement>> {
    let lines = lex(text).into_iter().filter(|line| line.kind != Kind::Close);
    let read = lines.map(|line| {
        let span = Span::new(source, line.range);
        let mut words = line.words.into_iter().map(|word| Word {
            text: word.seen,
            span: Span::new(source, word.range),
            quoted: word.quoted,
        });
        let name = words.next().map(|word| word.text).unwrap_or_default();
        let words: Vec<Word> = words.collect();
        let value = parse(&name.to_lowercase(), line.kind == Kind::Open, &words, span);
        Directive { name, span, value }
    });
    read.collect()
}

/// Parses one directive, or the head of one section where `section` is set. `name` is in small letters.
///
/// # Errors
/// The first word that was not understood.
pub fn parse(name: &str, section: bool, words: &[Word], span: Span) -> Parsed<Statement> {
    let mut words = Words::new(words, span);
    let statement = statement(name, section, &mut words)?;
    words.end()?;
    Ok(statement)
}

fn statement(name: &str, section: bool, words: &mut Words<'_>) -> Parsed<Statement> {
    if section {
        return Ok(Statement::Section(Section::parse(name, words)?));
    }
    Ok(match name {
        "rewriteengine" => Statement::RewriteEngine(setting::switch(words)?),
        "rewriteoptions" => Statement::RewriteOptions(RewriteOptions::parse(words)?),
        "rewritecond" => Statement::RewriteCond(Box::new(RewriteCond::parse(words)?)),
        "rewriterule" => Statement::RewriteRule(Box::new(RewriteRule::parse(words)?)),
        "proxypass" => Statement::ProxyPass(ProxyPass::parse(false, words)?),
        "proxypassmatch" => Statement::ProxyPass(ProxyPass::parse(true, words)?),
        "balancermember" => Statement::BalancerMember(BalancerMember::parse(words)?),
        "proxyset" => Statement::ProxySet(ProxySet::parse(words)?),
        "redirect" | "redirectmatch" | "redirectpermanent" | "redirecttemp" => {
            Statement::Redirect(Redirect::parse(name, words)?)
        }
        "requestheader" => Statement::RequestHeader(Box::new(HeaderEdit::parse(true, words)?)),
        "header" => Statement::Header(Box::new(HeaderEdit::parse(false, words)?)),
        "require" | "order" | "allow" | "deny" | "satisfy" | "authtype" => {
            Statement::Access(Access::parse(name, words)?)
        }
        name => Statement::Setting(Setting::parse(name, words)?),
    })
}

/// Returns why Apache would refuse the whole file for this directive (`apachectl configtest`), as far as that is known.
pub fn refused(name: &str, words: &[Word]) -> Option<Unread> {
    match name {
        "rewritecond" | "rewriterule" => rewrite::refused(words),
        "requestheader" | "header" => header::refused(words),
        _ => None,
    }
}
