//! What a server's configuration says is what the model said that it was rendered from: rendering for a target and
//! reading it back gives a site that does the same with every request, in the same order, whatever its parts are called.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use wsgen_emit::{Loss, LossPolicy, NoFiles, Options, Selection, TARGETS};
use wsgen_model::diagnostic::Diagnostics;
use wsgen_model::routing::{Outcome, Request, Version};
use wsgen_model::site::{Action, ListenerId, Meaning, PathRule, Site};
use wsgen_model::source::{Source, Sources};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What does not come back, with the reason. A `*` stands for any target or fixture; each line must be needed.
const APART: &[(&str, &str, &str, &str)] = &[
    ("*", "connections-kept-alive", "upstream.tcp_keepalive", "the time is the system's"),
    ("nginx", "bodies-compressed", "compression.types", "nginx compresses text/html too"),
    ("nginx", "pages-for-errors", "error_pages", "the page lies among the rendered files"),
    ("nginx", "servers-are-asked", "upstream.health_check", "nginx asks no server: lost"),
    ("apache", "servers-are-asked", "upstream.health_check.timeout", "Apache has no such timer"),
    ("apache", "the-first-regex", "", "`^/data/` is read as the prefix that somebody means"),
    ("haproxy", "names-and-passwords", "auth.basic.users_file", "users stand in the configuration"),
    ("*", "snippets-in-their-places", "snippets", "what they say is read as what it is"),
    ("*", "snippets-in-their-places", "request_headers", "what they say is read as what it is"),
];

fn site(text: &str) -> Site {
    let (site, findings) = wsgen_model::read(&Sources::single("site.yaml", text));
    site.unwrap_or_else(|| panic!("{findings:?}\n{text}"))
}

/// A configuration, and what came of reading it.
struct Back {
    configuration: String,
    model: String,
    site: Site,
    /// Fields that the target says it loses or keeps in part.
    declared: Vec<String>,
}

/// Rendered and read back; nothing where the target refuses it.
fn there_and_back(site: &Site, target: &str) -> Option<Back> {
    let selection = Selection::parse(target).unwrap();
    let handed = wsgen_emit::needs(site, &selection).into_iter();
    let handed = handed.map(|need| (need.path, b"me:$6$a$b\n".to_vec())).collect();
    let policy = LossPolicy { loss: Loss::Allow, ..LossPolicy::default() };
    let options = Options { handed, policy, ..Options::default() };
    let mut findings = Diagnostics::default();
    let rendered = wsgen_emit::render(site, &selection, &options, &mut findings).ok()??;
    // `load_balancing.policy: ip_hash`, `timeouts.response_header of a handshake`
    let field = |message: &str| {
        let name = message.split('`').nth(1)?;
        Some(name.split([':', ' ']).next().unwrap_or(name).to_owned())
    };
    let declared = findings.iter().filter_map(|finding| field(&finding.message)).collect();
    let mut sources = Sources::default();
    let id = sources.add(Source::new("rendered.conf", &*rendered.main));
    let imported = (selection.target.import)(&mut sources, &[id], &mut NoFiles);
    let model = imported.model.concat();
    let site = self::site(&model);
    Some(Back { configuration: rendered.main, model, site, declared })
}

/// A request that is asked of both sites.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Asked {
    host: String,
    target: String,
    method: String,
    fields: Vec<(String, String)>,
    websocket: bool,
}

/// Requests by which the routes of both sites can be told apart.
fn requests(sites: [&Site; 2]) -> Vec<Asked> {
    let mut hosts = BTreeSet::from(["other.invalid".to_owned()]);
    let mut paths = BTreeSet::from(["/", "/x", "/elsewhere/x"].map(str::to_owned));
    let mut methods = BTreeSet::from(["GET".to_owned()]);
    let mut fields = BTreeSet::from([Vec::new()]);
    let mut queries = BTreeSet::from([String::new()]);
    for route in sites.iter().flat_map(|site| &site.routes) {
        hosts.extend(route.hostnames.iter().map(|name| name.value.to_string().replace('*', "a.b")));
        for entry in &route.entries {
            match &entry.path {
                PathRule::Exact(path) | PathRule::Prefix(path) => {
                    let path = path.to_string();
                    let path = path.trim_end_matches('/');
                    paths.extend(
                        ["", "/", "/more", "more"]
                            .map(|end| format!("/{path}{end}").replacen("//", "/", 1)),
                    );
                }
                PathRule::Regex(_) => {
                    let some = ["/a/17", "/v1/users", "/v1/x", "/b/x", "/u/7", "/v2/x/y"];
                    paths.extend(some.map(str::to_owned));
                }
            }
            methods.extend(entry.methods.iter().map(|method| method.as_str().to_owned()));
            let text = |value: &wsgen_model::config::ValueMatch| match value {
                wsgen_model::config::ValueMatch::Present => "any".to_owned(),
                wsgen_model::config::ValueMatch::Equals(text) => text.as_str().to_owned(),
            };
            for (name, value) in &entry.headers {
                fields.insert(vec![(name.to_string(), text(value))]);
            }
            for (name, value) in &entry.query {
                queries.insert(format!("?{}={}", name.as_str(), text(value)));
            }
        }
    }
    let mut all = Vec::new();
    for host in &hosts {
        for path in &paths {
            for query in &queries {
                for method in &methods {
                    for fields in &fields {
                        for websocket in [false, true] {
                            all.push(Asked {
                                host: host.clone(),
                                target: format!("{path}{query}"),
                                method: method.clone(),
                                fields: fields.clone(),
                                websocket,
                            });
                        }
                    }
                }
            }
        }
    }
    all
}

/// What a site does with a request that comes to a listener: fields and values, without the names of things. What does
/// not matter to such a request is left out.
fn done(
    site: &Site,
    meaning: &Meaning,
    listener: usize,
    asked: &Asked,
) -> BTreeMap<String, String> {
    let mut headers: Vec<_> = asked.fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    if asked.websocket {
        headers.extend([("Upgrade", "websocket"), ("Connection", "upgrade")]);
    }
    let outcome = site.route(&Request {
        listener: ListenerId(listener),
        version: Version::Http11,
        host: Some(&asked.host),
        method: &asked.method,
        target: &asked.target,
        headers: &headers,
        upgrade: None,
    });
    let mut lines = BTreeMap::new();
    let Outcome::Route { route, .. } = outcome else {
        // What nothing matches is answered so.
        if outcome == Outcome::NotFound {
            lines.insert("respond.status".into(), "404".into());
        }
        return lines;
    };
    let under = |head: String| {
        meaning.iter().filter_map(move |(name, value)| Some((name.strip_prefix(&head)?, value)))
    };
    let of_requests = ["buffering", "compression", "limits.max_body", "timeouts.response_header"];
    let of_tunnels = ["websocket.", "timeouts.tunnel", "limits.per_ip.connects"];
    let title = format!("routes.{}.", site.route_title(route));
    // A handshake that is denied goes on as a plain request.
    let denied = meaning.get(&format!("{title}websocket.mode")).is_some_and(|mode| mode == "deny");
    for (name, value) in under(title) {
        let beside = if asked.websocket && !denied { &of_requests[..] } else { &of_tunnels[..] };
        let named = ["listeners", "hostnames", "match", "priority", "upstream"].contains(&name);
        let absent = asked.websocket && name == "websocket.mode" && value != "deny";
        if !named && !absent && !beside.iter().any(|head| name.starts_with(head)) {
            lines.insert(name.to_owned(), value.to_lowercase());
        }
    }
    if !asked.websocket
        && meaning
            .get(&format!("routes.{}.websocket.mode", site.route_title(route)))
            .is_some_and(|mode| mode == "require")
    {
        lines.clear();
        lines.insert("respond.status".into(), "426".into());
        return lines;
    }
    match &site.routes[route.0].action {
        Action::Forward(forward) => {
            let upstream = &site.upstream(forward.upstream).name.value;
            for (name, value) in under(format!("upstreams.{upstream}.")) {
                lines.insert(format!("upstream.{name}"), value.clone());
            }
            // A route without a limit has that of its listener.
            let most =
                format!("listeners.{}.limits.max_body_bytes", site.listeners[listener].name.value);
            if let (Some(most), false) = (meaning.get(&most), asked.websocket) {
                lines.entry("limits.max_body_bytes".into()).or_insert_with(|| most.to_lowercase());
            }
        }
        Action::Redirect(_) => {
            let own = if site.listeners[listener].tls.is_some() { "https" } else { "http" };
            let named = lines.contains_key("redirect.hostname");
            if named {
                lines.entry("redirect.scheme".into()).or_insert_with(|| own.to_owned());
            }
        }
        Action::Respond(_) => {
            // A body is a text unless somebody says otherwise.
            if lines.get("respond.headers.Content-Type").is_some_and(|kind| kind == "text/plain") {
                lines.remove("respond.headers.Content-Type");
            }
        }
    }
    lines
}

/// A listener's own fields.
fn listener(site: &Site, meaning: &Meaning, number: usize) -> BTreeMap<String, String> {
    let head = format!("listeners.{}.", site.listeners[number].name.value);
    let own = meaning.iter().filter_map(|(name, value)| Some((name.strip_prefix(&head)?, value)));
    own.filter(|(name, _)| *name != "limits.max_body_bytes")
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .collect()
}

/// What differs, by field: both values, and the request that shows it.
fn differences(before: &Site, after: &Site) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let addresses = |site: &Site| -> Vec<String> {
        site.listeners.iter().map(|listener| listener.address.value.to_string()).collect()
    };
    if addresses(before) != addresses(after) {
        all.insert("listeners".into(), format!("{:?}, {:?}", addresses(before), addresses(after)));
        return all;
    }
    let (first, second) = (before.meaning(), after.meaning());
    let mut compare =
        |a: &BTreeMap<String, String>, b: &BTreeMap<String, String>, head: &str, shows: &str| {
            for name in a.keys().chain(b.keys()).filter(|name| a.get(*name) != b.get(*name)) {
                all.entry(format!("{head}{name}")).or_insert_with(|| {
                    format!("{:?} became {:?} ({shows})", a.get(name), b.get(name))
                });
            }
        };
    let asked = requests([before, after]);
    for number in 0..before.listeners.len() {
        let (a, b) = (listener(before, &first, number), listener(after, &second, number));
        compare(&a, &b, "listener.", "");
        for asked in &asked {
            let a = done(before, &first, number, asked);
            let b = done(after, &second, number, asked);
            if a != b {
                compare(&a, &b, "", &format!("{asked:?}"));
            }
        }
    }
    all
}

/// A model of a few routes, by numbers that somebody draws.
fn drawn(seed: &[u16]) -> String {
    let mut numbers = seed.iter().copied().cycle();
    let mut draw = |most: u16| numbers.next().unwrap_or(0) % most;
    let pick = |number: u16, all: &[&str]| all[usize::from(number) % all.len()].to_owned();
    let mut text = String::from("version: 1\nlisteners:\n");
    let listeners = 1 + draw(2);
    for number in 0..listeners {
        text.push_str(&format!("  - {{name: l{number}, address: \"0.0.0.0:808{number}\"}}\n"));
    }
    text.push_str("upstreams:\n");
    for number in 0..2 {
        let connect = 1 + draw(9);
        let policy = pick(draw(3), &["round_robin", "least_conn", "ip_hash"]);
        text.push_str(&format!(
            "  u{number}: {{servers: [\"10.0.0.{number}:3000\", \"10.0.1.{number}:3000\"], \
             load_balancing: {{policy: {policy}}}, timeouts: {{connect: {connect}s}}}}\n"
        ));
    }
    text.push_str("routes:\n");
    let mut seen = BTreeSet::new();
    for _ in 0..1 + draw(5) {
        let mut parts = Vec::new();
        let host = pick(draw(4), &["", "a.test", "\"*.test\"", "b.test"]);
        let path = pick(
            draw(8),
            &[
                "",
                "prefix: /",
                "prefix: /api",
                "prefix: /api/v1",
                "exact: /api",
                "exact: /x/y",
                "regex: \"^/u/[0-9]+$\"",
                "prefix: /ws",
            ],
        );
        let methods = pick(draw(5), &["", "", "", "[POST]", "[GET, PUT]"]);
        let header = pick(draw(6), &["", "", "", "", "{x-a: \"1\"}", "{x-b: null}"]);
        let query = pick(draw(6), &["", "", "", "", "{q: \"a.b\"}", "{beta: null}"]);
        let upgrade = draw(5) == 0 && methods.is_empty();
        if !seen.insert(
            format!("{host} {path} {methods} {header} {query} {upgrade}").replace("prefix: / ", ""),
        ) {
            continue;
        }
        if !host.is_empty() {
            parts.push(format!("hostnames: [{host}]"));
        }
        let mut entry = Vec::new();
        if !path.is_empty() {
            entry.push(format!("path: {{{path}}}"));
        }
        for (name, value) in [("methods", &methods), ("headers", &header), ("query", &query)] {
            if !value.is_empty() {
                entry.push(format!("{name}: {value}"));
            }
        }
        if upgrade {
            entry.push("upgrade: websocket".into());
        }
        if !entry.is_empty() {
            parts.push(format!("match: [{{{}}}]", entry.join(", ")));
        }
        let prefix = path.strip_prefix("prefix: ").filter(|path| path.len() > 1);
        match draw(8) {
            0 if !upgrade => parts.push(pick(
                draw(3),
                &[
                    "respond: {status: 403}",
                    "respond: {status: 200, body: fine}",
                    "respond: {status: 410, headers: {X-A: b}}",
                ],
            )),
            1 if !upgrade => parts.push(pick(
                draw(3),
                &[
                    "redirect: {scheme: https, status: 308}",
                    "redirect: {hostname: new.test, path: /start}",
                    "redirect: {path: /elsewhere, status: 301}",
                ],
            )),
            _ => {
                parts.push(format!("upstream: u{}", draw(2)));
                parts.push(format!(
                    "timeouts: {{response_header: {}s, tunnel_idle: {}m}}",
                    1 + draw(90),
                    2 + draw(60)
                ));
                parts.push(pick(
                    draw(4),
                    &["host: preserve", "host: preserve", "host: inner.test", "host: upstream"],
                ));
                let style = pick(draw(3), &["x_forwarded", "x_forwarded", "forwarded"]);
                parts.push(
                    pick(
                        draw(4),
                        &["forwarded: {mode: \"off\"}", "forwarded: {headers: [for, real_ip]}"],
                    )
                    .replace("real_ip", if style == "forwarded" { "proto" } else { "real_ip" }),
                );
                match (draw(4), prefix) {
                    (0, Some(prefix)) => parts.push(format!("rewrite: {{strip_prefix: {prefix}}}")),
                    (1, Some(prefix)) => parts.push(format!(
                        "rewrite: {{replace_prefix: {{from: {prefix}, to: /moved}}}}"
                    )),
                    _ => {}
                }
                let mode = if upgrade { 0 } else { draw(4) };
                let sockets = pick(
                    draw(4),
                    &[
                        "",
                        "origins: [same_origin, \"https://a.test\"]",
                        "subprotocols: [chat]",
                        "compression: strip",
                    ],
                );
                let mode = pick(mode, &["allow", "allow", "deny", "require"]);
                let more = if mode == "deny" || sockets.is_empty() {
                    String::new()
                } else {
                    format!(", {sockets}")
                };
                parts.push(format!("websocket: {{mode: {mode}{more}}}"));
                parts.push(pick(
                    draw(4),
                    &[
                        "request_headers: {set: {X-E: \"1\"}}",
                        "response_headers: {set: {X-F: b}, remove: [X-G]}",
                        "retries: {attempts: 2}",
                        "retries: {attempts: 1}",
                    ],
                ));
                if draw(4) == 0 {
                    parts.push(format!("limits: {{max_body_bytes: {}KiB}}", 1 + draw(64)));
                }
            }
        }
        text.push_str(&format!("  - {{{}}}\n", parts.join(", ")));
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn drawn_sites_come_back(seed in proptest::collection::vec(any::<u16>(), 120)) {
        let text = drawn(&seed);
        let (before, findings) = wsgen_model::read(&Sources::single("site.yaml", &*text));
        // Some combinations are none.
        prop_assume!(before.is_some(), "{:?}", findings);
        let before = before.unwrap();
        for target in TARGETS {
            let Some(back) = there_and_back(&before, target.name) else { continue };
            let mut differences = differences(&before, &back.site);
            differences.retain(|field, _| !back.declared.iter().any(|lost| field.contains(lost.as_str())));
            prop_assert!(
                differences.is_empty(),
                "{}: {:#?} but {:?}\n{}\n{}\n{}",
                target.name, differences, back.declared, text, back.model, back.configuration
            );
        }
    }
}

/// More of them by `PROPTEST_CASES`.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(48)
}

#[test]
fn every_fixture_comes_back() {
    let only = std::env::var("ONLY").unwrap_or_default();
    let folder = Path::new(ROOT).join("tests/fixtures/render");
    let mut folders: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    folders.sort();
    let mut needed = vec![false; APART.len()];
    let (mut failed, mut count) = (String::new(), 0);
    for target in TARGETS {
        for folder in &folders {
            let name = folder.file_name().unwrap().to_string_lossy().into_owned();
            if !format!("{}/{name}", target.name).contains(&only) {
                continue;
            }
            let before = site(&fs::read_to_string(folder.join("site.yaml")).unwrap());
            let Some(back) = there_and_back(&before, target.name) else { continue };
            count += 1;
            let mut differences = differences(&before, &back.site);
            for (number, (of, fixture, field, _)) in APART.iter().enumerate() {
                let fits = |wanted: &str, own: &str| wanted == "*" || wanted == own;
                let known = differences.len();
                if fits(of, target.name) && fits(fixture, &name) {
                    differences.retain(|own, _| !own.starts_with(field));
                }
                needed[number] |= differences.len() < known;
            }
            if let Some((_, shown)) = differences.first_key_value() {
                let fields: Vec<_> = differences.keys().map(String::as_str).collect();
                let line = format!("{} {name}: {}: {shown}\n", target.name, fields.join(" "));
                failed.push_str(&line);
            }
            if !differences.is_empty() && !only.is_empty() && std::env::var_os("SHOW").is_some() {
                failed.push_str(&format!("{}\n{}\n", back.configuration, back.model));
            }
        }
    }
    assert!(failed.is_empty(), "{failed}");
    assert!(count > 120 || !only.is_empty(), "{count} came back");
    let stale: Vec<_> = APART.iter().zip(needed).filter(|(_, needed)| !needed).collect();
    assert!(stale.is_empty() || !only.is_empty(), "nobody needs {stale:?}");
}
