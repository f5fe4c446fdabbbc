//! What an upstream gets of a path, and answers without an upstream.

use crate::case::cases;
use crate::peer::Teller;
use crate::stage::Stage;
use crate::verdict::{Verdict, check, equal};

/// Checks what arrives of each path, by a request and by a handshake.
async fn arrives(stage: &Stage, route: &str, rows: &[(&str, &str)]) -> Verdict {
    let app = Teller::bind("app").await?;
    let server = stage.route(app.address(), route).await?;
    for (sent, expected) in rows {
        let plain = server.seen(&format!("GET {sent}"), "").await?;
        equal(&format!("a request for {sent}"), plain.head.target(), *expected)?;
        let socket = server.seen_by_socket(sent, "").await?;
        equal(&format!("a handshake for {sent}"), socket.head.target(), *expected)?;
    }
    Ok(())
}

cases! { "rewriting";
    /// A prefix is taken off; what is left begins with a slash.
    ///
    /// Sent: paths at and under a prefix, with queries and escapes. Seen: the rest, byte for byte.
    [REWRITE_PREFIX, RewritePrefix]
    async fn strip_prefix(stage) {
        arrives(stage, ", match: [{path: {prefix: /chat}}], rewrite: {strip_prefix: /chat}", &[
            ("/chat", "/"),
            ("/chat/", "/"),
            ("/chat?q=1", "/?q=1"),
            ("/chat/room/1?x=%20&y=/chat", "/room/1?x=%20&y=/chat"),
            ("/chat/chat", "/chat"),
        ]).await?;
    }

    /// A prefix is taken off without touching escapes behind it.
    ///
    /// Sent: an escaped slash and an escaped blank behind a prefix. Seen: the same escapes.
    [REWRITE_BYTES, RewritePrefix, EncodedSlash]
    async fn strip_prefix_keeps_escapes(stage) {
        arrives(stage, ", match: [{path: {prefix: /chat}}], rewrite: {strip_prefix: /chat}", &[
            ("/chat/a%2Fb", "/a%2Fb"),
            ("/chat/a%20b%3Fc", "/a%20b%3Fc"),
        ]).await?;
    }

    /// A prefix is replaced by another.
    ///
    /// Sent: paths at and under a prefix. Seen: the other prefix in its place.
    [REWRITE_PREFIX, RewritePrefix]
    async fn replace_prefix(stage) {
        arrives(stage, ", match: [{path: {prefix: /one}}], rewrite: {replace_prefix: {from: /one, to: /two}}", &[
            ("/one", "/two"),
            ("/one/a?b", "/two/a?b"),
            ("/one/one", "/two/one"),
        ]).await?;
    }

    /// A regex replaces what it matches, with its groups.
    ///
    /// Sent: a path with a number. Seen: the number in another place, the query as it was.
    [REWRITE_REGEX, RewriteRegex]
    async fn regex(stage) {
        arrives(stage, ", match: [{path: {regex: \"^/v[0-9]+/\"}}], rewrite: {regex: {pattern: \"^/v([0-9]+)/\", to: \"/api/$1/\"}}", &[
            ("/v1/ws", "/api/1/ws"),
            ("/v12/ws/a?x=/v3/", "/api/12/ws/a?x=/v3/"),
        ]).await?;
    }

    /// A regex that a path does not fit changes nothing.
    ///
    /// Sent: paths with and without a number. Seen: the latter as they were.
    [REWRITE_REGEX, RewriteRegex]
    async fn regex_that_does_not_fit(stage) {
        arrives(stage, ", rewrite: {regex: {pattern: \"^/v([0-9]+)/\", to: \"/api/$1/\"}}", &[
            ("/v1/ws", "/api/1/ws"),
            ("/other/a%20b?x=/v3/", "/other/a%20b?x=/v3/"),
            ("/", "/"),
        ]).await?;
    }

    /// Without a rewrite a normal path passes byte for byte.
    ///
    /// Sent: paths with escapes, dots and characters of every kind that a path may hold. Seen: the same bytes.
    [REWRITE_BYTES]
    async fn paths_pass(stage) {
        arrives(stage, "", &[
            ("/", "/"),
            ("/a/b.c/d-e_f~g", "/a/b.c/d-e_f~g"),
            ("/a%20b%25c", "/a%20b%25c"),
            ("/a;b=c,d:e@f!g$h&i'j(k)l*m+n", "/a;b=c,d:e@f!g$h&i'j(k)l*m+n"),
            ("/%C3%A4", "/%C3%A4"),
            ("/..a/b..", "/..a/b.."),
        ]).await?;
    }

    /// Without a rewrite an escaped slash passes.
    ///
    /// Sent: `%2F` in a path. Seen: the same.
    [REWRITE_BYTES, EncodedSlash]
    async fn escaped_slash_passes(stage) {
        arrives(stage, "", &[("/a%2Fb/c", "/a%2Fb/c")]).await?;
    }

    /// A redirect changes what it names and keeps the rest.
    ///
    /// Sent: requests for a redirect of the scheme and of a host. Seen: path and query as asked.
    [REDIRECT_PARTS, Redirect]
    async fn redirect(stage) {
        let app = Teller::bind("app").await?;
        let server = stage
            .routes(app.address(), app.address(), "  - {match: [{path: {prefix: /tls}}], redirect: {scheme: https, status: 301}}\n  - {match: [{path: {prefix: /away}}], redirect: {hostname: other.test, status: 308}}\n")
            .await?;
        let (answer, _) = server.ask("GET /tls/a?b=c", "Host: a.test\r\n").await?;
        equal("the status", answer.status(), 301)?;
        equal("where to", answer.field("location").as_deref(), Some("https://a.test/tls/a?b=c"))?;
        let (answer, _) = server.ask("GET /away?x", "Host: a.test\r\n").await?;
        equal("the status", answer.status(), 308)?;
        equal("where to", answer.field("location").as_deref(), Some("http://other.test/away?x"))?;
    }

    /// A handshake gets a redirect only where one is written.
    ///
    /// Sent: a handshake for a route that redirects. Seen: the redirect.
    [REDIRECT_EXPLICIT, Redirect]
    async fn redirect_of_a_handshake(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.routes(app.address(), app.address(), "  - {match: [{path: {prefix: /old}}], redirect: {path: /new, status: 302}}\n").await?;
        let seen = server.seen_by_socket("/old", "").await?;
        equal("the status", seen.status, 302)?;
        let to = seen.answer.field("location").unwrap_or_default();
        check(to.ends_with("/new"), "a Location of /new", to)?;
    }

    /// A fixed answer is one status, its fields and its body, for every request.
    ///
    /// Sent: GET, POST and a handshake. Seen: the same answer.
    [RESPOND_FIXED, Respond]
    async fn respond(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.routes(app.address(), app.address(), "  - {respond: {status: 503, headers: {Retry-After: \"60\", Content-Type: text/plain}, body: \"later\\n\"}}\n").await?;
        for line in ["GET /", "POST /x", "DELETE /y?z"] {
            let (answer, body) = server.ask(line, "").await?;
            equal(line, answer.status(), 503)?;
            equal("Retry-After", answer.field("retry-after").as_deref(), Some("60"))?;
            equal("the body", body.as_str(), "later\n")?;
        }
        equal("a handshake", server.handshake_status("/", "").await?, 503)?;
    }
}
