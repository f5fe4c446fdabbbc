//! What each server does with what is rendered for it, observed while it runs.

use std::time::{Duration, Instant};

use crate::real_server::{ALL, NGINX, SERVE, echo, model, start, upstream};
use futures_util::StreamExt;
use tokio_tungstenite::tungstenite::Message;
use wsgen_model::feature::Feature;

#[tokio::test]
async fn the_minimal_example_echoes() {
    let app = upstream("app").await;
    let model = include_str!("../../examples/minimal.yaml")
        .replace("127.0.0.1:8080", "127.0.0.1:PORT")
        .replace("127.0.0.1:3000", &format!("127.0.0.1:{app}"));
    for kind in ALL {
        let server = start(kind, &model, &[]).await;
        let (mut socket, answer) = server.open("/a/b?c=d", &[]).await.unwrap();
        assert_eq!(answer.status(), 101);
        assert_eq!(answer.headers()["x-seen"], "app GET /a/b?c=d HTTP/1.1");
        echo(&mut socket, Message::text("hello")).await;
        echo(&mut socket, Message::binary(vec![7; 1_000_000])).await;

        // `host/preserve`, `forwarded/replace`, `handshake/other-upgrade`
        let seen = server
            .send(
                "GET /a\nHost: Chat.test:81\nUpgrade: h2c\nX-Forwarded-For: 6.6.6.6\nX-Other: kept",
            )
            .await;
        assert!(
            seen.starts_with("http/1.1 200") && seen.contains("host: chat.test:81\r\n"),
            "{seen}"
        );
        assert!(
            seen.contains("x-forwarded-for: 127.0.0.1\r\n") && seen.contains("x-other: kept"),
            "{seen}"
        );
        assert!(!seen.contains("h2c") && !seen.contains("6.6.6.6"), "{seen}");
        // `handshake/refused`
        assert_eq!(server.open("/refuse", &[]).await.err(), Some(403));
    }
}

#[tokio::test]
async fn origins_are_checked_on_handshakes_only() {
    let model = model(
        "  - {match: [{path: {prefix: /list}}], upstream: app, websocket: {missing_origin: deny, origins: [\"https://chat.test\", \"http://*.chat.test:8080\", null]}}\n\
         \x20 - {match: [{path: {prefix: /same}}], upstream: app, websocket: {origins: [same_origin]}}\n",
    )
    .await;
    for kind in ALL {
        let server = start(kind, &model, &[]).await;
        for (path, origin, ok) in [
            ("/list", Some("https://chat.test"), true),
            ("/list", Some("https://chat.test:443"), true),
            ("/list", Some("http://chat.test"), false),
            ("/list", Some("https://chat.test.evil.test"), false),
            ("/list", Some("https://evil-chat.test"), false),
            ("/list", Some("http://a.b.chat.test:8080"), true),
            ("/list", Some("http://chat.test:8080"), false),
            ("/list", Some("null"), true),
            ("/list", None, false),
            ("/same", Some("https://a.test"), true),
            ("/same", Some("http://a.test"), true),
            ("/same", Some("http://b.test"), false),
            ("/same", None, true),
        ] {
            let mut fields = vec![("host", "a.test")];
            fields.extend(origin.map(|origin| ("origin", origin)));
            let opened = server.open(path, &fields).await;
            assert_eq!(opened.err(), (!ok).then_some(403), "{path} {origin:?}");
        }
        assert_eq!(server.status("GET /list\nOrigin: https://evil.test").await, 200);
        // `same_origin` knows the port.
        let port = [("host", "a.test:8443"), ("origin", "https://a.test:8443")];
        assert!(server.open("/same", &port).await.is_ok());
        let other = [("host", "a.test:8443"), ("origin", "https://a.test")];
        assert_eq!(server.open("/same", &other).await.err(), Some(403));
    }
}

#[tokio::test]
async fn paths_and_fields_are_rewritten() {
    let model = model(
        "  - {match: [{path: {prefix: /chat}}], upstream: app, rewrite: {strip_prefix: /chat}}\n\
         \x20 - {match: [{path: {prefix: /one}}], upstream: app, rewrite: {replace_prefix: {from: /one, to: /two}}}\n\
         \x20 - {match: [{path: {regex: \"^/v[0-9]+/\"}}], upstream: app, rewrite: {regex: {pattern: \"^/v([0-9]+)/\", to: \"/api/$1/\"}}}\n\
         \x20 - match: [{path: {prefix: /fields}}]\n    upstream: app\n    host: inner.test\n\
         \x20   request_headers: {set: {X-Edge: \"a\\\"b; $host #\"}, add: {X-Trace: edge}, remove: [X-Debug]}\n\
         \x20   response_headers: {set: {X-Powered-By: wsgen}, add: {X-More: \"1\"}}\n",
    )
    .await;
    for kind in ALL {
        let server = start(kind, &model, &[]).await;
        for (sent, arrives) in [
            ("/chat", "/"),
            ("/chat?q=1", "/?q=1"),
            ("/chat/", "/"),
            ("/chat/a%2Fb?x=%20%41", "/a%2Fb?x=%20%41"),
            ("/chat/chat", "/chat"),
            ("/one", "/two"),
            ("/one/one", "/two/one"),
            ("/one/a?b", "/two/a?b"),
            ("/v12/users?x=1", "/api/12/users?x=1"),
        ] {
            let seen = server.send(&format!("GET {sent}")).await;
            assert!(
                seen.contains(&format!("GET {arrives} HTTP/1.1").to_lowercase()),
                "{sent}: {seen}"
            );
            let (_, answer) = server.open(sent, &[]).await.unwrap();
            assert_eq!(answer.headers()["x-seen"], format!("app GET {arrives} HTTP/1.1"));
        }
        // `rewrite/bytes`: another spelling means the same or is refused.
        for path in [
            "/chat/../chat/x",
            "/chat//x",
            "/chat/./x",
            "/chat/%2e%2e/chat/x",
            "/chat/.%2E/chat/",
            "//chat/x",
        ] {
            let answer = server.send(&format!("GET {path}")).await;
            let same = answer.contains("get /x http/1.1") || answer.contains("get / http/1.1");
            assert!(answer.starts_with("http/1.1 400") || same, "{path}: {answer}");
        }
        let seen = server.send("GET /fields\nX-Edge: mine\nX-Trace: client\nX-Debug: 1").await;
        assert!(seen.contains("\r\nx-edge: a\"b; $host #\r\n") && !seen.contains("mine"), "{seen}");
        // One line or two: the same field (RFC 9110 section 5.3).
        let joined = seen.contains("x-trace: client, edge\r\n");
        let added = seen.contains("x-trace: client\r\n") && seen.contains("x-trace: edge\r\n");
        assert!((joined || added) && !seen.contains("x-debug"), "{seen}");
        assert!(seen.contains("host: inner.test\r\n"), "{seen}");
        assert!(
            seen.contains("\r\nx-powered-by: wsgen\r\n") && seen.contains("\r\nx-more: 1\r\n"),
            "{seen}"
        );
        // `headers/on-101`
        let (_, answer) = server.open("/fields", &[]).await.unwrap();
        let own = answer.headers().get("x-powered-by").is_some_and(|value| value == "wsgen");
        assert_eq!(own, kind.keeps(Feature::ResponseHeadersSet), "{}", kind.target);
    }
}

#[tokio::test]
async fn places_are_limited() {
    let model = model(
        "  - {match: [{path: {prefix: /few}}], upstream: app, limits: {per_ip: {connections: 2}}}\n",
    )
    .await;
    for kind in ALL.into_iter().filter(|kind| kind.keeps(Feature::PerIpConnections)) {
        let server = start(kind, &model, &[]).await;
        let (mut first, _) = server.open("/few", &[]).await.unwrap();
        let (mut second, _) = server.open("/few", &[]).await.unwrap();
        assert_eq!(server.open("/few", &[]).await.err(), Some(429));
        assert_eq!(server.status("GET /few").await, 429);
        echo(&mut first, Message::text("1")).await;
        echo(&mut second, Message::text("2")).await;
        drop((first, second));
        let deadline = Instant::now() + crate::real_server::PATIENCE;
        while server.status("GET /few").await != 200 {
            assert!(Instant::now() < deadline, "the places are not given back");
        }
    }
}

#[tokio::test]
async fn bodies_are_limited() {
    let model = model(
        "  - {match: [{path: {prefix: /small}}], upstream: app, limits: {max_body_bytes: 1KiB}}\n\
         \x20 - {match: [{path: {prefix: /any}}], upstream: app}\n",
    )
    .await;
    let body = |path: &str, bytes: usize| {
        format!("POST {path}\nContent-Length: {bytes}\n\n{}", "x".repeat(bytes))
    };
    for kind in ALL {
        let server = start(kind, &model, &[]).await;
        assert_eq!(server.status(&body("/small", 2000)).await, 413, "{}", kind.target);
        assert_eq!(server.status(&body("/small", 1000)).await, 200, "{}", kind.target);
        assert_eq!(server.status(&body("/any", 2000)).await, 200, "{}", kind.target);
    }
}

#[tokio::test]
async fn names_and_passwords_are_asked_for() {
    let model = model(
        "  - {match: [{path: {prefix: /basic}}], upstream: app, auth: {basic: {users_file: users, realm: \"Members $1\"}}, websocket: {origins: [same_origin]}}\n\
         \x20 - {upstream: app}\n",
    )
    .await;
    // openssl passwd -6 -salt wsgensalt secret
    let users = "me:$6$wsgensalt$SpV7rYiLLbZD6QJbQUKBRZJWvhLaS8LWR825Mpoy1O8wC45Zepg04ENxOsdQeahV4gW5tKeZrA/j7bw2SR/.M0\n";
    for kind in ALL.into_iter().filter(|kind| kind.keeps(Feature::AuthBasic)) {
        let server = start(kind, &model, &[("users", users)]).await;
        let answer = server.send("GET /basic").await;
        assert!(
            answer.starts_with("http/1.1 401") && answer.contains("realm=\"members $1\""),
            "{}: {answer}",
            kind.target
        );
        assert_eq!(server.open("/basic", &[]).await.err(), Some(401), "{}", kind.target);
        let good = [("authorization", "Basic bWU6c2VjcmV0")]; // me:secret
        echo(&mut server.open("/basic", &good).await.unwrap().0, Message::text("in")).await;
        assert_eq!(server.status("GET /basic\nAuthorization: Basic bWU6c2VjcmV0").await, 200);
        assert_eq!(server.status("GET /basic\nAuthorization: Basic bWU6eA==").await, 401);
        assert_eq!(server.status("GET /other").await, 200);
    }
}

#[tokio::test]
async fn another_service_is_asked() {
    let auth = upstream("auth").await;
    let model = model(&format!(
        "  - {{match: [{{path: {{prefix: /asked}}}}], upstream: app, auth: {{forward: {{url: \"http://127.0.0.1:{auth}/ok\", copy_headers: [X-Powered-By]}}}}, websocket: {{origins: [same_origin]}}}}\n\
         \x20 - {{match: [{{path: {{prefix: /refused}}}}], upstream: app, auth: {{forward: {{url: \"http://127.0.0.1:{auth}/refuse\"}}}}, websocket: {{origins: [same_origin]}}}}\n"
    ))
    .await;
    for kind in [&NGINX, &SERVE] {
        let server = start(kind, &model, &[]).await;
        let seen = server.send("GET /asked\nUpgrade: websocket").await;
        assert!(
            seen.starts_with("http/1.1 200") && seen.contains("\nx-powered-by: auth\r\n"),
            "{seen}"
        );
        echo(&mut server.open("/asked", &[]).await.unwrap().0, Message::text("in")).await;
        assert_eq!(server.status("GET /refused").await, 403);
        assert_eq!(server.open("/refused", &[]).await.err(), Some(403));
    }
}

#[tokio::test]
async fn errors_have_pages() {
    let model = model(
        "  - {match: [{path: {prefix: /down}}], upstream: down, error_pages: {\"502\": page.html, \"503\": page.html}}\n\
         \x20 - {match: [{path: {prefix: /bare}}], upstream: down}\n",
    )
    .await
    .replace("upstreams:\n", "upstreams:\n  down: {servers: [\"127.0.0.1:1\"]}\n");
    for kind in ALL {
        let server = start(kind, &model, &[("page.html", "sorry\n")]).await;
        let answer = server.send("GET /down").await;
        // `failure/unreachable`
        let status: u16 = answer[9..12].parse().unwrap();
        assert!([502, 503].contains(&status), "{}: {answer}", kind.target);
        assert!(answer.ends_with("\r\n\r\nsorry\n"), "{}: {answer}", kind.target);
        assert_eq!(server.open("/down", &[]).await.err(), Some(status), "{}", kind.target);
        let bare = server.send("GET /bare").await;
        assert!(!bare.contains("sorry"), "{}: {bare}", kind.target);
        assert_ne!(server.status("GET /.wsgen/error/x/502").await, 200, "{}", kind.target);
    }
}

#[tokio::test]
async fn timers_are_apart_for_tunnels_and_plain_requests() {
    let model =
        model("  - {upstream: app, timeouts: {response_header: 1s, tunnel_idle: 3s}}\n").await;
    let observed = ALL.map(async |kind| {
        let server = start(kind, &model, &[]).await;
        let begun = Instant::now();
        // `failure/silent`
        assert_eq!(server.status("GET /silent").await, kind.silent_status);
        let plain = begun.elapsed();
        assert!(
            plain >= Duration::from_millis(900) && plain < Duration::from_millis(2_900),
            "{plain:?}"
        );
        // A tunnel outlives the response timer, traffic re-arms its own, and silence ends it.
        let (mut socket, _) = server.open("/", &[]).await.unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
        echo(&mut socket, Message::text("still here")).await;
        let silent = Instant::now();
        let end = tokio::time::timeout(crate::real_server::PATIENCE, socket.next()).await.unwrap();
        assert!(end.is_none_or(|message| message.is_err()), "the tunnel ends without a message");
        let idle = silent.elapsed();
        assert!(idle >= Duration::from_millis(2_800) && idle < Duration::from_secs(8), "{idle:?}");
    });
    futures_util::future::join_all(observed).await;
}
