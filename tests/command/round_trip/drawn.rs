//! Models at random.

use std::collections::BTreeSet;

/// A model of a few routes, by numbers that somebody draws.
pub(crate) fn drawn(seed: &[u16]) -> String {
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
    let mut known = BTreeSet::new();
    for _ in 0..=draw(5) {
        let mut parts = Vec::new();
        let host = pick(draw(4), &["", "a.test", "\"*.test\"", "b.test"]);
        let path = pick(
            draw(10),
            &[
                "",
                "starts_with: /api",
                "starts_with: /ws-",
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
        if !known.insert(
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
                let others = if mode == "deny" || sockets.is_empty() {
                    String::new()
                } else {
                    format!(", {sockets}")
                };
                parts.push(format!("websocket: {{mode: {mode}{others}}}"));
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
