//! Which route a request belongs to, over WebSocket and over plain HTTP alike.

use crate::case::cases;
use crate::opened::plain;
use crate::peer::Teller;
use crate::stage::{Server, Stage};
use crate::verdict::{Verdict, check, equal};

/// Starts the target with routes to two applications and checks who is reached, by a request and by a handshake.
async fn table(stage: &Stage, routes: &str, rows: &[(&str, &str, &str)]) -> Verdict {
    let (app, other) = (Teller::bind("app").await?, Teller::bind("other").await?);
    let server = stage.routes(app.address(), other.address(), routes).await?;
    reach(&server, rows).await
}

async fn reach(server: &Server, rows: &[(&str, &str, &str)]) -> Verdict {
    for (path, fields, who) in rows {
        equal(
            &format!("who gets {path} {fields}"),
            server.reaches(path, fields).await?.as_str(),
            *who,
        )?;
    }
    Ok(())
}

cases! { "routing";
    /// An exact path matches itself alone.
    ///
    /// Sent: the path, with a slash behind it, with more, with another case, with a query. Seen: only the first and last match.
    [ROUTE_PRECEDENCE]
    async fn exact(stage) {
        let routes = "  - {match: [{path: {exact: /ws}}], upstream: app}\n  - {upstream: other}\n";
        table(stage, routes, &[("/ws", "", "app"), ("/ws?a=b", "", "app"), ("/ws/", "", "other"), ("/ws/a", "", "other"), ("/WS", "", "other")]).await?;
    }

    /// A prefix matches whole segments.
    ///
    /// Sent: paths at the edges of a prefix. Seen: `/ws`, `/ws/` and `/ws/a` match, `/wsx` and `/w` do not.
    [ROUTE_PREFIX]
    async fn prefix_by_segments(stage) {
        let routes = "  - {match: [{path: {prefix: /ws}}], upstream: app}\n  - {upstream: other}\n";
        table(stage, routes, &[("/ws", "", "app"), ("/ws/", "", "app"), ("/ws/a/b", "", "app"), ("/ws?x", "", "app"), ("/wsx", "", "other"), ("/ws.txt", "", "other"), ("/w", "", "other")]).await?;
    }

    /// A text matches whatever begins with it.
    ///
    /// Sent: paths at the edges of `starts_with: /ws-`, also in another case and with escapes. Seen: `/ws-` and `/ws-chat` match, `/ws`
    /// and `/WS-chat` do not.
    [ROUTE_STARTS_WITH]
    async fn starts_with(stage) {
        let routes = "  - {match: [{path: {starts_with: /ws-}}], upstream: app}\n  - {upstream: other}\n";
        table(stage, routes, &[
            ("/ws-", "", "app"),
            ("/ws-chat", "", "app"),
            ("/ws-chat/a?b", "", "app"),
            ("/ws-/", "", "app"),
            ("/ws%2Dchat", "", "app"),
            ("/ws-%20a", "", "app"),
            ("/ws", "", "other"),
            ("/ws/", "", "other"),
            ("/ws?-", "", "other"),
            ("/WS-chat", "", "other"),
            ("/a/ws-chat", "", "other"),
        ]).await?;
    }

    /// A text that ends with a slash matches what is below it, not the path without it, and nobody is sent there.
    ///
    /// Sent: paths around `starts_with: /live/`. Seen: `/live/` and `/live/a` match, `/live` does not.
    [ROUTE_STARTS_WITH]
    async fn starts_with_slash(stage) {
        let routes = "  - {match: [{path: {starts_with: /live/}}], upstream: app}\n  - {upstream: other}\n";
        table(stage, routes, &[("/live/", "", "app"), ("/live/a/b", "", "app"), ("/live/?a", "", "app"), ("/live", "", "other"), ("/live-", "", "other")]).await?;
    }

    /// The longest of texts and prefixes wins, and of two that are as long the prefix.
    ///
    /// Sent: paths that several of them match. Seen: the longest, whatever the order of the file.
    [ROUTE_PRECEDENCE]
    async fn longest_text_or_prefix(stage) {
        let routes = "  - {match: [{path: {starts_with: /ws}}], upstream: other}\n  - {match: [{path: {prefix: /ws}}], upstream: app}\n\
                      \x20 - {match: [{path: {starts_with: /ws-chat}}], upstream: app}\n  - {match: [{path: {starts_with: /ws/a}}], upstream: other}\n\
                      \x20 - {match: [{path: {prefix: /ws/ab}}], upstream: app}\n  - {upstream: app}\n";
        table(stage, routes, &[
            ("/ws", "", "app"),
            ("/ws/b", "", "app"),
            ("/wsx", "", "other"),
            ("/ws-", "", "other"),
            ("/ws-chat", "", "app"),
            ("/ws-chatter", "", "app"),
            ("/ws/a", "", "other"),
            ("/ws/ab", "", "app"),
            ("/ws/abc", "", "other"),
            ("/w", "", "app"),
        ]).await?;
    }

    /// An exact path and a regex beat a text, however long.
    ///
    /// Sent: a path that all three match, and paths of fewer. Seen: exact, then regex, then text.
    [ROUTE_PRECEDENCE, RegexPath]
    async fn exact_regex_text(stage) {
        let routes = "  - {match: [{path: {starts_with: /a/item-long-}}], upstream: other}\n  - {match: [{path: {regex: \"[0-9]$\"}}], upstream: app}\n\
                      \x20 - {match: [{path: {exact: /a/item-long-7}}], upstream: other}\n";
        table(stage, routes, &[("/a/item-long-7", "", "other"), ("/a/item-long-8", "", "app"), ("/a/item-long-x", "", "other"), ("/a/item", "", "404")]).await?;
    }

    /// A text beside methods, fields and priorities.
    ///
    /// Sent: requests that a text takes by its method alone. Seen: those of other methods where the shorter text leads.
    [ROUTE_TIES, MatchMethods, Priority]
    async fn text_with_conditions(stage) {
        let (app, other) = (Teller::bind("app").await?, Teller::bind("other").await?);
        let routes = "  - {match: [{path: {starts_with: /v1-}, methods: [POST]}], upstream: app}\n  - {match: [{path: {starts_with: /v}}], upstream: other}\n\
                      \x20 - {match: [{path: {starts_with: /v1-up}}], priority: 5, upstream: other}\n  - {upstream: app}\n";
        let server = stage.routes(app.address(), other.address(), routes).await?;
        for (asked, who) in [("POST /v1-a", "app"), ("GET /v1-a", "other"), ("POST /v2", "other"), ("POST /v1-upload", "other"), ("GET /x", "app")] {
            let length = if asked.starts_with("POST") { "Content-Length: 0\r\n" } else { "" };
            equal(asked, server.seen(asked, length).await?.by.as_str(), who)?;
        }
    }

    /// An escaped slash is no slash of a text.
    ///
    /// Sent: `/ws%2Fa` and `/ws/a`. Seen: only the second begins with `/ws/`; both begin with `/ws`.
    [ROUTE_NORMAL_PATH, EncodedSlash]
    async fn escaped_slash_in_text(stage) {
        let routes = "  - {match: [{path: {starts_with: /ws/}}], upstream: app}\n  - {match: [{path: {starts_with: /ws}}], upstream: other}\n";
        table(stage, routes, &[("/ws/a", "", "app"), ("/ws%2Fa", "", "other"), ("/ws", "", "other"), ("/wsx", "", "other")]).await?;
    }

    /// The longest prefix wins, whatever the order of the file.
    ///
    /// Sent: paths under two prefixes. Seen: the longer one, written last.
    [ROUTE_PRECEDENCE]
    async fn longest_prefix(stage) {
        let routes = "  - {match: [{path: {prefix: /a}}], upstream: other}\n  - {match: [{path: {prefix: /a/b}}], upstream: app}\n  - {upstream: other}\n";
        table(stage, routes, &[("/a/b", "", "app"), ("/a/b/c", "", "app"), ("/a/bc", "", "other"), ("/a", "", "other")]).await?;
    }

    /// An exact path beats a regex, and a regex beats a prefix.
    ///
    /// Sent: a path that all three match. Seen: the exact route; without it the regex.
    [ROUTE_PRECEDENCE, RegexPath]
    async fn exact_regex_prefix(stage) {
        let routes = "  - {match: [{path: {prefix: /a}}], upstream: other}\n  - {match: [{path: {regex: \"^/a/[0-9]+$\"}}], upstream: app}\n  - {match: [{path: {exact: /a/7}}], upstream: other}\n";
        table(stage, routes, &[("/a/7", "", "other"), ("/a/8", "", "app"), ("/a/x", "", "other"), ("/a/8/", "", "other")]).await?;
    }

    /// The first of two regexes wins.
    ///
    /// Sent: a path that both match. Seen: the one that is written first.
    [ROUTE_REGEX, RegexPath]
    async fn first_regex(stage) {
        let routes = "  - {match: [{path: {regex: \"/live\"}}], upstream: app}\n  - {match: [{path: {regex: \"^/x/live\"}}], upstream: other}\n  - {upstream: other}\n";
        table(stage, routes, &[("/x/live", "", "app"), ("/live/a", "", "app"), ("/x", "", "other")]).await?;
    }

    /// A priority beats every kind of path.
    ///
    /// Sent: a path with an exact route and a prefix of a higher priority. Seen: the prefix.
    [ROUTE_PRECEDENCE, Priority]
    async fn priority(stage) {
        let routes = "  - {match: [{path: {exact: /a/b}}], upstream: other}\n  - {match: [{path: {prefix: /a}}], priority: 10, upstream: app}\n  - {upstream: other}\n";
        table(stage, routes, &[("/a/b", "", "app"), ("/b", "", "other")]).await?;
    }

    /// An exact host beats a wildcard, and a wildcard beats none.
    ///
    /// Sent: several hosts. Seen: the most specific claim.
    [ROUTE_HOST]
    async fn hosts(stage) {
        let routes = "  - {hostnames: [\"*.chat.test\"], upstream: other}\n  - {hostnames: [a.chat.test], upstream: app}\n  - {respond: {status: 204}}\n";
        table(stage, routes, &[
            ("/", "Host: a.chat.test\r\n", "app"),
            ("/", "Host: b.chat.test\r\n", "other"),
            ("/", "Host: b.c.chat.test\r\n", "other"),
        ]).await?;
    }

    /// Hosts compare without case, without port and without a final dot.
    ///
    /// Sent: one host in four spellings. Seen: the same route.
    [ROUTE_HOST_FORM]
    async fn host_spellings(stage) {
        let routes = "  - {hostnames: [a.chat.test], upstream: app}\n  - {upstream: other}\n";
        table(stage, routes, &[
            ("/", "Host: A.Chat.TEST\r\n", "app"),
            ("/", "Host: a.chat.test:8443\r\n", "app"),
            ("/", "Host: a.chat.test.\r\n", "app"),
            ("/", "Host: xa.chat.test\r\n", "other"),
            ("/", "Host: a.chat.test.evil.test\r\n", "other"),
        ]).await?;
    }

    /// A host that is claimed never falls through to routes of others.
    ///
    /// Sent: a path that only the catch-all has, with a claimed host. Seen: 404.
    [ROUTE_HOST]
    async fn no_fall_through(stage) {
        let routes = "  - {hostnames: [a.test], match: [{path: {prefix: /ws}}], upstream: app}\n  - {upstream: other}\n";
        table(stage, routes, &[
            ("/ws", "Host: a.test\r\n", "app"),
            ("/else", "Host: a.test\r\n", "404"),
            ("/else", "Host: b.test\r\n", "other"),
        ]).await?;
    }

    /// What no route matches gets 404.
    ///
    /// Sent: a path that nobody has. Seen: 404 for a request and for a handshake.
    [ROUTE_NONE]
    async fn none(stage) {
        let routes = "  - {match: [{path: {prefix: /ws}}], upstream: app}\n";
        table(stage, routes, &[("/ws", "", "app"), ("/", "", "404"), ("/other", "", "404")]).await?;
    }

    /// A route may want a method.
    ///
    /// Sent: GET, POST and DELETE. Seen: the first where it is listed, the others elsewhere.
    [ROUTE_TIES, MatchMethods]
    async fn methods(stage) {
        let (app, other) = (Teller::bind("app").await?, Teller::bind("other").await?);
        let routes = "  - {match: [{methods: [POST, PUT]}], upstream: app}\n  - {upstream: other}\n";
        let server = stage.routes(app.address(), other.address(), routes).await?;
        for (method, who) in [("GET", "other"), ("POST", "app"), ("PUT", "app"), ("DELETE", "other")] {
            equal(method, server.seen(&format!("{method} /"), "Content-Length: 0\r\n").await?.by.as_str(), who)?;
        }
    }

    /// A route may want fields.
    ///
    /// Sent: requests with and without a field, and with another value. Seen: the route only where the value is the same.
    [ROUTE_TIES, MatchHeaders]
    async fn fields(stage) {
        let routes = "  - {match: [{headers: {X-Room: blue}}], upstream: app}\n  - {upstream: other}\n";
        table(stage, routes, &[
            ("/", "X-Room: blue\r\n", "app"),
            ("/", "x-room: blue\r\n", "app"),
            ("/", "X-Room: Blue\r\n", "other"),
            ("/", "X-Room: blue2\r\n", "other"),
            ("/", "", "other"),
        ]).await?;
    }

    /// A route may want a parameter of the query.
    ///
    /// Sent: queries with and without it. Seen: the route only where the value is the same.
    [ROUTE_TIES, MatchQuery]
    async fn query(stage) {
        let routes = "  - {match: [{query: {transport: websocket}}], upstream: app}\n  - {upstream: other}\n";
        table(stage, routes, &[
            ("/?transport=websocket", "", "app"),
            ("/?EIO=4&transport=websocket&x=1", "", "app"),
            ("/?transport=polling", "", "other"),
            ("/?xtransport=websocket", "", "other"),
            ("/", "", "other"),
        ]).await?;
    }

    /// A route may want WebSockets alone.
    ///
    /// Sent: a request and a handshake for one path. Seen: each its own upstream.
    [ROUTE_TIES, MatchUpgrade]
    async fn upgrade(stage) {
        let (app, other) = (Teller::bind("app").await?, Teller::bind("other").await?);
        let routes = "  - {match: [{path: {prefix: /live}, upgrade: websocket}], upstream: app}\n  - {upstream: other}\n";
        let server = stage.routes(app.address(), other.address(), routes).await?;
        equal("a handshake", server.seen_by_socket("/live", "").await?.by.as_str(), "app")?;
        equal("a request", server.seen("GET /live", "").await?.by.as_str(), "other")?;
        equal("another handshake", server.seen_by_socket("/else", "").await?.by.as_str(), "other")?;
    }

    /// Several entries of a route each match by themselves.
    ///
    /// Sent: paths of two entries. Seen: the same route for both.
    [ROUTE_TIES]
    async fn several_entries(stage) {
        let routes = "  - {match: [{path: {prefix: /a}}, {path: {exact: /b}}], upstream: app}\n  - {upstream: other}\n";
        table(stage, routes, &[("/a/x", "", "app"), ("/b", "", "app"), ("/b/x", "", "other")]).await?;
    }

    /// Paths that are the same in another spelling belong to the same route.
    ///
    /// Sent: dot segments, doubled slashes and escapes of unreserved characters. Seen: the route, or 400.
    [ROUTE_NORMAL_PATH]
    async fn other_spellings(stage) {
        let (app, other) = (Teller::bind("app").await?, Teller::bind("other").await?);
        let routes = "  - {match: [{path: {prefix: /ws}}], upstream: app}\n  - {upstream: other}\n";
        let server = stage.routes(app.address(), other.address(), routes).await?;
        for path in ["/a/../ws", "//ws", "/./ws/x", "/%77s", "/ws/%2e/x", "/a/%2E%2e/ws"] {
            let seen = server.seen(&format!("GET {path}"), "").await?;
            check(seen.by == "app" || seen.status == 400, format!("{path} is /ws or refused"), format!("{} {}", seen.status, seen.by))?;
        }
    }

    /// A path that leads out of a prefix is none of its own.
    ///
    /// Sent: dot segments behind a prefix, plain and escaped, in requests and handshakes. Seen: never the prefix's upstream.
    [ROUTE_NORMAL_PATH]
    async fn no_way_out_of_a_prefix(stage) {
        let (app, other) = (Teller::bind("app").await?, Teller::bind("other").await?);
        let routes = "  - {match: [{path: {prefix: /ws}}], upstream: app}\n  - {upstream: other}\n";
        let server = stage.routes(app.address(), other.address(), routes).await?;
        for path in ["/ws/../deny", "/ws/%2e%2e/deny", "/ws/.%2E/deny", "/ws/a/../../deny", "/ws//../../deny"] {
            let plain = server.seen(&format!("GET {path}"), "").await?;
            let socket = server.seen_by_socket(path, "").await?;
            for seen in [plain, socket] {
                check(seen.by != "app", format!("{path} does not reach /ws"), format!("{} {}", seen.status, seen.by))?;
            }
        }
    }

    /// An escaped slash is no separator.
    ///
    /// Sent: `/ws%2Fa` and `/a%2F..%2Fws`. Seen: neither is under `/ws`.
    [ROUTE_NORMAL_PATH, EncodedSlash]
    async fn escaped_slash(stage) {
        let routes = "  - {match: [{path: {prefix: /ws}}], upstream: app}\n  - {upstream: other}\n";
        table(stage, routes, &[("/ws%2Fa", "", "other"), ("/ws/a%2Fb", "", "app"), ("/a%2F..%2Fws", "", "other")]).await?;
    }

    /// A target without a normal form is refused.
    ///
    /// Sent: broken escapes, an escaped NUL. Seen: 400 (404 where a server knows better), and nothing at the upstream.
    [ROUTE_BAD_PATH]
    async fn bad_targets(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), "").await?;
        for target in ["/%", "/%4", "/%zz", "/a%00b"] {
            let (answer, _) = server.ask_raw(plain(&format!("GET {target}"), "")).await?;
            check([400, 404].contains(&answer.status()), format!("{target} is refused"), answer.status())?;
        }
    }

    /// Each listener has its own routes.
    ///
    /// Sent: the same path to two listeners. Seen: the route of each, and that of both.
    [ROUTE_LISTENER]
    async fn listeners(stage) {
        let (app, other) = (Teller::bind("app").await?, Teller::bind("other").await?);
        let server = stage
            .start(&format!(
                "version: 1\nlisteners: [{{name: one, address: \"LISTEN\"}}, {{name: two, address: \"LISTEN2\"}}]\n\
                 upstreams: {{app: {{servers: [\"{}\"]}}, other: {{servers: [\"{}\"]}}}}\nroutes:\n\
                 \x20 - {{listeners: [one], match: [{{path: {{prefix: /a}}}}], upstream: app}}\n\
                 \x20 - {{listeners: [two], match: [{{path: {{prefix: /a}}}}], upstream: other}}\n\
                 \x20 - {{match: [{{path: {{prefix: /both}}}}], upstream: app}}\n",
                app.address(), other.address()
            ))
            .await?;
        equal("the first", server.seen("GET /a", "").await?.by.as_str(), "app")?;
        for (path, who) in [("/a", "other"), ("/both", "app")] {
            let mut client = server.connect_second().await?;
            client.send(plain(&format!("GET {path}"), "")).await?;
            equal(path, client.answer().await?.field("x-teller").as_deref(), Some(who))?;
        }
        equal("both", server.seen("GET /both", "").await?.by.as_str(), "app")?;
    }

    /// A handshake never meets a redirect that nobody wrote.
    ///
    /// Sent: handshakes for a prefix with and without its last slash. Seen: tunnels.
    [REDIRECT_EXPLICIT]
    async fn no_redirect_to_a_slash(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), ", match: [{path: {prefix: /ws}}]").await?;
        for path in ["/ws", "/ws/"] {
            equal(path, server.handshake_status(path, "").await?, 101)?;
        }
    }
}
