//! Reading and checking grow with the number of routes; choosing a route does not.

use std::fmt::Write;

use divan::{Bencher, black_box};
use wsgen_model::routing::{Outcome, Request, Version};
use wsgen_model::site::ListenerId;
use wsgen_model::source::Sources;

fn main() {
    divan::main();
}

const SIZES: [usize; 4] = [10, 100, 1_000, 10_000];

/// A model of that many routes: hosts, exact paths, prefixes, a few regexes and conditions.
fn model(routes: usize) -> String {
    let mut text = String::from(
        "version: 1\nlisteners:\n  - {name: web, address: \"127.0.0.1:8080\"}\nupstreams:\n",
    );
    for n in 0..routes.div_ceil(10) {
        let _ = writeln!(
            text,
            "  app{n}: {{servers: [\"10.0.0.1:3000\", \"10.0.0.2:3000\"], tcp_keepalive: 60s}}"
        );
    }
    text.push_str("routes:\n");
    for n in 0..routes {
        let path = match n % 10 {
            0 => format!("{{exact: /exact/{n}}}"),
            1 => format!("{{regex: \"^/v{n}/[a-z]+$\"}}"),
            _ => format!("{{prefix: /tenant/{n}/ws}}"),
        };
        let _ = writeln!(
            text,
            "  - name: route-{n}\n    hostnames: [h{}.example.com]\n    match:\n      - path: {path}\n    upstream: app{}\n    timeouts: {{tunnel_idle: 15m}}\n    websocket: {{origins: [same_origin]}}",
            n % 7,
            n / 10
        );
    }
    text
}

#[divan::bench(args = SIZES, sample_count = 20)]
fn read_and_check(bencher: Bencher<'_, '_>, routes: usize) {
    let sources = Sources::single("model.yaml", model(routes));
    bencher.bench(|| {
        let (site, findings) = wsgen_model::read(black_box(&sources));
        assert!(site.is_some() && findings.is_empty());
        site
    });
}

/// One host with every route, so that nothing is saved by the host alone.
#[divan::bench(args = SIZES)]
fn route(bencher: Bencher<'_, '_>, routes: usize) {
    let mut text = model(routes);
    for host in 0..7 {
        text = text
            .replace(&format!("hostnames: [h{host}.example.com]"), "hostnames: [h.example.com]");
    }
    let (site, findings) = wsgen_model::read(&Sources::single("model.yaml", text));
    let Some(site) = site else { panic!("{findings:?}") };
    let target = format!("/tenant/{}/ws/room?x=1", routes - 1);
    let headers = [("Host", "h.example.com"), ("Upgrade", "websocket"), ("Connection", "Upgrade")];
    let request = Request {
        listener: ListenerId(0),
        version: Version::Http11,
        host: Some("h.example.com:8080"),
        method: "GET",
        target: &target,
        headers: &headers,
        upgrade: None,
    };
    assert!(matches!(site.route(&request), Outcome::Route { websocket: true, .. }));
    bencher.bench(|| site.route(black_box(&request)));
}
