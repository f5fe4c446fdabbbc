//! Fields on their way, and what an upstream is told of its client.

use crate::case::cases;
use crate::opened::plain;
use crate::peer::Teller;
use crate::stage::Stage;
use crate::verdict::{Verdict, check, equal};
use crate::wire::Head;
use wsgen_model::spelling;

/// What arrives of a field, by a request and by a handshake, with settings of the site and of the route.
async fn arrives(
    stage: &Stage,
    listener: &str,
    route: &str,
    fields: &str,
    name: &str,
    value: Option<&str>,
) -> Verdict {
    let app = Teller::bind("app").await?;
    let server = stage.site(app.address(), listener, "", route).await?;
    let plain = server.seen("GET /", fields).await?;
    equal(&format!("{name} of a request"), plain.head.field(name).as_deref(), value)?;
    let socket = server.seen_by_socket("/", fields).await?;
    equal(&format!("{name} of a handshake"), socket.head.field(name).as_deref(), value)
}

/// The names of a head that an application behind CGI or WSGI hands on as one of these.
fn folded(head: &Head, names: &[&str]) -> Vec<String> {
    let fields = head.fields.iter();
    let known = |name: &str| names.iter().any(|known| spelling::is_same(known, name));
    fields.filter(|(name, _)| known(name)).map(|(name, value)| format!("{name}: {value}")).collect()
}

/// Every spelling of these names with `_`, as fields with a lie.
fn lies(names: &[&str]) -> String {
    let others = names.iter().flat_map(|name| spelling::others(name));
    others.map(|name| format!("{name}: 6.6.6.6\r\n")).collect()
}

cases! { "headers";
    /// `host: preserve` sends Host as it came, name and port.
    ///
    /// Sent: `Host: Chat.test:8443`. Seen: the same at the upstream.
    [HOST_PRESERVE]
    async fn host_is_kept(stage) {
        arrives(stage, "", "", "Host: chat.test:8443\r\n", "host", Some("chat.test:8443")).await?;
    }

    /// `host: upstream` sends the server's own address.
    ///
    /// Sent: another Host. Seen: the server's.
    [HOST_PRESERVE, HostUpstream]
    async fn host_of_the_upstream(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), ", host: upstream").await?;
        let own = app.address().to_string();
        equal("a request", server.seen("GET /", "").await?.head.field("host"), Some(own.clone()))?;
        equal("a handshake", server.seen_by_socket("/", "").await?.head.field("host"), Some(own))?;
    }

    /// A literal `host` is sent in place of the client's.
    ///
    /// Sent: another Host. Seen: the literal one.
    [HOST_PRESERVE, HostLiteral]
    async fn host_by_name(stage) {
        arrives(stage, "", ", host: inner.test", "", "host", Some("inner.test")).await?;
    }

    /// A field is set: what the client sent under its name is gone.
    ///
    /// Sent: the field with a value of the client's. Seen: the route's value alone.
    [HEADERS_EDIT, RequestHeadersSet]
    async fn request_field_set(stage) {
        arrives(stage, "", ", request_headers: {set: {X-Edge: \"a b; c\"}}", "X-Edge: mine\r\n", "x-edge", Some("a b; c")).await?;
    }

    /// A field is added behind the client's own.
    ///
    /// Sent: the field with a value of the client's. Seen: both values, the client's first.
    [HEADERS_EDIT, RequestHeadersAdd]
    async fn request_field_added(stage) {
        arrives(stage, "", ", request_headers: {add: {X-Trace: edge}}", "X-Trace: client\r\n", "x-trace", Some("client, edge")).await?;
    }

    /// A field is removed.
    ///
    /// Sent: the field. Seen: nothing of it.
    [HEADERS_EDIT, RequestHeadersRemove]
    async fn request_field_removed(stage) {
        arrives(stage, "", ", request_headers: {remove: [X-Debug]}", "X-Debug: 1\r\nx-debug: 2\r\n", "x-debug", None).await?;
    }

    /// Fields of answers are set, added and removed.
    ///
    /// Sent: an answer with a field of each kind. Seen: the edited ones.
    [HEADERS_EDIT, ResponseHeadersSet, ResponseHeadersAdd, ResponseHeadersRemove]
    async fn response_fields(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), ", response_headers: {set: {X-Powered-By: wsgen}, add: {X-More: \"1\"}, remove: [X-Secret]}").await?;
        let mut client = server.connect().await?;
        client.send(plain("GET /", "")).await?;
        let (mut far, _) = upstream.request().await?;
        far.send("HTTP/1.1 200 OK\r\nX-Powered-By: app\r\nX-Secret: s\r\nX-Kept: k\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await?;
        let answer = client.answer().await?;
        for (name, value) in [("x-powered-by", Some("wsgen")), ("x-more", Some("1")), ("x-secret", None), ("x-kept", Some("k"))] {
            equal(name, answer.field(name).as_deref(), value)?;
        }
    }

    /// Edits of answers hold for the 101 too.
    ///
    /// Sent: a handshake. Seen: the route's field on its 101.
    [HEADERS_ON_101, ResponseHeadersSet]
    async fn response_field_on_the_101(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), ", response_headers: {set: {X-Served-By: edge}}").await?;
        let seen = server.seen_by_socket("/", "").await?;
        equal("the status", seen.status, 101)?;
        equal("its field", seen.answer.field("x-served-by").as_deref(), Some("edge"))?;
    }

    /// `forwarded: replace` tells who the client is, whatever the client says.
    ///
    /// Sent: made-up `X-Forwarded-*`. Seen: the peer's address, the scheme and the host.
    [FORWARDED_REPLACE, ForwardedReplace]
    async fn forwarded_replaces(stage) {
        let lies = "Host: chat.test\r\nX-Forwarded-For: 6.6.6.6, 7.7.7.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.test\r\n";
        arrives(stage, "", "", lies, "x-forwarded-for", Some("127.0.0.1")).await?;
        arrives(stage, "", "", lies, "x-forwarded-proto", Some("http")).await?;
        arrives(stage, "", "", lies, "x-forwarded-host", Some("chat.test")).await?;
        let real = ", forwarded: {headers: [for, real_ip]}";
        arrives(stage, "", real, "X-Real-IP: 6.6.6.6\r\n", "x-real-ip", Some("127.0.0.1")).await?;
    }

    /// A client's forwarded fields that the proxy does not write itself never reach the upstream.
    ///
    /// Sent: made-up `Forwarded`, `X-Real-IP`, `X-Forwarded-Port`, `-Server`, `-Scheme`, `-Ssl`, `-Prefix`. Seen: none of
    /// them, by a request and by a handshake; with `headers: [for]` no `-Proto` and no `-Host` either.
    [FORWARDED_REPLACE, ForwardedReplace]
    async fn forwarded_family_is_the_proxys_own(stage) {
        let app = Teller::bind("app").await?;
        let fields: String = spelling::FORWARDED_FIELDS.map(|name| format!("{name}: 6.6.6.6\r\n")).concat();
        for (route, told) in [("", 3), (", forwarded: {headers: [for]}", 1), (", forwarded: {style: forwarded}", 1)] {
            let server = stage.route(app.address(), route).await?;
            for head in [server.seen("GET /", &fields).await?.head, server.seen_by_socket("/", &fields).await?.head] {
                let seen = folded(&head, &spelling::FORWARDED_FIELDS);
                check(seen.len() == told && !format!("{seen:?}").contains("6.6.6.6"), format!("{told} of the proxy"), format!("{seen:?}"))?;
            }
        }
    }

    /// No spelling that applications cannot tell apart passes beside what the proxy tells.
    ///
    /// Sent: `X_Forwarded_For`, `X-Forwarded_For`, `X_Real_IP`, `Content_Length` and every other with `_` for `-`. Seen: the
    /// proxy's own fields alone.
    [FORWARDED_SPELLING, ForwardedReplace]
    async fn forwarded_in_other_spellings(stage) {
        let app = Teller::bind("app").await?;
        for (listener, route) in [("", ""), (", trusted_proxies: [10.0.0.0/8]", ", forwarded: {mode: append}"), (", trusted_proxies: [127.0.0.0/8]", ", forwarded: {mode: append}")] {
            let server = stage.site(app.address(), listener, "", route).await?;
            for names in [&spelling::FORWARDED_FIELDS[..4], &spelling::FORWARDED_FIELDS[4..]] {
                let fields = format!("{}Content_Length: 5\r\nTransfer_Encoding: chunked\r\n", lies(names)).to_lowercase();
                for head in [server.seen("GET /", &fields).await?.head, server.seen_by_socket("/", &fields).await?.head] {
                    let seen = folded(&head, &[&spelling::FORWARDED_FIELDS[..], &spelling::FRAMING_FIELDS].concat());
                    check(!format!("{seen:?}").contains('_') && seen.len() <= 3, "no other spelling", format!("{seen:?}"))?;
                }
            }
        }
    }

    /// A field that the route sets or removes is so in every spelling.
    ///
    /// Sent: the fields with `_` for `-`. Seen: the route's value alone, and nothing.
    [FORWARDED_SPELLING, RequestHeadersSet, RequestHeadersRemove]
    async fn edited_in_other_spellings(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), ", request_headers: {set: {X-Edge-User: ada}, remove: [X-Is-Admin]}").await?;
        let names = ["X-Edge-User", "X-Is-Admin"];
        let fields = format!("{}X-Is-Admin: 1\r\nX-Edge-User: eve\r\n", lies(&names));
        for head in [server.seen("GET /", &fields).await?.head, server.seen_by_socket("/", &fields).await?.head] {
            let seen = folded(&head, &names);
            check(seen.len() == 1 && seen[0].to_lowercase() == "x-edge-user: ada", "the route's value alone", format!("{seen:?}"))?;
        }
    }

    /// With `append` the rest of the forwarded family passes from trusted peers alone.
    ///
    /// Sent: `X-Forwarded-Port`, `X-Real-IP` and `Forwarded` by a trusted peer, then by another. Seen: all of them, then none.
    [FORWARDED_APPEND, ForwardedAppend, TrustedProxies]
    async fn forwarded_family_of_trusted_peers(stage) {
        let fields = "X-Forwarded-Port: 8443\r\nX-Real-IP: 203.0.113.9\r\nForwarded: for=203.0.113.9\r\n";
        for (trusted, passes) in [("127.0.0.0/8", true), ("10.0.0.0/8", false)] {
            for (name, value) in [("x-forwarded-port", "8443"), ("x-real-ip", "203.0.113.9"), ("forwarded", "for=203.0.113.9")] {
                arrives(stage, &format!(", trusted_proxies: [{trusted}]"), ", forwarded: {mode: append}", fields, name, passes.then_some(value)).await?;
            }
        }
    }

    /// A trusted peer speaks for its client.
    ///
    /// Sent: `X-Forwarded-For` by a trusted peer. Seen: with `append` the list with the peer behind it.
    [FORWARDED_APPEND, ForwardedAppend, TrustedProxies]
    async fn forwarded_appends_behind_trusted_peers(stage) {
        arrives(stage, ", trusted_proxies: [127.0.0.0/8]", ", forwarded: {mode: append}", "X-Forwarded-For: 203.0.113.9\r\n", "x-forwarded-for", Some("203.0.113.9, 127.0.0.1")).await?;
    }

    /// With `append` an untrusted peer's list is replaced.
    ///
    /// Sent: `X-Forwarded-For` by a peer that is not trusted. Seen: the peer alone.
    [FORWARDED_APPEND, ForwardedAppend, TrustedProxies]
    async fn forwarded_believes_no_stranger(stage) {
        arrives(stage, ", trusted_proxies: [10.0.0.0/8]", ", forwarded: {mode: append}", "X-Forwarded-For: 203.0.113.9\r\n", "x-forwarded-for", Some("127.0.0.1")).await?;
    }

    /// With `mode: off` nothing is told and nothing is taken away.
    ///
    /// Sent: `X-Forwarded-For` of the client's own. Seen: that.
    [FORWARDED_REPLACE, ForwardedOff]
    async fn forwarded_off(stage) {
        arrives(stage, "", ", forwarded: {mode: \"off\"}", "X-Forwarded-For: 6.6.6.6\r\n", "x-forwarded-for", Some("6.6.6.6")).await?;
        arrives(stage, "", ", forwarded: {mode: \"off\"}", "", "x-forwarded-proto", None).await?;
    }

    /// `Forwarded` of RFC 7239 can be told in place of the others.
    ///
    /// Sent: a made-up `Forwarded`. Seen: one that names the client, the scheme and the host.
    [FORWARDED_REPLACE, ForwardedStyle]
    async fn forwarded_by_its_own_field(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), ", forwarded: {style: forwarded}").await?;
        let seen = server.seen_by_socket("/", "Host: chat.test\r\nForwarded: for=6.6.6.6\r\n").await?;
        let told = seen.head.field("forwarded").unwrap_or_default();
        let good = told.contains("for=127.0.0.1") && told.contains("proto=http") && told.contains("chat.test") && !told.contains("6.6.6.6");
        check(good, "for, proto and host of the client", told)?;
    }

    /// No client takes the proxy's word away by naming it one of its connection's own.
    ///
    /// Sent: a `Connection` that lists `X-Forwarded-For`, a field that the route sets, and `Host`. Seen: all three, and no
    /// such list, by a request and by a handshake.
    [HEADERS_HOP_BY_HOP, ForwardedReplace, RequestHeadersSet]
    async fn connection_names_nothing_of_the_proxys(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), ", request_headers: {set: {X-Edge: ada}}").await?;
        let fields = "Connection: X-Forwarded-For, x-edge, Host\r\n";
        for head in [server.seen("GET /", fields).await?.head, server.seen_by_socket("/", fields).await?.head] {
            equal("the client", head.field("x-forwarded-for").as_deref(), Some("127.0.0.1"))?;
            equal("the route's field", head.field("x-edge").as_deref(), Some("ada"))?;
            equal("the host", head.field("host").as_deref(), Some("a.test"))?;
            check(!head.lists("connection", "x-forwarded-for"), "no list", &head)?;
        }
    }

    /// Fields that are one connection's own do not become another's.
    ///
    /// Sent: `Keep-Alive` and `Proxy-Connection` with a plain request. Seen: an answer on a connection that goes on.
    [HEADERS_HOP_BY_HOP]
    async fn keep_alive_is_the_connections_own(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), "").await?;
        let mut client = server.connect().await?;
        for _ in 0..3 {
            client.send("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n").await?;
            let head = client.answer().await?;
            equal("the status", head.status(), 200)?;
            client.body(&head).await?;
        }
    }
}
