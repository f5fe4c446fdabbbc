//! nginx's directives as types, in the server's own terms (nginx.org/en/docs/dirindex.html).
//!
//! [`parse`] reads one directive, or the head of one block, from its words. A directive whose words were not all understood is
//! an [`Unread`](crate::syntax::Unread) at the first of them.

// A new directive or flag must not fall into an arm that was written before it (docs/decisions/reading.md).
#![deny(clippy::wildcard_enum_match_arm)]

pub mod access;
pub mod location;
pub mod map;
pub mod proxy;
pub mod rewrite;
pub mod server;
pub mod setting;
pub mod tls;
pub mod upstream;
pub mod value;

use wsgen_model::source::{SourceId, Span};

pub use self::access::{Access, Satisfy, Zone};
pub use self::location::{Location, LocationMatcher};
pub use self::map::{Computed, Map, MapLine};
pub use self::proxy::{ErrorPage, Field, Otherwise, PageTarget, ProxyPass, TryFiles};
pub use self::rewrite::{If, Return, Rewrite, RewriteFlag, Set, Test};
pub use self::server::{Listen, ServerName};
pub use self::setting::Setting;
pub use self::tls::{Protocol, VerifyClient};
pub use self::upstream::{Balancing, StickyCookie, UpstreamServer};
pub use self::value::{Part, Value};
use super::lex::{Kind, lex};
use crate::syntax::{Directive, Parsed, Word, Words};

/// One directive of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// `location`
    Location(Location),
    /// `if`
    If(If),
    /// `return`
    Return(Return),
    /// `rewrite`
    Rewrite(Rewrite),
    /// `set`
    Set(Set),
    /// `break`
    Break,
    /// `internal`
    Internal,
    /// `listen`
    Listen(Listen),
    /// `server_name`
    ServerName(Vec<ServerName>),
    /// `map`
    Map(Map),
    /// A line of a `map`.
    MapLine(MapLine),
    /// `geo` or `split_clients`.
    Computed(Computed),
    /// A line of `geo`, `split_clients` or `types`.
    Line(Vec<String>),
    /// `proxy_pass`
    ProxyPass(ProxyPass),
    /// `proxy_set_header`
    SetHeader(Field),
    /// `add_header`
    AddHeader(Field),
    /// `error_page`
    ErrorPage(ErrorPage),
    /// `try_files`
    TryFiles(TryFiles),
    /// `allow` or `deny`
    Access(Access),
    /// `satisfy`
    Satisfy(Satisfy),
    /// `limit_except`: the methods that its block does not hold for.
    LimitExcept(Vec<String>),
    /// `limit_req_zone` or `limit_conn_zone`
    Zone(Zone),
    /// `auth_basic` or `auth_request`: a realm or a path, or `off`.
    Auth(Value),
    /// `ssl_verify_client`
    VerifyClient(VerifyClient),
    /// `ssl_protocols`
    Protocols(Vec<Protocol>),
    /// `server` of an `upstream`
    UpstreamServer(UpstreamServer),
    /// `least_conn`, `ip_hash`, `random`, `hash` or `sticky` of an `upstream`
    Balancing(Balancing),
    /// A directive with plain arguments.
    Setting(Setting),
}

/// The block around a directive, as far as it decides how the directive is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Block {
    /// `http`, `server`, `location` and all others.
    #[default]
    Directives,
    /// `upstream`
    Upstream,
    /// `map`
    Map,
    /// `geo`, `split_clients`, `types`, and other lists.
    Lines,
}

impl Block {
    /// Returns the kind of the block that a directive of this name opens.
    pub fn of(name: &str) -> Self {
        match name {
            "upstream" => Self::Upstream,
            "map" => Self::Map,
            "geo" | "split_clients" | "types" | "charset_map" | "match" => Self::Lines,
            _ => Self::Directives,
        }
    }
}

/// Parses one directive, or the head of one block, that stands in a block. `name` is the first word.
///
/// # Errors
/// The first word that was not understood.
pub fn parse(block: Block, name: &Word, words: &[Word], span: Span) -> Parsed<Statement> {
    let mut words = Words::new(words, span);
    let statement = match (block, name.as_str()) {
        (_, "include") => Statement::Setting(Setting::parse("include", &mut words)?),
        (Block::Map, _) => Statement::MapLine(MapLine::parse(name, &mut words)?),
        (Block::Lines, _) => Statement::Line(map::line(&mut words)?),
        (Block::Upstream, "server") => {
            Statement::UpstreamServer(UpstreamServer::parse(&mut words)?)
        }
        (Block::Upstream, method @ ("least_conn" | "ip_hash" | "random" | "hash" | "sticky")) => {
            Statement::Balancing(Balancing::parse(method, &mut words)?)
        }
        (_, name) => statement(name, &mut words)?,
    };
    words.end()?;
    Ok(statement)
}

fn statement(name: &str, words: &mut Words<'_>) -> Parsed<Statement> {
    Ok(match name {
        "location" => Statement::Location(Location::parse(words)?),
        "if" => Statement::If(If::parse(words)?),
        "return" => Statement::Return(Return::parse(words)?),
        "rewrite" => Statement::Rewrite(Rewrite::parse(words)?),
        "set" => Statement::Set(Set::parse(words)?),
        "break" => Statement::Break,
        "internal" => Statement::Internal,
        "listen" => Statement::Listen(Listen::parse(words)?),
        "server_name" => {
            let names = words.rest().iter().map(ServerName::parse);
            Statement::ServerName(names.collect::<Parsed<_>>()?)
        }
        "map" => Statement::Map(Map::parse(words)?),
        "geo" | "split_clients" => Statement::Computed(Computed::parse(words)?),
        "proxy_pass" => Statement::ProxyPass(ProxyPass::parse(words)?),
        "proxy_set_header" => Statement::SetHeader(Field::parse(words)?),
        "add_header" => Statement::AddHeader(Field::parse_added(words)?),
        "error_page" => Statement::ErrorPage(ErrorPage::parse(words)?),
        "try_files" => Statement::TryFiles(TryFiles::parse(words)?),
        "allow" => Statement::Access(Access::parse(true, words)?),
        "deny" => Statement::Access(Access::parse(false, words)?),
        "satisfy" => Statement::Satisfy(Satisfy::parse(words)?),
        "ssl_verify_client" => Statement::VerifyClient(VerifyClient::parse(words)?),
        "ssl_protocols" => Statement::Protocols(tls::protocols(words)?),
        "limit_except" => Statement::LimitExcept(access::methods(words)?),
        "limit_req_zone" | "limit_conn_zone" => Statement::Zone(Zone::parse(words)?),
        "auth_basic" | "auth_request" => Statement::Auth(setting::one(words)?),
        name => Statement::Setting(Setting::parse(name, words)?),
    })
}

/// Reads every directive and head of a block of one file, in its order. Included files stay as they are named.
pub fn read(source: SourceId, text: &str) -> Vec<Directive<Statement>> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut words: Vec<Word> = Vec::new();
    let mut all = Vec::new();
    for token in lex(text) {
        let span = Span::new(source, token.range.clone());
        let quoted = text[token.range.clone()].starts_with(['"', '\'']);
        let opens = matches!(token.kind, Kind::Open | Kind::Lua);
        match token.kind {
            Kind::Blank | Kind::Comment | Kind::Unclosed => continue,
            Kind::Word(text) => {
                words.push(Word { text, span, quoted });
                continue;
            }
            Kind::Close => {
                blocks.pop();
                words.clear();
                continue;
            }
            Kind::End | Kind::Open | Kind::Lua => {}
        }
        let block = blocks.last().copied().unwrap_or_default();
        if let Some((name, arguments)) = words.split_first() {
            let whole = Span::new(source, name.span.range().start..span.range().end);
            let value = parse(block, name, arguments, whole);
            if opens && token.kind == Kind::Open {
                blocks.push(Block::of(name.as_str()));
            }
            all.push(Directive { name: name.text.clone(), span: whole, value });
        } else if opens {
            blocks.push(Block::Directives);
        }
        words.clear();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is not read of a text, word by word.
    fn unread(text: &str) -> Vec<String> {
        let all = read(SourceId::default(), text);
        let unread = all.into_iter().filter_map(|directive| directive.value.err());
        unread.map(|unread| text[unread.span.range()].to_owned()).collect()
    }

    #[test]
    fn a_directive_is_read_in_full_or_not_at_all() {
        let read = "map $http_upgrade $up { default upgrade; '' close; ~*^h2c$ x; hostnames; }
            upstream u { server 127.0.0.1:1 weight=2 max_fails=0 backup; least_conn; }
            server { listen [::]:443 ssl http2 ipv6only=off; server_name a.test .b.test *.c.test d.* ~^e$ _;
                if ($http_upgrade = \"\") { return 404; } if ( $a ~* (x|y) ) { set $b 1; break; }
                if (!-f $request_filename) { rewrite ^(.*)$ /x/$1 last; } if ($c != 'q r') { return 301 https://$host/; }
                location = /a { proxy_pass http://u/b$is_args$args; proxy_set_header Connection $up; }
                location ~*\\.js$ { error_page 404 = @n; try_files $uri $uri/ =404; deny all; } location @n { internal; } }";
        assert_eq!(unread(read), Vec::<String>::new());
        let not = "server { listen 80 sll; server_name a.*.test; if ($a == b) { } if ($a ~ b c) { } location / x { proxy_pass wss://a;
                rewrite ^ / lats; add_header A b c; error_page 99 /x; try_files /x; set a b; proxy_read_timeout never; gzip maybe; }
            } upstream u { server a:1 wieght=2; } map $a $b { x; }";
        let words = [
            "sll",
            "a.*.test",
            "==",
            "c)",
            "x",
            "wss://a",
            "lats",
            "c",
            "99",
            "try_files /x;",
            "a",
            "never",
            "maybe",
            "wieght=2",
        ];
        let found = unread(not);
        assert_eq!(&found[..words.len()], words);
        assert_eq!(found.len(), words.len() + 1, "{found:?}");
    }

    #[test]
    fn conditions_are_compared_as_they_are_written() {
        let read = |text: &str| {
            let text = format!("if {text} {{ }}");
            let all = super::read(SourceId::default(), &text);
            all.into_iter().next().map(|directive| directive.value)
        };
        let value = |text: &str| Value::of(text).unwrap_or_default();
        let is = |test: Test, negated: bool| Some(Ok(Statement::If(If { test, negated })));
        assert_eq!(read("($a)"), is(Test::Set(value("$a")), false));
        assert_eq!(read("( $a != \"b c\" )"), is(Test::Equal(value("$a"), value("b c")), true));
        assert_eq!(read("($a = '')"), is(Test::Equal(value("$a"), value("")), false));
        let matches = Test::Matches { value: value("$a"), pattern: "^b$".into(), any_case: true };
        assert_eq!(read("($a !~* ^b$)"), is(matches, true));
        let file = Test::File { kind: 'f', path: value("$request_filename") };
        assert_eq!(read("(!-f $request_filename)"), is(file, true));
        assert!(read("(a = b)").is_some_and(|read| read.is_err()));
    }
}
