//! Every directive of the article that wsgen was born from comes out of a model, or a safer one stands in its
//! place for a written reason; and what is rendered works.

use crate::real_server::{APACHE, HAPROXY, Kind, NGINX, echo, render, start, upstream};
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
        "map \"$server_protocol:$http_connection:$http_upgrade\" $wsgen_upgrade {",
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

const WORKERS: &str = "a balancer for each timer: workers of one URL share theirs; upgrade=websocket is safe, ws:// of before is not";
const RULES: &str =
    "one order for exact paths, regexes and prefixes; the path goes on byte for byte";

const APACHE_ROWS: Rows = &[
    ("a2enmod proxy", "LoadModule proxy_module", ""),
    ("a2enmod proxy_http", "LoadModule proxy_http_module", ""),
    (
        "ProxyPass \"/ws2/\" \"ws://echo.websocket.org/\"",
        "BalancerMember \"http://echo.websocket.org:80\" connectiontimeout=5 timeout=600 retry=10 upgrade=websocket",
        WORKERS,
    ),
    (
        "ProxyPass \"/wss2/\" \"wss://echo.websocket.org/\"",
        "BalancerMember \"https://echo.websocket.org:443\" connectiontimeout=5 timeout=600 retry=10 upgrade=websocket",
        WORKERS,
    ),
    (
        "ProxyPassMatch ^/(myApp/ws)$ ws://backend.example.com:9080/$1",
        "RewriteRule ^/(myApp/ws)$ - [E=wsgen_route:app-socket]",
        RULES,
    ),
    ("ProxyPass / http://backend.example.com:9080/", "RewriteRule ^/ - [E=wsgen_route:app]", RULES),
];

const APACHE_OLD_ROWS: Rows = &[
    ("a2enmod proxy_wstunnel", "LoadModule proxy_wstunnel_module", ""),
    ("RewriteEngine on", "RewriteEngine On", ""),
    (
        "RewriteCond %{HTTP:Upgrade} websocket [NC]",
        "RewriteCond %{HTTP:Upgrade} ^websocket$ [NC]",
        "exactly this protocol, not a list that holds it",
    ),
    (
        "RewriteCond %{HTTP:Connection} upgrade [NC]",
        "RewriteCond %{HTTP:Connection} (^|,)[\\x20\\t]*upgrade[\\x20\\t]*(,|$) [NC]",
        "the token, not a part of one",
    ),
    (
        "RewriteRule ^/?(.*) \"ws://example.com:9080/$1\" [P,L]",
        "RewriteRule ^ \"balancer://wsgen-site.tunnel%{ENV:wsgen_path}\" [P,NE]",
        "to a balancer, which has a timer of its own; the path goes on byte for byte",
    ),
    ("ws://example.com:9080/", "BalancerMember \"ws://example.com:9080\"", "as above"),
    (
        "ProxyPass / http://example.com:9080/",
        "RewriteRule ^ \"balancer://wsgen-site%{ENV:wsgen_path}\" [P,NE]",
        RULES,
    ),
];

fn comes_out(kind: &Kind, model: &str, rows: Rows) {
    let text = render(kind, model);
    for (written, rendered, reason) in rows {
        let found = text.lines().any(|line| line.trim().starts_with(rendered));
        assert!(found, "the article's `{written}` has no `{rendered}`\n{text}");
        assert!(
            written == rendered || !reason.is_empty() || !written.contains([';', '{', '/', '%']),
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
    let deadline = std::time::Instant::now() + crate::real_server::PATIENCE;
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
    let model = include_str!("../../examples/article/nginx.yaml");
    comes_out(&NGINX, model, NGINX_ROWS);
    works(&NGINX, model, &[("192.168.100.10:8010", "app")], "/wsapp/chat", ("app", "app")).await;
}

#[tokio::test]
async fn haproxy() {
    let model = include_str!("../../examples/article/haproxy.yaml");
    comes_out(&HAPROXY, model, HAPROXY_ROWS);
    let servers = [
        ("192.168.100.10:8010", "sock"),
        ("192.168.100.11:8010", "sock"),
        ("192.168.100.12:80", "site"),
    ];
    works(&HAPROXY, model, &servers, "/a", ("sock", "site")).await;
}

/// The texts of before and from 2.4.47 on, on the server that is installed.
#[tokio::test]
async fn apache() {
    let model = include_str!("../../examples/article/apache-mixed.yaml");
    let old = Kind { version: "2.4.46", ..APACHE };
    comes_out(&old, model, APACHE_OLD_ROWS);
    works(&old, model, &[("example.com:9080", "app")], "/any", ("app", "app")).await;
    assert!(!render(&APACHE, model).contains("ws:"));
    works(&APACHE, model, &[("example.com:9080", "app")], "/any", ("app", "app")).await;

    let model = include_str!("../../examples/article/apache.yaml");
    comes_out(&APACHE, model, APACHE_ROWS);
    // A TLS server in front of an echo, by the name that its certificate has.
    let certs = tempfile::tempdir().unwrap();
    crate::real_server::certificate(certs.path(), "localhost", "localhost");
    let certs = certs.path().display();
    let echo_tls = format!(
        "version: 1\nlisteners:\n  - name: web\n    address: \"127.0.0.1:PORT\"\n    protocols: [http/1.1]\n\
         \x20   tls: {{certificates: [{{certificate: {certs}/localhost.pem, key: {certs}/localhost.key}}]}}\n\
         upstreams: {{echo: {{servers: [\"127.0.0.1:{}\"]}}}}\nroutes: [{{upstream: echo}}]\n",
        upstream("secure").await
    );
    let echo_tls = start(&NGINX, &echo_tls, &[]).await;
    let model = model
        .replace("echo.websocket.org:443", &format!("localhost:{}", echo_tls.port))
        .replace("/etc/ssl/certs/ca-certificates.crt", &format!("{certs}/localhost.pem"));
    let servers = [("echo.websocket.org:80", "echo"), ("backend.example.com:9080", "app")];
    works(&APACHE, &model, &servers, "/myApp/ws", ("app GET /myApp/ws ", "app")).await;
    let mut moved = model.replace("127.0.0.1:8080", "127.0.0.1:PORT");
    for (address, name) in servers {
        moved = moved.replace(address, &format!("127.0.0.1:{}", upstream(name).await));
    }
    let server = start(&APACHE, &moved, &[]).await;
    for (path, seen) in
        [("/ws2/a?b", "echo GET /a?b HTTP/1.1"), ("/wss2/a", "secure GET /a HTTP/1.1")]
    {
        let (mut socket, answer) = server.open(path, &[]).await.unwrap();
        assert_eq!(answer.headers()["x-seen"], seen);
        echo(&mut socket, Message::text("article")).await;
        assert_eq!(server.status(&format!("GET {path}")).await, 426);
    }
}
