//! Whether a green matrix says anything: faults are put into what was rendered, and named cases have to see them.

use futures_util::StreamExt;
use wsgen_conformance::catalogue;
use wsgen_conformance::launch::Target;
use wsgen_conformance::run::{self, Plan};
use wsgen_conformance::stage::Fault;
use wsgen_conformance::verdict::Outcome;

/// A server, a text of its configuration, what stands in its place (nothing: the line is gone), and the case that sees it.
pub(crate) const FAULTS: &[(&str, &str, Option<&str>, &str)] = &[
    // The upgrade itself.
    ("nginx", "proxy_set_header Upgrade $wsgen_upgrade;", None, "handshake/accepted"),
    ("nginx", "proxy_set_header Connection upgrade;", None, "handshake/accepted"),
    (
        "nginx",
        "websocket$\" websocket;",
        Some("(websocket|h2c)$\" websocket;"),
        "handshake/h2c-is-plain",
    ),
    ("nginx", "~*^HTTP/1\\.1:", Some("~*^HTTP/1\\..:"), "handshake/http-1-0-is-no-handshake"),
    (
        "haproxy",
        "{ req.fhdr(Upgrade) -m str -i websocket }",
        Some(""),
        "handshake/another-protocol-is-plain",
    ),
    ("haproxy", "http-request del-header Upgrade if", None, "handshake/h2c-is-plain"),
    (
        "haproxy",
        "http-request del-header Connection if",
        None,
        "handshake/connection-without-upgrade-is-plain",
    ),
    (
        "apache",
        "%{HTTP:Upgrade} ^websocket$",
        Some("%{HTTP:Upgrade} websocket"),
        "handshake/list-of-protocols-is-plain",
    ),
    // Timers.
    (
        "nginx",
        "proxy_read_timeout 2s;",
        Some("proxy_read_timeout 60s;"),
        "timers/tunnel-idle-fires",
    ),
    (
        "nginx",
        "proxy_read_timeout 1s;",
        Some("proxy_read_timeout 60s;"),
        "timers/response-header-fires",
    ),
    (
        "nginx",
        "proxy_read_timeout 20s;",
        Some("proxy_read_timeout 1s;"),
        "timers/response-header-does-not-bound-tunnels",
    ),
    ("haproxy", "timeout tunnel", None, "timers/tunnel-idle-fires"),
    (
        "haproxy",
        "timeout http-request 1s",
        Some("timeout http-request 60s"),
        "timers/request-header-is-not-put-off",
    ),
    ("haproxy", "timeout connect 1s", Some("timeout connect 60s"), "timers/connect-fires"),
    // Routes.
    ("nginx", "location = /ws {", Some("location = /wsx {"), "routing/prefix-by-segments"),
    ("haproxy", "^/ws(/|\\$)", Some("^/ws"), "routing/prefix-by-segments"),
    ("nginx", "server_name a.test;", Some("server_name b.test;"), "routing/no-fall-through"),
    // What upstreams are told.
    (
        "nginx",
        "proxy_set_header Host $http_host;",
        Some("proxy_set_header Host $proxy_host;"),
        "headers/host-is-kept",
    ),
    (
        "nginx",
        "proxy_set_header X-Forwarded-For $remote_addr;",
        Some("proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"),
        "headers/forwarded-replaces",
    ),
    ("apache", "ProxyPreserveHost On", Some("ProxyPreserveHost Off"), "headers/host-is-kept"),
    (
        "apache",
        "RequestHeader set X-Forwarded-For",
        Some("RequestHeader append X-Forwarded-For"),
        "headers/forwarded-replaces",
    ),
    (
        "haproxy",
        "http-request set-header X-Forwarded-For",
        Some("http-request set-header X-Was-For"),
        "headers/forwarded-replaces",
    ),
    (
        "haproxy",
        "http-request del-header X-Real-IP",
        None,
        "headers/forwarded-family-is-the-proxys-own",
    ),
    (
        "nginx",
        "proxy_set_header X-Real-IP \"\";",
        Some("proxy_set_header X-Real-IP $http_x_real_ip;"),
        "headers/forwarded-family-is-the-proxys-own",
    ),
    ("apache", "RequestHeader unset X-Real-IP", None, "headers/forwarded-family-is-the-proxys-own"),
    ("haproxy", "http-request del-header \"^(x", None, "headers/forwarded-in-other-spellings"),
    (
        "apache",
        "RequestHeader edit* Connection",
        None,
        "headers/connection-names-nothing-of-the-proxys",
    ),
    (
        "nginx",
        "client_header_timeout",
        Some("underscores_in_headers on; client_header_timeout"),
        "headers/forwarded-in-other-spellings",
    ),
    ("apache", "RequestHeader unset X_Forwarded_For", None, "headers/forwarded-in-other-spellings"),
    ("nginx", "\"~^:0*$\" \"\";", Some("\"~.\" \"\";"), "smuggling/handshake-with-a-body"),
    ("apache", "RewriteRule ^ - [L,R=400]", None, "smuggling/handshake-with-a-body"),
    // Who gets in.
    ("haproxy", "deny_status 403", Some("deny_status 404"), "access/listed-origins"),
    ("nginx", "return 403;", Some("set $wsgen_nothing 1;"), "access/listed-origins"),
    ("nginx", "client_max_body_size 1k;", Some("client_max_body_size 1m;"), "access/large-bodies"),
    // Which server.
    ("haproxy", "balance leastconn", Some("balance first"), "balancing/least-conn-counts-tunnels"),
    ("haproxy", "cookie node", Some("cookie other"), "balancing/sticky"),
    // Ends.
    ("nginx", "worker_shutdown_timeout", None, "operation/drain-ends-old-tunnels"),
    ("haproxy", "hard-stop-after", None, "operation/drain-ends-old-tunnels"),
    ("haproxy", "http-request deny deny_status 400 if METH_CONNECT", None, "smuggling/connect"),
    (
        "apache",
        "RewriteRule ^ - [R=400,L]",
        Some("RewriteRule ^ - [E=wsgen_nothing:1]"),
        "smuggling/connect",
    ),
];

async fn seen(number: usize) -> Result<(), String> {
    let (name, text, instead, id) = FAULTS[number];
    let target = Target::installed(name).ok_or(format!("{name} is not installed"))?;
    let case = catalogue::all().find(|case| case.id() == id).ok_or(format!("no case {id}"))?;
    let folder = tempfile::tempdir().unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).unwrap();
    let fault = Fault { text: text.to_owned(), instead: instead.map(str::to_owned) };
    let plan = Plan {
        targets: vec![target],
        cases: vec![case],
        jobs: 1,
        folder: folder.path().to_owned(),
        fault: Some(fault),
    };
    let results = run::run(&plan, |_| {}).await?;
    match &results[0].cases[0].outcome {
        Outcome::Fail(_) => Ok(()),
        other => Err(format!("{id} on {name} does not see `{text}` -> {instead:?}: {other:?}")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_is_seen_by_the_case_that_should() {
    assert!(FAULTS.len() >= 25);
    let missed: Vec<String> = futures_util::stream::iter(0..FAULTS.len())
        .map(seen)
        .buffer_unordered(6)
        .filter_map(async |seen| seen.err())
        .collect()
        .await;
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}
