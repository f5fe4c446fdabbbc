//! Which requests go where, observed on running servers.

use crate::real_server::{ALL, echo, model, start};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn routes_are_chosen_as_the_model_says() {
    let model = model(
        "  - {hostnames: [chat.test], match: [{path: {prefix: /a}}], upstream: app}\n\
         \x20 - {hostnames: [chat.test], match: [{path: {exact: /a/exact}}], upstream: other}\n\
         \x20 - {hostnames: [chat.test], match: [{path: {regex: \"^/(a|b)/[0-9]+$\"}}], upstream: other}\n\
         \x20 - {hostnames: [chat.test], match: [{path: {prefix: /ws}, upgrade: websocket}], upstream: other}\n\
         \x20 - {hostnames: [chat.test], match: [{path: {prefix: /ws}}], upstream: app}\n\
         \x20 - {hostnames: [\"*.test\"], upstream: other}\n",
    )
    .await;
    for kind in ALL {
        let server = start(kind, &model, &[]).await;
        for (host, path, expected) in [
            ("chat.test", "/a", "app"),
            ("chat.test", "/a/", "app"),
            ("chat.test", "/a/x", "app"),
            ("CHAT.test:81", "/%61/x", "app"),
            ("chat.test", "/ax", ""),
            ("chat.test", "/a/exact", "other"),
            ("chat.test", "/a/exact/", "app"),
            ("chat.test", "/a/17", "other"),
            ("chat.test", "/b/17", "other"),
            ("chat.test", "/b/x", ""),
            ("chat.test", "/ws/x", "app"),
            ("chat.test", "/x/../ws", "app"),
            ("a.b.test", "/anything", "other"),
            ("test", "/a", ""),
            ("elsewhere.example", "/a", ""),
        ] {
            let answer = server.send(&format!("GET {path}\nHost: {host}")).await;
            let got =
                answer.split("\r\n\r\n").nth(1).and_then(|body| body.lines().next()).unwrap_or("");
            let got = if answer.starts_with("http/1.1 404") { "" } else { got };
            assert_eq!(got, expected, "{host}{path}: {answer}");
        }
        // `route/bad-path`; Apache says 404 to `%00`, ahead of everything that could be configured.
        for (path, status) in [("/a/%zz", 400), ("/a/%", 400), ("/a/%00", kind.nul_status)] {
            let got = server.status(&format!("GET {path}\nHost: chat.test")).await;
            assert_eq!(got, status, "{}: {path}", kind.target);
        }
        for (path, expected) in
            [("/ws", "other GET /ws"), ("/ws/x", "other GET /ws/x"), ("/a", "app GET /a")]
        {
            let (_, answer) = server.open(path, &[("host", "chat.test")]).await.unwrap();
            assert_eq!(answer.headers()["x-seen"], format!("{expected} HTTP/1.1"));
        }
    }
}

#[tokio::test]
async fn redirects_fixed_answers_and_modes() {
    let model = model(
        "  - {match: [{path: {exact: /old}}], redirect: {scheme: https, status: 308}}\n\
         \x20 - {match: [{path: {prefix: /docs}}], redirect: {hostname: help.test, prefix: {from: /docs, to: /help}}}\n\
         \x20 - {match: [{path: {exact: /metrics}}], respond: {status: 403, headers: {Content-Type: text/plain, X-A: \"b\"}, body: \"no $host; }\\n\"}}\n\
         \x20 - {match: [{path: {exact: /empty}}], respond: {status: 204}}\n\
         \x20 - {match: [{path: {prefix: /only}}], upstream: app, websocket: {mode: require}}\n\
         \x20 - {match: [{path: {prefix: /never}}], upstream: app, websocket: {mode: deny}}\n",
    )
    .await;
    for kind in ALL {
        let server = start(kind, &model, &[]).await;
        let answer = server.send("GET /old?q=1\nHost: a.test:81").await;
        assert!(
            answer.starts_with("http/1.1 308")
                && answer.contains("location: https://a.test/old?q=1\r\n"),
            "{answer}"
        );
        let answer = server.send("GET /docs/a%2Fb?q").await;
        assert!(
            answer.starts_with("http/1.1 302")
                && answer.contains("location: http://help.test/help/a%2fb?q\r\n"),
            "{answer}"
        );
        let answer = server.send("GET /metrics").await;
        assert!(
            answer.starts_with("http/1.1 403") && answer.ends_with("no $host; }\n"),
            "{answer}"
        );
        assert!(
            answer.contains("content-type: text/plain\r\n") && answer.contains("x-a: b\r\n"),
            "{answer}"
        );
        assert_eq!(server.status("GET /empty").await, 204);
        let answer = server.send("GET /only").await;
        assert!(
            answer.starts_with("http/1.1 426") && answer.contains("upgrade: websocket\r\n"),
            "{answer}"
        );
        echo(&mut server.open("/only", &[]).await.unwrap().0, Message::text("x")).await;
        // `mode/deny`: the handshake arrives as plain HTTP.
        assert_eq!(server.open("/never", &[]).await.err(), Some(200));
        assert_eq!(server.open("/metrics", &[]).await.err(), Some(403));
    }
}

#[tokio::test]
async fn conditions_and_priorities_decide() {
    let model = model(
        "  - {match: [{path: {prefix: /}, methods: [POST]}], upstream: other}\n\
         \x20 - {match: [{path: {prefix: /}, headers: {x-canary: \"1\"}}], upstream: other}\n\
         \x20 - {match: [{path: {prefix: /}, query: {beta: null}}], upstream: other}\n\
         \x20 - {match: [{path: {exact: /exact}}], upstream: app}\n\
         \x20 - {match: [{path: {prefix: /exact}}], priority: 5, upstream: other}\n\
         \x20 - {match: [{path: {regex: \"/[0-9]$\"}, upgrade: websocket, methods: [GET]}], upstream: other}\n\
         \x20 - {upstream: app}\n\
         \x20 - {hostnames: [no.test], match: [{path: {prefix: /some}, methods: [GET]}], upstream: other}\n",
    )
    .await;
    for kind in ALL {
        let server = start(kind, &model, &[]).await;
        for (head, expected) in [
            ("GET /a", "app"),
            ("POST /a\nContent-Length: 0", "other"),
            ("GET /a\nX-Canary: 1", "other"),
            ("GET /a\nX-Canary: 2", "app"),
            ("GET /a?beta=x", "other"),
            ("GET /a?beta", "other"),
            ("GET /a?alpha=beta", "app"),
            ("GET /exact", "other"),
        ] {
            let answer = server.send(head).await;
            let got = answer.split("\r\n\r\n").nth(1).and_then(|body| body.lines().next());
            assert_eq!(got, Some(expected), "{head}: {answer}");
        }
        let (_, answer) = server.open("/ws/7", &[]).await.unwrap();
        assert_eq!(answer.headers()["x-seen"], "other GET /ws/7 HTTP/1.1");
        assert_eq!(server.open("/nothing", &[("host", "no.test")]).await.err(), Some(404));
    }
}

/// Regexes go by the order of the file alone, whatever else an entry asks.
#[tokio::test]
async fn of_equal_regexes_the_first_takes_handshakes_too() {
    let model = model(
        "  - {match: [{path: {regex: \"^/u/[0-9]+$\"}}], upstream: app}\n\
         \x20 - {match: [{path: {regex: \"^/u/[0-9]+$\"}, upgrade: websocket}], upstream: other}\n",
    )
    .await;
    for kind in ALL {
        let server = start(kind, &model, &[]).await;
        let (_, answer) = server.open("/u/7", &[]).await.unwrap();
        assert_eq!(answer.headers()["x-seen"], "app GET /u/7 HTTP/1.1", "{}", kind.target);
    }
}
