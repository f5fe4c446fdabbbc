//! `routes`.

use crate::code::Code;
use crate::config::{
    Auth, Buffering, Compression, Expectation, Forwarded, HeaderEdit, HostPolicy, MatchEntry,
    Redirect, Respond, Retries, Rewrite, RouteLimits, RouteTimeouts, WebSocket,
};
use crate::decode::{Decode, Decoder, Map};
use crate::diagnostic::Diagnostic;
use crate::field::{Shape, choice, section};
use crate::located::Located;
use crate::scalar::{FilePath, Hostname, Line, Name, StatusCode, Text};
use crate::tree::Node;

section! {
    /// Which requests, and what becomes of them: exactly one of `upstream`, `redirect` and `respond`.
    whole struct Route: Body @ Route {
        /// The name that reports and `expect` call it by.
        optional name: Name = "", VALUE_NAMES;
        /// The listeners that it belongs to; all where left out.
        optional listeners: Vec<Located<Name>> = "all", ROUTE_LISTENER;
        /// The hosts that it claims; where left out, those that no other route claims.
        optional hostnames: Vec<Located<Hostname>> = "", ROUTE_HOST;
        /// Entries of which one must fit; each ranks by itself.
        optional match_: Vec<Located<MatchEntry>> = "[{path: {prefix: /}}]", ROUTE_PRECEDENCE;
        /// Higher goes first, before the usual order.
        optional priority: Priority = "0", ROUTE_PRECEDENCE;
        /// Passes requests on to this upstream.
        optional upstream: Name = "", JUDGEMENT_ORDER;
        /// Sends clients elsewhere.
        optional redirect: Redirect = "", REDIRECT_EXPLICIT;
        /// Gives a fixed answer.
        optional respond: Respond = "", RESPOND_FIXED;
        /// Changes the path on the way to the upstream.
        optional rewrite: Rewrite = "", REWRITE_PREFIX;
        /// Reviewed text for one target: the one place where a value may be a directive.
        optional snippets: Vec<Located<Snippet>> = "", TARGET_SNIPPET;
        /// What conformance tries on this route.
        optional expect: Vec<Located<Expectation>> = "", TARGET_EXPECT;
    }
    + settings: RouteSettings
}

section! {
    /// What a route may take from `defaults`.
    merged struct RouteSettings: Own @ Route {
        /// WebSocket rules.
        optional websocket: WebSocket = "", MODE_ALLOW;
        /// The Host that the upstream sees: `preserve`, `upstream`, or a name.
        optional host: HostPolicy = "preserve", HOST_PRESERVE;
        /// What the upstream is told of the client.
        optional forwarded: Forwarded = "", FORWARDED_REPLACE;
        /// Changes to the fields of requests.
        optional request_headers: HeaderEdit = "", HEADERS_EDIT;
        /// Changes to the fields of responses.
        optional response_headers: HeaderEdit = "", HEADERS_ON_101;
        /// Timers.
        optional timeouts: RouteTimeouts = "", SCOPE_FIELDS;
        /// Limits.
        optional limits: RouteLimits = "", LIMIT_CLIENT_ADDRESS;
        /// Who may use it.
        optional auth: Auth = "", AUTH_FORWARD;
        /// Trying again.
        optional retries: Retries = "attempts: 1", RETRY_SAFE;
        /// Holding bodies back.
        optional buffering: Buffering = "", BODY_BUFFERING;
        /// Compressing response bodies.
        optional compression: Compression = "", BODY_COMPRESSION;
        /// Pages for the proxy's own error statuses.
        optional error_pages: Map<StatusCode, FilePath> = "", ERROR_PAGE;
    }
}

choice! {
    /// Where a snippet stands.
    enum SnippetPlace {
        /// At the top of the configuration.
        Main = "main",
        /// Where all HTTP traffic is configured.
        Http = "http",
        /// In each of the route's listeners.
        Listener = "listener",
        /// In the route's upstream.
        Upstream = "upstream",
        /// In the route.
        Route = "route",
    }
}

section! {
    /// Reviewed text for one target.
    whole struct Snippet: Own @ Route {
        /// The target.
        required target: Name = "", TARGET_SNIPPET;
        /// Where it stands.
        required at: SnippetPlace = "", TARGET_SNIPPET;
        /// The text.
        required text: Text = "", TARGET_SNIPPET;
        /// Why it is there.
        required reason: Line = "", TARGET_SNIPPET;
    }
}

/// A route's rank before the usual order, from -1000 to 1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Priority(pub i32);

impl Decode for Priority {
    fn decode(node: &Node, out: &mut Decoder<'_>) -> Option<Self> {
        let number = node.scalar().filter(|s| s.plain).and_then(|s| s.text.parse::<i32>().ok());
        match number {
            Some(number) if (-1000..=1000).contains(&number) => Some(Self(number)),
            Some(number) => {
                out.push(
                    Diagnostic::new(Code::OUT_OF_RANGE, format!("{number} is out of range"))
                        .labelled(node.span, "expected a number from -1000 to 1000")
                        .help("write a number within these bounds"),
                );
                None
            }
            None => {
                out.wrong_type(
                    node,
                    "a whole number",
                    "write a number such as `10`, without quotes",
                );
                None
            }
        }
    }

    fn shape() -> Shape {
        Shape::Priority
    }
}
