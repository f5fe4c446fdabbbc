//! Every directive of the article that wsgen was born from comes out of a model, or a safer one stands in its
//! place for a written reason; and what is rendered works.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod real_server;

use real_server::{HAPROXY, Kind, NGINX, echo, render, start, upstream};
use tokio_tungstenite::tungstenite::Message;

/// What the article writes, what is rendered, and why the two differ where they do.
type Rows = &'static [(&'static str, &'static str, &'static str)];

const NGINX_ROWS: Rows = &[
    ("location /wsapp/ {", "location /wsapp/ {", ""),
    (
        "proxy_pass http://wsbackend;",
        "proxy_pass http://wsgen_wsbackend;",
        "names of ours cannot be mistaken for hosts",
    ),
    ("proxy_http_version 1.1;", "proxy_http_version 1.1;", ""),
    (
        "proxy_set_header Upgrade $http_upgrade;",
        "proxy_set_header Upgrade $wsgen_upgrade;",
        "$http_upgrade lets any protocol through, h2c too",
    ),
    (
        "proxy_set_header Connection \"Upgrade\";",
        "proxy_set_header Connection upgrade;",
        "in the tunnel's own location: a fixed Connection breaks plain requests",
    ),
    ("proxy_set_header Host $host;", "proxy_set_header Host $http_host;", "$host drops the port"),
    (
        "map $http_upgrade $connection_upgrade {",
        "map \"$http_connection:$http_upgrade\" $wsgen_upgrade {",
        "a WebSocket request also says so in Connection",
    ),
    ("upstream wsbackend {", "upstream wsgen_wsbackend {", "as above"),
    ("server 192.168.100.10:8010;", "server 192.168.100.10:8010;", ""),
];

const HAPROXY_ROWS: Rows = &[
    ("timeout client 25s", "timeout client 25s", ""),
    ("timeout connect 5s", "timeout connect 5s", ""),
    ("timeout server 25s", "timeout server 25s", ""),
    ("timeout tunnel 3600s", "timeout tunnel 3600s", ""),
    ("timeout http-keep-alive 1s", "timeout http-keep-alive 1s", ""),
    ("timeout http-request 15s", "timeout http-request 15s", ""),
    ("regular and websocket traffic to different backends", "use_backend wsgen_sockets if", ""),
    ("websocket aware health check", "http-check expect status 101", ""),
    ("balanced", "balance leastconn", ""),
];

fn comes_out(kind: &Kind, model: &str, rows: Rows) {
    let text = render(kind, model);
    for (written, rendered, reason) in rows {
        let found = text.lines().any(|line| line.trim().starts_with(rendered));
        assert!(found, "the article's `{written}` has no `{rendered}`\n{text}");
        assert!(
            written == rendered || !reason.is_empty() || !written.contains([';', '{']),
            "{written} needs a reason"
        );
    }
}

/// The model with its servers replaced by echoing ones.
async fn works(
    kind: &Kind,
    model: &str,
    servers: &[(&str, &'static str)],
    path: &str,
    seen: (&str, &str),
) {
    let mut model = model.replace("127.0.0.1:8080", "127.0.0.1:PORT");
    for (address, name) in servers {
        model = model.replace(address, &format!("127.0.0.1:{}", upstream(name).await));
    }
    let server = start(kind, &model, &[]).await;
    let deadline = std::time::Instant::now() + real_server::PATIENCE;
    // Health checks may not have finished.
    let (mut socket, answer) = loop {
        match server.open(path, &[]).await {
            Ok(opened) => break opened,
            Err(status) => assert!(std::time::Instant::now() < deadline, "{status}"),
        }
    };
    assert!(answer.headers()["x-seen"].to_str().unwrap().starts_with(seen.0), "{answer:?}");
    echo(&mut socket, Message::text("article")).await;
    let plain = server.send(&format!("GET {path}")).await;
    assert!(
        plain.starts_with("http/1.1 200") && plain.contains(&format!("\r\n\r\n{}\n", seen.1)),
        "{plain}"
    );
}

#[tokio::test]
async fn nginx() {
    let model = include_str!("../examples/article/nginx.yaml");
    comes_out(&NGINX, model, NGINX_ROWS);
    works(&NGINX, model, &[("192.168.100.10:8010", "app")], "/wsapp/chat", ("app", "app")).await;
}

#[tokio::test]
async fn haproxy() {
    let model = include_str!("../examples/article/haproxy.yaml");
    comes_out(&HAPROXY, model, HAPROXY_ROWS);
    let servers = [
        ("192.168.100.10:8010", "sock"),
        ("192.168.100.11:8010", "sock"),
        ("192.168.100.12:80", "site"),
    ];
    works(&HAPROXY, model, &servers, "/a", ("sock", "site")).await;
}
