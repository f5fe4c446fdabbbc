//! Sections: `<VirtualHost>`, `<Location>`, `<Directory>`, `<Proxy>`, `<If>`, `<Limit>` and their kin (the manual's
//! "Configuration Sections").

use super::expression::Expression;
use super::proxy::Parameter;
use crate::syntax::{Parsed, Unread, Word, Words};

/// The head of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Section {
    /// `<VirtualHost ADDRESS…>`
    VirtualHost(Vec<Address>),
    /// `<Location>` and `<LocationMatch>`
    Location(Place),
    /// `<Directory>` and `<DirectoryMatch>`: a folder.
    Directory(String),
    /// `<Files>` and `<FilesMatch>`: names of files.
    Files(String),
    /// `<Proxy>` and `<ProxyMatch>`, with what `<Proxy URL KEY=VALUE…>` sets.
    Proxy(ProxyScope, Vec<Parameter>),
    /// `<If>`
    If(Box<Expression>),
    /// `<ElseIf>`
    ElseIf(Box<Expression>),
    /// `<Else>`
    Else,
    /// `<Limit METHOD…>`
    Limit(Vec<String>),
    /// `<LimitExcept METHOD…>`
    LimitExcept(Vec<String>),
    /// `<RequireAll>`
    RequireAll,
    /// `<RequireAny>`
    RequireAny,
    /// `<RequireNone>`
    RequireNone,
    /// `<IfModule>`, `<IfDefine>`, `<IfVersion>`, `<IfFile>` and `<Macro>`: what the server makes of it when it starts.
    Start(Vec<String>),
}

/// What a `<Location>` is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A path and what lies below it, by segments; behind a last slash, what begins with it.
    Path(String),
    /// A path with `*`, `?` or `[…]`.
    Wildcards(String),
    /// A regex.
    Regex(String),
}

/// What a `<Proxy>` is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyScope {
    /// `<Proxy *>`: whatever is passed on.
    Everything,
    /// URLs that begin so; a last `*` is left out.
    Url(String),
    /// URLs that a regex matches.
    Regex(String),
}

/// An address of a `<VirtualHost>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The address; nothing for `*` and `_default_`.
    pub host: Option<std::net::IpAddr>,
    /// The port; nothing where it is for every port.
    pub port: Option<u16>,
}

impl Section {
    pub(super) fn parse(name: &str, words: &mut Words<'_>) -> Parsed<Self> {
        Ok(match name {
            "virtualhost" => {
                let all = words.rest();
                let place = words.place();
                if all.is_empty() {
                    return Err(Unread::new(place, "an address is missing"));
                }
                Self::VirtualHost(all.iter().map(Address::parse).collect::<Parsed<_>>()?)
            }
            "location" | "locationmatch" => Self::Location(Place::parse(name, words)?),
            "directory" | "directorymatch" => Self::Directory(tilde(words)?),
            "files" | "filesmatch" => Self::Files(tilde(words)?),
            "proxy" | "proxymatch" => {
                let scope = ProxyScope::parse(name, words)?;
                let parameters =
                    words.rest().iter().map(Parameter::parse).collect::<Parsed<_>>()?;
                Self::Proxy(scope, parameters)
            }
            "if" => Self::If(Box::new(expression(words)?)),
            "elseif" => Self::ElseIf(Box::new(expression(words)?)),
            "else" => Self::Else,
            "limit" => Self::Limit(texts(words)),
            "limitexcept" => Self::LimitExcept(texts(words)),
            "requireall" => Self::RequireAll,
            "requireany" => Self::RequireAny,
            "requirenone" => Self::RequireNone,
            "ifmodule" | "ifdefine" | "ifversion" | "iffile" | "ifdirective" | "ifsection"
            | "macro" => Self::Start(texts(words)),
            _ => return Err(Unread::new(words.place(), "wsgen does not know this section")),
        })
    }
}

fn texts(words: &mut Words<'_>) -> Vec<String> {
    words.rest().iter().map(|word| word.text.clone()).collect()
}

/// A path, behind `~` a regex.
fn tilde(words: &mut Words<'_>) -> Parsed<String> {
    words.take_if("~");
    Ok(words.expect("a path")?.text.clone())
}

fn expression(words: &mut Words<'_>) -> Parsed<Expression> {
    let all = words.rest();
    let [word] = all else {
        let text: Vec<&str> = all.iter().map(Word::as_str).collect();
        let joined = Word::new(text.join(" "), words.place());
        return Expression::parse(&joined);
    };
    Expression::parse(word)
}

impl Place {
    fn parse(name: &str, words: &mut Words<'_>) -> Parsed<Self> {
        let regex = words.take_if("~") || name == "locationmatch";
        let text = words.expect("a path")?.text.clone();
        Ok(if regex {
            Self::Regex(text)
        } else if text.contains(['*', '?', '[']) {
            Self::Wildcards(text)
        } else {
            Self::Path(text)
        })
    }
}

impl ProxyScope {
    fn parse(name: &str, words: &mut Words<'_>) -> Parsed<Self> {
        let regex = words.take_if("~") || name == "proxymatch";
        let text = words.expect("a URL")?.text.clone();
        let bare = text.strip_prefix("proxy:").unwrap_or(&text);
        Ok(match (regex, bare) {
            (true, _) => Self::Regex(text),
            (false, "*") => Self::Everything,
            (false, bare) => Self::Url(bare.strip_suffix('*').unwrap_or(bare).to_owned()),
        })
    }
}

impl Address {
    fn parse(word: &Word) -> Parsed<Self> {
        Self::of(&word.text).ok_or_else(|| Unread::word(word))
    }

    fn of(text: &str) -> Option<Self> {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port),
            _ => (text, "*"),
        };
        let port = match port {
            "*" => None,
            port => Some(port.parse().ok().filter(|port| *port > 0)?),
        };
        let host = match host {
            "*" | "_default_" => None,
            "localhost" => Some(std::net::IpAddr::from([127, 0, 0, 1])),
            host => Some(host.trim_start_matches('[').trim_end_matches(']').parse().ok()?),
        };
        Some(Self { host, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let read = |text| Address::of(text).map(|a| (a.host.map(|host| host.to_string()), a.port));
        assert_eq!(read("*:80"), Some((None, Some(80))));
        assert_eq!(read("_default_:443"), Some((None, Some(443))));
        assert_eq!(read("*"), Some((None, None)));
        assert_eq!(read("[::1]:81"), Some((Some("::1".to_owned()), Some(81))));
        assert_eq!(read("10.0.0.1"), Some((Some("10.0.0.1".to_owned()), None)));
        assert_eq!(read("${HOST}:80"), None);
    }
}
