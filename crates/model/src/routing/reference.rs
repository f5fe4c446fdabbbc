//! The rules of route choice again, as slowly and plainly as they are written in `docs/semantics.md`. The
//! compiled matcher must agree with it on every request.

use std::cmp::Reverse;

use proptest::prelude::*;

use crate::read;
use crate::routing::conditions::{hold, tie_rank};
use crate::routing::{NormalPath, Outcome, Request, Version};
use crate::scalar::Hostname;
use crate::site::{ListenerId, PathRule, Route, RouteId, Site};
use crate::source::Sources;

/// How specifically a route names a host: exact, then the longest wildcard; `None` where it does not.
fn specificity(name: &Hostname, host: &str) -> Option<(bool, usize)> {
    name.matches(host).then_some((!name.is_wildcard(), name.name().len()))
}

fn path_rank(rule: &PathRule, path: &str, order: usize) -> Option<(u8, usize)> {
    match rule {
        PathRule::Exact(exact) => (exact.as_str() == path).then_some((0, 0)),
        PathRule::Regex(pattern) => {
            let regex =
                regex::bytes::RegexBuilder::new(pattern.as_str()).unicode(false).build().ok()?;
            regex.is_match(path.as_bytes()).then_some((1, order))
        }
        PathRule::Prefix(prefix) => {
            prefix.covers(path).then(|| (2, 2 * (usize::MAX / 2 - prefix.prefix().len())))
        }
        PathRule::StartsWith(start) => path
            .starts_with(start.as_str())
            .then(|| (2, 2 * (usize::MAX / 2 - start.as_str().len()) + 1)),
    }
}

fn slow(site: &Site, request: &Request<'_>) -> Outcome {
    let (authority, target) = request.host_and_path();
    let path = match NormalPath::parse(target) {
        Ok(path) => path,
        Err(problem) => return Outcome::BadRequest(problem),
    };
    let host = Hostname::canonical_host(authority.unwrap_or_default());
    let websocket = request.is_websocket();
    let here: Vec<(usize, &Route)> = site
        .routes
        .iter()
        .enumerate()
        .filter(|(_, route)| route.listeners.contains(&request.listener))
        .collect();
    let claim = here
        .iter()
        .flat_map(|(_, route)| &route.hostnames)
        .filter_map(|n| specificity(n, &host))
        .max();
    let claimed = |route: &Route| match claim {
        Some(claim) => route.hostnames.iter().any(|name| specificity(name, &host) == Some(claim)),
        None => route.hostnames.is_empty(),
    };
    let mut best: Option<(_, RouteId)> = None;
    let mut order = 0;
    for (number, route) in here.into_iter().filter(|(_, route)| claimed(route)) {
        for entry in &route.entries {
            order += 1;
            let Some(rank) = path_rank(&entry.path, path.path(), order) else {
                continue;
            };
            if !hold(entry, request, &path, websocket) {
                continue;
            }
            let key = (Reverse(*route.priority), rank, tie_rank(entry), order);
            if best.as_ref().is_none_or(|(other, _)| key < *other) {
                best = Some((key, RouteId(number)));
            }
        }
    }
    match best {
        Some((_, route)) => Outcome::Route { route, websocket },
        None => Outcome::NotFound,
    }
}

/// A model with many routes over few hosts, paths and conditions, so that they meet often.
fn model() -> impl Strategy<Value = String> {
    let host = prop_oneof![
        3 => Just(""),
        1 => Just("hostnames: [a.test], "),
        1 => Just("hostnames: [\"*.a.test\"], "),
        1 => Just("hostnames: [\"*.test\", b.a.test], "),
    ];
    let path = prop_oneof![
        Just("prefix: /"),
        Just("prefix: /ws"),
        Just("prefix: /ws/"),
        Just("prefix: /ws/a"),
        Just("exact: /ws"),
        Just("exact: /ws/"),
        Just("exact: /"),
        Just("starts_with: /"),
        Just("starts_with: /w"),
        Just("starts_with: /ws"),
        Just("starts_with: /ws/"),
        Just("starts_with: /wsx"),
        Just("starts_with: /ws/a/"),
        Just("regex: \"^/ws\""),
        Just("regex: \"a$\""),
        Just("regex: \"[0-9]\""),
    ];
    let condition = prop_oneof![
        4 => Just(""),
        1 => Just(", methods: [GET]"),
        1 => Just(", headers: {x-a: \"1\"}"),
        1 => Just(", headers: {x-a: null, x-b: null}"),
        1 => Just(", query: {q: \"1\"}"),
        1 => Just(", upgrade: websocket"),
    ];
    let listener = prop_oneof![3 => Just(""), 1 => Just("listeners: [two], ")];
    let priority = prop_oneof![4 => Just(0), 1 => Just(5), 1 => Just(-5)];
    let route = (host, path, condition, listener, priority);
    proptest::collection::vec(route, 1..30).prop_map(|routes| {
        let mut text = String::from(
            "version: 1\nlisteners:\n  - {name: one, address: \"127.0.0.1:1\"}\n  - {name: two, address: \"127.0.0.1:2\"}\n\
             upstreams: {app: {servers: [\"127.0.0.1:3\"]}}\nroutes:\n",
        );
        let mut seen = std::collections::HashSet::new();
        for (host, path, condition, listener, priority) in routes {
            // Equal entries are errors; different listeners or hosts may still make them meet.
            let same = match path {
                "starts_with: /" => "prefix: ",
                path if path.starts_with("prefix") => path.trim_end_matches('/'),
                path => path,
            };
            if seen.insert((host, same, condition, priority)) {
                text.push_str(&format!(
                    "  - {{{host}{listener}priority: {priority}, match: [{{path: {{{path}}}{condition}}}], upstream: app}}\n"
                ));
            }
        }
        text
    })
}

const HOSTS: [Option<&str>; 8] = [
    None,
    Some("a.test"),
    Some("A.TEST:80"),
    Some("b.a.test"),
    Some("c.b.a.test."),
    Some("x.test"),
    Some("test"),
    Some(".a.test"),
];
const TARGETS: [&str; 18] = [
    "/",
    "/ws",
    "/ws/",
    "/ws/a",
    "/ws/a/b?q=1",
    "/wsx",
    "/wsxy/a",
    "/ws/abc",
    "/ws/a/",
    "/w",
    "/%77s",
    "//ws",
    "/x/../ws",
    "/1?q=1",
    "/WS",
    "/%zz",
    "http://a.test/ws",
    "/ba",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn the_matcher_agrees_with_the_rules(
        text in model(),
        requests in proptest::collection::vec((0..HOSTS.len(), 0..TARGETS.len(), 0usize..2, 0u8..8), 40),
    ) {
        let (site, _) = read(&Sources::single("model.yaml", text.as_str()));
        prop_assume!(site.is_some());
        let Some(site) = site else { return Ok(()) };
        for (host, target, listener, bits) in requests {
            let mut headers = Vec::new();
            if bits & 1 != 0 {
                headers.push(("X-A", "1"));
            }
            if bits & 2 != 0 {
                headers.push(("x-b", ""));
            }
            if bits & 4 != 0 {
                headers.extend([("Upgrade", "websocket"), ("Connection", "Upgrade")]);
            }
            let request = Request {
                listener: ListenerId(listener),
                version: Version::Http11,
                host: HOSTS[host],
                method: if bits & 1 == 0 { "GET" } else { "POST" },
                target: TARGETS[target],
                headers: &headers,
                upgrade: None,
            };
            prop_assert_eq!(site.route(&request), slow(&site, &request), "{:?}\n{}", request, text);
        }
    }
}

#[test]
fn many_regexes_keep_file_order() {
    let mut text = String::from(
        "version: 1\nlisteners: [{name: one, address: \"127.0.0.1:1\"}]\nupstreams: {app: {servers: [\"127.0.0.1:3\"]}}\nroutes:\n",
    );
    for number in 0..40 {
        text.push_str(&format!(
            "  - {{match: [{{path: {{regex: \"^/r{number}|/all$\"}}}}], upstream: app}}\n"
        ));
    }
    let (site, findings) = read(&Sources::single("model.yaml", text));
    let Some(site) = site else { panic!("{findings:?}") };
    for (target, route) in [("/r7", 7), ("/r39", 3), ("/x/all", 0), ("/r12/all", 0)] {
        let request = Request {
            listener: ListenerId(0),
            version: Version::Http11,
            host: None,
            method: "GET",
            target,
            headers: &[],
            upgrade: None,
        };
        assert_eq!(
            site.route(&request),
            Outcome::Route { route: RouteId(route), websocket: false }
        );
        assert_eq!(site.route(&request), slow(&site, &request));
    }
}
