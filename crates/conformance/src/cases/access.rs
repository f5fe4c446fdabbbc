//! Who gets in: modes, origins, names and passwords, limits.

use std::time::{Duration, Instant};

use crate::case::cases;
use crate::peer::{Teller, handshake};
use crate::stage::Stage;
use crate::verdict::{Verdict, check, equal};

/// The status of a handshake with an origin, for a list of origins.
async fn origin(stage: &Stage, settings: &str, rows: &[(Option<&str>, u16)]) -> Verdict {
    let app = Teller::bind("app").await?;
    let server = stage.route(app.address(), &format!(", websocket: {{{settings}}}")).await?;
    for (origin, status) in rows {
        let field = origin.map_or_else(String::new, |origin| format!("Origin: {origin}\r\n"));
        let seen = server.handshake_status("/", &format!("Host: a.test\r\n{field}")).await?;
        equal(&format!("the status with {origin:?}"), seen, *status)?;
    }
    Ok(())
}

/// A users file: `me` with the password `secret` (SHA-512 crypt).
const USERS: &str = "me:$6$wsgensalt$SpV7rYiLLbZD6QJbQUKBRZJWvhLaS8LWR825Mpoy1O8wC45Zepg04ENxOsdQeahV4gW5tKeZrA/j7bw2SR/.M0\n";

cases! { "access";
    /// `mode: require` carries WebSockets alone.
    ///
    /// Sent: a request and a handshake. Seen: 426 with `Upgrade: websocket`, and a tunnel.
    [MODE_REQUIRE, ModeRequire]
    async fn require(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), ", websocket: {mode: require}").await?;
        let (answer, _) = server.ask("GET /", "").await?;
        equal("the status", answer.status(), 426)?;
        equal("what to upgrade to", answer.field("upgrade").as_deref(), Some("websocket"))?;
        equal("a handshake", server.handshake_status("/", "").await?, 101)?;
    }

    /// `mode: deny` serves handshakes as plain HTTP.
    ///
    /// Sent: a handshake. Seen: an ordinary request at the upstream, without its `Upgrade`, and no tunnel.
    [MODE_DENY, ModeDeny]
    async fn deny(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), ", websocket: {mode: deny}").await?;
        let mut client = server.connect().await?;
        client.send(handshake::request("/", "")).await?;
        let head = client.answer().await?;
        equal("the status", head.status(), 200)?;
        let told = String::from_utf8_lossy(&client.body(&head).await?).to_lowercase();
        check(!told.contains("\r\nupgrade:"), "no `Upgrade` at the upstream", told)?;
    }

    /// `mode: allow` carries both.
    ///
    /// Sent: a request and a handshake for one path. Seen: 200 and 101.
    [MODE_ALLOW]
    async fn allow(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), "").await?;
        equal("a request", server.ask("GET /", "").await?.0.status(), 200)?;
        equal("a handshake", server.handshake_status("/", "").await?, 101)?;
    }

    /// A listed origin passes, every other gets 403.
    ///
    /// Sent: origins that differ in scheme, port, and by names around the listed one. Seen: 101 for the listed one alone.
    [ORIGIN_CHECK, Origins]
    async fn listed_origins(stage) {
        origin(stage, "origins: [\"https://chat.test\"]", &[
            (Some("https://chat.test"), 101),
            (Some("https://chat.test:443"), 101),
            (Some("http://chat.test"), 403),
            (Some("https://chat.test:8443"), 403),
            (Some("https://chat.test.evil.test"), 403),
            (Some("https://evil-chat.test"), 403),
            (Some("https://CHAT.test"), 101),
        ]).await?;
    }

    /// A wildcard stands for one or more labels.
    ///
    /// Sent: names below, above and beside the listed one. Seen: 101 below it alone.
    [ORIGIN_FORM, Origins]
    async fn wildcard_origins(stage) {
        origin(stage, "origins: [\"https://*.chat.test\"]", &[
            (Some("https://a.chat.test"), 101),
            (Some("https://a.b.chat.test"), 101),
            (Some("https://chat.test"), 403),
            (Some("https://achat.test"), 403),
        ]).await?;
    }

    /// `same_origin` compares with Host.
    ///
    /// Sent: the origin of the host, and another. Seen: 101 and 403.
    [ORIGIN_FORM, Origins]
    async fn same_origin(stage) {
        origin(stage, "origins: [same_origin]", &[
            (Some("http://a.test"), 101),
            (Some("http://b.test"), 403),
            (Some("http://a.test.evil.test"), 403),
        ]).await?;
    }

    /// `null` counts only if it is listed.
    ///
    /// Sent: `Origin: null` to both kinds of list. Seen: 403, then 101.
    [ORIGIN_FORM, Origins]
    async fn null_origin(stage) {
        origin(stage, "origins: [\"https://chat.test\"]", &[(Some("null"), 403)]).await?;
        origin(stage, "origins: [\"https://chat.test\", null]", &[(Some("null"), 101)]).await?;
    }

    /// A handshake without an origin passes, unless the route says otherwise.
    ///
    /// Sent: a handshake without `Origin`, as programs send it. Seen: 101; with `missing_origin: deny` 403.
    [ORIGIN_MISSING, Origins, MissingOrigin]
    async fn missing_origin(stage) {
        origin(stage, "origins: [\"https://chat.test\"]", &[(None, 101)]).await?;
        origin(stage, "origins: [\"https://chat.test\"], missing_origin: deny", &[(None, 403)]).await?;
    }

    /// A refused origin is not the upstream's matter, and plain HTTP is not the origin check's.
    ///
    /// Sent: a handshake and a request with a bad origin. Seen: 403 with nothing at the upstream, then 200.
    [ORIGIN_CHECK, Origins]
    async fn refused_ahead_of_the_upstream(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), ", websocket: {origins: [\"https://chat.test\"]}").await?;
        let mut client = server.connect().await?;
        client.send(handshake::request("/", "Origin: https://evil.test\r\n")).await?;
        equal("the status", client.answer().await?.status(), 403)?;
        check(upstream.is_left_alone(Duration::from_millis(200)).await, "nothing at the upstream", "a connection")?;
        let (_, answer) = server.exchange(&upstream, "GET /", "Origin: https://evil.test\r\n").await?;
        equal("a request", answer.status(), 200)?;
    }

    /// `auth.basic` asks for a name and a password, of handshakes too.
    ///
    /// Sent: nothing, a wrong password, the right one. Seen: 401 with its challenge, 401, and the upstream's answer.
    [AUTH_BASIC, AuthBasic]
    async fn basic(stage) {
        let app = Teller::bind("app").await?;
        let users = stage.file("users", USERS)?;
        let server = stage.route(app.address(), &format!(", auth: {{basic: {{users_file: \"{users}\", realm: Members}}}}, websocket: {{origins: [same_origin]}}")).await?;
        let (answer, _) = server.ask("GET /", "").await?;
        equal("nothing", answer.status(), 401)?;
        let challenge = answer.field("www-authenticate").unwrap_or_default();
        check(challenge.contains("realm=\"Members\""), "a challenge for Members", challenge)?;
        let (wrong, right) = ("Authorization: Basic bWU6eA==\r\n", "Authorization: Basic bWU6c2VjcmV0\r\n");
        equal("a wrong one", server.handshake_status("/", wrong).await?, 401)?;
        equal("the right one", server.handshake_status("/", right).await?, 101)?;
        equal("a request", server.ask("GET /", right).await?.0.status(), 200)?;
    }

    /// `auth.forward` asks another service, without the upgrade.
    ///
    /// Sent: handshakes that the service allows and refuses. Seen: a tunnel with its field; the service's 403.
    [AUTH_FORWARD, AuthForward]
    async fn forward(stage) {
        let (app, service) = (Teller::bind("app").await?, stage.upstream_named("service").await?);
        let route = format!(", auth: {{forward: {{url: \"http://{}/check\", copy_headers: [X-User]}}}}, websocket: {{origins: [same_origin]}}", service.address());
        let server = stage.route(app.address(), &route).await?;
        let mut client = server.connect().await?;
        client.send(handshake::request("/ws?x=1", "Cookie: id=7\r\n")).await?;
        let (mut far, asked) = service.request().await?;
        check(asked.field("upgrade").is_none() && !asked.lists("connection", "upgrade"), "no upgrade at the service", &asked)?;
        equal("the cookie", asked.field("cookie").as_deref(), Some("id=7"))?;
        far.send("HTTP/1.1 200 OK\r\nX-User: ada\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await?;
        let answer = client.answer().await?;
        equal("the status", answer.status(), 101)?;
        let seen = crate::peer::Seen::of(answer, b"");
        equal("its field", seen.head.field("x-user").as_deref(), Some("ada"))?;
        let mut client = server.connect().await?;
        client.send(handshake::request("/ws", "")).await?;
        let (mut far, _) = service.request().await?;
        far.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await?;
        equal("a refusal", client.answer().await?.status(), 403)?;
    }

    /// A field that the service of `auth.forward` sets cannot be forged by the client, in any spelling.
    ///
    /// Sent: the copied fields in every spelling, where the service gives one of them. Seen: the service's value alone;
    /// and the service sees nothing of what the proxy tells it in other spellings.
    [FORWARDED_SPELLING, AuthForward]
    async fn copied_in_other_spellings(stage) {
        let (app, service) = (Teller::bind("app").await?, stage.upstream_named("service").await?);
        let route = format!(", auth: {{forward: {{url: \"http://{}/check\", copy_headers: [Remote-User, Remote-Groups]}}}}", service.address());
        let server = stage.route(app.address(), &route).await?;
        let lies = "Remote-User: eve\r\nRemote_User: eve\r\nremote_groups: admin\r\nRemote-Groups: admin\r\nX_Original_URI: /free\r\nX_Forwarded_For: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n";
        let mut client = server.connect().await?;
        client.send(crate::opened::plain("GET /", lies)).await?;
        let (mut far, asked) = service.request().await?;
        let told = asked.to_string().to_lowercase();
        check(!told.contains("6.6.6.6") && !told.contains("/free"), "nothing of the client's own at the service", told)?;
        far.send("HTTP/1.1 200 OK\r\nRemote-User: ada\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await?;
        let answer = client.answer().await?;
        let body = client.body(&answer).await?;
        let seen = crate::peer::Seen::of(answer, &body).head.to_string().to_lowercase();
        check(seen.contains("remote-user: ada") && !seen.contains("eve") && !seen.contains("admin"), "the service's word alone", seen)?;
    }

    /// A client may hold so many places of a route; one more gets 429, and places come back.
    ///
    /// Sent: three tunnels where two are allowed, then one ends. Seen: 101, 101, 429, 101.
    [LIMIT_CONNECTIONS, PerIpConnections]
    async fn places(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), ", limits: {per_ip: {connections: 2}}").await?;
        let mut open = Vec::new();
        for _ in 0..2 {
            let mut client = server.connect().await?;
            handshake::open(&mut client, "/").await?;
            open.push(client);
        }
        equal("one more", server.handshake_status("/", "").await?, 429)?;
        open.pop();
        let deadline = Instant::now() + Duration::from_secs(5);
        while server.handshake_status("/", "").await? != 101 {
            check(Instant::now() < deadline, "a place comes back", "429 for 5 s")?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// All addresses of an IPv6 network are one client, and those of another network are not.
    ///
    /// Sent: handshakes where one place is allowed, told by a trusted peer: from two networks of 64 bits and two IPv4
    /// addresses, then from another address of the first network, and from the first IPv4 address again. Seen: 101 four
    /// times, then 429 twice.
    [LIMIT_IPV6, PerIpConnections]
    async fn networks(stage) {
        let app = Teller::bind("app").await?;
        let server = stage
            .site(app.address(), ", trusted_proxies: [127.0.0.0/8]", "", ", limits: {per_ip: {connections: 1}}")
            .await?;
        let from = |address: &str| format!("X-Forwarded-For: {address}\r\n");
        let mut open = Vec::new();
        for address in ["2001:db8::1", "2001:db8:0:1::1", "192.0.2.1", "192.0.2.2"] {
            let mut client = server.connect().await?;
            client.send(handshake::request("/", &from(address))).await?;
            equal(&format!("a tunnel of {address}"), client.answer().await?.status(), 101)?;
            open.push(client);
        }
        for address in ["2001:db8::a:b:c:d", "192.0.2.1"] {
            let status = server.handshake_status("/", &from(address)).await?;
            equal(&format!("one more of {address}"), status, 429)?;
        }
    }

    /// A client may open so many tunnels in a minute; one more gets 429.
    ///
    /// Sent: handshakes in a row where five a minute are allowed. Seen: 429 after the fifth at the latest; requests pass.
    [LIMIT_CONNECTS, PerIpConnects]
    async fn handshakes_per_minute(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), ", limits: {per_ip: {connects_per_minute: 5}}").await?;
        // Requests are none of it.
        equal("a request", server.ask("GET /", "").await?.0.status(), 200)?;
        let mut statuses = Vec::new();
        for _ in 0..8 {
            statuses.push(server.handshake_status("/", "").await?);
        }
        equal("the first", statuses.first().copied(), Some(101))?;
        equal("the last", statuses.last().copied(), Some(429))?;
        check(statuses.iter().filter(|status| **status == 101).count() <= 6, "five tunnels, or nearly", format!("{statuses:?}"))?;
    }

    /// A body over the limit gets 413.
    ///
    /// Sent: bodies around 1 KiB where that is the limit. Seen: 200 and 413.
    [LIMIT_BODY, MaxBodyBytes]
    async fn large_bodies(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), ", limits: {max_body_bytes: 1KiB}").await?;
        for (length, status) in [(1000, 200), (2000, 413)] {
            let request = format!("{}{}", crate::opened::plain("POST /", &format!("Content-Length: {length}\r\n")), "x".repeat(length));
            equal(&format!("{length} bytes"), server.ask_raw(request).await?.0.status(), status)?;
        }
    }

    /// The limit of bodies is none of tunnels.
    ///
    /// Sent: a message of 100 KiB where bodies may have 1 KiB. Seen: its echo.
    [LIMIT_BODY, MaxBodyBytes]
    async fn messages_are_no_bodies(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), ", limits: {max_body_bytes: 1KiB}").await?;
        let mut client = server.connect().await?;
        handshake::open(&mut client, "/").await?;
        let message = vec![b'm'; 100 << 10];
        client.send_frame(&crate::wire::frame::Frame::client(2, &message)).await?;
        check(client.frame().await?.payload == message, "the message", "another")?;
    }

    /// What every target promises to take is taken.
    ///
    /// Sent: a URL of 8000 bytes, a field of 8000 bytes, 80 fields. Seen: 200 and 101.
    [LIMIT_FLOOR]
    async fn large_heads_pass(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), "").await?;
        let url = format!("/{}", "u".repeat(7_900));
        let many: String = (0..80).map(|n| format!("X-{n}: {n}\r\n")).collect();
        let wide = format!("Cookie: c={}\r\n", "c".repeat(7_900));
        for (path, fields) in [(url.as_str(), ""), ("/", many.as_str()), ("/", wide.as_str())] {
            equal("a request", server.ask(&format!("GET {path}"), fields).await?.0.status(), 200)?;
        }
        equal("a handshake", server.handshake_status("/", &many).await?, 101)?;
    }

    /// A head without bounds is refused.
    ///
    /// Sent: a field of 300 KiB. Seen: 400, 414 or 431, or the end.
    [LIMIT_HEAD]
    async fn endless_heads_are_refused(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), "").await?;
        let mut client = server.connect().await?;
        client.send_some(format!("GET / HTTP/1.1\r\nHost: a.test\r\nX-Long: {}\r\n\r\n", "x".repeat(300 << 10))).await;
        match client.answer().await {
            Ok(answer) => check([400, 414, 431].contains(&answer.status()), "400, 414 or 431", answer.status())?,
            Err(_) => return Ok(()),
        }
    }

    /// Judgement has an order: the route, then `mode`, then origins, then the rest.
    ///
    /// Sent: a plain request and a handshake with a bad origin to a route that requires WebSockets and a password. Seen: 426 and 403.
    [JUDGEMENT_ORDER, ModeRequire, Origins, AuthBasic]
    async fn order(stage) {
        let app = Teller::bind("app").await?;
        let users = stage.file("users", USERS)?;
        let server = stage.route(app.address(), &format!(", websocket: {{mode: require, origins: [\"https://chat.test\"]}}, auth: {{basic: {{users_file: \"{users}\", realm: Members}}}}")).await?;
        equal("a request", server.ask("GET /", "").await?.0.status(), 426)?;
        equal("a bad origin", server.handshake_status("/", "Origin: https://evil.test\r\n").await?, 403)?;
        equal("a good one", server.handshake_status("/", "Origin: https://chat.test\r\n").await?, 401)?;
    }
}
