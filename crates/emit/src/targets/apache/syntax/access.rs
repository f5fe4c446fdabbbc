//! Who may use a place: `Require` (`mod_authz_core` and its providers), `Order`, `Allow`, `Deny` and `Satisfy`
//! (`mod_access_compat`), `AuthType` (`mod_authn_core`).

use super::expression::Expression;
use crate::syntax::{Parsed, Unread, Word, Words};

/// One directive of access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// `Require`
    Require(Require),
    /// `Order`
    Order(Order),
    /// `Allow from …`
    Allow(Clients),
    /// `Deny from …`
    Deny(Clients),
    /// `Satisfy`
    Satisfy(Satisfy),
    /// `AuthType Basic`; in small letters.
    AuthType(String),
}

/// `Require [not] …`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Require {
    /// Whether `not` stands ahead of it.
    pub negated: bool,
    /// What is asked for.
    pub requirement: Requirement,
}

/// What `Require` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requirement {
    /// `all granted`
    AllGranted,
    /// `all denied`
    AllDenied,
    /// `valid-user`
    ValidUser,
    /// `user`, `group`, `ldap-group` and other tests of the user, by the provider's name.
    User(String),
    /// `ip`, `host`, `forward-dns`, `local`: tests of the client's address, by the provider's name.
    Client(String),
    /// `method GET POST`
    Method(Vec<String>),
    /// `env NAME`
    Env(Vec<String>),
    /// `expr …`
    Expression(Box<Expression>),
    /// `ssl`
    Ssl,
    /// A provider of another module, by its name.
    Other(String),
}

/// `Order`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// `allow,deny` and `mutual-failure`: who is not allowed is refused.
    AllowDeny,
    /// `deny,allow`: who is not refused is allowed.
    DenyAllow,
}

/// The clients of `Allow` and `Deny`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clients {
    /// `from all`
    All,
    /// `from env=…`
    Env(String),
    /// Names and addresses.
    Some(Vec<String>),
}

/// `Satisfy`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Satisfy {
    /// The client's address and its login.
    All,
    /// One of the two.
    Any,
}

impl Access {
    pub(super) fn parse(name: &str, words: &mut Words<'_>) -> Parsed<Self> {
        Ok(match name {
            "require" => Self::Require(Require::parse(words)?),
            "order" => {
                Self::Order(words.read(
                    "an order",
                    |text| match text.to_ascii_lowercase().as_str() {
                        "allow,deny" | "mutual-failure" => Some(Order::AllowDeny),
                        "deny,allow" => Some(Order::DenyAllow),
                        _ => None,
                    },
                )?)
            }
            "satisfy" => Self::Satisfy(words.read("`all` or `any`", |text| {
                match text.to_ascii_lowercase().as_str() {
                    "all" => Some(Satisfy::All),
                    "any" => Some(Satisfy::Any),
                    _ => None,
                }
            })?),
            "allow" => Self::Allow(Clients::parse(words)?),
            "deny" => Self::Deny(Clients::parse(words)?),
            _ => Self::AuthType(words.expect("a kind of login")?.text.to_ascii_lowercase()),
        })
    }
}

fn texts(words: &[Word]) -> Vec<String> {
    words.iter().map(|word| word.text.clone()).collect()
}

impl Require {
    fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let mut first = words.expect("a provider")?;
        let negated = first.text.eq_ignore_ascii_case("not");
        if negated {
            first = words.expect("a provider")?;
        }
        let provider = first.text.to_ascii_lowercase();
        let requirement = match provider.as_str() {
            "all" => words.read("`granted` or `denied`", |text| {
                match text.to_ascii_lowercase().as_str() {
                    "granted" => Some(Requirement::AllGranted),
                    "denied" => Some(Requirement::AllDenied),
                    _ => None,
                }
            })?,
            "valid-user" => Requirement::ValidUser,
            "ssl" => Requirement::Ssl,
            "ip" | "host" | "forward-dns" | "local" => {
                words.rest();
                Requirement::Client(provider)
            }
            "method" => Requirement::Method(texts(words.rest())),
            "env" => Requirement::Env(texts(words.rest())),
            "expr" => {
                let text = texts(words.rest()).join(" ");
                let text = text.strip_prefix("expr=").unwrap_or(&text);
                let expression = Expression::of(text).ok_or_else(|| {
                    Unread::new(words.place(), "the expression is not understood")
                })?;
                Requirement::Expression(Box::new(expression))
            }
            "user" | "group" | "file-owner" | "file-group" | "dbm-group" | "dbd-group"
            | "ldap-user" | "ldap-group" | "ldap-dn" | "ldap-attribute" | "ldap-filter" => {
                words.rest();
                Requirement::User(provider)
            }
            _ => {
                words.rest();
                Requirement::Other(provider)
            }
        };
        Ok(Self { negated, requirement })
    }
}

impl Clients {
    fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        words.read("`from`", |text| text.eq_ignore_ascii_case("from").then_some(()))?;
        let clients = texts(words.rest());
        Ok(match clients.as_slice() {
            [] => return Err(Unread::new(words.place(), "a client is missing")),
            list if list.iter().any(|text| text.eq_ignore_ascii_case("all")) => Self::All,
            [one] if one.to_ascii_lowercase().starts_with("env=") => Self::Env(one[4..].to_owned()),
            list => Self::Some(list.to_vec()),
        })
    }
}
