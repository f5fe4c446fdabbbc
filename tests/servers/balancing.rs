//! How requests and tunnels spread over servers, observed on running servers.

use std::time::Instant;

use crate::real_server::{ALL, Kind, Server, start, upstream};
use wsgen_model::feature::Feature;

const HEAD: &str = "version: 1\nlisteners: [{name: web, address: \"127.0.0.1:PORT\"}]\n";

/// The cookie, in lower case, and the server that a new client meets. The choice is on the 101 already
/// (`sticky/visible`) where the target can change one.
async fn first_contact(server: &Server, kind: &Kind) -> (String, String) {
    if kind.keeps(Feature::ResponseHeadersSet) {
        let (_, answer) = server.open("/a?b=c", &[]).await.unwrap();
        let seen = answer.headers()["x-seen"].to_str().unwrap();
        let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_lowercase();
        return (cookie, seen.split(' ').next().unwrap().to_owned());
    }
    let answer = server.send("GET /a").await;
    let cookie = answer.split("\r\nset-cookie: ").nth(1).unwrap().lines().next().unwrap();
    let seen = answer.split("\r\n\r\n").nth(1).unwrap().lines().next().unwrap();
    (cookie.to_owned(), seen.to_owned())
}

#[tokio::test]
async fn clients_stick_to_their_server() {
    let (app, other) = (upstream("app").await, upstream("other").await);
    let model = format!(
        "{HEAD}upstreams:\n  pool:\n    servers: [\"127.0.0.1:{app}\", \"127.0.0.1:{other}\"]\n\
         \x20   load_balancing: {{policy: round_robin}}\n    sticky: {{cookie: {{name: WSROUTE, same_site: lax}}}}\n\
         routes:\n  - {{upstream: pool}}\n"
    );
    for kind in ALL {
        let server = start(kind, &model, &[]).await;
        let mut met = std::collections::HashSet::new();
        for _ in 0..6 {
            let (cookie, first) = first_contact(&server, kind).await;
            assert!(
                cookie.starts_with("wsroute=") && cookie.contains("samesite=lax"),
                "{}: {cookie}",
                kind.target
            );
            let choice = cookie.split(';').next().unwrap().replace("wsroute", "WSROUTE");
            met.insert(first.clone());
            for _ in 0..3 {
                let (_, answer) = server.open("/a?b=c", &[("cookie", &choice)]).await.unwrap();
                assert!(answer.headers()["x-seen"].to_str().unwrap().starts_with(&first));
                assert!(!answer.headers().contains_key("set-cookie"));
                let plain = server.send(&format!("GET /a\nCookie: {choice}")).await;
                assert!(plain.contains(&format!("\r\n\r\n{first}\n")), "{}: {plain}", kind.target);
            }
        }
        assert_eq!(met.len(), 2, "first clients are spread over both servers");
        // `sticky/rebalance`
        assert!(server.open("/", &[("cookie", "WSROUTE=gone")]).await.is_ok());
    }
}

#[tokio::test]
async fn sick_servers_are_left() {
    let (app, other) = (upstream("app").await, upstream("other").await);
    let model = format!(
        "{HEAD}upstreams:\n  pool:\n    servers: [\"127.0.0.1:{app}\", \"127.0.0.1:{other}\", \"127.0.0.1:1\"]\n\
         \x20   load_balancing: {{policy: round_robin}}\n    sticky: {{cookie: {{name: WSROUTE, same_site: lax}}}}\n\
         \x20   health_check: {{type: websocket, path: /check, interval: 100ms, unhealthy_threshold: 1, healthy_threshold: 1}}\n\
         routes:\n  - {{upstream: pool}}\n"
    );
    for kind in ALL.into_iter().filter(|kind| kind.keeps(Feature::HealthWebSocket)) {
        let server = start(kind, &model, &[]).await;
        // The dead server is found out by its check, the live ones by a real handshake.
        let deadline = Instant::now() + crate::real_server::PATIENCE;
        let mut good = 0;
        while good < 6 {
            assert!(Instant::now() < deadline, "{}: the dead server is still used", kind.target);
            good = if server.status("GET /").await == 200 { good + 1 } else { 0 };
        }
    }
}
