//! HAProxy's directives as types, in the words of its configuration manual.
//!
//! A statement is read in full or not at all: [`Statement::parse`] gives the first word that was not understood.

// A new directive or flag must not fall into an arm that was written before it (docs/decisions/reading.md).
#![deny(clippy::wildcard_enum_match_arm)]

mod action;
mod answer;
mod check;
mod condition;
mod endpoint;
mod log_format;
mod out_of_scope;
mod redirect;
mod sample;
mod setting;

use wsgen_model::source::Span;

pub use self::action::{Action, Rule, Target};
pub use self::answer::{Body, Return};
pub use self::check::{HttpCheck, Probe};
pub use self::condition::{Condition, Matcher, Range, Term, TermTest, Test};
pub use self::endpoint::{Bind, EndpointOption, Server, option, server_options};
pub use self::log_format::{LogFormat, Part};
pub use self::out_of_scope::out_of_scope;
pub use self::redirect::{Redirect, RedirectRule, To};
pub use self::sample::{Call, Sample};
pub use self::setting::{Balance, Compression, Cookie, ForwardFor, Switch, Timeout, time};
use crate::syntax::{Parsed, Unread, Word, Words};

/// One statement of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// `mode`.
    Mode(String),
    /// `bind`.
    Bind(Bind),
    /// `server` or `server-template`.
    Server(Server),
    /// `default-server`.
    DefaultServer(Vec<EndpointOption>),
    /// One line of a named condition.
    Acl {
        /// The name.
        name: String,
        /// What the line tests.
        test: Test,
    },
    /// `use_backend`.
    UseBackend {
        /// The backend's name, which may be made of the request.
        backend: LogFormat,
        /// When it is used.
        condition: Option<Condition>,
    },
    /// `default_backend`.
    DefaultBackend(String),
    /// `http-request`, and older directives that do the same.
    HttpRequest(Rule),
    /// `block`: runs ahead of every `http-request` rule.
    Block(Rule),
    /// `http-response` or `http-after-response`, and older directives that do the same.
    HttpResponse(Rule),
    /// `redirect`: runs behind every `http-request` rule.
    Redirect(RedirectRule),
    /// `tcp-request` or `tcp-response`.
    Tcp(TcpRule),
    /// `monitor-uri`: the path of which every request is answered with 200.
    MonitorUri(String),
    /// `monitor fail`: when those requests are answered with 503.
    MonitorFail(Option<Condition>),
    /// `timeout`, `clitimeout`, `srvtimeout`, `contimeout`.
    Timeout(Timeout),
    /// `option` and `no option`.
    Option(Switch),
    /// `balance`.
    Balance(Balance),
    /// `cookie`.
    Cookie(Cookie),
    /// `http-check`.
    HttpCheck(HttpCheck),
    /// `retries`.
    Retries(u64),
    /// `maxconn`.
    MaxConn(u64),
    /// `compression`.
    Compression(Compression),
    /// `errorfile`: the status and the file of a whole answer.
    ErrorFile(u64, String),
    /// `http-error`: the status, and the file of a body.
    HttpError(u64, Option<String>),
    /// `stick-table` or `stick`.
    Stick(Vec<Word>),
    /// `filter`: its name.
    Filter(String),
    /// `stats`.
    Stats(Vec<Word>),
    /// `ignore-persist` or `force-persist`.
    Persist(Option<Condition>),
    /// `nameserver`: its address.
    NameServer(String),
    /// `hold`: the state and the time in milliseconds.
    Hold(String, u64),
    /// `lua-load` and the like.
    Lua,
    /// A statement of the process, its logs and the like: the reason why a model does not say it.
    Aside(&'static str),
}

/// A rule of `tcp-request` or `tcp-response`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TcpRule {
    /// `connection`, `session`, `content` or `inspect-delay`.
    pub level: String,
    /// The action and its arguments.
    pub action: Vec<Word>,
    /// When it is done.
    pub condition: Option<Condition>,
}

/// Returns the place from the first of two to the end of the second.
pub(super) fn through(first: Span, last: Span) -> Span {
    Span::new(first.source, first.range().start..last.range().end.max(first.range().end))
}

impl Statement {
    /// Reads a statement.
    ///
    /// # Errors
    /// The first word that was not understood.
    pub fn parse(all: &[Word], place: Span) -> Parsed<Self> {
        let mut words = Words::new(all, place);
        let first = words.expect("a statement")?;
        let statement = known(first, &mut words, all)?;
        words.end()?;
        Ok(statement)
    }

    /// Reads the condition of a rule of which other words were not understood: the widest one that it may hold for.
    pub fn condition_of(all: &[Word], place: Span) -> Option<Condition> {
        let at = all
            .iter()
            .position(|word| !word.quoted && ["if", "unless"].contains(&word.as_str()))?;
        Condition::parse(&mut Words::new(&all[at..], place)).ok().flatten()
    }
}

fn known(first: &Word, words: &mut Words<'_>, all: &[Word]) -> Parsed<Statement> {
    let number = |text: &str| text.parse::<u64>().ok();
    Ok(match first.as_str() {
        "mode" => Statement::Mode(words.expect("a mode")?.text.clone()),
        "bind" => Statement::Bind(Bind::parse(words)?),
        "server" => Statement::Server(Server::parse(words)?),
        "server-template" => Statement::Server(Server::template(words)?),
        "default-server" => Statement::DefaultServer(server_options(words)?),
        "acl" => {
            Statement::Acl { name: words.expect("a name")?.text.clone(), test: Test::parse(words)? }
        }
        "use_backend" => Statement::UseBackend {
            backend: LogFormat::parse(words.expect("the name of a backend")?)?,
            condition: Condition::parse(words)?,
        },
        "default_backend" => {
            Statement::DefaultBackend(words.expect("the name of a backend")?.text.clone())
        }
        "http-request" => Statement::HttpRequest(Rule::parse(words)?),
        "http-response" | "http-after-response" => Statement::HttpResponse(Rule::parse(words)?),
        "reqadd" | "reqdel" | "reqidel" => Statement::HttpRequest(Rule::old(&first.text, words)?),
        "rspadd" | "rspdel" | "rspidel" => Statement::HttpResponse(Rule::old(&first.text, words)?),
        "block" => Statement::Block(Rule::block(words)?),
        "redirect" => Statement::Redirect(RedirectRule::parse(words)?),
        "tcp-request" | "tcp-response" => Statement::Tcp(tcp(words)?),
        "monitor-uri" => Statement::MonitorUri(words.expect("a path")?.text.clone()),
        "monitor" => {
            words.read("`fail`", |text| (text == "fail").then_some(()))?;
            Statement::MonitorFail(Condition::parse(words)?)
        }
        "timeout" => Statement::Timeout(Timeout::parse(words)?),
        "clitimeout" => Statement::Timeout(Timeout::named("client", words)?),
        "srvtimeout" => Statement::Timeout(Timeout::named("server", words)?),
        "contimeout" => Statement::Timeout(Timeout::named("connect", words)?),
        "option" => Statement::Option(Switch::parse(true, words)?),
        "no" if words.take_if("option") => Statement::Option(Switch::parse(false, words)?),
        "balance" => Statement::Balance(Balance::parse(words)?),
        "cookie" => Statement::Cookie(Cookie::parse(words)?),
        "http-check" => Statement::HttpCheck(HttpCheck::parse(words)?),
        "retries" => Statement::Retries(words.read("a number", number)?),
        "maxconn" => Statement::MaxConn(words.read("a number of connections", number)?),
        "compression" => Statement::Compression(Compression::parse(words)?),
        "errorfile" => Statement::ErrorFile(
            words.read("a status", number)?,
            words.expect("a file")?.text.clone(),
        ),
        "http-error" => http_error(words)?,
        "stick-table" | "stick" => Statement::Stick(words.rest().to_vec()),
        "filter" => {
            let name = words.expect("the filter's name")?.text.clone();
            words.rest();
            Statement::Filter(name)
        }
        "stats" => Statement::Stats(words.rest().to_vec()),
        "ignore-persist" | "force-persist" => Statement::Persist(Condition::parse(words)?),
        "nameserver" => {
            words.expect("a name")?;
            Statement::NameServer(words.expect("an address")?.text.clone())
        }
        "hold" => {
            let state = words.expect("a state")?.text.clone();
            Statement::Hold(state, words.read("a time", time)?)
        }
        name if name.starts_with("lua-") => {
            words.rest();
            Statement::Lua
        }
        _ => {
            let reason = out_of_scope(all).ok_or_else(|| Unread::word(first))?;
            words.rest();
            Statement::Aside(reason)
        }
    })
}

fn http_error(words: &mut Words<'_>) -> Parsed<Statement> {
    let (mut status, mut file) = (None, None);
    while let Some(word) = words.take() {
        match word.as_str() {
            "status" => status = Some(words.read("a status", |text| text.parse().ok())?),
            "file" => file = Some(words.expect("a file")?.text.clone()),
            "content-type" => {
                words.expect("a media type")?;
            }
            _ => return Err(Unread::word(word)),
        }
    }
    let status = status.ok_or_else(|| Unread::new(words.place(), "the status is missing"))?;
    Ok(Statement::HttpError(status, file))
}

fn tcp(words: &mut Words<'_>) -> Parsed<TcpRule> {
    let level = words.expect("a kind of rule")?.text.clone();
    let mut action = Vec::new();
    while let Some(word) = words.peek().filter(|word| !["if", "unless"].contains(&word.as_str())) {
        action.push(word.clone());
        words.take();
    }
    Ok(TcpRule { level, action, condition: Condition::parse(words)? })
}

#[cfg(test)]
mod tests;
